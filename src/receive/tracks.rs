//! Puts the records of another process on our time line and gives their attempts numbers of ours.

use super::remote::Batch;
use crate::clock::{Clock, Tick};
use crate::journal::{Record, Watch};
use std::collections::HashMap;

/// Where attempts of other processes stand with us.
#[derive(Debug, Default)]
pub struct Tracks {
    run: Option<uuid::Uuid>,
    /// Their number to ours, of the attempts that are under way.
    under_way: HashMap<u64, u64>,
    next: u64,
}

impl Tracks {
    /// The records that belong to our window, on our time line. `offset_us` is their clock minus ours. What came before the
    /// window is left out, and so are the ends of such attempts.
    pub fn take(&mut self, batch: Batch, clock: Clock, offset_us: i64) -> Vec<Record> {
        if self.run.replace(batch.run_id).is_some_and(|before| before != batch.run_id) {
            // Another run counts its attempts from 0 again; those of the last one will not end any more.
            self.under_way.clear();
        }
        let shift = (batch.started - clock.started())
            .num_microseconds()
            .unwrap_or(i64::MIN)
            .saturating_sub(offset_us);
        let ours = |tick: Tick| {
            let at = i64::try_from(tick.0).unwrap_or(i64::MAX).saturating_add(shift);
            u64::try_from(at).ok().map(Tick)
        };
        batch.records.into_iter().filter_map(|record| self.place(record, ours)).collect()
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
                answered.attempt = self.under_way.remove(&answered.attempt)?;
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
            _ => None,
        }
    }
}
