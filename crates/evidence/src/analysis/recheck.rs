//! Verifies the webhooks of a journal again, under the secret, at the time each of them arrived.

use super::judging_clock::JudgingClock;
use chrono::TimeDelta;
use record::{Attempt, Header, JudgedBy, Record, Watch};
use signature::Secret;
use signature::{KeyError, Reason, Verifier};

/// After so many disagreements the secret is another one, or the journal is made up; counting on would say nothing more.
const ENOUGH: u64 = 1000;
/// A second verification of every attempt.
#[derive(Debug)]
pub struct Recheck {
    verifier: Verifier,
    /// How many secrets the receiver had, and how many were given.
    secrets: usize,
    given: usize,
    /// Of the receiver's run that judges, where it is elsewhere; how often it was another, and whether the verdicts of one hold in
    /// part.
    by: Option<ByOne>,
    restarts: u64,
    mixed: bool,
    clock: JudgingClock,
    /// Attempts verified again.
    pub checked: u64,
    /// Of those, valid now.
    pub valid: u64,
    /// Attempts whose recorded verdict is not the one of today.
    pub disagreements: u64,
    /// Attempts that were signed with another secret, and were not recorded so.
    pub mismatched: u64,
    /// Attempts that were recorded as signed with another secret, and are valid.
    pub vindicated: u64,
    /// Attempts that were taken unchecked, and are not valid.
    pub invalid: u64,
    /// Of those, the ones that are signed with the secret, and not at the time at which they came.
    pub untimely: u64,
    /// Attempts whose verdict is the right one by the clock that judged them, which was off, and not by the run's own.
    pub by_other_clock: u64,
    /// The first of them.
    pub first: Option<Disagreement>,
}

/// The verdicts of one run of a receiver elsewhere.
#[derive(Debug)]
struct ByOne {
    receiver: uuid::Uuid,
    /// Whether one that accepts holds, and whether one does not.
    confirmed: bool,
    contradicted: bool,
}

impl ByOne {
    const fn is_mixed(&self) -> bool {
        self.confirmed && self.contradicted
    }
}

/// A recorded verdict that the bytes beside it do not bear out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disagreement {
    /// The attempt's number.
    pub attempt: u64,
    /// What the journal says.
    pub recorded: Reason,
    /// What its bytes say under the secret.
    pub found: Reason,
}

impl Recheck {
    /// Nothing verified yet.
    ///
    /// # Errors
    /// When the secret is no key of the journal's scheme.
    pub fn new(header: &Header, secret: &Secret) -> Result<Self, KeyError> {
        let verifier = Verifier::new(header.scheme, secret)?.of_kept().with_url(&header.webhook.endpoint);
        Ok(Self {
            verifier,
            secrets: header.webhook.secrets.max(1),
            given: secret.count(),
            by: None,
            restarts: 0,
            mixed: false,
            clock: JudgingClock::new(header.started),
            checked: 0,
            valid: 0,
            disagreements: 0,
            mismatched: 0,
            vindicated: 0,
            invalid: 0,
            untimely: 0,
            by_other_clock: 0,
            first: None,
        })
    }

    /// The same where webhooks were received elsewhere, and judged by the clock there: `apart` is that one minus the run's
    /// ([`receiver_clock`](super::receiver_clock)).
    #[must_use]
    pub fn by_receiver(mut self, apart: Option<TimeDelta>) -> Self {
        self.clock.by_receiver(apart);
        self
    }

    /// The same where webhooks are judged by the sender's clock, which is `behind` the one that judged them.
    #[must_use]
    pub fn by_sender(mut self, behind: Option<TimeDelta>) -> Self {
        self.clock.by_sender(behind);
        self
    }

    pub fn take(&mut self, record: &Record) {
        match record {
            Record::Attempt(attempt) if self.disagreements < ENOUGH => self.verify(attempt),
            Record::Watch(fact) => {
                self.clock.take(fact);
                if let Watch::JudgedBy(theirs) = fact {
                    self.judged_by(theirs);
                }
            }
            _ => {}
        }
    }

    /// The receiver's secrets are those that it has now, and of its runs the one before is over.
    fn judged_by(&mut self, theirs: &JudgedBy) {
        self.secrets = self.secrets.max(theirs.secrets);
        if self.by.as_ref().is_some_and(|by| by.receiver == theirs.receiver) {
            return;
        }
        let new = ByOne { receiver: theirs.receiver, confirmed: false, contradicted: false };
        let before = self.by.replace(new);
        self.restarts += u64::from(before.is_some());
        self.mixed |= before.is_some_and(|by| by.is_mixed());
    }

    /// Whether everything that is not valid is only signed at another time than it came: the secret is right, and a clock is not.
    #[must_use]
    pub const fn is_of_another_time(&self) -> bool {
        self.untimely > 0 && self.untimely == self.invalid && self.disagreements == 0
    }

