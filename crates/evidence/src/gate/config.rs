//! `gates.yaml`: the targets, typed, with the guide's figures as defaults.

use super::promote::PromoteGate;
use super::triggers::RollbackGate;
use crate::JsonSchema;
use record::{BreakerContract, Header, IdentityPolicy, RetryAfterPolicy, RetryContract, ThrottlePolicy};
use serde::{Deserialize, Serialize};

/// Largest gates file in bytes.
const MAX_BYTES: usize = 1024 * 1024;

/// The criteria of the approval gate. Defaults: docs/deltacrown.md section 6, the staging guide. `null` switches one off.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Gates {
    /// Webhooks delivered of those that steps had to fire, percent, at least.
    pub success_rate_min_percent: Option<f64>,
    /// Deliveries that needed more than one attempt, percent, below.
    pub retry_rate_below_percent: Option<f64>,
    /// Attempts answered with 4xx, percent, below.
    pub client_error_rate_below_percent: Option<f64>,
    /// Attempts answered with 5xx, percent, below.
    pub server_error_rate_below_percent: Option<f64>,
    /// Median delivery latency, milliseconds, below.
    pub latency_p50_below_ms: Option<f64>,
    /// 95th percentile of the delivery latency, retries included, milliseconds, below.
    pub latency_p95_below_ms: Option<f64>,
    /// Findings of personal data in webhooks, at most.
    pub pii_leaks_max: Option<u64>,
    /// Findings of personal data in the API's responses, at most; off by default: reported as a warning.
    pub api_pii_leaks_max: Option<u64>,
    /// Attempts with a valid signature, percent, at least.
    pub signatures_valid_min_percent: Option<f64>,
    /// Webhooks that never came, at most.
    pub lost_max: Option<u64>,
    /// Webhooks that came later than the scenario allows (`within`), at most.
    pub late_max: Option<u64>,
    /// Webhooks that came more often than they should, at most.
    pub duplicates_max: Option<u64>,
    /// Webhooks of this run that nothing asked for, at most.
    pub unexpected_max: Option<u64>,
    /// Steps that were not as expected, at most.
    pub failed_steps_max: Option<u64>,
    /// Errors in the application's own log during an observation (`observe --log`), at most: ERROR lines and tracebacks that
    /// are about no attempt of a webhook.
    pub log_errors_max: Option<u64>,
    /// Webhooks that the sender's own log says were lost during an observation (`observe --log`), at most: given up, aborted, dropped
    /// or skipped, and neither accepted nor refused here.
    pub log_lost_max: Option<u64>,
    /// What is asked of a load, beyond success rate, error rates, p50 and p95.
    pub load: LoadGate,
    /// Whether breaches of the retry contract fail the run.
    pub retry_contract: Option<RetryGate>,
    /// When an observation asks for a rollback.
    pub rollback: RollbackGate,
    /// What a canary stage must have shown before the next.
    pub promote: PromoteGate,
    /// Asks for a claim that holds at this confidence: a rate or percentile that meets its target is unproven unless the
    /// bound of its interval meets it too. Null accepts the guide's sample sizes.
    pub confidence_percent: Option<Confidence>,
    /// Fewest samples for a rate or a percentile; below, it is unproven.
    pub min_samples: u64,
}

/// The confidence at which a claim must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "u64", into = "u64")]
#[schemars(with = "u8", extend("enum" = [95]))]
pub struct Confidence;

impl TryFrom<u64> for Confidence {
    type Error = &'static str;

    fn try_from(percent: u64) -> Result<Self, Self::Error> {
        if percent == 95 { Ok(Self) } else { Err("95 is the only supported confidence") }
    }
}

impl From<Confidence> for u64 {
    fn from(_: Confidence) -> Self {
        95
    }
}

/// The retry contract that is judged: what the sender's profile says, under what stands here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RetryGate {
    /// A gap may be this much shorter than the schedule, milliseconds.
    pub early_ms: u64,
    /// A gap may be this much longer than the schedule, milliseconds.
    pub late_ms: u64,
    /// Pause before attempt 1, 2, 3 …, milliseconds: the first is 0. The profile's by default, for
    /// as many attempts as `WEBHOOK_MAX_RETRIES` says, where it is set; fewer than the sender promises leave `smoke gate` unproven.
    pub backoff_ms: Option<Vec<u64>>,
    /// What stays the same over the attempts of a delivery.
    pub identity: IdentityPolicy,
    /// What 408 and 429 do.
    pub throttled: ThrottlePolicy,
    /// What `Retry-After` does.
    pub retry_after: RetryAfterPolicy,
    /// The sender's circuit breaker.
    pub breaker: BreakerGate,
}

/// The sender's circuit breaker; each figure that does not stand here is the profile's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BreakerGate {
    /// Failed deliveries that open it; each success subtracts one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failures: Option<u32>,
    /// Failures older than this do not count, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window_ms: Option<u64>,
    /// How long it swallows webhooks once open, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_ms: Option<u64>,
}

