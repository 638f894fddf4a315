//! The page: verdict and gates on top, then charts, tables, and how to check all of it again.

use super::frame::{page, verdict};
use super::sections::{cases, configuration, events, gates, outcomes, privacy, signatures, steps};
use super::{histogram, ladder, timeline};
use crate::analysis::tallies;
use crate::report::artifact::Artifact;
use crate::report::{EMBEDDED, Evidence};
use maud::{Markup, html};

/// The report as one HTML file; `name` is what the run's files have in common (`staging_payments`).
#[must_use]
pub fn html(evidence: &Evidence, artifact: &Artifact, name: &str) -> String {
    let title = format!("{} against {}", artifact.provenance.scenario, artifact.test_run.environment);
    let body = html! {
        (summary(artifact))
        main {
            h2 { "Gates" }
            (gates(&artifact.acceptance_gates.checks))
            (cases(artifact))
            (charts(evidence, artifact))
            (tables(artifact))
            h2 { "How to check this" }
            (how_to_verify(artifact, name))
        }
    };
    page(&title, &body)
}

fn summary(artifact: &Artifact) -> Markup {
    let run = &artifact.test_run;
    let judged = artifact.acceptance_gates.verdict;
    html! {
        p.dim { (run.timestamp) ", " (format!("{:.1}", run.duration_seconds)) " s, smoke " (artifact.provenance.tool_version) }
        (verdict(judged, &artifact.recommendation, run.environment != EMBEDDED))
        p {
            @if let Some(due) = run.events_triggered { (due) " webhooks due, " } (run.webhooks_sent) " arrived, " (run.webhooks_success) " accepted, "
            (run.webhooks_failed) " not accepted, " (run.webhooks_lost) " lost."
        }
        @for note in &artifact.provenance.notes { p.dim { "Note: " (note) } }
    }
}

fn charts(evidence: &Evidence, artifact: &Artifact) -> Markup {
    let (organic, injected) = tallies(&evidence.analysis);
    let faults = &artifact.fault_injection;
    html! {
        h2 { "Delivery latency" }
        (histogram::histogram(&organic.latency, &injected.latency))
        h2 { "Over time" }
        (timeline::timeline(&evidence.analysis))
        h2 { "Retries of what was broken on purpose" }
        (ladder::ladder(&faults.deliveries, faults.total, &artifact.retry))
        @if !faults.deliveries.is_empty() {
            details {
                summary { "Attempts as log lines" }
                pre { @for line in faults.deliveries.iter().flat_map(|d| &d.log) { (line) "\n" } }
            }
        }
    }
}

fn tables(artifact: &Artifact) -> Markup {
    html! {
        h2 { "Webhooks by event" }
        (events(artifact))
        h2 { "What became of them" }
        (outcomes(artifact))
        h2 { "Steps" }
        (steps(&artifact.steps))
        h2 { "Signatures" }
        (signatures(artifact))
        h2 { "Personal data" }
        (privacy("In webhooks", &artifact.pii_check))
        (privacy("In the API's answers", &artifact.api_pii))
        h2 { "Configuration" }
        (configuration(artifact))
    }
}

fn how_to_verify(artifact: &Artifact, name: &str) -> Markup {
    let p = &artifact.provenance;
    html! {
        p { "This page follows from the journal, and so does the artifact. With both files and the webhook secret:" }
        pre { "smoke gate " (name) "_output.json --secret-file SECRET\nsmoke report " (name) "_journal.jsonl --html again.html" }
        table {
            tbody {
                tr { td { "Run" } td { code { (p.run_id) } } }
                tr { td { "Journal" } td { code { (p.journal_sha256) } " (SHA-256), " (p.journal_records) " records" } }
                tr { td { "Scenario" } td { (p.scenario) ", " code { (p.scenario_sha256) } } }
                tr { td { "Gates" } td { code { (p.gates_sha256) } } }
            }
        }
    }
}
