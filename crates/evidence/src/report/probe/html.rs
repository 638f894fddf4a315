//! The page of a probe: verdict and grades, then each case with what was sent and what came.

use super::{ProbeArtifact, verdict_of};
use crate::report::EMBEDDED;
use crate::report::html::{class, page, verdict};
use ::probe::{CaseResult, Group};
use maud::{Markup, html};

/// The page.
#[must_use]
pub fn probe_html(artifact: &ProbeArtifact) -> String {
    let run = &artifact.test_run;
    let body = html! {
        p.dim {
            (run.target) " as " (run.sender) ", " (run.timestamp) ", " (run.requests_sent) " requests in "
            (format!("{:.1}", run.duration_seconds)) " s"
        }
        (verdict(artifact.acceptance_gates.verdict, &artifact.recommendation, run.environment != EMBEDDED))
        @for note in &artifact.notes { p.dim { "Note: " (note) } }
        main {
            h2 { "Grade: " (artifact.grades.overall.letter()) }
            (grades(artifact))
            @for group in Group::ALL { (cases(artifact, group)) }
            h2 { "Where this comes from" }
            p { "Run " code { (artifact.provenance.run_id) } ", smoke " (artifact.provenance.tool_version) ". Every request carries "
                code { "X-Smoke-Probe: " (run.canary) } "; the journal lists all of them." }
            @if let Some(sha256) = &artifact.provenance.journal_sha256 { p { "Journal: " code { (sha256) } " (SHA-256)" } }
        }
    };
    page(&format!("probe of {}", run.target), &body)
}

fn grades(artifact: &ProbeArtifact) -> Markup {
    html! {
        table {
            thead { tr { th { "Group" } th { "What is asked" } th.n { "Grade" } th.n { "Pass" } th.n { "Fail" } th.n { "Unproven" } th.n { "Not exercised" } } }
            tbody {
                @for graded in &artifact.grades.groups {
                    tr {
                        td { (graded.group.name()) }
                        td { (graded.group.title()) }
                        td.n { strong { (graded.grade.letter()) } }
                        td.n { (graded.grade.pass) }
                        td.n { (graded.grade.fail) }
                        td.n { (graded.grade.unproven) }
                        td.n { (graded.grade.not_exercised) }
                    }
                }
            }
        }
    }
}

fn cases(artifact: &ProbeArtifact, group: Group) -> Markup {
    let all: Vec<&CaseResult> = artifact.cases.iter().filter(|case| case.group == group).collect();
    html! {
        @if !all.is_empty() {
            h2 { (group.title()) }
            table.stack {
                thead { tr { th { "Case" } th { "Answer" } th { "What was seen" } } }
                tbody { @for case in all { (row(case)) } }
            }
        }
    }
}

fn row(case: &CaseResult) -> Markup {
    let verdict = verdict_of(case.verdict);
    html! {
        tr {
            td data-label="Case" { strong { (case.title) } " " code { (case.id) } }
            td data-label="Answer" { span class=(class(verdict)) { (verdict.word()) } }
            td data-label="Seen" {
                div {
                    (case.text)
                    p.dim { (case.why) }
                    @if !case.exchanges.is_empty() {
                        details {
                            summary { (case.exchanges.len()) " requests" }
                            table {
                                @for e in &case.exchanges {
                                    tr { td { (e.label) } td { (e.came) } td.n { (format!("{:.1} ms", e.took_ms)) } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
