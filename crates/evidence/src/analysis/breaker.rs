//! The sender's circuit breaker, seen from outside: what it swallowed is not lost.

use super::retry::silence_watched;
use super::{Analysis, Delivery, Expectation, Fate};
use record::BreakerContract;
use record::Tick;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::time::Duration;

/// When the sender's breaker must have been open, by the failures that it saw.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Breaker {
    /// Each time it opened.
    pub openings: Vec<Opening>,
    /// Numbers of the deliveries that began while it had to be open.
    pub leaked: Vec<u64>,
    /// From when until when that of some process may have been open: breakers are often per process, and whose success takes a
    /// failure off which count is not seen from outside.
    elsewhere: Vec<(Tick, Tick)>,
}

/// One time that it opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opening {
    /// When the last of the failures had happened.
    pub at: Tick,
    /// Until when it swallows everything.
    pub until: Tick,
    /// The delivery that was the probe, and its outcome; none while nothing came after the silence.
    pub probe: Option<Probe>,
    /// When the sender had counted the failures for certain: the steps that it delivered within were answered. `None` where
    /// it is not known.
    counted: Option<Tick>,
}

impl Opening {
    /// Whether a delivery was asked for when the sender had counted the failures: nothing was on its way any more.
    fn was_known_to(&self, one: &Seen) -> bool {
        self.counted.zip(one.asked).is_some_and(|(counted, asked)| asked > counted)
    }
}

/// The first delivery after the silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    /// Its number.
    pub delivery: u64,
    /// When it ended.
    pub end: Tick,
    /// Whether it succeeded, which closes the breaker.
    pub succeeded: bool,
}

/// A sender reads an answer and counts it within this time: a few times what a busy machine takes to run a thread.
const COUNTS: Duration = Duration::from_millis(20);

/// A delivery as the breaker sees it.
#[derive(Debug, Clone, Copy)]
struct Seen {
    number: u64,
    began: Tick,
    end: Tick,
    failed: bool,
    /// When the step that it came from was sent.
    asked: Option<Tick>,
    /// When the sender had counted it: it delivers within the step, which has been answered.
    counted: Option<Tick>,
}

/// Failures that count towards the next opening.
#[derive(Debug, Default)]
struct Failures {
    all: VecDeque<Seen>,
    /// The end of the latest success.
    succeeded: Option<Tick>,
}

impl Failures {
    fn add(&mut self, contract: BreakerContract, one: Seen) -> bool {
        self.all.retain(|before| one.end.since(before.end) <= contract.window());
        self.all.push_back(one);
        self.all.len() >= contract.failures as usize
    }

    /// When the sender had counted all of them; not known where a success ran beside them, which takes one off or not
    /// depending on the order that the sender saw.
    fn counted(&self) -> Option<Tick> {
        let beside = |one: &Seen| self.succeeded.is_some_and(|succeeded| one.began <= succeeded);
        let all: Option<Vec<Tick>> =
            self.all.iter().map(|one| one.counted.filter(|_| !beside(one))).collect();
        all?.into_iter().max()
    }
}