impl BreakerGate {
    fn over(self, breaker: BreakerContract) -> BreakerContract {
        BreakerContract {
            failures: self.failures.unwrap_or(breaker.failures),
            window_ms: self.window_ms.unwrap_or(breaker.window_ms),
            open_ms: self.open_ms.unwrap_or(breaker.open_ms),
        }
    }

    fn has_zero(self) -> bool {
        self.failures == Some(0) || self.window_ms == Some(0) || self.open_ms == Some(0)
    }
}

/// How a load is judged, beyond success rate, error rates, p50 and p95.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LoadGate {
    /// 99th percentile of the response time, milliseconds, below; off by default.
    pub latency_p99_below_ms: Option<f64>,
    /// 99th percentile of the generator's own lag, milliseconds, below; at or above it the load is unproven.
    pub lag_p99_below_ms: f64,
}

impl Default for LoadGate {
    /// A tenth of the tightest latency target of the guide: what the generator adds does not decide a verdict.
    fn default() -> Self {
        Self { latency_p99_below_ms: None, lag_p99_below_ms: 50.0 }
    }
}

impl Default for RetryGate {
    fn default() -> Self {
        let RetryContract { early_ms, late_ms, identity, throttled, retry_after, .. } =
            RetryContract::one_attempt();
        Self {
            early_ms,
            late_ms,
            backoff_ms: None,
            identity,
            throttled,
            retry_after,
            breaker: BreakerGate::default(),
        }
    }
}

impl RetryGate {
    /// The contract of a sender's profile, with what this gate says otherwise; `attempts`: how many, where that is set.
    #[must_use]
    pub fn over(&self, sender: RetryContract, attempts: Option<u32>) -> RetryContract {
        let usual = Self::default();
        let mut contract = sender;
        if let Some(attempts) = attempts.map(|n| n as usize) {
            let last = contract.backoff_ms.last().copied().unwrap_or_default();
            let next = |pauses: &[u64]| match pauses {
                [.., a, b] if *a > 0 => b.saturating_mul(*b) / a,
                [.., 0, b] => b.saturating_mul(2),
                _ => last,
            };
            contract.backoff_ms.truncate(attempts);
            while contract.backoff_ms.len() < attempts {
                contract.backoff_ms.push(next(&contract.backoff_ms));
            }
        }
        if let Some(pauses) = &self.backoff_ms {
            contract.backoff_ms.clone_from(pauses);
        }
        macro_rules! said {
            ($($field:ident)*) => { $(if self.$field != usual.$field { contract.$field = self.$field; })* };
        }
        said!(early_ms late_ms identity throttled retry_after);
        contract.breaker = self.breaker.over(contract.breaker);
        contract
    }

    fn check(&self) -> Result<(), GatesError> {
        let wrong = |key, why| Err(GatesError::Range { key, why });
        let schedule = self.backoff_ms.as_deref().unwrap_or(&[0]);
        if schedule.first() != Some(&0) || schedule.len() > 10 || schedule.iter().any(|ms| *ms > 3_600_000) {
            return wrong(
                "retry_contract.backoff_ms",
                "1 to 10 pauses of at most an hour each, the first one 0",
            );
        }
        if self.early_ms > 3_600_000 || self.late_ms > 3_600_000 {
            return wrong("retry_contract.early_ms, late_ms", "a tolerance is at most an hour");
        }
        if self.breaker.has_zero() {
            return wrong("retry_contract.breaker", "its figures must be above 0");
        }
        Ok(())
    }
}

impl Default for Gates {
    fn default() -> Self {
        Self {
            success_rate_min_percent: Some(95.0),
            retry_rate_below_percent: Some(20.0),
            client_error_rate_below_percent: Some(5.0),
            server_error_rate_below_percent: Some(15.0),
            latency_p50_below_ms: Some(500.0),
            latency_p95_below_ms: Some(2000.0),
            pii_leaks_max: Some(0),
            api_pii_leaks_max: None,
            signatures_valid_min_percent: Some(100.0),
            lost_max: Some(0),
            late_max: Some(0),
            duplicates_max: Some(0),
            unexpected_max: Some(0),
            failed_steps_max: Some(0),
            log_errors_max: Some(0),
            log_lost_max: Some(0),
            load: LoadGate::default(),
            rollback: RollbackGate::default(),
            promote: PromoteGate::default(),
            retry_contract: Some(RetryGate::default()),
            confidence_percent: None,
            min_samples: 1,
        }
    }
}

/// Why a gates file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum GatesError {
    /// Too large to be one.
    #[error("a gates file of more than {MAX_BYTES} bytes")]
    TooLarge,
    /// Not YAML, an unknown key, a wrong type; the text says line and column.
    #[error("{0}")]
    Syntax(String),
    /// A figure outside its range.
    #[error("{key}: {why}")]
    Range {
        key: &'static str,
        /// What would be right.
        why: &'static str,
    },
}

