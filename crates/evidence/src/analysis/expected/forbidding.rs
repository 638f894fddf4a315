//! What must not come beside what is due: expectations with a count of 0.

use super::{Expectations, Terms};
use correlate::Arrived;
use foldhash::HashMap;
use record::Tick;
use std::cmp::Ordering;

/// The expectations with a count of 0.
#[derive(Debug, Default)]
pub(super) struct Forbidding {
    /// By flow, each with its key.
    by_flow: HashMap<u32, Vec<(u64, u32)>>,
    /// The flow of a key; `None` where several have it.
    flows: HashMap<u64, Option<u32>>,
}

impl Forbidding {
    pub(super) fn add(&mut self, flow: u32, key: u64, index: u32) {
        self.by_flow.entry(flow).or_default().push((key, index));
        let whose = self.flows.entry(key).or_insert(Some(flow));
        *whose = whose.filter(|known| *known == flow);
    }
}

/// What a webhook is to the expectation that takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// It was missing.
    Owed,
    /// More may come than were due.
    Allowed,
    /// It is one too many.
    Beyond,
}

impl Expectations {
    /// The expectation of the same flow that forbids a webhook which `taken` takes. A step forbids what is not owed from its start on,
    /// and what is owed only where it says more about it than what it is owed to does: "an order, and none with an e-mail address",
    /// and not "this order, and no other". What a later step expects is not forbidden by an earlier one.
    pub(super) fn forbidden(&self, (came, at): (&Arrived<'_>, Tick), taken: u32, how: Taken) -> Option<u32> {
        let begun = |index: u32| self.all.get(index as usize).map(|stored| stored.at);
        let flow = self.all.get(taken as usize)?.flow;
        let own = self.forbidding.by_flow.get(&flow)?;
        let keys = self.keys(came);
        let forbids = |index: u32| match begun(index).cmp(&begun(taken)) {
            Ordering::Less => false,
            Ordering::Equal => how == Taken::Beyond || self.says_more(index, taken),
            Ordering::Greater => how != Taken::Owed || self.says_more(index, taken),
        };
        let fits = own.iter().filter(|(key, index)| keys.contains(key) && self.fits(*index, came, at));
        fits.map(|(_, index)| *index).find(|index| forbids(*index))
    }

    /// Whether an expectation forbids by a value that the flows driven so far have but once: what fits it is meant for its flow.
    pub(in crate::analysis) fn forbids_its_own(&self, index: usize) -> bool {
        let Some(stored) = self.all.get(index) else { return false };
        let has_value = self.terms.get(stored.terms as usize).is_some_and(|terms| !terms.plain.is_empty());
        let mut own = self.forbidding.by_flow.get(&stored.flow).into_iter().flatten();
        let key = own.find(|(_, one)| *one as usize == index).map(|(key, _)| key);
        has_value && key.and_then(|key| self.forbidding.flows.get(key)) == Some(&Some(stored.flow))
    }

    /// A webhook that an expectation forbade is what another one was waiting for.
    pub(in crate::analysis) fn pardon(&mut self, forbade: usize) {
        let more = u32::try_from(forbade).ok().and_then(|index| self.more.get_mut(&index));
        more.into_iter().for_each(|more| more.surplus = more.surplus.saturating_sub(1));
    }

    /// Whether `one` says something of a webhook that both fit which `other` leaves open.
    fn says_more(&self, one: u32, other: u32) -> bool {
        matches!((self.terms_of(one), self.terms_of(other)), (Some(one), Some(other)) if one.say_more_than(other))
    }
}

impl Terms {
    fn say_more_than(&self, other: &Self) -> bool {
        let fixed = |pointer: &String| other.plain.contains(pointer);
        self.plain.iter().any(|pointer| !fixed(pointer))
            || self.matchers.iter().any(|one| !fixed(&one.0) && !other.matchers.contains(one))
            || self.headers.iter().any(|one| !other.headers.contains(one))
    }
}
