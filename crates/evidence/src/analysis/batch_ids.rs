//! Webhooks of batches that have ids of their own. Which batch comes again is what the correlator knows; one of its webhooks may
//! come again in another batch, or twice in one.

use super::Analysis;
use super::correlate::is_authentic_body;
use super::expected::Fulfilment;
use correlate::{Arrived, Courses, own_id, print_of};
use foldhash::HashMap;
use record::Attempt;

/// So many ids are remembered at least, and twice as many at most: 16 bytes each.
const KEPT: usize = 1 << 19;

/// The latest ids, each as a fingerprint, with the delivery that had it.
#[derive(Debug, Default)]
pub(super) struct BatchIds {
    latest: HashMap<u64, u32>,
    before: HashMap<u64, u32>,
}

impl BatchIds {
    fn get(&self, print: u64) -> Option<u32> {
        self.latest.get(&print).or_else(|| self.before.get(&print)).copied()
    }

    fn keep(&mut self, print: u64, delivery: u32) {
        if self.latest.len() >= KEPT {
            self.before = std::mem::take(&mut self.latest);
        }
        self.latest.insert(print, delivery);
    }
}

impl Analysis {
    /// Which webhooks of a delivery that begins came before, twice in it or in one that was accepted: they are repeats, and whatever
    /// else they could be is [`Fulfilment::None`] so far. A retry of the same batch begins no delivery.
    pub(super) fn repeated(
        &mut self,
        index: usize,
        came: &[Arrived<'_>],
        attempt: &Attempt,
    ) -> Vec<Fulfilment> {
        if self.header.scheme.spec().body.batch.is_none() || !is_authentic_body(attempt) {
            return Vec::new();
        }
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        came.iter().map(|one| self.repeats(index, one)).collect()
    }

    fn repeats(&mut self, index: u32, one: &Arrived<'_>) -> Fulfilment {
        let Some(id) = own_id(self.header.scheme, one) else { return Fulfilment::None };
        // Some senders give all events of one cause the same id.
        let print = print_of([id.as_bytes(), one.event.as_bytes()]);
        let accepted = |before: u32| self.deliveries.course(before).is_some_and(|course| course.accepted);
        if self.batch_ids.get(print).is_some_and(|before| before == index || accepted(before)) {
            return Fulfilment::Repeats;
        }
        self.batch_ids.keep(print, index);
        Fulfilment::None
    }
}
