//! Follows a log of the sender while it grows, through rotation: a file that was renamed is read on, as a process that has it
//! open still writes to it.

mod beside;
mod file;

use beside::{FileId, Rotated, rotated};
use file::LogFile;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Most bytes of one look.
const PIECE: u64 = 4 * 1024 * 1024;
/// Files that were rotated away and are read on; of more than these the one that nothing has come to for the longest is closed.
const KEPT: usize = 8;
/// Nothing more is expected in one to which nothing has come for so long, when it has to be closed.
const QUIET: Duration = Duration::from_secs(60);
/// Times of files may be behind by so much.
const COARSE: Duration = Duration::from_millis(20);
/// So many files beside a log are looked at for a copy of it, the newest first.
const COPIES: usize = 8;
/// Most bytes that are read of such a copy.
const REST: u64 = 64 * 1024 * 1024;

/// A log that is being followed.
#[derive(Debug)]
pub(crate) struct LogFollow {
    path: PathBuf,
    /// The longest line that is read whole, in bytes.
    longest: usize,
    /// What was last written to before this was none of it in the window.
    begun: SystemTime,
    /// What has its name.
    current: LogFile,
    /// What had its name in the window, oldest first, and may still be written to.
    old: Vec<LogFile>,
    /// Files that rotation had made of it when that was last looked at.
    known: Vec<Rotated>,
    /// Compressed files that were made of files nobody knows here.
    compressed: usize,
    /// Files that were closed: which, and how much of each was read. They have a name, unless they are counted in `removed`.
    closed: Vec<(FileId, u64)>,
    removed: usize,
    /// Why something of it is not known, and has not been said to be read.
    unread: Option<String>,
    /// Bytes that stood in it when the window ended, and have not been read.
    left: u64,
}

