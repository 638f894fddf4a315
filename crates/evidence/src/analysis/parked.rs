//! Webhooks that came before it was known whose they are: a server makes an id, fires the webhook, and only then answers the
//! step with it.

use super::contents::Contents;
use super::correlate::is_authentic_body;
use super::expected::Fulfilment;
use super::fold::Analysis;
use correlate::{Key, id, print};
use record::Attempt;
use std::collections::VecDeque;

/// So many are held; the oldest goes first, and stays one that nothing asked for.
const MOST: usize = 4096;
/// So many bytes of bodies and headers are held.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// The latest requests whose webhooks may yet be asked for, each with what is known of it.
#[derive(Debug)]
pub(super) struct Parked<T> {
    all: VecDeque<(T, Attempt)>,
    bytes: usize,
}

impl<T> Default for Parked<T> {
    fn default() -> Self {
        Self { all: VecDeque::new(), bytes: 0 }
    }
}

/// What was found of a request so far.
#[derive(Debug)]
pub(super) struct Found {
    /// Index of its delivery.
    index: usize,
    /// What each of its webhooks means for the expectations.
    each: Vec<Fulfilment>,
}

impl<T> Parked<T> {
    /// Holds one more; gives those that there is no room for any more.
    pub(super) fn keep(&mut self, about: T, attempt: Attempt, most: usize) -> Vec<(T, Attempt)> {
        self.bytes += size(&attempt);
        self.all.push_back((about, attempt));
        let mut gone = Vec::new();
        while self.all.len() > most || self.bytes > MOST_BYTES {
            let Some((about, oldest)) = self.all.pop_front() else { break };
            self.bytes -= size(&oldest);
            gone.push((about, oldest));
        }
        gone
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &(T, Attempt)> {
        self.all.iter()
    }

    /// What is known of the one with this number, and the attempt.
    pub(super) fn get_mut(&mut self, attempt: u64) -> Option<&mut (T, Attempt)> {
        self.all.iter_mut().find(|(_, held)| held.attempt == attempt)
    }

    /// All of them, in order of arrival.
    pub(super) fn take(&mut self) -> VecDeque<(T, Attempt)> {
        std::mem::take(self).all
    }
}

impl Parked<Found> {
    /// Its delivery is another matter now.
    pub(super) fn forget(&mut self, index: usize) {
        if let Some(at) = self.all.iter().position(|(found, _)| found.index == index) {
            let gone = self.all.remove(at);
            self.bytes -= gone.map_or(0, |(_, attempt)| size(&attempt));
        }
    }
}

fn size(attempt: &Attempt) -> usize {
    let headers: usize = attempt.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    attempt.body.bytes().len() + headers
}

impl Analysis {
    /// Holds a request with a webhook that nothing asks for, or that is forbidden, where a flow may learn that it is its own.
    pub(super) fn park(&mut self, index: usize, each: Vec<Fulfilment>, attempt: &Attempt) {
        if self.header.learns {
            self.parked.keep(Found { index, each }, attempt.clone(), MOST);
        }
    }

    /// Something was learned: whose are the webhooks that came before?
    pub(super) fn look_again(&mut self) {
        for (found, attempt) in self.parked.take() {
            let (index, before) = (found.index, found.each);
            let each = self.adopt(index, &before, &attempt);
            if each.iter().any(|one| one.may_change()) {
                self.parked.keep(Found { index, each }, attempt, MOST);
            }
        }
        // Those that are signed go first: what is not counts only where nothing else came.
        for (held, attempt) in self.strangers.undecided() {
            if let Some(index) = self.is_before(&attempt) {
                self.by_key += u64::from(held.by_key);
                self.precede(index, &attempt, held.answered.as_ref());
            } else if self.is_due_after_all(&attempt) {
                self.by_key += u64::from(held.by_key);
                self.arrived(&attempt);
                held.answered.iter().for_each(|answered| self.answered(answered));
            } else {
                self.strangers.hold(held, attempt);
            }
        }
    }

    /// Nothing more is learned: what did those that nothing asked for nearly fit, of all that was asked for and never came?
    pub(super) fn look_at_last(&mut self) {
        for (found, attempt) in self.parked.take() {
            self.near.forget(found.index);
            self.look_for_near(found.index, &attempt);
        }
    }

    /// The delivery of this run whose id and body a request had before the first attempt that is known of it: nobody but its sender
    /// knew them then.
    fn is_before(&self, attempt: &Attempt) -> Option<usize> {
        let body = attempt.body.bytes();
        let read = self.reader.read(&attempt.headers, &body);
        let id = id(self.header.scheme, &attempt.headers, read.as_ref())?;
        let index = self.correlator.latest(Key::of_id(&id))? as usize;
        let delivery = self.deliveries.get(index)?;
        let first = delivery.tries.first()?;
        let is_first = attempt.first_byte < first.first_byte && print(&body) == first.fingerprints.body;
        (is_first && !delivery.foreign && delivery.fulfils.is_some() && delivery.is_authentic())
            .then_some(index)
    }

    /// Whether a request that looks as the sender's do stands where a webhook never came, or is a further attempt of one that does.
    fn is_due_after_all(&self, attempt: &Attempt) -> bool {
        let body = attempt.body.bytes();
        let read = self.reader.read(&attempt.headers, &body);
        let id = id(self.header.scheme, &attempt.headers, read.as_ref());
        let latest = id.and_then(|id| self.correlator.latest(Key::of_id(&id)));
        let known = latest.and_then(|latest| self.deliveries.get(latest as usize));
        // What came before the first attempt of a delivery that counts has the id of another's.
        known.is_none_or(|delivery| delivery.first_byte() <= attempt.first_byte)
            && !self.is_anybodys(attempt, &body)
    }

    /// What the webhooks of a request mean by now for what is asked for and forbidden.
    fn adopt(&mut self, index: usize, before: &[Fulfilment], attempt: &Attempt) -> Vec<Fulfilment> {
        let Some(was_foreign) = self.deliveries.get(index).map(|delivery| delivery.foreign) else {
            return Vec::new();
        };
        let read = self.reader.read(&attempt.headers, &attempt.body.bytes());
        let came = self.webhooks_of(&attempt.headers, read.as_ref());
        let said = Contents::by_now(self, index, &came, attempt, before);
        if said.each == before && said.foreign == was_foreign {
            return said.each;
        }
        if let Some(delivery) = self.deliveries.get_mut(index) {
            delivery.foreign = said.foreign;
            delivery.fulfils = said.fulfils;
            delivery.surplus = said.surplus;
            delivery.unasked = said.unasked;
            delivery.repeated = said.repeated;
            delivery.forbidden = said.forbidden;
        }
        self.near.forget(index);
        if was_foreign && !said.foreign && is_authentic_body(attempt) {
            self.privacy.claim_attempt((index, attempt));
            self.look_at_payload(index, attempt, &came);
        }
        said.each
    }
}

#[cfg(test)]
mod tests;
