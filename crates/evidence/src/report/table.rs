//! The verdict for a terminal: the answer, what did not pass with its cases, and the table of gates.

use super::artifact::Artifact;
use super::asked::{STAND_IN, asked, is_no_evidence};
use super::bars::{histogram, percentiles};
use super::columns::{Row, table};
use super::evidence::Evidence;
use super::screen::Screen;
use crate::analysis::{Cases, tallies};
use crate::figure::{actual, at_place, counted};
use crate::gate::{Check, Verdict};
use pii::shown;
use record::RunKind;
use record::latency::Latency;
use std::fmt::Write as _;

/// Rows that a prompt and the names of the files take below a summary.
const BELOW: usize = 5;

/// A screen of so many columns has room for long targets; how many characters they may have there, and elsewhere.
const WIDE: usize = 100;
const WIDE_TARGET: usize = 36;
const TARGET: usize = 18;

/// Cases that are shown behind a gate; the artifact has more.
const SHOWN: usize = 5;

/// The answer of a run or an observation, on one screen where it fits.
#[must_use]
pub fn summary(evidence: &Evidence, artifact: &Artifact, screen: Screen) -> String {
    let verdict = artifact.acceptance_gates.verdict;
    let mark = verdict.word().to_uppercase();
    let told = screen.wrapped(&format!("{mark} "), &artifact.recommendation);
    let mut out = told.replacen(&mark, &screen.paint(&mark, verdict), 1);
    let (name, done) = headline(artifact);
    out.push_str(&screen.wrapped(&format!("{name}: "), &done));
    for (label, what) in asked(artifact) {
        out.push_str(&screen.wrapped(&format!("{} ", label.to_lowercase()), &shown(&what)));
    }
    if is_no_evidence(artifact) {
        out.push_str(&screen.wrapped("", STAND_IN));
    }
    let checks = &artifact.acceptance_gates.checks;
    let failures = failures(checks, Some(&artifact.cases), screen);
    if !failures.is_empty() {
        let _ = write!(out, "\n{failures}");
    }
    let how = if artifact.provenance.kind == RunKind::Run { ", --inject exercises them" } else { "" };
    let warnings: String =
        warnings(artifact).iter().map(|warning| screen.wrapped("warning: ", warning)).collect();
    let _ = write!(out, "\n{}", gates(checks, how, screen, out.lines().count() + warnings.lines().count()));
    out.push_str(&warnings);
    latencies(&mut out, "delivery latency", &tallies(&evidence.analysis).0.latency, screen);
    out
}

/// Percentiles and the histogram, where the verdict does not scroll away for them.
pub(super) fn latencies(out: &mut String, name: &str, latency: &Latency, screen: Screen) {
    let fits = |out: &str, more: &str| {
        let rows = out.lines().count() + more.lines().count() + BELOW;
        screen.all || screen.rows.is_none_or(|most| rows <= most)
    };
    for more in [percentiles(name, latency, screen), histogram(latency, screen)] {
        if fits(out, &more) {
            out.push_str(&more);
        }
    }
}

/// The name of the scenario, and what was done, in a sentence.
fn headline(artifact: &Artifact) -> (String, String) {
    let run = &artifact.test_run;
    let of_guide = [(run.total_payments, "payments"), (run.total_matches, "matches")];
    let one = artifact.other_samples.keys().next().map(|key| key.trim_start_matches("sample_"));
    let others = run.other_totals.iter().map(|(key, n)| (Some(*n), key.trim_start_matches("total_")));
    let things = of_guide.into_iter().chain(others).find_map(|(n, things)| match (n?, one) {
        (1, Some(one)) => Some(format!("1 {one}")),
        (n, _) => Some(counted(n, things)),
    });
    let (name, environment) = (shown(&artifact.provenance.scenario), shown(&run.environment));
    let (seconds, sent, accepted) = (run.duration_seconds, run.webhooks_sent, run.webhooks_success);
    let done = match run.events_triggered {
        Some(due) => format!(
            "{} against {environment} in {seconds:.2} s; {} due, {sent} arrived{}, {accepted} accepted",
            things.unwrap_or_else(|| counted(0, "flows")),
            counted(due, "webhooks"),
            run.of_them_unexpected()
        ),
        None => {
            format!(
                "{environment} for {seconds:.2} s; {} arrived, {accepted} accepted",
                counted(sent, "webhooks")
            )
        }
    };
    (name, done)
}

/// What no gate judges, and people should know all the same.
pub(super) fn warnings(artifact: &Artifact) -> Vec<String> {
    let api = &artifact.api_pii;
    let first = api.findings.first().map(|l| {
        format!(", first {} {} of {}", l.finding.category.name(), at_place(&l.finding.place), l.source)
    });
    let gated = artifact.acceptance_gates.checks.iter().any(|c| c.id == "api_pii");
    let personal = (api.findings_total > 0 && !gated).then(|| {
        format!(
            "{} of personal data in {}{}",
            counted(api.findings_total, "findings"),
            counted(api.payloads_inspected, "API responses"),
            first.unwrap_or_default()
        )
    });
    let foreign = artifact.outcomes.foreign;
    let others = (foreign > 0).then(|| {
        let personal = match artifact.outcomes.foreign_pii {
            0 => String::new(),
            n => format!("; {} of personal data in them", counted(n, "findings")),
        };
        format!("{} from others arrived, not judged{personal}", counted(foreign, "webhooks"))
    });
    let strangers = artifact.outcomes.unauthenticated.told();
    let refused: u64 = artifact.outcomes.refused_requests.values().sum();
    let refused = (refused > 0).then(|| {
        let first = shown(artifact.outcomes.first_refused.as_deref().unwrap_or_default());
        format!("{} could not be webhooks and were refused; first {first}", counted(refused, "requests"))
    });
    let swallowed = artifact.outcomes.organic.suppressed_by_breaker;
    let swallowed = (swallowed > 0).then(|| {
        format!(
            "{} never arrived while the sender's circuit breaker was open, or may have been; not counted as lost",
            counted(swallowed, "webhooks")
        )
    });
    let torn = (!artifact.provenance.journal_complete)
        .then(|| "interrupted or cut off: this is what was seen until then".to_owned());
    [personal, others, strangers, refused, swallowed, torn].into_iter().flatten().collect()
}

