//! How one delivery is conducted: the profile's rules, bent by the misbehaviours that strike it.

use super::super::misbehaviour::{Kind, Misbehaviour};
use super::super::options::{Profile, Timing};
use super::http_client::{Exchange, Patience, Redirects};
use record::{IdentityPolicy, RetryAfterPolicy, RetryContract};
use std::collections::BTreeSet;
use std::time::Duration;

/// The time-out of a sender that has none: an hour, longer than any receiver holds a connection.
const WITHOUT_END: Duration = Duration::from_secs(3600);
/// No API keeps its client waiting for longer than this until a webhook has been delivered.
const AT_ONCE: Duration = Duration::from_secs(10);

/// What an attempt means for its delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Delivered,
    /// A client error: no further attempt.
    Aborted,
    /// A failure that may be retried.
    Failed,
}

/// The rules of one delivery.
#[derive(Debug, Clone)]
pub(super) struct DeliveryPolicy {
    profile: Profile,
    kinds: BTreeSet<Kind>,
    max_attempts: u32,
    backoff: Vec<Duration>,
    promises: Option<RetryContract>,
}

impl DeliveryPolicy {
    /// The rules of the delivery with this number.
    pub(super) fn of(
        number: u64,
        profile: Profile,
        misbehave: &[Misbehaviour],
        timing: &Timing,
        max_attempts: u32,
    ) -> Self {
        let kinds = misbehave.iter().filter(|one| one.strikes(number)).map(|one| one.kind).collect();
        Self {
            profile,
            kinds,
            max_attempts: max_attempts.max(1),
            backoff: timing.backoff.clone(),
            promises: timing.promises.clone(),
        }
    }

    pub(super) fn has(&self, kind: Kind) -> bool {
        self.kinds.contains(&kind)
    }

    fn real(&self) -> bool {
        self.profile == Profile::Deltacrown
    }

    /// The most attempts that the sender makes.
    pub(super) fn attempts(&self) -> u32 {
        if self.has(Kind::NoRetry) {
            1
        } else if self.promises.as_ref().is_some_and(|p| p.endless) {
            u32::MAX
        } else if self.has(Kind::TooManyRetries) {
            self.max_attempts + 1
        } else {
            self.max_attempts
        }
    }

    /// The most attempts that it says it makes.
    pub(super) const fn promised(&self) -> u32 {
        self.max_attempts
    }

    /// The wait before an attempt, from 1, when the one before was answered with `Retry-After: retry_after`.
    pub(super) fn wait_before(&self, attempt: u32, retry_after: Option<u32>) -> Duration {
        let told = retry_after.map(|seconds| Duration::from_secs(seconds.into()));
        let wait = self.scheduled(attempt);
        match (self.promises.as_ref().map(|p| p.retry_after), told) {
            (Some(RetryAfterPolicy::Honour), Some(told)) => wait.max(told),
            (Some(RetryAfterPolicy::Exact), Some(told)) => told,
            _ => wait,
        }
    }

    fn scheduled(&self, attempt: u32) -> Duration {
        if attempt <= 1 {
            return Duration::ZERO;
        }
        // The attempt too many comes after the first back-off, so that a watcher of the longest gap sees it.
        let at = if attempt > self.max_attempts { 0 } else { attempt as usize - 2 };
        let wait = self.backoff.get(at).or(self.backoff.last()).copied().unwrap_or_default();
        if self.has(Kind::WrongBackoff) { wait / 2 } else { wait }
    }

    pub(super) fn redirects(&self) -> Redirects {
        let promised = self.promises.as_ref().is_some_and(|p| p.follows_redirects);
        if promised || self.real() || self.has(Kind::FollowRedirects) {
            Redirects::Follow
        } else {
            Redirects::Refuse
        }
    }

    pub(super) fn patience(&self, limit: Duration) -> Patience {
        let limit = match self.promises.as_ref() {
            Some(promises) if promises.without_timeout => WITHOUT_END,
            _ if self.has(Kind::ShortTimeout) => limit / 2,
            _ => limit,
        };
        if self.real() || self.has(Kind::AcceptLate) {
            Patience::PerRead(limit)
        } else {
            Patience::Total(limit)
        }
    }

    /// What an exchange means.
    pub(super) fn judge(&self, exchange: &Exchange) -> Outcome {
        match exchange {
            Exchange::Answered { status, .. } if self.counts(*status) => Outcome::Delivered,
            Exchange::Answered { status, .. } if self.aborts(*status) => Outcome::Aborted,
            Exchange::Answered { .. } | Exchange::TimedOut => Outcome::Failed,
            Exchange::Broken(_) | Exchange::Cut(_) | Exchange::Garbled(_)
                if self.has(Kind::BrokenAsSuccess) =>
            {
                Outcome::Delivered
            }
            Exchange::Cut(_) if self.promises.as_ref().is_some_and(|p| p.aborts_on_broken_bodies) => {
                Outcome::Aborted
            }
            Exchange::Broken(_) | Exchange::Cut(_) | Exchange::Garbled(_) if self.gives_up_on_broken() => {
                Outcome::Aborted
            }
            Exchange::Broken(_) | Exchange::Cut(_) | Exchange::Garbled(_) => Outcome::Failed,
        }
    }

    fn gives_up_on_broken(&self) -> bool {
        let promised = self.promises.as_ref().is_some_and(|p| p.aborts_on_broken_connections);
        promised || self.has(Kind::NoRetryOnReset)
    }

