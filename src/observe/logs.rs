//! Follows a log file of the sender while it grows, through rotation.

use pii::Encoding;
use pii::log_line;
use std::cmp::Reverse;
use std::fs::{DirEntry, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// Most bytes of one look.
const PIECE: u64 = 4 * 1024 * 1024;
/// Most bytes of a line that are kept while its end has not come.
const MAX_LINE: usize = 64 * 1024;

/// So many bytes at its beginning show the encoding of a file.
const START: usize = 4096;
/// So many bytes before the place up to which a file was read show that it is still the same.
const TAIL: usize = 512;
/// So many files beside a log are looked at for a copy of it, the newest first.
const COPIES: usize = 8;
/// Most bytes that are read of such a copy.
const REST: u64 = 64 * 1024 * 1024;

/// A log that is being followed.
#[derive(Debug)]
pub(crate) struct LogFollow {
    path: PathBuf,
    file: File,
    inode: u64,
    /// Shown by the beginning of the file, once there is one.
    encoding: Option<Encoding>,
    /// Read and not yet text.
    raw: Vec<u8>,
    /// Read and not yet given: the beginning of a line.
    held: Vec<u8>,
    /// When the beginning of a line that is held last grew.
    grown: Instant,
    /// The last bytes that were read.
    tail: Vec<u8>,
    /// Whether it was cut, and what stood there behind the last look is nowhere to be found.
    cut_unread: bool,
    /// Bytes that stood in it when the window ended, and have not been read.
    left: u64,
}

impl LogFollow {
    /// Begins at the end of what is there: what was written before the window is not of it.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn at_end(path: &Path) -> io::Result<Self> {
        // Opening a pipe would wait for somebody who writes to it.
        if !std::fs::metadata(path)?.is_file() {
            return Err(io::Error::other("not a file: give a log that grows on disk"));
        }
        let mut file = File::open(path)?;
        let end = file.seek(SeekFrom::End(0))?;
        let inode = file.metadata()?.ino();
        let encoding = encoding(&file)?;
        // Between two characters, wherever the writer is.
        let unit = encoding.map_or(1, |e| e.unit() as u64);
        let begin = end - end % unit;
        file.seek(SeekFrom::Start(begin))?;
        let tail = before(&file, begin)?;
        let (raw, held) = (Vec::new(), Vec::new());
        let (path, grown) = (path.to_path_buf(), Instant::now());
        Ok(Self { path, file, inode, encoding, raw, held, grown, tail, cut_unread: false, left: 0 })
    }

    /// Why something of it is not known, where that is so.
    pub(crate) fn lost(&self) -> Option<String> {
        if self.cut_unread {
            return Some(format!(
                "the log {} was truncated (copytruncate) with no copy next to it: what was written just before is lost; \
                 rotation by renaming loses nothing",
                self.path.display()
            ));
        }
        if self.left > 0 {
            return Some(format!(
                "the log {} was not read to its end: {} bytes of it are left, which were written before the window ended",
                self.path.display(),
                self.left
            ));
        }
        let why = std::fs::metadata(&self.path).err()?;
        Some(format!(
            "the log {} is gone: {why}; what the sender has logged since is unknown",
            self.path.display()
        ))
    }

    /// The window ends here: what stands in the log now is of it, and nothing that is written later has to be read.
    pub(crate) fn end(&mut self) {
        let unread =
            || Some(self.file.metadata().ok()?.len().saturating_sub((&self.file).stream_position().ok()?));
        let next = std::fs::metadata(&self.path).ok().filter(|new| new.is_file() && new.ino() != self.inode);
        self.left = unread().unwrap_or(0) + next.map_or(0, |new| new.len());
    }

    /// How many bytes that stood there at the end of the window have not been read.
    pub(crate) const fn left(&self) -> u64 {
        self.left
    }

    /// The whole lines that have come since the last look, none for one that is no text. A line that goes on for more
    /// than [`MAX_LINE`] comes in pieces.
    ///
    /// # Errors
    /// When the file cannot be read; what was read before then comes with the next look.
    pub(crate) fn look(&mut self) -> io::Result<Vec<Option<String>>> {
        if self.was_cut()? {
            self.begin_again()?;
        }
        let (known, held) = (self.raw.len(), self.held.len());
        let read = self.file.by_ref().take(PIECE).read_to_end(&mut self.raw)?;
        self.left = self.left.saturating_sub(read as u64);
        self.tail.extend(self.raw.get(known..).unwrap_or_default());
        self.tail.drain(..self.tail.len().saturating_sub(TAIL));
        self.decode()?;
        self.turn_over()?;
        let last = self.held.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        let end = if self.held.len() - last > MAX_LINE { self.held.len() } else { last };
        let rest = self.held.split_off(end);
        let whole = std::mem::replace(&mut self.held, rest);
        if !whole.is_empty() || self.held.len() != held {
            self.grown = Instant::now();
        }
        let lines = whole.split_inclusive(|b| *b == b'\n');
        Ok(lines.map(log_text).collect())
    }

    /// What is left of a line whose end has not come, and how long ago the last of it came: once nothing more is read.
    pub(crate) fn rest(&mut self) -> Option<(Option<String>, Duration)> {
        let held = std::mem::take(&mut self.held);
        (!held.is_empty()).then(|| (log_text(&held), self.grown.elapsed()))
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

    /// Whether it was cut in place (copytruncate), and perhaps written to again: what was read does not stand there any more.
    fn was_cut(&mut self) -> io::Result<bool> {
        let (at, length) = (self.file.stream_position()?, self.file.metadata()?.len());
        Ok(at > length || before(&self.file, at)? != self.tail)
    }

    /// Reads the rest of what was cut from its copy, and goes to the beginning.
    fn begin_again(&mut self) -> io::Result<()> {
        let at = self.file.stream_position()?;
        match self.rest_of_copy(at) {
            Some(rest) => {
                self.raw.extend(rest);
                self.decode()?;
            }
            None => self.cut_unread = true,
        }
        // How much of it there was is not known any more.
        self.left = 0;
        self.file.seek(SeekFrom::Start(0))?;
        self.end_line();
        Ok(())
    }

    /// What a copy of the file has behind the place up to which it was read.
    fn rest_of_copy(&self, at: u64) -> Option<Vec<u8>> {
        let name = self.path.file_name()?.to_str()?;
        let folder =
            self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let named = |entry: &DirEntry| {
            entry.file_name().to_str().is_some_and(|other| other.starts_with(name) && other != name)
        };
        let mut copies: Vec<(SystemTime, PathBuf)> = std::fs::read_dir(folder)
            .ok()?
            .flatten()
            .filter(named)
            .filter_map(|entry| {
                let found = entry.metadata().ok().filter(|found| found.is_file() && found.len() >= at)?;
                Some((found.modified().ok()?, entry.path()))
            })
            .collect();
        copies.sort_by_key(|(modified, _)| Reverse(*modified));
        copies.iter().take(COPIES).find_map(|(_, path)| {
            let mut copy = File::open(path).ok()?;
            if before(&copy, at).ok()? != self.tail {
                return None;
            }
            copy.seek(SeekFrom::Start(at)).ok()?;
            let mut rest = Vec::new();
            copy.take(REST + 1).read_to_end(&mut rest).ok()?;
            (rest.len() as u64 <= REST).then_some(rest)
        })
    }

    /// Goes to the beginning of the file that has taken this one's place.
    fn turn_over(&mut self) -> io::Result<()> {
        let (at, length) = (self.file.stream_position()?, self.file.metadata()?.len());
        // An empty file was made by what rotates; until the sender writes to it, it still writes to the old one.
        let successor = std::fs::metadata(&self.path)
            .is_ok_and(|new| new.is_file() && new.ino() != self.inode && new.len() > 0);
        if successor && at == length {
            let file = File::open(&self.path)?;
            self.inode = file.metadata()?.ino();
            self.file = file;
            self.end_line();
        }
        Ok(())
    }

    /// What one file ended with does not go on in the next.
    fn end_line(&mut self) {
        self.encoding = None;
        self.raw.clear();
        self.tail.clear();
        if self.held.last().is_some_and(|last| *last != b'\n') {
            self.held.push(b'\n');
        }
    }
}

/// The bytes in front of a place, as many as a tail has.
fn before(file: &File, at: u64) -> io::Result<Vec<u8>> {
    let from = at.saturating_sub(TAIL as u64);
    let mut bytes = vec![0; usize::try_from(at - from).unwrap_or(TAIL)];
    let mut read = 0;
    while let Some(rest) = bytes.get_mut(read..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, from + read as u64)? {
            0 => break,
            n => read += n,
        }
    }
    bytes.truncate(read);
    Ok(bytes)
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use tempfile::TempDir;

    /// A log that holds `text` already, followed from its end.
    fn followed(text: &str) -> (TempDir, PathBuf, LogFollow) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        std::fs::write(&path, text).unwrap();
        let follow = LogFollow::at_end(&path).unwrap();
        (dir, path, follow)
    }

    fn look(follow: &mut LogFollow) -> Vec<String> {
        follow
            .look()
            .unwrap()
            .into_iter()
            .map(|line| line.unwrap_or_else(|| "(no text)".to_owned()))
            .collect()
    }

    #[test]
    fn lines_come_through_rotation_and_half_lines_wait() {
        let (dir, path, mut follow) = followed("before\n");
        let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"one\ntw").unwrap();
        assert_eq!(look(&mut follow), ["one"]);
        file.write_all(b"o\n").unwrap();
        std::fs::rename(&path, dir.path().join("log.1")).unwrap();
        std::fs::write(&path, "three\n").unwrap();
        assert_eq!(look(&mut follow), ["two"]);
        assert_eq!(look(&mut follow), ["three"]);
        assert_eq!(follow.lost(), None);
        std::fs::remove_file(&path).unwrap();
        assert!(follow.lost().unwrap().contains("is gone"));
    }

    #[test]
    fn the_old_file_is_read_until_the_new_one_is_written_to() {
        let (dir, path, mut follow) = followed("");
        let mut old = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
        std::fs::rename(&path, dir.path().join("log.1")).unwrap();
        std::fs::write(&path, "").unwrap();
        assert!(look(&mut follow).is_empty());
        old.write_all(b"late\nunfinished").unwrap();
        assert_eq!(look(&mut follow), ["late"]);
        std::fs::write(&path, "new\n").unwrap();
        assert_eq!(look(&mut follow), ["unfinished"]);
        assert_eq!(look(&mut follow), ["new"]);
        // Cut in place, with less in it than before.
        std::fs::write(&path, "x\n").unwrap();
        assert_eq!(look(&mut follow), ["x"]);
    }

    #[test]
    fn what_stood_in_a_log_that_was_cut_is_read_from_its_copy_or_said_to_be_unknown() {
        let (dir, path, mut follow) = followed("before\n");
        let append = |text: &str| {
            std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(text.as_bytes()).unwrap();
        };
        append("one\n");
        assert_eq!(look(&mut follow), ["one"]);
        append("two\n");
        std::fs::write(dir.path().join("log.9"), "an older one that is longer than all of the others\n")
            .unwrap();
        std::fs::copy(&path, dir.path().join("log.1")).unwrap();
        // It has more in it again than it had, so that its length shows nothing.
        std::fs::write(&path, "three, which is longer than what stood there\n").unwrap();
        assert_eq!(look(&mut follow), ["two", "three, which is longer than what stood there"]);
        assert_eq!(follow.lost(), None);
        append("four\n");
        std::fs::write(&path, "five\n").unwrap();
        assert_eq!(look(&mut follow), ["five"]);
        assert!(follow.lost().unwrap().contains("was truncated (copytruncate)"));
    }

    #[test]
    fn nothing_of_a_line_without_end_is_left_out() {
        let (_dir, path, mut follow) = followed("");
        let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
        let (long, end) = ("a".repeat(MAX_LINE + 1), "b".repeat(10));
        file.write_all(long.as_bytes()).unwrap();
        assert_eq!(look(&mut follow), [long]);
        file.write_all(format!("{end}\nnext\n").as_bytes()).unwrap();
        assert_eq!(look(&mut follow), [end, "next".to_owned()]);
    }

    #[test]
    fn what_stood_there_when_the_window_ended_is_read_or_said_to_be_left() {
        let (dir, path, mut follow) = followed("");
        let line = format!("{}\n", "a".repeat(1023));
        std::fs::write(&path, line.repeat(5 * 1024)).unwrap();
        std::fs::rename(&path, dir.path().join("log.1")).unwrap();
        std::fs::write(&path, "next\n").unwrap();
        follow.end();
        assert_eq!(follow.left(), 5 * 1024 * 1024 + 5);
        assert_eq!(look(&mut follow).len(), 4 * 1024);
        assert!(follow.lost().unwrap().contains("not read to its end: 1048581 bytes"), "{:?}", follow.lost());
        assert_eq!(look(&mut follow).len(), 1024);
        assert_eq!((look(&mut follow), follow.left(), follow.lost()), (vec!["next".to_owned()], 0, None));
    }

    #[test]
    fn a_last_line_without_an_end_is_the_rest() {
        let (_dir, path, mut follow) = followed("");
        assert!(follow.rest().is_none());
        let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"one\nERROR tw").unwrap();
        assert_eq!(look(&mut follow), ["one"]);
        file.write_all(b"o").unwrap();
        assert!(look(&mut follow).is_empty());
        let (text, _) = follow.rest().unwrap();
        assert_eq!(text.as_deref(), Some("ERROR two"));
        assert!(follow.rest().is_none());
    }

    #[test]
    fn a_log_in_utf_16_is_followed() {
        let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        let (_dir, path, mut follow) = followed("");
        let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(&wide("\u{feff}one \u{1f600}\ntw")).unwrap();
        assert_eq!(look(&mut follow), ["one \u{1f600}"]);
        let mut later = LogFollow::at_end(&path).unwrap();
        file.write_all(&wide("o\n")).unwrap();
        assert_eq!((look(&mut follow), look(&mut later)), (vec!["two".to_owned()], vec!["o".to_owned()]));
        // Another program writes to the same file.
        file.write_all(&[0, 0xdc, 0, 0xdc, 0x0a, 0]).unwrap();
        assert_eq!(look(&mut follow), ["(no text)"]);
    }

    #[test]
    fn only_a_file_is_a_log() {
        let dir = tempfile::tempdir().unwrap();
        assert!(LogFollow::at_end(dir.path()).unwrap_err().to_string().contains("not a file"));
    }
}
