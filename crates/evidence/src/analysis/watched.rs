//! What a long-running receiver or an observation noted beside the webhooks.

use record::{Continues, Gap, Hook, LogCompared, LogFacts, LogQuote, Offset, Probe, Tick, Watch, WatchBegin};
use std::time::Duration;

/// A receiver stops responding some time before whoever reads it notices.
const BEFORE_A_GAP: Duration = Duration::from_millis(100);
/// What waited while a receiver did not run is taken in within so long afterwards.
const BEHIND_A_GAP: Duration = Duration::from_secs(1);

/// Facts of an observation, in order.
#[derive(Debug, Clone, Default)]
pub struct Watched {
    /// How the observation began; `None` when the journal is no observation.
    pub begin: Option<WatchBegin>,
    /// The file before this one.
    pub continues: Option<Continues>,
    /// Webhooks that were sent on to the real receiver.
    pub forwarded: u64,
    /// Tries of the receiver's URL.
    pub probes: Vec<Probe>,
    /// Times during which nothing could be seen.
    pub gaps: Vec<Gap>,
    /// One that goes on, in a window that is under way.
    pub open_gap: Option<Gap>,
    /// The clock of another machine, measured; the last one counts.
    pub offset: Option<Offset>,
    /// What the sender's log said; the last summary counts, it is over the whole window.
    pub log: Option<LogFacts>,
    /// Lines of it about attempts that did not succeed.
    pub quotes: Vec<LogQuote>,
    /// What it said against what arrived.
    pub compared: Option<LogCompared>,
    /// What `--on-rollback` did.
    pub hooks: Vec<Hook>,
}

impl Watched {
    /// Whether something that came then may not have been seen: the receiver could not be read, or was not there.
    pub(crate) fn is_unseen(&self, from: Tick, to: Tick) -> bool {
        self.overlap(from, to, Duration::ZERO)
    }

    /// Whether what was taken in then may have waited for it, so that its sender had its answer too late.
    pub(crate) fn is_held_up(&self, from: Tick, to: Tick) -> bool {
        self.overlap(from, to, BEHIND_A_GAP)
    }

    /// Attempts that found no connection, as the sender's log has it: they never came here.
    pub(crate) fn unconnected_by_log(&self) -> u64 {
        let errors = self.log.as_ref().and_then(|log| log.summary.get("connection_errors")?.as_u64());
        errors.unwrap_or(0)
    }

    /// Whether one of the gaps, each with some time before it and `behind` it, is not apart from this time.
    fn overlap(&self, from: Tick, to: Tick, behind: Duration) -> bool {
        let mut gaps = self.gaps.iter().chain(&self.open_gap);
        gaps.any(|gap| gap.from <= to.plus(BEFORE_A_GAP) && from <= gap.to.plus(behind))
    }

    pub(super) fn take(&mut self, fact: &Watch) {
        match fact {
            Watch::Continues(r) => self.continues = Some(r.clone()),
            Watch::Forwarded(_) => self.forwarded += 1,
            Watch::Begin(r) => self.begin = Some(r.clone()),
            Watch::Probe(r) => self.probes.push(r.clone()),
            Watch::Gap(r) => self.gaps.push(r.clone()),
            Watch::Offset(r) => self.offset = Some(r.clone()),
            Watch::Log(r) => self.log = Some((**r).clone()),
            Watch::Quote(r) => self.quotes.push(r.clone()),
            Watch::Compared(r) => self.compared = Some((**r).clone()),
            Watch::Hook(r) => self.hooks.push(r.clone()),
            // They belong to the attempts and the notes.
            Watch::Diagnosed(_) | Watch::NotKept(_) | Watch::WallClock(_) | Watch::JudgedBy(_) => {}
            // They vouch for the others, and say nothing themselves.
            Watch::Roll(_) | Watch::Checkpoint(_) => {}
        }
    }
}
