//! What was seen of each clause of the retry contract and of the circuit breaker, counted.

use super::breach::TimeLimit;
use super::retry::{Retries, retries};
use super::{Analysis, Breach, Breaker, Delivery, Expectation, seconds};
use record::{BreakerStats, ClauseStats, TOLD};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Whether a clause is about silence, which has to be watched.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Silence {
    Matters,
    DoesNot,
}

/// Counts, for each clause, how often it was put to the test and how often it was broken, by the id of its check.
#[must_use]
pub fn clause_stats(analysis: &Analysis) -> BTreeMap<String, ClauseStats> {
    let found = retries(analysis);
    let aborted = found.client_errors;
    let gaps = found.exercised.iter().map(|f| f.gaps_us.iter().flatten().count() as u64).sum();
    let clause = |id: &str, n: u64, silence: Silence, breaks: fn(&Breach) -> bool| {
        let broken: Vec<&Breach> = found.breaches.iter().filter(|b| breaks(b)).collect();
        let unwatched = if silence == Silence::Matters { found.unproven.len() as u64 } else { 0 };
        let mut told: Vec<String> = broken.iter().take(TOLD).map(ToString::to_string).collect();
        if broken.is_empty() && n > 0 && unwatched > 0 {
            told = found.why_unproven(&analysis.header.retry);
        }
        (id.to_owned(), ClauseStats { n, broken: broken.len() as u64, unwatched, told })
    };
    let attempts = |mut clause: (String, ClauseStats)| {
        if clause.1.broken == 0 {
            clause.1.told.extend(untested_attempts(analysis, &found));
        }
        clause
    };
    [
        clause("retry_schedule", gaps, Silence::DoesNot, |b| matches!(b, Breach::Gap { .. })),
        attempts(clause(
            "retry_attempts",
            (found.exercised.len() as u64).saturating_sub(aborted),
            Silence::Matters,
            |b| matches!(b, Breach::TooFew { .. } | Breach::TooMany { .. }),
        )),
        clause(
            "client_error_abort",
            // What was retried after 408 or 429 broke the other clause, and kept nothing of this one.
            found.client_errors.saturating_sub(retried_throttled(&found)),
            Silence::Matters,
            |b| matches!(b, Breach::RetriedClientError { status, .. } if !matches!(status, 408 | 429)),
        ),
        clause("throttle_policy", found.throttled, Silence::Matters, is_throttled),
        clause("success_accepted", found.accepted, Silence::Matters, |b| {
            matches!(b, Breach::RetriedSuccess { .. })
        }),
        clause("retry_identity", sent_again(&found), Silence::DoesNot, |b| {
            matches!(b, Breach::Identity { .. } | Breach::SameTimestamp { .. })
        }),
        clause("redirects", redirected(analysis), Silence::DoesNot, |b| {
            matches!(b, Breach::Redirected { .. })
        }),
        time_limit(&found, TimeLimit::Read),
        time_limit(&found, TimeLimit::Attempt),
    ]
    .into()
}

const fn is_throttled(breach: &Breach) -> bool {
    matches!(breach, Breach::RetriedClientError { status: 408 | 429, .. })
}

fn retried_throttled(found: &Retries) -> u64 {
    found.breaches.iter().filter(|b| is_throttled(b)).count() as u64
}

/// What a sender that was let through before its last attempt leaves open.
fn untested_attempts(analysis: &Analysis, found: &Retries) -> Option<String> {
    let (made, retry) =
        (found.exercised.iter().map(|facts| facts.gaps_us.len() + 1).max()?, &analysis.header.retry);
    let all = retry.backoff_ms.len();
    (!retry.endless && (2..all).contains(&made)).then(|| {
        format!("no more than {made} of {all} attempts were needed, so the later ones were not tested")
    })
}

/// What was seen of one of the two limits; the time of a give-up is told where it is the declared one, too.
fn time_limit(found: &Retries, limit: TimeLimit) -> (String, ClauseStats) {
    let about = |b: &&Breach| matches!(b, Breach::Overstayed { limit: of, .. } | Breach::GaveUp { limit: of, .. } if *of == limit);
    let broken: Vec<&Breach> = found.breaches.iter().filter(about).collect();
    let times: Vec<u64> = found.held.iter().filter(|(of, _)| *of == limit).map(|(_, ms)| *ms).collect();
    let told = match (times.iter().min(), times.iter().max()) {
        (Some(least), Some(most)) if broken.is_empty() => {
            let range = if least == most {
                seconds(*least)
            } else {
                format!("{} to {}", seconds(*least), seconds(*most))
            };
            vec![format!("ended after {range} s while {}", limit.shown_by())]
        }
        _ => broken.iter().take(TOLD).map(ToString::to_string).collect(),
    };
    let id = if limit == TimeLimit::Read { "read_timeout" } else { "attempt_deadline" };
    (id.to_owned(), ClauseStats { n: times.len() as u64, broken: broken.len() as u64, unwatched: 0, told })
}

/// Counts what was seen of the circuit breaker.
#[must_use]
pub fn breaker_stats(analysis: &Analysis) -> BreakerStats {
    let breaker = Breaker::of(analysis);
    BreakerStats {
        openings: breaker.openings.len() as u64,
        leaked: breaker.leaked.len() as u64,
        first_leaked: breaker.leaked.first().copied().unwrap_or_default(),
        dropped_since: breaker.leaked.first().map_or(0, |first| dropped_since(analysis, &breaker, *first)),
        stuck: breaker.stuck(analysis.expectations()),
        probes: breaker.openings.iter().filter(|o| o.probe.is_some()).count() as u64,
    }
}

/// Webhooks that the breaker dropped after a delivery had come.
fn dropped_since(analysis: &Analysis, breaker: &Breaker, delivery: u64) -> u64 {
    let came = analysis.deliveries.iter().find(|d| d.number == delivery).map(|d| d.first_byte());
    let since = |e: &Expectation<'_>| came.is_some_and(|came| e.at > came);
    let contract = analysis.header.retry.breaker;
    let dropped = analysis.expectations().filter(|e| since(e) && breaker.swallows(contract, e.at));
    dropped.map(|e| u64::from(e.missing())).sum()
}

/// Deliveries of which a second attempt was seen, under whatever id.
fn sent_again(retries: &Retries) -> u64 {
    let reborn = |b: &&Breach| matches!(b, Breach::Identity { changed: "id", .. });
    let again = retries.exercised.iter().filter(|f| !f.gaps_us.is_empty()).count() as u64;
    again.max(retries.breaches.iter().filter(reborn).count() as u64)
}

fn redirected(analysis: &Analysis) -> u64 {
    let redirected =
        |d: &Cow<'_, Delivery>| d.elsewhere || d.tries.iter().any(|t| t.status.is_some_and(|s| s / 100 == 3));
    analysis.own().filter(redirected).count() as u64
}
