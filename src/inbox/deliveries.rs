//! The deliveries that are open or were lately, as they stand while attempts arrive: which one an attempt belongs to is the
//! correlator's answer.

use super::hooks::{Ended, Outcome};
use crate::drive::{Arrivals, Came};
use correlate::{
    After, Arrival, Correlator, Course, Courses, Key, Place as Belongs, Said, Stage, Whose, after,
};
use foldhash::HashMap as Fast;
use record::RetryContract;
use record::Tick;
use record::faults::Fault;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

/// What webhooks without an id are that are equal, byte by byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Attempts of one webhook: each that is due differs from the others, or comes in a turn of its own.
    OfOne,
    /// Attempts of one or several webhooks.
    OfMany,
}

/// An attempt as far as it says which delivery it belongs to.
#[derive(Debug)]
pub(super) struct Sighting {
    pub key: Key,
    /// Fingerprint of the body.
    pub body: u64,
    /// The webhooks in it that may be waited for.
    pub awaited: Vec<Awaited>,
    /// Whether its signature is not valid, for which it is refused.
    pub refused: bool,
}

/// A webhook that may be waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Awaited {
    pub event: String,
    pub whom: Whom,
}

/// Whose a webhook is, as far as it says so.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Whom {
    /// It does not say: it may be any flow's.
    Any,
    /// This flow's.
    Flow(u32),
    /// It says what a flow may learn to be its own, and others' otherwise.
    Learner(Said),
}

/// When the webhooks came that have ended: by event, and by whose they are.
type Counts = HashMap<String, Fast<Whom, Arrivals>>;

/// How a delivery stands.
#[derive(Debug)]
struct Delivery {
    number: u64,
    key: Key,
    body: u64,
    attempts: u32,
    stage: Stage,
    given_up: bool,
    begun: Tick,
    touched: Tick,
    status: Option<u16>,
    fault: Option<Fault>,
    /// Whether the latest attempt was refused for its signature.
    refused: bool,
}

impl Delivery {
    fn given_up(&self) -> Ended {
        let took = self.touched.since(self.begun);
        Ended { outcome: Outcome::GivenUp, attempts: self.attempts, took }
    }

    /// Whether a further attempt may still come.
    const fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Open) && !self.given_up
    }
}

/// Where an arriving attempt belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Number of the delivery, from 1.
    pub delivery: u64,
    /// The delivery among those that are remembered.
    pub slot: u32,
    /// Number of the attempt in it, from 1.
    pub attempt: u32,
    /// Whether the delivery had been accepted before.
    pub duplicate: bool,
    /// Whether it came after all that is waited for, and lengthens nothing.
    pub late: bool,
}

impl Place {
    /// Which of the webhooks in the attempt count for whoever waits.
    pub(super) fn awaited(self, sighting: Sighting) -> Vec<Awaited> {
        if self.late { Vec::new() } else { sighting.awaited }
    }
}

/// How far the deliveries are from being settled.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settling {
    /// Until when by the retry policy something may still come: a retry, or one that must not be.
    pub due_until: Tick,
    /// Deliveries that have been accepted, aborted or given up, other traffic left out: by event, and by the flow whose they are as
    /// far as they say so.
    pub ended: Came,
    /// The same with those that wait for their next attempt.
    pub begun: Came,
    /// Attempts that have arrived here and are not answered yet, other traffic left out: a hang, a delay. Each of them ends.
    pub under_way: u64,
    /// The same at another receiver, which may never tell the end of one: it was killed, or its disk is full.
    pub under_way_there: u64,
    /// When the latest of those arrived, whether or not it is answered, or to when a fault there holds it up.
    pub latest_there: Tick,
    /// When the sender's circuit breaker had to open for the last time.
    pub breaker_opened: Option<Tick>,
}

impl Settling {
    /// Until when the ends of attempts at another receiver are waited for, each for `longest` at most; `None` when none is under way.
    #[must_use]
    pub fn hangs_until(&self, longest: Duration) -> Option<Tick> {
        (self.under_way_there > 0).then(|| self.latest_there.plus(longest))
    }

    /// Something more of a delivery may come until then. Nobody waits for traffic that is another's: it may never cease.
    fn wait_for(&mut self, awaited: &[Awaited], until: Tick) {
        if !awaited.is_empty() {
            self.due_until = self.due_until.max(until);
        }
    }
}

