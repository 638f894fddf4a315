//! The page of a probe: verdict and grades, then each case with what was sent and what came.

use super::artifact::UNSAFE;
use super::{ProbeArtifact, verdict_of};
use crate::figure::{counted, milliseconds, span};
use crate::gate::Verdict;
use crate::report::EMBEDDED;
use crate::report::html::{Reason, Top, class, page};
use ::probe::{CaseResult, Group};
use maud::{Markup, html};

/// Cases that are shown before the others are folded.
const SHOWN: usize = 8;

/// The page.
#[must_use]
pub fn probe_html(artifact: &ProbeArtifact) -> String {
    let top = top(artifact);
    let open = |wanted| artifact.cases.iter().filter(move |case| verdict_of(case.verdict) == wanted);
    let more = |verdict| open(verdict).skip(SHOWN).count();
    let body = html! {
        (top.draw())
        main {
            (grades(artifact))
            @for (verdict, title) in [(Verdict::Fail, "What failed"), (Verdict::Unproven, "Not proven")] {
                @if open(verdict).next().is_some() {
                    h2 { (title) }
                    @for case in open(verdict).take(SHOWN) { (card(case)) }
                    @if more(verdict) > 0 {
                        details { summary { (more(verdict)) " more" } @for case in open(verdict).skip(SHOWN) { (card(case)) } }
                    }
                }
            }
            h2 { "Every case" }
            @for group in Group::ALL { (cases(artifact, group)) }
            details id="check" {
                summary { "Provenance" }
                p { "Run " code { (artifact.provenance.run_id) } ", smoke " (artifact.provenance.tool_version) ". Every request carries "
                    code { "X-Smoke-Probe: " (artifact.test_run.canary) } "; the journal lists all of them." }
                @if let Some(sha256) = &artifact.provenance.journal_sha256 { p { "Journal: " code { (sha256) } " (SHA-256)" } }
            }
        }
    };
    page(&top.title, &body)
}

fn top(artifact: &ProbeArtifact) -> Top {
    let run = &artifact.test_run;
    let reason = |case: &CaseResult| Reason {
        verdict: verdict_of(case.verdict),
        title: case.title.clone(),
        said: case.group.name().to_owned(),
        anchor: format!("case-{}", case.id),
    };
    let grade = |graded: &super::GroupGrade| (graded.group.name(), graded.grade.letter().to_string());
    let began = run.timestamp.chars().take(19).collect::<String>().replace('T', " ");
    Top {
        kind: "probe",
        title: format!("probe of {}", run.target),
        facts: vec![
            format!("as {}", run.sender),
            format!("{began} UTC"),
            format!("{} in {}", counted(run.requests_sent, "requests"), span(run.duration_seconds)),
            format!("smoke {}", artifact.provenance.tool_version),
        ],
        verdict: artifact.acceptance_gates.verdict,
        recommendation: in_short(artifact),
        is_no_evidence: run.environment == EMBEDDED,
        reasons: artifact.cases.iter().filter(|case| is_open(case)).map(reason).collect(),
        tiles: std::iter::once(("grade", artifact.grades.overall.letter().to_string()))
            .chain(artifact.grades.groups.iter().map(grade))
            .collect(),
        asked: Vec::new(),
        warnings: Vec::new(),
        notes: artifact.notes.clone(),
    }
}

/// The recommendation; without the cases that failed, which stand below it as links.
fn in_short(artifact: &ProbeArtifact) -> String {
    match artifact.acceptance_gates.verdict {
        Verdict::Fail if artifact.recommendation.starts_with(UNSAFE) => format!("{UNSAFE}."),
        _ => artifact.recommendation.clone(),
    }
}

fn is_open(case: &CaseResult) -> bool {
    matches!(verdict_of(case.verdict), Verdict::Fail | Verdict::Unproven)
}

/// A case that did not pass, with every request and what came.
fn card(case: &CaseResult) -> Markup {
    let verdict = verdict_of(case.verdict);
    html! {
        section.card.(class(verdict)) id={ "case-" (case.id) } {
            h3 { (case.title) " " span.dim { (case.group.title()) } }
            p { (case.text) }
            @if verdict == Verdict::Fail { p.dim { "Why it matters: " (case.why) } }
            @if !case.exchanges.is_empty() {
                details { summary { (counted(case.exchanges.len() as u64, "requests")) } (exchanges(case)) }
            }
        }
    }
}

fn exchanges(case: &CaseResult) -> Markup {
    html! {
        div.wide { table {
            @for e in &case.exchanges {
                tr {
                    td { (e.label) }
                    td { span class=(class(verdict_of(e.verdict))) { (e.came) } }
                    td.n { (milliseconds(e.took_ms)) }
                }
            }
        } }
    }
}

fn grades(artifact: &ProbeArtifact) -> Markup {
    html! {
        h2 { "Grades" }
        div.wide { table {
            thead { tr { th { "Group" } th { "" } th.n { "Pass" } th.n { "Fail" } th.n { "Un\u{ad}proven" } th.n { "Not exer\u{ad}cised" } } }
            tbody {
                @for graded in &artifact.grades.groups {
                    tr {
                        td { (graded.group.title()) }
                        td { span.grade { (graded.grade.letter()) } }
                        td.n { (graded.grade.pass) }
                        td.n { (graded.grade.fail) }
                        td.n { (graded.grade.unproven) }
                        td.n { (graded.grade.not_exercised) }
                    }
                }
            }
        } }
    }
}

fn cases(artifact: &ProbeArtifact, group: Group) -> Markup {
    let all: Vec<&CaseResult> = artifact.cases.iter().filter(|case| case.group == group).collect();
    let of = |verdict| all.iter().filter(|case| verdict_of(case.verdict) == verdict).count();
    html! {
        @if !all.is_empty() {
            details {
                summary { (group.title()) " " span.dim { (counted(all.len() as u64, "cases")) ", " (of(Verdict::Pass)) " pass, " (of(Verdict::Fail)) " fail" } }
                table.stack {
                    thead { tr { th { "Case" } th { "Verdict" } th { "Details" } } }
                    tbody { @for case in all { (row(case)) } }
                }
            }
        }
    }
}

fn row(case: &CaseResult) -> Markup {
    let verdict = verdict_of(case.verdict);
    html! {
        tr {
            td data-label="Case" { span { (case.title) " " code.dim { (case.id) } } }
            td data-label="Verdict" { span class=(class(verdict)) { (verdict.word()) } }
            td data-label="Details" {
                div {
                    (case.text)
                    @if !is_open(case) && !case.exchanges.is_empty() {
                        details { summary.dim { (counted(case.exchanges.len() as u64, "requests")) } (exchanges(case)) }
                    }
                }
            }
        }
    }
}