    /// Whether this is another secret than the run's: not one webhook is valid under it, and no verdict changed but to mismatch.
    #[must_use]
    pub const fn is_of_another_secret(&self) -> bool {
        let changed = self.disagreements == 0 || self.disagreements == self.mismatched;
        self.mismatched > 0 && self.valid == 0 && changed
    }

    /// Why verdicts do not hold, where the secret, or some of the secrets, that the receiver had are others than those that were given:
    /// that speaks against nobody.
    #[must_use]
    pub fn other_secrets(&self) -> Option<String> {
        if self.is_of_another_secret() {
            let recorded = if self.invalid > 0 { "unchecked" } else { "valid" };
            return Some(format!(
                "is this the right secret? every verdict changed from {recorded} to mismatch"
            ));
        }
        if self.is_of_a_run_with_another_secret() {
            return Some(format!(
                "the receiver had a different secret: {} webhooks recorded as signed with another one are valid under yours; \
                 run again with this one",
                self.vindicated
            ));
        }
        let how = "give each with a --secret-file of its own, as the sender's operator says it, not whoever ran this";
        if self.is_of_a_receiver_with_another_secret() {
            return Some(format!(
                "{} of {} verdicts do not hold under this secret, all of them of some runs of the receiver, which was restarted: if \
                 that was with another secret, {how}; else they are made up",
                self.disagreements, self.checked
            ));
        }
        self.lacks_secrets().map(|missing| {
            format!(
                "{} of {} webhooks are signed with another secret: {missing} of those that the receiver had were not given; {how}: \
                 with another secret they are made up",
                self.disagreements, self.checked
            )
        })
    }

    /// Whether the receiver was started again with another secret than before: of one of its runs not one verdict holds but those of
    /// webhooks that nobody accepted, and of another all do.
    fn is_of_a_receiver_with_another_secret(&self) -> bool {
        let explains = self.disagreements > 0 && self.disagreements == self.mismatched + self.vindicated;
        explains && self.restarts > 0 && !self.mixed && self.by.as_ref().is_none_or(|by| !by.is_mixed())
    }

    /// How many of the receiver's secrets were not given, where that explains everything: what was accepted under one of them.
    fn lacks_secrets(&self) -> Option<usize> {
        let explains = self.disagreements > 0 && self.disagreements == self.mismatched;
        self.secrets.checked_sub(self.given).filter(|missing| explains && *missing > 0)
    }

    /// Whether the run had another secret than the one that was given, or not all of them: webhooks that it took for somebody else's
    /// are valid, and none that it accepted for a reason that this does not explain.
    const fn is_of_a_run_with_another_secret(&self) -> bool {
        let (none_confirmed, more_given) = (self.vindicated == self.valid, self.given > self.secrets);
        let mismatched = if none_confirmed { self.mismatched } else { 0 };
        let explains = self.vindicated + mismatched == self.disagreements;
        self.vindicated > 0 && explains && (none_confirmed || more_given)
    }

    /// What a receiver that has the secret says of an attempt.
    #[must_use]
    pub fn judge(&self, attempt: &Attempt) -> Reason {
        self.found(attempt, &attempt.body.bytes())
    }

    /// What its bytes say, by the clock that judged it: where that was stepped, by the one of the two that bears out what was
    /// recorded, or would have, where nothing was.
    fn found(&self, attempt: &Attempt, body: &[u8]) -> Reason {
        let ([now, before], own) = (self.clock.at(attempt), self.clock.own(attempt));
        let found = self.reason(attempt, body, now);
        let (due, others) = match attempt.verdict.reason {
            // Nobody has judged it: the run's own clock is as good as that of a receiver that went by none.
            Reason::Unchecked => (Reason::Valid, [before, own]),
            recorded => (recorded, [before, before]),
        };
        let holds = |at: i64| at != now && self.reason(attempt, body, at) == due;
        if found == due || others.into_iter().any(holds) { due } else { found }
    }

    /// What is right by the run's own clock, where that is not the one that judged.
    fn by_own_clock(&self, attempt: &Attempt, body: &[u8]) -> Option<Reason> {
        self.clock.is_off().then(|| self.reason(attempt, body, self.clock.own(attempt)))
    }

    fn reason(&self, attempt: &Attempt, body: &[u8], now_ms: i64) -> Reason {
        let came = (attempt.method.as_str(), attempt.target.as_str());
        self.verifier.check_posted(came, &attempt.headers, body, now_ms).0.reason
    }

