//! An observation minute by minute.

use super::{Analysis, Delivery, Fate};
use crate::JsonSchema;
use record::Tick;
use serde::{Deserialize, Serialize};
use signature::Reason;
use std::time::Duration;

/// Length of a window.
const MINUTE: Duration = Duration::from_secs(60);
/// Most minutes of one observation: a month.
const MOST: usize = 31 * 24 * 60;

/// One minute of an observation; deliveries count in the minute they ended, attempts in the minute they arrived.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Minute {
    /// Number, from 1.
    pub minute: u64,
    /// Deliveries that ended.
    pub ended: u64,
    /// Of those, accepted.
    pub delivered: u64,
    /// Attempts, including those that only look like the sender's.
    pub attempts: u64,
    /// Attempts with an invalid signature.
    pub invalid_signatures: u64,
    /// Attempts whose signature was not verified.
    pub unchecked: u64,
    /// Attempts that look like the sender's and whose signature is not of its key: they count for nothing else here.
    #[serde(default)]
    pub doubtful: u64,
    /// Attempts answered with 4xx.
    pub client_errors: u64,
    /// Attempts answered with 5xx.
    pub server_errors: u64,
    /// Attempts without a complete response.
    pub unanswered: u64,
    /// 95th percentile by nearest rank, in µs, from the first byte of the first attempt to the end of the accepting response,
    /// of those accepted in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_p95_us: Option<u64>,
    /// Why this minute is uncertain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap: Option<String>,
    /// Whether it passed completely.
    pub complete: bool,
}

impl Minute {
    /// Attempts that are certain to be the sender's, which rates are made of.
    #[must_use]
    pub const fn certain(&self) -> u64 {
        self.attempts.saturating_sub(self.doubtful)
    }

    /// Percent of the deliveries that ended in it which were accepted; `None` without traffic or with a gap.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts below 2^52")]
    pub fn success_percent(&self) -> Option<f64> {
        let known = self.ended > 0 && self.gap.is_none();
        known.then(|| self.delivered as f64 / self.ended as f64 * 100.0)
    }
}

/// The minutes of an observation, without gaps from the first to the one that is under way.
#[must_use]
pub fn minutes(analysis: &Analysis) -> Vec<Minute> {
    let Some(begin) = &analysis.watched.begin else { return Vec::new() };
    let number = |at: Tick| usize::try_from(at.since(begin.at).as_secs() / MINUTE.as_secs()).unwrap_or(MOST);
    let until = analysis.watched_until();
    let last = number(until).min(MOST);
    let mut all: Vec<Minute> =
        (1..).take(last + 1).map(|minute| Minute { minute, complete: true, ..Minute::default() }).collect();
    let whole = until.since(begin.at).as_micros().is_multiple_of(MINUTE.as_micros());
    if whole && all.len() > 1 {
        all.pop();
    } else if let Some(current) = all.last_mut() {
        current.complete = false;
    }
    let mut took: Vec<Vec<u64>> = vec![Vec::new(); all.len()];
    for delivery in analysis.own() {
        if let Some((at, true)) = end_of(analysis, &delivery)
            && let Some(took) = took.get_mut(number(at))
        {
            took.extend(
                delivery.accepted_after().map(|took| u64::try_from(took.as_micros()).unwrap_or(u64::MAX)),
            );
        }
        if let Some((at, delivered)) = end_of(analysis, &delivery)
            && let Some(minute) = all.get_mut(number(at))
        {
            minute.ended += 1;
            minute.delivered += u64::from(delivered);
        }
        for attempt in delivery.tries.iter().chain(&delivery.after_acceptance) {
            let Some(minute) = all.get_mut(number(attempt.first_byte)) else { continue };
            minute.attempts += 1;
            let unchecked = attempt.reason == Reason::Unchecked;
            minute.unchecked += u64::from(unchecked);
            minute.invalid_signatures += u64::from(!unchecked && attempt.reason != Reason::Valid);
            match attempt.status {
                Some(400..=499) => minute.client_errors += 1,
                Some(500..=599) => minute.server_errors += 1,
                None if attempt.how.is_some() => minute.unanswered += 1,
                _ => {}
            }
        }
    }
    for delivery in analysis.doubtful() {
        for attempt in delivery.tries.iter().chain(&delivery.after_acceptance) {
            let Some(minute) = all.get_mut(number(attempt.first_byte)) else { continue };
            minute.attempts += 1;
            minute.invalid_signatures += 1;
            minute.doubtful += 1;
        }
    }
    for (minute, took) in all.iter_mut().zip(took) {
        minute.latency_p95_us = p95(took);
    }
    for gap in analysis.watched.gaps.iter().chain(&analysis.watched.open_gap) {
        for minute in all.iter_mut().take(number(gap.to) + 1).skip(number(gap.from)) {
            minute.gap = Some(gap.why.clone());
        }
    }
    all
}

fn p95(mut took: Vec<u64>) -> Option<u64> {
    took.sort_unstable();
    let rank = (took.len() * 95).div_ceil(100);
    took.get(rank.checked_sub(1)?).copied()
}

/// When an organic delivery ended, and whether it was accepted; `None` while it may still go on.
fn end_of(analysis: &Analysis, delivery: &Delivery) -> Option<(Tick, bool)> {
    // What was broken on purpose says nothing about how often things break.
    if delivery.injected() {
        return None;
    }
    let accepted = delivery.tries.iter().find(|t| t.taken);
    if let Some(at) = accepted.and_then(|t| t.end) {
        return Some((at, true));
    }
    let contract = &analysis.header.retry;
    let longest = Duration::from_millis(contract.longest_ms().saturating_add(contract.late_ms));
    let last = delivery.last_end()?;
    match delivery.fate(&analysis.header.retry) {
        Fate::Aborted | Fate::Exhausted => Some((last, false)),
        Fate::GivenUp if analysis.watched_until().since(last) > longest => Some((last, false)),
        _ => None,
    }
}
