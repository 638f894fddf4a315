//! The page of a load: verdict and gates, latency over time, the percentile curve, counts and failures; one file.

use super::artifact::{LoadArtifact, Percentiles, TimelineRow};
use super::chart::{Chart, Line, Scale, nice};
use super::flows::EndToEnd;
use crate::analysis::load::Series;
use crate::gate::{Check, Verdict};
use crate::report::html::{gates, page, verdict};
use maud::{Markup, html};
use record::latency::Latency;

/// The page. `series` gives the percentile curve its buckets.
#[must_use]
pub fn load_html(artifact: &LoadArtifact, series: &Series) -> String {
    let load = &artifact.load;
    let body = html! {
        p.dim {
            (load.target) ", " (artifact.test_run.timestamp) ", " (load.model) " model, "
            (format!("{:.1}", artifact.test_run.duration_seconds)) " s, "
            (format!("{:.1}", load.achieved_per_second)) " starts/s"
        }
        (verdict(artifact.acceptance_gates.verdict, &artifact.recommendation, true))
        @for note in &artifact.notes { p.dim { "Note: " (note) } }
        main {
            h2 { "Gates" }
            (judged(artifact))
            h2 { "Latency" }
            (percentiles(artifact))
            (over_time(artifact).draw())
            (curve(series, load.model == "open").draw())
            (rates(artifact).draw())
            @if let Some(flows) = &artifact.end_to_end { (end_to_end(flows)) }
            h2 { "Counts" }
            (counts(artifact))
            (failures(artifact))
            h2 { "Where this comes from" }
            (provenance(artifact))
        }
    };
    page(&format!("load {}", load.subject), &body)
}

fn judged(artifact: &LoadArtifact) -> Markup {
    let checks = artifact.acceptance_gates.checks.iter().cloned();
    let (asleep, judged): (Vec<Check>, Vec<Check>) = checks.partition(|c| c.verdict == Verdict::NotExercised);
    html! {
        (gates(&judged))
        @if !asleep.is_empty() {
            details {
                summary { (asleep.len()) " criteria that nothing in this load put to the test" }
                (gates(&asleep))
            }
        }
    }
}

fn percentiles(artifact: &LoadArtifact) -> Markup {
    let table = &artifact.latency_ms;
    let rows: [(&str, &Option<Percentiles>); 4] = [
        ("response (done − due)", &table.response),
        ("service (done − sent)", &table.service),
        ("lag (sent − due)", &table.lag),
        ("of it the generator's own", &table.own_lag),
    ];
    html! {
        div class="wide" { table {
            tr { th { "ms" } @for head in ["mean", "p50", "p90", "p95", "p99", "p99.9", "p99.99", "max"] { th class="n" { (head) } } }
            @for (name, figures) in rows {
                @if let Some(f) = figures {
                    tr { td { (name) } @for x in [f.mean, f.p50, f.p90, f.p95, f.p99, f.p99_9, f.p99_99, f.max] {
                        td class="n" { (format!("{x:.2}")) }
                    } }
                }
            }
        } }
    }
}

fn middle(row: &TimelineRow) -> f64 {
    f64::midpoint(row.from_s, row.to_s)
}

fn seconds(artifact: &LoadArtifact) -> Vec<(f64, String)> {
    ticks(artifact.timeline.last().map_or(1.0, middle).max(0.001))
}

/// Round seconds up to `last`.
fn ticks(last: f64) -> Vec<(f64, String)> {
    let step = nice(last / 6.0);
    let ticks = (0..=6).map(|i| step * f64::from(i)).take_while(|s| *s <= last);
    ticks.map(|s| (s, format!("{} s", (s * 1000.0).round() / 1000.0))).collect()
}

fn over_time(artifact: &LoadArtifact) -> Chart {
    let line = |name: &str, class, of: fn(&TimelineRow) -> Option<f64>| Line {
        name: name.to_owned(),
        class,
        points: artifact.timeline.iter().map(|row| (middle(row), of(row))).collect(),
    };
    let what = if artifact.load.model == "open" { "Response time" } else { "Service time" };
    Chart {
        title: format!("{what} over time"),
        unit: "ms, log scale",
        scale: Scale::Log,
        ticks: seconds(artifact),
        lines: vec![
            line("p50", "a", |row| row.p50_ms),
            line("p95", "b", |row| row.p95_ms),
            line("p99", "c", |row| row.p99_ms),
            line("max", "d", |row| row.max_ms),
        ],
    }
}

fn rates(artifact: &LoadArtifact) -> Chart {
    let line = |name: &str, class, of: &dyn Fn(&TimelineRow) -> Option<f64>| Line {
        name: name.to_owned(),
        class,
        points: artifact.timeline.iter().map(|row| (middle(row), of(row))).collect(),
    };
    Chart {
        title: "Starts per second".to_owned(),
        unit: "1/s",
        scale: Scale::Linear,
        ticks: seconds(artifact),
        lines: vec![
            line("asked", "b", &|row| row.asked_per_second),
            line("made", "a", &|row| Some(row.started_per_second)),
            line("failed", "c", &|row| Some(row.failed as f64 / (row.to_s - row.from_s).max(0.001))),
        ],
    }
}

