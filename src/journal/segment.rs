//! The file that is being written.

use crate::build_info::build;
use record::{Continues, EncodedRecord, FIRST, Header, Lines, Link, Record, Watch};
use sha2::{Digest, Sha256};
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use tokio::time::Instant;

/// One file of a journal, as far as it is written.
#[derive(Debug)]
pub(super) struct Segment {
    file: File,
    /// Device and inode, by which it is told from another file of its name.
    place: (u64, u64),
    /// When it was begun.
    pub opened: Instant,
    /// Its length.
    pub bytes: u64,
    /// Its lines.
    pub records: u64,
    /// What the next line is linked to.
    pub prev: Link,
    digest: Sha256,
}

impl Segment {
    /// Creates the file with mode 0600 in place of one that is there, and writes how it begins.
    ///
    /// # Errors
    /// When the file cannot be created or written.
    pub(super) fn create(path: &Path, header: &Header, continues: Option<Continues>) -> io::Result<Self> {
        // A new file, not a truncated one: an older file of that name may be readable by others, or a link.
        match std::fs::remove_file(path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(path)?;
        let place = place(&file.metadata()?);
        let (opened, digest) = (Instant::now(), Sha256::new());
        let mut part = Self { file, place, opened, bytes: 0, records: 0, prev: FIRST, digest };
        let mut lines = Lines::behind(FIRST);
        // Whoever asks for a journal need not know which build writes it.
        let header = Header { build: Some(build()), ..header.clone() };
        lines.put(&EncodedRecord::new(&Record::Header(Box::new(header)))?);
        if let Some(continues) = continues {
            lines.put(&EncodedRecord::new(&Record::Watch(Watch::Continues(continues)))?);
        }
        part.write(&lines)?;
        Ok(part)
    }

    /// Writes lines that are linked to the end of this file: all of them or, as far as the file system lets, none.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(super) fn write(&mut self, lines: &Lines) -> io::Result<()> {
        self.file.write_all(&lines.bytes).inspect_err(|_| {
            // A half-written line (disk full) would break the chain for all that follows. When even this fails the next
            // line goes behind a torn one, and the reader says where.
            let _ = self.file.set_len(self.bytes);
        })?;
        self.digest.update(&lines.bytes);
        self.bytes += lines.bytes.len() as u64;
        self.records += lines.records;
        self.prev = lines.prev;
        Ok(())
    }

    /// Whether what is at `path` is this file, with all that was written to it and nothing else.
    pub(super) fn is_at(&self, path: &Path) -> bool {
        std::fs::symlink_metadata(path)
            .is_ok_and(|there| place(&there) == self.place && there.len() == self.bytes)
    }

    /// Whether what is at `path` is this file, whatever has been done to what is in it.
    pub(super) fn has_its_place_at(&self, path: &Path) -> bool {
        std::fs::symlink_metadata(path).is_ok_and(|there| place(&there) == self.place)
    }

    /// SHA-256 of the file with `lines` behind it, hex.
    pub(super) fn sha256_with(&self, lines: &[u8]) -> String {
        hex::encode(self.digest.clone().chain_update(lines).finalize())
    }

    /// Has it on the disk.
    ///
    /// # Errors
    /// When the disk fails.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// The file for a flush in another thread.
    ///
    /// # Errors
    /// When there are no file descriptors left.
    pub(super) fn file(&self) -> io::Result<File> {
        self.file.try_clone()
    }
}

fn place(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}
