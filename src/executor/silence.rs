//! When a sweep asks into the silence of the circuit breaker that it has opened: as the receiver saw it open, not as the phases took.

use super::phases::{MARGIN, over};
use record::{BreakerContract, Tick};
use std::time::Duration;

/// The silence of a breaker that was opened on purpose.
#[derive(Debug, Clone, Copy)]
pub(super) struct Silence {
    contract: BreakerContract,
    /// When the last failure that opened it had ended.
    opened: Tick,
    /// When it was known to have opened.
    known: Tick,
}

impl Silence {
    /// `seen` is when the receiver saw the breaker open last; it counts where that was between `begun`, the first failure, and
    /// `now`. A sender that delivers after it has answered may be seen to open it later.
    pub(super) fn new(contract: BreakerContract, begun: Tick, seen: Option<Tick>, now: Tick) -> Self {
        let opened = seen.filter(|at| (begun..=now).contains(at)).unwrap_or(now);
        Self { contract, opened, known: now }
    }

    /// When to begin a flow whose webhook is to be dropped shortly before the end, where it takes `lead` until it is asked for.
    pub(super) fn nearly_over(&self, lead: Duration) -> Tick {
        self.opened.plus(self.contract.nearly_over().saturating_sub(lead))
    }

    /// When the next webhook is the probe, whatever delays the sender.
    pub(super) fn over(&self) -> Tick {
        self.known.plus(over(self.contract) + MARGIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTRACT: BreakerContract = BreakerContract { failures: 5, window_ms: 120_000, open_ms: 60_000 };

    fn at(ms: u64) -> Tick {
        Tick(ms * 1000)
    }

    #[test]
    fn the_late_webhook_is_asked_for_before_the_silence_that_the_receiver_saw_begin_ends() {
        let silence = Silence::new(CONTRACT, at(1000), Some(at(2000)), at(5000));
        assert_eq!(silence.nearly_over(Duration::ZERO), at(59_500));
        assert_eq!(silence.nearly_over(Duration::from_secs(4)), at(55_500), "submitting takes 4 s");
        assert_eq!(silence.over(), at(66_000));
    }

    #[test]
    fn an_opening_that_is_none_of_these_failures_does_not_count() {
        for seen in [None, Some(at(900)), Some(at(5001))] {
            let silence = Silence::new(CONTRACT, at(1000), seen, at(5000));
            assert_eq!(silence.nearly_over(Duration::ZERO), at(62_500), "{seen:?}");
        }
    }
}