/// What a delivery with a failed attempt waits for.
#[derive(Debug)]
struct Waiting {
    awaited: Vec<Awaited>,
    /// When its first attempt came.
    begun: Tick,
    /// Until when the next attempt has to come.
    until: Tick,
    /// Until when a run waits for it.
    worth_waiting: Tick,
    /// Number of the next attempt, and when it is due.
    next: (u32, Tick),
}

/// What the sender is expected to do next: the attempt that most deliveries wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextAttempts {
    /// Number of the attempt, from 2.
    pub attempt: u32,
    /// Deliveries that wait for it.
    pub deliveries: u64,
    /// When the first of them is due.
    pub due: Tick,
}

/// The deliveries in order of first arrival, each in a slot. Slots have numbers in a row, so that those that came lately, of which more is
/// heard soon, lie beside each other.
#[derive(Debug, Default)]
struct Slots {
    /// The slot of the oldest.
    first: u32,
    deliveries: VecDeque<Delivery>,
}

impl Slots {
    /// The slot of the next delivery.
    fn next(&self) -> u32 {
        // Far more than are remembered at once: the one that had it last is forgotten long since.
        #[expect(clippy::cast_possible_truncation, reason = "it wraps on purpose")]
        let remembered = self.deliveries.len() as u32;
        self.first.wrapping_add(remembered)
    }

    fn get(&self, slot: u32) -> Option<&Delivery> {
        self.deliveries.get(slot.wrapping_sub(self.first) as usize)
    }

    fn get_mut(&mut self, slot: u32) -> Option<&mut Delivery> {
        self.deliveries.get_mut(slot.wrapping_sub(self.first) as usize)
    }

    /// Forgets the oldest.
    fn forget(&mut self) {
        if self.deliveries.pop_front().is_some() {
            self.first = self.first.wrapping_add(1);
        }
    }
}

impl Courses for Slots {
    fn course(&self, slot: u32) -> Option<Course> {
        self.get(slot).map(|d| Course {
            attempts: d.attempts as usize,
            body: d.body,
            accepted: d.stage == Stage::Accepted,
            last_seen: d.touched,
            status: d.status,
            fault: d.fault,
        })
    }
}

/// The deliveries that are open or were lately; memory is bounded by rate times [`Deliveries::KEEP`], and by
/// [`Deliveries::MOST`] at any rate.
#[derive(Debug)]
pub(super) struct Deliveries {
    correlator: Correlator,
    slots: Slots,
    /// Those with a failed attempt.
    waiting: Fast<u32, Waiting>,
    started: u64,
    given_up: Vec<Ended>,
    contract: RetryContract,
    content: Content,
    settling: Settling,
    /// Nothing is waited for that begins later.
    closing: Option<Tick>,
    /// Webhooks of deliveries that have ended.
    ended: Counts,
    /// Ends of the failed deliveries that count against the sender's circuit breaker.
    failures: VecDeque<Tick>,
}

impl Deliveries {
    /// How long a delivery is remembered after its last attempt: a webhook is refused as stale after 300 s, so an id
    /// cannot come back validly later than that and the last retry.
    const KEEP: Duration = Duration::from_secs(600);
    /// Deliveries that are remembered at once: those of [`Deliveries::KEEP`] at 400 a second. Beyond it the oldest go first;
    /// the analysis of the journal still knows them.
    const MOST: usize = 240_000;
    /// Event names that are told apart in [`Settling`]; a sender could invent any number.
    const EVENTS: usize = 256;
    /// How long a run waits for the next attempt of a webhook that was refused for its signature: the run has failed then, and
    /// another attempt changes nothing, while schedules go on for hours. It is longer than the pauses that are watched for proof.
    const REFUSED: Duration = Duration::from_secs(10);

    pub(super) fn new(contract: RetryContract, content: Content) -> Self {
        Self {
            correlator: Correlator::default(),
            slots: Slots::default(),
            waiting: Fast::default(),
            started: 0,
            given_up: Vec::new(),
            contract,
            content,
            settling: Settling::default(),
            closing: None,
            ended: Counts::new(),
            failures: VecDeque::new(),
        }
    }

    /// Whether a delivery with this key is remembered.
    pub(super) fn knows(&self, key: Key) -> bool {
        self.correlator.latest(key).is_some()
    }

