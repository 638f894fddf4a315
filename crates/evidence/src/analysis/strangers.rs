//! Requests that nothing shows to be the sender's: counted, and otherwise left alone.

use super::Delivery;
use super::parked::Parked;
use foldhash::{HashMap, HashSet};
use record::{Answered, Attempt, Diagnosed, Unauthenticated};
use std::borrow::Cow;
use std::collections::VecDeque;
use std::net::IpAddr;

/// Attempts whose diagnosis is waited for: as many as a receiver has waiting.
const WAITING: usize = 1024;
/// So many are held of which it may yet be learned that they are due: as many as flows run side by side, with their retries.
const HELD: usize = 512;

/// What strangers sent.
#[derive(Debug, Default)]
pub struct Strangers {
    /// In figures, without those that are held.
    found: Unauthenticated,
    /// They look as the sender's do, came before it is known what is due, and may stand in for it.
    held: Parked<Held>,
    /// Those of which it may yet be told what was wrong with their signature.
    waiting: HashSet<u64>,
    /// The deliveries that stand for a webhook that was due while no authentic one has come for it, and where they came from.
    standing_in: HashMap<usize, Option<IpAddr>>,
}

/// What is known of a request that is held.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// How it was answered.
    pub answered: Option<Answered>,
    /// Whether it is signed with the secret all the same.
    pub by_key: bool,
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

    /// It looks as the sender's do, and is no evidence about it.
    pub(super) fn imitated(&mut self, attempt: &Attempt) {
        self.came(attempt);
        self.found.imitating += 1;
    }

    /// It looks as the sender's do, and it may yet be learned that it is due.
    pub(super) fn hold(&mut self, held: Held, attempt: Attempt) {
        for (held, gone) in self.held.keep(held, attempt, HELD) {
            self.imitated(&gone);
            self.found.by_key += u64::from(held.by_key);
        }
    }

    /// How one of those that are held was answered.
    pub(super) fn answered(&mut self, answered: &Answered) {
        if let Some((held, _)) = self.held.get_mut(answered.attempt) {
            held.answered = Some(answered.clone());
        }
    }

    /// Those that are held, to be looked at again.
    pub(super) fn undecided(&mut self) -> VecDeque<(Held, Attempt)> {
        self.held.take()
    }

    /// In figures, by what is known so far.
    #[must_use]
    pub fn found(&self) -> Cow<'_, Unauthenticated> {
        let mut found = Cow::Borrowed(&self.found);
        for (held, attempt) in self.held.iter() {
            let found = found.to_mut();
            found.by_key += u64::from(held.by_key);
            found.count(attempt.peer, attempt.verdict.reason);
            found.imitating += 1;
            attempt.verdict.diagnosis.iter().for_each(|diagnosis| found.diagnosed(diagnosis));
        }
        found
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
    pub(super) fn diagnosed(&mut self, diagnosed: &Diagnosed) -> bool {
        let Diagnosed { attempt, text, by_key } = diagnosed;
        if let Some((held, attempt)) = self.held.get_mut(*attempt) {
            held.by_key = *by_key;
            attempt.verdict.diagnosis = Some(text.into());
            return true;
        }
        let theirs = self.waiting.remove(attempt);
        if theirs {
            self.found.diagnosed(text);
            self.found.by_key += u64::from(*by_key);
        }
        theirs
    }

    /// So many more came that are not in the journal one by one.
    pub(super) fn not_kept(&mut self, requests: u64) {
        self.found.requests += requests;
        self.found.not_kept += requests;
    }
}
