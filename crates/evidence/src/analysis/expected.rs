//! Expected webhooks against arrived ones; an expectation takes 32 bytes and its place in the index.

mod due;
mod forbidding;
mod given;
mod room;
mod terms;

use super::keyed::Keyed;
use super::near::Recent;
use super::sample::event_name;
use correlate::{Arrived, print_of};
use foldhash::{HashMap, HashSet};
use forbidding::{Forbidding, Taken};
pub(super) use given::Freed;
use record::Tick;
use record::matcher::Matcher;
use record::number::canonical;
use record::{Expect, Outcome, Step};
use room::Alternatives;
use std::cmp::Reverse;
use std::time::Duration;
use terms::Terms;

/// No delivery.
const NONE: u32 = u32::MAX;
/// So many of the latest terms are looked through for equal ones.
const RECENT: usize = 16;

/// A webhook that a step had to fire.
#[derive(Debug, Clone, Copy)]
pub struct Expectation<'a> {
    pub flow: u32,
    /// When the step was about to be sent.
    pub at: Tick,
    /// Limit from `at` to the first attempt.
    pub within: Duration,
    /// How many, exactly; 0 forbids.
    pub count: u32,
    /// Whether more may come.
    pub at_least: bool,
    /// The event of the same flow that must have come before.
    pub after: Option<&'a str>,
    /// Whether it says by a value or a header which webhook it means, and not by the event alone.
    pub is_told: bool,
    pub event: &'a str,
    pub step_name: &'a str,
    /// How its step ended; `None` while it has not.
    pub step: Option<Outcome>,
    /// Status of the step's response.
    pub answer: Option<u16>,
    /// How long the step took.
    pub took: Duration,
    /// When it had been answered; `None` while it has not.
    pub answered: Option<Tick>,
    /// Whether another flow or step waited for such a webhook when one came: nothing but their order says whose it is.
    pub is_interchangeable: bool,
    first: u32,
    more: Option<&'a More>,
}

impl Expectation<'_> {
    /// How many webhooks were due: none when the step itself did not succeed.
    #[must_use]
    pub fn due(&self) -> u32 {
        if self.step == Some(Outcome::Ok) { self.count } else { 0 }
    }

    /// How many never came.
    #[must_use]
    pub fn missing(&self) -> u32 {
        self.due().saturating_sub(u32::try_from(self.by().count()).unwrap_or(u32::MAX))
    }

    /// The latest time at which its first attempt is in time.
    #[must_use]
    pub fn deadline(&self) -> Tick {
        self.at.plus(self.within)
    }

    /// Index of each delivery that fulfils it.
    pub fn by(&self) -> impl Iterator<Item = usize> {
        let first = (self.first != NONE).then_some(self.first);
        first.into_iter().chain(self.more.iter().flat_map(|m| m.by.iter().copied())).map(|i| i as usize)
    }

    /// Whether a delivery beyond the count came.
    #[must_use]
    pub fn has_surplus(&self) -> bool {
        self.more.is_some_and(|m| m.surplus > 0)
    }
}

/// What a delivery means for the expectations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fulfilment {
    /// It fulfils the expectation with this index.
    Fulfils(usize),
    /// The same, although the second expectation forbids it.
    Against(usize, usize),
    /// The expectation with this index was fulfilled already: one too many.
    Surplus(usize),
    /// The expectation with this index forbids it.
    Forbidden(usize),
    /// It came before, by its id, and counts no more.
    Repeats,
    /// Nothing expects it.
    None,
}

impl Fulfilment {
    /// Whether it is another matter once a flow says that the webhook is what it was waiting for.
    pub(super) const fn may_change(self) -> bool {
        matches!(self, Self::None | Self::Forbidden(_))
    }
}

/// The expectations of a run, with an index so that a delivery finds its own among many thousands.
#[derive(Debug, Default)]
pub(super) struct Expectations {
    all: Vec<Stored>,
    more: HashMap<u32, More>,
    terms: Vec<Terms>,
    /// Event to the sets of pointers that its expectations compare for equality.
    shapes: HashMap<String, Vec<Vec<String>>>,
    keyed: Keyed,
    forbidding: Forbidding,
    /// Flow to the expectations of its steps that are under way, with their keys.
    under_way: HashMap<u32, Vec<(u32, u64)>>,
    recent: Recent,
    /// The deliveries that name no flow, and that several expectations waited for: one was given them.
    given: HashSet<u32>,
    alternatives: Alternatives,
}

