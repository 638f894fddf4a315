//! Reads a journal as a stream and checks its chain on the way.

use crate::chain::link_of;
use crate::line_reader::{LineReader, Next};
use crate::{FORMAT_VERSION, GENESIS, Header, MAX_LINE, Record};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::io::{self, Read};
use std::path::Path;

/// Read of a journal at once, in bytes.
pub(crate) const AT_ONCE: usize = 256 * 1024;

/// A journal without its header: a process was killed, or a disk full, at once.
const CUT_OFF: &str =
    "the journal is cut off within its first line: what wrote it was stopped before it began";

/// What is wrong with a journal.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be read.
    #[error("cannot read the journal: {0}")]
    Io(#[from] io::Error),
    /// Nothing in it, or not even its first line whole.
    #[error("{}", if *torn == 0 { "the journal is empty" } else { CUT_OFF })]
    Empty {
        /// Bytes of that line.
        torn: usize,
    },
    /// A line longer than any that smoke writes.
    #[error("line {line}: longer than {MAX_LINE} bytes, the limit for a journal line")]
    LongLine {
        /// Line number, from 1.
        line: u64,
    },
    /// A line that is not a journal line.
    #[error("line {line}: not a journal record: {why}")]
    Malformed {
        /// Line number, from 1.
        line: u64,
        /// What the JSON parser says.
        why: String,
    },
    /// A line that does not follow from the one before.
    #[error(
        "line {line}: the hash chain breaks here: the previous line was changed, removed, moved or inserted"
    )]
    Chain {
        /// Line number, from 1.
        line: u64,
    },
    /// A line that ends with CRLF.
    #[error(
        "line {line} ends in CRLF, but smoke writes LF: a checkout with core.autocrlf or an editor changed the line endings. \
         Give the journal as it was written (`*.jsonl -text` in .gitattributes keeps git away from it)"
    )]
    LineEnd {
        /// Line number, from 1.
        line: u64,
    },
    /// The first line is no header.
    #[error("line 1: a journal must begin with its header")]
    NoHeader,
    /// JSON over several lines, which an artifact is.
    #[error(
        "this is no journal, but an artifact or other JSON: give the journal that it was made of (…_journal.jsonl)"
    )]
    Artifact,
    /// A second header, or records after the end.
    #[error("line {line}: {what}")]
    Structure {
        /// Line number, from 1.
        line: u64,
        /// What is out of place.
        what: String,
    },
    /// Written by another version.
    #[error("the journal has format version {0}; this smoke reads version {FORMAT_VERSION}")]
    Version(u32),
}

/// What is known of a journal once it has been read to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Integrity {
    /// SHA-256 of the whole file, hex.
    pub sha256: String,
    /// Whole records read.
    pub records: u64,
    /// Whether there is an end record: the run was closed in order.
    pub ended: bool,
    /// Bytes of a last line without its line end: what a killed process or a full disk leaves.
    pub torn_bytes: usize,
}

/// One line in any spelling, read without a copy of its link.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Borrowed<'l> {
    prev: &'l str,
    record: Record,
}

/// A journal being read; memory does not grow with its length. One type for all inputs: what reads each line is compiled once,
/// for speed.
#[derive(Debug)]
pub struct Reader {
    lines: LineReader<Box<dyn Read + Send>>,
    /// SHA-256 of the line before; zeros before the first.
    prev: [u8; 32],
    digest: Sha256,
    records: u64,
    ended: bool,
    torn_bytes: usize,
}

impl Reader {
    /// Opens a journal file and reads its header.
    ///
    /// # Errors
    /// When it cannot be read, or does not begin with a header of this version.
    pub fn open(path: &Path) -> Result<(Header, Self), ReadError> {
        Self::new(crate::open_input(path)?)
    }

    /// Reads the header from `input`, which needs no buffer.
    ///
    /// # Errors
    /// When it does not begin with a header of this version.
    pub fn new(input: impl Read + Send + 'static) -> Result<(Header, Self), ReadError> {
        Self::of(Box::new(input), AT_ONCE)
    }

    /// The same, which reads about `at_once` bytes of `input` at once.
    ///
    /// # Errors
    /// As for [`Reader::new`].
    pub fn of(input: Box<dyn Read + Send>, at_once: usize) -> Result<(Header, Self), ReadError> {
        let mut reader = Self {
            lines: LineReader::new(input, at_once),
            prev: [0; 32],
            digest: Sha256::new(),
            records: 0,
            ended: false,
            torn_bytes: 0,
        };
        match reader.next_record()? {
            Some(Record::Header(header)) => Ok((*header, reader)),
            Some(_) => Err(ReadError::NoHeader),
            None => Err(ReadError::Empty { torn: reader.torn_bytes }),
        }
    }

