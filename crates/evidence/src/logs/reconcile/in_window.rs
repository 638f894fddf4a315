//! What a log that is followed says of single webhooks, where its time has been looked at already.

use super::super::clock::Clock;
use super::{Arrivals, keep};

impl Arrivals {
    /// How far the log's times are from the journal's, by what was said so far of webhooks that are in both.
    pub(in super::super) fn clock(&self) -> Clock {
        self.pairs.clock()
    }

    /// A line says that a webhook was delivered which was not accepted here, at a time of which it is not known whether it is of the
    /// journal.
    pub(in super::super) fn said_at_edge(&mut self, line: u64, id: &str) {
        self.found.edge_said += 1;
        keep(&mut self.found.edge_said_first, line, Some(id.chars().take(64).collect()));
    }

    /// Tells of the log's clock, where that has to be told.
    pub(in super::super) fn tell_clock(&mut self, clock: Clock) {
        self.found.clock = clock.told();
    }
}