/// An expectation, its terms apart.
#[derive(Debug, Clone, Copy)]
struct Stored {
    at: Tick,
    flow: u32,
    /// The first delivery that fulfils it, or [`NONE`].
    first: u32,
    terms: u32,
    /// How long the step took, in µs.
    took_us: u32,
    /// When it was answered, from `at`, in µs.
    answered_us: u32,
    /// Status of its answer; 0 without one.
    answer: u16,
    step: Option<Outcome>,
    interchangeable: bool,
}

/// What few expectations have.
#[derive(Debug, Default)]
struct More {
    /// Deliveries after the first that fulfil it.
    by: Vec<u32>,
    /// How many came beyond the count.
    surplus: u32,
}

impl Expectations {
    pub(super) const fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Expectation<'_>> {
        (0u32..).zip(&self.all).map(|(index, stored)| self.view(index, stored))
    }

    pub(super) fn get(&self, index: usize) -> Option<Expectation<'_>> {
        let stored = self.all.get(index)?;
        Some(self.view(u32::try_from(index).ok()?, stored))
    }

    fn view(&self, index: u32, stored: &Stored) -> Expectation<'_> {
        let terms = self.terms.get(stored.terms as usize);
        Expectation {
            flow: stored.flow,
            at: stored.at,
            within: Duration::from_millis(terms.map_or(0, |t| t.within_ms)),
            count: terms.map_or(0, |t| t.count),
            at_least: terms.is_some_and(|t| t.at_least),
            after: terms.and_then(|t| t.after.as_deref()),
            is_told: terms.is_some_and(|t| t.is_told),
            event: terms.map_or("", |t| &t.event),
            step_name: terms.map_or("", |t| &t.step),
            step: stored.step,
            answer: (stored.answer > 0).then_some(stored.answer),
            took: Duration::from_micros(stored.took_us.into()),
            answered: stored.step.map(|_| stored.at.plus(Duration::from_micros(stored.answered_us.into()))),
            is_interchangeable: stored.interchangeable,
            first: stored.first,
            more: if self.more.is_empty() { None } else { self.more.get(&index) },
        }
    }

    pub(super) fn add(&mut self, expect: &Expect) {
        let index = u32::try_from(self.all.len()).unwrap_or(NONE);
        let plain = expect.matchers.iter().filter_map(|(p, m)| Some((p, m.plain_value()?)));
        let shape = self.shape(&expect.event, plain.clone().map(|(p, _)| p));
        let values: Vec<String> = plain.map(|(_, v)| canonical(v)).collect();
        let (flow, at) = (expect.flow, expect.at);
        let terms = self.terms(expect);
        self.all.push(Stored {
            at,
            flow,
            first: NONE,
            terms,
            took_us: 0,
            answered_us: 0,
            answer: 0,
            step: None,
            interchangeable: false,
        });
        let key = key(&expect.event, shape, &values);
        self.under_way.entry(flow).or_default().push((index, key));
        self.enter(key, index);
        if expect.count == 0 {
            self.forbidding.add(flow, key, index);
        }
        self.recent.add(index, expect);
    }

    /// Whether any of them is about an event with this name, as it is shown.
    pub(super) fn knows(&self, event: &str) -> bool {
        self.shapes.keys().any(|known| event_name(known) == event)
    }

    /// The latest of them, as they were asked for.
    pub(super) const fn recent(&self) -> &Recent {
        &self.recent
    }

    fn enter(&mut self, key: u64, index: u32) {
        let before = self.keyed.alone(key);
        self.keyed.add(key, index);
        for one in before.into_iter().chain([index]) {
            if !self.is_open(one) {
                self.keyed.close(key, one);
            }
        }
    }

    /// The number of a set of pointers.
    fn shape<'e>(&mut self, event: &str, pointers: impl Iterator<Item = &'e String> + Clone) -> usize {
        if !self.shapes.contains_key(event) {
            self.shapes.insert(event.to_owned(), Vec::new());
        }
        let Some(shapes) = self.shapes.get_mut(event) else { return 0 };
        shapes.iter().position(|s| s.iter().eq(pointers.clone())).unwrap_or_else(|| {
            shapes.push(pointers.cloned().collect());
            shapes.len() - 1
        })
    }

    /// The number of the terms of an expectation.
    fn terms(&mut self, expect: &Expect) -> u32 {
        let known = self.terms.iter().enumerate().rev().take(RECENT).find(|(_, t)| t.are_of(expect));
        let number = known.map_or(self.terms.len(), |(number, _)| number);
        if number == self.terms.len() {
            self.terms.push(Terms::of(expect));
        }
        u32::try_from(number).unwrap_or(NONE)
    }

    /// Notes how a step ended; gives the webhooks that it was waiting for, where it was refused: it fires none.
    pub(super) fn step_ended(&mut self, flow: u32, step: &Step) -> Vec<Freed> {
        let Self { all, terms, under_way, .. } = self;
        let Some(asked) = under_way.get_mut(&flow) else { return Vec::new() };
        let mut refused = Vec::new();
        // Forgotten once ended: the index holds only steps that are under way.
        asked.retain(|(index, key)| {
            let Some(stored) = all.get_mut(*index as usize) else { return false };
            if terms.get(stored.terms as usize).is_none_or(|terms| terms.step != step.step) {
                return true;
            }
            stored.step = Some(step.outcome);
            stored.answer = step.status.unwrap_or(0);
            let us = |since: Tick| u32::try_from(step.ended.since(since).as_micros()).unwrap_or(u32::MAX);
            (stored.took_us, stored.answered_us) = (us(step.started), us(stored.at));
            if step.outcome == Outcome::Refused {
                refused.push((*index, *key));
            }
            false
        });
        if asked.is_empty() {
            under_way.remove(&flow);
        }
        refused.into_iter().flat_map(|(index, key)| self.set_free(index, key)).collect()
    }

    /// Assigns a webhook of delivery `delivery`, whose first byte came at `at`, to the open expectation that ends first; where
    /// flows are played in turn, to one of the flow whose turn it is before others.
    pub(super) fn assign(
        &mut self,
        delivery: usize,
        came: &Arrived<'_>,
        (at, turn): (Tick, Option<u32>),
    ) -> Fulfilment {
        if let Some((key, index)) = self.open_for(came, (at, turn)) {
            let keys = self.keys(came);
            // Most webhooks fit one expectation alone.
            if keys.iter().any(|one| self.keyed.alone(*one) != Some(index)) {
                self.note_others(delivery, came, (at, turn), (index, &keys));
                self.note_alternatives(delivery, came, at, ((key, index), &keys));
            }
            self.fulfil(key, index, delivery);
            return match self.forbidden((came, at), index, Taken::Owed) {
                Some(by) => Fulfilment::Against(index as usize, self.surplus(by)),
                None => Fulfilment::Fulfils(index as usize),
            };
        }
        let keys = self.keys(came);
        let fit = |index: &u32| self.fits(*index, came, at);
        let latest = |good: &dyn Fn(u32) -> bool| {
            let of = |key: &u64| self.keyed.closed(*key).iter().rev().find(|i| fit(i) && good(**i)).copied();
            keys.iter().filter_map(of).min_by_key(|i| Reverse(*i))
        };
        let wants_more = latest(&|i| self.get(i as usize).is_some_and(|e| e.at_least));
        if let Some(index) = wants_more {
            if let Some(by) = self.forbidden((came, at), index, Taken::Allowed) {
                return Fulfilment::Forbidden(self.surplus(by));
            }
            self.add_delivery(index, delivery);
            return Fulfilment::Fulfils(index as usize);
        }
        if let Some(index) = latest(&|i| self.count(i) > 0) {
            return match self.forbidden((came, at), index, Taken::Beyond) {
                Some(by) => Fulfilment::Forbidden(self.surplus(by)),
                None => Fulfilment::Surplus(self.surplus(index)),
            };
        }
        let forbidding = latest(&|_| true);
        forbidding.map_or(Fulfilment::None, |by| Fulfilment::Forbidden(self.surplus(by)))
    }

    /// Counts one too many for an expectation.
    fn surplus(&mut self, index: u32) -> usize {
        self.more.entry(index).or_default().surplus += 1;
        index as usize
    }

    /// The open expectation that a webhook like this one fulfils, with its key.
    fn open_for(&self, came: &Arrived<'_>, (at, turn): (Tick, Option<u32>)) -> Option<(u64, u32)> {
        let keys = self.keys(came);
        let all_open = keys.iter().flat_map(|key| self.keyed.open(*key).iter().map(move |i| (*key, *i)));
        let open = all_open.filter(|(_, i)| self.fits(*i, came, at) && self.is_open(*i));
        // Whoever may still be in time first: a webhook that never came must not take the next one's.
        let order = |i: u32| {
            let others = turn.is_some_and(|turn| self.get(i as usize).is_none_or(|e| e.flow != turn));
            let (deadline, terms) = (self.deadline(i), self.terms_of(i));
            // What says more of it first: others may take what is left.
            let said = Reverse(terms.map_or(0, Terms::conditions));
            (others, deadline.is_none_or(|deadline| deadline < at), said, deadline, i)
        };
        open.min_by_key(|(_, i)| order(*i))
    }

    /// Whether an expectation is open that a webhook like this one fulfils.
    pub(super) fn is_open_for(&self, came: &Arrived<'_>, at: Tick, turn: Option<u32>) -> bool {
        self.open_for(came, (at, turn)).is_some()
    }

    /// Puts a delivery in the place of one that only stood in, where no expectation is open for it: gives the expectation and
    /// the delivery that lost it.
    pub(super) fn replace(
        &mut self,
        delivery: usize,
        came: &Arrived<'_>,
        (at, turn): (Tick, Option<u32>),
        stands_in: impl Fn(usize) -> bool,
    ) -> Option<(usize, usize)> {
        if self.open_for(came, (at, turn)).is_some() {
            return None;
        }
        let keys = self.keys(came);
        let full = keys.iter().flat_map(|key| self.keyed.closed(*key).iter().rev());
        let held = |i: &u32| self.get(*i as usize)?.by().find(|by| stands_in(*by)).map(|by| (*i, by));
        let (index, before) = full.filter(|i| self.fits(**i, came, at)).find_map(held)?;
        self.remove_delivery(index, before);
        self.add_delivery(index, delivery);
        Some((index as usize, before))
    }

    fn fulfil(&mut self, key: u64, index: u32, delivery: usize) {
        self.add_delivery(index, delivery);
        if !self.is_open(index) {
            self.keyed.close(key, index);
        }
    }

    fn add_delivery(&mut self, index: u32, delivery: usize) {
        let delivery = u32::try_from(delivery).unwrap_or(NONE);
        if let Some(stored) = self.all.get_mut(index as usize).filter(|s| s.first == NONE) {
            stored.first = delivery;
        } else {
            self.more.entry(index).or_default().by.push(delivery);
        }
    }

    fn remove_delivery(&mut self, index: u32, delivery: usize) {
        let delivery = u32::try_from(delivery).unwrap_or(NONE);
        if let Some(stored) = self.all.get_mut(index as usize).filter(|s| s.first == delivery) {
            stored.first = NONE;
        } else if let Some(more) = self.more.get_mut(&index) {
            more.by.retain(|by| *by != delivery);
        }
    }

    /// The keys under which the expectations of a body are, one for each set of pointers that it has values at.
    fn keys(&self, came: &Arrived<'_>) -> Vec<u64> {
        let event = came.event;
        let values = |pointers: &Vec<String>| -> Option<Vec<String>> {
            pointers.iter().map(|p| came.value(p).map(canonical)).collect()
        };
        let shapes = self.shapes.get(event).into_iter().flatten().enumerate();
        shapes.filter_map(|(shape, pointers)| Some(key(event, shape, &values(pointers)?))).collect()
    }

    /// Whether an expectation of the body's key had begun, and its other matchers fit too.
    fn fits<'s>(&'s self, index: u32, came: &Arrived<'_>, at: Tick) -> bool {
        let Some(stored) = self.all.get(index as usize) else { return false };
        let Some(terms) = self.terms.get(stored.terms as usize) else { return false };
        let pairs = |all: &'s [(String, Matcher)]| all.iter().map(|(at, matcher)| (at, matcher));
        // A step that was refused fires none.
        stored.at <= at
            && stored.step != Some(Outcome::Refused)
            && came.flow.is_none_or(|flow| flow == stored.flow)
            && came.fits(pairs(&terms.matchers), pairs(&terms.headers))
    }

    pub(super) fn is_open(&self, index: u32) -> bool {
        self.get(index as usize).is_some_and(|e| e.by().count() < e.count as usize)
    }

    fn terms_of(&self, index: u32) -> Option<&Terms> {
        self.all.get(index as usize).and_then(|stored| self.terms.get(stored.terms as usize))
    }

    fn count(&self, index: u32) -> u32 {
        self.get(index as usize).map_or(0, |e| e.count)
    }

    fn deadline(&self, index: u32) -> Option<Tick> {
        self.get(index as usize).map(|e| e.deadline())
    }
}

fn key(event: &str, shape: usize, values: &[String]) -> u64 {
    let number = (shape as u64).to_le_bytes();
    let head = [event.as_bytes(), &number];
    print_of(head.into_iter().chain(values.iter().map(String::as_bytes)))
}

#[cfg(test)]
mod tests;