/// Latency against the percentile, with the percentiles spread out by their nines: x = -log10(1 - p).
fn curve(series: &Series, open: bool) -> Chart {
    let line = |name: &str, class, latency: &Latency| {
        let n = latency.count().max(1) as f64;
        // Beyond one sample in n there is nothing to see.
        let last = n.log10().clamp(1.0, 6.0);
        let at = |i: i32| f64::from(i) / 20.0;
        let points = (0..=(last * 20.0) as i32).map(|i| {
            let percent = (1.0 - 10f64.powf(-at(i))) * 100.0;
            (at(i), latency.percentile_us(percent).map(|us| us as f64 / 1000.0))
        });
        Line { name: name.to_owned(), class, points: points.collect() }
    };
    let mut lines = Vec::new();
    if open {
        lines.push(line("response", "a", &series.response));
    }
    lines.push(line("service", "b", &series.service));
    let longest = lines.iter().flat_map(|l| &l.points).map(|(x, _)| *x).fold(1.0, f64::max);
    let ticks = [
        (0.0, "0"),
        (1.0, "90 %"),
        (2.0, "99 %"),
        (3.0, "99.9 %"),
        (4.0, "99.99 %"),
        (5.0, "99.999 %"),
        (6.0, "99.9999 %"),
    ];
    Chart {
        title: "Latency by percentile".to_owned(),
        unit: "ms, log scale",
        scale: Scale::Log,
        ticks: ticks.into_iter().filter(|(x, _)| *x <= longest).map(|(x, t)| (x, t.to_owned())).collect(),
        lines,
    }
}

fn counts(artifact: &LoadArtifact) -> Markup {
    let c = &artifact.counters;
    let rows = [
        ("starts made", c.started),
        ("ended well", c.ok),
        ("failed", c.failed),
        ("dropped (no free connection before the end)", c.dropped),
        ("given up when interrupted", c.abandoned),
        ("requests", c.attempts),
        ("starts with retries", c.retried),
        ("throttled (429)", c.throttled),
    ];
    html! {
        div class="wide" { table {
            @for (name, n) in rows { tr { td { (name) } td class="n" { (n) } } }
            @if let Some(n) = c.connects { tr { td { "connections opened" } td class="n" { (n) } } }
            @for (status, n) in &c.statuses { tr { td { "answered " (status) } td class="n" { (n) } } }
            @for (error, n) in &c.errors { tr { td { @if error == "step" { "flows with a step that failed" } @else { "no answer: " (error) } } td class="n" { (n) } } }
        } }
    }
}

/// The steps and the webhooks of flows.
fn end_to_end(flows: &EndToEnd) -> Markup {
    let ms = |ms: Option<f64>| ms.map_or_else(|| "–".to_owned(), |ms| format!("{ms:.2}"));
    html! {
        h2 { "Flows and their webhooks" }
        div class="wide" { table {
            tr { th { "" } @for head in ["ok", "failed", "p50 ms", "p95 ms", "p99 ms"] { th class="n" { (head) } } }
            @for (name, step) in &flows.steps {
                tr { td { "step " (name) } td class="n" { (step.ok + step.refused) } td class="n" { (step.failed) }
                    @for x in [step.p50_ms, step.p95_ms, step.p99_ms] { td class="n" { (ms(x)) } } }
            }
            tr { td { "webhooks, from their step to the accepted attempt" } td class="n" { (flows.delivered) }
                td class="n" { (flows.late + flows.lost) }
                @for x in [flows.delivery_p50_ms, flows.delivery_p95_ms, flows.delivery_p99_ms] { td class="n" { (ms(x)) } } }
        } }
        p.dim {
            (flows.expected) " webhooks were due: " (flows.delivered) " in time, " (flows.late) " late, " (flows.lost) " lost; "
            (flows.duplicates) " duplicates, " (flows.unexpected) " unexpected, " (flows.suppressed_by_breaker)
            " swallowed by the sender's circuit breaker."
        }
        @if !flows.troubled.is_empty() { ul { @for trouble in &flows.troubled { li { (trouble) } } } }
    }
}

fn failures(artifact: &LoadArtifact) -> Markup {
    html! {
        @if !artifact.failures.is_empty() {
            h2 { "Some of the failures" }
            div class="wide" { table {
                tr { th class="n" { "start" } th class="n" { "at" } th { "why" } }
                @for f in &artifact.failures {
                    tr { td class="n" { (f.start) } td class="n" { (format!("{:.3} s", f.at.0 as f64 / 1e6)) } td { (f.reason) } }
                }
            } }
        }
    }
}

fn provenance(artifact: &LoadArtifact) -> Markup {
    let from = &artifact.provenance;
    html! {
        p.dim { "smoke " (from.tool_version) ", seed " (from.seed) ", gates " code { (from.gates_sha256) } }
        div class="wide" { table {
            tr { th { "shard" } th { "began" } th { "complete" } th { "SHA-256 of its journal" } }
            @for shard in &artifact.shards {
                tr { td { (shard.index) "/" (shard.count) } td { (shard.started) } td { (shard.complete) } td { code { (shard.journal_sha256) } } }
            }
            @for index in &artifact.missing_shards { tr { td { (index) } td { "–" } td class="unproven" { "missing" } td {} } }
        } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_differ() {
        for (last, want) in
            [(2.5, "0 s, 0.5 s, 1 s, 1.5 s, 2 s, 2.5 s"), (59.5, "0 s, 10 s, 20 s, 30 s, 40 s, 50 s")]
        {
            let texts: Vec<String> = ticks(last).into_iter().map(|(_, text)| text).collect();
            assert_eq!(texts.join(", "), want);
        }
    }
}