    fn verify(&mut self, attempt: &Attempt) {
        let (recorded, body) = (attempt.verdict.reason, attempt.body.bytes());
        let found = self.found(attempt, &body);
        self.checked += 1;
        self.by_other_clock += u64::from(found != self.by_own_clock(attempt, &body).unwrap_or(found));
        self.valid += u64::from(found == Reason::Valid);
        if recorded == Reason::Unchecked {
            self.invalid += u64::from(found != Reason::Valid);
            self.mismatched += u64::from(found == Reason::Mismatch);
            self.untimely += u64::from(matches!(found, Reason::Stale | Reason::Future));
            if found != Reason::Valid {
                self.first.get_or_insert(Disagreement { attempt: attempt.attempt, recorded, found });
            }
            return;
        }
        self.mismatched += u64::from(recorded != Reason::Mismatch && found == Reason::Mismatch);
        self.vindicated += u64::from(recorded == Reason::Mismatch && found == Reason::Valid);
        if let Some(by) = &mut self.by {
            by.confirmed |= found == recorded && recorded == Reason::Valid;
            by.contradicted |= found != recorded;
        }
        if found != recorded || attempt.verdict.valid != (recorded == Reason::Valid) {
            self.disagreements += 1;
            self.first.get_or_insert(Disagreement { attempt: attempt.attempt, recorded, found });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;
    use chrono::DateTime;
    use record::{Body, RunKind, Tick};
    use signature::{Outgoing, Scheme, Signer};

    /// When webhooks are signed, and come.
    const NOW_MS: i64 = 1_763_044_200_000;
    const OURS: &str = "a-secret-of-thirty-two-characters";
    const THEIRS: &str = "another-secret-of-more-characters";

    fn nothing_yet() -> Recheck {
        let started = DateTime::from_timestamp_millis(NOW_MS).expect("a time");
        let header = Header::new(RunKind::Run, started).expect("a header");
        let header = Header { scheme: Scheme::DeltacrownV2, ..header };
        Recheck::new(&header, &Secret::new(OURS)).expect("a key")
    }

    /// Takes an attempt that is signed with this secret when it comes, and was recorded so.
    fn take(recheck: &mut Recheck, secret: &str, reason: Reason) {
        let outgoing = Outgoing {
            event: "paid",
            id: "4960b1c5-318e-4f87-b6c4-62792d82faa3",
            timestamp_ms: NOW_MS,
            body: b"{}",
        };
        let signer = Signer::new(Scheme::DeltacrownV2, &Secret::new(secret)).expect("a key");
        let headers = signer.sign(&outgoing).into_iter().map(|(n, v)| (n.to_owned(), v)).collect();
        recheck.take(&Record::Attempt(Box::new(Attempt {
            headers,
            body: Body::from_bytes(b"{}".to_vec()),
            verdict: fixtures::verdict(reason),
            ..fixtures::attempt(recheck.checked, Tick(0))
        })));
    }

    /// What is found under a secret of attempts that are signed with it, each recorded so.
    fn recheck(recorded: &[Reason]) -> Recheck {
        let mut recheck = nothing_yet();
        recorded.iter().for_each(|reason| take(&mut recheck, OURS, *reason));
        recheck
    }

    #[test]
    fn a_receiver_that_was_restarted_with_another_secret_is_told_from_webhooks_that_were_made_up() {
        // The secrets that webhooks were signed with in the receiver's first run, and in its second.
        let judged = |runs: [&[&str]; 2]| {
            let mut recheck = nothing_yet();
            for (n, secrets) in (0..).zip(runs) {
                let receiver = uuid::Uuid::from_u128(n);
                let by = record::JudgedBy { receiver, ahead_us: 0, secrets: 1 };
                recheck.take(&Record::Watch(Watch::JudgedBy(by)));
                secrets.iter().for_each(|secret| take(&mut recheck, secret, Reason::Valid));
            }
            recheck
        };
        assert!(judged([&[OURS, OURS], &[THEIRS, THEIRS]]).is_of_a_receiver_with_another_secret());
        assert!(judged([&[THEIRS], &[OURS]]).is_of_a_receiver_with_another_secret());
        for made_up in [[&[OURS][..], &[OURS, THEIRS]], [&[OURS, THEIRS], &[OURS]], [&[OURS], &[OURS]]] {
            assert!(!judged(made_up).is_of_a_receiver_with_another_secret(), "{made_up:?}");
        }
    }

    #[test]
    fn a_run_with_another_secret_is_told_from_a_verdict_that_was_changed() {
        let all = recheck(&[Reason::Mismatch, Reason::Mismatch]);
        assert!(all.is_of_a_run_with_another_secret() && all.vindicated == 2, "{all:?}");
        for changed in [
            &[Reason::Valid, Reason::Valid][..],
            &[Reason::Mismatch, Reason::Valid],
            &[Reason::Mismatch, Reason::Stale],
        ] {
            assert!(!recheck(changed).is_of_a_run_with_another_secret(), "{changed:?}");
        }
    }
}
