//! Records as the lines of a journal, each linked to the one before it.

use crate::{End, GENESIS, Header, Record, Tick};
use serde::de::Error;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::io;

/// Longest line that is written or read, in bytes: a 1 MiB body with every byte escaped, and its headers.
pub const MAX_LINE: usize = 16 * 1024 * 1024;

/// SHA-256 of a line in hex.
pub type Link = [u8; 64];
/// What the first line is linked to: [`GENESIS`].
pub const FIRST: Link = [b'0'; 64];
/// A webhook's record is seldom larger, in bytes.
const USUAL: usize = 2048;
/// Bytes of a line around its record.
const AROUND: usize = r#"{"prev":"","record":}"#.len() + GENESIS.len();

/// One line of a journal.
#[derive(Debug, Serialize, Deserialize, crate::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Line<R = Record> {
    /// SHA-256 of the line before, hex.
    pub prev: String,
    /// The fact.
    pub record: R,
}

impl Line {
    /// Reads a line of a journal, with its line end or without.
    ///
    /// # Errors
    /// When it is not in UTF-8, or no line of a journal.
    pub fn parse(line: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_str(utf8(line)?)
    }
}

impl Record {
    /// Reads a record without the line around it.
    ///
    /// # Errors
    /// When it is not in UTF-8, or no record.
    pub fn parse(text: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_str(utf8(text)?)
    }
}

/// Checked as a whole, which is much faster than text by text.
fn utf8(bytes: &[u8]) -> serde_json::Result<&str> {
    std::str::from_utf8(bytes).map_err(serde_json::Error::custom)
}

/// SHA-256 of a text file, hex, whatever its line ends: a checkout on Windows (CRLF) is the same text.
#[must_use]
pub fn text_sha256_hex(text: &[u8]) -> String {
    let mut digest = Sha256::new();
    let mut rest = text;
    while let Some(at) = rest.windows(2).position(|pair| pair == b"\r\n") {
        let (line, end) = rest.split_at(at);
        digest.update(line);
        rest = end.get(1..).unwrap_or_default();
    }
    digest.update(rest);
    hex::encode(digest.finalize())
}

#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// A record as JSON, made before anything is locked.
#[derive(Default)]
pub struct EncodedRecord(Vec<u8>);

impl EncodedRecord {
    /// The record's text.
    ///
    /// # Errors
    /// When the line would be longer than [`MAX_LINE`].
    pub fn new(record: &Record) -> io::Result<Self> {
        let mut encoded = Self(Vec::with_capacity(USUAL));
        encoded.encode(record)?;
        Ok(encoded)
    }

    /// Holds this record in place of the one before.
    ///
    /// # Errors
    /// As for [`EncodedRecord::new`].
    pub fn encode(&mut self, record: &Record) -> io::Result<()> {
        self.0.clear();
        serde_json::to_writer(&mut self.0, record)?;
        let bytes = self.0.len() + AROUND;
        if bytes > MAX_LINE {
            return Err(io::Error::other(format!("a record of {bytes} bytes is longer than {MAX_LINE}")));
        }
        Ok(())
    }

    /// The record's text.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A digest as the line behind is linked to it.
pub(crate) fn link_of(digest: &[u8; 32]) -> Link {
    let mut link = FIRST;
    signature::write_hex(digest, &mut link);
    link
}

/// Whole lines that follow each other.
#[derive(Debug)]
pub struct Lines {
    /// Their text.
    pub bytes: Vec<u8>,
    /// How many there are.
    pub records: u64,
    /// What the line behind them is linked to.
    pub prev: Link,
}

impl Lines {
    /// None yet; the first one is linked to `prev`.
    #[must_use]
    pub const fn behind(prev: Link) -> Self {
        Self { bytes: Vec::new(), records: 0, prev }
    }

    /// Adds a line, as `serde_json` writes a [`Line`].
    pub fn put(&mut self, fact: &EncodedRecord) {
        let begin = self.bytes.len();
        for piece in [br#"{"prev":""#, self.prev.as_slice(), br#"","record":"#, &fact.0, b"}"] {
            self.bytes.extend_from_slice(piece);
        }
        let digest = Sha256::digest(self.bytes.get(begin..).unwrap_or_default());
        self.bytes.push(b'\n');
        self.prev = link_of(&digest.into());
        self.records += 1;
    }
}

/// A whole journal: the header, the records, and the end record at `at`; without one where `at` is none, as of a process
/// that was killed.
///
/// # Errors
/// As for [`EncodedRecord::new`].
pub fn journal_bytes(header: &Header, records: &[Record], end: Option<(Tick, bool)>) -> io::Result<Vec<u8>> {
    let mut lines = Lines::behind(FIRST);
    lines.put(&EncodedRecord::new(&Record::Header(Box::new(header.clone())))?);
    for record in records {
        lines.put(&EncodedRecord::new(record)?);
    }
    if let Some((at, complete)) = end {
        let records = lines.records;
        lines.put(&EncodedRecord::new(&Record::End(End { at, records, complete }))?);
    }
    Ok(lines.bytes)
}
