//! The sender's circuit breaker, seen from outside: what it swallowed is not lost.

use super::{Analysis, Fate};
use crate::clock::Tick;
use std::time::Duration;

/// Failed deliveries that open the breaker (CONTRACT.md section 4).
pub const FAILURES: usize = 5;
/// Failures older than this do not count (CONTRACT.md section 4).
pub const WINDOW: Duration = Duration::from_secs(120);
/// How long an open breaker swallows deliveries (CONTRACT.md section 4).
pub const OPEN: Duration = Duration::from_secs(60);
/// A delivery that fails this shortly after another was due can still have opened the breaker before it.
const OVERLAP: Duration = Duration::from_millis(500);

/// When the sender's breaker must have been open.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Breaker {
    /// Times at which a fifth failure within [`WINDOW`] happened.
    pub openings: Vec<Tick>,
}

impl Breaker {
    /// Replays the failed deliveries of a run; a delivery counts once, when its last attempt ended.
    #[must_use]
    pub fn of(analysis: &Analysis) -> Self {
        let failed = |fate| matches!(fate, Fate::Aborted | Fate::Exhausted | Fate::GivenUp);
        let failures = analysis
            .own()
            .filter(|d| failed(d.fate(analysis.max_attempts())))
            .filter_map(super::Delivery::last_end);
        Self::from_failures(failures.collect())
    }

    fn from_failures(mut failures: Vec<Tick>) -> Self {
        failures.sort_unstable();
        let fifth = |w: &[Tick]| match (w.first(), w.last()) {
            (Some(&first), Some(&last)) if last.since(first) <= WINDOW => Some(last),
            _ => None,
        };
        Self { openings: failures.windows(FAILURES).filter_map(fifth).collect() }
    }

    /// Whether a webhook that was due at `at` may have been swallowed.
    #[must_use]
    pub fn swallows(&self, at: Tick) -> bool {
        self.openings.iter().any(|&opened| opened <= at.plus(OVERLAP) && at.since(opened) <= OPEN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    #[test]
    fn five_failures_within_the_window_open_it_for_a_minute() {
        let breaker = Breaker::from_failures((1..=5).map(|s| Tick(s * SECOND)).collect());
        assert_eq!(breaker.openings, [Tick(5 * SECOND)]);
        assert!(breaker.swallows(Tick(6 * SECOND)));
        assert!(breaker.swallows(Tick(65 * SECOND)));
        assert!(!breaker.swallows(Tick(66 * SECOND)));
        assert!(!breaker.swallows(Tick(SECOND)));
    }

    #[test]
    fn four_failures_or_slow_ones_do_not() {
        let four = Breaker::from_failures((1..=4).map(|s| Tick(s * SECOND)).collect());
        let slow = Breaker::from_failures((0..9).map(|s| Tick(s * 31 * SECOND)).collect());
        assert_eq!((four.openings.len(), slow.openings.len()), (0, 0));
    }
}
