//! The journal of one shard (or of a whole load), read second by second.

use super::summary::open_until;
use record::{
    EndedEarly, Header, Integrity, Interval, LoadPlan, LoadShard, ReadError, Reader, Record, RunStats,
};
use record::{RunKind, Tick};

/// Why a journal cannot be used as a part of a load.
#[derive(Debug, thiserror::Error)]
pub enum PartError {
    /// The journal itself is wrong.
    #[error(transparent)]
    Journal(#[from] ReadError),
    /// The journal is of something else.
    #[error("the journal is from `smoke {0}`, which is not a load")]
    NotALoad(&'static str),
    /// It ends before it says what the load is.
    #[error("the journal does not say what the load is: the run was cut off before it began")]
    NoPlan,
    /// Its header is not that of a load.
    #[error("the journal's header does not say which shard of the load it is")]
    NoShard,
    /// Seconds out of order.
    #[error("second {second}: it begins before the one before it ends")]
    Order {
        /// Which, from 0.
        second: u64,
    },
}

/// The journal of one shard.
#[derive(Debug)]
pub struct Part {
    /// What it is called beside other shards.
    pub name: String,
    /// Where it lies; names of directories alone may be equal.
    pub place: String,
    /// What was run.
    pub header: Header,
    /// How the load was asked for.
    pub plan: LoadPlan,
    /// Which part of it this is.
    pub shard: LoadShard,
    /// What was worth telling.
    pub notes: Vec<String>,
    /// What ended it early and says nothing about the sender.
    pub ended_early: Option<EndedEarly>,
    /// Whether the run was completed; known when all seconds have been read.
    pub complete: bool,
    /// The end of the last second that was taken, from the beginning of its schedule.
    pub last: Tick,
    /// Until when it could make starts, counted likewise.
    pub until: Tick,
    /// What its flows amount to, as far as it has been read; `None` where none were counted.
    pub sums: Option<Box<RunStats>>,
    reader: Option<Reader>,
    integrity: Option<Integrity>,
    next: Option<Interval>,
    read: u64,
}

impl Part {
    /// Reads header and plan, and the first second.
    ///
    /// # Errors
    /// When the journal is broken or not of a load.
    pub fn new(name: String, header: Header, mut reader: Reader) -> Result<Self, PartError> {
        let plan = match reader.next_record()? {
            Some(Record::Load(plan)) => plan,
            None if header.kind == RunKind::Load => return Err(PartError::NoPlan),
            _ => return Err(PartError::NotALoad(header.kind.name())),
        };
        let shard = header.shard.ok_or(PartError::NoShard)?;
        let mut part = Self {
            place: name.clone(),
            name,
            header,
            shard,
            plan: *plan,
            notes: Vec::new(),
            ended_early: None,
            complete: false,
            last: Tick(0),
            until: Tick(0),
            sums: None,
            reader: Some(reader),
            integrity: None,
            next: None,
            read: 0,
        };
        part.advance()?;
        Ok(part)
    }

    /// Whether anything is known of it but that it was asked for.
    #[must_use]
    pub const fn has_begun(&self) -> bool {
        self.complete || self.next.is_some() || self.read > 0
    }

    /// The second that is next, without taking it.
    #[must_use]
    pub const fn peek(&self) -> Option<&Interval> {
        self.next.as_ref()
    }

    /// Takes the next second.
    ///
    /// # Errors
    /// When the journal is broken behind it.
    pub fn take(&mut self) -> Result<Option<Interval>, PartError> {
        let taken = self.next.take();
        if let Some(taken) = &taken {
            self.last = self.last.max(taken.to);
            self.until = self.until.max(open_until(taken));
            self.advance()?;
        }
        if let (Some(before), Some(next)) = (&taken, &self.next)
            && next.from < before.to
        {
            return Err(PartError::Order { second: self.read - 1 });
        }
        Ok(taken)
    }

    /// Hash, records and end of the journal, once all seconds have been taken.
    #[must_use]
    pub const fn integrity(&self) -> Option<&Integrity> {
        self.integrity.as_ref()
    }

    fn advance(&mut self) -> Result<(), PartError> {
        let Some(reader) = &mut self.reader else { return Ok(()) };
        while let Some(record) = reader.next_record()? {
            match record {
                Record::Interval(interval) => {
                    self.read += 1;
                    self.next = Some(*interval);
                    return Ok(());
                }
                // The schedule has begun: what stood there before said when it was to.
                Record::Load(plan) if self.read == 0 => self.plan = *plan,
                Record::RunStats(sums) => self.sums = Some(sums),
                Record::Note(note) => self.notes.push(note.text),
                Record::EndedEarly(early) => {
                    self.notes.push(early.note().text);
                    self.ended_early = Some(early);
                }
                Record::End(end) => self.complete = end.complete,
                _ => {}
            }
        }
        self.integrity = self.reader.take().map(Reader::integrity);
        Ok(())
    }
}
