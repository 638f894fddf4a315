//! The counts that rates are made of; organic and injected deliveries are never mixed.

use super::{Analysis, Breaker, Delivery, Expectation, Fate};
use crate::latency::Latency;
use crate::signature::Reason;
use std::collections::{BTreeMap, HashMap};

/// Counts over the deliveries of a run.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Webhooks that had to come.
    pub expected: u64,
    /// Of those, accepted in the end and in time.
    pub fulfilled: u64,
    /// Of those, accepted later than their limit.
    pub late: u64,
    /// Of those, never seen.
    pub lost: u64,
    /// Not due any more when the run was interrupted, or still due: neither came nor lost.
    pub pending: u64,
    /// Of those, never seen while the sender's breaker was open.
    pub suppressed: u64,
    /// Deliveries that arrived.
    pub deliveries: u64,
    /// Deliveries by fate.
    pub fates: BTreeMap<&'static str, u64>,
    /// Deliveries with more than one attempt.
    pub retried: u64,
    /// Attempts.
    pub attempts: u64,
    /// Attempts answered 4xx.
    pub client_errors: u64,
    /// Attempts answered 5xx.
    pub server_errors: u64,
    /// Attempts without a whole answer.
    pub unanswered: u64,
    /// Webhooks that came more often than they should: a second delivery, or an attempt after acceptance.
    pub duplicates: u64,
    /// Webhooks of this run that no step asked for.
    pub unexpected: u64,
    /// Deliveries that followed a redirect.
    pub elsewhere: u64,
    /// Ids that were used for two different webhooks.
    pub reused_ids: u64,
    /// Attempts by what the verification said.
    pub reasons: HashMap<Reason, u64>,
    /// Deliveries by event.
    pub events: BTreeMap<String, u64>,
    /// Delivery latency of the accepted ones.
    pub latency: Latency,
}

impl Tally {
    /// Counts the organic and the injected deliveries of a run, apart.
    #[must_use]
    pub fn both(analysis: &Analysis) -> (Self, Self) {
        let (mut organic, mut injected) = (Self::default(), Self::default());
        for delivery in analysis.own() {
            let tally = if delivery.injected() { &mut injected } else { &mut organic };
            tally.add_delivery(analysis, &delivery);
        }
        let breaker = Breaker::of(analysis);
        let contract = analysis.header.retry.breaker;
        let complete = analysis.end.as_ref().is_some_and(|end| end.complete);
        for expectation in analysis.expectations() {
            for delivery in expectation.by().filter_map(|index| analysis.deliveries.get(index)) {
                let tally = if delivery.injected() { &mut injected } else { &mut organic };
                tally.add_arrived(&expectation, &delivery);
            }
            // What never came was not broken by us, so it counts as organic.
            if !complete && expectation.deadline() > analysis.latest {
                organic.pending += u64::from(expectation.missing());
            } else {
                organic.add_missing(breaker.swallows(contract, expectation.at), &expectation);
            }
        }
        (organic, injected)
    }

    /// Deliveries of that fate.
    #[must_use]
    pub fn fate(&self, fate: &str) -> u64 {
        self.fates.get(fate).copied().unwrap_or(0)
    }

    /// Attempts whose signature and headers were in order, and all attempts.
    #[must_use]
    pub fn signatures(&self) -> (u64, u64) {
        (self.reasons.get(&Reason::Valid).copied().unwrap_or(0), self.attempts)
    }

    fn add_delivery(&mut self, analysis: &Analysis, delivery: &Delivery) {
        self.deliveries += 1;
        let fate = delivery.fate(analysis.max_attempts());
        *self.fates.entry(name(fate)).or_default() += 1;
        self.add_event(&delivery.event);
        self.retried += u64::from(delivery.tries.len() > 1);
        self.elsewhere += u64::from(delivery.elsewhere);
        self.reused_ids += u64::from(delivery.id_reused);
        self.duplicates += delivery.after_acceptance.len() as u64 + u64::from(delivery.surplus);
        self.unexpected += u64::from(delivery.fulfils.is_none() && !delivery.surplus);
        for attempt in delivery.tries.iter().chain(&delivery.after_acceptance) {
            self.attempts += 1;
            *self.reasons.entry(attempt.reason).or_default() += 1;
            match attempt.status {
                Some(400..=499) => self.client_errors += 1,
                Some(500..=599) => self.server_errors += 1,
                None => self.unanswered += 1,
                Some(_) => {}
            }
        }
        if let Some(latency) = analysis.latency(delivery) {
            self.latency.record(latency);
        }
    }

    fn add_event(&mut self, event: &str) {
        if let Some(n) = self.events.get_mut(event) {
            *n += 1;
        } else {
            self.events.insert(event.to_owned(), 1);
        }
    }

    fn add_arrived(&mut self, expectation: &Expectation<'_>, delivery: &Delivery) {
        self.expected += 1;
        match (delivery.accepted().is_some(), delivery.first_byte() <= expectation.deadline()) {
            (true, true) => self.fulfilled += 1,
            (true, false) => self.late += 1,
            _ => {}
        }
    }

    fn add_missing(&mut self, swallowed: bool, expectation: &Expectation<'_>) {
        let missing = u64::from(expectation.missing());
        if swallowed {
            self.suppressed += missing;
        } else {
            self.expected += missing;
            self.lost += missing;
        }
    }
}

/// The name of a fate in artifacts.
const fn name(fate: Fate) -> &'static str {
    match fate {
        Fate::Delivered => "delivered",
        Fate::Aborted => "aborted",
        Fate::Exhausted => "exhausted",
        Fate::GivenUp => "given_up",
        Fate::Open => "open",
    }
}
