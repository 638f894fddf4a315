//! How fast the pool of connections grows. A connection costs both sides as much as some requests: whoever opens one for each start
//! that is due while a machine hiccups is late because of it, and opens more. So the pool grows in steps, and each step doubles it: few
//! connections where few are needed, and many in a blink where many are. It only grows when the connections that there are do not catch up:
//! after a hiccup they mostly do.

use std::time::Duration;
use tokio::time::Instant;

/// The first step.
const FIRST: usize = 16;
/// The shortest time between two steps: longer than a hiccup, and 1,024 connections are open in 30 ms.
const PAUSE: Duration = Duration::from_millis(5);
/// So long a pool that is used up has to show that it catches up: the first start that waits is less late then.
const CATCH_UP: Duration = Duration::from_millis(2);

/// How far the pool may grow.
#[derive(Debug)]
pub(super) struct Growth {
    allowed: usize,
    /// When there was a step.
    stepped: Instant,
    /// When it was looked at last how late the first start is that waits, and how late it was; starts wait without a break since then.
    behind: Option<(Instant, Duration)>,
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
        let late = now.saturating_duration_since(due);
        let (_, was_late) = *self.behind.get_or_insert((now, late));
        if now < self.next() {
            return false;
        }
        if late < was_late {
            self.behind = Some((now, late));
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
        self.behind.map_or(step, |(looked, _)| step.max(looked + CATCH_UP))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_pool_doubles_in_steps_and_only_when_it_does_not_catch_up() {
        let begin = Instant::now();
        let mut growth = Growth::since(begin);
        let mut open = 0;
        let mut grown = |at: u64| {
            while growth.admits(open, begin, begin + ms(at)) {
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
    fn need_that_comes_slowly_waits_for_two_milliseconds_at_each_step() {
        let begin = Instant::now();
        let mut growth = Growth::since(begin);
        let (mut open, mut waits, mut most) = (0, 0, 0);
        for due in 0..500 {
            let mut late = 0;
            while !growth.admits(open, begin + ms(due), begin + ms(due + late)) {
                late += 1;
            }
            growth.caught_up();
            (open, waits, most) = (open + 1, waits + u32::from(late > 0), most.max(late));
        }
        assert_eq!((open, waits, most), (500, 5, 2), "at 16, 32, 64, 128 and 256");
    }

    #[test]
    fn a_pool_that_catches_up_stays_as_it_is() {
        let begin = Instant::now();
        let mut growth = Growth::since(begin);
        assert!((0..16).all(|open| growth.admits(open, begin, begin)));
        for hiccup in 1..50 {
            // Found 20 ms late, and each millisecond the first that waits is half a millisecond less late.
            let found = begin + ms(100 * hiccup);
            for half in 0..40 {
                let (now, late) = (found + ms(half), Duration::from_micros(500 * (40 - half)));
                assert!(!growth.admits(16, now.checked_sub(late).unwrap(), now), "{hiccup} {half}");
            }
            growth.caught_up();
        }
        let now = begin + ms(9000);
        assert!(!growth.admits(16, now, now));
        assert_eq!(growth.next(), now + CATCH_UP, "when the pacer looks again");
    }
}