    /// Files an attempt that has just arrived.
    pub(super) fn arrived(&mut self, sighting: &Sighting, at: Tick) -> Place {
        self.prune(at);
        let alone = self.content == Content::OfOne;
        let arrival = Arrival { key: sighting.key, body: sighting.body, at, alone };
        let next = self.slots.next();
        let filing = self.correlator.file(&self.contract, &self.slots, &arrival, next);
        let slot = match filing.place {
            Belongs::Of(slot) => slot,
            Belongs::New { .. } => {
                self.begin(sighting, at);
                next
            }
        };
        self.waiting.remove(&slot);
        let Some(delivery) = self.slots.get_mut(slot) else {
            return Place { delivery: 0, slot, attempt: 1, duplicate: false, late: false };
        };
        delivery.attempts += 1;
        delivery.refused = sighting.refused;
        let duplicate = delivery.stage == Stage::Accepted;
        let late = self.closing.is_some_and(|closing| if duplicate { at } else { delivery.begun } > closing);
        Place { delivery: delivery.number, slot, attempt: delivery.attempts, duplicate, late }
    }

    /// Nothing is waited for from now on that begins after `closing`, or comes again then: traffic that looks like the run's own may never
    /// cease. `None`: whatever begins is waited for.
    pub(super) fn close_at(&mut self, closing: Option<Tick>) {
        self.closing = closing;
    }

    fn begin(&mut self, sighting: &Sighting, at: Tick) {
        self.started += 1;
        self.slots.deliveries.push_back(Delivery {
            number: self.started,
            key: sighting.key,
            body: sighting.body,
            attempts: 0,
            stage: Stage::Open,
            given_up: false,
            begun: at,
            touched: at,
            status: None,
            fault: None,
            refused: false,
        });
    }

    /// Notes how an attempt was answered: `status` is `None` when the sender saw no complete response; `fault` is what was
    /// injected, after which a retry may come that no other answer would bring. Says so when this ends the delivery.
    pub(super) fn answered(
        &mut self,
        slot: u32,
        awaited: &[Awaited],
        status: Option<u16>,
        fault: Option<Fault>,
        at: Tick,
    ) -> Option<Ended> {
        let delivery = self.slots.get_mut(slot)?;
        let (fresh, before) = (delivery.is_open(), delivery.stage);
        let After { stage, silence } = after(&self.contract, delivery.attempts as usize, status, fault);
        // What somebody else had spoilt under the same id, or what came later than anybody waited for, is delivered after all.
        let after_all = !fresh && before != Stage::Accepted && stage == Stage::Accepted;
        let outcome = outcome(stage).filter(|_| fresh || after_all);
        let (attempts, took) = (delivery.attempts, at.since(delivery.begun));
        if before != Stage::Accepted {
            delivery.stage = stage;
            delivery.given_up = false;
        }
        (delivery.touched, delivery.status, delivery.fault) = (at, status, fault);
        // Nothing is due after our own 2xx.
        let accepted = stage == Stage::Accepted && fault.is_none();
        let until = if accepted { at } else { at.plus(silence) };
        let refused = delivery.refused && fault.is_none();
        let worth_waiting = if refused { until.min(at.plus(Self::REFUSED)) } else { until };
        if delivery.is_open() {
            // Watched only until the next attempt comes, which has a time of its own.
            let retry_after =
                if let Some(Fault::Status { retry_after, .. }) = fault { retry_after } else { None };
            let pause = self.contract.gap_ms(delivery.attempts as usize, retry_after).unwrap_or_default();
            let next = (delivery.attempts + 1, at.plus(Duration::from_millis(pause)));
            let begun = delivery.begun;
            self.waiting
                .insert(slot, Waiting { awaited: awaited.to_vec(), begun, until, worth_waiting, next });
        } else {
            self.settling.wait_for(awaited, worth_waiting);
        }
        if fresh && outcome.is_some() {
            count(&mut self.ended, awaited, delivery.begun);
            count_failure(&self.contract, &mut self.failures, &mut self.settling, stage, at);
        }
        outcome.map(|outcome| Ended { outcome, attempts, took })
    }

    /// Deliveries that were forgotten while they still waited for an attempt, since the last call.
    pub(super) fn take_given_up(&mut self) -> Vec<Ended> {
        std::mem::take(&mut self.given_up)
    }

    /// The state at `now`: a retry that has not come in its time will not come, and its delivery has ended. So has, for whoever waits,
    /// one whose retry is not worth waiting for. `learner` says whose by now is what flows learn.
    pub(super) fn settling(&mut self, now: Tick, learner: impl Fn(&Said) -> Whose) -> Settling {
        self.expire(now);
        let (mut settling, mut waiting, mut given_up) = (self.settling.clone(), Counts::new(), Counts::new());
        for one in self.waiting.values() {
            let counts = if one.worth_waiting < now { &mut given_up } else { &mut waiting };
            count(counts, &one.awaited, one.begun);
            settling.wait_for(&one.awaited, one.worth_waiting);
        }
        add(&mut settling.ended, &self.ended, &learner);
        add(&mut settling.ended, &given_up, &learner);
        settling.begun.clone_from(&settling.ended);
        add(&mut settling.begun, &waiting, &learner);
        settling
    }

