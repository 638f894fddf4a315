//! What a receiver vouches for: which runs were begun at it, and what came to it since each of them was.
//!
//! A receiver with a key registers a run before the run's first step. From then on each answer that the run reads back
//! from it carries a checkpoint: how many records came since, and the head of the chain over them. The run's own journal
//! has those records on its own time line; put back on the receiver's they have to lead to the same head.

use crate::JsonSchema;
use crate::seal::SignedCheckpoint;
use crate::{Attempt, EncodedRecord, Record, RunKind, Tick, Watch};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use signature::Reason;
use std::collections::BTreeMap;
use std::io;
use uuid::Uuid;

/// Most other runs that a checkpoint names; more are only counted.
pub const NAMED_RUNS: usize = 100;
/// Longest name of a scenario that is registered, in bytes.
pub const MAX_SCENARIO_NAME: usize = 128;

/// What a run says of itself when it registers.
#[derive(Debug, Clone, Copy)]
pub struct Registering<'a> {
    /// Its id.
    pub run: Uuid,
    /// What kind of run it is.
    pub kind: RunKind,
    /// The scenario that it plays.
    pub scenario: &'a str,
    /// How many flows it has; of a run whose flows are told one by one.
    pub flows: Option<u32>,
}

impl<'a> Registering<'a> {
    /// A run of this header or plan: only the flows of a plain run are told one by one.
    #[must_use]
    pub fn new(run: Uuid, kind: RunKind, scenario: &'a str, flows: u32) -> Self {
        Self { run, kind, scenario, flows: (kind == RunKind::Run).then_some(flows) }
    }
}

/// A run that was registered at a receiver before it began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegisteredRun {
    /// Its id.
    pub run: Uuid,
    /// Which one it is of all that were registered there, from 1.
    pub number: u64,
    /// What kind of run it was said to be.
    pub kind: RunKind,
    /// The scenario that it was said to play.
    pub scenario: String,
    /// How many flows it was said to have; absent of what has none, and where run or receiver is of an earlier version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flows: Option<u32>,
    /// When, µs since the Unix epoch by the receiver's clock.
    pub registered_us: u64,
    /// The receiver's own run then; one that was started again may have another clock.
    pub receiver: Uuid,
}

/// A registered run in the receiver's own journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RollEntry {
    /// The run.
    pub run: RegisteredRun,
    /// Where in the receiver's journal its records begin: part and byte.
    pub since: String,
    /// Whether it said that it has ended.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub closed: bool,
}

/// The runs that were registered at a receiver: its own record of them, so that they survive a restart. Written with each
/// run that is registered or ends, and at the beginning of each file of the journal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Roll {
    /// When it was written.
    pub at: Tick,
    /// How many were registered in all.
    pub runs: u64,
    /// The last of them, oldest first.
    pub known: Vec<RollEntry>,
}

/// What a receiver signs: what came to it since a run was registered, up to a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckpointStatement {
    /// The run.
    pub run: RegisteredRun,
    /// Which run of the receiver the records are of that it counts as new: their times are by the clock of that one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receiver: Option<Uuid>,
    /// When it was signed, µs since the Unix epoch by the receiver's clock.
    pub at_us: u64,
    /// Records since the run was registered.
    pub records: u64,
    /// Webhook attempts among them.
    pub attempts: u64,
    /// Those by what the verification said; absent at receivers of versions before this was counted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub verdicts: BTreeMap<Reason, u64>,
    /// Head of the chain over them, hex.
    pub head: String,
    /// Whether it is the last one: the run said that it has ended.
    pub closed: bool,
    /// How many runs were registered at this receiver by then, this one among them.
    pub runs: u64,
    /// The others: in the first checkpoint those that were registered before, the latest ones; later those since.
    pub others: Vec<RegisteredRun>,
}

/// A checkpoint in the journal of the run that it is about. It stands before the records that it counts as new.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Checkpoint {
    /// When it was read.
    pub at: Tick,
    /// The receiver's time at tick 0 of this journal, µs since the Unix epoch: what the records that follow were put on the
    /// run's time line by.
    pub zero_us: u64,
    /// What was signed.
    pub signed: SignedCheckpoint,
}

/// The chain over the records that came to a receiver since a run was registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessChain {
    head: [u8; 32],
    records: u64,
    attempts: u64,
    verdicts: BTreeMap<Reason, u64>,
}

impl RegisteredRun {
    /// What came before this is not the run's, in µs since the Unix epoch, among records of the receiver's run `receiver`:
    /// all that a later one has came after it was registered.
    #[must_use]
    pub fn begin_us(&self, receiver: Uuid) -> u64 {
        if receiver == self.receiver { self.registered_us } else { 0 }
    }
}

impl WitnessChain {
    /// Of a run of which nothing came yet.
    #[must_use]
    pub fn of(run: Uuid) -> Self {
        let head = Sha256::new().chain_update(b"smoke witness 1 ").chain_update(run.as_bytes()).finalize();
        Self { head: head.into(), records: 0, attempts: 0, verdicts: BTreeMap::new() }
    }

