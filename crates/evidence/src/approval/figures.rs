//! The figures that old and new artifacts share, under all the names they are known to have.

use super::document::{Document, Node, number};
use record::{RetryAfterPolicy, RetryContract};
use serde::Deserialize;
use serde_json::Value;

/// What an artifact states, as far as it can be found.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Figures {
    /// Webhooks that arrived.
    pub sent: Option<u64>,
    /// Of those, accepted.
    pub success: Option<u64>,
    /// Of those, not accepted.
    pub failed: Option<u64>,
    /// Webhooks that were due.
    pub triggered: Option<u64>,
    /// Deliveries measured.
    pub samples: Option<u64>,
    /// Deliveries with more than one attempt.
    pub retried: Option<u64>,
    /// Latencies, ms.
    pub p50: Option<f64>,
    pub p95: Option<f64>,
    pub p99: Option<f64>,
    pub min: Option<f64>,
    pub max: Option<f64>,
    pub avg: Option<f64>,
    /// Pause before the second attempt, ms.
    pub first_pause_ms: f64,
    /// By how much latencies may have been rounded, ms.
    pub rounding_ms: f64,
}

/// The keys of a retry share.
pub(super) const RETRY_RATE: [&str; 5] =
    ["retry_rate", "retry_rate_percent", "retry_percentage", "retry_rate_pct", "retried_percent"];

impl Figures {
    pub fn of(document: &Document<'_>) -> Self {
        let count = |names: &[&str]| document.count(names);
        let figure = |names: &[&str]| document.number(names);
        let sent = count(&["webhooks_sent", "total_webhooks", "webhooks_total", "total_webhooks_sent"]);
        let mut this = Self {
            sent,
            success: count(&[
                "webhooks_success",
                "webhooks_succeeded",
                "successful_webhooks",
                "webhooks_delivered",
            ]),
            failed: count(&["webhooks_failed", "failed_webhooks"]),
            triggered: count(&["events_triggered", "total_events"]),
            samples: count(&["samples", "sample_size", "sample_count", "latency_samples"]),
            retried: count(&["webhooks_retried", "retried", "retried_webhooks", "deliveries_retried"]),
            p50: figure(&["p50_latency_ms", "p50_ms", "median_latency_ms", "p50"]),
            p95: figure(&["p95_latency_ms", "p95_ms", "p95"]),
            p99: figure(&["p99_latency_ms", "p99_ms", "p99"]),
            min: figure(&["min_latency_ms", "min_ms"]),
            max: figure(&["max_latency_ms", "max_ms"]),
            avg: figure(&["avg_latency_ms", "mean_latency_ms", "average_latency_ms", "avg_ms"]),
            first_pause_ms: first_pause_ms(&contract(document)),
            rounding_ms: document.rounding_ms,
        };
        if document.is_own() {
            this.retried = measured_retries(document);
        } else if let (None, Some(rate), Some(sent)) = (this.retried, figure(&RETRY_RATE), sent) {
            this.retried = share(rate, sent);
        }
        this
    }

    /// Deliveries that the percentiles are of.
    pub fn n(&self) -> Option<u64> {
        self.samples.or(self.success).or(self.sent).filter(|n| *n > 0)
    }
}

/// Deliveries of smoke's own artifacts that were retried and are in the latency for sure: organic, accepted, asked for.
/// A sender that breaks the schedule, which the artifact then says, may have been faster.
fn measured_retries(document: &Document<'_>) -> Option<u64> {
    let organic = |name: &&str| document.at(&format!("/outcomes/organic/{name}")).unwrap_or(0);
    let unmeasured = ["aborted", "exhausted", "given_up", "open", "unexpected", "duplicates", "elsewhere"];
    let unmeasured = unmeasured.iter().map(organic).fold(0u64, u64::saturating_add);
    let kept = document.at("/retry/breaches") == Some(0);
    kept.then(|| organic(&"retried").saturating_sub(unmeasured))
}

/// The least pause before a second attempt; none where a `Retry-After` may make it shorter.
#[expect(clippy::cast_precision_loss, reason = "a pause in ms")]
fn first_pause_ms(contract: &RetryContract) -> f64 {
    let pause = match contract.retry_after {
        RetryAfterPolicy::Exact => 0,
        _ => contract.gap_ms(1, None).unwrap_or(0),
    };
    let jitter = pause.saturating_mul(u64::from(contract.jitter_percent)) / 100;
    pause.saturating_sub(jitter) as f64
}

/// What the sender promises about failures: the whole contract where the artifact states it, else the usual sender's with the
/// pauses that it states.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a pause in ms, not below 0")]
pub(super) fn contract(document: &Document<'_>) -> RetryContract {
    let whole = document.root.pointer("/retry/contract").filter(|_| document.is_own());
    if let Some(whole) = whole.and_then(|whole| RetryContract::deserialize(whole).ok()) {
        return whole;
    }
    let usual = RetryContract::default();
    let stated = document.key(&["retry_backoff_ms", "backoff_ms"]).and_then(|n| n.value.as_array());
    let stated: Option<Vec<u64>> =
        stated.map(|list| list.iter().filter_map(number).map(|ms| ms.max(0.0) as u64).collect());
    match stated.filter(|list| list.len() > 1) {
        Some(backoff_ms) => RetryContract { backoff_ms, ..usual },
        None => usual,
    }
}

/// `rate` percent of `n`, rounded down.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a count, both in range"
)]
fn share(rate: f64, n: u64) -> Option<u64> {
    (0.0..=100.0).contains(&rate).then(|| (rate / 100.0 * n as f64 + 1e-6).floor() as u64)
}

/// The values of an object that are all whole numbers of things, 0 or more; `None` for any other value.
pub(super) fn tally(node: &Node<'_>) -> Option<Vec<u64>> {
    let map = node.value.as_object().filter(|map| !map.is_empty())?;
    let count = |v: &Value| v.as_u64().or_else(|| v.get("count").and_then(Value::as_u64));
    map.values().map(count).collect()
}
