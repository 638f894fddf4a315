//! Times in which this process did not run: it was stopped, its machine slept, or others had all processors. What came meanwhile waited
//! in the system, and was taken in and answered later than its sender sees it.

use super::Journal;
use record::{Gap, Record, Tick, Watch};
use std::io;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;
use wire::Clock;

/// Whoever looks more often than this ran. On a busy machine a look is late by tens of milliseconds; pauses of retries are of 2 s and
/// more.
const LONGEST: Duration = Duration::from_secs(2);
/// How often a thread of its own looks.
const LOOK: Duration = Duration::from_millis(250);

/// Looks how long ago the last look was.
#[derive(Debug)]
pub(crate) struct Standstill {
    clock: Clock,
    looked: Tick,
    /// For how long the machine had slept by then.
    slept: Duration,
    /// Reads that from the system.
    sleep: fn() -> Duration,
}

impl Standstill {
    pub(crate) fn begin(clock: Clock) -> Self {
        Self::begin_with(clock, sleep_of_machine)
    }

    fn begin_with(clock: Clock, sleep: fn() -> Duration) -> Self {
        Self { clock, looked: clock.now(), slept: sleep(), sleep }
    }

    /// Looks from a thread of its own for as long as what this gives is kept: for a process in which a task may wait for others that do not
    /// hold up webhooks.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub(crate) fn keep_looking(mut self, journal: Journal) -> io::Result<Looking> {
        let (kept, is_kept) = channel::<()>();
        thread::Builder::new().name("standstill".to_owned()).spawn(move || {
            while is_kept.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                // What cannot be told now is a gap of the journal's own.
                let _ = self.look(&journal);
            }
        })?;
        Ok(Looking { _kept: kept })
    }

    /// To be called several times a second. A time without a look is a gap in the journal.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub(crate) fn look(&mut self, journal: &Journal) -> io::Result<()> {
        let (now, slept) = (self.clock.now(), (self.sleep)());
        let from = std::mem::replace(&mut self.looked, now);
        let asleep = slept.saturating_sub(std::mem::replace(&mut self.slept, slept));
        let why = if asleep >= LONGEST {
            format!("the machine slept for {} s", asleep.as_secs())
        } else if now.since(from) >= LONGEST {
            "smoke did not run: it was stopped, or the machine was overloaded".to_owned()
        } else {
            return Ok(());
        };
        journal.append(&Record::Watch(Watch::Gap(Gap { from, to: now, why })))
    }
}

/// A thread that looks until this is dropped.
#[derive(Debug)]
pub(crate) struct Looking {
    _kept: Sender<()>,
}

/// For how long the machine has slept since it was started: the clocks of the journal stand still then (`clock_gettime(2)`,
/// `CLOCK_MONOTONIC` and `CLOCK_BOOTTIME`).
#[cfg(target_os = "linux")]
fn sleep_of_machine() -> Duration {
    use rustix::time::{ClockId, clock_gettime};
    let read = |clock| Duration::try_from(clock_gettime(clock)).unwrap_or_default();
    let awake = read(ClockId::Monotonic);
    read(ClockId::Boottime).saturating_sub(awake)
}

/// Nobody tells.
#[cfg(not(target_os = "linux"))]
const fn sleep_of_machine() -> Duration {
    Duration::ZERO
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::fixtures::{gaps, journal};
    use std::cell::Cell;
    use std::sync::{Condvar, Mutex};

    /// The machine slept for a minute between the second look and the third.
    fn sleeps() -> Duration {
        thread_local!(static READ: Cell<u64> = const { Cell::new(0) });
        READ.set(READ.get() + 1);
        Duration::from_secs(if READ.get() > 3 { 70 } else { 10 })
    }

    #[tokio::test(start_paused = true)]
    async fn a_time_without_a_look_is_a_gap_and_a_late_look_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let (path, clock) = (dir.path().join("j"), Clock::start());
        let journal = journal(&path, clock);
        let mut standstill = Standstill::begin_with(clock, sleeps);
        for ms in [25, 1900, 25, 12_000, 25] {
            tokio::time::advance(Duration::from_millis(ms)).await;
            standstill.look(&journal).unwrap();
        }
        let told =
            gaps(&path).into_iter().map(|gap| (gap.from.0, gap.to.0, gap.why.contains("slept for 60 s")));
        assert_eq!(told.collect::<Vec<_>>(), [(1_925_000, 1_950_000, true), (1_950_000, 13_950_000, false)]);
    }

    /// Read by the thread that looks; the test waits for its second reading, by which the first look is written.
    #[test]
    fn a_thread_of_its_own_looks() {
        static READ: Mutex<u64> = Mutex::new(0);
        static IS_READ: Condvar = Condvar::new();
        fn slept() -> Duration {
            let mut read = READ.lock().unwrap();
            *read += 1;
            IS_READ.notify_all();
            Duration::from_secs(60 * *read)
        }
        let dir = tempfile::tempdir().unwrap();
        let (path, clock) = (dir.path().join("j"), Clock::start());
        let looking = Standstill::begin_with(clock, slept).keep_looking(journal(&path, clock)).unwrap();
        drop(IS_READ.wait_while(READ.lock().unwrap(), |read| *read < 3).unwrap());
        drop(looking);
        assert!(gaps(&path).iter().any(|gap| gap.why == "the machine slept for 60 s"));
    }
}
