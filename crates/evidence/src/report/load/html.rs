//! The page of a load: verdict and gates, latency over time, the percentile curve, counts and failures; one file.

use super::artifact::{LoadArtifact, Percentiles, TimelineRow};
use super::flows::EndToEnd;
use crate::analysis::load::Series;
use crate::figure::{carries, counted, milliseconds, span};
use crate::gate::{Check, Verdict};
use crate::report::EMBEDDED;
use crate::report::asked::misbehaviours;
use crate::report::html::{Across, Chart, Line, Reason, Top, Up, class, gates, page};
use maud::{Markup, html};
use record::LoadFailure;
use record::latency::Latency;

/// The page. `series` gives the percentile curve its buckets.
#[must_use]
pub fn load_html(artifact: &LoadArtifact, series: &Series) -> String {
    let top = top(artifact);
    let body = html! {
        (top.draw())
        main {
            (reasons(&artifact.acceptance_gates.checks))
            h2 { "Gates" }
            (gates(&artifact.acceptance_gates.checks))
            h2 { "Latency" }
            (percentiles(artifact))
            (curve(series, load_is_open(artifact)).draw())
            (over_time(artifact).draw())
            (rates(artifact).draw())
            @if let Some(flows) = &artifact.end_to_end { (end_to_end(flows)) }
            (failures(artifact))
            h2 { "Everything" }
            details id="counts" { summary { "Counts" } (counts(artifact)) }
            details id="check" { summary { "Provenance" } (provenance(artifact)) }
        }
    };
    page(&top.title, &body)
}

fn load_is_open(artifact: &LoadArtifact) -> bool {
    artifact.load.model == "open"
}

fn top(artifact: &LoadArtifact) -> Top {
    let (load, run, counters) = (&artifact.load, &artifact.test_run, &artifact.counters);
    let table = &artifact.latency_ms;
    let latency = table.response.as_ref().or(table.service.as_ref());
    let tile = |name, p: f64, of: fn(&Percentiles) -> f64| {
        latency.filter(|l| carries(l.samples, p) || p < 60.0).map(|l| (name, milliseconds(of(l))))
    };
    let counts = [("started", counters.started), ("ok", counters.ok), ("failed", counters.failed)];
    let counts = counts.map(|(name, n)| Some((name, n.to_string())));
    let figures = [tile("p50", 50.0, |l| l.p50), tile("p95", 95.0, |l| l.p95), tile("p99", 99.0, |l| l.p99)];
    let (asked, notes) = misbehaviours(&artifact.notes);
    let began = run.timestamp.chars().take(19).collect::<String>().replace('T', " ");
    Top {
        kind: "load",
        title: format!("load of {} against {}", load.subject, load.target),
        facts: vec![
            format!("{began} UTC"),
            span(run.duration_seconds),
            format!("{} model", load.model),
            format!("{:.1} starts/s", load.achieved_per_second),
            format!("smoke {}", artifact.provenance.tool_version),
        ],
        verdict: artifact.acceptance_gates.verdict,
        recommendation: artifact.decided(),
        is_no_evidence: run.environment == EMBEDDED && artifact.acceptance_gates.verdict != Verdict::Pass,
        reasons: Reason::of(&artifact.acceptance_gates.checks),
        tiles: counts.into_iter().chain(figures).flatten().collect(),
        asked,
        warnings: Vec::new(),
        notes,
    }
}

