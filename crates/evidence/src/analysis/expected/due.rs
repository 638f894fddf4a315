//! For whom a webhook is in time.

use super::{Expectation, Expectations, NONE};
use correlate::Arrived;
use record::{Outcome, Tick};

impl Expectations {
    /// Whether a webhook like this is due at `at` that has not come.
    pub(in crate::analysis) fn is_due(&self, came: &Arrived<'_>, at: Tick) -> bool {
        let due = |index: &u32| self.is_due_by(*index, came, at);
        self.keys(came).iter().any(|key| self.keyed.open(*key).iter().any(due))
    }

    /// Whether an expectation is in time for a webhook like this one.
    fn is_due_by(&self, index: u32, came: &Arrived<'_>, at: Tick) -> bool {
        self.is_open(index)
            && self.fits(index, came, at)
            && self.get(index as usize).is_some_and(|asked| is_in_time(&asked, at))
    }

    /// Notes which expectations wait for such a webhook as well as the one that has `taken` it: those of other flows, unless it is the turn
    /// of its own, and of other steps. Says whether there are any.
    pub(super) fn note_others(
        &mut self,
        came: &Arrived<'_>,
        (at, turn): (Tick, Option<u32>),
        taken: u32,
    ) -> bool {
        let Some(own) = self.all.get(taken as usize).copied() else { return false };
        let is_other = |index: &u32| {
            self.all.get(*index as usize).is_some_and(|other| match other.flow == own.flow {
                true => other.at != own.at,
                false => turn != Some(own.flow),
            })
        };
        let waiting = self.keys(came).into_iter().flat_map(|key| self.keyed.open(key).to_vec());
        let mut others: Vec<u32> =
            waiting.filter(|index| is_other(index) && self.is_due_by(*index, came, at)).collect();
        let any = !others.is_empty();
        if any {
            others.push(taken);
        }
        for index in others {
            self.all.get_mut(index as usize).into_iter().for_each(|stored| stored.interchangeable = true);
        }
        any
    }

    /// Puts a webhook that names its flow in the place of one that names none and was given it by its order alone, where no expectation of
    /// the flow is open. Gives the expectation, and the webhook that lost it.
    pub(in crate::analysis) fn reclaim(
        &mut self,
        delivery: usize,
        came: &Arrived<'_>,
        when: (Tick, Option<u32>),
    ) -> Option<(usize, Freed)> {
        if came.flow.is_none() || self.by_order.is_empty() || self.open_for(came, when).is_some() {
            return None;
        }
        let keys = self.keys(came);
        let mut taken =
            keys.iter().flat_map(|key| self.keyed.closed(*key).iter().map(move |index| (*key, *index)));
        let given =
            |(_, index): &(u64, u32)| self.by_order.contains(index) && self.fits(*index, came, when.0);
        let (key, index) = taken.find(given)?;
        self.by_order.remove(&index);
        let stored = self.all.get_mut(index as usize)?;
        let lost = std::mem::replace(&mut stored.first, u32::try_from(delivery).unwrap_or(NONE));
        Some((index as usize, Freed { delivery: lost as usize, terms: stored.terms, key }))
    }

    /// Takes from a refused step what it was waiting for.
    pub(super) fn set_free(&mut self, index: u32, key: u64) -> Vec<Freed> {
        let by: Vec<usize> = self.get(index as usize).map(|asked| asked.by().collect()).unwrap_or_default();
        self.more.remove(&index);
        self.keyed.close(key, index);
        let Some(stored) = self.all.get_mut(index as usize) else { return Vec::new() };
        stored.first = NONE;
        by.into_iter().map(|delivery| Freed { delivery, terms: stored.terms, key }).collect()
    }

    /// The expectation that waits for what was set free, if any does: it is fulfilled now.
    pub(in crate::analysis) fn take_over(&mut self, freed: &Freed, at: Tick) -> Option<usize> {
        let waits = |index: &&u32| {
            let stored = self.all.get(**index as usize);
            let alike = stored.is_some_and(|stored| stored.terms == freed.terms && stored.at <= at);
            alike && self.is_open(**index) && self.get(**index as usize).is_some_and(|e| is_in_time(&e, at))
        };
        let index = *self.keyed.open(freed.key).iter().find(waits)?;
        self.all.get_mut(index as usize)?.interchangeable = true;
        self.fulfil(freed.key, index, freed.delivery);
        Some(index as usize)
    }
}

/// A webhook that a step was waiting for which was refused.
#[derive(Debug)]
pub(in crate::analysis) struct Freed {
    pub delivery: usize,
    terms: u32,
    key: u64,
}

fn is_in_time(asked: &Expectation<'_>, at: Tick) -> bool {
    matches!(asked.step, None | Some(Outcome::Ok)) && asked.deadline() >= at
}
