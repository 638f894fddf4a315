//! Facts that are counted in place of being written, so that a journal does not grow with a load.

use crate::Tick;
use crate::{Record, RunStats};
use std::fmt;

/// Whether a fact still has to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It is in the sums.
    In,
    /// It belongs in the journal.
    No,
}

/// Counts facts, and says what they amount to.
pub trait Aggregator: fmt::Debug + Send {
    /// Takes a fact in, or leaves it to the journal.
    fn take(&mut self, record: &Record) -> Taken;

    /// What all facts up to `at` amount to; `complete` says that nothing more can come.
    fn stats(&mut self, at: Tick, complete: bool) -> RunStats;

    /// Until when a webhook that has not come yet is in time; `None` when none is missing.
    fn open_until(&self) -> Option<Tick>;
}
