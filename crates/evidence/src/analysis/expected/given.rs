//! Webhooks that more than one expectation waits for: which they are given to is a matter of order, and may change.

use super::due::is_in_time;
use super::{Expectations, NONE};
use correlate::Arrived;
use record::Tick;

impl Expectations {
    /// Notes which expectations wait for such a webhook as well as the one that has `taken` it: those of other flows, unless it is the turn
    /// of its own, and of other steps.
    pub(super) fn note_others(
        &mut self,
        delivery: usize,
        came: &Arrived<'_>,
        (at, turn): (Tick, Option<u32>),
        (taken, keys): (u32, &[u64]),
    ) {
        let Some(own) = self.all.get(taken as usize).copied() else { return };
        let is_other = |index: &u32| {
            self.all.get(*index as usize).is_some_and(|other| match other.flow == own.flow {
                true => other.at != own.at,
                false => turn != Some(own.flow),
            })
        };
        let waiting = keys.iter().flat_map(|key| self.keyed.open(*key).to_vec());
        let mut others: Vec<u32> =
            waiting.filter(|index| is_other(index) && self.is_due_by(*index, came, at)).collect();
        if others.is_empty() {
            return;
        }
        if came.flow.is_none() {
            self.given.insert(u32::try_from(delivery).unwrap_or(NONE));
        }
        others.push(taken);
        for index in others {
            self.all.get_mut(index as usize).into_iter().for_each(|stored| stored.interchangeable = true);
        }
    }

    /// Puts a webhook that names its flow in the place of one that names none and was given it by its order alone, where no expectation of
    /// the flow is open. Gives the expectation, and the webhook that lost it.
    pub(in crate::analysis) fn reclaim(
        &mut self,
        delivery: usize,
        came: &Arrived<'_>,
        when: (Tick, Option<u32>),
    ) -> Option<(usize, Freed)> {
        if came.flow.is_none() || self.given.is_empty() || self.open_for(came, when).is_some() {
            return None;
        }
        let keys = self.keys(came);
        let mut taken =
            keys.iter().flat_map(|key| self.keyed.closed(*key).iter().map(move |index| (*key, *index)));
        let given = |(_, index): &(u64, u32)| {
            let holder = self.all.get(*index as usize).map(|stored| stored.first);
            holder.is_some_and(|first| self.given.contains(&first)) && self.fits(*index, came, when.0)
        };
        let (key, index) = taken.find(given)?;
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

    /// The expectation that waits for what was set free, if any does: it is fulfilled now. None waits for what could only be that step's.
    pub(in crate::analysis) fn take_over(&mut self, freed: &Freed, at: Tick) -> Option<usize> {
        if !self.given.contains(&u32::try_from(freed.delivery).unwrap_or(NONE)) {
            return None;
        }
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

/// A webhook that lost its expectation: the step was refused, or it was that of another.
#[derive(Debug)]
pub(in crate::analysis) struct Freed {
    pub delivery: usize,
    terms: u32,
    key: u64,
}
