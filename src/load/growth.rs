//! How fast the pool of connections grows. A connection costs both sides as much as some requests: whoever opens one for each start
//! that is due while a machine hiccups is late because of it, and opens more. So the pool grows in steps, and each step doubles it: few
//! connections where few are needed, and many in a blink where many are. After a hiccup, which shows by starts that are found late, it
//! only grows when the connections that there are do not catch up.

use std::time::Duration;
use tokio::time::Instant;

/// The first step.
const FIRST: usize = 16;
/// The shortest time between two steps: longer than a hiccup, and 1,024 connections are open in 30 ms.
const PAUSE: Duration = Duration::from_millis(5);
/// So long a pool has to catch up after a hiccup.
const CATCH_UP: Duration = Duration::from_millis(2);
/// A start that is found so long after it was due was not found by a pacer that had its turn.
const LATE: Duration = Duration::from_millis(1);

/// How far the pool may grow.
#[derive(Debug)]
pub(super) struct Growth {
    allowed: usize,
    /// When there was a step.
    stepped: Instant,
    /// Since when late starts have been waiting without a break.
    behind: Option<Instant>,
}

impl Growth {
    /// Of a pool that is empty at this time.
    pub(super) const fn since(begin: Instant) -> Self {
        Self { allowed: FIRST, stepped: begin, behind: None }
    }

    /// Whether a pool of `open` connections may have one more, for a start that was due then.
    pub(super) fn admits(&mut self, open: usize, due: Instant, now: Instant) -> bool {
        if open < self.allowed {
            return true;
        }
        if now.saturating_duration_since(due) >= LATE {
            self.behind.get_or_insert(now);
        }
        if now < self.next() {
            return false;
        }
        (self.allowed, self.stepped, self.behind) = (self.allowed.saturating_mul(2), now, None);
        open < self.allowed
    }

    /// All that is due has its connection.
    pub(super) const fn caught_up(&mut self) {
        self.behind = None;
    }

    /// When a pool that may not grow may grow again.
    pub(super) fn next(&self) -> Instant {
        let step = self.stepped + PAUSE;
        self.behind.map_or(step, |since| step.max(since + CATCH_UP))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_pool_doubles_in_steps_and_only_when_it_is_used_up() {
        let begin = Instant::now();
        let mut growth = Growth::since(begin);
        let mut open = 0;
        let mut grown = |at: u64| {
            while growth.admits(open, begin + ms(at), begin + ms(at)) {
                open += 1;
            }
            open
        };
        assert_eq!(
            [0, 4, 5, 9, 10, 15, 20, 25, 30].map(&mut grown),
            [16, 16, 32, 32, 64, 128, 256, 512, 1024]
        );
    }

    #[test]
    fn need_that_comes_slowly_never_waits() {
        let begin = Instant::now();
        let mut growth = Growth::since(begin);
        for open in 0..500 {
            let now = begin + ms(open as u64);
            assert!(growth.admits(open, now, now), "{open}");
        }
    }

    #[test]
    fn a_pool_that_catches_up_after_a_hiccup_stays_as_it_is() {
        let begin = Instant::now();
        let mut growth = Growth::since(begin);
        assert!((0..16).all(|open| growth.admits(open, begin, begin)));
        for hiccup in 1..50 {
            let due = begin + ms(20 * hiccup);
            assert!(!growth.admits(16, due, due + ms(3)));
            assert!(!growth.admits(16, due, due + ms(4)));
            growth.caught_up();
        }
    }

    #[test]
    fn a_pool_that_does_not_catch_up_grows() {
        let begin = Instant::now();
        let mut growth = Growth::since(begin);
        let late = begin + ms(20);
        assert!(!growth.admits(16, begin, late));
        assert_eq!(growth.next(), late + CATCH_UP, "when the pacer looks again");
        assert!(growth.admits(16, begin, late + CATCH_UP));
        assert!(!growth.admits(32, begin, late + CATCH_UP));
        assert!(growth.admits(32, begin, late + CATCH_UP + PAUSE));
    }
}
