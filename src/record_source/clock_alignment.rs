//! Puts the records of another process on our time line and gives their attempts numbers of ours.

use super::Batch;
use record::Tick;
use record::{Note, Record, Watch};
use std::collections::{HashMap, VecDeque};
use wire::Clock;

/// Where attempts of other processes stand with us.
#[derive(Debug, Default)]
pub(super) struct ClockAlignment {
    run: Option<uuid::Uuid>,
    /// Their number to ours, of the attempts that are under way.
    under_way: HashMap<u64, u64>,
    /// The same of those that have ended last, of which a diagnosis may come.
    answered: VecDeque<(u64, u64)>,
    next: u64,
    /// The clock of the run minus ours in µs, where it was found wrong.
    apart_us: i64,
}

/// Attempts that have ended and may still be diagnosed: as many as a receiver keeps waiting.
const ANSWERED: usize = 1024;
/// A record is not from later than it was read, by more than this in µs.
const AHEAD_US: i64 = 1_000_000;
/// What is read as new was written since the last look, or this much before it, in µs.
const BEHIND_US: i64 = 5_000_000;
/// A clock that is wrong by less than this is put right without a word, in µs.
const WORTH_TELLING_US: u64 = 1_000_000;

impl ClockAlignment {
    /// The records that belong to our window, on our time line. `offset_us` is their clock minus ours. What came before the
    /// window is left out, and so are the ends of such attempts.
    pub(super) fn take(&mut self, batch: Batch, clock: Clock, offset_us: i64) -> Vec<Record> {
        self.begin_run(batch.run_id);
        let shift = shift(&batch, clock).saturating_sub(offset_us);
        self.place_all(batch.records, |tick| u64::try_from(micros(tick).saturating_add(shift)).ok().map(Tick))
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
        let ours = |tick| u64::try_from(micros(tick).saturating_add(shift).max(0)).ok().map(Tick);
        (self.place_all(batch.records, ours), told.map(|_| self.apart_us))
    }

    fn begin_run(&mut self, run: uuid::Uuid) {
        if self.run.replace(run).is_some_and(|before| before != run) {
            // Another run counts its attempts from 0 again; those of the last one will not end any more.
            self.under_way.clear();
            self.answered.clear();
            self.apart_us = 0;
        }
    }

    fn place_all(&mut self, records: Vec<Record>, ours: impl Fn(Tick) -> Option<Tick> + Copy) -> Vec<Record> {
        records.into_iter().filter_map(|record| self.place(record, ours)).collect()
    }

    fn place(&mut self, record: Record, ours: impl Fn(Tick) -> Option<Tick>) -> Option<Record> {
        match record {
            Record::Attempt(mut attempt) => {
                attempt.first_byte = ours(attempt.first_byte)?;
                attempt.received = ours(attempt.received)?;
                self.under_way.insert(attempt.attempt, self.next);
                attempt.attempt = self.next;
                self.next += 1;
                Some(Record::Attempt(attempt))
            }
            Record::Answered(mut answered) => {
                answered.end = ours(answered.end)?;
                let theirs = answered.attempt;
                answered.attempt = self.under_way.remove(&theirs)?;
                self.answered.truncate(ANSWERED - 1);
                self.answered.push_front((theirs, answered.attempt));
                Some(Record::Answered(answered))
            }
            Record::Watch(Watch::Forwarded(mut forwarded)) => {
                forwarded.sent = ours(forwarded.sent)?;
                forwarded.answered = ours(forwarded.answered)?;
                forwarded.attempt = *self.under_way.get(&forwarded.attempt)?;
                Some(Record::Watch(Watch::Forwarded(forwarded)))
            }
            Record::Note(mut note) => {
                note.at = ours(note.at)?;
                Some(Record::Note(note))
            }
            Record::Refused(mut refused) => {
                refused.at = ours(refused.at)?;
                Some(Record::Refused(refused))
            }
            Record::Watch(Watch::Diagnosed(mut diagnosed)) => {
                let known = self.answered.iter().find(|(theirs, _)| *theirs == diagnosed.attempt);
                let under_way = self.under_way.get(&diagnosed.attempt);
                diagnosed.attempt = *under_way.or(known.map(|(_, ours)| ours))?;
                Some(Record::Watch(Watch::Diagnosed(diagnosed)))
            }
            // It is another machine's clock: what is read here is placed by ours.
            Record::Watch(Watch::WallClock(parted)) => {
                Some(Record::Note(Note { at: ours(parted.at)?, text: format!("the receiver: {parted}") }))
            }
            // What the receiver could not write down nobody has seen, whoever reads it.
            Record::Watch(Watch::Gap(mut gap)) => {
                gap.to = ours(gap.to)?;
                gap.from = ours(gap.from).unwrap_or(Tick(0));
                Some(Record::Watch(Watch::Gap(gap)))
            }
            _ => None,
        }
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
