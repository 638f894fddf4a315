//! One comparable time: wall clock and monotonic clock are read together once, every later instant is a [`Tick`].

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::time::Instant;

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
    schemars::JsonSchema,
)]
#[serde(transparent)]
pub struct Tick(pub u64);

impl Tick {
    /// The time from `earlier` to `self`; zero when `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// `self - other` in µs, negative when `self` is earlier.
    #[must_use]
    pub fn micros_after(self, other: Self) -> i64 {
        i64::try_from(i128::from(self.0) - i128::from(other.0)).unwrap_or(i64::MAX)
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

/// The clock of a run. Copies agree with each other.
///
/// It reads tokio's clock, so a test with paused time owns it.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    started: DateTime<Utc>,
    origin: Instant,
}

impl Clock {
    /// Reads wall and monotonic time together, now.
    #[must_use]
    pub fn start() -> Self {
        // Truncated to µs, so that the start survives a trip through RFC 3339 text unchanged.
        let wall = Utc::now();
        let started = DateTime::from_timestamp_micros(wall.timestamp_micros()).unwrap_or(wall);
        Self { started, origin: Instant::now() }
    }

    /// The wall time at which this clock was started.
    #[must_use]
    pub const fn started(&self) -> DateTime<Utc> {
        self.started
    }

    /// Time since the start.
    #[must_use]
    pub fn now(&self) -> Tick {
        self.tick(Instant::now())
    }

    /// The tick of a monotonic instant; zero for one before the start.
    #[must_use]
    pub fn tick(&self, at: Instant) -> Tick {
        let micros = at.saturating_duration_since(self.origin).as_micros();
        Tick(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    /// The monotonic instant of a tick, for waiting until it.
    #[must_use]
    pub fn instant(&self, at: Tick) -> Instant {
        self.origin + Duration::from_micros(at.0)
    }

    /// Wall time now in Unix milliseconds, carried by the monotonic clock: a stepped system clock does not move it.
    #[must_use]
    pub fn unix_ms(&self) -> i64 {
        self.now().wall(self.started).timestamp_millis()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn ticks_follow_the_monotonic_clock_only() {
        let clock = Clock::start();
        assert_eq!(clock.now(), Tick(0));
        tokio::time::advance(Duration::from_millis(1500)).await;
        assert_eq!(clock.now(), Tick(1_500_000));
        assert_eq!(clock.now().wall(clock.started()), clock.started() + TimeDelta::milliseconds(1500));
        assert_eq!(clock.tick(clock.instant(Tick(42))), Tick(42));
    }

    #[test]
    fn differences_do_not_wrap() {
        assert_eq!(Tick(5).since(Tick(9)), Duration::ZERO);
        assert_eq!(Tick(5).micros_after(Tick(9)), -4);
        assert_eq!(Tick(u64::MAX).plus(Duration::from_secs(1)), Tick(u64::MAX));
        assert_eq!(Tick(u64::MAX).wall(Utc::now()), DateTime::<Utc>::MAX_UTC);
    }
}
