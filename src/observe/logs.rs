//! Follows a log file of the sender while it grows, through rotation.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Most bytes of one look.
const PIECE: u64 = 4 * 1024 * 1024;
/// Most bytes of a line that are kept while its end has not come.
const MAX_LINE: usize = 64 * 1024;

/// A log that is being followed.
#[derive(Debug)]
pub(crate) struct LogFollow {
    path: PathBuf,
    file: File,
    inode: u64,
    /// Read and not yet given: the beginning of a line.
    held: Vec<u8>,
}

impl LogFollow {
    /// Begins at the end of what is there: what was written before the window is not of it.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn at_end(path: &Path) -> io::Result<Self> {
        // Opening a pipe would wait for somebody who writes to it.
        if !std::fs::metadata(path)?.is_file() {
            return Err(io::Error::other("not a file: a log that grows on disk is needed"));
        }
        let mut file = File::open(path)?;
        file.seek(SeekFrom::End(0))?;
        let inode = file.metadata()?.ino();
        Ok(Self { path: path.to_path_buf(), file, inode, held: Vec::new() })
    }

    /// Why nothing more can be read, where that is so.
    pub(crate) fn lost(&self) -> Option<String> {
        let why = std::fs::metadata(&self.path).err()?;
        Some(format!(
            "the log {} is gone: {why}; what the sender logs since is not known",
            self.path.display()
        ))
    }

    /// The whole lines that have come since the last look. A line that goes on for more than [`MAX_LINE`] comes in pieces.
    ///
    /// # Errors
    /// When the file cannot be read; what was read before then comes with the next look.
    pub(crate) fn look(&mut self) -> io::Result<Vec<String>> {
        self.file.by_ref().take(PIECE).read_to_end(&mut self.held)?;
        self.turn_over()?;
        let last = self.held.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        let end = if self.held.len() - last > MAX_LINE { self.held.len() } else { last };
        let rest = self.held.split_off(end);
        let whole = std::mem::replace(&mut self.held, rest);
        Ok(String::from_utf8_lossy(&whole).lines().map(str::to_owned).collect())
    }

    /// Goes to the beginning of a file that was cut, or of the one that has taken this one's place.
    fn turn_over(&mut self) -> io::Result<()> {
        let (at, length) = (self.file.stream_position()?, self.file.metadata()?.len());
        if at > length {
            // Cut in place (copytruncate): what comes now stands at its beginning.
            self.file.seek(SeekFrom::Start(0))?;
            self.end_line();
            return Ok(());
        }
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
        if self.held.last().is_some_and(|last| *last != b'\n') {
            self.held.push(b'\n');
        }
    }
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

    #[test]
    fn lines_come_through_rotation_and_half_lines_wait() {
        let (dir, path, mut follow) = followed("before\n");
        let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"one\ntw").unwrap();
        assert_eq!(follow.look().unwrap(), ["one"]);
        file.write_all(b"o\n").unwrap();
        std::fs::rename(&path, dir.path().join("log.1")).unwrap();
        std::fs::write(&path, "three\n").unwrap();
        assert_eq!(follow.look().unwrap(), ["two"]);
        assert_eq!(follow.look().unwrap(), ["three"]);
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
        assert!(follow.look().unwrap().is_empty());
        old.write_all(b"late\nunfinished").unwrap();
        assert_eq!(follow.look().unwrap(), ["late"]);
        std::fs::write(&path, "new\n").unwrap();
        assert_eq!(follow.look().unwrap(), ["unfinished"]);
        assert_eq!(follow.look().unwrap(), ["new"]);
        // Cut in place, with less in it than before.
        std::fs::write(&path, "x\n").unwrap();
        assert!(follow.look().unwrap().is_empty());
        assert_eq!(follow.look().unwrap(), ["x"]);
    }

    #[test]
    fn nothing_of_a_line_without_end_is_left_out() {
        let (_dir, path, mut follow) = followed("");
        let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
        let (long, end) = ("a".repeat(MAX_LINE + 1), "b".repeat(10));
        file.write_all(long.as_bytes()).unwrap();
        assert_eq!(follow.look().unwrap(), [long]);
        file.write_all(format!("{end}\nnext\n").as_bytes()).unwrap();
        assert_eq!(follow.look().unwrap(), [end, "next".to_owned()]);
    }

    #[test]
    fn only_a_file_is_a_log() {
        let dir = tempfile::tempdir().unwrap();
        assert!(LogFollow::at_end(dir.path()).unwrap_err().to_string().contains("not a file"));
    }
}
