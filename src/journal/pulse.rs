//! Whether the process that writes a journal runs: it touches the mark beside it every second, so that a receiver that hangs is told from one
//! to which nobody posts.

use super::intact::mark_of;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// A receiver that runs has touched its mark within so long.
const LONGEST: Duration = Duration::from_secs(5);
/// Whoever looks less often than this did not run itself: of a longer time between two looks so much counts.
const LOOKS: Duration = Duration::from_secs(1);

/// The touches of a mark, for whoever follows the journal.
#[derive(Debug)]
pub(crate) struct Pulse {
    mark: PathBuf,
    touched: Option<SystemTime>,
    looked: Instant,
    silent: Duration,
}

impl Pulse {
    pub(crate) fn of(journal: &Path) -> Self {
        Self { mark: mark_of(journal), touched: None, looked: Instant::now(), silent: Duration::ZERO }
    }

    /// Whether the writer has not touched its mark for too long. `false` too where there is no mark, so that nobody knows.
    pub(crate) fn has_stopped(&mut self) -> bool {
        let now = Instant::now();
        let since = now.saturating_duration_since(std::mem::replace(&mut self.looked, now)).min(LOOKS);
        let touched = std::fs::metadata(&self.mark).and_then(|mark| mark.modified()).ok();
        let is_new = std::mem::replace(&mut self.touched, touched) != touched;
        self.silent = if is_new || touched.is_none() { Duration::ZERO } else { self.silent + since };
        self.silent >= LONGEST
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::IntactMark;

    #[tokio::test(start_paused = true)]
    async fn a_mark_that_nobody_touches_is_a_writer_that_has_stopped() {
        let dir = tempfile::tempdir().unwrap();
        let journal = dir.path().join("j.jsonl");
        let mut pulse = Pulse::of(&journal);
        let mut looks = async |seconds: u64| {
            let mut seen = false;
            for _ in 0..seconds {
                tokio::time::advance(LOOKS).await;
                seen = pulse.has_stopped();
            }
            seen
        };
        assert!(!looks(9).await, "without a mark nobody knows");
        let mark = IntactMark::set(&journal).unwrap();
        assert!(!looks(1).await && !looks(4).await);
        mark.touch(SystemTime::UNIX_EPOCH);
        assert!(!looks(1).await && !looks(4).await && looks(1).await);
        mark.touch(SystemTime::now());
        assert!(!looks(1).await);
        // Whoever looks was stopped as well.
        tokio::time::advance(LOOKS * 60).await;
        assert!(!looks(1).await);
    }
}
