//! GitHub Actions: an annotation for each gate that did not pass.

use super::memo::escaped;
use crate::gate::{Check, Verdict};
use std::fmt::Write as _;

/// A verdict and its gates in Markdown, for what has no memo: a load, a probe.
#[must_use]
pub fn summary_of(what: &str, verdict: Verdict, recommendation: &str, checks: &[Check]) -> String {
    let (what, recommendation) = (escaped(what), escaped(recommendation));
    let verdict = verdict.word().to_uppercase();
    let mut out =
        format!("# {what}: {verdict}\n\n{recommendation}\n\n| | Gate | Target | Seen |\n|---|---|---|---|\n");
    for check in checks {
        let [title, target, text] = [&check.title, &check.target, &check.text].map(|text| escaped(text));
        let _ = writeln!(out, "| {} | {title} | {target} | {text} |", check.verdict.word());
    }
    out
}

/// Workflow commands, one a line, for gates that failed or stayed unproven.
#[must_use]
pub fn annotations(checks: &[Check]) -> Vec<String> {
    let level = |check: &Check| match check.verdict {
        Verdict::Fail => Some("error"),
        Verdict::Unproven => Some("warning"),
        Verdict::Pass | Verdict::NotExercised => None,
    };
    let line = |check: &Check| Some(annotation(level(check)?, &check.title, &check.text));
    checks.iter().filter_map(line).collect()
}

/// One workflow command; `level` is `error`, `warning` or `notice`.
#[must_use]
pub fn annotation(level: &str, title: &str, text: &str) -> String {
    format!("::{level} title=smoke: {}::{}", property(title), data(text))
}

/// Escaped as the runner's own toolkit escapes data.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_cannot_begin_a_command_of_its_own() {
        let line = annotation("error", "a: b, c", "100 %\n::set-env name=X::y");
        assert_eq!(line, "::error title=smoke: a%3A b%2C c::100 %25%0A::set-env name=X::y");
        assert_eq!(line.lines().count(), 1);
    }
}
