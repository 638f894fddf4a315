//! How fast the pool of connections grows. A connection costs both sides as much as some requests: whoever opens one for each start
//! that is due while a machine hiccups is late because of it, and opens more. So the pool grows in steps, and each step doubles it: few
//! connections where few are needed, and many in a blink where many are.

use std::time::Duration;
use tokio::time::Instant;

/// The first step.
const FIRST: usize = 16;
/// The shortest time between two steps: longer than a hiccup, and 1,024 connections are open in 30 ms.
const PAUSE: Duration = Duration::from_millis(5);

/// How far the pool may grow.
#[derive(Debug)]
pub(super) struct Growth {
    allowed: usize,
    /// When there was a step.
    stepped: Instant,
}

impl Growth {
    /// Of a pool that is empty at this time.
    pub(super) const fn since(begin: Instant) -> Self {
        Self { allowed: FIRST, stepped: begin }
    }

    /// Whether a pool of `open` connections may have one more.
    pub(super) fn admits(&mut self, open: usize, now: Instant) -> bool {
        if open >= self.allowed && now >= self.next() {
            (self.allowed, self.stepped) = (self.allowed.saturating_mul(2), now);
        }
        open < self.allowed
    }

    /// When a pool that may not grow may grow again.
    pub(super) fn next(&self) -> Instant {
        self.stepped + PAUSE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_doubles_in_steps_and_only_when_it_is_used_up() {
        let begin = Instant::now();
        let mut growth = Growth::since(begin);
        let mut open = 0;
        let mut grown = |at_ms: u64| {
            while growth.admits(open, begin + Duration::from_millis(at_ms)) {
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
            assert!(growth.admits(open, begin + Duration::from_millis(open as u64)), "{open}");
        }
    }
}