    /// Takes in a record with its times in µs since the Unix epoch, where it is one that is witnessed.
    ///
    /// # Errors
    /// As for [`EncodedRecord::new`].
    pub fn take(&mut self, record: &Record) -> io::Result<()> {
        if !is_witnessed(record) {
            return Ok(());
        }
        let encoded = EncodedRecord::new(record)?;
        self.head = Sha256::new().chain_update(self.head).chain_update(encoded.bytes()).finalize().into();
        self.records += 1;
        if let Record::Attempt(attempt) = record {
            self.attempts += 1;
            *self.verdicts.entry(attempt.verdict.reason).or_default() += 1;
        }
        Ok(())
    }

    /// Head of the chain, hex.
    #[must_use]
    pub fn head(&self) -> String {
        hex::encode(self.head)
    }

    /// Records taken in.
    #[must_use]
    pub const fn records(&self) -> u64 {
        self.records
    }

    /// Webhook attempts among them.
    #[must_use]
    pub const fn attempts(&self) -> u64 {
        self.attempts
    }

    /// Those by what the verification said.
    #[must_use]
    pub const fn verdicts(&self) -> &BTreeMap<Reason, u64> {
        &self.verdicts
    }

    /// Whether it is where the statement says that it must be.
    #[must_use]
    pub fn is_at(&self, statement: &CheckpointStatement) -> bool {
        (self.records, self.attempts) == (statement.records, statement.attempts)
            && (statement.verdicts.is_empty() || self.verdicts == statement.verdicts)
            && self.head() == statement.head
    }
}

/// Whether a receiver vouches for records like this one: what came, how it was answered, and when nothing could be seen.
#[must_use]
pub const fn is_witnessed(record: &Record) -> bool {
    matches!(
        record,
        Record::Attempt(_)
            | Record::Answered(_)
            | Record::Refused(_)
            | Record::Watch(Watch::Forwarded(_) | Watch::Diagnosed(_) | Watch::Gap(_))
    )
}

/// A record that is witnessed, with its times as a receiver signs them: µs since the Unix epoch by the receiver's clock,
/// which was at `zero_us` at tick 0. `None` for any other record.
#[must_use]
pub fn on_witness_clock(record: &Record, zero_us: u64) -> Option<Record> {
    let at = |tick: Tick| Tick(tick.0.saturating_add(zero_us));
    Some(match record.clone() {
        Record::Attempt(attempt) => {
            let (first_byte, received) = (at(attempt.first_byte), at(attempt.received));
            Record::Attempt(Box::new(Attempt { first_byte, received, ..*attempt }))
        }
        Record::Answered(mut answered) => {
            answered.end = at(answered.end);
            Record::Answered(answered)
        }
        Record::Refused(mut refused) => {
            refused.at = at(refused.at);
            Record::Refused(refused)
        }
        Record::Watch(Watch::Forwarded(mut forwarded)) => {
            (forwarded.sent, forwarded.answered) = (at(forwarded.sent), at(forwarded.answered));
            Record::Watch(Watch::Forwarded(forwarded))
        }
        Record::Watch(Watch::Gap(mut gap)) => {
            (gap.from, gap.to) = (at(gap.from), at(gap.to));
            Record::Watch(Watch::Gap(gap))
        }
        Record::Watch(Watch::Diagnosed(diagnosed)) => Record::Watch(Watch::Diagnosed(diagnosed)),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Answered, Ending, Gap, Placement, TimeLine};

    fn records() -> Vec<Record> {
        let refused = crate::Refused { at: Tick(5), status: 404, why: "GET /".to_owned() };
        let gap = Gap { from: Tick(1), to: Tick(9), why: "full".to_owned() };
        vec![Record::Refused(refused), Record::Watch(Watch::Gap(gap))]
    }

    fn chain(records: &[Record], line: TimeLine, zero_us: u64) -> WitnessChain {
        let (mut placement, mut chain) = (Placement::default(), WitnessChain::of(Uuid::nil()));
        placement.begin_run(Uuid::nil());
        for record in records.iter().cloned().filter_map(|record| placement.place(record, line)) {
            chain.take(&on_witness_clock(&record, zero_us).unwrap()).unwrap();
        }
        chain
    }

    /// The receiver places its records on the wall clock at once, a run on its own time line first.
    #[test]
    fn both_sides_come_to_the_same_head() {
        let (started, zero) = (1_000_000i64, 1_000_003i64);
        let begin = Tick(4);
        let theirs = chain(&records(), TimeLine { shift_us: started, begin, keeps_earlier: false }, 0);
        let ours = TimeLine { shift_us: started - zero, begin, keeps_earlier: false };
        let ours = chain(&records(), ours, zero.unsigned_abs());
        assert_eq!((theirs.records(), theirs.attempts()), (2, 0));
        assert_eq!(ours, theirs);
        let mut other = records();
        other.swap(0, 1);
        let other = chain(&other, TimeLine { shift_us: started, begin, keeps_earlier: false }, 0);
        assert_ne!(other.head(), theirs.head(), "order counts");
    }

    #[test]
    fn what_came_before_and_its_end_are_left_out() {
        let mut placement = Placement::default();
        let line = TimeLine { shift_us: 0, begin: Tick(10), keeps_earlier: false };
        let end = Answered { attempt: 0, end: Tick(12), how: Ending::Sent };
        assert_eq!(placement.place(Record::Answered(end), line), None);
        assert_eq!(placement.place(records().remove(0), line), None);
        let kept = TimeLine { keeps_earlier: true, ..line };
        assert!(
            matches!(placement.place(records().remove(0), kept), Some(Record::Refused(r)) if r.at == Tick(10))
        );
    }
}
