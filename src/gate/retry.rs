//! Checks of the retry contract.

use super::check::{Check, Verdict};
use crate::analysis::{Analysis, Breach, Delivery, Retries, seconds};
use crate::journal::{IdentityPolicy, RetryAfterPolicy, RetryContract, ThrottlePolicy};
use std::borrow::Cow;

/// How many breaches are told in one sentence.
const TOLD: usize = 3;

/// A clause of the contract, with how often it was put to the test and the breaches that are its own.
struct Clause {
    id: &'static str,
    title: &'static str,
    target: String,
    n: u64,
    /// Whether it is about silence, which has to be watched.
    silence: Silence,
    breaks: fn(&Breach) -> bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Silence {
    Matters,
    DoesNot,
}

/// Judges schedule, number of attempts, client errors, identity, redirects and deadline.
pub(super) fn checks(analysis: &Analysis, retries: &Retries) -> Vec<Check> {
    let clauses = clauses(analysis, retries);
    clauses.iter().map(|clause| check(clause, retries)).collect()
}

fn clauses(analysis: &Analysis, retries: &Retries) -> Vec<Clause> {
    let contract = &analysis.header.retry;
    let (retried, sent_again) = (retries.exercised.len() as u64, sent_again(retries));
    let client_errors =
        retries.client_errors + if throttled_aborts(contract) { retries.throttled } else { 0 };
    vec![
        Clause {
            id: "retry_schedule",
            title: "Retry schedule",
            target: schedule(contract),
            n: retries.exercised.iter().map(|f| f.gaps_us.iter().flatten().count() as u64).sum(),
            silence: Silence::DoesNot,
            breaks: |b| matches!(b, Breach::Gap { .. }),
        },
        Clause {
            id: "retry_attempts",
            title: "Retries stop",
            target: format!("{} attempts, then silence", contract.backoff_ms.len()),
            n: retried.saturating_sub(client_errors),
            silence: Silence::Matters,
            breaks: |b| matches!(b, Breach::TooFew { .. } | Breach::TooMany { .. }),
        },
        Clause {
            id: "client_error_abort",
            title: "4xx aborts",
            target: "one attempt, then silence".to_owned(),
            n: retries.client_errors,
            silence: Silence::Matters,
            breaks: |b| matches!(b, Breach::RetriedClientError { status, .. } if !matches!(status, 408 | 429)),
        },
        Clause {
            id: "throttle_policy",
            title: "408 and 429",
            target: format!("policy: {}", if throttled_aborts(contract) { "abort" } else { "retry" }),
            n: retries.throttled,
            silence: Silence::Matters,
            breaks: |b| matches!(b, Breach::RetriedClientError { status: 408 | 429, .. }),
        },
        Clause {
            id: "success_accepted",
            title: "2xx ends the delivery",
            target: "every 2xx".to_owned(),
            n: retries.accepted,
            silence: Silence::Matters,
            breaks: |b| matches!(b, Breach::RetriedSuccess { .. }),
        },
        Clause {
            id: "retry_identity",
            title: "Retries are the same webhook",
            target: identity(contract.identity).to_owned(),
            n: sent_again,
            silence: Silence::DoesNot,
            breaks: |b| matches!(b, Breach::Identity { .. } | Breach::SameTimestamp { .. }),
        },
        Clause {
            id: "redirects",
            title: "Redirects are not followed",
            target: "no request at the redirect's target".to_owned(),
            n: redirected(analysis),
            silence: Silence::DoesNot,
            breaks: |b| matches!(b, Breach::Redirected { .. }),
        },
        Clause {
            id: "attempt_deadline",
            title: "Attempts end at the time-out",
            target: format!("{} s in all", seconds(analysis.header.webhook.timeout_ms)),
            n: retries.held,
            silence: Silence::DoesNot,
            breaks: |b| matches!(b, Breach::Overstayed { .. }),
        },
    ]
}

fn schedule(contract: &RetryContract) -> String {
    let pauses: Vec<String> = contract.backoff_ms.iter().map(|ms| seconds(*ms)).collect();
    let policy = match contract.retry_after {
        RetryAfterPolicy::Ignore => "",
        RetryAfterPolicy::Honour => ", Retry-After honoured",
    };
    format!("{} s, -{} ms +{} ms{policy}", pauses.join(" / "), contract.early_ms, contract.late_ms)
}

const fn identity(policy: IdentityPolicy) -> &'static str {
    match policy {
        IdentityPolicy::Same => "same id, timestamp, signature and body",
        IdentityPolicy::TimestampPerAttempt => "same id and body, a timestamp per attempt",
    }
}

fn throttled_aborts(contract: &RetryContract) -> bool {
    contract.throttled == ThrottlePolicy::Abort
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

#[expect(clippy::cast_precision_loss, reason = "counts below 2^52")]
fn check(clause: &Clause, retries: &Retries) -> Check {
    let n = clause.n;
    let broken: Vec<&Breach> = retries.breaches.iter().filter(|b| (clause.breaks)(b)).collect();
    let unwatched = clause.silence == Silence::Matters && !retries.unproven.is_empty();
    let verdict = match (broken.len(), n, unwatched) {
        (1.., ..) => Verdict::Fail,
        (0, 0, _) => Verdict::NotExercised,
        (0, _, true) => Verdict::Unproven,
        (0, _, false) => Verdict::Pass,
    };
    let text = match verdict {
        Verdict::Fail => told(&broken),
        Verdict::NotExercised => {
            "nothing in this run put it to the test; inject a fault to see it".to_owned()
        }
        Verdict::Unproven => format!("{} deliveries were not watched to their end", retries.unproven.len()),
        Verdict::Pass => format!("kept in {n} of {n} cases that put it to the test"),
    };
    Check {
        id: clause.id.to_owned(),
        title: clause.title.to_owned(),
        target: clause.target.clone(),
        actual: (n > 0 || !broken.is_empty()).then_some(broken.len() as f64),
        unit: "breaches".to_owned(),
        n,
        interval_95: None,
        verdict,
        text,
    }
}

fn told(broken: &[&Breach]) -> String {
    let mut told: Vec<String> = broken.iter().take(TOLD).map(ToString::to_string).collect();
    if broken.len() > TOLD {
        told.push(format!("and {} more", broken.len() - TOLD));
    }
    told.join("; ")
}
