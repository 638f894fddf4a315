//! A probe for a terminal: the verdict, the grades, and every case that did not pass.

use super::{ProbeArtifact, verdict_of};
use crate::figure::{counted, span};
use crate::gate::Verdict;
use crate::report::screen::Screen;
use ::probe::{CaseResult, CaseVerdict, Group};
use pii::shown;
use std::fmt::Write as _;

/// Width of the verdict and the id in front of a case.
const MARK: usize = 14;
const ID: usize = 26;
/// The narrowest screen on which what was seen stands beside the case.
const SIDE_BY_SIDE: usize = 100;
/// Rows that a prompt and the name of the artifact take below it.
const BELOW: usize = 3;

/// The summary.
#[must_use]
pub fn probe_text(artifact: &ProbeArtifact, screen: Screen) -> String {
    let whole = told(artifact, screen, true);
    let fits = screen.rows.is_none_or(|rows| whole.lines().count() + BELOW <= rows);
    if fits { whole } else { told(artifact, screen, false) }
}

/// The text; without what was only measured or not exercised, where `all` is not asked for.
fn told(artifact: &ProbeArtifact, screen: Screen, all: bool) -> String {
    let run = &artifact.test_run;
    let verdict = artifact.acceptance_gates.verdict;
    let mark = verdict.word().to_uppercase();
    let said = format!("grade {}: {}", artifact.grades.overall.letter(), shown(&artifact.recommendation));
    let told = screen.wrapped(&format!("{mark} "), &said);
    let mut out = told.replacen(&mark, &screen.paint(&mark, verdict), 1);
    let requests = counted(run.requests_sent, "requests");
    let done = format!(
        "probe of {} as {}: {requests} in {}",
        shown(&run.target),
        run.sender,
        span(run.duration_seconds)
    );
    out.push_str(&screen.wrapped("", &done));
    out.push('\n');
    for graded in &artifact.grades.groups {
        let grade = &graded.grade;
        let counts = format!(
            "{} pass, {} fail, {} unproven, {} not exercised",
            grade.pass, grade.fail, grade.unproven, grade.not_exercised
        );
        let group = format!("{}  {:<12} ", grade.letter(), graded.group.name());
        out.push_str(&screen.wrapped(&group, &counts));
        cases(&mut out, artifact, graded.group, screen, all);
    }
    for note in &artifact.notes {
        let _ = write!(out, "\n{}", screen.wrapped("note: ", &shown(note)));
    }
    out
}

/// What did not pass, and what was measured.
fn cases(out: &mut String, artifact: &ProbeArtifact, group: Group, screen: Screen, all: bool) {
    let open = |case: &CaseResult| matches!(case.verdict, CaseVerdict::Fail | CaseVerdict::Unproven);
    let extra = |case: &CaseResult| case.verdict == CaseVerdict::NotExercised || !case.figures.is_empty();
    let told = |case: &&CaseResult| case.group == group && (open(case) || all && extra(case));
    let all: Vec<&CaseResult> = artifact.cases.iter().filter(told).collect();
    // Where a valid webhook is not accepted, that is the reason of all the others.
    let one_reason = |case: &CaseResult| {
        all.iter().filter(|other| other.text == case.text && other.verdict == case.verdict).count() > 2
    };
    let mut told_once: Vec<&str> = Vec::new();
    for case in &all {
        if one_reason(case) {
            if told_once.contains(&case.text.as_str()) {
                continue;
            }
            told_once.push(&case.text);
        }
        let n = all.iter().filter(|other| other.text == case.text && one_reason(other)).count();
        let name = if n > 0 { counted(n as u64, "cases") } else { case.id.clone() };
        let verdict = verdict_of(case.verdict);
        let mut seen = shown(&case.text);
        if verdict == Verdict::Fail {
            let _ = write!(seen, " (why it matters: {})", case.why);
        }
        let word = verdict.word();
        let line = if screen.width < SIDE_BY_SIDE {
            screen.wrapped(&format!("   {word:<MARK$}"), &format!("{name}: {seen}"))
        } else {
            screen.wrapped(&format!("   {word:<MARK$}{name:<ID$} "), &seen)
        };
        out.push_str(&line.replacen(word, &screen.paint(word, verdict), 1));
    }
}
