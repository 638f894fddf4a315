//! Requests that nothing shows to be the sender's: counted, and otherwise left alone.

use super::Delivery;
use foldhash::{HashMap, HashSet};
use record::{Attempt, Unauthenticated};
use std::net::IpAddr;

/// Attempts whose diagnosis is waited for: as many as a receiver has waiting.
const WAITING: usize = 1024;

/// What strangers sent.
#[derive(Debug, Default)]
pub struct Strangers {
    /// In figures.
    pub found: Unauthenticated,
    /// Those of which it may yet be told what was wrong with their signature.
    waiting: HashSet<u64>,
    /// The deliveries that stand for a webhook that was due while no authentic one has come for it, and where they came from.
    standing_in: HashMap<usize, Option<IpAddr>>,
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

    /// It looks as the sender's do, and is not evidence about it.
    pub(super) fn imitated(&mut self, attempt: &Attempt) {
        self.came(attempt);
        self.found.imitating += 1;
    }

    /// A delivery without an authentic attempt is the only one that has come for a webhook that is due.
    pub(super) fn stands_in(&mut self, delivery: usize, peer: Option<IpAddr>) {
        self.standing_in.insert(delivery, peer);
    }

    pub(super) fn any_stands_in(&self) -> bool {
        !self.standing_in.is_empty()
    }

    /// Whether it is one of those.
    pub(super) fn is_standing_in(&self, delivery: usize) -> bool {
        self.standing_in.contains_key(&delivery)
    }

    /// The webhook itself has come: the delivery that stood for it was somebody else's.
    pub(super) fn displaced(&mut self, index: usize, delivery: &Delivery) {
        let Some(peer) = self.standing_in.remove(&index) else { return };
        for attempt in delivery.tries.iter().chain(&delivery.after_acceptance) {
            self.found.count(peer, attempt.reason);
            self.found.imitating += 1;
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
