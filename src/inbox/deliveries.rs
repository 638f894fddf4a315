//! Which attempts belong together while they arrive, and how long each delivery must still be watched.

use super::hooks::{Ended, Outcome};
use foldhash::HashMap as Prints;
use record::RetryContract;
use record::Tick;
use record::faults::Fault;
use sha2::{Digest, Sha256};
use std::collections::{HashMap, VecDeque};
use std::time::Duration;

/// What makes attempts one delivery: a fingerprint of fixed size of the webhook id where the scheme has one, else of event
/// and body, whatever a sender puts there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    print: Print,
    has_id: bool,
}

impl Key {
    /// The key of a webhook with an id.
    #[must_use]
    pub fn of_id(id: &str) -> Self {
        Self { print: half(Sha256::new().chain_update([0]).chain_update(id)), has_id: true }
    }

    /// The key of a webhook without an id.
    #[must_use]
    pub fn of_content(event: &str, body: &[u8]) -> Self {
        let digest = Sha256::new().chain_update([1]).chain_update(Sha256::digest(body)).chain_update(event);
        Self { print: half(digest), has_id: false }
    }
}

/// Half of a SHA-256.
type Print = [u8; 16];

fn half(digest: Sha256) -> Print {
    let mut print = [0; 16];
    digest.finalize().iter().zip(&mut print).for_each(|(from, to)| *to = *from);
    print
}

/// How a delivery stands.
#[derive(Debug)]
struct Delivery {
    number: u64,
    attempts: u32,
    state: State,
    begun: Tick,
    touched: Tick,
}

impl Delivery {
    fn given_up(&self) -> Ended {
        let took = self.touched.since(self.begun);
        Ended { outcome: Outcome::GivenUp, attempts: self.attempts, took }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Accepted,
    Ended,
}

/// Where an arriving attempt belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Number of the delivery, from 1.
    pub delivery: u64,
    /// Number of the attempt in it, from 1.
    pub attempt: u32,
    /// Whether the delivery had been accepted before.
    pub duplicate: bool,
}

/// How far the deliveries are from being settled.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settling {
    /// Until when something may still have to come (a retry, a duplicate, an attempt too many).
    pub watch_until: Tick,
    /// Deliveries by event that have been accepted, aborted or given up.
    pub ended: HashMap<String, u64>,
    /// Attempts so far.
    pub attempts: u64,
    /// Attempts that have arrived and are not answered yet: a hang, a delay.
    pub under_way: u64,
    /// When the sender's circuit breaker had to open for the last time.
    pub breaker_opened: Option<Tick>,
}

/// The deliveries that are open or were lately; memory is bounded by rate times [`Deliveries::KEEP`], and by
/// [`Deliveries::MOST`] at any rate.
#[derive(Debug)]
pub(super) struct Deliveries {
    by_key: Prints<Print, Delivery>,
    /// Keys in order of first arrival.
    order: VecDeque<Print>,
    /// Deliveries with a failed attempt: the event, and until when the next one has to come.
    waiting: Prints<Print, (String, Tick)>,
    started: u64,
    given_up: Vec<Ended>,
    contract: RetryContract,
    quiet: Duration,
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

    pub(super) fn new(contract: RetryContract, quiet: Duration) -> Self {
        let settling = Settling::default();
        Self {
            by_key: Prints::default(),
            order: VecDeque::new(),
            waiting: Prints::default(),
            started: 0,
            given_up: Vec::new(),
            contract,
            quiet,
            settling,
            failures: VecDeque::new(),
        }
    }

    /// Files an attempt that has just arrived.
    pub(super) fn arrived(&mut self, key: &Key, at: Tick) -> Place {
        self.prune(at);
        self.settling.attempts += 1;
        let started = &mut self.started;
        let mut fresh = || {
            *started += 1;
            Delivery { number: *started, attempts: 0, state: State::Open, begun: at, touched: at }
        };
        let print = key.print;
        let entry = self.by_key.entry(print).or_insert_with(|| {
            self.order.push_back(print);
            fresh()
        });
        // Without an id, equal content after the end of a delivery is the next delivery.
        if !key.has_id && entry.state != State::Open {
            *entry = fresh();
        }
        self.waiting.remove(&print);
        entry.attempts += 1;
        entry.touched = at;
        Place { delivery: entry.number, attempt: entry.attempts, duplicate: entry.state == State::Accepted }
    }