/// What did not pass, in words; the charts and tables below are the evidence.
fn reasons(checks: &[Check]) -> Markup {
    let open: Vec<&Check> =
        checks.iter().filter(|c| matches!(c.verdict, Verdict::Fail | Verdict::Unproven)).collect();
    html! {
        @if !open.is_empty() {
            h2 { "Did not pass" }
            @for check in open {
                section.card.(class(check.verdict)) id={ "check-" (check.id) } {
                    h3 { (check.title) " " span.figure { (crate::figure::actual(check)) @if !check.target.is_empty() { " (target " (check.target) ")" } } }
                    p { (check.text) }
                }
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
        ("of which the generator's own", &table.own_lag),
    ];
    let most = rows.iter().filter_map(|(_, figures)| figures.as_ref()).map(|f| f.samples).max().unwrap_or(0);
    let columns: Vec<Column> =
        COLUMNS.into_iter().filter(|c| c.percent.is_none_or(|p| carries(most, p) || p < 60.0)).collect();
    html! {
        div.wide { table {
            tr { th { "time" } @for column in &columns { th class=(column.class) { (column.name) } } th.n { "n" } }
            @for (name, figures) in rows {
                @if let Some(f) = figures {
                    tr {
                        td { (name) }
                        @for column in &columns { td class=(column.class) { (milliseconds((column.of)(f))) } }
                        td.n { (f.samples) }
                    }
                }
            }
        } }
        @if !carries(most, 99.99) { p.dim { "A percentile is shown only where there are enough samples to support it." } }
    }
}

/// A column of the table of percentiles.
#[derive(Clone, Copy)]
struct Column {
    name: &'static str,
    percent: Option<f64>,
    /// Its cells'; what is `spare` is left out where there is no room for all.
    class: &'static str,
    of: fn(&Percentiles) -> f64,
}

const COLUMNS: [Column; 8] = [
    Column { name: "mean", percent: None, class: "n spare", of: |f| f.mean },
    Column { name: "p50", percent: Some(50.0), class: "n", of: |f| f.p50 },
    Column { name: "p90", percent: Some(90.0), class: "n", of: |f| f.p90 },
    Column { name: "p95", percent: Some(95.0), class: "n", of: |f| f.p95 },
    Column { name: "p99", percent: Some(99.0), class: "n", of: |f| f.p99 },
    Column { name: "p99.9", percent: Some(99.9), class: "n", of: |f| f.p99_9 },
    Column { name: "p99.99", percent: Some(99.99), class: "n", of: |f| f.p99_99 },
    Column { name: "max", percent: None, class: "n", of: |f| f.max },
];

fn middle(row: &TimelineRow) -> f64 {
    f64::midpoint(row.from_s, row.to_s)
}

fn over_time(artifact: &LoadArtifact) -> Chart {
    let line = |name: &str, class, of: fn(&TimelineRow) -> Option<f64>| Line {
        name: name.to_owned(),
        class,
        points: artifact.timeline.iter().map(|row| (middle(row), of(row))).collect(),
    };
    let what = if load_is_open(artifact) { "Response time" } else { "Service time" };
    Chart {
        title: format!("{what} over time"),
        unit: "logarithmic",
        up: Up::Latency,
        across: Across::Time,
        lines: vec![
            line("p50", "a", |row| row.p50_ms),
            line("p95", "b", |row| row.p95_ms),
            line("p99", "c", |row| row.p99_ms),
            line("max", "d", |row| row.max_ms),
        ],
    }
}

/// Steps of the timeline that the rate of starts can be read from: a last one that is cut short, or in which nothing was to be
/// started any more, would look like a drop.
fn whole_steps(artifact: &LoadArtifact) -> &[TimelineRow] {
    let rows = artifact.timeline.as_slice();
    let length = |row: &TimelineRow| row.to_s - row.from_s;
    let usual = rows.first().map_or(0.0, length);
    let is_whole = |row: &TimelineRow| {
        let asked = row.asked_per_second.map_or(row.started_per_second > 0.0, |asked| asked > 0.0);
        asked && length(row) >= usual * 0.95
    };
    match rows.iter().rposition(is_whole) {
        Some(last) => rows.get(..=last).unwrap_or(rows),
        None => rows,
    }
}

fn rates(artifact: &LoadArtifact) -> Chart {
    let line = |name: &str, class, of: &dyn Fn(&TimelineRow) -> Option<f64>| Line {
        name: name.to_owned(),
        class,
        points: whole_steps(artifact).iter().map(|row| (middle(row), of(row))).collect(),
    };
    Chart {
        title: "Starts per second".to_owned(),
        unit: "1/s",
        up: Up::Linear,
        across: Across::Time,
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
        // Beyond one sample in n there is nothing to see; there stands the slowest.
        let last = n.log10().clamp(1.0, 6.0);
        let at = |i: i32| f64::from(i) / 20.0;
        let below = (0..(last * 20.0) as i32).map(|i| {
            let percent = (1.0 - 10f64.powf(-at(i))) * 100.0;
            (at(i), latency.percentile_us(percent).map(|us| us as f64 / 1000.0))
        });
        let slowest = (last, latency.max_us().map(|us| us as f64 / 1000.0));
        Line { name: name.to_owned(), class, points: below.chain([slowest]).collect() }
    };
    let mut lines = Vec::new();
    if open {
        lines.push(line("response", "a", &series.response));
    }
    lines.push(line("service", "b", &series.service));
    let longest = lines.iter().flat_map(|l| &l.points).map(|(x, _)| *x).fold(1.0, f64::max);
    let ticks = [
        (0.0, "0"),
        (1.0, "p90"),
        (2.0, "p99"),
        (3.0, "p99.9"),
        (4.0, "p99.99"),
        (5.0, "p99.999"),
        (6.0, "p99.9999"),
    ];
    let ticks = ticks.into_iter().filter(|(x, _)| *x <= longest).map(|(x, t)| (x, t.to_owned()));
    Chart {
        title: "Latency by percentile".to_owned(),
        unit: "logarithmic, up to the slowest sample",
        up: Up::Latency,
        across: Across::Ticks(ticks.collect()),
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
            @for (status, n) in &c.statuses { tr { td { "status " (status) } td class="n" { (n) } } }
            @for (error, n) in &c.errors { tr { td { @if error == "step" { "flows with a step that failed" } @else { "no response: " (error) } } td class="n" { (n) } } }
        } }
    }
}

