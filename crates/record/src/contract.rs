//! What the sender promises about failures: schedule, identity, client errors, circuit breaker; and the tolerance.

use super::faults::Fault;
use super::sender::SenderProfile;
use super::statuses::StatusSet;
use crate::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What a sender promises about failures, and the tolerance it is judged with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RetryContract {
    /// Pause before attempt 1, 2, 3 … in milliseconds; its length is the number of attempts.
    pub backoff_ms: Vec<u64>,
    /// A gap may be this much shorter, in milliseconds.
    pub early_ms: u64,
    /// A gap may be this much longer, in milliseconds.
    pub late_ms: u64,
    /// What stays the same over the attempts of a delivery.
    #[serde(default)]
    pub identity: IdentityPolicy,
    /// What 408 and 429 do.
    #[serde(default)]
    pub throttled: ThrottlePolicy,
    /// What `Retry-After` does.
    #[serde(default)]
    pub retry_after: RetryAfterPolicy,
    /// The circuit breaker.
    #[serde(default)]
    pub breaker: BreakerContract,
    /// Whether it retries forever, repeating the last pause.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub endless: bool,
    /// How many percent longer or shorter a pause may be.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub jitter_percent: u32,
    /// Statuses with which a receiver accepts a webhook; if empty, every 2xx.
    #[serde(default, skip_serializing_if = "StatusSet::is_empty")]
    pub success: StatusSet,
    /// Statuses that end a delivery at once; every 4xx when `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aborts: Option<StatusSet>,
    /// Statuses that are retried although they would otherwise end it.
    #[serde(default, skip_serializing_if = "StatusSet::is_empty")]
    pub retries: StatusSet,
    /// Whether a broken connection ends the delivery.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub aborts_on_broken_connections: bool,
    /// Whether a connection that breaks after the head of the answer ends it: the sender has the status, and reads no further or does
    /// not try again for what it could not read.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub aborts_on_broken_bodies: bool,
    /// Whether it follows redirects.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub follows_redirects: bool,
    /// Whether an attempt may last forever.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub without_timeout: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
const fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// How much shorter than said a pause may be, ms: the rounding of timers and of timestamps.
pub const EARLY_MS: u64 = 50;
/// How much longer, ms: a busy sender's.
pub const LATE_MS: u64 = 500;

impl Default for RetryContract {
    /// That of the sender that is meant where none is named ([`SenderProfile::usual`]).
    fn default() -> Self {
        SenderProfile::usual().contract()
    }
}

impl RetryContract {
    /// A sender that tries once, ±50 ms and 500 ms; all attempts the same; every 4xx aborts; `Retry-After` is ignored; no
    /// breaker.
    #[must_use]
    pub fn one_attempt() -> Self {
        Self {
            backoff_ms: vec![0],
            early_ms: EARLY_MS,
            late_ms: LATE_MS,
            identity: IdentityPolicy::default(),
            throttled: ThrottlePolicy::default(),
            retry_after: RetryAfterPolicy::default(),
            breaker: BreakerContract::NONE,
            endless: false,
            jitter_percent: 0,
            success: StatusSet::default(),
            aborts: None,
            retries: StatusSet::default(),
            aborts_on_broken_connections: false,
            aborts_on_broken_bodies: false,
            follows_redirects: false,
            without_timeout: false,
        }
    }
}

impl RetryContract {
    /// What of it smoke keeps to where it sends in the place of this sender: all attempts of the schedule where it `retries`,
    /// which come to an end and have a time limit, or else one.
    #[must_use]
    pub fn as_sent(mut self, retries: bool) -> Self {
        if !retries {
            self.backoff_ms.truncate(1);
        }
        Self { endless: false, without_timeout: false, ..self }
    }

    /// Attempts for one delivery.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        u32::try_from(self.backoff_ms.len()).unwrap_or(u32::MAX)
    }

    /// Whether a status says that the receiver took the webhook.
    #[must_use]
    pub fn succeeds(&self, status: u16) -> bool {
        if self.success.is_empty() { matches!(status, 200..=299) } else { self.success.contains(status) }
    }

    /// Whether a status ends a delivery as failed at once: as declared, else a 4xx, except 408 and 429 where they are to be
    /// retried.
    #[must_use]
    pub fn aborts(&self, status: u16) -> bool {
        if self.retries.contains(status) {
            return false;
        }
        match &self.aborts {
            _ if self.succeeds(status) => false,
            Some(set) => set.contains(status),
            None => {
                // A sender that names what it retries names these two apart.
                let throttled = matches!(status, 408 | 429) && self.retries.is_empty();
                matches!(status, 400..=499) && !(throttled && matches!(self.throttled, ThrottlePolicy::Retry))
            }
        }
    }

    /// Whether an attempt whose connection broke ends the delivery; `fault`: how it was broken. One that a sender gives up at its
    /// own time-out is not broken.
    #[must_use]
    pub fn ends_when_broken(&self, fault: Option<Fault>) -> bool {
        if matches!(fault, Some(Fault::Hang(_))) && !self.without_timeout {
            return false;
        }
        let in_body = matches!(fault, Some(Fault::ResetAfterHead | Fault::Truncate));
        self.aborts_on_broken_connections || (self.aborts_on_broken_bodies && in_body)
    }

    /// Whether it says nothing else about statuses than that a 4xx ends a delivery, and perhaps not 408 and 429.
    #[must_use]
    pub fn is_usual(&self) -> bool {
        self.aborts.is_none() && self.retries.is_empty()
    }

    /// Whether another attempt is due after attempt `attempt` (from 1) failed in a way that is tried again.
    #[must_use]
    pub fn goes_on(&self, attempt: usize) -> bool {
        self.endless || attempt < self.backoff_ms.len()
    }

    /// From how soon to how late an attempt may come that is due after `pause` ms, in milliseconds: jitter and tolerance.
    #[must_use]
    pub fn window_ms(&self, pause: u64) -> (u64, u64) {
        let jitter = pause.saturating_mul(u64::from(self.jitter_percent)) / 100;
        let early = pause.saturating_sub(jitter).saturating_sub(self.early_ms);
        (early, pause.saturating_add(jitter).saturating_add(self.late_ms))
    }

    /// Whether a gap in µs is the pause of so many ms.
    #[must_use]
    pub fn keeps_pause(&self, pause_ms: u64, gap_us: u64) -> bool {
        let (early, late) = self.window_ms(pause_ms);
        (early.saturating_mul(1000)..=late.saturating_mul(1000)).contains(&gap_us)
    }

    /// The longest pause between two attempts, milliseconds.
    #[must_use]
    pub fn longest_ms(&self) -> u64 {
        self.backoff_ms.iter().copied().max().unwrap_or(0)
    }

    /// The wanted pause after attempt `attempt` (from 1) when it was answered with `Retry-After: retry_after` (seconds),
    /// in milliseconds; `None` when no attempt is to follow.
    #[must_use]
    pub fn gap_ms(&self, attempt: usize, retry_after: Option<u32>) -> Option<u64> {
        let last = self.backoff_ms.last().filter(|_| self.endless);
        let scheduled = *self.backoff_ms.get(attempt).or(last)?;
        match (self.retry_after, retry_after) {
            (RetryAfterPolicy::Honour, Some(seconds)) => Some(scheduled.max(u64::from(seconds) * 1000)),
            (RetryAfterPolicy::Exact, Some(seconds)) => Some(u64::from(seconds) * 1000),
            _ => Some(scheduled),
        }
    }

    /// So long after an attempt a retry may come at the latest: the longest pause and its tolerance.
    #[must_use]
    pub fn latest_retry(&self) -> Duration {
        Duration::from_millis(self.window_ms(self.longest_ms()).1)
    }

    /// How long an attempt of a sender with this time-out (ms) may last until it counts as held beyond it: a twentieth
    /// more, at least 100 ms and at most the tolerance of a gap.
    #[must_use]
    pub fn deadline(&self, timeout_ms: u64) -> Duration {
        Duration::from_millis(timeout_ms + self.slack_ms(timeout_ms))
    }

    /// How soon an attempt of it may end at its time-out, as seen here: the sender's clock begins before it has connected.
    #[must_use]
    pub fn soonest_end(&self, timeout_ms: u64) -> Duration {
        Duration::from_millis(timeout_ms.saturating_sub(self.early_ms.max(self.slack_ms(timeout_ms))))
    }

    fn slack_ms(&self, timeout_ms: u64) -> u64 {
        (timeout_ms / 20).max(100).min(self.late_ms.max(100))
    }
}

