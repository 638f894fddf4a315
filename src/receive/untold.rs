//! What is not in the journal, for as long as the journal does not tell of it itself.

use crate::journal::{IntactMark, Journal};
use record::{Gap, Record, Tick, Watch};
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;
use wire::Clock;

/// Since when something is missing from the journal, and how many webhooks were answered 503 for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Missing {
    pub since: Tick,
    /// None where only records are missing that nothing waits for.
    pub webhooks: u64,
}

/// What the journal does not tell of so far. Whoever reads the journal may go by it as long as nothing is untold, so that it is
/// looked at before the journal is.
#[derive(Debug)]
pub(super) struct Untold {
    mark: Option<IntactMark>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    missing: Option<Missing>,
    /// How often something was lost.
    losses: u64,
    /// Whether the mark beside the journal is away.
    is_unmarked: bool,
}

impl Untold {
    /// Nothing so far; `mark` says so beside the journal.
    pub(super) fn new(mark: Option<IntactMark>) -> Self {
        Self { mark, state: Mutex::default() }
    }

    /// A webhook could not be written, and is answered 503 once this returns.
    pub(super) fn webhook(&self, at: Tick) {
        self.add(at, 1);
    }

    /// Writes what the journal has put off; what cannot be written is lost.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn flush(&self, journal: &Journal, clock: Clock) -> io::Result<()> {
        journal.flush().inspect_err(|error| {
            // A journal that was taken away tells of it itself, once it is begun anew.
            if error.kind() != io::ErrorKind::NotFound {
                self.add(clock.now(), 0);
            }
        })
    }

    fn add(&self, at: Tick, webhooks: u64) {
        let mut state = self.state();
        state.losses += 1;
        state.missing.get_or_insert(Missing { since: at, webhooks: 0 }).webhooks += webhooks;
        if !std::mem::replace(&mut state.is_unmarked, true)
            && let Some(mark) = &self.mark
        {
            mark.remove();
        }
    }

    /// What is missing, if something is.
    pub(super) fn missing(&self) -> Option<Missing> {
        self.state().missing
    }

    /// Has the journal tell of it, as a gap. What cannot be written now is told by a later call.
    pub(super) fn tell(&self, journal: &Journal, clock: Clock) {
        let (missing, losses) = {
            let state = self.state();
            (state.missing, state.losses)
        };
        if let Some(missing) = missing {
            let to = clock.now();
            let gap = Gap { from: missing.since, to, why: missing.to_string() };
            if journal.append(&Record::Watch(Watch::Gap(gap))).is_err() {
                return;
            }
            let mut state = self.state();
            // What has come to it meanwhile.
            let webhooks = state.missing.map_or(0, |now| now.webhooks).saturating_sub(missing.webhooks);
            state.missing = (state.losses > losses).then_some(Missing { since: to, webhooks });
        }
        let mut state = self.state();
        if state.missing.is_none() && state.is_unmarked {
            state.is_unmarked = !self.mark.as_ref().is_none_or(IntactMark::restore);
        }
    }

    /// Shows whoever follows the journal that the receiver runs.
    pub(super) fn touch(&self) {
        self.mark.iter().for_each(|mark| mark.touch(SystemTime::now()));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the journal could not be written: ")?;
        match self.webhooks {
            0 => f.write_str("records are missing that no webhook waited for"),
            webhooks => write!(f, "{webhooks} webhooks were answered with 503"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::fixtures::{gaps, journal};
    use crate::journal::lacks_records;

    #[test]
    fn it_is_untold_until_the_journal_tells_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("j");
        let clock = Clock::start();
        let journal = journal(&path, clock);
        let untold = Untold::new(Some(IntactMark::set(&path).unwrap()));
        untold.tell(&journal, clock);
        assert!(untold.missing().is_none() && !lacks_records(&path));
        untold.add(Tick(3), 0);
        untold.webhook(Tick(4));
        untold.webhook(Tick(5));
        assert_eq!(untold.missing(), Some(Missing { since: Tick(3), webhooks: 2 }));
        assert!(lacks_records(&path));
        // The file of another name is not written: it was taken away.
        std::fs::rename(&path, dir.path().join("away")).unwrap();
        // Whether it is there is looked at from time to time.
        let gap = Gap { from: Tick(6), to: Tick(7), why: String::new() };
        while journal.append(&Record::Watch(Watch::Gap(gap.clone()))).is_ok() {}
        untold.tell(&journal, clock);
        assert!(untold.missing().is_some() && lacks_records(&path), "it could not be told");
        journal.begin_anew().unwrap();
        untold.tell(&journal, clock);
        assert!(untold.missing().is_none() && !lacks_records(&path));
        drop(journal);
        let gaps = gaps(&path);
        let told = "the journal could not be written: 2 webhooks were answered with 503";
        assert!(gaps.iter().any(|gap| gap.from == Tick(3) && gap.why == told), "{gaps:?}");
        assert_eq!(gaps.len(), 2, "the other is of the file that was away");
    }
}
