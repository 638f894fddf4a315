//! The verdict for a terminal: a table of gates and the verdict in words.

use super::artifact::Artifact;
use super::figure::actual;
use crate::analysis::Cases;
use crate::gate::{Check, Verdict};
use pii::shown;
use std::fmt::Write as _;

/// How the table is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// With ANSI colours.
    Ansi,
    /// Plain text.
    None,
}

/// Cases that are shown behind a gate; the artifact has more.
const SHOWN: usize = 5;

/// A summary of a screen or two.
#[must_use]
pub fn summary(artifact: &Artifact, colour: Colour) -> String {
    let mut out = String::new();
    let run = &artifact.test_run;
    let subject =
        [(run.total_payments, "payments"), (run.total_matches, "matches"), (run.total_flows, "flows")];
    let (n, things) = subject.iter().find_map(|(n, things)| Some(((*n)?, *things))).unwrap_or((0, "flows"));
    let one = |things: &'static str| if things == "matches" { "match" } else { things.trim_end_matches('s') };
    let things = if n == 1 { one(things) } else { things };
    let (name, environment, seconds) =
        (shown(&artifact.provenance.scenario), shown(&run.environment), run.duration_seconds);
    let (sent, accepted) = (run.webhooks_sent, run.webhooks_success);
    let _ = match run.events_triggered {
        Some(due) => writeln!(
            out,
            "{name}: {n} {things} against {environment} in {seconds:.2} s; {due} webhooks due, {sent} arrived, \
             {accepted} accepted"
        ),
        None => writeln!(
            out,
            "{name}: {environment} for {seconds:.2} s; {sent} webhooks arrived, {accepted} accepted"
        ),
    };
    let _ = writeln!(out, "\n{}", gates(&artifact.acceptance_gates.checks, Some(&artifact.cases), colour));
    for warning in warnings(artifact) {
        let _ = writeln!(out, "warning: {warning}");
    }
    let _ = writeln!(out, "{}", verdict_line(artifact, colour));
    out
}

/// What no gate judges, and people should know all the same.
fn warnings(artifact: &Artifact) -> Vec<String> {
    let api = &artifact.api_pii;
    let first = api.findings.first().map(|l| {
        format!(", first {} at {} of {}", l.finding.category.name(), shown(&l.finding.place), l.source)
    });
    let gated = artifact.acceptance_gates.checks.iter().any(|c| c.id == "api_pii");
    let personal = (api.findings_total > 0 && !gated).then(|| {
        format!(
            "{} findings of personal data in {} API answers{}",
            api.findings_total,
            api.payloads_inspected,
            first.unwrap_or_default()
        )
    });
    let foreign = artifact.outcomes.foreign;
    let others = (foreign > 0).then(|| {
        let personal = match artifact.outcomes.foreign_pii {
            0 => String::new(),
            n => format!("; {n} findings of personal data in them"),
        };
        format!("{foreign} webhooks of others arrived and were not judged{personal}")
    });
    let strangers = artifact.outcomes.unauthenticated.finding.as_ref();
    let strangers =
        strangers.map(|found| format!("{found}: somebody else's, and no evidence about the sender"));
    let refused: u64 = artifact.outcomes.refused_requests.values().sum();
    let refused = (refused > 0).then(|| {
        let first = shown(artifact.outcomes.first_refused.as_deref().unwrap_or_default());
        format!("{refused} requests could not be webhooks and were refused, first {first}")
    });
    let swallowed = artifact.outcomes.organic.suppressed_by_breaker;
    let swallowed = (swallowed > 0).then(|| {
        format!("{swallowed} webhooks never came while the sender's circuit breaker was open; they do not count as lost")
    });
    let torn = (!artifact.provenance.journal_complete)
        .then(|| "it was interrupted or cut off: this is what was seen until then".to_owned());
    [personal, others, strangers, refused, swallowed, torn].into_iter().flatten().collect()
}

/// The gates as a table; after one that did not pass what was seen, and the first cases that stand behind it.
pub(super) fn gates(checks: &[Check], cases: Option<&Cases>, colour: Colour) -> String {
    let width = checks.iter().map(|check| check.title.chars().count()).max().unwrap_or(0).max(33);
    let mut out = format!("{:<13} {:<width$} {:>18} {:>9} {:>5}\n", "", "gate", "target", "actual", "n");
    for check in checks {
        let _ = writeln!(out, "{}", row(check, width, colour));
        let listed = cases.filter(|_| check.verdict != Verdict::Pass).and_then(|c| c.of_check(&check.id));
        for sentence in listed.map(|listed| listed.sentences(SHOWN)).unwrap_or_default() {
            let _ = writeln!(out, "{:13}   {sentence}", "");
        }
    }
    out
}

fn row(check: &Check, width: usize, colour: Colour) -> String {
    let mark = paint(&format!("{:<13}", check.verdict.word()), check.verdict, colour);
    let mut row =
        format!("{mark} {:<width$} {:>18} {:>9} {:>5}", check.title, target(check), actual(check), check.n);
    if matches!(check.verdict, Verdict::Fail | Verdict::Unproven) {
        let _ = write!(row, "  {}", cut(&shown(&check.text), 120));
    }
    row.trim_end().to_owned()
}

fn target(check: &Check) -> &str {
    if check.target.len() <= 18 { &check.target } else { "" }
}

fn verdict_line(artifact: &Artifact, colour: Colour) -> String {
    let verdict = artifact.acceptance_gates.verdict;
    format!("{} {}", paint(&verdict.word().to_uppercase(), verdict, colour), artifact.recommendation)
}

/// `text` in the colour of a verdict.
#[must_use]
pub fn paint(text: &str, verdict: Verdict, colour: Colour) -> String {
    let code = match (colour, verdict) {
        (Colour::None, _) => return text.to_owned(),
        (Colour::Ansi, Verdict::Pass) => "32",
        (Colour::Ansi, Verdict::Fail) => "31;1",
        (Colour::Ansi, Verdict::Unproven) => "33",
        (Colour::Ansi, Verdict::NotExercised) => "2",
    };
    format!("\u{1b}[{code}m{text}\u{1b}[0m")
}

/// At most `max` characters.
fn cut(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        text.to_owned()
    } else {
        text.chars().take(max - 1).chain(['…']).collect()
    }
}
