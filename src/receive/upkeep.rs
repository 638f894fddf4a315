//! What a receiver does between webhooks: writes what was put off, gives up overdue deliveries, and looks whether a journal
//! that could not be written can be written again.

use super::keep::Keeper;
use super::metrics::Metrics;
use super::witness::Witness;
use crate::inbox::Inbox;
use crate::journal::{Journal, Standstill, hidden_beside};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::interval;
use wire::Clock;

/// How often records that nothing waits for are written.
const FLUSH: Duration = Duration::from_millis(25);
/// Everything else is done once in so many flushes: once a second.
const SELDOM: u64 = 40;
/// How much later than the retry contract says a retry is still waited for, before its delivery counts as given up.
const GRACE: Duration = Duration::from_secs(60);
/// So much has to fit on the disk before it counts as writable again: a receiver that flaps tells nobody anything.
const ROOM: usize = 256 * 1024;

/// What is looked after.
pub(super) struct Upkeep {
    pub journal: Journal,
    pub path: PathBuf,
    pub inbox: Arc<Inbox>,
    pub metrics: Arc<Metrics>,
    pub clock: Clock,
    pub keeper: Keeper,
    pub witness: Option<Arc<Witness>>,
}

impl Upkeep {
    /// Goes on until it is aborted.
    pub(super) async fn run(self) {
        // Without a thread to be had nobody looks.
        let _looking = Standstill::begin(self.clock).keep_looking(self.journal.clone()).ok();
        let mut tick = interval(FLUSH);
        for turn in 1u64.. {
            tick.tick().await;
            // What cannot be written now is dropped; webhooks themselves are never put off.
            if self.metrics.untold().flush(&self.journal, self.clock).is_err() {
                self.metrics.not_writable();
            }
            if turn.is_multiple_of(SELDOM) {
                self.metrics.untold().touch();
                self.inbox.give_up(GRACE);
                self.inbox.look_at_clock();
                self.inbox.tell_not_kept();
                self.try_again();
                // Before old parts go, which may have been the ones with the roll.
                if let Some(witness) = &self.witness {
                    let _ = witness.keep_roll();
                }
                self.keeper.look();
            }
        }
    }

    /// Senders that are told to stay away by `/healthz` bring no webhook that would show that all is well.
    fn try_again(&self) {
        if !self.metrics.writable() {
            if self.journal.begin_anew().is_err() || has_room(&self.path).is_err() {
                return;
            }
            self.metrics.writable_again();
        }
        self.metrics.untold().tell(&self.journal, self.clock);
    }
}

/// Writes a file beside the journal, and takes it away again.
fn has_room(journal: &Path) -> io::Result<()> {
    let name = hidden_beside(journal, "room");
    let written = std::fs::File::create(&name).and_then(|mut file| file.write_all(&vec![0; ROOM]));
    std::fs::remove_file(&name).and(written)
}
