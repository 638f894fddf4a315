//! The retry contract, proved from the receiving end: schedule, number of attempts, silence afterwards, identity.

use super::delivery::{Delivery, Try};
use super::{Analysis, Fate};
use crate::clock::Tick;
use crate::journal::RetryContract;
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

/// One way in which a delivery broke the contract.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Breach {
    /// The gap before attempt `attempt` (from 2) was not the one of the schedule; times in µs.
    Gap {
        /// The delivery's number.
        delivery: u64,
        /// The attempt's number in it.
        attempt: usize,
        /// Measured, from the end of the attempt before to the start of this one.
        gap_us: u64,
        /// Wanted.
        wanted_us: u64,
    },
    /// Fewer attempts than the contract says.
    TooFew {
        /// The delivery's number.
        delivery: u64,
        /// Attempts that came.
        attempts: usize,
    },
    /// More attempts than the contract says.
    TooMany {
        /// The delivery's number.
        delivery: u64,
        /// Attempts that came.
        attempts: usize,
    },
    /// An attempt after a 4xx.
    RetriedClientError {
        /// The delivery's number.
        delivery: u64,
        /// The status that should have ended it.
        status: u16,
    },
    /// A retry whose id, timestamp, signature or body is not that of the first attempt.
    Identity {
        /// The delivery's number.
        delivery: u64,
        /// What changed.
        changed: &'static str,
    },
    /// A redirect was followed.
    Redirected {
        /// The delivery's number.
        delivery: u64,
    },
}

impl Breach {
    /// The delivery's number.
    #[must_use]
    pub const fn delivery(&self) -> u64 {
        match self {
            Self::Gap { delivery, .. }
            | Self::TooFew { delivery, .. }
            | Self::TooMany { delivery, .. }
            | Self::RetriedClientError { delivery, .. }
            | Self::Identity { delivery, .. }
            | Self::Redirected { delivery } => *delivery,
        }
    }
}

/// What was seen of the retries of one delivery that had a failed attempt.
#[derive(Debug, Clone)]
pub struct RetryFacts {
    /// The delivery's number.
    pub delivery: u64,
    /// Gaps before attempts 2, 3 … in µs; `None` where the end of the attempt before is not known.
    pub gaps_us: Vec<Option<u64>>,
    /// Whether the silence after the last attempt was watched for longer than the longest gap.
    pub silence_watched: bool,
}

/// The retry behaviour of a run.
#[derive(Debug, Clone, Default)]
pub struct Retries {
    /// Deliveries in which a retry, or its absence, could be seen because an attempt had failed.
    pub exercised: Vec<RetryFacts>,
    /// Deliveries in which a 4xx was answered.
    pub client_errors: u64,
    /// Every breach of the contract.
    pub breaches: Vec<Breach>,
    /// Deliveries of which nothing can be said: the end of an attempt is missing, or the silence was not watched.
    pub unproven: Vec<u64>,
}

/// Judges every delivery of the run that had a failed attempt.
#[must_use]
pub fn retries(analysis: &Analysis) -> Retries {
    let mut found = Retries::default();
    let reborn = reborn(analysis);
    for delivery in analysis.own().filter(|d| has_failed_try(d) || !d.after_acceptance.is_empty()) {
        if has_failed_try(delivery) {
            judge(analysis, delivery, &reborn, &mut found);
        }
    }
    found.breaches.sort();
    found
}

fn has_failed_try(delivery: &Delivery) -> bool {
    delivery.tries.iter().any(failed)
}

fn failed(t: &Try) -> bool {
    !t.status.is_some_and(super::delivery::is_success)
}

fn judge(analysis: &Analysis, delivery: &Delivery, reborn: &BTreeSet<u64>, found: &mut Retries) {
    let contract = &analysis.header.retry;
    let number = delivery.number;
    let gaps_us = gaps(&delivery.tries);
    judge_gaps(contract, number, &gaps_us, &mut found.breaches);
    judge_identity(delivery, reborn, &mut found.breaches);
    if delivery.elsewhere {
        found.breaches.push(Breach::Redirected { delivery: number });
    }
    let silence_watched = silence_watched(analysis.latest, contract, delivery);
    let client_error = delivery.tries.iter().position(|t| matches!(t.status, Some(400..=499)));
    let attempts = delivery.tries.len();
    let ended_well = if let Some(at) = client_error {
        found.client_errors += 1;
        judge_client_error(delivery, at, &mut found.breaches);
        silence_watched
    } else if attempts > contract.backoff_ms.len() {
        found.breaches.push(Breach::TooMany { delivery: number, attempts });
        true
    } else {
        judge_end(analysis, delivery, silence_watched, reborn, &mut found.breaches)
    };
    if !ended_well || gaps_us.iter().any(Option::is_none) {
        found.unproven.push(number);
    }
    found.exercised.push(RetryFacts { delivery: number, gaps_us, silence_watched });
}

