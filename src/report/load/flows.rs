//! End to end under load: what became of the webhooks that the flows had to fire, and how long they took.

use crate::analysis::Tally;
use crate::gate::Check;
use crate::latency::Latency;
use crate::report::Evidence;
use schemars::JsonSchema;
use serde::Serialize;

/// Above this the inbox of this process is slow enough to be seen in the figures, in milliseconds.
const SLOW_INBOX_MS: f64 = 50.0;

/// Triggered against delivered, over all flows.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct EndToEnd {
    /// Webhooks that steps had to fire.
    pub expected: u64,
    /// Of those, delivered.
    pub delivered: u64,
    /// Of those, after their limit.
    pub late: u64,
    /// Never came.
    pub lost: u64,
    /// Came more often than they should.
    pub duplicates: u64,
    /// Came and nothing asked for them.
    pub unexpected: u64,
    /// Attempts that arrived.
    pub attempts: u64,
    /// From the step that had to fire it to the end of the accepted attempt, milliseconds; null without any.
    pub delivery_p50_ms: Option<f64>,
    /// As above.
    pub delivery_p95_ms: Option<f64>,
    /// As above.
    pub delivery_p99_ms: Option<f64>,
    /// As above.
    pub delivery_max_ms: Option<f64>,
    /// From the first byte of an attempt to the end of our answer, 99th percentile, milliseconds: what this process
    /// added.
    pub inbox_p99_ms: Option<f64>,
    /// Whether the inbox of this process was slow enough to distort the figures.
    pub inbox_is_bottleneck: bool,
    /// The gates on the webhooks, judged as in a smoke run; their ids begin with `webhooks_`.
    #[serde(skip)]
    pub checks: Vec<Check>,
}

impl EndToEnd {
    /// Reads it from the evidence of the flows.
    #[must_use]
    pub fn of(evidence: &Evidence) -> Self {
        let (tally, _) = Tally::both(&evidence.analysis);
        let mut inbox = Latency::new();
        for delivery in evidence.analysis.own() {
            for attempt in delivery.tries.iter().filter(|t| t.fault.is_none()) {
                if let Some(end) = attempt.end {
                    inbox.record(end.since(attempt.first_byte));
                }
            }
        }
        let at =
            |latency: &Latency, percent: f64| latency.percentile_us(percent).map(|us| us as f64 / 1000.0);
        let inbox_p99_ms = at(&inbox, 99.0);
        let prefixed = |check: &Check| Check {
            id: format!("webhooks_{}", check.id),
            title: format!("Flows: {}", check.title),
            ..check.clone()
        };
        Self {
            expected: tally.expected,
            delivered: tally.fulfilled,
            late: tally.late,
            lost: tally.lost,
            duplicates: tally.duplicates,
            unexpected: tally.unexpected,
            attempts: tally.attempts,
            delivery_p50_ms: at(&tally.latency, 50.0),
            delivery_p95_ms: at(&tally.latency, 95.0),
            delivery_p99_ms: at(&tally.latency, 99.0),
            delivery_max_ms: tally.latency.max_us().map(|us| us as f64 / 1000.0),
            inbox_p99_ms,
            inbox_is_bottleneck: inbox_p99_ms.is_some_and(|ms| ms >= SLOW_INBOX_MS),
            checks: evidence.checks.iter().map(prefixed).collect(),
        }
    }
}
