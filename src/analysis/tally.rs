//! The counts that rates are made of; organic and injected deliveries are never mixed.

use super::{Analysis, Breaker, Delivery, Expectation, Fate};
use crate::latency::Latency;
use crate::signature::Reason;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// Whose deliveries are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// Those that were left alone.
    Organic,
    /// Those that were broken on purpose.
    Injected,
}

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
    /// Counts.
    #[must_use]
    pub fn of(analysis: &Analysis, whose: Whose) -> Self {
        let mut tally = Self::default();
        for delivery in analysis.own().filter(|d| belongs(d, whose)) {
            tally.add_delivery(analysis, delivery);
        }
        let breaker = Breaker::of(analysis);
        let complete = analysis.end.as_ref().is_some_and(|end| end.complete);
        for expectation in analysis.expectations() {
            tally.add_arrived(analysis, expectation, whose);
            if whose == Whose::Organic {
                let contract = analysis.header.retry.breaker;
                let within = Duration::from_millis(expectation.expect.within_ms);
                if !complete && expectation.expect.at.plus(within) > analysis.latest {
                    tally.pending += u64::from(expectation.missing());
                    continue;
                }
                tally.add_missing(breaker.swallows(contract, expectation.expect.at), expectation);
            }
        }
        tally
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
        *self.events.entry(delivery.event.clone()).or_default() += 1;
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

    fn add_arrived(&mut self, analysis: &Analysis, expectation: &Expectation, whose: Whose) {
        for &index in &expectation.by {
            let Some(delivery) = analysis.deliveries.get(index).filter(|d| belongs(d, whose)) else {
                continue;
            };
            self.expected += 1;
            match (delivery.accepted().is_some(), analysis.in_time(expectation, index)) {
                (true, true) => self.fulfilled += 1,
                (true, false) => self.late += 1,
                _ => {}
            }
        }
    }

    /// What never came was not broken by us, so it counts as organic.
    fn add_missing(&mut self, swallowed: bool, expectation: &Expectation) {
        let missing = u64::from(expectation.missing());
        if swallowed {
            self.suppressed += missing;
        } else {
            self.expected += missing;
            self.lost += missing;
        }
    }
}

fn belongs(delivery: &Delivery, whose: Whose) -> bool {
    delivery.injected() == (whose == Whose::Injected)
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
