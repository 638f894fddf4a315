//! GitHub Actions: an annotation for each gate that did not pass.

use crate::gate::{Check, Verdict};

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
