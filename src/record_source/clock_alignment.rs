//! Puts the records of another process on our time line and gives their attempts numbers of ours.

use super::Batch;
use record::{JudgedBy, Placement, Record, Tick, TimeLine, Watch};
use wire::Clock;

/// Where attempts of other processes stand with us.
#[derive(Debug, Default)]
pub(super) struct ClockAlignment {
    placement: Placement,
    /// The clock of the run minus ours in µs, where it was found wrong.
    apart_us: i64,
    /// How far its system's wall time is ahead of its time line, in ms.
    ahead_ms: i64,
    /// The receiver's run, and how many secrets it has.
    receiver: uuid::Uuid,
    secrets: usize,
    /// What was told last.
    told: Option<JudgedBy>,
}

/// A record is not from later than it was read, by more than this in µs.
const AHEAD_US: i64 = 1_000_000;
/// What is read as new was written since the last look, or this much before it, in µs.
const BEHIND_US: i64 = 5_000_000;
/// A clock that is wrong by less than this is put right without a word, in µs.
const WORTH_TELLING_US: u64 = 1_000_000;

impl ClockAlignment {
    /// From now on the run's system's wall time is so far ahead of its time line.
    pub(super) const fn is_ahead(&mut self, ahead_ms: i64) {
        self.ahead_ms = ahead_ms;
    }

    /// The records that belong to our window, on our time line: `zero_us` is their clock at our tick 0, in µs since the Unix
    /// epoch, and `apart_us` theirs minus ours. What came before `begin_us` by their clock is left out, and so are the ends of such
    /// attempts.
    pub(super) fn take(
        &mut self,
        batch: Batch,
        (zero_us, apart_us): (i64, i64),
        begin_us: i64,
    ) -> Vec<Record> {
        self.begin_run(&batch);
        let started = batch.started.timestamp_micros();
        let begin = Tick(u64::try_from(begin_us.max(zero_us).saturating_sub(started)).unwrap_or(0));
        let line = TimeLine { shift_us: started.saturating_sub(zero_us), begin, keeps_earlier: false };
        self.place_all(batch.records, line, apart_us)
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
        self.begin_run(&batch);
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
        let apart_us = self.apart_us;
        (self.place_all(batch.records, line, apart_us), told.map(|_| self.apart_us))
    }

    fn begin_run(&mut self, batch: &Batch) {
        if self.placement.begin_run(batch.run_id) {
            (self.apart_us, self.ahead_ms) = (0, 0);
        }
        self.ahead_ms = batch.missed.unwrap_or(self.ahead_ms);
        (self.receiver, self.secrets) = (batch.run_id, batch.secrets);
    }

    /// With what an attempt was judged by before it, where that is not what was told last; `apart_us` is their time line minus ours.
    fn place_all(&mut self, records: Vec<Record>, line: TimeLine, apart_us: i64) -> Vec<Record> {
        let mut placed = Vec::with_capacity(records.len());
        for record in records {
            match &record {
                Record::Watch(Watch::Continues(before)) => self.ahead_ms = before.ahead_ms,
                Record::Watch(Watch::WallClock(parted)) => self.ahead_ms = parted.ahead_ms,
                _ => {}
            }
            let Some(record) = self.placement.place(record, line) else { continue };
            if matches!(record, Record::Attempt(_)) {
                placed.extend(self.judged_by(apart_us));
            }
            placed.push(record);
        }
        placed
    }