impl LogFollow {
    /// Begins at the end of what is there: what was written before the window is not of it. Lines of up to `longest` bytes are read
    /// whole.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn at_end(path: &Path, longest: usize) -> io::Result<Self> {
        // Opening a pipe would wait for somebody who writes to it.
        if !std::fs::metadata(path)?.is_file() {
            return Err(io::Error::other("not a file: give a log that grows on disk"));
        }
        let current = LogFile::open_at_end(path, longest)?;
        let known = rotated(path, None);
        Ok(Self {
            path: path.to_path_buf(),
            longest,
            begun: SystemTime::now() - COARSE,
            current,
            old: Vec::new(),
            known,
            compressed: 0,
            closed: Vec::new(),
            removed: 0,
            unread: None,
            left: 0,
        })
    }

    /// Why something of it is not known, where that is so.
    pub(crate) fn lost(&self) -> Option<String> {
        if self.unread.is_some() {
            return self.unread.clone();
        }
        if self.left > 0 {
            return Some(format!(
                "the log {} was not read to its end: {} bytes of it are left, which were written before the window ended",
                self.path.display(),
                self.left
            ));
        }
        let written_to =
            |found: &Rotated| self.closed.iter().any(|(id, at)| *id == found.id && found.length > *at);
        if !self.closed.is_empty() && rotated(&self.path, None).iter().any(written_to) {
            return Some(format!(
                "a file that the log {} was before its last {KEPT} rotations was written to again, and not read on",
                self.path.display()
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
        // One that cannot be opened now is read later, or said to be gone.
        let _ = self.turn_over();
        self.left = self.files().map(|file| file.unread()).sum();
    }

    /// How many bytes that stood there at the end of the window have not been read.
    pub(crate) const fn left(&self) -> u64 {
        self.left
    }

    /// The whole lines that have come since the last look, those of older files first, none for one that is no text. Of a line that is
    /// longer than any that is read its beginning comes, and none for the rest.
    ///
    /// # Errors
    /// When nothing of it can be read; what was read before then comes with the next look.
    pub(crate) fn look(&mut self) -> io::Result<Vec<Option<String>>> {
        let mut failed = self.turn_over().err();
        failed = self.begin_again().err().or(failed);
        let (mut most, mut lines, mut read) = (PIECE, Vec::new(), 0);
        for file in self.files() {
            match file.read(most) {
                Ok(n) => (most, read) = (most - n.min(most), read + n),
                Err(error) => failed = Some(error),
            }
            lines.extend(file.lines());
            // What goes on in the next file is read after it.
            if most == 0 {
                break;
            }
        }
        self.left = self.left.saturating_sub(read);
        self.close(&mut lines);
        match failed {
            Some(error) if lines.is_empty() => Err(error),
            _ => Ok(lines),
        }
    }

    /// What is left of lines whose ends have not come, and how long ago the last of each came: once nothing more is read.
    pub(crate) fn rests(&mut self) -> Vec<(Option<String>, Duration)> {
        self.files().filter_map(LogFile::rest).collect()
    }

    fn files(&mut self) -> impl Iterator<Item = &mut LogFile> {
        self.old.iter_mut().chain([&mut self.current])
    }

    /// Reads the rest of what was cut from its copy, and goes to the beginning. What was written after it was copied and before it
    /// was cut stands nowhere, and nobody can tell whether there was any.
    fn begin_again(&mut self) -> io::Result<()> {
        let path = self.path.display();
        for file in &mut self.old {
            if file.was_cut()? {
                let why = format!(
                    "a file that the log {path} was before its rotation was truncated: what was written last is lost"
                );
                self.unread.get_or_insert(why);
                file.begin_again(None)?;
            }
        }
        if !self.current.was_cut()? {
            return Ok(());
        }
        let rest = rest_of_copy(&self.path, &self.current);
        let why = match rest {
            Some(_) => "what was written between the copy and the truncation, if anything, is lost",
            None => "with no copy next to it: what was written just before is lost",
        };
        let why =
            format!("the log {path} was truncated (copytruncate), {why}; rotation by renaming loses nothing");
        self.unread.get_or_insert(why);
        // How much of it there was is not known any more.
        self.left = 0;
        self.known = rotated(&self.path, Some(self.current.file()));
        self.current.begin_again(rest)
    }

    /// Goes to the file that has taken this one's place, and to those that had it since the last look.
    fn turn_over(&mut self) -> io::Result<()> {
        // A log that is away for a moment is there again at the next look.
        let Ok(new) = std::fs::metadata(&self.path) else { return Ok(()) };
        let id = FileId::of(&new);
        if !new.is_file() || id == self.current.id() {
            return Ok(());
        }
        if let Some(at) = self.old.iter().position(|old| old.id() == id) {
            // It was renamed back.
            let back = self.old.remove(at);
            self.old.push(std::mem::replace(&mut self.current, back));
            return Ok(());
        }
        // First opened, then looked around: what has the name after this one is seen at the next look.
        let current = LogFile::open(&self.path, self.longest)?;
        self.old.push(std::mem::replace(&mut self.current, current));
        self.read_skipped();
        Ok(())
    }

    /// Opens the files that had the log's name between two looks and have it no more.
    fn read_skipped(&mut self) {
        let last = self.old.last();
        let found = rotated(&self.path, last.map(LogFile::file));
        let last_is_deleted = last.is_some_and(LogFile::is_deleted);
        let is_known = |file: &&Rotated| self.known.iter().any(|before| file.is(before));
        // In a folder that was not looked at before there are older ones.
        let is_new =
            |file: &&Rotated| file.modified >= self.begun && !is_known(file) && !self.is_open(file.id);
        let fresh: Vec<&Rotated> = found.iter().rev().filter(is_new).collect();
        self.compressed += self.compressed_elsewhere(&found, &fresh);
        let removed = self.removed + self.old.iter().filter(|old| old.is_deleted()).count();
        let mut all_read = self.compressed <= removed;
        let mut skipped = Vec::new();
        for file in fresh.iter().filter(|file| !file.is_compressed()) {
            match LogFile::open(&file.path, self.longest) {
                Ok(open) if open.id() == file.id => skipped.push(open),
                _ => all_read = false,
            }
        }
        // Of those that came between it and the oldest of these some may have been removed as well.
        all_read &= skipped.is_empty() || !last_is_deleted;
        if !all_read {
            let why = format!(
                "the log {} was rotated more than once within half a second, and not all of the files are there to be read",
                self.path.display()
            );
            self.unread.get_or_insert(why);
        }
        self.old.extend(skipped);
        self.known = found;
    }

    /// How many of the files that have come are compressed, and were made of none that was there before: of one that was read here, or
    /// of one that nobody has read.
    fn compressed_elsewhere(&self, found: &[Rotated], fresh: &[&Rotated]) -> usize {
        let is_gone = |before: &&Rotated| {
            !before.is_compressed()
                && !self.is_open(before.id)
                && !found.iter().any(|file| file.id == before.id)
        };
        let mut gone: Vec<_> =
            self.known.iter().filter(is_gone).map(|before| seconds(before.modified)).collect();
        let is_being_made = |file: &Rotated| file.original().is_some_and(|original| original.exists());
        let mut n = 0;
        for file in fresh.iter().filter(|file| file.is_compressed() && !is_being_made(file)) {
            match gone.iter().position(|time| *time == seconds(file.modified)) {
                Some(at) => {
                    gone.swap_remove(at);
                }
                None => n += 1,
            }
        }
        n
    }

    fn is_open(&self, id: FileId) -> bool {
        self.current.id() == id || self.old.iter().any(|old| old.id() == id)
    }

    /// Closes files that have been rotated away for long; a line that nobody has ended there is over.
    fn close(&mut self, lines: &mut Vec<Option<String>>) {
        while self.old.len() > KEPT {
            let quiet = |at: &usize| self.old.get(*at).and_then(LogFile::quiet);
            // One that has not been read to its end is not closed.
            let Some(at) = (0..self.old.len()).filter(|at| quiet(at).is_some()).max_by_key(quiet) else {
                return;
            };
            if quiet(&at).is_some_and(|quiet| quiet < QUIET) {
                let why = format!(
                    "the log {} was rotated more than {KEPT} times within a minute: what is still written to older files is not read",
                    self.path.display()
                );
                self.unread.get_or_insert(why);
            }
            let mut file = self.old.remove(at);
            lines.extend(file.rest().map(|(text, _)| text));
            if file.is_deleted() {
                self.removed += 1;
            } else {
                self.closed.push((file.id(), file.read_to()));
            }
        }
    }
}

/// What a copy of a log has behind the place up to which it was read.
fn rest_of_copy(log: &Path, file: &LogFile) -> Option<Vec<u8>> {
    let at = file.read_to();
    let copies = rotated(log, None).into_iter().filter(|copy| copy.length >= at && copy.id != file.id());
    copies.take(COPIES).find_map(|copy| {
        let mut copy = File::open(copy.path).ok()?;
        if !file.is_copied_in(&copy, at).ok()? {
            return None;
        }
        copy.seek(SeekFrom::Start(at)).ok()?;
        let mut rest = Vec::new();
        copy.take(REST + 1).read_to_end(&mut rest).ok()?;
        (rest.len() as u64 <= REST).then_some(rest)
    })
}

/// Programs that compress keep the time of a file, some of them only its seconds.
fn seconds(time: SystemTime) -> Option<u64> {
    time.duration_since(std::time::UNIX_EPOCH).ok().map(|since| since.as_secs())
}

#[cfg(test)]
mod tests;