    /// The attempt that most deliveries wait for; `None` when none waits.
    pub(super) fn next_attempts(&self) -> Option<NextAttempts> {
        let mut by_attempt: BTreeMap<u32, (u64, Tick)> = BTreeMap::new();
        for Waiting { next: (attempt, due), .. } in self.waiting.values() {
            let (n, first) = by_attempt.entry(*attempt).or_insert((0, *due));
            *n += 1;
            *first = (*first).min(*due);
        }
        let (attempt, (deliveries, due)) = by_attempt.into_iter().max_by_key(|(_, (n, _))| *n)?;
        Some(NextAttempts { attempt, deliveries, due })
    }

    /// Gives up the deliveries whose next attempt had to come before `now`.
    pub(super) fn expire(&mut self, now: Tick) {
        let overdue = self.waiting.extract_if(|_, waiting| waiting.until < now);
        let overdue: Vec<(u32, Waiting)> = overdue.collect();
        for (slot, waiting) in overdue {
            count(&mut self.ended, &waiting.awaited, waiting.begun);
            self.settling.wait_for(&waiting.awaited, waiting.until);
            if let Some(delivery) = self.slots.get_mut(slot) {
                delivery.given_up = true;
                self.given_up.push(delivery.given_up());
            }
        }
    }

    fn prune(&mut self, now: Tick) {
        while let Some(oldest) = self.slots.deliveries.front() {
            let idle = now.since(oldest.touched);
            if idle < Self::KEEP && self.slots.deliveries.len() < Self::MOST {
                break;
            }
            if oldest.is_open() {
                self.given_up.push(oldest.given_up());
            }
            let slot = self.slots.first;
            self.correlator.forget(oldest.key, slot);
            self.waiting.remove(&slot);
            self.slots.forget();
        }
    }
}

/// Counts the webhooks of a delivery that began at `begun`.
fn count(counts: &mut Counts, awaited: &[Awaited], begun: Tick) {
    for Awaited { event, whom } in awaited {
        if counts.len() < Deliveries::EVENTS || counts.contains_key(event) {
            counts.entry(event.clone()).or_default().entry(whom.clone()).or_default().add(begun);
        }
    }
}

/// Counts webhooks for the flows whose they are by now, but for those that are nobody's that is known.
fn add(came: &mut Came, counts: &Counts, learner: &impl Fn(&Said) -> Whose) {
    let flow_of = |whom: &Whom| match whom {
        Whom::Any => Some(None),
        Whom::Flow(flow) => Some(Some(*flow)),
        Whom::Learner(said) => match learner(said) {
            Whose::Flow(flow) => Some(Some(flow)),
            Whose::Some => Some(None),
            Whose::Others => None,
        },
    };
    for (event, counts) in counts {
        let flows = came.entry(event.clone()).or_default();
        for (flow, more) in counts.iter().filter_map(|(whom, more)| Some((flow_of(whom)?, more))) {
            flows.entry(flow).or_default().add_all(more);
        }
    }
}

const fn outcome(stage: Stage) -> Option<Outcome> {
    match stage {
        Stage::Open => None,
        Stage::Accepted => Some(Outcome::Delivered),
        Stage::Aborted => Some(Outcome::Aborted),
        Stage::Exhausted => Some(Outcome::Exhausted),
    }
}

/// Counts a delivery that has ended as the sender's circuit breaker does.
fn count_failure(
    contract: &RetryContract,
    failures: &mut VecDeque<Tick>,
    settling: &mut Settling,
    stage: Stage,
    at: Tick,
) {
    if stage == Stage::Accepted {
        failures.pop_front();
        return;
    }
    failures.retain(|failed| at.since(*failed) <= contract.breaker.window());
    // No more than it takes to open: a receiver that runs for weeks must not grow.
    if failures.len() >= contract.breaker.failures as usize {
        failures.pop_front();
    }
    failures.push_back(at);
    if failures.len() >= contract.breaker.failures as usize {
        settling.breaker_opened = Some(at);
    }
}

#[cfg(test)]
mod tests;