    fn judged_by(&mut self, apart_us: i64) -> Option<Record> {
        let ahead_us = self.ahead_ms.saturating_mul(1000).saturating_add(apart_us);
        let by = JudgedBy { receiver: self.receiver, ahead_us, secrets: self.secrets };
        (self.told.replace(by) != Some(by)).then_some(Record::Watch(Watch::JudgedBy(by)))
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
    use evidence::analysis::Recheck;
    use record::{Attempt, Body, Header, RunKind, WallClock};
    use signature::{Outgoing, Scheme, Secret, Signer, Verdict, Verifier};
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
            holds_secret: false,
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
                alignment.take_read(
                    Batch { run_id, started, records, secrets: 1, missed: None },
                    clock,
                    Tick(since),
                )
            };
            let (records, told) = look(0, 1_000_000, 0);
            let expected = if seconds == 0 { None } else { Some(seconds * 1_000_000) };
            assert_eq!(told, expected);
            assert!(matches!(records.last(), Some(Record::Attempt(a)) if a.received == Tick(1_000_000)));
            assert_eq!(records.len(), 1 + 5, "{seconds} s: the clock that judged them, once");
            tokio::time::advance(Duration::from_secs(1)).await;
            let (records, told) = look(5, 2_000_000, 1_000_000);
            assert_eq!((records.len(), told), (5, None), "{seconds} s");
        }
    }

    /// A webhook that is signed when it comes, `at` by the time line of a receiver that started at `started` and takes it for
    /// `now_ms`.
    fn judged(n: u64, at: Tick, now_ms: i64, signed_ms: i64) -> Record {
        let (secret, scheme) = (Secret::new("a-secret-of-thirty-two-characters"), Scheme::DeltacrownV2);
        let outgoing = Outgoing {
            event: "paid",
            id: "4960b1c5-318e-4f87-b6c4-62792d82faa3",
            timestamp_ms: signed_ms,
            body: b"{}",
        };
        let signed = Signer::new(scheme, &secret).unwrap().sign(&outgoing);
        let headers: Vec<_> = signed.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let verdict = Verifier::new(scheme, &secret).unwrap().check(&headers, b"{}", now_ms).0;
        let Record::Attempt(attempt) = attempt(n, at) else { unreachable!() };
        let body = Body::from_bytes(b"{}".to_vec());
        Record::Attempt(Box::new(Attempt { headers, body, verdict, ..*attempt }))
    }

    /// What a receiver says that started 20 s ago, whose clock was off by `off` s then and is put to `later` s now.
    fn said_by_a_receiver(clock: Clock, off: i64, later: i64) -> (Batch, Batch) {
        let started = clock.started() + TimeDelta::seconds(off - 20);
        let true_ms = |at: Tick| clock.started().timestamp_millis() - 20_000 + micros(at) / 1000;
        let one = |n: u64, off: i64| {
            let at = Tick(20_000_000 + n * 1000);
            judged(n, at, true_ms(at) + off * 1000, true_ms(at))
        };
        let stepped = WallClock { at: Tick(20_004_000), ahead_ms: (later - off) * 1000 };
        let run_id = uuid::Uuid::new_v4();
        let batch = |records| Batch { run_id, started, records, secrets: 1, missed: None };
        let before = (0..3).map(|n| one(n, off)).collect();
        let step = (off != later).then_some(Record::Watch(Watch::WallClock(stepped)));
        (batch(before), batch(step.into_iter().chain((5..8).map(|n| one(n, later))).collect()))
    }

    /// The verdicts that do not hold under the secret, by the clocks that the records tell of, and those that hold by those only.
    fn verified_again(clock: Clock, records: &[Record]) -> (u64, u64) {
        let header = Header::new(RunKind::Observe, clock.started()).unwrap();
        let header = Header { scheme: Scheme::DeltacrownV2, ..header };
        let mut recheck = Recheck::new(&header, &Secret::new("a-secret-of-thirty-two-characters")).unwrap();
        records.iter().for_each(|record| recheck.take(record));
        assert_eq!(recheck.checked, 6);
        (recheck.disagreements, recheck.by_other_clock)
    }

    #[tokio::test(start_paused = true)]
    async fn verdicts_are_verified_again_by_the_clock_that_judged_them_wherever_it_was() {
        for (off, later, by_theirs) in
            [(0, 0, 0), (-700, -700, 6), (700, 700, 6), (-700, 0, 3), (0, 700, 3), (-700, 700, 6), (-2, 2, 0)]
        {
            let clock = Clock::start();
            tokio::time::advance(Duration::from_secs(1)).await;
            for is_remote in [true, false] {
                let mut alignment = ClockAlignment::default();
                let mut read = |batch| {
                    let apart_us = off * 1_000_000;
                    let zero_us = clock.started().timestamp_micros() + apart_us;
                    match is_remote {
                        true => alignment.take(batch, (zero_us, apart_us), i64::MIN),
                        false => alignment.take_read(batch, clock, Tick(0)).0,
                    }
                };
                let (before, after) = said_by_a_receiver(clock, off, later);
                let records = [read(before), read(after)].concat();
                assert_eq!(
                    verified_again(clock, &records),
                    (0, by_theirs),
                    "{off} s, {later} s, {is_remote}"
                );
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_step_from_before_the_reading_began_counts() {
        let clock = Clock::start();
        tokio::time::advance(Duration::from_secs(1)).await;
        let (_, after) = said_by_a_receiver(clock, -700, 0);
        let mut alignment = ClockAlignment::default();
        alignment.is_ahead(700_000);
        let apart_us = -700_000_000;
        let zero_us = clock.started().timestamp_micros() + apart_us;
        let only = after.records.into_iter().filter(|record| matches!(record, Record::Attempt(_)));
        let twice: Vec<Record> = only.clone().chain(only).collect();
        let batch = |missed| Batch {
            run_id: after.run_id,
            started: after.started,
            records: twice.clone(),
            secrets: 1,
            missed,
        };
        let records = alignment.take(batch(None), (zero_us, apart_us), i64::MIN);
        assert_eq!(verified_again(clock, &records), (0, 0));
        // So does one that was lost, in a run of the receiver that nothing was read of before.
        let mut alignment = ClockAlignment::default();
        alignment.begin_run(&Batch { run_id: uuid::Uuid::new_v4(), ..batch(None) });
        let records = alignment.take(batch(Some(700_000)), (zero_us, apart_us), i64::MIN);
        assert_eq!(verified_again(clock, &records), (0, 0));
    }
}
