//! The figures of a run as metrics.

use super::flows::FlowVerdicts;
use super::seen::Seen;
use super::{BOUNDS, ns};
use crate::analysis::Delivery;
use crate::gate::{Check, Verdict};
use crate::report::Evidence;
use record::{Outcome, Tick};
use std::collections::BTreeMap;
use std::time::Duration;
use telemetry::{Attributes, Data, Histogram, Metric, Point, Value};

/// Since when something is counted, until when, and which run it is.
#[derive(Debug, Clone)]
pub(super) struct Window {
    pub start_ns: u64,
    pub at_ns: u64,
    pub about: Attributes,
}

impl Window {
    pub(super) fn point(&self, more: &[(&str, &str)], value: impl Into<Value>) -> Point {
        let (start_ns, at_ns, value) = (self.start_ns, self.at_ns, value.into());
        Point { attributes: self.with(more), start_ns, at_ns, value }
    }

    fn with(&self, more: &[(&str, &str)]) -> Attributes {
        let more = more.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value)));
        self.about.iter().cloned().chain(more).collect()
    }

    fn spread(&self, more: &[(&str, &str)], values: impl Iterator<Item = Duration>) -> Histogram {
        let (mut counts, mut sum) = (vec![0; BOUNDS.len() + 1], 0.0);
        for seconds in values.map(|value| value.as_secs_f64()) {
            sum += seconds;
            let bucket = BOUNDS.iter().position(|bound| seconds <= *bound).unwrap_or(BOUNDS.len());
            if let Some(count) = counts.get_mut(bucket) {
                *count += 1;
            }
        }
        let (start_ns, at_ns, bounds) = (self.start_ns, self.at_ns, BOUNDS.to_vec());
        Histogram { attributes: self.with(more), start_ns, at_ns, sum: Some(sum), bounds, counts }
    }
}

pub(super) fn metric(name: &str, description: &str, unit: &str, data: Data) -> Metric {
    Metric { name: name.to_owned(), description: description.to_owned(), unit: unit.to_owned(), data }
}

/// The verdict, and each gate's figure and answer.
pub(super) fn judged(window: &Window, verdict: Verdict, checks: &[Check]) -> Vec<Metric> {
    let is = Data::Gauge(vec![window.point(&[("smoke.verdict", verdict.word())], 1u64)]);
    let of = |check: &Check, value: Value| {
        let more = [
            ("smoke.gate", check.id.as_str()),
            ("smoke.gate.verdict", check.verdict.word()),
            ("smoke.gate.unit", check.unit.as_str()),
        ];
        window.point(&more, value)
    };
    let figures = checks.iter().filter_map(|check| Some(of(check, Value::Double(check.actual?)))).collect();
    let passed = |check: &&Check| check.verdict != Verdict::NotExercised;
    let answers =
        checks.iter().filter(passed).map(|c| of(c, u64::from(c.verdict == Verdict::Pass).into())).collect();
    vec![
        metric("smoke.verdict", "1 for the verdict that was reached", "1", is),
        metric(
            "smoke.gate.actual",
            "What was measured for a gate, in the gate's unit",
            "1",
            Data::Gauge(figures),
        ),
        metric(
            "smoke.gate.passed",
            "1 for a gate that passed, 0 for one that failed or is unproven",
            "1",
            Data::Gauge(answers),
        ),
    ]
}

/// The metrics of a run.
pub(super) fn metrics(evidence: &Evidence, seen: &Seen, verdicts: &FlowVerdicts<'_>) -> Vec<Metric> {
    let (analysis, header) = (&evidence.analysis, &evidence.analysis.header);
    let text = |name: &str, value: &str| (name.to_owned(), Value::from(value));
    let window = Window {
        start_ns: ns(header, Tick(0)),
        at_ns: ns(header, analysis.latest),
        about: vec![
            text("smoke.scenario", &header.scenario.name),
            text("smoke.environment", &header.environment),
        ],
    };
    let mut metrics = judged(&window, evidence.verdict, &evidence.checks);
    let [passed, failed, unproven] = verdicts.counts();
    metrics.push(metric(
        "smoke.flows",
        "Flows that were played, by what their steps and webhooks show",
        "{flow}",
        Data::Sum(vec![
            window.point(&[("smoke.outcome", "ok")], passed),
            window.point(&[("smoke.outcome", "failed")], failed),
            window.point(&[("smoke.outcome", "unproven")], unproven),
        ]),
    ));
    metrics.push(webhooks(evidence, &window));
    metrics.push(latency(evidence, &window));
    metrics.push(steps(seen, &window));
    metrics
}

/// Deliveries that faults of ours have delayed are apart, as in the artifact.
fn latency(evidence: &Evidence, window: &Window) -> Metric {
    let analysis = &evidence.analysis;
    let of = |is_injected: bool| {
        let own = analysis.own().filter(|delivery| delivery.injected() == is_injected);
        let took: Vec<Duration> = own.filter_map(|delivery| analysis.latency(&delivery)).collect();
        let injected = if is_injected { "true" } else { "false" };
        window.spread(&[("smoke.injected", injected)], took.into_iter())
    };
    let about = "From the step that fires a webhook to the end of the response that accepts it";
    let injected = Some(of(true)).filter(|delayed| delayed.count() > 0);
    let both = std::iter::once(of(false)).chain(injected).collect();
    metric("smoke.webhook.latency", about, "s", Data::Histogram(both))
}

fn webhooks(evidence: &Evidence, window: &Window) -> Metric {
    let analysis = &evidence.analysis;
    let (due, missing) = analysis.expectations().fold((0u64, 0u64), |(due, missing), expected| {
        (due + u64::from(expected.due()), missing + u64::from(expected.missing()))
    });
    let count = |is: fn(&Delivery) -> u64| analysis.own().map(|delivery| is(&delivery)).sum::<u64>();
    let states = [
        ("due", due),
        ("missing", missing),
        ("arrived", count(|_| 1)),
        ("accepted", count(|d| u64::from(d.accepted().is_some()))),
        ("retried", count(|d| u64::from(d.tries.len() > 1))),
        ("duplicate", count(|d| d.repeats() + u64::from(d.surplus))),
        ("attempts", count(|d| (d.tries.len() + d.after_acceptance.len()) as u64)),
    ];
    let points = states.map(|(state, count)| window.point(&[("smoke.state", state)], count));
    metric("smoke.webhooks", "Webhooks of the run, by outcome", "{webhook}", Data::Sum(points.to_vec()))
}

fn steps(seen: &Seen, window: &Window) -> Metric {
    let mut by_name: BTreeMap<&str, Vec<Duration>> = BTreeMap::new();
    for step in seen.steps.iter().filter(|step| step.outcome != Outcome::Skipped) {
        by_name.entry(&step.name).or_default().push(step.ended.since(step.started));
    }
    let spread =
        |(name, took): (&str, Vec<Duration>)| window.spread(&[("smoke.step", name)], took.into_iter());
    let data = Data::Histogram(by_name.into_iter().map(spread).collect());
    metric("smoke.step.duration", "How long a step's request took", "s", data)
}