impl Gates {
    /// Reads a gates file.
    ///
    /// # Errors
    /// When it is not YAML, has unknown keys, or figures out of range.
    pub fn parse(yaml: &str) -> Result<Self, GatesError> {
        Self::of_file(yaml, "gates")
    }

    /// The same of the file that is named in errors.
    ///
    /// # Errors
    /// As for [`Self::parse`]; all that is wrong with the shape of the file is told at once.
    pub fn of_file(yaml: &str, file: &str) -> Result<Self, GatesError> {
        if yaml.len() > MAX_BYTES {
            return Err(GatesError::TooLarge);
        }
        let range = |gates: &Self| match gates.check() {
            Err(GatesError::Range { key, why }) => vec![(key.to_owned(), format!("{key}: {why}"))],
            Err(other) => vec![(String::new(), other.to_string())],
            Ok(()) => Vec::new(),
        };
        scenario::read_checked(yaml, file, range).map_err(|e| GatesError::Syntax(e.to_string()))
    }

    /// Percentages so low that a share was probably meant: of what has to be reached, above 0 and at most 1.
    pub fn probable_shares(&self) -> impl Iterator<Item = (&'static str, f64)> {
        let least = [
            ("success_rate_min_percent", self.success_rate_min_percent),
            ("signatures_valid_min_percent", self.signatures_valid_min_percent),
            ("rollback.success_rate_below_percent", self.rollback.success_rate_below_percent),
            ("promote.proves_percent", Some(self.promote.proves_percent)),
        ];
        let is_share = |percent: &f64| *percent > 0.0 && *percent <= 1.0;
        least.into_iter().filter_map(move |(key, percent)| Some((key, percent.filter(is_share)?)))
    }

    /// Those that a run is judged by: the ones in its journal's header.
    ///
    /// # Errors
    /// When what stands there are no gates, or figures out of range.
    pub fn of_run(header: &Header) -> Result<Self, GatesError> {
        let gates = Self::deserialize(&header.gates).map_err(|e| GatesError::Syntax(e.to_string()))?;
        gates.check()?;
        Ok(gates)
    }

    fn check(&self) -> Result<(), GatesError> {
        let percents = [
            ("success_rate_min_percent", self.success_rate_min_percent),
            ("retry_rate_below_percent", self.retry_rate_below_percent),
            ("client_error_rate_below_percent", self.client_error_rate_below_percent),
            ("server_error_rate_below_percent", self.server_error_rate_below_percent),
            ("signatures_valid_min_percent", self.signatures_valid_min_percent),
        ];
        if let Some((key, _)) = percents.iter().find(|(_, v)| v.is_some_and(|v| !(0.0..=100.0).contains(&v)))
        {
            return Err(GatesError::Range { key, why: "a percentage is 0 to 100" });
        }
        let lag = self.load.lag_p99_below_ms;
        if !(lag > 0.0 && lag.is_finite()) {
            return Err(GatesError::Range {
                key: "load.lag_p99_below_ms",
                why: "a limit must be above 0 ms",
            });
        }
        let limits = [
            ("load.latency_p99_below_ms", self.load.latency_p99_below_ms),
            ("latency_p50_below_ms", self.latency_p50_below_ms),
            ("latency_p95_below_ms", self.latency_p95_below_ms),
        ];
        if let Some((key, _)) = limits.iter().find(|(_, v)| v.is_some_and(|v| !(v > 0.0 && v.is_finite()))) {
            return Err(GatesError::Range { key, why: "a latency limit must be above 0 ms" });
        }
        self.retry_contract.as_ref().map_or(Ok(()), RetryGate::check)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_file_is_the_guide() {
        assert_eq!(Gates::parse("{}").unwrap(), Gates::default());
        let off = Gates::parse("lost_max: null\nlatency_p95_below_ms: 1500").unwrap();
        assert_eq!(
            (off.lost_max, off.latency_p95_below_ms, off.duplicates_max),
            (None, Some(1500.0), Some(0))
        );
    }

    #[test]
    fn mistakes_are_named() {
        let text = |yaml: &str| Gates::parse(yaml).unwrap_err().to_string();
        assert!(text("lost_max: 0\nlosst_max: 1").contains("losst_max"), "{}", text("losst_max: 1"));
        let told = "gates:1:27: success_rate_min_percent: a percentage is 0 to 100";
        assert_eq!(text("success_rate_min_percent: 101"), told);
        assert!(text("lost_max:\nlate_max: 1").contains("expected a whole number, 0 or more, found nothing"));
        assert!(text("latency_p50_below_ms: 0").contains("above 0 ms"));
        assert!(text("retry_contract: { backoff_ms: [1, 2] }").contains("the first one 0"));
        assert!(text("retry_contract: { breaker: { failures: 0 } }").contains("above 0"));
        assert!(
            text("lost_max: -1").contains("gates:1:11: expected a whole number"),
            "{}",
            text("lost_max: -1")
        );
    }
}
