//! One file of a log that is read while it grows: whole lines, and what has come of the one that is being written.

use super::beside::FileId;
use pii::{Encoding, log_line};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::time::{Duration, Instant};

/// So many bytes at its beginning show the encoding of a file.
const START: usize = 4096;
/// So many bytes before the place up to which a file was read show that it is still the same.
const TAIL: usize = 512;

/// A file that is open, and read up to some place.
#[derive(Debug)]
pub(super) struct LogFile {
    file: File,
    id: FileId,
    /// Shown by the beginning of the file, once there is one.
    encoding: Option<Encoding>,
    /// Read and not yet text.
    raw: Vec<u8>,
    /// Read and not yet given: from the beginning of a line.
    held: Vec<u8>,
    /// The longest line that is read whole, in bytes.
    longest: usize,
    /// Whether the line that is being written is longer: its beginning was given, and the rest of it is passed over.
    too_long: bool,
    /// When something last came.
    grown: Instant,
    /// The last bytes that were read.
    tail: Vec<u8>,
}

impl LogFile {
    /// Open, to be read from its beginning.
    pub(super) fn open(path: &Path, longest: usize) -> io::Result<Self> {
        let file = File::open(path)?;
        let id = FileId::of(&file.metadata()?);
        let (raw, held, tail) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Self {
            file,
            id,
            encoding: None,
            raw,
            held,
            longest,
            too_long: false,
            grown: Instant::now(),
            tail,
        })
    }

    /// Open, to be read from where it ends now.
    pub(super) fn open_at_end(path: &Path, longest: usize) -> io::Result<Self> {
        let mut log = Self::open(path, longest)?;
        let end = log.file.seek(SeekFrom::End(0))?;
        log.encoding = encoding(&log.file)?;
        // Between two characters, wherever the writer is.
        let unit = log.encoding.map_or(1, |e| e.unit() as u64);
        let begin = end - end % unit;
        log.file.seek(SeekFrom::Start(begin))?;
        log.tail = log.before(&log.file, begin)?;
        Ok(log)
    }

    pub(super) const fn id(&self) -> FileId {
        self.id
    }

    /// The file itself, for what is known of it beside its text.
    pub(super) const fn file(&self) -> &File {
        &self.file
    }

    /// Up to where it was read.
    pub(super) fn read_to(&self) -> u64 {
        (&self.file).stream_position().unwrap_or(0)
    }

    /// Bytes that have not been read.
    pub(super) fn unread(&self) -> u64 {
        self.file.metadata().map_or(0, |now| now.len()).saturating_sub(self.read_to())
    }

    /// Whether it has no name any more.
    pub(super) fn is_deleted(&self) -> bool {
        self.file.metadata().is_ok_and(|now| now.nlink() == 0)
    }

    /// For how long nothing has come, where all of it was read.
    pub(super) fn quiet(&self) -> Option<Duration> {
        (self.unread() == 0).then(|| self.grown.elapsed())
    }

    /// Whether it was cut in place (copytruncate), and perhaps written to again: what was read does not stand there any more.
    pub(super) fn was_cut(&self) -> io::Result<bool> {
        let (at, length) = (self.read_to(), self.file.metadata()?.len());
        Ok(at > length || self.before(&self.file, at)? != self.tail)
    }

    /// Whether another file has before this place what was read before it of this one.
    pub(super) fn is_copied_in(&self, copy: &File, at: u64) -> io::Result<bool> {
        Ok(self.before(copy, at)? == self.tail)
    }

    /// Begins again with a file that was cut; `rest` is what had stood in it and was not read.
    pub(super) fn begin_again(&mut self, rest: Option<Vec<u8>>) -> io::Result<()> {
        self.raw.extend(rest.unwrap_or_default());
        self.decode()?;
        self.file.seek(SeekFrom::Start(0))?;
        self.encoding = None;
        self.raw.clear();
        self.tail.clear();
        // What it ended with does not go on at its beginning.
        if self.too_long || self.held.last().is_some_and(|last| *last != b'\n') {
            self.held.push(b'\n');
        }
        Ok(())
    }

    /// Reads on; gives how many bytes. What was read before an error is kept.
    pub(super) fn read(&mut self, most: u64) -> io::Result<u64> {
        let known = self.raw.len();
        let read = self.file.by_ref().take(most).read_to_end(&mut self.raw);
        let new = self.raw.get(known..).unwrap_or_default();
        let count = new.len() as u64;
        if count > 0 {
            self.grown = Instant::now();
        }
        self.tail.extend(new);
        self.tail.drain(..self.tail.len().saturating_sub(TAIL));
        self.decode()?;
        read.map(|_| count)
    }

    /// The whole lines that were read, none for one that is no text. Of a line that is too long to be read whole its
    /// beginning is given, and none for all the rest of it, which is not read.
    pub(super) fn lines(&mut self) -> Vec<Option<String>> {
        let mut lines = Vec::new();
        let held = std::mem::take(&mut self.held);
        let mut rest = held.as_slice();
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (line, next) = rest.split_at(end + 1);
            rest = next;
            if std::mem::take(&mut self.too_long) {
                continue;
            }
            let line = without_zeros(line);
            match beginning(line, self.longest) {
                Some(begin) => lines.extend([log_text(begin), None]),
                None => lines.push(log_text(line)),
            }
        }
        if self.too_long {
            return lines;
        }
        let rest = without_zeros(rest);
        match beginning(rest, self.longest) {
            Some(begin) => {
                self.too_long = true;
                lines.extend([log_text(begin), None]);
            }
            None => self.held = rest.to_vec(),
        }
        lines
    }

    /// What is left of a line whose end has not come, and how long ago the last of it came: once nothing more is read.
    pub(super) fn rest(&mut self) -> Option<(Option<String>, Duration)> {
        let held = std::mem::take(&mut self.held);
        (!held.is_empty() && !self.too_long).then(|| (log_text(&held), self.grown.elapsed()))
    }

    /// What was read becomes text.
    fn decode(&mut self) -> io::Result<()> {
        if self.encoding.is_none() {
            self.encoding = encoding(&self.file)?;
        }
        match self.encoding {
            None | Some(Encoding::Utf8) => self.held.append(&mut self.raw),
            Some(wide) => self.held.extend(wide.take(&mut self.raw).into_bytes()),
        }
        Ok(())
    }

    /// The bytes in front of a place of a file, as many as a tail has.
    fn before(&self, file: &File, at: u64) -> io::Result<Vec<u8>> {
        let from = at.saturating_sub(TAIL as u64);
        let mut bytes = vec![0; usize::try_from(at - from).unwrap_or(TAIL)];
        let read = read_at(file, &mut bytes, from)?;
        bytes.truncate(read);
        Ok(bytes)
    }
}

