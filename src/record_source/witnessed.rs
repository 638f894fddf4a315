//! A run that is registered at a receiver: what the receiver signs is held against what it sent.

use super::remote::RemoteError;
use record::seal::SignedCheckpoint;
use record::witness::{Checkpoint, RegisteredRun, WitnessChain, on_witness_clock};
use record::{Record, Tick, Watch};
use uuid::Uuid;

/// The receiver's word for the records of a run so far.
#[derive(Debug)]
pub(super) struct Witnessed {
    chain: WitnessChain,
    run: RegisteredRun,
    /// How many runs the receiver knew of at the last checkpoint.
    runs: u64,
    closed: bool,
}

impl Witnessed {
    /// A run that was just registered, and the checkpoint that says so for its journal.
    ///
    /// # Errors
    /// When the receiver's answer is none about this run.
    pub(super) fn begin(
        run: Uuid,
        signed: SignedCheckpoint,
        zero_us: i64,
        at: Tick,
    ) -> Result<(Self, Record), RemoteError> {
        let statement = signed.unverified().map_err(|e| RemoteError::Malformed(e.to_string()))?;
        let chain = WitnessChain::of(run);
        if statement.run.run != run || !chain.is_at(&statement) {
            return Err(RemoteError::Malformed("it did not register this run".to_owned()));
        }
        let witnessed = Self { chain, run: statement.run, runs: statement.runs, closed: false };
        Ok((witnessed, record(signed, zero_us, at)))
    }

    /// What came before this is not the run's, µs since the Unix epoch by the clock of this run of the receiver.
    pub(super) fn begin_us(&self, receiver: Uuid) -> i64 {
        i64::try_from(self.run.begin_us(receiver)).unwrap_or(i64::MAX)
    }

    /// Whether the receiver has signed for the last time.
    pub(super) const fn is_closed(&self) -> bool {
        self.closed
    }

    /// Takes in what was sent and what was signed of it; gives the checkpoint for the journal when it says something new.
    ///
    /// # Errors
    /// When the one does not lead to the other: why.
    pub(super) fn take(
        &mut self,
        signed: SignedCheckpoint,
        records: &[Record],
        zero_us: i64,
        at: Tick,
    ) -> Result<Option<Record>, String> {
        let zero = u64::try_from(zero_us).unwrap_or(0);
        let statement = signed.unverified().map_err(|e| format!("a checkpoint cannot be read: {e}"))?;
        let before = self.chain.records();
        for placed in records.iter().filter_map(|record| on_witness_clock(record, zero)) {
            self.chain.take(&placed).map_err(|e| format!("a record cannot be checked: {e}"))?;
        }
        if !self.chain.is_at(&statement) {
            return Err(
                "a checkpoint does not follow from what was sent (is the receiver another version of smoke?)"
                    .to_owned(),
            );
        }
        let is_new = self.chain.records() > before || statement.closed || statement.runs != self.runs;
        (self.runs, self.closed) = (statement.runs, statement.closed);
        Ok(is_new.then(|| record(signed, zero_us, at)))
    }
}

fn record(signed: SignedCheckpoint, zero_us: i64, at: Tick) -> Record {
    let zero_us = u64::try_from(zero_us).unwrap_or(0);
    Record::Watch(Watch::Checkpoint(Box::new(Checkpoint { at, zero_us, signed })))
}
