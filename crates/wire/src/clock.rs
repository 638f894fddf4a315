//! One comparable time: wall clock and monotonic clock are read together once, every later instant is a [`Tick`].

use chrono::{DateTime, TimeDelta, Utc};
use record::Tick;
use std::time::Duration;
use tokio::time::Instant;

/// The clock of a run. Copies agree with each other.
///
/// It reads tokio's clock, so a test with paused time owns it. Durations come from the monotonic clock alone. What is compared
/// with wall times of others, such as the timestamp of a webhook, is compared with the system's time at that moment: a process
/// that started before NTP, or whose machine slept, would be wrong for as long as it runs.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    started: DateTime<Utc>,
    origin: Instant,
    /// Reads the system's wall time.
    system: fn() -> DateTime<Utc>,
}

impl Clock {
    /// Beyond this much the system's wall time counts, and not the one that the monotonic clock carries on from the start.
    pub const PARTED: TimeDelta = TimeDelta::seconds(1);

    /// Reads wall and monotonic time together, now.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(Utc::now)
    }

    /// The same with another source of the system's wall time, for a test that steps it.
    #[must_use]
    pub fn start_with(system: fn() -> DateTime<Utc>) -> Self {
        // Truncated to µs, so that the start survives a trip through RFC 3339 text unchanged.
        let wall = system();
        let started = DateTime::from_timestamp_micros(wall.timestamp_micros()).unwrap_or(wall);
        Self { started, origin: Instant::now(), system }
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

    /// How far the system's wall time is ahead of the one that the monotonic clock carries on from the start.
    #[must_use]
    pub fn ahead(&self) -> TimeDelta {
        (self.system)() - self.now().wall(self.started)
    }

    /// Wall time now: carried by the monotonic clock as long as the system's is within a second of it, else the system's.
    #[must_use]
    pub fn wall(&self) -> DateTime<Utc> {
        let (carried, system) = (self.now().wall(self.started), (self.system)());
        if (system - carried).abs() > Self::PARTED { system } else { carried }
    }

    /// [`Clock::wall`] in Unix milliseconds.
    #[must_use]
    pub fn unix_ms(&self) -> i64 {
        self.wall().timestamp_millis()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicI64, Ordering};

    #[tokio::test(start_paused = true)]
    async fn ticks_follow_the_monotonic_clock_only() {
        let clock = Clock::start();
        assert_eq!(clock.now(), Tick(0));
        tokio::time::advance(Duration::from_millis(1500)).await;
        assert_eq!(clock.now(), Tick(1_500_000));
        assert_eq!(clock.now().wall(clock.started()), clock.started() + TimeDelta::milliseconds(1500));
        assert_eq!(clock.tick(clock.instant(Tick(42))), Tick(42));
    }
    /// What the system's clock shows, in ms.
    static SYSTEM: AtomicI64 = AtomicI64::new(1_000_000_000_000);

    #[tokio::test(start_paused = true)]
    async fn a_step_of_the_system_clock_moves_wall_times_and_no_ticks() {
        let system = || DateTime::from_timestamp_millis(SYSTEM.load(Ordering::Relaxed)).unwrap_or_default();
        let clock = Clock::start_with(system);
        tokio::time::advance(Duration::from_millis(700)).await;
        assert_eq!(clock.unix_ms(), 1_000_000_000_700, "less than a second apart: no jumps");
        SYSTEM.fetch_add(3_600_700, Ordering::Relaxed);
        assert_eq!((clock.unix_ms(), clock.now()), (1_000_003_600_700, Tick(700_000)));
        assert_eq!(clock.ahead(), TimeDelta::seconds(3600));
    }
}
