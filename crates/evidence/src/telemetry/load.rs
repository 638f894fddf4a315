//! The figures of a load as metrics.

use super::BOUNDS;
use super::metrics::{Window, judged, metric};
use crate::analysis::load::Series;
use crate::report::LoadArtifact;
use chrono::DateTime;
use record::latency::Latency;
use std::time::Duration;
use telemetry::{Data, Histogram, Metric, Value};

/// The metrics of a load that has ended.
#[must_use]
pub fn load_metrics(artifact: &LoadArtifact, series: &Series) -> Vec<Metric> {
    let run = &artifact.test_run;
    let began = DateTime::parse_from_rfc3339(&run.timestamp).ok().and_then(|at| at.timestamp_nanos_opt());
    let start_ns = began.and_then(|ns| u64::try_from(ns).ok()).unwrap_or_default();
    let lasted = Duration::try_from_secs_f64(run.duration_seconds).unwrap_or_default();
    let text = |name: &str, value: &str| (name.to_owned(), Value::from(value));
    let window = Window {
        start_ns,
        at_ns: start_ns.saturating_add(u64::try_from(lasted.as_nanos()).unwrap_or_default()),
        about: vec![text("smoke.load", &artifact.load.subject), text("smoke.environment", &run.environment)],
    };
    let gates = &artifact.acceptance_gates;
    let mut metrics = judged(&window, gates.verdict, &gates.checks);
    let counters = &artifact.counters;
    let starts = [
        ("started", counters.started),
        ("ok", counters.ok),
        ("failed", counters.failed),
        ("dropped", counters.dropped),
        ("abandoned", counters.abandoned),
    ];
    let starts = starts.map(|(state, count)| window.point(&[("smoke.state", state)], count)).to_vec();
    metrics.push(metric("smoke.load.starts", "Starts of a load, by outcome", "{start}", Data::Sum(starts)));
    let attempts = Data::Sum(vec![window.point(&[], counters.attempts)]);
    metrics.push(metric("smoke.load.requests", "Requests of a load that ended", "{request}", attempts));
    // An integer (OpenTelemetry's semantic conventions for HTTP).
    let answers = counters.statuses.iter().map(|(status, n)| {
        let mut point = window.point(&[], *n);
        let status = status.parse::<u64>().map_or_else(|_| Value::from(status.as_str()), Value::from);
        point.attributes.push(("http.response.status_code".to_owned(), status));
        point
    });
    let answers = Data::Sum(answers.collect());
    metrics.push(metric("smoke.load.answers", "Answers to a load, by status", "{answer}", answers));
    let all = [
        (
            "smoke.load.response",
            "From the time a start was due to its end: what a user waits",
            &series.response,
        ),
        (
            "smoke.load.service",
            "From sending a request to its response: what the target took",
            &series.service,
        ),
        (
            "smoke.load.lag",
            "From the time a start was due to its sending: what the generator took",
            &series.lag,
        ),
    ];
    for (name, about, latency) in all.into_iter().filter(|(_, _, latency)| latency.count() > 0) {
        metrics.push(metric(name, about, "s", Data::Histogram(vec![spread(&window, latency)])));
    }
    metrics
}

fn spread(window: &Window, latency: &Latency) -> Histogram {
    let mut below = 0;
    let up_to = BOUNDS.iter().map(|bound| latency.count_below(Duration::from_secs_f64(*bound)));
    let mut counts: Vec<u64> =
        up_to.map(|count| std::mem::replace(&mut below, count).abs_diff(count)).collect();
    counts.push(latency.count().saturating_sub(below));
    #[expect(clippy::cast_precision_loss, reason = "a sum of latencies needs no more than 52 bits")]
    let sum = latency.mean_us().map(|mean| mean * latency.count() as f64 / 1e6);
    let (attributes, bounds) = (window.about.clone(), BOUNDS.to_vec());
    Histogram { attributes, start_ns: window.start_ns, at_ns: window.at_ns, sum, bounds, counts }
}
