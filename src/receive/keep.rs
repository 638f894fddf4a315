//! How much of a journal in parts stays: old parts go, and never silently.

use super::metrics::Metrics;
use crate::journal::{Journal, segment_path};
use record::{Note, Record};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};
use wire::Clock;

/// How much of the journal stays, the file that is being written included; that one is never removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Keep {
    /// So many bytes at most.
    pub bytes: Option<u64>,
    /// Parts that were written to within this time.
    pub age: Option<Duration>,
}

/// Removes the parts of a journal that are beyond what stays.
pub(super) struct Keeper {
    pub journal: Journal,
    pub keep: Keep,
    pub metrics: Arc<Metrics>,
    pub clock: Clock,
    /// The first part that nobody has read back to its end since this process began.
    pub unread_from: Arc<AtomicU64>,
}

/// A full part.
struct Full {
    part: u64,
    path: PathBuf,
    bytes: u64,
    age: Duration,
}

impl Keeper {
    /// Removes what is too much by now. What cannot be removed stays, and is tried again.
    pub(super) fn look(&self) {
        if self.keep == Keep::default() {
            return;
        }
        let (current, last) = self.journal.part();
        let Ok(parts) = full_parts(&current, last) else { return };
        let own = std::fs::metadata(&current).map_or(0, |found| found.len());
        let mut bytes = own + parts.iter().map(|part| part.bytes).sum::<u64>();
        for part in parts {
            let too_much = self.keep.bytes.is_some_and(|most| bytes > most);
            let too_old = self.keep.age.is_some_and(|most| part.age > most);
            if !too_much && !too_old {
                break;
            }
            if std::fs::remove_file(&part.path).is_ok() {
                bytes -= part.bytes;
                self.tell(&part);
            }
        }
    }

    fn tell(&self, part: &Full) {
        let read = part.part < self.unread_from.load(Ordering::Relaxed);
        let by = if read { "it had been read back" } else { "nobody had read it back" };
        let name = part.path.file_name().unwrap_or_default().to_string_lossy();
        let text = format!("journal part {name} of {} bytes was removed by --keep; {by}", part.bytes);
        self.metrics.part_removed((!read).then(|| text.clone()));
        // A journal that cannot be written says so with the next webhook.
        let _ = self.journal.append_soon(&Record::Note(Note { at: self.clock.now(), text }));
    }
}

/// The full parts that are there, the oldest first.
fn full_parts(journal: &Path, last: u64) -> io::Result<Vec<Full>> {
    let dir = journal.parent().filter(|d| !d.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let prefix = format!("{}.", journal.file_name().unwrap_or_default().to_string_lossy());
    let now = SystemTime::now();
    let mut parts = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let name = entry?.file_name();
        let number = name.to_string_lossy().strip_prefix(&prefix).and_then(|n| n.parse::<u64>().ok());
        let Some(part) = number.filter(|part| *part < last) else { continue };
        let path = segment_path(journal, part);
        // Only what this process would have named so.
        let Ok(found) =
            std::fs::symlink_metadata(&path).and_then(|m| Ok((m.is_file(), m.len(), m.modified()?)))
        else {
            continue;
        };
        let (true, bytes, written) = found else { continue };
        parts.push(Full { part, path, bytes, age: now.duration_since(written).unwrap_or_default() });
    }
    parts.sort_unstable_by_key(|part| part.part);
    Ok(parts)
}
