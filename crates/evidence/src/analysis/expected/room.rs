//! Expectations of one flow that overlap (`^A` and `^A1`): whoever came first may have taken the only place of one that comes
//! later, and fits another itself. It makes room, as on an augmenting path of a bipartite matching (Kuhn).

use super::due::is_in_time;
use super::{Expectations, NONE};
use correlate::Arrived;
use foldhash::{HashMap, HashSet};
use record::Tick;
use std::collections::VecDeque;

/// A delivery and the expectation that it was given, to the others of the flow, with their keys, that it might have been given.
pub(super) type Alternatives = HashMap<(u32, u32), Vec<(u64, u32)>>;

/// Most alternatives of a delivery that are kept.
const MOST: usize = 16;
/// So many of the latest expectations that have theirs are looked at.
const LATEST: usize = 64;

/// A delivery that made room: the expectation that it had, and the one that it has.
#[derive(Debug)]
pub(in crate::analysis) struct Moved {
    pub delivery: usize,
    pub before: usize,
    pub now: usize,
}

/// A delivery that goes over from one expectation to another, each with its key.
#[derive(Debug, Clone, Copy)]
struct Move {
    delivery: u32,
    from: (u64, u32),
    to: (u64, u32),
}

impl Expectations {
    /// Notes what a delivery might have been given as well as the expectation that it is given: of the same flow, in time and
    /// not told alike, whether open or not.
    pub(super) fn note_alternatives(
        &mut self,
        delivery: usize,
        came: &Arrived<'_>,
        at: Tick,
        ((key, taken), keys): ((u64, u32), &[u64]),
    ) {
        let Some(own) = self.all.get(taken as usize) else { return };
        let differs = |k: u64, index: u32| {
            let other = self.all.get(index as usize);
            other.is_some_and(|o| o.flow == own.flow && (k, o.terms) != (key, own.terms))
        };
        let latest = |key: u64| {
            let full = self.keyed.closed(key).iter().rev().take(LATEST);
            self.keyed.open(key).iter().chain(full).map(move |index| (key, *index))
        };
        let fit =
            keys.iter().copied().flat_map(latest).filter(|(k, i)| differs(*k, *i) && self.fits(*i, came, at));
        let others = fit.filter(|(_, i)| self.get(*i as usize).is_some_and(|asked| is_in_time(&asked, at)));
        let others: Vec<(u64, u32)> = others.take(MOST).collect();
        if !others.is_empty() {
            self.alternatives.insert((u32::try_from(delivery).unwrap_or(NONE), taken), others);
        }
    }

    /// Gives a delivery the place of one that fits an open expectation as well, where none is open for it. Gives the
    /// expectation, and each delivery that has another now.
    pub(in crate::analysis) fn make_room(
        &mut self,
        delivery: usize,
        came: &Arrived<'_>,
        when: (Tick, Option<u32>),
    ) -> Option<(usize, Vec<Moved>)> {
        if self.alternatives.is_empty() || self.open_for(came, when).is_some() {
            return None;
        }
        let moves = self.moves_for(came, when.0);
        let place = moves.last()?.from;
        moves.iter().for_each(|one| self.go_over(one));
        self.note_alternatives(delivery, came, when.0, (place, &self.keys(came)));
        self.add_delivery(place.1, delivery);
        let moved = |one: &Move| Moved {
            delivery: one.delivery as usize,
            before: one.from.1 as usize,
            now: one.to.1 as usize,
        };
        Some((place.1 as usize, moves.iter().map(moved).collect()))
    }

    /// The moves that leave a place free which a webhook like this fits, the one to an open expectation first; none where there
    /// is no such place.
    fn moves_for(&self, came: &Arrived<'_>, at: Tick) -> Vec<Move> {
        let keys = self.keys(came);
        let full =
            keys.iter().flat_map(|key| self.keyed.closed(*key).iter().map(move |index| (*key, *index)));
        let mut queue: VecDeque<(u64, u32)> = full.filter(|(_, i)| self.fits(*i, came, at)).collect();
        let mut seen: HashSet<u32> = queue.iter().map(|from| from.1).collect();
        let mut to_here: HashMap<u32, Move> = HashMap::default();
        while let Some(from) = queue.pop_front() {
            for one in self.moves_from(from) {
                let to = one.to;
                if !seen.insert(to.1) {
                    continue;
                }
                to_here.insert(to.1, one);
                if self.is_open(to.1) {
                    let before = |one: &Move| to_here.get(&one.from.1).copied();
                    return std::iter::successors(Some(one), before).collect();
                }
                queue.push_back(to);
            }
        }
        Vec::new()
    }

    fn moves_from(&self, from: (u64, u32)) -> impl Iterator<Item = Move> + '_ {
        let holders = self.get(from.1 as usize).into_iter().flat_map(|asked| asked.by().collect::<Vec<_>>());
        holders.flat_map(move |delivery| {
            let delivery = u32::try_from(delivery).unwrap_or(NONE);
            let others = self.alternatives.get(&(delivery, from.1)).into_iter().flatten();
            others.map(move |to| Move { delivery, from, to: *to })
        })
    }

    /// From then on the delivery might have been given what it had before.
    fn go_over(&mut self, one: &Move) {
        self.remove_delivery(one.from.1, one.delivery as usize);
        self.fulfil(one.to.0, one.to.1, one.delivery as usize);
        let mut others = self.alternatives.remove(&(one.delivery, one.from.1)).unwrap_or_default();
        others.iter_mut().filter(|other| other.1 == one.to.1).for_each(|other| *other = one.from);
        self.alternatives.insert((one.delivery, one.to.1), others);
    }
}
