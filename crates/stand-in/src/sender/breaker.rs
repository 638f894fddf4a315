//! The circuit breaker: five failed deliveries in 120 s, and it is silent for 60 s (docs/deltacrown.md section 4).

use super::super::options::{Profile, Timing};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// What the breaker says about a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    Closed,
    /// Go ahead: this is the probe (or, in the real system, one of them). `true` when this one changed the state.
    Probe(Transition),
    /// Dropped; so long until the next probe.
    Blocked(Duration),
}

/// Whether a call changed the breaker's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transition {
    /// From open to half-open, now.
    Now,
    /// It was half-open before.
    Before,
}

/// What a delivery's outcome did to the breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    None,
    /// Opened after this many failures.
    Opened(usize),
    Reopened,
    Closed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed,
    Open(Instant),
    HalfOpen,
}

/// The breaker of one process.
///
/// A success while closed takes one failure off in both profiles. The real one counts its window from the first failure,
/// lets every concurrent delivery through when half-open, and stays half-open when a probe fails after the window.
#[derive(Debug)]
pub(super) struct Breaker {
    profile: Profile,
    failures_to_open: usize,
    window: Duration,
    open_for: Duration,
    state: State,
    failures: VecDeque<Instant>,
}

impl Breaker {
    pub(super) fn new(profile: Profile, timing: &Timing) -> Self {
        Self {
            profile,
            failures_to_open: timing.breaker_failures.max(1),
            window: timing.breaker_window,
            open_for: timing.breaker_open,
            state: State::Closed,
            failures: VecDeque::new(),
        }
    }

    /// Asks for a delivery that starts now.
    pub(super) fn admit(&mut self, now: Instant) -> Admission {
        match self.state {
            State::Closed => Admission::Closed,
            State::Open(since) if now < since + self.open_for => {
                Admission::Blocked((since + self.open_for).saturating_duration_since(now))
            }
            State::Open(_) => {
                self.state = State::HalfOpen;
                Admission::Probe(Transition::Now)
            }
            State::HalfOpen if self.profile == Profile::Deltacrown => Admission::Probe(Transition::Before),
            // One probe at a time: the others wait for what it finds.
            State::HalfOpen => Admission::Blocked(Duration::ZERO),
        }
    }

    /// Tells the outcome of a delivery that was admitted.
    pub(super) fn succeeded(&mut self, admitted: Admission) -> Change {
        match (self.state, admitted) {
            (State::HalfOpen, Admission::Probe(_)) => {
                self.state = State::Closed;
                self.failures.clear();
                Change::Closed
            }
            (State::Closed, _) => {
                self.failures.pop_front();
                Change::None
            }
            _ => Change::None,
        }
    }

    /// Tells the outcome of a delivery that was admitted.
    pub(super) fn failed(&mut self, admitted: Admission, now: Instant) -> Change {
        let lapsed = self.forget(now);
        self.failures.push_back(now);
        match (self.state, admitted) {
            (State::HalfOpen, Admission::Probe(_)) => {
                // The real one's bug: the count restarted at 1, below the limit, so nothing reopens.
                if lapsed && self.profile == Profile::Deltacrown {
                    return Change::None;
                }
                self.state = State::Open(now);
                Change::Reopened
            }
            (State::Closed, _) if self.failures.len() >= self.failures_to_open => {
                self.state = State::Open(now);
                Change::Opened(self.failures.len())
            }
            _ => Change::None,
        }
    }

