//! Puts the records of another process on our time line and gives their attempts numbers of ours.

use super::Batch;
use record::{Placement, Record, Tick, TimeLine};
use wire::Clock;

/// Where attempts of other processes stand with us.
#[derive(Debug, Default)]
pub(super) struct ClockAlignment {
    placement: Placement,
    /// The clock of the run minus ours in µs, where it was found wrong.
    apart_us: i64,
}

/// A record is not from later than it was read, by more than this in µs.
const AHEAD_US: i64 = 1_000_000;
/// What is read as new was written since the last look, or this much before it, in µs.
const BEHIND_US: i64 = 5_000_000;
/// A clock that is wrong by less than this is put right without a word, in µs.
const WORTH_TELLING_US: u64 = 1_000_000;

impl ClockAlignment {
    /// The records that belong to our window, on our time line: `zero_us` is their clock at our tick 0, in µs since the Unix
    /// epoch. What came before `begin_us` by their clock is left out, and so are the ends of such attempts.
    pub(super) fn take(&mut self, batch: Batch, zero_us: i64, begin_us: i64) -> Vec<Record> {
        self.begin_run(batch.run_id);
        let started = batch.started.timestamp_micros();
        let begin = Tick(u64::try_from(begin_us.max(zero_us).saturating_sub(started)).unwrap_or(0));
        let line = TimeLine { shift_us: started.saturating_sub(zero_us), begin, keeps_earlier: false };
        self.place_all(batch.records, line)
    }

    /// The same for records that were read from a growing file of this machine as soon as they were written, after everything
    /// up to `since` had been read. None of them is left out for its time: when that cannot be true, the last one is taken to be
    /// from now, and the others of the run with it. Gives their clock minus ours in µs too, when that has just been found.
    pub(super) fn take_read(
        &mut self,
        batch: Batch,
        clock: Clock,
        since: Tick,
    ) -> (Vec<Record>, Option<i64>) {
        self.begin_run(batch.run_id);
        let mut shift = shift(&batch, clock).saturating_sub(self.apart_us);
        let found = apart(&batch.records, shift, since, clock.now());
        if let Some(us) = found {
            shift = shift.saturating_sub(us);
            self.apart_us = self.apart_us.saturating_add(us);
        }
        let told = found.filter(|us| us.unsigned_abs() >= WORTH_TELLING_US);
        // A request that was under way when the window began belongs to it.
        let begin = Tick(u64::try_from(shift.saturating_neg()).unwrap_or(0));
        let line = TimeLine { shift_us: shift, begin, keeps_earlier: true };
        (self.place_all(batch.records, line), told.map(|_| self.apart_us))
    }

    fn begin_run(&mut self, run: uuid::Uuid) {
        if self.placement.begin_run(run) {
            self.apart_us = 0;
        }
    }

    fn place_all(&mut self, records: Vec<Record>, line: TimeLine) -> Vec<Record> {
        records.into_iter().filter_map(|record| self.placement.place(record, line)).collect()
    }
}

fn micros(tick: Tick) -> i64 {
    i64::try_from(tick.0).unwrap_or(i64::MAX)
}

/// From their ticks to ours in µs, when both clocks show the same.
fn shift(batch: &Batch, clock: Clock) -> i64 {
    (batch.started - clock.started()).num_microseconds().unwrap_or(i64::MIN)
}

/// How far the attempts are from where they can be, in µs, when they are out of it; positive when they are too late.
fn apart(records: &[Record], shift: i64, since: Tick, now: Tick) -> Option<i64> {
    let times = records.iter().filter_map(|record| match record {
        Record::Attempt(attempt) => Some(attempt.received),
        _ => None,
    });
    let (first, last) = (times.clone().min()?, times.max()?);
    let at = |tick: Tick| micros(tick).saturating_add(shift);
    let earliest = micros(since).saturating_sub(BEHIND_US).max(0);
    let possible = at(first) >= earliest && at(last) <= micros(now).saturating_add(AHEAD_US);
    (!possible).then(|| at(last).saturating_sub(micros(now)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;
    use record::{Attempt, Body};
    use signature::Verdict;
    use std::time::Duration;

    fn attempt(n: u64, at: Tick) -> Record {
        Record::Attempt(Box::new(Attempt {
            attempt: n,
            first_byte: at,
            received: at,
            peer: None,
            method: "POST".to_owned(),
            target: "/".to_owned(),
            headers: Vec::new(),
            body: Body::Text(String::new()),
            verdict: Verdict::valid(),
            answer: Some(200),
            duplicate: false,
            elsewhere: false,
            fault: None,
            redirect: None,
        }))
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_is_wrong_loses_nothing_and_is_told_once() {
        for seconds in [-3600, -90, -2, 0, 3600] {
            let clock = Clock::start();
            tokio::time::advance(Duration::from_secs(1)).await;
            let started = clock.started() + TimeDelta::seconds(seconds);
            let (run_id, mut alignment) = (uuid::Uuid::new_v4(), ClockAlignment::default());
            let mut look = |first: u64, now: u64, since: u64| {
                let records = (0..5).map(|n| attempt(first + n, Tick(now - 4 + n))).collect();
                alignment.take_read(Batch { run_id, started, records, missed: false }, clock, Tick(since))
            };
            let (records, told) = look(0, 1_000_000, 0);
            let expected = if seconds == 0 { None } else { Some(seconds * 1_000_000) };
            assert_eq!(told, expected);
            assert!(matches!(records.last(), Some(Record::Attempt(a)) if a.received == Tick(1_000_000)));
            assert_eq!(records.len(), 5, "{seconds} s");
            tokio::time::advance(Duration::from_secs(1)).await;
            let (records, told) = look(5, 2_000_000, 1_000_000);
            assert_eq!((records.len(), told), (5, None), "{seconds} s");
        }
    }
}
