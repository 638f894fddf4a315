//! How one delivery is conducted: the profile's rules, bent by the misbehaviours that strike it.

use super::super::misbehaviour::{Kind, Misbehaviour};
use super::super::options::{Profile, Timing};
use super::http_client::{Exchange, Patience, Redirects};
use record::{IdentityPolicy, RetryContract};
use std::collections::BTreeSet;
use std::time::Duration;

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

    /// The wait before an attempt, from 1.
    pub(super) fn wait_before(&self, attempt: u32) -> Duration {
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
        let limit = if self.has(Kind::ShortTimeout) { limit / 2 } else { limit };
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
            Exchange::Broken(_) | Exchange::Garbled(_) if self.has(Kind::BrokenAsSuccess) => {
                Outcome::Delivered
            }
            Exchange::Broken(_) | Exchange::Garbled(_) if self.gives_up_on_broken() => Outcome::Aborted,
            Exchange::Broken(_) | Exchange::Garbled(_) => Outcome::Failed,
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

    /// Whether a status counts as delivered.
    fn counts(&self, status: u16) -> bool {
        if self.real() || self.has(Kind::NarrowSuccess) {
            matches!(status, 200 | 201 | 202 | 204)
        } else {
            (200..300).contains(&status)
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
        Exchange::Answered { status, body: Vec::new() }
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
    fn the_schedule_is_0_2_4() {
        let waits = |kinds: &[Kind]| {
            let delivery_policy = delivery_policy(Profile::GoodPractice, kinds);
            (1..=delivery_policy.attempts())
                .map(|n| delivery_policy.wait_before(n).as_millis())
                .collect::<Vec<_>>()
        };
        assert_eq!(waits(&[]), [0, 2000, 4000]);
        assert_eq!(waits(&[Kind::NoRetry]), [0]);
        assert_eq!(waits(&[Kind::TooManyRetries]), [0, 2000, 4000, 2000]);
        assert_eq!(waits(&[Kind::WrongBackoff]), [0, 1000, 2000]);
    }
}
