//! Lines that wait to be written: each is linked to the one before it as it is put here, so that whoever appends holds this
//! for no longer than it takes to hash a line.

use super::durable::Batch;
use super::segments::Rotation;
use record::{EncodedRecord, Lines, Link};
use std::io;
use std::sync::Arc;
use tokio::time::Instant;

/// Lines that are taken out to be written, and those who wait for them.
#[derive(Debug)]
pub(super) struct TakenOut {
    pub lines: Lines,
    pub batch: Arc<Batch>,
}

/// What waits to be written to one file, and how long the file will be with it.
#[derive(Debug)]
pub(super) struct Queue {
    lines: Lines,
    /// Who waits for them.
    batch: Arc<Batch>,
    /// Of the file, with what is being written now and without what waits.
    taken_bytes: u64,
    /// When the file was begun.
    opened: Instant,
    sealed: bool,
}

impl Queue {
    /// Behind a file that ends with `prev`, has `bytes` bytes and was begun at `opened`.
    pub(super) fn behind(prev: Link, bytes: u64, opened: Instant) -> Self {
        Self { lines: Lines::behind(prev), batch: Arc::default(), taken_bytes: bytes, opened, sealed: false }
    }

    /// Adds a line and says who will be told what became of it.
    ///
    /// # Errors
    /// When the journal is finished.
    pub(super) fn put(&mut self, fact: &EncodedRecord) -> io::Result<&Arc<Batch>> {
        self.check_open()?;
        self.lines.put(fact);
        Ok(&self.batch)
    }

    /// Bytes that wait.
    pub(super) const fn waiting(&self) -> usize {
        self.lines.bytes.len()
    }

    /// Whether the next line belongs in a new file.
    pub(super) fn is_due(&self, rotation: Rotation) -> bool {
        rotation.bytes.is_some_and(|max| self.file_bytes() >= max)
            || rotation.every.is_some_and(|max| self.opened.elapsed() >= max)
    }

    const fn file_bytes(&self) -> u64 {
        self.taken_bytes + self.lines.bytes.len() as u64
    }

    /// Takes what waits; `spare` is room for what comes next.
    pub(super) fn take(&mut self, spare: Vec<u8>) -> TakenOut {
        self.taken_bytes = self.file_bytes();
        let next = Lines { bytes: spare, ..Lines::behind(self.lines.prev) };
        TakenOut { lines: std::mem::replace(&mut self.lines, next), batch: std::mem::take(&mut self.batch) }
    }

    /// What was taken could not be written: what was put behind it since then is lost too.
    pub(super) fn lose(&mut self, prev: Link, bytes: u64, why: io::ErrorKind) {
        self.lines = Lines::behind(prev);
        self.taken_bytes = bytes;
        std::mem::take(&mut self.batch).settle(Err(why));
    }

    /// Takes no more lines.
    pub(super) const fn seal(&mut self) {
        self.sealed = true;
    }

    /// # Errors
    /// When the journal is finished.
    pub(super) fn check_open(&self) -> io::Result<()> {
        if self.sealed { Err(io::Error::other("the journal is finished")) } else { Ok(()) }
    }
}
