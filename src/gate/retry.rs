//! Checks of the retry contract.

use super::check::{Check, Verdict};
use super::config::RetryGate;
use crate::analysis::{Analysis, Breach, Retries};

/// How many breaches are told in one sentence.
const TOLD: usize = 3;

/// The clauses of the contract, each with the breaches that are its own.
struct Clause {
    id: &'static str,
    title: &'static str,
    target: String,
    breaks: fn(&Breach) -> bool,
}

/// Judges schedule, number of attempts, client errors, identity and redirects.
pub(super) fn checks(analysis: &Analysis, gate: RetryGate, retries: &Retries) -> Vec<Check> {
    let contract = &analysis.header.retry;
    let schedule: Vec<String> = contract.backoff_ms.iter().map(|ms| seconds(*ms)).collect();
    let clauses = [
        Clause {
            id: "retry_schedule",
            title: "Retry schedule",
            target: format!("{} s, -{} ms +{} ms", schedule.join(" / "), gate.early_ms, gate.late_ms),
            breaks: |b| matches!(b, Breach::Gap { .. }),
        },
        Clause {
            id: "retry_attempts",
            title: "Retries stop",
            target: format!("{} attempts, then silence", contract.backoff_ms.len()),
            breaks: |b| matches!(b, Breach::TooFew { .. } | Breach::TooMany { .. }),
        },
        Clause {
            id: "client_error_abort",
            title: "4xx aborts",
            target: "one attempt, then silence".to_owned(),
            breaks: |b| matches!(b, Breach::RetriedClientError { .. }),
        },
        Clause {
            id: "retry_identity",
            title: "Retries are the same webhook",
            target: "same id, timestamp, signature and body".to_owned(),
            breaks: |b| matches!(b, Breach::Identity { .. }),
        },
        Clause {
            id: "redirects",
            title: "Redirects are not followed",
            target: "no request at the redirect's target".to_owned(),
            breaks: |b| matches!(b, Breach::Redirected { .. }),
        },
    ];
    clauses.iter().map(|clause| check(analysis, clause, retries)).collect()
}

#[expect(clippy::cast_precision_loss, reason = "counts below 2^52")]
fn check(analysis: &Analysis, clause: &Clause, retries: &Retries) -> Check {
    let n = exercised(analysis, clause.id, retries);
    let broken: Vec<&Breach> = retries.breaches.iter().filter(|b| (clause.breaks)(b)).collect();
    let unproven =
        n > 0 && matches!(clause.id, "retry_attempts" | "client_error_abort") && !retries.unproven.is_empty();
    let verdict = match (broken.len(), n, unproven) {
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
        Verdict::Pass => format!("kept in {n} of {n} deliveries that put it to the test"),
    };
    Check {
        id: clause.id.to_owned(),
        title: clause.title.to_owned(),
        target: clause.target.clone(),
        actual: (n > 0).then_some(broken.len() as f64),
        unit: "breaches".to_owned(),
        n,
        interval_95: None,
        verdict,
        text,
    }
}

/// How many deliveries put a clause to the test.
fn exercised(analysis: &Analysis, id: &str, retries: &Retries) -> u64 {
    let retried = retries.exercised.len() as u64;
    match id {
        "retry_schedule" => retries.exercised.iter().map(|f| f.gaps_us.iter().flatten().count() as u64).sum(),
        "client_error_abort" => retries.client_errors,
        "redirects" => {
            let redirected = |d: &&crate::analysis::Delivery| {
                d.elsewhere || d.tries.iter().any(|t| t.status.is_some_and(|s| s / 100 == 3))
            };
            analysis.own().filter(redirected).count() as u64
        }
        "retry_attempts" => retried - retries.client_errors.min(retried),
        _ => retries.exercised.iter().filter(|f| !f.gaps_us.is_empty()).count() as u64,
    }
}

fn told(broken: &[&Breach]) -> String {
    let mut told: Vec<String> = broken.iter().take(TOLD).map(|b| sentence(b)).collect();
    if broken.len() > TOLD {
        told.push(format!("and {} more", broken.len() - TOLD));
    }
    told.join("; ")
}

fn sentence(breach: &Breach) -> String {
    let number = breach.delivery();
    match breach {
        Breach::Gap { attempt, gap_us, wanted_us, .. } => format!(
            "delivery {number}: {} s before attempt {attempt}, not {}",
            seconds(gap_us / 1000),
            seconds(wanted_us / 1000)
        ),
        Breach::TooFew { attempts, .. } => format!("delivery {number}: {attempts} attempt(s) and no retry"),
        Breach::TooMany { attempts, .. } => format!("delivery {number}: {attempts} attempts"),
        Breach::RetriedClientError { status, .. } => format!("delivery {number}: tried again after {status}"),
        Breach::Identity { changed, .. } => format!("delivery {number}: {changed} changed between attempts"),
        Breach::Redirected { .. } => format!("delivery {number}: followed a redirect"),
    }
}

/// Milliseconds as seconds without trailing zeros.
#[expect(clippy::cast_precision_loss, reason = "a duration in ms below 2^52")]
fn seconds(ms: u64) -> String {
    format!("{}", ms as f64 / 1000.0)
}