impl Breaker {
    /// Replays the deliveries of a run; each counts once, when its last attempt ended.
    #[must_use]
    pub fn of(analysis: &Analysis) -> Self {
        let seen = |d: Cow<'_, Delivery>| {
            let failed = match d.fate(&analysis.header.retry) {
                // A sender that follows a redirect takes the answer that it finds there for its own.
                _ if d.elsewhere => return None,
                Fate::Aborted | Fate::Exhausted => true,
                // Where nobody watched for the next attempt, it may have come, and been accepted by whoever listens now.
                Fate::GivenUp if silence_watched(analysis, &d) => true,
                Fate::Delivered => false,
                Fate::GivenUp | Fate::Open => return None,
            };
            let end = d.accepted().and_then(|t| t.end).or(d.last_end())?;
            let asked = d.fulfils.and_then(|index| analysis.expectation(index)).filter(|e| e.step.is_some());
            let answered = asked.and_then(|e| e.answered).filter(|answered| *answered >= d.first_byte());
            let counted = answered.map(|answered| answered.max(end).plus(COUNTS));
            Some(Seen {
                number: d.number,
                began: d.first_byte(),
                end,
                failed,
                asked: asked.map(|e| e.at),
                counted,
            })
        };
        let contract = analysis.header.retry.breaker;
        if contract.is_none() {
            return Self::default();
        }
        let failures = analysis.own_troubled().filter_map(seen).filter(|d| d.failed);
        // So few cannot open it, and then there is nothing to put in order.
        if failures.take(contract.failures as usize).count() < contract.failures as usize {
            return Self::default();
        }
        Self::replay(contract, analysis.own().filter_map(seen).collect())
    }

    /// Until when it may be open because of deliveries that were still being tried when the journal ended, should all that is
    /// left of them fail; `None` where those are too few to open it, however they end.
    #[must_use]
    pub fn may_open_until(analysis: &Analysis) -> Option<Tick> {
        let retry = &analysis.header.retry;
        let contract = retry.breaker;
        let last_try = |d: Cow<'_, Delivery>| {
            let under_way = match d.fate(retry) {
                _ if d.elsewhere => false,
                Fate::GivenUp => !silence_watched(analysis, &d),
                Fate::Open => true,
                Fate::Aborted | Fate::Exhausted | Fate::Delivered => false,
            };
            let pauses = retry.backoff_ms.get(d.tries.len()..).unwrap_or_default();
            let left = pauses.iter().fold(0_u64, |sum, ms| sum.saturating_add(*ms));
            under_way.then(|| d.last_seen().plus(Duration::from_millis(left)))
        };
        let ends: Vec<Tick> = analysis.own().filter_map(last_try).collect();
        let enough = !contract.is_none() && ends.len() >= contract.failures as usize;
        ends.into_iter().max().filter(|_| enough).map(|end| end.plus(contract.open()))
    }

    fn replay(contract: BreakerContract, mut deliveries: Vec<Seen>) -> Self {
        deliveries.sort_unstable_by_key(|d| (d.end, d.number));
        let overlap = contract.overlap();
        let mut breaker = Self::default();
        let mut failures = Failures::default();
        let mut without_successes = Failures::default();
        for one in deliveries {
            if one.failed && without_successes.add(contract, one) {
                breaker.elsewhere.push((one.end, one.end.plus(contract.open())));
            }
            match breaker.openings.last_mut().filter(|o| !o.probe.is_some_and(|p| p.succeeded)) {
                Some(open) if one.began <= open.at.plus(overlap) && !open.was_known_to(&one) => {}
                Some(open) if one.began.plus(overlap) < open.until => breaker.leaked.push(one.number),
                Some(open) => {
                    let succeeded = !one.failed;
                    open.probe = Some(Probe { delivery: one.number, end: one.end, succeeded });
                    failures.all.clear();
                    if one.failed {
                        breaker.open(contract, one.end, None);
                    }
                }
                None if one.failed => {
                    if failures.add(contract, one) {
                        breaker.open(contract, one.end, failures.counted());
                    }
                }
                None => {
                    failures.succeeded = failures.succeeded.max(Some(one.end));
                    failures.all.pop_front();
                }
            }
        }
        breaker
    }

    fn open(&mut self, contract: BreakerContract, at: Tick, counted: Option<Tick>) {
        self.openings.push(Opening { at, until: at.plus(contract.open()), probe: None, counted });
    }

    /// Whether a webhook that was due at `at` may have been swallowed: while it was open, or while a probe was under way.
    #[must_use]
    pub fn swallows(&self, contract: BreakerContract, at: Tick) -> bool {
        let overlap = contract.overlap();
        self.openings.iter().any(|o| {
            let until = o.probe.map_or(o.until, |probe| o.until.max(probe.end));
            o.at <= at.plus(overlap) && at <= until
        })
    }

    /// Whether the breaker of one of several processes may have opened at all.
    #[must_use]
    pub const fn may_have_opened(&self) -> bool {
        !self.elsewhere.is_empty()
    }

    /// Whether a webhook that was due at `at` may have been swallowed if the sender has several processes with a breaker each.
    #[must_use]
    pub fn may_swallow(&self, contract: BreakerContract, at: Tick) -> bool {
        let overlap = contract.overlap();
        self.elsewhere.iter().any(|(from, until)| *from <= at.plus(overlap) && at <= until.plus(overlap))
    }

    /// Webhooks of `expectations` that never came although the silence was over and nothing had opened it again.
    #[must_use]
    pub fn stuck<'e>(&self, expectations: impl Iterator<Item = Expectation<'e>>) -> u64 {
        let Some(last) = self.openings.last().filter(|o| o.probe.is_none()) else { return 0 };
        let after = expectations.filter(|e| e.at > last.until);
        after.map(|e| u64::from(e.missing())).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;
    const CONTRACT: BreakerContract = BreakerContract { failures: 5, window_ms: 120_000, open_ms: 60_000 };

    fn seen(number: u64, seconds: u64, failed: bool) -> Seen {
        let at = Tick(seconds * SECOND);
        Seen { number, began: at, end: at, failed, asked: None, counted: None }
    }

    fn replay(deliveries: Vec<Seen>) -> Breaker {
        Breaker::replay(CONTRACT, deliveries)
    }

    fn swallows(breaker: &Breaker, seconds: u64) -> bool {
        breaker.swallows(CONTRACT, Tick(seconds * SECOND))
    }

    #[test]
    fn five_failures_within_the_window_open_it_for_a_minute() {
        let breaker = replay((1..=5).map(|s| seen(s, s, true)).collect());
        assert_eq!(breaker.openings.len(), 1);
        assert_eq!(breaker.openings[0].at, Tick(5 * SECOND));
        assert!(swallows(&breaker, 6) && swallows(&breaker, 65));
        assert!(!swallows(&breaker, 66) && !swallows(&breaker, 1));
    }

    #[test]
    fn four_failures_or_slow_ones_do_not() {
        let four = replay((1..=4).map(|s| seen(s, s, true)).collect());
        let slow = replay((0..9).map(|s| seen(s, s * 31, true)).collect());
        assert_eq!((four.openings.len(), slow.openings.len()), (0, 0));
    }

    #[test]
    fn a_success_takes_one_failure_off() {
        let alternating = replay((0..40).map(|n| seen(n, n, n % 2 == 0)).collect());
        assert!(alternating.openings.is_empty());
    }

    /// Of ten deliveries by turns right and failed, one of two processes may have got all that failed.
    #[test]
    fn the_breaker_of_one_of_several_processes_may_open_where_successes_keep_another_closed() {
        let alternating = replay((0..10).map(|n| seen(n, n, n % 2 == 0)).collect());
        let may = |at: u64| alternating.may_swallow(CONTRACT, Tick(at * SECOND));
        assert!(alternating.openings.is_empty() && !swallows(&alternating, 9));
        assert_eq!([4, 9, 60, 80].map(may), [false, true, true, false]);
        let four = replay((1..=4).map(|s| seen(s, s, true)).collect());
        assert!(!four.may_swallow(CONTRACT, Tick(5 * SECOND)));
    }

    #[test]
    fn a_probe_closes_or_reopens_it() {
        let mut all: Vec<Seen> = (1..=5).map(|s| seen(s, s, true)).collect();
        all.push(seen(6, 70, false));
        all.push(seen(7, 71, true));
        let closed = replay(all.clone());
        assert_eq!(closed.openings[0].probe.map(|p| (p.delivery, p.succeeded)), Some((6, true)));
        assert!(swallows(&closed, 69) && !swallows(&closed, 71));
        all[5].failed = true;
        let reopened = replay(all);
        assert_eq!(reopened.openings[1].at, Tick(70 * SECOND));
        assert_eq!(reopened.leaked, [7]);
    }

    /// In a sender that delivers within the step, what is asked for after the fifth failure has been answered cannot have been
    /// on its way: no tolerance is needed, and a second process shows at once.
    #[test]
    fn what_is_asked_for_after_the_last_failure_was_answered_has_leaked() {
        let one = |number: u64, failed| {
            let (asked, began, end) = (Tick(number * 100), Tick(number * 100 + 10), Tick(number * 100 + 20));
            Seen { number, began, end, failed, asked: Some(asked), counted: Some(Tick(end.0 + 5)) }
        };
        let all: Vec<Seen> = (1..=7).map(|number| one(number, true)).collect();
        assert_eq!(replay(all.clone()).leaked, [6, 7]);
        // It was sent before the answer was there.
        let mut beside = all.clone();
        beside[5].asked = Some(Tick(500));
        assert_eq!(replay(beside).leaked, [7]);
        // A worker of its own delivers: nobody knows when it had counted.
        let mut worker = all.clone();
        worker[3].counted = None;
        assert_eq!(replay(worker).leaked, Vec::<u64>::new());
        // A success beside the failures may have taken one off.
        let mut success = all;
        success.insert(2, Seen { began: Tick(150), end: Tick(250), ..one(9, false) });
        assert_eq!(replay(success).leaked, Vec::<u64>::new());
    }

    #[test]
    fn what_comes_while_it_is_open_has_leaked_except_at_the_edge() {
        let mut all: Vec<Seen> = (1..=5).map(|s| seen(s, s, true)).collect();
        all.push(Seen { began: Tick(5 * SECOND + 300_000), ..seen(6, 6, false) });
        all.push(seen(7, 30, false));
        assert_eq!(replay(all).leaked, [7]);
    }
}
