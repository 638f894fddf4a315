//! The deliveries that are open or were lately, as they stand while attempts arrive: which one an attempt belongs to is the
//! correlator's answer.

use super::hooks::{Ended, Outcome};
use correlate::{After, Arrival, Correlator, Course, Courses, Key, Place as Belongs, Stage, after};
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
    /// What it may be that is waited for.
    pub awaited: Option<Awaited>,
}

/// A webhook that may be waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Awaited {
    /// Its event.
    pub event: String,
    /// Whose it is, as far as it says so.
    pub flow: Option<u32>,
}

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
}

/// How far the deliveries are from being settled.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settling {
    /// Until when by the retry policy something may still come: a retry, or one that must not be.
    pub due_until: Tick,
    /// Deliveries that have been accepted, aborted or given up, other traffic left out: by event, and by the flow whose they are as
    /// far as they say so.
    pub ended: HashMap<String, HashMap<Option<u32>, u64>>,
    /// Attempts that have arrived and are not answered yet: a hang, a delay.
    pub under_way: u64,
    /// When the sender's circuit breaker had to open for the last time.
    pub breaker_opened: Option<Tick>,
}

/// What a delivery with a failed attempt waits for.
#[derive(Debug)]
struct Waiting {
    awaited: Option<Awaited>,
    /// Until when the next attempt has to come.
    until: Tick,
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

/// The deliveries by the slot in which each is remembered.
#[derive(Debug, Default)]
struct Slots(Fast<u32, Delivery>);

impl Courses for Slots {
    fn course(&self, slot: u32) -> Option<Course> {
        self.0.get(&slot).map(|d| Course {
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
    /// Slots in order of first arrival.
    order: VecDeque<u32>,
    /// Those with a failed attempt.
    waiting: Fast<u32, Waiting>,
    started: u64,
    given_up: Vec<Ended>,
    contract: RetryContract,
    content: Content,
    settling: Settling,
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
    /// Event names that are told apart in [`Settling::ended`]; a sender could invent any number.
    const EVENTS: usize = 256;

    pub(super) fn new(contract: RetryContract, content: Content) -> Self {
        Self {
            correlator: Correlator::default(),
            slots: Slots::default(),
            order: VecDeque::new(),
            waiting: Fast::default(),
            started: 0,
            given_up: Vec::new(),
            contract,
            content,
            settling: Settling::default(),
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
        let next = self.free_slot();
        let filing = self.correlator.file(&self.contract, &self.slots, &arrival, next);
        let slot = match filing.place {
            Belongs::Of(slot) => slot,
            Belongs::New { .. } => self.begin(next, sighting, at),
        };
        self.waiting.remove(&slot);
        let Some(delivery) = self.slots.0.get_mut(&slot) else {
            return Place { delivery: 0, slot, attempt: 1, duplicate: false };
        };
        delivery.attempts += 1;
        let duplicate = delivery.stage == Stage::Accepted;
        Place { delivery: delivery.number, slot, attempt: delivery.attempts, duplicate }
    }

    /// A slot that no delivery has.
    fn free_slot(&self) -> u32 {
        // Far more than are remembered at once: the one that had it last is forgotten long since.
        #[expect(clippy::cast_possible_truncation, reason = "it wraps on purpose")]
        let slot = self.started as u32;
        slot
    }

    fn begin(&mut self, slot: u32, sighting: &Sighting, at: Tick) -> u32 {
        self.started += 1;
        self.order.push_back(slot);
        let delivery = Delivery {
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
        };
        self.slots.0.insert(slot, delivery);
        slot
    }

    /// Notes how an attempt was answered: `status` is `None` when the sender saw no whole answer; `fault` is what was
    /// injected, after which a retry may come that no other answer would bring. Says so when this ends the delivery.
    pub(super) fn answered(
        &mut self,
        slot: u32,
        awaited: Option<&Awaited>,
        status: Option<u16>,
        fault: Option<Fault>,
        at: Tick,
    ) -> Option<Ended> {
        let delivery = self.slots.0.get_mut(&slot)?;
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
        if delivery.is_open() {
            // Watched only until the next attempt comes, which has a time of its own.
            let retry_after =
                if let Some(Fault::Status { retry_after, .. }) = fault { retry_after } else { None };
            let pause = self.contract.gap_ms(delivery.attempts as usize, retry_after).unwrap_or_default();
            let next = (delivery.attempts + 1, at.plus(Duration::from_millis(pause)));
            self.waiting.insert(slot, Waiting { awaited: awaited.cloned(), until, next });
        } else {
            self.settling.due_until = self.settling.due_until.max(until);
        }
        if fresh && outcome.is_some() {
            self.count_ended(awaited);
            count_failure(&self.contract, &mut self.failures, &mut self.settling, stage, at);
        }
        outcome.map(|outcome| Ended { outcome, attempts, took })
    }

    /// Deliveries that were forgotten while they still waited for an attempt, since the last call.
    pub(super) fn take_given_up(&mut self) -> Vec<Ended> {
        std::mem::take(&mut self.given_up)
    }

    fn count_ended(&mut self, awaited: Option<&Awaited>) {
        let Some(Awaited { event, flow }) = awaited else { return };
        let ended = &mut self.settling.ended;
        if ended.len() < Self::EVENTS || ended.contains_key(event) {
            *ended.entry(event.clone()).or_default().entry(*flow).or_default() += 1;
        }
    }

    /// The state at `now`: a retry that has not come in its time will not come, and its delivery has ended.
    pub(super) fn settling(&mut self, now: Tick) -> Settling {
        self.expire(now);
        let mut settling = self.settling.clone();
        let waiting = self.waiting.values().map(|waiting| waiting.until);
        settling.due_until = waiting.fold(settling.due_until, Tick::max);
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
            self.count_ended(waiting.awaited.as_ref());
            self.settling.due_until = self.settling.due_until.max(waiting.until);
            if let Some(delivery) = self.slots.0.get_mut(&slot) {
                delivery.given_up = true;
                self.given_up.push(delivery.given_up());
            }
        }
    }

    fn prune(&mut self, now: Tick) {
        while let Some(&slot) = self.order.front() {
            let Some(oldest) = self.slots.0.get(&slot) else { break };
            let idle = now.since(oldest.touched);
            if idle < Self::KEEP && self.order.len() < Self::MOST {
                break;
            }
            if oldest.is_open() {
                self.given_up.push(oldest.given_up());
            }
            self.correlator.forget(oldest.key, slot);
            self.waiting.remove(&slot);
            self.slots.0.remove(&slot);
            self.order.pop_front();
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
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    struct Bench(Deliveries);

    impl Bench {
        fn new(content: Content) -> Self {
            Self(Deliveries::new(RetryContract::default(), content))
        }

        fn arrives(&mut self, key: Key, at: u64) -> Place {
            self.0.arrived(&Sighting { key, body: 1, awaited: None }, Tick(at))
        }

        /// An attempt that is answered at once.
        fn attempt(&mut self, key: Key, status: u16, at: u64) -> (Place, Option<Ended>) {
            let place = self.arrives(key, at);
            (place, self.0.answered(place.slot, Some(&awaited(None)), Some(status), None, Tick(at)))
        }
    }

    fn awaited(flow: Option<u32>) -> Awaited {
        Awaited { event: "e".to_owned(), flow }
    }

    fn id(text: &str) -> Key {
        Key::of_id(text)
    }

    fn content() -> Key {
        Key::of_content("e", 1, None)
    }

    const fn place(delivery: u64, attempt: u32, duplicate: bool) -> (u64, u32, bool) {
        (delivery, attempt, duplicate)
    }

    const fn told(place: Place) -> (u64, u32, bool) {
        (place.delivery, place.attempt, place.duplicate)
    }

    #[test]
    fn a_retry_is_the_next_attempt_and_an_accepted_id_a_duplicate() {
        let mut all = Bench::new(Content::OfMany);
        assert_eq!(told(all.attempt(id("a"), 503, 0).0), place(1, 1, false));
        assert_eq!(told(all.arrives(id("b"), 1)), place(2, 1, false));
        assert_eq!(told(all.attempt(id("a"), 200, 2).0), place(1, 2, false));
        assert_eq!(told(all.arrives(id("a"), 3)), place(1, 3, true));
    }

    #[test]
    fn equal_content_is_the_next_webhook_where_there_may_be_one_and_a_duplicate_where_not() {
        let mut many = Bench::new(Content::OfMany);
        many.attempt(content(), 200, 0);
        assert_eq!(told(many.arrives(content(), 1)), place(2, 1, false));
        let mut one = Bench::new(Content::OfOne);
        one.attempt(content(), 200, 0);
        assert_eq!(told(one.arrives(content(), 1)), place(1, 2, true));
    }

    #[test]
    fn equal_webhooks_that_are_open_at_once_have_attempts_of_their_own() {
        let mut all = Bench::new(Content::OfMany);
        assert_eq!(told(all.attempt(content(), 503, 0).0), place(1, 1, false));
        assert_eq!(told(all.attempt(content(), 503, 6000).0), place(2, 1, false));
        assert_eq!(told(all.attempt(content(), 503, 2 * SECOND).0), place(1, 2, false));
        assert_eq!(told(all.attempt(content(), 503, 2 * SECOND + 6000).0), place(2, 2, false));
    }

    #[test]
    fn the_next_gap_is_due_and_silence_after_the_last() {
        let mut all = Bench::new(Content::OfMany);
        for (status, at, until_ms) in [(503, 0, 2500), (503, 2 * SECOND, 6500), (503, 6 * SECOND, 10_500)] {
            all.attempt(id("a"), status, at);
            assert_eq!(all.0.settling(Tick(at)).due_until, Tick(until_ms * 1000));
        }
        assert_eq!(all.0.settling(Tick(6 * SECOND)).ended["e"][&None], 1);
    }

    #[test]
    fn nothing_is_due_after_our_own_2xx_and_a_retry_may_be_after_an_injected_one() {
        let mut all = Bench::new(Content::OfMany);
        all.attempt(id("a"), 200, SECOND);
        assert_eq!(all.0.settling(Tick(SECOND)).due_until, Tick(SECOND));
        let slot = all.arrives(id("b"), SECOND).slot;
        let fault = Some(Fault::Status { status: 203, retry_after: None });
        all.0.answered(slot, None, Some(203), fault, Tick(SECOND));
        let settling = all.0.settling(Tick(SECOND));
        assert_eq!((settling.due_until, settling.ended["e"][&None]), (Tick(3_500_000), 1));
    }

    #[test]
    fn a_delivery_whose_retry_does_not_come_has_ended() {
        let mut all = Bench::new(Content::OfMany);
        all.attempt(id("a"), 503, 0);
        assert!(all.0.settling(Tick(2_499_000)).ended.is_empty());
        assert_eq!(all.0.settling(Tick(2_501_000)).ended["e"][&None], 1);
        assert_eq!(all.0.settling(Tick(9_000_000)).ended["e"][&None], 1);
    }

    #[test]
    fn forgets_what_is_old() {
        let mut all = Bench::new(Content::OfMany);
        for n in 0..10_000 {
            all.arrives(id(&n.to_string()), 0);
        }
        all.arrives(id("late"), 700 * SECOND);
        let left = (all.0.slots.0.len(), all.0.order.len(), all.0.take_given_up().len());
        assert_eq!(left, (1, 1, 10_000));
    }

    #[test]
    fn remembers_so_many_and_no_more() {
        let mut all = Bench::new(Content::OfMany);
        for n in 0..Deliveries::MOST + 1000 {
            all.arrives(id(&n.to_string()), 0);
        }
        assert_eq!((all.0.slots.0.len(), all.0.order.len()), (Deliveries::MOST, Deliveries::MOST));
    }

    #[test]
    fn says_how_a_delivery_ended() {
        let mut all = Bench::new(Content::OfMany);
        assert_eq!(all.attempt(id("a"), 503, 5).1, None);
        let slot = all.arrives(id("a"), 2 * SECOND).slot;
        let ended = all.0.answered(slot, Some(&awaited(None)), Some(200), None, Tick(3 * SECOND + 5));
        let wanted = Ended { outcome: Outcome::Delivered, attempts: 2, took: Duration::from_secs(3) };
        assert_eq!(ended, Some(wanted));
        assert_eq!(all.attempt(id("a"), 200, 4 * SECOND).1, None);
    }

    #[test]
    fn the_real_webhook_counts_after_a_forged_one_with_its_id() {
        let mut all = Bench::new(Content::OfMany);
        let mut outcome = |status, at| all.attempt(id("a"), status, at).1.map(|ended| ended.outcome);
        assert_eq!(outcome(401, 0), Some(Outcome::Aborted));
        assert_eq!(outcome(200, SECOND), Some(Outcome::Delivered));
        assert_eq!(outcome(200, 2 * SECOND), None);
        assert_eq!(all.0.settling(Tick(3 * SECOND)).ended["e"][&None], 1);
    }

    #[test]
    fn an_overdue_retry_is_given_up_once() {
        let mut all = Bench::new(Content::OfMany);
        all.attempt(id("a"), 503, 0);
        all.0.expire(Tick(SECOND));
        assert_eq!(all.0.take_given_up(), []);
        all.0.expire(Tick(60 * SECOND));
        assert_eq!(all.0.take_given_up().len(), 1);
        all.arrives(id("late"), 700 * SECOND);
        assert_eq!(all.0.take_given_up(), []);
    }

    #[test]
    fn other_traffic_is_not_counted_for_what_is_due() {
        let mut all = Bench::new(Content::OfMany);
        let slot = all.arrives(id("a"), 0).slot;
        all.0.answered(slot, None, Some(200), None, Tick(0));
        assert!(all.0.settling(Tick(0)).ended.is_empty());
    }
}