/// Gaps between the tries: from the end of one to the first byte of the next.
fn gaps(tries: &[Try]) -> Vec<Option<u64>> {
    let gap = |pair: &[Try]| match pair {
        [before, after] => before.end.map(|end| after.first_byte.0.saturating_sub(end.0)),
        _ => None,
    };
    tries.windows(2).map(gap).collect()
}

fn judge_gaps(contract: &RetryContract, delivery: u64, gaps: &[Option<u64>], breaches: &mut Vec<Breach>) {
    for (i, gap) in gaps.iter().enumerate() {
        let (Some(gap_us), Some(&wanted_ms)) = (*gap, contract.backoff_ms.get(i + 1)) else { continue };
        let early = wanted_ms.saturating_sub(contract.early_ms) * 1000;
        let late = (wanted_ms + contract.late_ms) * 1000;
        if !(early..=late).contains(&gap_us) {
            breaches.push(Breach::Gap { delivery, attempt: i + 2, gap_us, wanted_us: wanted_ms * 1000 });
        }
    }
}

fn judge_identity(delivery: &Delivery, reborn: &BTreeSet<u64>, breaches: &mut Vec<Breach>) {
    let number = delivery.number;
    let Some(first) = delivery.tries.first() else { return };
    let changed = delivery.tries.iter().skip(1).find_map(|t| {
        let (a, b) = (first.prints, t.prints);
        if a.body != b.body {
            Some("body")
        } else if a.timestamp_ms != b.timestamp_ms {
            Some("timestamp")
        } else if a.signature != b.signature {
            Some("signature headers")
        } else {
            None
        }
    });
    breaches.extend(changed.map(|changed| Breach::Identity { delivery: number, changed }));
    if reborn.contains(&number) {
        breaches.push(Breach::Identity { delivery: number, changed: "id" });
    }
}

fn judge_client_error(delivery: &Delivery, at: usize, breaches: &mut Vec<Breach>) {
    let status = delivery.tries.get(at).and_then(|t| t.status).unwrap_or_default();
    if delivery.tries.len() > at + 1 {
        breaches.push(Breach::RetriedClientError { delivery: delivery.number, status });
    }
}

/// Judges how the attempts of a delivery without a 4xx ended; says whether anything can be said.
fn judge_end(
    analysis: &Analysis,
    delivery: &Delivery,
    silence_watched: bool,
    reborn: &BTreeSet<u64>,
    breaches: &mut Vec<Breach>,
) -> bool {
    match delivery.fate(analysis.max_attempts()) {
        Fate::Open => false,
        // A redirect that was followed, or a retry under another id, is the breach; the missing retry follows from it.
        Fate::GivenUp if delivery.elsewhere || reborn.contains(&delivery.number) => true,
        Fate::GivenUp if silence_watched => {
            breaches.push(Breach::TooFew { delivery: delivery.number, attempts: delivery.tries.len() });
            true
        }
        Fate::GivenUp | Fate::Exhausted => silence_watched,
        Fate::Delivered | Fate::Aborted => true,
    }
}

fn silence_watched(latest: Tick, contract: &RetryContract, delivery: &Delivery) -> bool {
    let longest = contract.backoff_ms.iter().copied().max().unwrap_or(0);
    let wanted_ms = match delivery.tries.last().and_then(|t| t.status) {
        Some(400..=499) => contract.backoff_ms.get(1).copied().unwrap_or(longest),
        _ => contract.backoff_ms.get(delivery.tries.len()).copied().unwrap_or(longest),
    };
    let wanted = Duration::from_millis(wanted_ms + contract.late_ms);
    delivery.last_end().is_some_and(|end| latest.since(end) >= wanted)
}

/// Deliveries that failed once and came back under another id: same bytes, soon after, and nothing asked for them.
fn reborn(analysis: &Analysis) -> BTreeSet<u64> {
    let contract = &analysis.header.retry;
    let longest = contract.backoff_ms.iter().copied().max().unwrap_or(0);
    let within = Duration::from_millis(longest + contract.late_ms);
    let mut given_up: HashMap<(u64, &str), Vec<&Delivery>> = HashMap::new();
    let mut found = BTreeSet::new();
    for delivery in analysis.own().filter(|d| d.id.is_some()) {
        let Some(first) = delivery.tries.first() else { continue };
        let earlier = given_up.entry((first.prints.body, delivery.event.as_str())).or_default();
        if delivery.fulfils.is_none() {
            let source = earlier.iter().rev().find(|d| {
                d.last_end()
                    .is_some_and(|end| end <= first.first_byte && first.first_byte.since(end) <= within)
            });
            found.extend(source.map(|d| d.number));
        }
        if has_failed_try(delivery) && delivery.accepted().is_none() {
            earlier.push(delivery);
        }
    }
    found
}