/// What stays the same over the attempts of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IdentityPolicy {
    /// Id, timestamp, signature and bytes.
    #[default]
    Same,
    /// Id and bytes; each attempt has its own timestamp and therefore its own signature (Standard Webhooks).
    TimestampPerAttempt,
}

/// What 408 and 429 do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ThrottlePolicy {
    /// They end the delivery, as every 4xx.
    #[default]
    Abort,
    /// They are retried, as a 5xx.
    Retry,
}

/// What `Retry-After` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RetryAfterPolicy {
    /// Nothing: the schedule is kept.
    #[default]
    Ignore,
    /// The pause is at least as long as it says.
    Honour,
    /// The pause is exactly as long as it says, instead of the schedule's.
    Exact,
}

/// The sender's circuit breaker; none by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BreakerContract {
    /// Failed deliveries that open it; each success subtracts one.
    pub failures: u32,
    /// Failures older than this do not count, milliseconds.
    pub window_ms: u64,
    /// How long it swallows webhooks once open, milliseconds; the next one after that is a probe.
    pub open_ms: u64,
}

impl BreakerContract {
    /// A sender without a circuit breaker.
    pub const NONE: Self = Self { failures: 0, window_ms: 0, open_ms: 0 };

    /// Whether there is none.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.failures == 0
    }

    /// [`Self::window_ms`].
    #[must_use]
    pub const fn window(&self) -> Duration {
        Duration::from_millis(self.window_ms)
    }

    /// [`Self::open_ms`].
    #[must_use]
    pub const fn open(&self) -> Duration {
        Duration::from_millis(self.open_ms)
    }

    /// A delivery that begins this shortly after the opening may have been let through before it: 500 ms, at most a
    /// quarter of the silence, so that a short one can be told from its edges.
    #[must_use]
    pub fn overlap(&self) -> Duration {
        Duration::from_millis(500).min(self.open() / 4)
    }

    /// How far a webhook that is asked for shortly before the silence ends stays away from where it may be the probe: 2 s, at
    /// most an eighth of the silence.
    fn room(&self) -> Duration {
        Duration::from_secs(2).min(self.open() / 8)
    }

    /// When, after the opening, to ask for a webhook that shows that the silence lasts: shortly before its end.
    #[must_use]
    pub fn nearly_over(&self) -> Duration {
        self.open().saturating_sub(self.overlap() + self.room())
    }

    /// What is dropped from here on, after the opening, shows that the silence lasts. [`Self::nearly_over`] is meant, less what
    /// a step may take more or less than the one before.
    #[must_use]
    pub fn shows_silence(&self) -> Duration {
        self.nearly_over().saturating_sub(self.room())
    }

    /// How many deliveries may have failed without opening it; any number where there is none.
    #[must_use]
    pub const fn spare(&self) -> u64 {
        if self.is_none() { u64::MAX } else { self.failures.saturating_sub(1) as u64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_bend_the_contract() {
        let deltacrown = RetryContract::default();
        assert_eq!(deltacrown.backoff_ms, [0, 2000, 4000]);
        assert_eq!(deltacrown.breaker, BreakerContract { failures: 5, window_ms: 120_000, open_ms: 60_000 });
        assert!(deltacrown.aborts(400) && deltacrown.aborts(429) && !deltacrown.aborts(503));
        assert_eq!((deltacrown.gap_ms(1, Some(7)), deltacrown.gap_ms(3, None)), (Some(2000), None));
        let patient = RetryContract {
            throttled: ThrottlePolicy::Retry,
            retry_after: RetryAfterPolicy::Honour,
            ..deltacrown
        };
        assert!(patient.aborts(400) && !patient.aborts(429) && !patient.aborts(408));
        assert_eq!((patient.gap_ms(1, Some(7)), patient.gap_ms(2, Some(1))), (Some(7000), Some(4000)));
    }

    #[test]
    fn the_end_of_a_silence_is_asked_for_with_room_on_both_sides() {
        let ms = |open_ms| {
            let breaker = BreakerContract { failures: 5, window_ms: 120_000, open_ms };
            (breaker.shows_silence().as_millis(), breaker.nearly_over().as_millis())
        };
        assert_eq!(
            [60_000, 12_000, 1600, 0].map(ms),
            [(55_500, 57_500), (8500, 10_000), (800, 1000), (0, 0)]
        );
    }

    #[test]
    fn the_deadline_is_a_little_longer_than_the_time_out() {
        let ms = |timeout| RetryContract::default().deadline(timeout).as_millis();
        assert_eq!((ms(100), ms(4000), ms(10_000), ms(60_000)), (200, 4200, 10_500, 60_500));
        let soonest = |timeout| RetryContract::default().soonest_end(timeout).as_millis();
        assert_eq!((soonest(100), soonest(4000), soonest(10_000)), (0, 3800, 9500));
    }
}
