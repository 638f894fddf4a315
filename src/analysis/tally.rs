//! The counts that rates are made of; organic and injected deliveries are never mixed.

use super::{Analysis, Breaker, Delivery, Expectation, Fate};
use crate::journal::Tally;
use crate::signature::Reason;
use std::collections::BTreeMap;

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
        // A trigger ends a window while webhooks may still come.
        let observed = analysis.watched.begin.is_some();
        for expectation in analysis.expectations() {
            for delivery in expectation.by().filter_map(|index| analysis.deliveries.get(index)) {
                let tally = if delivery.injected() { &mut injected } else { &mut organic };
                tally.add_arrived(&expectation, &delivery);
            }
            // What never came was not broken by us, so it counts as organic.
            if (!complete || observed) && expectation.deadline() > analysis.latest {
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
        count(&mut self.fates, name(fate));
        count(&mut self.events, &delivery.event);
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

/// Counts one more of a name, which is copied only the first time.
fn count(counts: &mut BTreeMap<String, u64>, name: &str) {
    if let Some(n) = counts.get_mut(name) {
        *n += 1;
    } else {
        counts.insert(name.to_owned(), 1);
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
