//! A load for a terminal: what was done, the percentiles, the gates and the verdict.

use super::artifact::{LoadArtifact, Percentiles};
use super::flows::EndToEnd;
use crate::analysis::load::Series;
use crate::figure::{carries, counted, milliseconds};
use crate::report::screen::{Screen, cut};
use crate::report::table::{failures, gates, latencies};
use pii::shown;
use std::fmt::Write as _;

/// Webhooks in trouble that are shown.
const SHOWN: usize = 5;
/// Rows that gates in one line, a note and the names of the files take below the flows.
const UNDER_FLOWS: usize = 9;
/// Width of the names of series and steps.
const NAME: usize = 24;
/// The percentiles, those that matter most first.
const HEADS: [&str; 6] = ["p50", "p95", "p99", "p99.9", "max", "mean"];

/// The answer of a load: verdict, what did not pass, what was done, the latencies and the gates.
#[must_use]
pub fn load_text(artifact: &LoadArtifact, series: &Series, screen: Screen) -> String {
    let judged = &artifact.acceptance_gates;
    let mark = judged.verdict.word().to_uppercase();
    let told = screen.wrapped(&format!("{mark} "), &shown(&artifact.decided()));
    let mut out = told.replacen(&mark, &screen.paint(&mark, judged.verdict), 1);
    out.push_str(&done(artifact, screen));
    let failures = failures(&judged.checks, None, screen);
    if !failures.is_empty() {
        let _ = write!(out, "\n{failures}");
    }
    for trouble in artifact.end_to_end.iter().flat_map(|flows| &flows.troubled).take(SHOWN) {
        out.push_str(&screen.wrapped("          - ", trouble));
    }
    out.push_str(&table(artifact, screen));
    let flows = artifact.end_to_end.as_ref().map(end_to_end).unwrap_or_default();
    let rows = out.lines().count() + flows.lines().count() + UNDER_FLOWS;
    if screen.all || screen.rows.is_none_or(|most| rows <= most) {
        out.push_str(&flows);
    }
    let notes: String = artifact.notes.iter().map(|note| screen.wrapped("note: ", &shown(note))).collect();
    let _ =
        write!(out, "\n{}", gates(&judged.checks, "", screen, out.lines().count() + notes.lines().count()));
    out.push_str(&notes);
    let closed = series.response.count() == 0;
    let (name, latency) =
        if closed { ("service time", &series.service) } else { ("response time", &series.response) };
    latencies(&mut out, name, latency, screen);
    out
}

/// What was asked for, and what was done.
fn done(artifact: &LoadArtifact, screen: Screen) -> String {
    let (load, counters) = (&artifact.load, &artifact.counters);
    let asked = match load.total {
        Some(total) => format!("{} by schedule", counted(total, "starts")),
        None => format!("closed model, {}", counted(u64::from(load.connections), "connections")),
    };
    let (target, seconds) = (shown(&load.target), artifact.test_run.duration_seconds);
    let subject = format!("load {}: ", load.subject);
    let mut out = screen.wrapped(&subject, &format!("{asked} against {target} in {seconds:.1} s"));
    let over = counters.connects.map(|n| format!(" over {}", counted(n, "connections"))).unwrap_or_default();
    out.push_str(&screen.wrapped(
        "  ",
        &format!(
            "{} started ({:.1}/s), {} ok, {} failed, {} dropped; {}{over}",
            counters.started,
            load.achieved_per_second,
            counters.ok,
            counters.failed,
            counters.dropped,
            counted(counters.attempts, "requests"),
        ),
    ));
    let named = |what: &str| if what == "step" { "flows with a failed step" } else { what }.to_owned();
    let all = counters.statuses.iter().chain(&counters.errors);
    let tallied: Vec<String> = all.map(|(what, n)| format!("{}: {n}", named(what))).collect();
    if !tallied.is_empty() {
        out.push_str(&screen.wrapped("  ", &tallied.join(", ")));
    }
    out
}

/// The percentiles of each series; a narrow screen gets fewer of them.
fn table(artifact: &LoadArtifact, screen: Screen) -> String {
    let columns = columns_that_fit(screen);
    let heads: String = HEADS.iter().take(columns).map(|head| format!("{head:>9}")).collect();
    let mut out = format!("\n  {:<NAME$}{heads}\n", "time");
    let table = &artifact.latency_ms;
    for (name, figures) in [
        ("response (done - due)", &table.response),
        ("service (done - sent)", &table.service),
        ("lag (sent - due)", &table.lag),
        ("  the generator's own", &table.own_lag),
    ] {
        if let Some(figures) = figures {
            let _ = writeln!(out, "  {name:<NAME$}{}", percentiles(figures, columns));
        }
    }
    out
}

/// The flows' steps and webhooks.
fn end_to_end(flows: &EndToEnd) -> String {
    let mut out =
        format!("\n  {:<NAME$}{:>9}{:>9}{:>9}{:>9}{:>9}\n", "flows", "ok", "failed", "p50", "p95", "p99");
    for (name, step) in &flows.steps {
        let figures: String = [step.p50_ms, step.p95_ms, step.carried_p99_ms()].map(cell).concat();
        let _ = writeln!(
            out,
            "  {:<NAME$}{:>9}{:>9}{figures}",
            cut(&format!("step {name}"), NAME),
            step.ok,
            step.failed
        );
    }
    let figures: String =
        [flows.delivery_p50_ms, flows.delivery_p95_ms, flows.carried_p99_ms()].map(cell).concat();
    let missed = flows.late + flows.lost;
    let _ = writeln!(out, "  {:<NAME$}{:>9}{missed:>9}{figures}", "webhooks", flows.delivered);
    out
}

fn percentiles(figures: &Percentiles, columns: usize) -> String {
    let carried = |percent, ms| Some(ms).filter(|_| carries(figures.samples, percent));
    let p99 = carried(99.0, figures.p99);
    let p99_9 = carried(99.9, figures.p99_9);
    [Some(figures.p50), Some(figures.p95), p99, p99_9, Some(figures.max), Some(figures.mean)]
        .into_iter()
        .take(columns)
        .map(cell)
        .collect()
}

/// A figure in ms; a dash where there are too few samples for it.
fn cell(ms: Option<f64>) -> String {
    ms.map_or_else(|| format!("{:>9}", "-"), |ms| format!("{:>9}", milliseconds(ms)))
}

/// How many of the percentiles stand beside the names.
fn columns_that_fit(screen: Screen) -> usize {
    (screen.width.saturating_sub(2 + NAME) / 9).clamp(1, HEADS.len())
}
