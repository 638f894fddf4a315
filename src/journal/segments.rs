//! A journal in parts: where one file ends and the next begins, and what links them.

use record::Reader;
use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use wire::Clock;

/// How a journal is kept.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// When a new file is begun.
    pub rotation: Rotation,
    /// What a written record survives.
    pub sync: Sync,
    /// When the ends of attempts are written.
    pub pace: Pace,
    /// Gives the time of the end records of full files.
    pub clock: Clock,
}

/// When a new file is begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rotation {
    /// Once the file has this many bytes.
    pub bytes: Option<u64>,
    /// Once the file is this old.
    pub every: Option<Duration>,
}

/// What a written record survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sync {
    /// The end of the process, `kill -9` included.
    #[default]
    Kernel,
    /// The loss of power: the disk has it before the answer goes out.
    Disk,
}

/// When records that nothing waits for are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pace {
    /// At once.
    #[default]
    Each,
    /// Together with the next record that something waits for, or with the next flush.
    Together,
}

/// The file that holds part `part` (from 1) once it is full: `journal.jsonl` becomes `journal.jsonl.000001`.
#[must_use]
pub fn segment_path(journal: &Path, part: u64) -> PathBuf {
    let mut name = OsString::from(journal.as_os_str());
    name.push(format!(".{part:06}"));
    PathBuf::from(name)
}

/// Where the next file is begun before it takes the place of the full one.
pub(super) fn next_path(journal: &Path) -> PathBuf {
    hidden_beside(journal, "next")
}

/// A file of ours beside the journal, hidden so that whoever reads `journal.jsonl*` reads journals only.
#[must_use]
pub fn hidden_beside(journal: &Path, purpose: &str) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(journal.file_name().unwrap_or_default());
    name.push(format!(".{purpose}"));
    journal.with_file_name(name)
}

/// Makes sure that nobody else writes a journal here: two processes would replace each other's files. The lock is the
/// kernel's, and ends with the process.
///
/// # Errors
/// When another process holds it, or the file beside the journal cannot be made.
pub(crate) fn lock_file(journal: &Path) -> io::Result<File> {
    let file = open_lock(&hidden_beside(journal, "lock"))?;
    take_lock(&file)?;
    Ok(file)
}

/// A file to be locked; what is in it says nothing.
///
/// # Errors
/// When it cannot be made.
pub(super) fn open_lock(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// Locks a file until it is closed.
///
/// # Errors
/// When another process holds the lock.
pub(super) fn take_lock(file: &File) -> io::Result<()> {
    for _ in 0..LOOKED_AT {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            // Perhaps somebody only looks whether it is held.
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOOK),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Err(io::Error::new(io::ErrorKind::ResourceBusy, "another smoke process is writing it"))
}

/// Tries for a lock that is held, and the pause after each.
const LOOKED_AT: u32 = 10;
const LOOK: Duration = Duration::from_millis(20);

/// Whether a process that once wrote this journal is gone, so that nobody writes it now. `false` too where that cannot be known:
/// the journal has no lock beside it, or one that may not be read.
#[must_use]
pub fn is_abandoned(journal: &Path) -> bool {
    File::open(hidden_beside(journal, "lock")).is_ok_and(|lock| lock.try_lock_shared().is_ok())
}

/// Whether a journal of an earlier run is there, which is to be kept. A rotation that was cut off is ended first.
///
/// # Errors
/// When what is there is no journal: nothing of anybody else's is renamed.
pub(super) fn left_behind(journal: &Path) -> io::Result<bool> {
    let next = next_path(journal);
    if is_none(journal)? && !is_none(&next)? && is_journal(&next)? {
        rename(&next, journal)?;
    }
    let empty = || Ok::<_, io::Error>(journal.is_file() && std::fs::symlink_metadata(journal)?.len() == 0);
    if is_none(journal)? || empty()? {
        return Ok(false);
    }
    if is_journal(journal)? {
        Ok(true)
    } else {
        Err(io::Error::other("the existing file is not a smoke journal"))
    }
}

/// Renames what is left of part `part` when somebody cut it (copytruncate, `: > journal.jsonl`) and more was written to it before
/// that was seen: lines without a header, which no reader takes for a journal and nothing may be written behind.
///
/// # Errors
/// When it cannot be renamed.
pub(super) fn put_aside_if_cut(journal: &Path, part: u64) -> io::Result<()> {
    if std::fs::symlink_metadata(journal)?.len() == 0 || is_journal(journal)? {
        return Ok(());
    }
    rename(journal, &hidden_beside(journal, &format!("cut.{part:06}")))
}

fn is_none(path: &Path) -> io::Result<bool> {
    match std::fs::symlink_metadata(path) {
        Ok(_) => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}

/// Whether it is a file, no link, that begins with the header of a journal.
fn is_journal(path: &Path) -> io::Result<bool> {
    Ok(std::fs::symlink_metadata(path)?.is_file() && Reader::open(path).is_ok())
}

/// Renames, but not over something.
///
/// # Errors
/// When there is something already, or the file system will not.
pub(super) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    if is_none(to)? {
        return std::fs::rename(from, to);
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("{} is there already", to.display())))
}

/// The highest part number beside `journal`; 0 when there is none.
pub(super) fn last_part(journal: &Path) -> io::Result<u64> {
    let dir = journal.parent().filter(|d| !d.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let prefix = format!("{}.", journal.file_name().unwrap_or_default().to_string_lossy());
    let mut last = 0;
    for entry in std::fs::read_dir(dir)? {
        let name = entry?.file_name();
        let number = name.to_string_lossy().strip_prefix(&prefix).and_then(|n| n.parse::<u64>().ok());
        last = last.max(number.unwrap_or(0));
    }
    Ok(last)
}

/// SHA-256 of a file, hex, read in pieces.
pub(super) fn sha256_of(path: &Path) -> io::Result<String> {
    use sha2::{Digest, Sha256};
    let (mut file, mut digest, mut piece) = (File::open(path)?, Sha256::new(), vec![0u8; 256 * 1024]);
    loop {
        let n = file.read(&mut piece)?;
        if n == 0 {
            return Ok(hex::encode(digest.finalize()));
        }
        digest.update(piece.get(..n).unwrap_or_default());
    }
}

/// Flushes the directory of `path`, so that a rename in it survives a loss of power.
pub(super) fn sync_dir(path: &Path) -> io::Result<()> {
    let dir = path.parent().filter(|d| !d.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    File::open(dir)?.sync_all()
}
