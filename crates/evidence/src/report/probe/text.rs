//! A probe for a terminal: the grades, and every case that did not pass.

use super::{ProbeArtifact, verdict_of};
use crate::gate::Verdict;
use crate::report::screen::{Colour, paint};
use ::probe::{CaseResult, CaseVerdict, Group};
use pii::shown;
use std::fmt::Write as _;

/// The summary.
#[must_use]
pub fn probe_text(artifact: &ProbeArtifact, colour: Colour) -> String {
    let mut out = String::new();
    let run = &artifact.test_run;
    let _ = writeln!(
        out,
        "probe of {} as {}: {} requests in {:.1} s\n",
        shown(&run.target),
        run.sender,
        run.requests_sent,
        run.duration_seconds
    );
    for graded in &artifact.grades.groups {
        let grade = &graded.grade;
        let _ = writeln!(
            out,
            "{}  {:<12} {} pass, {} fail, {} unproven, {} not exercised",
            grade.letter(),
            graded.group.name(),
            grade.pass,
            grade.fail,
            grade.unproven,
            grade.not_exercised
        );
        cases(&mut out, artifact, graded.group, colour);
    }
    for note in &artifact.notes {
        let _ = writeln!(out, "\nnote: {}", shown(note));
    }
    let verdict = artifact.acceptance_gates.verdict;
    let word = paint(&verdict.word().to_uppercase(), verdict, colour);
    let _ = write!(
        out,
        "\ngrade {}\n{word} {}",
        artifact.grades.overall.letter(),
        shown(&artifact.recommendation)
    );
    out
}

/// What did not pass, and what was measured.
fn cases(out: &mut String, artifact: &ProbeArtifact, group: Group, colour: Colour) {
    let told = |case: &&CaseResult| {
        case.group == group && (case.verdict != CaseVerdict::Pass || !case.figures.is_empty())
    };
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
        let name = if n > 0 { format!("{n} cases") } else { case.id.clone() };
        let verdict = verdict_of(case.verdict);
        let _ = writeln!(
            out,
            "     {} {name:<26} {}",
            paint(&format!("{:<13}", verdict.word()), verdict, colour),
            shown(&case.text)
        );
        if verdict == Verdict::Fail {
            let _ = writeln!(out, "     {:<13} {:<26} why: {}", "", "", case.why);
        }
    }
}
