//! Follows a log file of the sender while it grows, through rotation.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Most bytes of one look.
const PIECE: u64 = 4 * 1024 * 1024;
/// Longest line that is kept while its end has not come.
const MAX_PARTIAL: usize = 64 * 1024;

/// A log that is being followed.
#[derive(Debug)]
pub struct LogFollow {
    path: PathBuf,
    file: File,
    inode: u64,
    partial: Vec<u8>,
}

impl LogFollow {
    /// Begins at the end of what is there: what was written before the window is not of it.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn at_end(path: &Path) -> io::Result<Self> {
        // Opening a pipe would wait for somebody who writes to it.
        if !std::fs::metadata(path)?.is_file() {
            return Err(io::Error::other("not a file: a log that grows on disk is needed"));
        }
        let mut file = File::open(path)?;
        file.seek(SeekFrom::End(0))?;
        let inode = file.metadata()?.ino();
        Ok(Self { path: path.to_path_buf(), file, inode, partial: Vec::new() })
    }

    /// Why nothing more can be read, where that is so.
    #[must_use]
    pub fn lost(&self) -> Option<String> {
        let why = std::fs::metadata(&self.path).err()?;
        Some(format!(
            "the log {} is gone: {why}; what the sender logs since is not known",
            self.path.display()
        ))
    }

    /// The whole lines that have come since the last look.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn look(&mut self) -> io::Result<Vec<String>> {
        let mut bytes = std::mem::take(&mut self.partial);
        self.file.by_ref().take(PIECE).read_to_end(&mut bytes)?;
        let now = std::fs::metadata(&self.path);
        let length = self.file.metadata()?.len();
        if self.file.stream_position()? > length {
            // Cut in place (copytruncate): what comes now stands at its beginning.
            self.file.seek(SeekFrom::Start(0))?;
        } else if now.is_ok_and(|m| m.is_file() && m.ino() != self.inode)
            && self.file.stream_position()? == length
        {
            self.file = File::open(&self.path)?;
            self.inode = self.file.metadata()?.ino();
        }
        let end = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        self.partial = bytes.split_off(end);
        self.partial.truncate(MAX_PARTIAL);
        Ok(String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn lines_come_through_rotation_and_half_lines_wait() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        std::fs::write(&path, "before\n").unwrap();
        let mut follow = LogFollow::at_end(&path).unwrap();
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
    fn only_a_file_is_a_log() {
        let dir = tempfile::tempdir().unwrap();
        assert!(LogFollow::at_end(dir.path()).unwrap_err().to_string().contains("not a file"));
    }
}
