//! The counts that rates are made of; organic and injected deliveries are never mixed.

use super::delivery::index_of;
use super::lost::{Absence, Lost};
use super::order::{Order, Turn};
use super::{Analysis, AttemptResult, Delivery, Expectation, Fate};
use record::Tally;
use signature::Reason;
use std::collections::BTreeMap;

/// Counts the organic and the injected deliveries of a run, apart.
#[must_use]
pub fn tallies(analysis: &Analysis) -> (Tally, Tally) {
    let (mut organic, mut injected) = (Tally::default(), Tally::default());
    for delivery in analysis.own() {
        let tally = if delivery.injected() { &mut injected } else { &mut organic };
        add_delivery(tally, analysis, &delivery);
    }
    for delivery in analysis.doubtful() {
        let attempts = delivery.tries.iter().chain(&delivery.after_acceptance);
        attempts.for_each(|attempt| add_signature(&mut organic, attempt.reason));
    }
    let (lost, order) = (Lost::new(analysis), Order::of(analysis));
    for expectation in analysis.expectations() {
        for (turn, delivery) in order.turns(analysis, &expectation) {
            let tally = if delivery.injected() { &mut injected } else { &mut organic };
            tally.ordered += 1;
            tally.out_of_order += u64::from(matches!(turn, Turn::Early(_)));
            tally.unclear_order += u64::from(turn == Turn::Unclear);
        }
        for delivery in expectation.by().filter_map(|index| analysis.deliveries.get(index)) {
            let tally = if delivery.injected() { &mut injected } else { &mut organic };
            add_arrived(tally, analysis, &expectation, &delivery);
            tally.interchangeable += u64::from(expectation.is_interchangeable);
        }
        // What never came was not broken by us, so it counts as organic.
        let missing = u64::from(expectation.missing());
        if missing > 0 {
            add_missing(&mut organic, lost.absence(&expectation), missing);
        }
    }
    (organic, injected)
}

fn add_delivery(tally: &mut Tally, analysis: &Analysis, delivery: &Delivery) {
    tally.deliveries += 1;
    let fate = delivery.fate(&analysis.header.retry);
    count(&mut tally.fates, name(fate));
    count(&mut tally.events, &delivery.event);
    tally.retried += u64::from(delivery.tries.len() > 1);
    tally.elsewhere += u64::from(delivery.elsewhere);
    tally.reused_ids += u64::from(delivery.id_reused);
    add_repeats(tally, analysis, delivery);
    tally.event_mismatches += u64::from(delivery.contradicts);
    let unexpected = u64::from(analysis.unexpected(delivery));
    tally.unexpected += unexpected;
    tally.unclear_unexpected += if analysis.may_be_others(delivery) { unexpected } else { 0 };
    tally.unaccepted += unaccepted(delivery);
    for attempt in delivery.tries.iter().chain(&delivery.after_acceptance) {
        add_signature(tally, attempt.reason);
        match attempt.status {
            Some(400..=499) => tally.client_errors += 1,
            Some(500..=599) => tally.server_errors += 1,
            None => tally.unanswered += 1,
            Some(_) => {}
        }
    }
    if let Some(latency) = analysis.latency(delivery) {
        tally.latency.record(latency);
    }
}

/// Attempts that no other count has: with those answered with 4xx, 5xx or not at all, the accepted one and those that came after it
/// they are all attempts.
fn unaccepted(delivery: &Delivery) -> u64 {
    let is_failure = |attempt: &&AttemptResult| matches!(attempt.status, None | Some(400..=599));
    let accepted = delivery.tries.iter().position(|attempt| attempt.taken);
    let others = delivery.tries.iter().enumerate().filter(|(at, _)| Some(*at) != accepted);
    others.filter(|(_, attempt)| !is_failure(attempt)).count() as u64
}

fn add_signature(tally: &mut Tally, reason: Reason) {
    tally.attempts += 1;
    *tally.reasons.entry(reason).or_default() += 1;
}

/// What came more often than it was due; where somebody else may have fired it, that is no finding.
fn add_repeats(tally: &mut Tally, analysis: &Analysis, delivery: &Delivery) {
    let (again, surplus) = (delivery.came_again(), u64::from(delivery.surplus));
    tally.duplicates += u64::from(delivery.repeated);
    if delivery.is_certain() || delivery.has_id {
        tally.duplicates += again;
        let held_up = delivery.accepted().is_some_and(|accepted| !analysis.is_answered_in_time(accepted));
        tally.unseen_duplicates += if held_up { again } else { 0 };
    } else {
        tally.unclear_duplicates += again;
    }
    tally.unclear_duplicates += u64::from(analysis.copies.has(index_of(delivery.number)));
    if analysis.is_exclusive() {
        tally.duplicates += surplus;
    } else {
        tally.unclear_duplicates += surplus;
    }
}

fn add_arrived(tally: &mut Tally, analysis: &Analysis, expectation: &Expectation<'_>, delivery: &Delivery) {
    tally.expected += 1;
    let came = delivery.first_byte();
    match (delivery.accepted().is_some(), came <= expectation.deadline()) {
        (true, true) => tally.fulfilled += 1,
        (true, false) => {
            tally.late += 1;
            tally.unseen_late += u64::from(analysis.watched.is_unseen(expectation.at, came));
        }
        _ => {}
    }
}

fn add_missing(tally: &mut Tally, absence: Absence, missing: u64) {
    match absence {
        Absence::Pending => tally.pending += missing,
        Absence::Swallowed => tally.suppressed += missing,
        Absence::PerhapsSwallowed => {
            tally.suppressed += missing;
            tally.unclear_suppressed += missing;
        }
        Absence::Lost => {
            tally.expected += missing;
            tally.lost += missing;
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
