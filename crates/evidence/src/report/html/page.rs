//! The page of a run or an observation: verdict, what failed with its evidence, the gates, charts, the webhooks and flows one by
//! one, and how to check all of it again.

use super::cards::cards;
use super::frame::{Reason, Top, page};
use super::lines::{Across, Chart, Line, Up};
use super::sections::{configuration, events, gates, outcomes, privacy, signatures, steps};
use super::{histogram, lists, ruler, timeline};
use crate::analysis::{Analysis, Delivery, tallies};
use crate::figure::{counted, milliseconds, span};
use crate::gate::Verdict;
use crate::report::Evidence;
use crate::report::artifact::Artifact;
use crate::report::asked::{asked, is_no_evidence, misbehaviours};
use crate::report::table::warnings;
use maud::{Markup, html};
use std::borrow::Cow;

/// Deliveries that were broken on purpose whose rulers are drawn.
const DRAWN: usize = 3;

/// The report as one HTML file. It names no file: the same journal gives the same page, wherever it is kept.
#[must_use]
pub fn html(evidence: &Evidence, artifact: &Artifact) -> String {
    let top = top(artifact);
    let body = html! {
        (top.draw())
        main {
            (cards(evidence, artifact))
            h2 { "Gates" }
            (gates(&artifact.acceptance_gates.checks))
            (charts(evidence, artifact))
            h2 { "Everything" }
            (lists::webhooks_and_flows(&evidence.analysis))
            (tables(artifact))
            (how_to_verify(artifact))
        }
    };
    page(&top.title, &body)
}

fn top(artifact: &Artifact) -> Top {
    let (run, from) = (&artifact.test_run, &artifact.provenance);
    let (_, notes) = misbehaviours(&from.notes);
    let stage = artifact.observation.as_ref().and_then(|seen| seen.begin.stage_percent);
    Top {
        kind: from.kind.name(),
        title: format!("{} against {}", from.scenario, run.environment),
        facts: [
            Some(run.timestamp.chars().take(19).collect::<String>().replace('T', " ") + " UTC"),
            Some(span(run.duration_seconds)),
            stage.map(|p| format!("canary stage {p} %")),
            Some(format!("smoke {}", from.tool_version)),
        ]
        .into_iter()
        .flatten()
        .collect(),
        verdict: artifact.acceptance_gates.verdict,
        recommendation: artifact.recommendation.clone(),
        is_no_evidence: is_no_evidence(artifact),
        reasons: Reason::of(&artifact.acceptance_gates.checks),
        tiles: tiles(artifact),
        asked: asked(artifact),
        warnings: warnings(artifact),
        notes,
    }
}

fn tiles(artifact: &Artifact) -> Vec<(&'static str, String)> {
    let (run, latency) = (&artifact.test_run, &artifact.performance_metrics);
    let p95 = latency.p95_latency_ms.map(|ms| ("p95", milliseconds(ms)));
    let p50 = latency.p50_latency_ms.map(|ms| ("p50", milliseconds(ms)));
    let count = |name, n: u64| Some((name, n.to_string()));
    let due = run.events_triggered.and_then(|n| count("webhooks due", n));
    let lost = run.events_triggered.and_then(|_| count("lost", run.webhooks_lost));
    let [arrived, accepted] =
        [("arrived", run.webhooks_sent), ("accepted", run.webhooks_success)].map(|(name, n)| count(name, n));
    [due, arrived, accepted, lost, p50, p95].into_iter().flatten().collect()
}

fn charts(evidence: &Evidence, artifact: &Artifact) -> Markup {
    let analysis = &evidence.analysis;
    let (organic, injected) = tallies(analysis);
    let broken: Vec<_> = analysis.own().filter(|d| d.met_a_fault()).take(DRAWN).collect();
    html! {
        h2 { "Delivery latency" }
        p.dim { "From the start of the step that triggers a webhook to the end of our accepting response." }
        (histogram::histogram(&organic.latency, &injected.latency))
        h2 { "Over time" }
        (timeline::timeline(analysis))
        @if has_minutes(artifact) { (minutes(artifact).draw()) }
        @if broken.is_empty() {
            h2 id="retries" { (RETRIES) }
            p.dim { "Nothing was broken on purpose in this run, so the retry policy was not tested." }
        } @else if artifact.acceptance_gates.verdict == Verdict::Fail {
            // The page of a run that failed is long enough: those that failed are drawn above.
            (folded("retries", RETRIES, "", &retries(&broken, analysis, artifact)))
        } @else {
            h2 id="retries" { (RETRIES) }
            (retries(&broken, analysis, artifact))
        }
    }
}

const RETRIES: &str = "Retries of deliveries broken on purpose";

