//! The judgement as Markdown, for the job summary of a build server.

use super::judgement::{Approval, Judgement};
use crate::gate::Verdict;
use crate::report::{annotation, escaped};
use std::fmt::Write as _;

/// The whole answer as tables.
#[must_use]
pub fn markdown(approval: &Approval) -> String {
    let mut out = format!("# Approval gate: {}\n\n", approval.verdict.word().to_uppercase());
    for kind in &approval.missing {
        let _ = writeln!(out, "- **{}** is required, but no such artifact was given", kind.word());
    }
    approval.artifacts.iter().for_each(|judgement| artifact(&mut out, judgement));
    out
}

fn artifact(out: &mut String, judgement: &Judgement) {
    let verdict = judgement.verdict.word().to_uppercase();
    let _ = writeln!(
        out,
        "## {}: {verdict}\n\n| | Item | Figure | From |\n|---|---|---|---|",
        escaped(&judgement.artifact)
    );
    for item in &judgement.items {
        let open = item.open.as_ref().map_or_else(String::new, |open| format!("; open: {open}"));
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} |",
            item.verdict.word(),
            escaped(&item.title),
            escaped(&format!("{}{open}", item.figure)),
            escaped(&item.source)
        );
    }
    let _ = writeln!(out);
    for finding in &judgement.contradictions {
        let _ = writeln!(out, "- **{}**: {}", escaped(&finding.kind), escaped(&finding.sentence));
    }
}

/// Workflow commands of GitHub Actions, one a line, for what failed or stayed unproven.
#[must_use]
pub fn approval_annotations(approval: &Approval) -> Vec<String> {
    let mut lines: Vec<String> = approval
        .missing
        .iter()
        .map(|kind| {
            let title = format!("{} is required", kind.word());
            annotation(
                "error",
                &title,
                "no such artifact was given (the journal says what kind of run it is)",
            )
        })
        .collect();
    for judgement in &approval.artifacts {
        let findings = judgement.contradictions.iter();
        lines.extend(
            findings
                .map(|f| annotation("error", &f.kind, &format!("{}: {}", judgement.artifact, f.sentence))),
        );
        for item in &judgement.items {
            let level = match item.verdict {
                Verdict::Fail => "error",
                Verdict::Unproven => "warning",
                Verdict::Pass | Verdict::NotExercised => continue,
            };
            lines.push(annotation(level, &item.title, &format!("{}: {}", judgement.artifact, item.figure)));
        }
    }
    lines
}
