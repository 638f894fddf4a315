//! Appends facts to a journal file.

use super::{End, GENESIS, Header, Line, MAX_LINE, Record, sha256_hex};
use crate::clock::Tick;
use sha2::{Digest, Sha256};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// A journal open for appending. Clones append to the same file; every append reaches the kernel before it returns,
/// so a killed process loses nothing that it has appended.
#[derive(Debug, Clone)]
pub struct Journal {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    file: File,
    prev: String,
    digest: Sha256,
    records: u64,
    sealed: bool,
}

/// What a finished journal amounts to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// SHA-256 of the whole file, hex.
    pub sha256: String,
    /// Number of records, the end included.
    pub records: u64,
}

impl Journal {
    /// Creates the file with mode 0600, replacing one that is there, and writes the header.
    ///
    /// # Errors
    /// When the file cannot be created or written.
    pub fn create(path: &Path, header: &Header) -> io::Result<Self> {
        // A new file, not a truncated one: an older file of that name may be readable by others, or a link.
        match std::fs::remove_file(path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(path)?;
        let state =
            State { file, prev: GENESIS.to_owned(), digest: Sha256::new(), records: 0, sealed: false };
        let journal = Self { state: Arc::new(Mutex::new(state)) };
        journal.append(&Record::Header(Box::new(header.clone())))?;
        Ok(journal)
    }

    /// Appends one fact.
    ///
    /// # Errors
    /// When the file cannot be written, the line would be longer than [`MAX_LINE`], or the journal is finished.
    pub fn append(&self, record: &Record) -> io::Result<()> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).append(record)
    }

    /// Writes the end record; what is appended afterwards is refused.
    ///
    /// # Errors
    /// As for [`Journal::append`], and when the file cannot be flushed to disk.
    pub fn finish(&self, at: Tick, complete: bool) -> io::Result<Sealed> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let records = state.records;
        state.append(&Record::End(End { at, records, complete }))?;
        state.sealed = true;
        state.file.sync_data()?;
        Ok(Sealed { sha256: hex::encode(state.digest.clone().finalize()), records: state.records })
    }
}

impl State {
    fn append(&mut self, record: &Record) -> io::Result<()> {
        if self.sealed {
            return Err(io::Error::other("the journal is finished"));
        }
        let mut line = serde_json::to_vec(&Line { prev: self.prev.clone(), record })?;
        if line.len() > MAX_LINE {
            return Err(io::Error::other(format!(
                "a record of {} bytes is longer than {MAX_LINE}",
                line.len()
            )));
        }
        let hash = sha256_hex(&line);
        line.push(b'\n');
        let before = self.file.metadata()?.len();
        if let Err(error) = self.file.write_all(&line) {
            // A half-written line (disk full) would break the chain for all that follows.
            self.file.set_len(before)?;
            return Err(error);
        }
        self.digest.update(&line);
        self.prev = hash;
        self.records += 1;
        Ok(())
    }
}