    /// The next fact, or `None` at the end (or at a torn last line).
    ///
    /// # Errors
    /// The first thing that is wrong; reading on after an error is not meaningful.
    pub fn next_record(&mut self) -> Result<Option<Record>, ReadError> {
        let number = self.records + 1;
        if !self.read_line(number)? {
            return Ok(None);
        }
        let malformed = |why: String| ReadError::Malformed { line: number, why };
        // Checked as a whole, which is much faster than string by string.
        let text = std::str::from_utf8(self.lines.line()).map_err(|e| malformed(e.to_string()))?;
        if number == 1 && text.trim_end() == "{" {
            return Err(ReadError::Artifact);
        }
        if number == 1 {
            check_version(text)?;
        }
        let as_written = record_behind(text, &self.prev).and_then(|record| serde_json::from_str(record).ok());
        let record = match as_written {
            Some(record) => record,
            None => {
                let parsed: Borrowed<'_> =
                    serde_json::from_str(text).map_err(|e| malformed(e.to_string()))?;
                if !is_hex_of(parsed.prev, &self.prev) {
                    return Err(ReadError::Chain { line: number });
                }
                parsed.record
            }
        };
        self.check_place(number, &record)?;
        self.prev = Sha256::digest(self.lines.line()).into();
        self.records = number;
        Ok(Some(record))
    }

    /// The text of the line that was read last, without its line end.
    #[must_use]
    pub fn line(&self) -> &[u8] {
        self.lines.line()
    }

    /// Number of the line that was read last, from 1.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.records
    }

    /// What is known once [`Reader::next_record`] has said `None`.
    #[must_use]
    pub fn integrity(self) -> Integrity {
        Integrity {
            sha256: hex::encode(self.digest.finalize()),
            records: self.records,
            ended: self.ended,
            torn_bytes: self.torn_bytes,
        }
    }

    /// Finds the next whole line; `false` at the end or at a torn line.
    fn read_line(&mut self, number: u64) -> Result<bool, ReadError> {
        let Self { lines, digest, .. } = self;
        match lines.advance(|read| digest.update(read))? {
            // JSON takes it for a blank, and the chain would break at the next line for no reason that can be seen.
            Next::Line if lines.line().last() == Some(&b'\r') => Err(ReadError::LineEnd { line: number }),
            Next::Line => Ok(true),
            Next::TooLong => Err(ReadError::LongLine { line: number }),
            Next::End(torn) => {
                self.torn_bytes = torn;
                Ok(false)
            }
        }
    }

    fn check_place(&mut self, line: u64, record: &Record) -> Result<(), ReadError> {
        let wrong = |what: &str| Err(ReadError::Structure { line, what: what.to_owned() });
        match record {
            _ if self.ended => wrong("a record after the end of the journal"),
            Record::Header(_) if line > 1 => wrong("a second header: two journals were concatenated"),
            Record::End(end) if end.records != line - 1 => {
                wrong("the end record's count does not match the records")
            }
            Record::End(_) => {
                self.ended = true;
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// The version stands in the first line of every format, and says whether the rest of it can be read.
fn check_version(line: &str) -> Result<(), ReadError> {
    #[derive(Deserialize)]
    struct First {
        record: Headed,
    }
    #[derive(Deserialize)]
    struct Headed {
        header: Versioned,
    }
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    match serde_json::from_str::<First>(line) {
        Ok(first) if first.record.header.version != FORMAT_VERSION => {
            Err(ReadError::Version(first.record.header.version))
        }
        _ => Ok(()),
    }
}

/// The text of the record in a line that is spelled as smoke does it, and linked to a line of this digest.
fn record_behind<'l>(line: &'l str, digest: &[u8; 32]) -> Option<&'l str> {
    let (prev, record) = line.strip_prefix(r#"{"prev":""#)?.split_at_checked(GENESIS.len())?;
    let record = record.strip_prefix(r#"","record":"#)?.strip_suffix('}')?;
    is_hex_of(prev, digest).then_some(record)
}

/// Whether `text` is `digest` in lower-case hex, as it is written.
fn is_hex_of(text: &str, digest: &[u8; 32]) -> bool {
    text.as_bytes() == link_of(digest)
}