    /// Notes how an attempt was answered: `status` is `None` when the sender saw no whole answer; `fault` is what was
    /// injected, after which a retry may come that no other answer would bring. Says so when this ends the delivery.
    pub(super) fn answered(
        &mut self,
        key: &Key,
        event: &str,
        status: Option<u16>,
        fault: Option<Fault>,
        at: Tick,
    ) -> Option<Ended> {
        let print = key.print;
        let delivery = self.by_key.get_mut(&print)?;
        let before = delivery.state;
        let attempts = delivery.attempts as usize;
        let contract = &self.contract;
        let retry_after = match fault {
            Some(Fault::Status { retry_after, .. }) => retry_after,
            _ => None,
        };
        let first_gap = contract.gap_ms(1, None);
        let (outcome, wait_ms) = match status {
            Some(200..=299) => (Some(Outcome::Delivered), fault.and(first_gap)),
            Some(status) if contract.aborts(status) => (Some(Outcome::Aborted), first_gap),
            _ if attempts < contract.backoff_ms.len() => (None, contract.gap_ms(attempts, retry_after)),
            _ => (Some(Outcome::Exhausted), Some(contract.longest_ms())),
        };
        let state = match outcome {
            None => State::Open,
            Some(Outcome::Delivered) => State::Accepted,
            Some(_) => State::Ended,
        };
        let fresh = before == State::Open;
        // What somebody else had spoilt under the same id, or what came later than anybody waited for, is delivered after all.
        let after_all = before == State::Ended && state == State::Accepted;
        let outcome = outcome.filter(|_| fresh || after_all);
        let (attempts, took) = (delivery.attempts, at.since(delivery.begun));
        delivery.state = if before == State::Accepted { before } else { state };
        let wait = wait_ms.map_or(Duration::ZERO, |ms| Duration::from_millis(ms + self.contract.late_ms));
        let until = at.plus(wait + self.quiet);
        if delivery.state == State::Open {
            // Watched only until the next attempt comes, which has a time of its own.
            self.waiting.insert(print, (event.to_owned(), until));
        } else {
            self.settling.watch_until = self.settling.watch_until.max(until);
        }
        if fresh && outcome.is_some() {
            self.count_ended(event);
            count_failure(&self.contract, &mut self.failures, &mut self.settling, state, at);
        }
        outcome.map(|outcome| Ended { outcome, attempts, took })
    }

    /// Deliveries that were forgotten while they still waited for an attempt, since the last call.
    pub(super) fn take_given_up(&mut self) -> Vec<Ended> {
        std::mem::take(&mut self.given_up)
    }

    fn count_ended(&mut self, event: &str) {
        let ended = &mut self.settling.ended;
        if let Some(n) = ended.get_mut(event) {
            *n += 1;
        } else if ended.len() < Self::EVENTS {
            ended.insert(event.to_owned(), 1);
        }
    }

    /// The state at `now`: a retry that has not come in its time will not come, and its delivery has ended.
    pub(super) fn settling(&mut self, now: Tick) -> Settling {
        self.expire(now);
        let mut settling = self.settling.clone();
        let waiting = self.waiting.values().map(|(_, until)| *until);
        settling.watch_until = waiting.fold(settling.watch_until, Tick::max);
        settling
    }

    /// Gives up the deliveries whose next attempt had to come before `now`.
    pub(super) fn expire(&mut self, now: Tick) {
        let given_up: Vec<Print> =
            self.waiting.iter().filter(|(_, (_, until))| *until < now).map(|(key, _)| *key).collect();
        for key in given_up {
            let Some((event, _)) = self.waiting.remove(&key) else { continue };
            self.count_ended(&event);
            if let Some(delivery) = self.by_key.get_mut(&key) {
                delivery.state = State::Ended;
                self.given_up.push(delivery.given_up());
            }
        }
    }

    fn prune(&mut self, now: Tick) {
        while let Some(print) = self.order.front() {
            let Some(oldest) = self.by_key.get(print) else { break };
            let idle = now.since(oldest.touched);
            if idle < Self::KEEP && self.by_key.len() < Self::MOST {
                break;
            }
            if oldest.state == State::Open {
                self.given_up.push(oldest.given_up());
            }
            self.waiting.remove(print);
            self.by_key.remove(print);
            self.order.pop_front();
        }
    }
}

