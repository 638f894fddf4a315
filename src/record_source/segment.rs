//! One file of a journal that is being followed, and which file goes on where another one ends.

use super::growing_journal::FollowError;
use record::{Continues, GENESIS, Header, Line, MAX_LINE, Record, Watch, last_record};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// So much is read at once, in bytes, where the last line is looked for.
const BLOCK: u64 = 64 * 1024;
/// Most segments that one may be behind.
const MOST_BEHIND: usize = 10_000;

/// A file of a journal, open behind its header.
#[derive(Debug)]
pub(super) struct Segment {
    path: PathBuf,
    pub input: BufReader<File>,
    pub inode: u64,
    pub header: Header,
    /// The hash of its first line, by which it is told from another one.
    first: String,
    /// What the next line has to be linked to; `None` where that is not known.
    pub prev: Option<String>,
    /// The file before it.
    before: Option<Continues>,
}

/// A line as it was read.
pub(super) enum LineRead {
    Whole,
    /// The end of the file, perhaps in the middle of a line.
    End,
    /// More than any journal line.
    TooLong,
}

impl Segment {
    /// # Errors
    /// When it cannot be read or begins with no header.
    pub(super) fn open(path: &Path) -> Result<Self, FollowError> {
        let failed = |source| FollowError::Io { path: path.to_path_buf(), source };
        let malformed = |why: String| FollowError::Malformed { path: path.to_path_buf(), why };
        let file = record::open_input(path).map_err(failed)?;
        let inode = file.metadata().map_err(failed)?.ino();
        let mut input = BufReader::with_capacity(64 * 1024, file);
        let mut line = Vec::new();
        read_line(&mut input, &mut line).map_err(failed)?;
        let parsed = Line::parse(&line).map_err(|e| malformed(e.to_string()))?;
        let Record::Header(header) = parsed.record else {
            return Err(malformed("the first line is not a header".to_owned()));
        };
        if parsed.prev != GENESIS {
            return Err(malformed("its header is linked to a line before it".to_owned()));
        }
        let path = path.to_path_buf();
        let first = hash(&line);
        let prev = Some(first.clone());
        let mut segment = Self { path, input, inode, header: *header, first, prev, before: None };
        segment.before = segment.peek().map_err(failed)?;
        Ok(segment)
    }

    /// What the second line says of the file before; the line is left to be read.
    fn peek(&mut self) -> io::Result<Option<Continues>> {
        let (at, mut line) = (self.input.stream_position()?, Vec::new());
        read_line(&mut self.input, &mut line)?;
        self.input.seek(SeekFrom::Start(at))?;
        Ok(match Line::parse(&line).map(|l| l.record) {
            Ok(Record::Watch(Watch::Continues(continues))) => Some(continues),
            _ => None,
        })
    }

    /// This file, which is shorter than what was read of it: its receiver takes back what a full disk has cut, and what is left was
    /// read. A file that begins otherwise is another one.
    ///
    /// # Errors
    /// As for [`Segment::open`], and when it cannot be read.
    pub(super) fn again(&self, path: &Path) -> Result<Self, FollowError> {
        let mut segment = Self::open(path)?;
        if segment.first == self.first {
            let failed = |source| FollowError::Io { path: path.to_path_buf(), source };
            segment.seek_to_last_line_end().map_err(failed)?;
            segment.prev = None;
        }
        Ok(segment)
    }

    /// Goes to the end of the last line that is whole, and gives where that is.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn seek_to_last_line_end(&mut self) -> io::Result<u64> {
        let mut at = self.input.seek(SeekFrom::End(0))?;
        let mut block = Vec::new();
        while at > 0 {
            let from = at.saturating_sub(BLOCK);
            self.input.seek(SeekFrom::Start(from))?;
            block.clear();
            self.input.by_ref().take(at - from).read_to_end(&mut block)?;
            if let Some(newline) = block.iter().rposition(|byte| *byte == b'\n') {
                at = from + newline as u64 + 1;
                break;
            }
            at = from;
        }
        self.input.seek(SeekFrom::Start(at))
    }

    /// How far the system's wall time was ahead of the time line at this byte, in ms.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn ahead_ms(&self, at: u64) -> io::Result<i64> {
        let file = record::open_input(&self.path)?;
        Ok(match last_record(file.take(at), r#"{"watch":{"wall_clock":"#)? {
            Some(Record::Watch(Watch::WallClock(parted))) => parted.ahead_ms,
            _ => self.before.as_ref().map_or(0, |before| before.ahead_ms),
        })
    }

    /// Where the file before it is.
    fn path_before(&self) -> Option<PathBuf> {
        let name = Path::new(&self.before.as_ref()?.file).file_name()?;
        Some(self.path.with_file_name(name))
    }
}

/// Reads on until a line is whole; what there is of it stays in `line`.
pub(super) fn read_line(input: &mut BufReader<File>, line: &mut Vec<u8>) -> io::Result<LineRead> {
    let limit = (MAX_LINE - line.len().min(MAX_LINE)) as u64 + 1;
    input.by_ref().take(limit).read_until(b'\n', line)?;
    Ok(match line.last() {
        Some(b'\n') => LineRead::Whole,
        _ if line.len() > MAX_LINE => LineRead::TooLong,
        _ => LineRead::End,
    })
}

/// What the line after `line` is linked to.
pub(super) fn hash(line: &[u8]) -> String {
    record::sha256_hex(line.strip_suffix(b"\n").unwrap_or(line))
}

/// The file that goes on where `current` ends, given that another one has the journal's name now; and what is missing between
/// them, if something is. Parts are walked back from the newest one: each says which file is before it.
///
/// # Errors
/// When the newest one cannot be read.
pub(super) fn successor(journal: &Path, current: &Segment) -> Result<(Segment, Option<String>), FollowError> {
    let mut next = Segment::open(journal)?;
    for _ in 0..MOST_BEHIND {
        let Some(before) = next.path_before() else {
            return Ok((
                next,
                Some("the journal was started over, with no link to what came before".to_owned()),
            ));
        };
        match Segment::open(&before) {
            Ok(segment) if segment.inode == current.inode => {
                let restarted = next.header.run_id != current.header.run_id;
                return Ok((next, restarted.then(|| "the receiver was restarted".to_owned())));
            }
            Ok(segment) => next = segment,
            Err(error) => return Ok((next, Some(format!("a part of the journal is missing: {error}")))),
        }
    }
    Ok((next, Some(format!("the journal is more than {MOST_BEHIND} parts ahead"))))
}
