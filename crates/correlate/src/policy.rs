//! What follows an attempt under the retry policy: how its delivery stands, and for how long something may still come.

use record::RetryContract;
use record::faults::Fault;
use std::time::Duration;

/// How a delivery stands after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Another attempt is due.
    Open,
    /// The receiver took it.
    Accepted,
    /// A status ended it that is not tried again.
    Aborted,
    /// All attempts failed.
    Exhausted,
}

/// What follows an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct After {
    /// How the delivery stands.
    pub stage: Stage,
    /// So long after the end of the attempt something may still come, wanted or not: the next pause of the schedule (the
    /// longest where there is no next) and its tolerance.
    pub silence: Duration,
}

/// What follows attempt `attempt` (from 1) that was answered with `status`; `None` when its sender saw no complete response.
#[must_use]
pub fn after(policy: &RetryContract, attempt: usize, status: Option<u16>, fault: Option<Fault>) -> After {
    let stage = match status {
        Some(status) if policy.succeeds(status) => Stage::Accepted,
        Some(status) if policy.aborts(status) => Stage::Aborted,
        None if policy.ends_when_broken(fault) => Stage::Aborted,
        Some(300..=399) if policy.follows_redirects => Stage::Open,
        _ if policy.goes_on(attempt) => Stage::Open,
        _ => Stage::Exhausted,
    };
    let pause = match stage {
        Stage::Aborted => policy.gap_ms(1, None),
        _ => policy.gap_ms(attempt, retry_after(fault)),
    };
    let pause = pause.unwrap_or_else(|| policy.longest_ms());
    After { stage, silence: Duration::from_millis(policy.window_ms(pause).1) }
}

/// So long after an attempt a retry may come at the latest, whatever its number.
#[must_use]
pub fn latest_retry(policy: &RetryContract, attempt: usize, fault: Option<Fault>) -> Duration {
    let next = policy.window_ms(policy.gap_ms(attempt, retry_after(fault)).unwrap_or(0)).1;
    policy.latest_retry().max(Duration::from_millis(next))
}

/// The seconds of `Retry-After` that an injected answer carries.
pub(crate) const fn retry_after(fault: Option<Fault>) -> Option<u32> {
    match fault {
        Some(Fault::Status { retry_after, .. }) => retry_after,
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use record::RetryAfterPolicy;

    #[test]
    fn each_answer_has_its_consequence() {
        let policy = RetryContract::default();
        let of = |attempt, status| {
            let After { stage, silence } = after(&policy, attempt, status, None);
            (stage, silence.as_millis())
        };
        assert_eq!(of(1, Some(503)), (Stage::Open, 2500));
        assert_eq!(of(2, None), (Stage::Open, 4500));
        assert_eq!(of(3, Some(503)), (Stage::Exhausted, 4500));
        assert_eq!(of(2, Some(404)), (Stage::Aborted, 2500));
        assert_eq!(of(2, Some(203)), (Stage::Accepted, 4500));
        let later = Some(Fault::Status { status: 503, retry_after: Some(9) });
        assert_eq!(after(&policy, 1, Some(503), later).silence.as_millis(), 2500);
        let heads = RetryContract { aborts_on_broken_bodies: true, ..policy.clone() };
        for (fault, stage) in [
            (Fault::Truncate, Stage::Aborted),
            (Fault::ResetAfterHead, Stage::Aborted),
            (Fault::Reset, Stage::Open),
        ] {
            assert_eq!(after(&heads, 1, None, Some(fault)).stage, stage, "{fault}");
            assert_eq!(after(&policy, 1, None, Some(fault)).stage, Stage::Open, "{fault}");
        }
        let patient = RetryContract { retry_after: RetryAfterPolicy::Honour, ..policy };
        assert_eq!(after(&patient, 1, Some(503), later).silence.as_millis(), 9500);
        assert_eq!(latest_retry(&patient, 1, later).as_millis(), 9500);
        assert_eq!(latest_retry(&patient, 1, None).as_millis(), 4500);
    }
}