fn retries(broken: &[Cow<'_, Delivery>], analysis: &Analysis, artifact: &Artifact) -> Markup {
    let faults = &artifact.fault_injection;
    html! {
        p.dim {
            "A band is where the retry policy (" (schedule(artifact)) ") expects the next attempt, after the end of the one before. "
            "A ring is an attempt that was not accepted."
        }
        @for delivery in broken {
            div.case { p { b { "#" (delivery.number) } " " (crate::analysis::event_name(&delivery.event)) } (ruler::ruler(delivery, &analysis.header.retry)) }
        }
        @if faults.total > broken.len() as u64 { p.dim { (broken.len()) " of " (faults.total) " are drawn; all are listed under webhooks." } }
    }
}

/// Whether more than one minute was watched to its end.
fn has_minutes(artifact: &Artifact) -> bool {
    artifact.observation.as_ref().is_some_and(|seen| seen.minutes.iter().filter(|m| m.complete).count() > 1)
}

/// How the minutes of an observation went.
#[expect(clippy::cast_precision_loss, reason = "counts in a minute")]
fn minutes(artifact: &Artifact) -> Chart {
    let minutes = || artifact.observation.iter().flat_map(|seen| &seen.minutes).filter(|m| m.complete);
    let line = |name: &str, class, of: fn(&crate::analysis::Minute) -> u64| Line {
        name: name.to_owned(),
        class,
        points: minutes().map(|m| (m.minute as f64 * 60.0, Some(of(m) as f64))).collect(),
    };
    Chart {
        title: "Webhooks per minute".to_owned(),
        unit: "webhooks",
        up: Up::Linear,
        across: Across::Time,
        lines: vec![
            line("ended", "a", |m| m.ended),
            line("not accepted", "c", |m| m.ended.saturating_sub(m.delivered)),
        ],
    }
}

fn schedule(artifact: &Artifact) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a pause in ms")]
    let pauses = artifact.retry.backoff_ms.iter().map(|ms| super::plot::trimmed(*ms as f64 / 1000.0));
    format!("{} s", pauses.collect::<Vec<_>>().join(" / "))
}

fn tables(artifact: &Artifact) -> Markup {
    let faults = &artifact.fault_injection;
    let (hooks, api) = (&artifact.pii_check, &artifact.api_pii);
    let signed = &artifact.hmac_signature_validation;
    let failed: u64 = artifact.steps.iter().map(|step| step.failed).sum();
    html! {
        @if !artifact.steps.is_empty() { (folded("steps", "Steps", &format!("{}, {failed} failed", counted(artifact.steps.len() as u64, "kinds")), &steps(&artifact.steps))) }
        (folded("events", "Events", &counted(artifact.event_distribution.len() as u64, "kinds"), &events(artifact)))
        (folded("outcomes", "What happened to the webhooks", "organic and broken on purpose", &outcomes(artifact)))
        (folded("signatures", "Signatures", &format!("{} of {} valid", signed.valid, signed.checked), &signatures(artifact)))
        (folded("pii", "Personal data", &format!("{} in webhooks, {} in API responses", counted(hooks.findings_total, "findings"), api.findings_total), &html! {
            (privacy("In webhooks", hooks))
            (privacy("In API responses", api))
        }))
        @if !faults.deliveries.is_empty() {
            (folded("log", "Attempts as log lines", "of deliveries broken on purpose", &html! {
                pre { @for line in faults.deliveries.iter().flat_map(|d| &d.log) { (line) "\n" } }
            }))
        }
        (folded("configuration", "Configuration", "", &configuration(artifact)))
    }
}

/// A section that opens on a click.
fn folded(id: &str, title: &str, short: &str, inside: &Markup) -> Markup {
    html! { details id=(id) { summary { (title) " " span.dim { (short) } } (inside) } }
}

fn how_to_verify(artifact: &Artifact) -> Markup {
    let p = &artifact.provenance;
    let inside = html! {
        p { "This page and the artifact are computed from the journal. With both files and the webhook secret:" }
        pre { "smoke gate ARTIFACT.json --secret-file SECRET\nsmoke report JOURNAL.jsonl --html again.html" }
        table {
            tbody {
                tr { td { "Run" } td { code { (p.run_id) } } }
                tr { td { "Journal" } td { code { (p.journal_sha256) } " (SHA-256), " (p.journal_records) " records" } }
                tr { td { "Scenario" } td { (p.scenario) ", " code { (p.scenario_sha256) } } }
                tr { td { "Gates" } td { code { (p.gates_sha256) } } }
            }
        }
    };
    folded("check", "How to check this", "anyone with the journal can", &inside)
}
