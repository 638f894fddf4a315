//! Follows a journal file while it grows, through rotation.

use crate::journal::{Header, Line, MAX_LINE, Record};
use crate::receive::Batch;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Most records of one look, so that a look ends.
const MOST: usize = 20_000;

/// Why a journal cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// It cannot be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line is no journal line.
    #[error("{}: not a journal line: {why}", path.display())]
    Malformed {
        /// Which.
        path: PathBuf,
        /// What the parser says.
        why: String,
    },
}

/// A journal that is being followed.
#[derive(Debug)]
pub struct Follow {
    path: PathBuf,
    input: BufReader<File>,
    inode: u64,
    header: Header,
    line: Vec<u8>,
}

impl Follow {
    /// Begins at the end of what is there.
    ///
    /// # Errors
    /// When the file cannot be read or begins with no header.
    pub fn at_end(path: &Path) -> Result<Self, FollowError> {
        let mut follow = Self::open(path)?;
        let failed = |source| FollowError::Io { path: path.to_path_buf(), source };
        let end = follow.input.seek(SeekFrom::End(-1)).map_err(failed)?;
        // The end may be in the middle of a line that is being written: the rest of it is not ours.
        let mut last = [0];
        follow.input.read_exact(&mut last).map_err(failed)?;
        if last != *b"\n" && end > 0 {
            follow.input.read_until(b'\n', &mut follow.line).map_err(failed)?;
            follow.line.clear();
        }
        Ok(follow)
    }

    fn open(path: &Path) -> Result<Self, FollowError> {
        let failed = |source| FollowError::Io { path: path.to_path_buf(), source };
        let file = File::open(path).map_err(failed)?;
        let inode = file.metadata().map_err(failed)?.ino();
        let mut input = BufReader::with_capacity(256 * 1024, file);
        let mut line = Vec::new();
        input.by_ref().take(MAX_LINE as u64).read_until(b'\n', &mut line).map_err(failed)?;
        let header = match parse(path, &line)? {
            Record::Header(header) => *header,
            _ => {
                let why = "the first line is no header".to_owned();
                return Err(FollowError::Malformed { path: path.to_path_buf(), why });
            }
        };
        Ok(Self { path: path.to_path_buf(), input, inode, header, line: Vec::new() })
    }

    /// The header of the file that is being read.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// What has come since the last look.
    ///
    /// # Errors
    /// When the file cannot be read, or holds what is no journal line.
    pub fn look(&mut self) -> Result<Batch, FollowError> {
        let mut batch = Batch {
            run_id: self.header.run_id,
            started: self.header.started,
            records: Vec::new(),
            missed: false,
        };
        while batch.records.len() < MOST {
            let failed = |source| FollowError::Io { path: self.path.clone(), source };
            let limit = (MAX_LINE - self.line.len().min(MAX_LINE)) as u64 + 1;
            self.input.by_ref().take(limit).read_until(b'\n', &mut self.line).map_err(failed)?;
            if self.line.last() == Some(&b'\n') {
                batch.records.push(parse(&self.path, &self.line)?);
                self.line.clear();
                continue;
            }
            if self.line.len() > MAX_LINE {
                let why = "longer than any journal line".to_owned();
                return Err(FollowError::Malformed { path: self.path.clone(), why });
            }
            // The end of this file. When another one has its name now, that one goes on.
            let now = std::fs::metadata(&self.path).map(|m| m.ino());
            if batch.records.is_empty() && now.is_ok_and(|inode| inode != self.inode) {
                *self = Self::open(&self.path)?;
                batch.run_id = self.header.run_id;
                batch.started = self.header.started;
                continue;
            }
            break;
        }
        Ok(batch)
    }
}

fn parse(path: &Path, line: &[u8]) -> Result<Record, FollowError> {
    let parsed = serde_json::from_slice::<Line>(line);
    parsed
        .map(|l| l.record)
        .map_err(|e| FollowError::Malformed { path: path.to_path_buf(), why: e.to_string() })
}