/// What did not pass, each with what was seen and the first cases that stand behind it. Empty when all passed.
pub(super) fn failures(checks: &[Check], cases: Option<&Cases>, screen: Screen) -> String {
    let mut out = String::new();
    for verdict in [Verdict::Fail, Verdict::Unproven] {
        let open: Vec<&Check> = checks.iter().filter(|check| check.verdict == verdict).collect();
        for (i, check) in open.iter().enumerate() {
            let same = |other: &&&Check| {
                other.actual.is_none()
                    && (other.text == check.text || is_without_samples(other) && is_without_samples(check))
            };
            if check.actual.is_some() {
                failure(&mut out, check, cases, screen);
            } else if !open.iter().take(i).any(|other| same(&other)) {
                let titles: Vec<&str> = open.iter().filter(same).map(|other| other.title.as_str()).collect();
                without_figure(&mut out, check, &titles, screen);
            }
        }
    }
    out
}

/// Whether a check is unproven only because nothing came that it could look at.
fn is_without_samples(check: &Check) -> bool {
    let nothing = ["no samples: ", "nothing to look at: "];
    check.n == 0 && nothing.iter().any(|begins| check.text.starts_with(begins))
}

/// Checks without a figure of which the same is to be said.
fn without_figure(out: &mut String, check: &Check, titles: &[&str], screen: Screen) {
    let target = match titles {
        [_] if !check.target.is_empty() => format!(" (target {})", check.target),
        _ => String::new(),
    };
    let text = match titles {
        [_, _, ..] if is_without_samples(check) => "nothing to look at".to_owned(),
        _ => shown(&check.text),
    };
    let mark = format!("{:<9}", check.verdict.word());
    let told = screen.wrapped(&mark, &format!("{}{target}: {text}", titles.join(", ")));
    out.push_str(&told.replacen(&mark, &screen.paint(&mark, check.verdict), 1));
}

fn failure(out: &mut String, check: &Check, cases: Option<&Cases>, screen: Screen) {
    let target = if check.target.is_empty() { String::new() } else { format!(" (target {})", check.target) };
    let headline = format!("{} {}{target}: {}", check.title, actual(check), shown(&check.text));
    let mark = format!("{:<9}", check.verdict.word());
    let told = screen.wrapped(&mark, &headline);
    out.push_str(&told.replacen(&mark, &screen.paint(&mark, check.verdict), 1));
    let listed = cases.and_then(|cases| cases.of_check(&check.id));
    for sentence in listed.map(|listed| listed.sentences(SHOWN)).unwrap_or_default() {
        out.push_str(&screen.wrapped("          - ", &sentence));
    }
}

/// The gates as a table below `used` rows. Those that nothing exercised are one line, unless all are wanted, and so are those
/// that passed where the verdict would scroll away for them.
pub(super) fn gates(checks: &[Check], how: &str, screen: Screen, used: usize) -> String {
    let passed = checks.iter().filter(|check| check.verdict == Verdict::Pass).count();
    let listed = checks.iter().filter(|check| check.verdict != Verdict::NotExercised).count();
    let rows = used + listed + BELOW + 4;
    if !screen.all && screen.rows.is_some_and(|most| rows > most) {
        let idle = checks.len() - listed;
        let idle = if idle > 0 { format!(", {idle} not exercised") } else { String::new() };
        let lists = match how {
            how if idle.is_empty() || how.is_empty() => "--all lists them".to_owned(),
            how => format!("--all lists{how}"),
        };
        return screen.wrapped("", &format!("{passed} of {listed} gates passed{idle}; {lists}"));
    }
    let (idle, listed): (Vec<&Check>, Vec<&Check>) =
        checks.iter().partition(|check| check.verdict == Verdict::NotExercised && !screen.all);
    let head = ["", "gate", "target", "actual", "n"].map(str::to_owned);
    let room = if screen.width < WIDE { TARGET } else { WIDE_TARGET };
    let rows = listed.iter().map(|check| (cells(check, room), Some(check.verdict)));
    let rows: Vec<Row> = std::iter::once((head, None)).chain(rows).collect();
    let mut out = table(&rows, screen);
    if !idle.is_empty() {
        let _ = write!(
            out,
            "{}",
            screen.wrapped("", &format!("{} not exercised; --all lists them{how}", idle.len()))
        );
    }
    out
}

fn cells(check: &Check, room: usize) -> [String; 5] {
    let target = if check.target.chars().count() <= room { check.target.clone() } else { String::new() };
    [check.verdict.word().to_owned(), check.title.clone(), target, actual(check), check.n.to_string()]
}