/// The steps and the webhooks of flows.
fn end_to_end(flows: &EndToEnd) -> Markup {
    let ms = |ms: Option<f64>| ms.map_or_else(|| "–".to_owned(), milliseconds);
    html! {
        h2 { "Flows and their webhooks" }
        div class="wide" { table {
            tr { th { "" } @for head in ["ok", "failed", "p50", "p95", "p99"] { th class="n" { (head) } } }
            @for (name, step) in &flows.steps {
                tr { td { "step " (name) } td class="n" { (step.ok + step.refused) } td class="n" { (step.failed) }
                    @for x in [step.p50_ms, step.p95_ms, step.carried_p99_ms()] { td class="n" { (ms(x)) } } }
            }
            tr { td { "webhooks, from their step to the accepted attempt" } td class="n" { (flows.delivered) }
                td class="n" { (flows.late + flows.lost) }
                @for x in [flows.delivery_p50_ms, flows.delivery_p95_ms, flows.carried_p99_ms()] { td class="n" { (ms(x)) } } }
        } }
        p.dim {
            (flows.expected) " webhooks were due: " (flows.delivered) " in time, " (flows.late) " late, " (flows.lost) " lost; "
            (flows.duplicates) " duplicates, " (flows.unexpected) " unexpected, " (flows.suppressed_by_breaker)
            " dropped by the sender's circuit breaker."
        }
        @if !flows.troubled.is_empty() { ul { @for trouble in &flows.troubled { li { (trouble) } } } }
    }
}

fn failures(artifact: &LoadArtifact) -> Markup {
    html! {
        @if !artifact.failures.is_empty() {
            h2 { "Some of the failures" }
            @for (reason, all) in by_reason(&artifact.failures) {
                p { (reason) }
                p.dim { (counted(all.len() as u64, "starts")) ": " (all.join(", ")) }
            }
        }
    }
}

/// Failures of which the same is to be said stand together, by the first of them: `9 at 0.452 s`.
fn by_reason(failures: &[LoadFailure]) -> Vec<(&str, Vec<String>)> {
    let mut all: Vec<(&str, Vec<String>)> = Vec::new();
    for failure in failures {
        let said = format!("{} at {:.3} s", failure.start, failure.at.0 as f64 / 1e6);
        match all.iter_mut().find(|(reason, _)| *reason == failure.reason) {
            Some((_, same)) => same.push(said),
            None => all.push((&failure.reason, vec![said])),
        }
    }
    all
}

fn provenance(artifact: &LoadArtifact) -> Markup {
    let from = &artifact.provenance;
    html! {
        p.dim { "Run " code { (from.run_id) } ", smoke " (from.tool_version) ", seed " (from.seed) ", gates " code { (from.gates_sha256) } }
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

    fn row(from_s: f64, to_s: f64, asked: Option<f64>, started: f64) -> TimelineRow {
        TimelineRow {
            from_s,
            to_s,
            asked_per_second: asked,
            started_per_second: started,
            done: 1,
            failed: 0,
            in_flight: 0,
            p50_ms: None,
            p95_ms: None,
            p99_ms: None,
            max_ms: None,
        }
    }

    #[test]
    fn a_last_step_that_was_cut_short_is_no_drop() {
        let of = |rows: Vec<TimelineRow>| {
            let mut artifact = super::super::tests::sample();
            artifact.timeline = rows;
            whole_steps(&artifact).len()
        };
        let whole = |i: f64| row(i, i + 1.0, Some(100.0), 100.0);
        assert_eq!(of(vec![whole(0.0), whole(1.0), row(2.0, 2.2, Some(0.0), 0.0)]), 2);
        assert_eq!(of(vec![whole(0.0), whole(1.0)]), 2);
        assert_eq!(of(vec![row(0.0, 1.0, None, 50.0), row(1.0, 1.1, None, 50.0)]), 1);
    }
}
