//! Whether a journal that is being written has all that it should: a mark beside it, for whoever follows it.
//!
//! A full disk takes no record, and no other file that would say so. The mark is a lock, which is the kernel's: it is held as long
//! as the journal has everything, and giving it up takes no room.

use super::segments::{hidden_beside, open_lock, take_lock};
use std::fs::File;
use std::io;
use std::path::Path;
use std::time::SystemTime;

/// The mark, in the hands of whoever writes the journal.
#[derive(Debug)]
pub(crate) struct IntactMark(File);

impl IntactMark {
    /// Sets the mark of a journal that this process writes.
    ///
    /// # Errors
    /// When the file beside the journal cannot be made or locked.
    pub(crate) fn set(journal: &Path) -> io::Result<Self> {
        let file = open_lock(&mark_of(journal))?;
        take_lock(&file)?;
        Ok(Self(file))
    }

    /// Shows whoever follows the journal that its writer ran at this time.
    pub(crate) fn touch(&self, at: SystemTime) {
        // Who follows it knows less then, and is told that the writer has stopped.
        let _ = self.0.set_modified(at);
    }

    /// Takes the mark away: something is not in the journal that should be.
    pub(crate) fn remove(&self) {
        // The kernel gives up a lock that is held.
        let _ = self.0.unlock();
    }

    /// Sets the mark again: what is not in the journal is told in it. `false` where that has to be tried again, since somebody
    /// looks at the mark just now.
    pub(crate) fn restore(&self) -> bool {
        self.0.try_lock().is_ok()
    }
}

/// Whether something is not in this journal that should be, and the journal does not tell of it so far. `false` too where that
/// cannot be known: there is no mark, or one that may not be read. Without a process that writes the journal it says nothing.
#[must_use]
pub(crate) fn lacks_records(journal: &Path) -> bool {
    File::open(mark_of(journal)).is_ok_and(|mark| mark.try_lock_shared().is_ok())
}

pub(super) fn mark_of(journal: &Path) -> std::path::PathBuf {
    hidden_beside(journal, "intact")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_is_seen_by_whoever_looks_and_set_again() {
        let dir = tempfile::tempdir().unwrap();
        let journal = dir.path().join("j.jsonl");
        assert!(!lacks_records(&journal), "nothing is known of a journal without a mark");
        let mark = IntactMark::set(&journal).unwrap();
        assert!(!lacks_records(&journal));
        mark.remove();
        assert!(lacks_records(&journal) && lacks_records(&journal));
        let looks = File::open(mark_of(&journal)).unwrap();
        looks.lock_shared().unwrap();
        assert!(!mark.restore(), "it is not waited for");
        drop(looks);
        assert!(mark.restore() && !lacks_records(&journal));
        drop(mark);
        let again = IntactMark::set(&journal).unwrap();
        assert!(!lacks_records(&journal));
        drop(again);
    }
}