/// A file that is cut while somebody writes on in it begins with as many NULs as were cut off: they are none of its first line.
fn without_zeros(line: &[u8]) -> &[u8] {
    let zeros = line.iter().take_while(|b| **b == 0).count();
    line.get(zeros..).unwrap_or_default()
}

/// As much of a line as is read, where that is not all of it.
fn beginning(line: &[u8], longest: usize) -> Option<&[u8]> {
    let long = line.len() > longest;
    let is_inside = |at: &usize| line.get(*at).is_some_and(|b| b & 0b1100_0000 == 0b1000_0000);
    let end = (0..=longest).rev().find(|at| !is_inside(at)).unwrap_or(longest);
    line.get(..end).filter(|_| long)
}

/// Fills `bytes` from a place on, as far as there is anything; gives how many.
pub(super) fn read_at(file: &File, bytes: &mut [u8], from: u64) -> io::Result<usize> {
    let mut read = 0;
    while let Some(rest) = bytes.get_mut(read..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, from + read as u64)? {
            0 => break,
            n => read += n,
        }
    }
    Ok(read)
}

fn log_text(line: &[u8]) -> Option<String> {
    let read = log_line(line);
    read.unread.is_none().then(|| read.text.into_owned())
}

/// The encoding of a file that has something in it.
fn encoding(file: &File) -> io::Result<Option<Encoding>> {
    let mut start = [0; START];
    let read = file.read_at(&mut start, 0)?;
    let start = start.get(..read).unwrap_or_default();
    let zeros = start.iter().take_while(|b| **b == 0).count();
    Ok(start.get(zeros - zeros % 4..).filter(|rest| !rest.is_empty()).map(Encoding::of))
}
