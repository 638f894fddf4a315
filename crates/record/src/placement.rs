//! Records of one process on the time line of another, with attempts numbered anew.

use crate::{Note, Record, Tick, Watch};
use std::collections::{HashMap, VecDeque};

/// Attempts that have ended and may still be diagnosed: as many as a receiver keeps waiting.
const ANSWERED: usize = 1024;

/// From the ticks of one process to those of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeLine {
    /// What is added to a tick, µs.
    pub shift_us: i64,
    /// What came before this tick, by the clock that it was recorded with, is left out.
    pub begin: Tick,
    /// Whether it is not left out, but counts as of `begin`.
    pub keeps_earlier: bool,
}

impl TimeLine {
    fn place(&self, tick: Tick) -> Option<Tick> {
        let tick = if self.keeps_earlier { tick.max(self.begin) } else { tick };
        if tick < self.begin {
            return None;
        }
        let micros = i64::try_from(tick.0).unwrap_or(i64::MAX).saturating_add(self.shift_us);
        u64::try_from(micros).ok().map(Tick)
    }
}

/// Where the attempts of another process stand with us.
#[derive(Debug, Clone, Default)]
pub struct Placement {
    run: Option<uuid::Uuid>,
    /// Their number to ours, of the attempts that are under way.
    under_way: HashMap<u64, u64>,
    /// The same of those that have ended last, of which a diagnosis may come.
    answered: VecDeque<(u64, u64)>,
    next: u64,
}

impl Placement {
    /// From now on records are of this run; gives whether it is another than before.
    pub fn begin_run(&mut self, run: uuid::Uuid) -> bool {
        let is_another = self.run.replace(run).is_some_and(|before| before != run);
        if is_another {
            // Another run counts its attempts from 0 again; those of the last one will not end any more.
            self.under_way.clear();
            self.answered.clear();
        }
        is_another
    }

    /// The record as it belongs on our time line; `None` for what came before it, for the ends of such attempts, and for
    /// what is the other journal's own matter.
    #[must_use]
    pub fn place(&mut self, record: Record, line: TimeLine) -> Option<Record> {
        let at = |tick| line.place(tick);
        match record {
            Record::Attempt(mut attempt) => {
                attempt.first_byte = at(attempt.first_byte)?;
                attempt.received = at(attempt.received)?;
                self.under_way.insert(attempt.attempt, self.next);
                attempt.attempt = self.next;
                self.next += 1;
                Some(Record::Attempt(attempt))
            }
            Record::Answered(mut answered) => {
                answered.end = at(answered.end)?;
                let theirs = answered.attempt;
                answered.attempt = self.under_way.remove(&theirs)?;
                self.answered.truncate(ANSWERED - 1);
                self.answered.push_front((theirs, answered.attempt));
                Some(Record::Answered(answered))
            }
            Record::Watch(Watch::Forwarded(mut forwarded)) => {
                forwarded.sent = at(forwarded.sent)?;
                forwarded.answered = at(forwarded.answered)?;
                forwarded.attempt = *self.under_way.get(&forwarded.attempt)?;
                Some(Record::Watch(Watch::Forwarded(forwarded)))
            }
            Record::Note(mut note) => {
                note.at = at(note.at)?;
                Some(Record::Note(note))
            }
            Record::Refused(mut refused) => {
                refused.at = at(refused.at)?;
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
                Some(Record::Note(Note { at: at(parted.at)?, text: format!("the receiver: {parted}") }))
            }
            // What the receiver could not write down nobody has seen, whoever reads it.
            Record::Watch(Watch::Gap(mut gap)) => {
                gap.to = at(gap.to)?;
                gap.from = at(gap.from.max(line.begin))?;
                Some(Record::Watch(Watch::Gap(gap)))
            }
            _ => None,
        }
    }
}