    /// Whether a status ends the delivery at once.
    fn aborts(&self, status: u16) -> bool {
        if self.has(Kind::Retry4xx) {
            return false;
        }
        self.promises.as_ref().map_or((400..500).contains(&status), |promises| promises.aborts(status))
    }

    /// Whether each attempt has a timestamp of its own.
    pub(super) fn stamps_each_attempt(&self) -> bool {
        let per_attempt = |p: &RetryContract| p.identity == IdentityPolicy::TimestampPerAttempt;
        self.has(Kind::NewTimestampPerRetry) || self.promises.as_ref().is_some_and(per_attempt)
    }

    /// Whether the sender answers the request that fired the webhook before it has delivered it.
    pub(super) fn delivers_later(&self) -> bool {
        let all: Duration = self.backoff.iter().sum();
        self.promises.as_ref().is_some_and(|p| p.endless || all > AT_ONCE)
    }

    /// Whether a status counts as delivered.
    fn counts(&self, status: u16) -> bool {
        if self.real() || self.has(Kind::NarrowSuccess) {
            matches!(status, 200 | 201 | 202 | 204)
        } else {
            self.promises.as_ref().map_or((200..300).contains(&status), |promises| promises.succeeds(status))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery_policy(profile: Profile, kinds: &[Kind]) -> DeliveryPolicy {
        let misbehave: Vec<_> = kinds.iter().copied().map(Misbehaviour::from).collect();
        DeliveryPolicy::of(1, profile, &misbehave, &Timing::default(), 3)
    }

    fn status(status: u16) -> Exchange {
        Exchange::Answered { status, retry_after: None, body: Vec::new() }
    }

    #[test]
    fn statuses_mean_what_the_contract_says() {
        let good = delivery_policy(Profile::GoodPractice, &[]);
        let real = delivery_policy(Profile::Deltacrown, &[]);
        for ok in [200, 201, 202, 204] {
            assert_eq!(
                (good.judge(&status(ok)), real.judge(&status(ok))),
                (Outcome::Delivered, Outcome::Delivered)
            );
        }
        for odd in [203, 206, 299] {
            assert_eq!(
                (good.judge(&status(odd)), real.judge(&status(odd))),
                (Outcome::Delivered, Outcome::Failed)
            );
        }
        for no in [400, 401, 403, 404, 408, 409, 410, 413, 422, 429, 499] {
            assert_eq!(
                (good.judge(&status(no)), real.judge(&status(no))),
                (Outcome::Aborted, Outcome::Aborted)
            );
        }
        for later in [301, 302, 307, 500, 502, 503, 504, 599] {
            assert_eq!(
                (good.judge(&status(later)), real.judge(&status(later))),
                (Outcome::Failed, Outcome::Failed)
            );
        }
        assert_eq!(good.judge(&Exchange::TimedOut), Outcome::Failed);
        assert_eq!(good.judge(&Exchange::Broken(String::new())), Outcome::Failed);
    }

    #[test]
    fn a_sender_of_another_contract_keeps_that() {
        let keeping = |contract: RetryContract| {
            let timing = Timing { promises: Some(contract.clone()), ..Timing::of(&contract) };
            DeliveryPolicy::of(1, Profile::GoodPractice, &[], &timing, contract.attempts())
        };
        let set = |text: &str| serde_json::from_str::<record::StatusSet>(text).unwrap();
        let one = RetryContract { backoff_ms: vec![0, 100], ..RetryContract::one_attempt() };
        let picky = keeping(RetryContract {
            success: set("[200]"),
            aborts: Some(set("[\"400-428\", \"430-499\"]")),
            retry_after: RetryAfterPolicy::Exact,
            follows_redirects: true,
            without_timeout: true,
            endless: true,
            ..one.clone()
        });
        let outcome = |code| picky.judge(&status(code));
        assert_eq!(outcome(200), Outcome::Delivered);
        assert_eq!([201, 429, 503].map(outcome), [Outcome::Failed; 3]);
        assert_eq!([400, 408, 410].map(outcome), [Outcome::Aborted; 3]);
        assert_eq!(picky.wait_before(2, Some(3)), Duration::from_secs(3));
        assert_eq!(picky.wait_before(9, None), Duration::from_millis(100));
        assert_eq!((picky.attempts(), picky.redirects()), (u32::MAX, Redirects::Follow));
        assert_eq!(picky.patience(Duration::from_secs(1)), Patience::Total(WITHOUT_END));
        let honours = keeping(RetryContract { retry_after: RetryAfterPolicy::Honour, ..one.clone() });
        let waits = [Some(0), Some(3), None].map(|told| honours.wait_before(2, told).as_millis());
        assert_eq!(waits, [100, 3000, 100]);
        assert!(picky.delivers_later() && !honours.delivers_later());
        assert_eq!(keeping(one).wait_before(2, Some(3)), Duration::from_millis(100));
    }

    #[test]
    fn the_schedule_is_0_2_4() {
        let waits = |kinds: &[Kind]| {
            let delivery_policy = delivery_policy(Profile::GoodPractice, kinds);
            (1..=delivery_policy.attempts())
                .map(|n| delivery_policy.wait_before(n, None).as_millis())
                .collect::<Vec<_>>()
        };
        assert_eq!(waits(&[]), [0, 2000, 4000]);
        assert_eq!(waits(&[Kind::NoRetry]), [0]);
        assert_eq!(waits(&[Kind::TooManyRetries]), [0, 2000, 4000, 2000]);
        assert_eq!(waits(&[Kind::WrongBackoff]), [0, 1000, 2000]);
    }
}
