//! A load for a terminal: what was done, the percentiles, the gates and the verdict.

use super::artifact::{LoadArtifact, Percentiles};
use super::flows::EndToEnd;
use crate::report::table::{Colour, gates};
use pii::shown;
use std::fmt::Write as _;

/// Webhooks in trouble that are shown.
const SHOWN: usize = 5;

/// A summary of under 50 lines.
#[must_use]
pub fn load_text(artifact: &LoadArtifact) -> String {
    let mut out = String::new();
    let (load, counters) = (&artifact.load, &artifact.counters);
    let asked = match load.total {
        Some(total) => format!("{total} starts by schedule"),
        None => format!("closed model, {} connections", load.connections),
    };
    let _ = writeln!(
        out,
        "load {}: {asked} against {} in {:.1} s",
        load.subject, load.target, artifact.test_run.duration_seconds
    );
    let _ = writeln!(
        out,
        "  {} started ({:.1}/s), {} ok, {} failed, {} dropped; {} requests{}",
        counters.started,
        load.achieved_per_second,
        counters.ok,
        counters.failed,
        counters.dropped,
        counters.attempts,
        counters.connects.map(|n| format!(" over {n} connections")).unwrap_or_default()
    );
    let named = |what: &str| if what == "step" { "flows with a failed step" } else { what }.to_owned();
    let tallied: Vec<String> = counters
        .statuses
        .iter()
        .chain(&counters.errors)
        .map(|(what, n)| format!("{}: {n}", named(what)))
        .collect();
    let _ = writeln!(out, "  {}", tallied.join(", "));
    let _ = writeln!(
        out,
        "\n  {:<26}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}",
        "ms", "mean", "p50", "p95", "p99", "p99.9", "max"
    );
    let table = &artifact.latency_ms;
    for (name, figures) in [
        ("response (done - due)", &table.response),
        ("service (done - sent)", &table.service),
        ("lag (sent - due)", &table.lag),
        ("  of it the generator's", &table.own_lag),
    ] {
        if let Some(figures) = figures {
            let _ = writeln!(out, "  {name:<26}{}", columns(figures));
        }
    }
    if let Some(flows) = &artifact.end_to_end {
        out.push_str(&end_to_end(flows));
    }
    let _ = writeln!(out, "\n{}", gates(&artifact.acceptance_gates.checks, None, Colour::None));
    for note in &artifact.notes {
        let _ = writeln!(out, "note: {}", shown(note));
    }
    let verdict = artifact.acceptance_gates.verdict.word().to_uppercase();
    let _ = write!(out, "\n{verdict} {}", artifact.recommendation);
    out
}

/// The flows' steps and webhooks.
fn end_to_end(flows: &EndToEnd) -> String {
    let ms = |ms: Option<f64>| ms.map_or_else(|| format!("{:>9}", "-"), |ms| format!("{ms:>9.2}"));
    let mut out =
        format!("\n  {:<26}{:>9}{:>9}{:>9}{:>9}{:>9}\n", "flows", "ok", "failed", "p50", "p95", "p99");
    for (name, step) in &flows.steps {
        let figures: String = [step.p50_ms, step.p95_ms, step.p99_ms].map(ms).concat();
        let _ = writeln!(out, "  {:<26}{:>9}{:>9}{figures}", format!("step {name}"), step.ok, step.failed);
    }
    let figures: String =
        [flows.delivery_p50_ms, flows.delivery_p95_ms, flows.delivery_p99_ms].map(ms).concat();
    let missed = flows.late + flows.lost;
    let _ = writeln!(out, "  {:<26}{:>9}{missed:>9}{figures}", "webhooks", flows.delivered);
    for trouble in flows.troubled.iter().take(SHOWN) {
        let _ = writeln!(out, "  {trouble}");
    }
    out
}

fn columns(figures: &Percentiles) -> String {
    [figures.mean, figures.p50, figures.p95, figures.p99, figures.p99_9, figures.max]
        .iter()
        .map(|ms| format!("{ms:>9.2}"))
        .collect()
}
