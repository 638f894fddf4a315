//! The files beside a log that rotation has made of it.

use super::file::read_at;
use std::fs::{DirEntry, File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// So much of its beginning tells a file from another that has got its number later.
const HEAD: usize = 64;
/// Files that are looked at in a folder, the newest first.
const MOST: usize = 256;
/// Endings that a program which compresses puts behind a name.
const COMPRESSED: [&str; 7] = [".gz", ".zst", ".bz2", ".xz", ".lz4", ".zip", ".Z"];

/// What tells a file from all others there are at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileId(u64, u64);

impl FileId {
    pub(super) fn of(found: &Metadata) -> Self {
        Self(found.dev(), found.ino())
    }
}

/// A file that the log was once, or a copy of it.
#[derive(Debug)]
pub(super) struct Rotated {
    pub path: PathBuf,
    pub id: FileId,
    pub modified: SystemTime,
    pub length: u64,
    created: Option<SystemTime>,
    head: Vec<u8>,
}

impl Rotated {
    fn of(entry: &DirEntry) -> Option<Self> {
        let found = entry.metadata().ok().filter(Metadata::is_file)?;
        let (path, modified, created) = (entry.path(), found.modified().ok()?, found.created().ok());
        Some(Self { path, id: FileId::of(&found), modified, length: found.len(), created, head: Vec::new() })
    }

    fn with_head(mut self) -> Self {
        let mut head = vec![0; HEAD];
        let read = File::open(&self.path).and_then(|file| read_at(&file, &mut head, 0)).unwrap_or(0);
        head.truncate(read);
        self.head = head;
        self
    }

    /// Whether it is one that was there before: the number of a file that was removed is given to the next one.
    pub(super) fn is(&self, before: &Self) -> bool {
        self.id == before.id && self.created == before.created && self.head.starts_with(&before.head)
    }

    /// Whether it is compressed, by its name.
    pub(super) fn is_compressed(&self) -> bool {
        self.original().is_some()
    }

    /// The name of what was compressed.
    pub(super) fn original(&self) -> Option<PathBuf> {
        let name = self.path.to_str()?;
        let ending = COMPRESSED.iter().find(|ending| name.ends_with(**ending))?;
        name.strip_suffix(ending).map(PathBuf::from)
    }
}

/// The files that were made of the log by rotation, the newest first: in its folder, and in that of `old`, a file that was the log.
pub(super) fn rotated(log: &Path, old: Option<&File>) -> Vec<Rotated> {
    let Some(name) = log.file_name().and_then(|name| name.to_str()) else { return Vec::new() };
    let own = folder(log);
    let moved_to = old.and_then(folder_of).filter(|other| !is_same(other, &own));
    let mut all: Vec<Rotated> = [Some(own), moved_to]
        .into_iter()
        .flatten()
        .filter_map(|folder| std::fs::read_dir(folder).ok())
        .flat_map(Iterator::flatten)
        .filter(|entry| entry.file_name().to_str().is_some_and(|other| is_rotated(name, other)))
        .filter_map(|entry| Rotated::of(&entry))
        .collect();
    all.sort_by_key(|found| std::cmp::Reverse(found.modified));
    all.truncate(MOST);
    all.into_iter().map(Rotated::with_head).collect()
}

/// The folder of a log.
fn folder(log: &Path) -> PathBuf {
    log.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_path_buf()
}

/// The folder of an open file, where the system tells it: a log may be rotated into another one.
fn folder_of(file: &File) -> Option<PathBuf> {
    use std::os::fd::AsRawFd;
    let path = std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).ok()?;
    path.parent().map(Path::to_path_buf)
}

fn is_same(a: &Path, b: &Path) -> bool {
    let id = |folder: &Path| std::fs::metadata(folder).ok().map(|found| FileId::of(&found));
    id(a) == id(b)
}

/// Whether rotation gives such a name: with a number or a time behind the log's name or before its ending, or with `.old`, and
/// perhaps compressed.
fn is_rotated(log: &str, other: &str) -> bool {
    let other = COMPRESSED.iter().find_map(|ending| other.strip_suffix(ending)).unwrap_or(other);
    let inserted = || {
        let (stem, ending) = log.rsplit_once('.')?;
        other.strip_prefix(stem)?.strip_suffix(ending)?.strip_suffix('.')
    };
    let counts = |added: &str| {
        let number = added
            .strip_prefix(['.', '-', '_'])
            .filter(|number| number.contains(|c: char| c.is_ascii_digit()));
        let is_time = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '_' | ':' | 'T' | 'Z' | '+');
        matches!(added, ".old" | ".bak" | ".prev") || number.is_some_and(|number| number.chars().all(is_time))
    };
    other.strip_prefix(log).into_iter().chain(inserted()).any(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_rotation_gives() {
        for other in [
            "app.log.1",
            "app.log.12.gz",
            "app.log-20261128",
            "app.log.2026-11-28_10:00:00",
            "app-2026-11-28T10.log",
            "app.1.log",
            "app.log.old",
        ] {
            assert!(is_rotated("app.log", other), "{other}");
        }
        for other in [
            "app.log",
            "app.log.lock",
            "app.log.json",
            "app-errors.log",
            "app.log2",
            "other.log.1",
            "app.log.gz",
        ] {
            assert!(!is_rotated("app.log", other), "{other}");
        }
        assert!(is_rotated("django", "django.1") && !is_rotated("django", "django.log"));
    }

    #[test]
    fn a_file_that_has_got_the_number_of_a_removed_one_is_another() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        std::fs::write(dir.path().join("log.1"), "one").unwrap();
        let before = rotated(&log, None).remove(0);
        std::fs::write(dir.path().join("log.1"), "one and more").unwrap();
        assert!(rotated(&log, None).remove(0).is(&before));
        std::fs::write(dir.path().join("log.1"), "two").unwrap();
        assert!(!rotated(&log, None).remove(0).is(&before));
    }
}
