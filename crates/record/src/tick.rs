//! The times of a run.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Microseconds (µs) since the start of a run, read from the monotonic clock.
///
/// Differences of ticks are durations; a tick alone becomes a wall time only through its run's start.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Serialize,
    Deserialize,
    crate::JsonSchema,
)]
#[serde(transparent)]
pub struct Tick(pub u64);

impl Tick {
    /// The time from `earlier` to `self`; zero when `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// This tick moved later by `by`.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(by.as_micros()).unwrap_or(u64::MAX)))
    }

    /// The wall time of this tick in a run that began at `started`.
    #[must_use]
    pub fn wall(self, started: DateTime<Utc>) -> DateTime<Utc> {
        let micros = i64::try_from(self.0).unwrap_or(i64::MAX);
        started.checked_add_signed(TimeDelta::microseconds(micros)).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_do_not_wrap() {
        assert_eq!(Tick(5).since(Tick(9)), Duration::ZERO);
        assert_eq!(Tick(u64::MAX).plus(Duration::from_secs(1)), Tick(u64::MAX));
        assert_eq!(Tick(u64::MAX).wall(Utc::now()), DateTime::<Utc>::MAX_UTC);
    }
}
