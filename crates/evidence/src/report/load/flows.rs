//! End to end under load: what became of the webhooks that the flows had to fire, and how long they took.

use crate::JsonSchema;
use crate::analysis::load::OtherTraffic;
use crate::figure::carries;
use record::latency::Latency;
use record::{RunStats, StepFacts};
use serde::Serialize;
use std::collections::BTreeMap;

/// Above this the inbox of this process is slow enough to be seen in the figures, in milliseconds.
const SLOW_INBOX_MS: f64 = 50.0;

/// Triggered against delivered, over all flows.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct EndToEnd {
    /// Flows that began.
    pub flows: u64,
    /// Of those, the ones that ended.
    pub flows_ended: u64,
    /// Webhooks that steps had to fire.
    pub expected: u64,
    /// Of those, delivered.
    pub delivered: u64,
    /// Of those, after their limit.
    pub late: u64,
    /// Never came.
    pub lost: u64,
    /// Never came while the sender's circuit breaker had to be open; not in `expected`.
    pub suppressed_by_breaker: u64,
    /// Still due when the run was interrupted; not in `expected`.
    pub pending: u64,
    /// Arrived more often than they should.
    pub duplicates: u64,
    /// Came and nothing asked for them.
    pub unexpected: u64,
    /// Deliveries of others at the same receiver, which are not judged; of one shard, those of the other shards with them. Null where
    /// shards share a receiver and did not see the same of it.
    pub foreign: Option<u64>,
    /// Requests that could not be webhooks, by the status that they were refused with. Null as above.
    pub refused: Option<BTreeMap<String, u64>>,
    /// Attempts that arrived.
    pub attempts: u64,
    /// Deliveries that took more than one attempt.
    pub retried: u64,
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
    /// The steps by name.
    pub steps: BTreeMap<String, FlowStep>,
    /// The first late or lost webhooks.
    pub troubled: Vec<String>,
}

/// All steps of one name.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct FlowStep {
    /// As expected.
    pub ok: u64,
    /// Refused with a status that the scenario allows.
    pub refused: u64,
    /// Not as expected.
    pub failed: u64,
    /// Not sent, because an earlier step of the flow failed.
    pub skipped: u64,
    /// Responses by status.
    pub statuses: BTreeMap<String, u64>,
    /// From request to answer, milliseconds; null without answers.
    pub p50_ms: Option<f64>,
    /// As above.
    pub p95_ms: Option<f64>,
    /// As above.
    pub p99_ms: Option<f64>,
    /// The first problems in words.
    pub problems: Vec<String>,
}

impl FlowStep {
    /// The 99th percentile, where there are enough responses for it.
    pub(super) fn carried_p99_ms(&self) -> Option<f64> {
        let responses = self.statuses.values().sum();
        self.p99_ms.filter(|_| carries(responses, 99.0))
    }
}

impl EndToEnd {
    /// The 99th percentile of the deliveries, where there are enough of them for it.
    pub(super) fn carried_p99_ms(&self) -> Option<f64> {
        self.delivery_p99_ms.filter(|_| carries(self.delivered, 99.0))
    }

    /// Reads it from what the flows amount to.
    #[must_use]
    pub fn of(sums: &RunStats, other: &OtherTraffic) -> Self {
        let both = |of: fn(&record::Tally) -> u64| of(&sums.organic) + of(&sums.injected);
        let latency = &sums.organic.latency;
        let inbox_p99_ms = at(&sums.inbox, 99.0);
        Self {
            flows: sums.flows,
            flows_ended: sums.ended,
            expected: both(|t| t.expected),
            delivered: both(|t| t.fulfilled),
            late: both(|t| t.late),
            lost: both(|t| t.lost),
            suppressed_by_breaker: both(|t| t.suppressed),
            pending: both(|t| t.pending),
            duplicates: both(|t| t.duplicates),
            unexpected: both(|t| t.unexpected),
            foreign: other.foreign,
            refused: other.refused.as_ref().map(named),
            attempts: both(|t| t.attempts),
            retried: both(|t| t.retried),
            delivery_p50_ms: at(latency, 50.0),
            delivery_p95_ms: at(latency, 95.0),
            delivery_p99_ms: at(latency, 99.0),
            delivery_max_ms: latency.max_us().map(|us| us as f64 / 1000.0),
            inbox_p99_ms,
            inbox_is_bottleneck: inbox_p99_ms.is_some_and(|ms| ms >= SLOW_INBOX_MS),
            steps: sums.steps.iter().map(|(name, facts)| (name.clone(), step(facts))).collect(),
            troubled: sums.troubled.clone(),
        }
    }
}

impl EndToEnd {
    /// A sentence when the inbox of this process was the bottleneck.
    #[must_use]
    pub fn slow_inbox(&self) -> Option<String> {
        let p99 = self.inbox_p99_ms.filter(|_| self.inbox_is_bottleneck)?;
        Some(format!(
            "this process's own inbox was slow (p99 {p99:.1} ms), so delivery times are partly its own: use more \
             shards, or a `smoke receive` elsewhere"
        ))
    }
}

fn step(facts: &StepFacts) -> FlowStep {
    let problem = |(flow, text): &(Option<u32>, String)| match flow {
        Some(flow) => format!("flow {flow}: {text}"),
        None => text.clone(),
    };
    FlowStep {
        ok: facts.ok,
        refused: facts.refused,
        failed: facts.failed,
        skipped: facts.skipped,
        statuses: named(&facts.statuses),
        p50_ms: at(&facts.latency, 50.0),
        p95_ms: at(&facts.latency, 95.0),
        p99_ms: at(&facts.latency, 99.0),
        problems: facts.problems.iter().map(problem).collect(),
    }
}

fn at(latency: &Latency, percent: f64) -> Option<f64> {
    latency.percentile_us(percent).map(|us| us as f64 / 1000.0)
}

fn named(statuses: &BTreeMap<u16, u64>) -> BTreeMap<String, u64> {
    statuses.iter().map(|(status, n)| (status.to_string(), *n)).collect()
}
