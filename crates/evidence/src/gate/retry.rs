//! Checks of the retry contract.

use super::check::{Check, Verdict};
use super::criteria::{
    ATTEMPT_DEADLINE, CLIENT_ERROR_ABORT, Criterion, READ_TIMEOUT, REDIRECTS, RETRY_ATTEMPTS, RETRY_IDENTITY,
    RETRY_SCHEDULE, SUCCESS_ACCEPTED, THROTTLE_POLICY,
};
use crate::analysis::seconds;
use record::{ClauseStats, Header, IdentityPolicy, RetryAfterPolicy, RetryContract};
use std::collections::BTreeMap;

/// Judges schedule, number of attempts, client errors, identity, redirects and deadline by what was seen of each, under the
/// id of its check.
pub(super) fn checks(header: &Header, seen: &BTreeMap<String, ClauseStats>) -> Vec<Check> {
    let none = ClauseStats::default();
    let of = |(of, target): (Criterion, String)| {
        let mut check = check(of, target, seen.get(of.id).unwrap_or(&none));
        if check.verdict == Verdict::Fail {
            check.text.push_str(&advice(header, of));
        }
        check
    };
    clauses(header).into_iter().map(of).collect()
}

/// Where the declared figure comes from, since either side may be the wrong one.
fn advice(header: &Header, of: Criterion) -> String {
    let either = "set the sender's to it, or tell smoke the sender's";
    let (attempts, timeout) = match &header.sender {
        Some(sender) => {
            let place = |key: &str| format!("`{key}` of the profile {}", pii::shown(&sender.name));
            (place("retry"), place("limits.timeout"))
        }
        None => ("WEBHOOK_MAX_RETRIES, or backoff_ms in the gates".to_owned(), "WEBHOOK_TIMEOUT".to_owned()),
    };
    match of {
        RETRY_ATTEMPTS => {
            format!(". smoke was told {} attempts ({attempts}): {either}", header.retry.backoff_ms.len())
        }
        READ_TIMEOUT | ATTEMPT_DEADLINE => {
            format!(". smoke was told {} s ({timeout}): {either}", seconds(header.webhook.timeout_ms))
        }
        REDIRECTS => {
            ". Webhooks must be posted to their endpoint and nowhere else (requests: allow_redirects=False)"
                .to_owned()
        }
        _ => String::new(),
    }
}

/// Each clause with its target.
fn clauses(header: &Header) -> [(Criterion, String); 9] {
    let contract = &header.retry;
    let again = |aborts: bool| match (aborts, contract.goes_on(1)) {
        (true, _) | (_, false) => "one attempt, then silence",
        (false, true) => "tried again",
    };
    let throttled = if contract.aborts(429) { "abort" } else { "retry" };
    let throttled = if contract.goes_on(1) { throttled } else { "one attempt" };
    let attempts = match contract.backoff_ms.len() {
        _ if contract.endless => "attempts without end".to_owned(),
        1 => "1 attempt, then silence".to_owned(),
        n => format!("{n} attempts, then silence"),
    };
    let redirects =
        if contract.follows_redirects { "policy: follow" } else { "no request at the redirect's target" };
    [
        (RETRY_SCHEDULE, schedule(contract)),
        (RETRY_ATTEMPTS, attempts),
        (CLIENT_ERROR_ABORT, again(contract.aborts(400)).to_owned()),
        (THROTTLE_POLICY, format!("policy: {throttled}")),
        (SUCCESS_ACCEPTED, "every 2xx ends it".to_owned()),
        (RETRY_IDENTITY, identity(contract.identity).to_owned()),
        (REDIRECTS, redirects.to_owned()),
        (READ_TIMEOUT, format!("{} s without a byte", seconds(header.webhook.timeout_ms))),
        (ATTEMPT_DEADLINE, format!("{} s in all", seconds(header.webhook.timeout_ms))),
    ]
}

fn schedule(contract: &RetryContract) -> String {
    let pauses: Vec<String> = contract.backoff_ms.iter().map(|ms| seconds(*ms)).collect();
    let policy = match contract.retry_after {
        RetryAfterPolicy::Ignore => "",
        RetryAfterPolicy::Honour => ", Retry-After honoured",
    };
    let jitter = match contract.jitter_percent {
        0 => String::new(),
        share => format!(" ±{share} %"),
    };
    format!("{} s{jitter}, -{} ms +{} ms{policy}", pauses.join(" / "), contract.early_ms, contract.late_ms)
}

const fn identity(policy: IdentityPolicy) -> &'static str {
    match policy {
        IdentityPolicy::Same => "same id, timestamp, signature and body",
        IdentityPolicy::TimestampPerAttempt => "same id and body, a timestamp per attempt",
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts below 2^52")]
fn check(of: Criterion, target: String, seen: &ClauseStats) -> Check {
    let ClauseStats { n, broken, unwatched, .. } = *seen;
    let verdict = match (broken, n, unwatched) {
        (1.., ..) => Verdict::Fail,
        (0, 0, _) => Verdict::NotExercised,
        (0, _, 1..) => Verdict::Unproven,
        (0, _, 0) => Verdict::Pass,
    };
    let text = match verdict {
        Verdict::Fail => told(seen),
        Verdict::NotExercised => {
            "nothing in this run put it to the test; inject a fault to see it".to_owned()
        }
        Verdict::Unproven => format!(
            "{unwatched} deliveries were not watched to their end, or cannot be told from others with the same content and no \
             id (give rows whose webhooks differ)"
        ),
        Verdict::Pass if seen.told.is_empty() => format!("kept in {n} of {n} cases that put it to the test"),
        Verdict::Pass => {
            format!("kept in {n} of {n} cases that put it to the test: {}", seen.told.join("; "))
        }
    };
    Check { actual: (n > 0 || broken > 0).then_some(broken as f64), n, ..of.check(target, verdict, text) }
}

fn told(seen: &ClauseStats) -> String {
    let more = seen.broken.saturating_sub(seen.told.len() as u64);
    let more = (more > 0).then(|| format!("and {more} more"));
    seen.told.iter().cloned().chain(more).collect::<Vec<_>>().join("; ")
}
