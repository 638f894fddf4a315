//! Webhooks that came before it was known whose they are: a server makes an id, fires the webhook, and only then answers the
//! step with it.

use super::contents::Contents;
use super::correlate::is_authentic_body;
use super::fold::Analysis;
use correlate::Arrived;
use record::Attempt;
use std::collections::VecDeque;

/// So many are held; the oldest goes first, and stays one that nothing asked for.
const MOST: usize = 4096;
/// So many bytes of bodies and headers are held.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// The latest webhooks that nothing asked for, by the index of their delivery.
#[derive(Debug, Default)]
pub(super) struct Parked {
    all: VecDeque<(usize, Attempt)>,
    bytes: usize,
}

impl Parked {
    fn keep(&mut self, index: usize, attempt: Attempt) {
        self.bytes += size(&attempt);
        self.all.push_back((index, attempt));
        while self.all.len() > MOST || self.bytes > MOST_BYTES {
            let Some((_, oldest)) = self.all.pop_front() else { return };
            self.bytes -= size(&oldest);
        }
    }
}

fn size(attempt: &Attempt) -> usize {
    let headers: usize = attempt.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    attempt.body.bytes().len() + headers
}

impl Analysis {
    /// Holds a webhook that nothing asks for, where a flow may learn that it is its own.
    pub(super) fn park(&mut self, index: usize, attempt: &Attempt) {
        if self.header.learns {
            self.parked.keep(index, attempt.clone());
        }
    }

    /// Something was learned: whose are the webhooks that came before?
    pub(super) fn look_again(&mut self) {
        let Parked { all, .. } = std::mem::take(&mut self.parked);
        for (index, attempt) in all {
            if !self.adopt(index, &attempt) {
                self.parked.keep(index, attempt);
            }
        }
    }

    /// Whether something asks for it, or forbids it, by now.
    fn adopt(&mut self, index: usize, attempt: &Attempt) -> bool {
        let Some(was_foreign) = self.deliveries.get(index).map(|delivery| delivery.foreign) else {
            return true;
        };
        let read = self.reader.read(&attempt.headers, &attempt.body.bytes());
        let came = Arrived::all(self.header.scheme, &attempt.headers, read.as_ref());
        let said = Contents::of(self, index, &came, attempt);
        if said.unclaimed && said.foreign == was_foreign {
            return false;
        }
        if let Some(delivery) = self.deliveries.get_mut(index) {
            delivery.foreign = said.foreign;
            delivery.fulfils = said.fulfils;
            delivery.surplus = said.surplus;
            delivery.unasked = said.unasked;
        }
        self.near.forget(index);
        if was_foreign && !said.foreign && is_authentic_body(attempt) {
            self.privacy.claim_attempt((index, attempt), self.header.scheme.own_headers());
            self.payloads.look(index, attempt, &came);
        }
        !said.unclaimed
    }
}
