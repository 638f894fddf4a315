//! One comparable time: wall clock and monotonic clock are read together once, every later instant is a [`Tick`].

use chrono::{DateTime, Utc};
use record::Tick;
use std::time::Duration;
use tokio::time::Instant;

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

    /// Wall time now, carried by the monotonic clock: a stepped system clock does not move it.
    #[must_use]
    pub fn wall(&self) -> DateTime<Utc> {
        self.now().wall(self.started)
    }

    /// Wall time now in Unix milliseconds, carried by the monotonic clock: a stepped system clock does not move it.
    #[must_use]
    pub fn unix_ms(&self) -> i64 {
        self.wall().timestamp_millis()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    #[tokio::test(start_paused = true)]
    async fn ticks_follow_the_monotonic_clock_only() {
        let clock = Clock::start();
        assert_eq!(clock.now(), Tick(0));
        tokio::time::advance(Duration::from_millis(1500)).await;
        assert_eq!(clock.now(), Tick(1_500_000));
        assert_eq!(clock.now().wall(clock.started()), clock.started() + TimeDelta::milliseconds(1500));
        assert_eq!(clock.tick(clock.instant(Tick(42))), Tick(42));
    }
}