    /// Drops failures that count no more; whether the real one's window had lapsed.
    fn forget(&mut self, now: Instant) -> bool {
        let lapsed = self.failures.front().is_some_and(|first| now.duration_since(*first) > self.window);
        match self.profile {
            Profile::Deltacrown if lapsed => self.failures.clear(),
            Profile::Deltacrown => {}
            Profile::GoodPractice => {
                while self.failures.front().is_some_and(|first| now.duration_since(*first) > self.window) {
                    self.failures.pop_front();
                }
            }
        }
        lapsed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bench {
        breaker: Breaker,
        start: Instant,
    }

    impl Bench {
        fn new(profile: Profile) -> Self {
            Self { breaker: Breaker::new(profile, &Timing::default()), start: Instant::now() }
        }

        fn at(&self, seconds: u64) -> Instant {
            self.start + Duration::from_secs(seconds)
        }

        fn admit(&mut self, s: u64) -> Admission {
            let at = self.at(s);
            self.breaker.admit(at)
        }

        fn fail(&mut self, s: u64) -> Change {
            let admitted = self.admit(s);
            assert!(!matches!(admitted, Admission::Blocked(_)));
            let at = self.at(s);
            self.breaker.failed(admitted, at)
        }
    }

    #[test]
    fn five_failures_open_it_for_a_minute_and_one_probe_closes_it() {
        for profile in [Profile::GoodPractice, Profile::Deltacrown] {
            let mut bench = Bench::new(profile);
            for s in 0..4 {
                assert_eq!(bench.fail(s), Change::None);
            }
            assert_eq!(bench.fail(4), Change::Opened(5));
            assert_eq!(bench.admit(5), Admission::Blocked(Duration::from_secs(59)));
            assert_eq!(bench.admit(63), Admission::Blocked(Duration::from_secs(1)));
            let probe = bench.admit(64);
            assert_eq!(probe, Admission::Probe(Transition::Now));
            assert_eq!(bench.breaker.succeeded(probe), Change::Closed);
            assert_eq!(bench.fail(65), Change::None);
        }
    }

    #[test]
    fn a_success_takes_one_failure_off() {
        let mut bench = Bench::new(Profile::GoodPractice);
        for s in 0..20 {
            assert_eq!(bench.fail(s), Change::None);
            let admitted = bench.admit(s);
            assert_eq!(bench.breaker.succeeded(admitted), Change::None);
        }
    }

    #[test]
    fn old_failures_do_not_count() {
        let mut bench = Bench::new(Profile::GoodPractice);
        for s in 0..4 {
            bench.fail(s * 30);
        }
        assert_eq!(bench.fail(125), Change::None);
        // The window slides in the good one: 30, 60, 90, 125 and 130 are within 120 s.
        assert_eq!(bench.fail(130), Change::Opened(5));
        // The real one starts anew from the first failure.
        let mut real = Bench::new(Profile::Deltacrown);
        for s in 0..4 {
            real.fail(s * 30);
        }
        for s in [125, 130, 131, 132] {
            assert_eq!(real.fail(s), Change::None);
        }
        assert_eq!(real.fail(133), Change::Opened(5));
    }

    #[test]
    fn half_open_admits_one_probe_or_in_the_real_system_everyone() {
        for (profile, others) in [(Profile::GoodPractice, false), (Profile::Deltacrown, true)] {
            let mut bench = Bench::new(profile);
            for s in 0..5 {
                bench.fail(s);
            }
            let probe = bench.admit(70);
            assert_eq!(probe, Admission::Probe(Transition::Now));
            for _ in 0..5 {
                assert_eq!(!matches!(bench.admit(70), Admission::Blocked(_)), others);
            }
            let at = bench.at(71);
            assert_eq!(bench.breaker.failed(probe, at), Change::Reopened);
            assert_eq!(bench.admit(72), Admission::Blocked(Duration::from_secs(59)));
        }
    }

    #[test]
    fn a_probe_that_fails_after_the_window_leaves_the_real_one_half_open() {
        for (profile, change) in
            [(Profile::GoodPractice, Change::Reopened), (Profile::Deltacrown, Change::None)]
        {
            let mut bench = Bench::new(profile);
            for s in 0..5 {
                bench.fail(s);
            }
            assert_eq!(bench.fail(200), change);
            assert_eq!(matches!(bench.admit(201), Admission::Blocked(_)), profile == Profile::GoodPractice);
        }
    }
}
