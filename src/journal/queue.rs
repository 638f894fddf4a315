//! Lines that wait to be written: each is linked to the one before it as it is put here, so that whoever appends holds this
//! for no longer than it takes to hash a line.

use super::durable::Batch;
use super::parts::Rotation;
use super::{GENESIS, MAX_LINE, Record};
use sha2::{Digest, Sha256};
use std::io;
use std::sync::Arc;
use tokio::time::Instant;

/// SHA-256 of a line in hex.
pub(super) type Link = [u8; 64];
/// What the first line is linked to: [`GENESIS`].
pub(super) const FIRST: Link = [b'0'; 64];
/// A webhook's record is seldom larger, in bytes.
const USUAL: usize = 2048;
/// Bytes of a line around its record.
const AROUND: usize = r#"{"prev":"","record":}"#.len() + GENESIS.len();

/// A record as JSON, made before anything is locked.
pub(super) struct Fact(Vec<u8>);

impl Fact {
    /// # Errors
    /// When the line would be longer than [`MAX_LINE`].
    pub(super) fn new(record: &Record) -> io::Result<Self> {
        let mut json = Vec::with_capacity(USUAL);
        serde_json::to_writer(&mut json, record)?;
        if json.len() + AROUND > MAX_LINE {
            let bytes = json.len() + AROUND;
            return Err(io::Error::other(format!("a record of {bytes} bytes is longer than {MAX_LINE}")));
        }
        Ok(Self(json))
    }
}

/// Whole lines that follow each other.
#[derive(Debug)]
pub(super) struct Lines {
    /// Their text.
    pub bytes: Vec<u8>,
    /// How many there are.
    pub records: u64,
    /// What the line behind them is linked to.
    pub prev: Link,
    /// Who waits for them.
    pub batch: Arc<Batch>,
}

impl Lines {
    /// None yet; the first one is linked to `prev`.
    pub(super) fn behind(prev: Link) -> Self {
        Self { bytes: Vec::new(), records: 0, prev, batch: Arc::default() }
    }

    /// Adds a line, as `serde_json` writes a [`Line`](super::Line).
    pub(super) fn put(&mut self, fact: &Fact) {
        let begin = self.bytes.len();
        for piece in [br#"{"prev":""#, self.prev.as_slice(), br#"","record":"#, &fact.0, b"}"] {
            self.bytes.extend_from_slice(piece);
        }
        let digest = Sha256::digest(self.bytes.get(begin..).unwrap_or_default());
        self.bytes.push(b'\n');
        // Never fails: a digest is 32 bytes, and a link 64.
        let _ = hex::encode_to_slice(digest, &mut self.prev);
        self.records += 1;
    }
}

/// What waits to be written to one file, and how long the file will be with it.
#[derive(Debug)]
pub(super) struct Queue {
    lines: Lines,
    /// Of the file, with what is being written now and without what waits.
    taken_bytes: u64,
    /// When the file was begun.
    opened: Instant,
    sealed: bool,
}

impl Queue {
    /// Behind a file that ends with `prev`, has `bytes` bytes and was begun at `opened`.
    pub(super) fn behind(prev: Link, bytes: u64, opened: Instant) -> Self {
        Self { lines: Lines::behind(prev), taken_bytes: bytes, opened, sealed: false }
    }

    /// Adds a line and says who will be told what became of it.
    ///
    /// # Errors
    /// When the journal is finished.
    pub(super) fn put(&mut self, fact: &Fact) -> io::Result<&Arc<Batch>> {
        self.check_open()?;
        self.lines.put(fact);
        Ok(&self.lines.batch)
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
    pub(super) fn take(&mut self, spare: Vec<u8>) -> Lines {
        self.taken_bytes = self.file_bytes();
        let next = Lines { bytes: spare, ..Lines::behind(self.lines.prev) };
        std::mem::replace(&mut self.lines, next)
    }

    /// What was taken could not be written: what was put behind it since then is lost too.
    pub(super) fn lose(&mut self, prev: Link, bytes: u64, why: io::ErrorKind) {
        let lost = std::mem::replace(&mut self.lines, Lines::behind(prev));
        self.taken_bytes = bytes;
        lost.batch.settle(Err(why));
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
