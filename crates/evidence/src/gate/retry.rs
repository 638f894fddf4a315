//! Checks of the retry contract.

use super::check::{Check, Verdict};
use super::criteria::{
    ATTEMPT_DEADLINE, CLIENT_ERROR_ABORT, Criterion, READ_TIMEOUT, REDIRECTS, RETRY_ATTEMPTS, RETRY_IDENTITY,
    RETRY_SCHEDULE, SUCCESS_ACCEPTED, THROTTLE_POLICY,
};
use crate::analysis::seconds;
use crate::figure::counted;
use record::{ClauseStats, Header, IdentityPolicy, RetryAfterPolicy, RetryContract};
use std::collections::BTreeMap;

/// Judges schedule, number of attempts, client errors, identity, redirects and deadline by what was seen of each, under the
/// id of its check.
pub(super) fn checks(header: &Header, seen: &BTreeMap<String, ClauseStats>) -> Vec<Check> {
    let none = ClauseStats::default();
    let of = |(of, target): (Criterion, String)| {
        let mut check = check(of, target, seen.get(of.id).unwrap_or(&none));
        if check.verdict == Verdict::Fail {
            check.text.push_str(&advice(header, of, seen.get(of.id).unwrap_or(&none)));
        }
        check
    };
    clauses(header).into_iter().map(of).collect()
}

/// Where the declared figure comes from, since either side may be the wrong one.
fn advice(header: &Header, of: Criterion, seen: &ClauseStats) -> String {
    let either = "change the sender's setting, or tell smoke the real one";
    let names = &header.scheme.spec().settings;
    match of {
        RETRY_ATTEMPTS => {
            let name = names.attempts.as_deref().unwrap_or("the profile's `retry`");
            let attempts = header.retry.backoff_ms.len();
            // The number holds whatever the response was.
            let others = "; other deliveries kept to it, so it may be about what this one was answered with";
            let others = if seen.broken < seen.n { others } else { "" };
            format!(
                ". smoke was told {attempts} attempts ({name}, or backoff_ms in the gates): {either}{others}"
            )
        }
        READ_TIMEOUT | ATTEMPT_DEADLINE => {
            let name = names.timeout.as_deref().unwrap_or("the profile's `limits`");
            let of_reads =
                "; a time-out of each read, as that of Python's requests, does not limit the attempt in all";
            let of_reads = if of == ATTEMPT_DEADLINE { of_reads } else { "" };
            format!(". smoke was told {} s ({name}): {either}{of_reads}", seconds(header.webhook.timeout_ms))
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
    let timeout = |what: &str| match contract.without_timeout {
        true => "policy: no timeout".to_owned(),
        false => format!("{} s {what}", seconds(header.webhook.timeout_ms)),
    };
    let attempts = match contract.endless {
        true => "unlimited attempts".to_owned(),
        false if contract.backoff_ms.len() == 1 => "1 attempt, then silence".to_owned(),
        false => format!("{} attempts, then silence", contract.backoff_ms.len()),
    };
    let aborts = match &contract.aborts {
        Some(statuses) if !statuses.is_empty() && contract.goes_on(1) => format!("silence after {statuses}"),
        _ if contract.aborts(400) || !contract.goes_on(1) => "one attempt, then silence".to_owned(),
        _ => "retried".to_owned(),
    };
    let redirects =
        if contract.follows_redirects { "policy: follow" } else { "no request to the redirect's target" };
    [
        (RETRY_SCHEDULE, schedule(contract)),
        (RETRY_ATTEMPTS, attempts),
        (CLIENT_ERROR_ABORT, aborts),
        (THROTTLE_POLICY, throttled(contract)),
        (SUCCESS_ACCEPTED, success(contract)),
        (RETRY_IDENTITY, identity(contract.identity).to_owned()),
        (REDIRECTS, redirects.to_owned()),
        (READ_TIMEOUT, timeout("without a byte")),
        (ATTEMPT_DEADLINE, timeout("in all")),
    ]
}

/// What 408 and 429 do, apart where the sender tells them apart.
fn throttled(contract: &RetryContract) -> String {
    if !contract.goes_on(1) {
        return "policy: one attempt".to_owned();
    }
    let does = |status| if contract.aborts(status) { "abort" } else { "retry" };
    match (does(408), does(429)) {
        (both, other) if both == other => format!("policy: {both}"),
        (first, second) => format!("policy: 408 {first}, 429 {second}"),
    }
}

fn success(contract: &RetryContract) -> String {
    if contract.success.is_empty() {
        "every 2xx ends it".to_owned()
    } else {
        format!("{} end it", contract.success)
    }
}

fn schedule(contract: &RetryContract) -> String {
    let pauses: Vec<String> = contract.backoff_ms.iter().map(|ms| seconds(*ms)).collect();
    let policy = match contract.retry_after {
        RetryAfterPolicy::Ignore => "",
        RetryAfterPolicy::Honour => ", Retry-After honoured",
        RetryAfterPolicy::Exact => ", or exactly Retry-After",
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
        IdentityPolicy::TimestampPerAttempt => "same id and body, new timestamp per attempt",
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
        Verdict::NotExercised => "nothing in this run tested it; inject a fault to see it".to_owned(),
        Verdict::Unproven if !seen.told.is_empty() => seen.told.join("; "),
        Verdict::Unproven => format!(
            "{} not watched from the first attempt to the end, with an attempt that may have been lost on its way (the sender's log tells), \
             or, without an id, not to be told from another webhook with the same content (give rows whose webhooks differ, and that \
             nobody else uses meanwhile)",
            counted(unwatched, "deliveries")
        ),
        Verdict::Pass if seen.told.is_empty() => format!("kept in {n} of {n} cases that tested it"),
        Verdict::Pass => {
            format!("kept in {n} of {n} cases that tested it: {}", seen.told.join("; "))
        }
    };
    Check { actual: (n > 0 || broken > 0).then_some(broken as f64), n, ..of.check(target, verdict, text) }
}

fn told(seen: &ClauseStats) -> String {
    let more = seen.broken.saturating_sub(seen.told.len() as u64);
    let more = (more > 0).then(|| format!("and {more} more"));
    seen.told.iter().cloned().chain(more).collect::<Vec<_>>().join("; ")
}
