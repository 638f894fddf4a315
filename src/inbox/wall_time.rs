//! The time by which the freshness of signatures is judged.

use record::{Tick, WallClock};
use std::sync::atomic::{AtomicI64, Ordering};
use wire::Clock;

/// The system's wall time, as far as the journal knows of it: whoever verifies a journal again has to come to the same verdicts.
#[derive(Debug)]
pub(super) struct WallTime {
    clock: Clock,
    /// How far it was ahead of the time line when the journal was told last, in ms.
    told_ms: AtomicI64,
}

impl WallTime {
    pub(super) const fn new(clock: Clock) -> Self {
        Self { clock, told_ms: AtomicI64::new(0) }
    }

    /// What the journal is to be told before anything is judged, when the system's time has parted from what it was told last.
    pub(super) fn parted(&self) -> Option<WallClock> {
        let (ahead_ms, told) = (self.clock.ahead().num_milliseconds(), self.told_ms.load(Ordering::Relaxed));
        if ahead_ms.abs_diff(told) <= Clock::PARTED.num_milliseconds().unsigned_abs() {
            return None;
        }
        // Of several that notice at once, one tells.
        let first =
            self.told_ms.compare_exchange(told, ahead_ms, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        first.then(|| WallClock { at: self.clock.now(), ahead_ms })
    }

    /// The wall time of a tick in Unix milliseconds.
    pub(super) fn of(&self, at: Tick) -> i64 {
        at.wall(self.clock.started()).timestamp_millis() + self.told_ms.load(Ordering::Relaxed)
    }
}
