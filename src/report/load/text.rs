//! A load for a terminal: what was done, the percentiles, the gates and the verdict.

use super::artifact::{LoadArtifact, Percentiles};
use crate::gate::Check;
use std::fmt::Write as _;

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
        "  {} started ({:.1}/s), {} ok, {} failed, {} dropped; {} requests over {} connections",
        counters.started,
        load.achieved_per_second,
        counters.ok,
        counters.failed,
        counters.dropped,
        counters.attempts,
        counters.connects
    );
    let tallied: Vec<String> =
        counters.statuses.iter().chain(&counters.errors).map(|(what, n)| format!("{what}: {n}")).collect();
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
    out.push('\n');
    for check in &artifact.acceptance_gates.checks {
        let _ = writeln!(out, "{}", row(check));
    }
    for note in &artifact.notes {
        let _ = writeln!(out, "note: {note}");
    }
    let verdict = artifact.acceptance_gates.verdict.word().to_uppercase();
    let _ = write!(out, "\n{verdict} {}", artifact.recommendation);
    out
}

fn columns(figures: &Percentiles) -> String {
    [figures.mean, figures.p50, figures.p95, figures.p99, figures.p99_9, figures.max]
        .iter()
        .map(|ms| format!("{ms:>9.2}"))
        .collect()
}

fn row(check: &Check) -> String {
    let actual = match (check.actual, check.unit.as_str()) {
        (None, _) => "-".to_owned(),
        (Some(x), "%") => format!("{x:.2} %"),
        (Some(x), "ms") => format!("{x:.2} ms"),
        (Some(x), unit) => format!("{x} {unit}"),
    };
    format!(
        "{:<13} {:<31} {:>14} {:>16}  {}",
        check.verdict.word(),
        check.title,
        check.target,
        actual,
        check.text
    )
}