/// Counts a delivery that has ended as the sender's circuit breaker does.
fn count_failure(
    contract: &RetryContract,
    failures: &mut VecDeque<Tick>,
    settling: &mut Settling,
    state: State,
    at: Tick,
) {
    if state == State::Accepted {
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

    fn deliveries() -> Deliveries {
        Deliveries::new(RetryContract::default(), Duration::from_millis(100))
    }

    fn id(text: &str) -> Key {
        Key::of_id(text)
    }

    #[test]
    fn a_retry_is_the_next_attempt_and_an_accepted_id_a_duplicate() {
        let mut all = deliveries();
        assert_eq!(all.arrived(&id("a"), Tick(0)), Place { delivery: 1, attempt: 1, duplicate: false });
        all.answered(&id("a"), "e", Some(503), None, Tick(0));
        assert_eq!(all.arrived(&id("b"), Tick(1)).delivery, 2);
        assert_eq!(all.arrived(&id("a"), Tick(2)), Place { delivery: 1, attempt: 2, duplicate: false });
        all.answered(&id("a"), "e", Some(200), None, Tick(2));
        assert!(all.arrived(&id("a"), Tick(3)).duplicate);
    }

    #[test]
    fn equal_content_without_an_id_begins_anew_after_acceptance() {
        let (mut all, key) = (deliveries(), Key::of_content("e", b"{}"));
        all.arrived(&key, Tick(0));
        all.answered(&key, "e", Some(200), None, Tick(0));
        assert_eq!(all.arrived(&key, Tick(1)), Place { delivery: 2, attempt: 1, duplicate: false });
    }

    #[test]
    fn watches_for_the_next_gap_and_for_silence_after_the_last() {
        let mut all = deliveries();
        let key = id("a");
        for (status, at, until_ms) in [(503, 0, 2600), (503, 2 * SECOND, 6600), (503, 6 * SECOND, 10_600)] {
            all.arrived(&key, Tick(at));
            all.answered(&key, "e", Some(status), None, Tick(at));
            assert_eq!(all.settling(Tick(at)).watch_until, Tick(until_ms * 1000));
        }
        assert_eq!(all.settling(Tick(6 * SECOND)).ended["e"], 1);
    }

    #[test]
    fn a_delivery_whose_retry_does_not_come_has_ended() {
        let (mut all, key) = (deliveries(), id("a"));
        all.arrived(&key, Tick(0));
        all.answered(&key, "e", Some(503), None, Tick(0));
        assert!(all.settling(Tick(2_599_000)).ended.is_empty());
        assert_eq!(all.settling(Tick(2_601_000)).ended["e"], 1);
        assert_eq!(all.settling(Tick(9_000_000)).ended["e"], 1);
    }

    #[test]
    fn forgets_what_is_old() {
        let mut all = deliveries();
        for n in 0..10_000 {
            all.arrived(&id(&n.to_string()), Tick(0));
        }
        all.arrived(&id("late"), Tick(700 * SECOND));
        assert_eq!((all.by_key.len(), all.order.len(), all.take_given_up().len()), (1, 1, 10_000));
    }

    #[test]
    fn remembers_so_many_and_no_more() {
        let mut all = deliveries();
        for n in 0..Deliveries::MOST + 1000 {
            all.arrived(&id(&n.to_string()), Tick(0));
        }
        assert_eq!((all.by_key.len(), all.order.len()), (Deliveries::MOST, Deliveries::MOST));
    }

    #[test]
    fn says_how_a_delivery_ended() {
        let mut all = deliveries();
        all.arrived(&id("a"), Tick(0));
        assert_eq!(all.answered(&id("a"), "e", Some(503), None, Tick(5)), None);
        all.arrived(&id("a"), Tick(2 * SECOND));
        let ended = all.answered(&id("a"), "e", Some(200), None, Tick(3 * SECOND));
        let wanted = Ended { outcome: Outcome::Delivered, attempts: 2, took: Duration::from_secs(3) };
        assert_eq!(ended, Some(wanted));
        all.arrived(&id("a"), Tick(4 * SECOND));
        assert_eq!(all.answered(&id("a"), "e", Some(200), None, Tick(4 * SECOND)), None);
    }

    #[test]
    fn the_real_webhook_counts_after_a_forged_one_with_its_id() {
        let mut all = deliveries();
        let mut outcome = |status, at| {
            all.arrived(&id("a"), Tick(at));
            all.answered(&id("a"), "e", Some(status), None, Tick(at)).map(|ended| ended.outcome)
        };
        assert_eq!(outcome(401, 0), Some(Outcome::Aborted));
        assert_eq!(outcome(200, SECOND), Some(Outcome::Delivered));
        assert_eq!(outcome(200, 2 * SECOND), None);
        assert_eq!(all.settling(Tick(3 * SECOND)).ended["e"], 1);
    }

    #[test]
    fn an_overdue_retry_is_given_up_once() {
        let mut all = deliveries();
        all.arrived(&id("a"), Tick(0));
        all.answered(&id("a"), "e", Some(503), None, Tick(0));
        all.expire(Tick(SECOND));
        assert_eq!(all.take_given_up(), []);
        all.expire(Tick(60 * SECOND));
        assert_eq!(all.take_given_up().len(), 1);
        all.arrived(&id("late"), Tick(700 * SECOND));
        assert_eq!(all.take_given_up(), []);
    }
}
