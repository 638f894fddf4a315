//! Requests that nothing shows to be the sender's: counted, and otherwise left alone.

use foldhash::HashSet;
use record::{Attempt, Unauthenticated};

/// Attempts whose diagnosis is waited for: as many as a receiver has waiting.
const WAITING: usize = 1024;

/// What strangers sent.
#[derive(Debug, Default)]
pub struct Strangers {
    /// In figures.
    pub found: Unauthenticated,
    /// Those of which it may yet be told what was wrong with their signature.
    waiting: HashSet<u64>,
}

impl Strangers {
    pub(super) fn came(&mut self, attempt: &Attempt) {
        self.found.count(attempt.peer, attempt.verdict.reason);
        match &attempt.verdict.diagnosis {
            Some(diagnosis) => self.found.diagnosed(diagnosis),
            None => {
                if self.waiting.len() >= WAITING {
                    self.waiting.clear();
                }
                self.waiting.insert(attempt.attempt);
            }
        }
    }

    /// Counts a diagnosis when it is about one of them.
    pub(super) fn diagnosed(&mut self, attempt: u64, text: &str) -> bool {
        let theirs = self.waiting.remove(&attempt);
        if theirs {
            self.found.diagnosed(text);
        }
        theirs
    }

    /// So many more came that are not in the journal one by one.
    pub(super) fn not_kept(&mut self, requests: u64) {
        self.found.requests += requests;
        self.found.not_kept += requests;
    }
}
