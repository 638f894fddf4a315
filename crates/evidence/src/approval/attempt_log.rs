//! Retry logs, as lines or as objects, whose times contradict the schedule.

use super::document::{Document, number, shown};
use super::figures::contract;
use super::judgement::Findings;
use super::times;
use record::{RetryAfterPolicy, RetryContract};
use regex::Regex;
use serde_json::Value;
use std::sync::LazyLock;

/// How long an attempt of a log that smoke did not write may have taken before its pause began, ms (docs/deltacrown.md section 8).
const TIMEOUT_MS: f64 = 10_000.0;

/// One attempt of a log.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Entry {
    /// From 1.
    attempt: u64,
    /// On whatever scale, ms.
    at_ms: f64,
    /// Resolution of the scale, ms.
    tick_ms: f64,
    /// What it was answered, where the log says.
    status: Option<u16>,
    /// The seconds of `Retry-After` that it was answered with, where the log says.
    retry_after: Option<u32>,
}

/// What a log is held against.
struct Promised {
    contract: RetryContract,
    /// How long an attempt may have taken before its pause began, ms; `None` where that is not asked.
    attempt_ms: Option<f64>,
}

pub(super) fn check(document: &Document<'_>, found: &mut Findings) {
    let promised = Promised {
        contract: contract(document),
        // One of smoke's own says how long each pause was, which is held against the contract by itself.
        attempt_ms: (!document.is_own()).then_some(TIMEOUT_MS),
    };
    for node in &document.nodes {
        let entries = match node.value {
            Value::Array(list) => list.iter().map(entry).collect::<Vec<_>>(),
            Value::String(text) if text.lines().count() > 1 => text.lines().map(line).collect(),
            Value::Object(_) => {
                delivery(&node.pointer, node.value, &promised.contract, found);
                continue;
            }
            _ => continue,
        };
        gaps(&node.pointer, &entries, &promised, found);
    }
}

/// Compares each attempt with the one before it, as long as their numbers follow each other.
#[expect(clippy::cast_precision_loss, reason = "pauses in ms")]
fn gaps(pointer: &str, entries: &[Option<Entry>], promised: &Promised, found: &mut Findings) {
    let Promised { contract, attempt_ms } = promised;
    let mut latest: Option<Entry> = None;
    for entry in entries.iter().flatten() {
        if let Some(before) = latest.filter(|b| b.attempt.checked_add(1) == Some(entry.attempt)) {
            ended(pointer, before, contract, found);
            let attempt = usize::try_from(before.attempt).unwrap_or(usize::MAX);
            let wanted = contract.gap_ms(attempt, before.retry_after);
            let (gap, tick) = (entry.at_ms - before.at_ms, entry.tick_ms);
            let Some(wanted) = wanted else {
                found.add(
                    "too_many_attempts",
                    format!(
                        "{pointer} logs attempt {}, but the schedule has {}",
                        entry.attempt,
                        contract.attempts()
                    ),
                );
                return;
            };
            let (early, late) = contract.window_ms(wanted);
            let is_late = attempt_ms.is_some_and(|attempt| gap > late as f64 + attempt + tick);
            if gap + tick < early as f64 || is_late {
                found.add(
                    "retry_log_contradicts_schedule",
                    format!(
                        "{pointer} logs {} s between attempts {} and {}, but the schedule says {} s",
                        shown(gap / 1000.0),
                        before.attempt,
                        entry.attempt,
                        shown(wanted as f64 / 1000.0)
                    ),
                );
            }
        }
        // Several lines about the same attempt count from the last of them.
        let same = latest.filter(|b| b.attempt == entry.attempt);
        latest = Some(Entry {
            status: entry.status.or(same.and_then(|b| b.status)),
            retry_after: entry.retry_after.or(same.and_then(|b| b.retry_after)),
            ..*entry
        });
    }
}

/// No attempt follows one that ended the delivery: accepted, or refused for good by the sender's contract (408 and 429 are left to
/// policy where it says nothing else than the usual).
fn ended(pointer: &str, before: Entry, contract: &RetryContract, found: &mut Findings) {
    let Some(status) = before.status else { return };
    let open = contract.is_usual() && matches!(status, 408 | 429);
    let kind = match status {
        200 | 201 | 202 | 204 if contract.succeeds(status) => "retried_after_success",
        400..=499 if contract.aborts(status) && !open => "client_error_retried",
        _ => return,
    };
    found.add(
        kind,
        format!(
            "{pointer} logs attempt {} after attempt {} was answered with {status}, which ends a delivery",
            before.attempt + 1,
            before.attempt
        ),
    );
}

/// A log entry: a line, or an object with a number and a time.
fn entry(value: &Value) -> Option<Entry> {
    let object = match value {
        Value::String(text) => return line(text),
        Value::Object(object) => object,
        _ => return None,
    };
    let of = |names: &[&str]| names.iter().find_map(|n| object.get(*n));
    let attempt = of(&["attempt", "attempt_number", "attempt_no"])?.as_u64()?;
    let status = of(&["status_code", "response_code", "http_status", "status"]).and_then(Value::as_u64);
    let status = status.and_then(|status| u16::try_from(status).ok());
    let retry_after = of(&["fault"]).and_then(Value::as_str).and_then(retry_after);
    if let Some(offset) = of(&["offset_ms", "elapsed_ms", "time_ms"]).and_then(number) {
        return Some(Entry { attempt, at_ms: offset, tick_ms: 1.0, status, retry_after });
    }
    let seconds = of(&["offset_s", "offset_seconds", "elapsed_s", "elapsed_seconds"]).and_then(number);
    if let Some(offset) = seconds {
        return Some(Entry {
            attempt,
            at_ms: offset * 1000.0,
            tick_ms: if offset.fract() == 0.0 { 1000.0 } else { 10.0 },
            status,
            retry_after,
        });
    }
    let text = of(&["timestamp", "time", "at", "sent_at"])?.as_str()?;
    time_ms(text).map(|(at_ms, tick_ms)| Entry { attempt, at_ms, tick_ms, status, retry_after })
}

#[expect(clippy::expect_used, reason = "constant patterns, which the tests compile")]
fn line(text: &str) -> Option<Entry> {
    static ATTEMPT: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"(?i)\battempt[ =:#]*(\d{1,3})").expect("a constant pattern"));
    static TIME: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(\d{4}-\d\d-\d\d[T ])?\d\d:\d\d:\d\d([.,]\d{1,9})?(Z|[+-]\d\d:\d\d)?")
            .expect("a constant pattern")
    });
    static STATUS: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?i)(?:http(?:/1\.1)? |status[ =:]+|answered |/\d: )([1-5]\d\d)\b")
            .expect("a constant pattern")
    });
    let attempt = ATTEMPT.captures(text)?.get(1)?.as_str().parse().ok()?;
    let (at_ms, tick_ms) = time_ms(TIME.find(text)?.as_str())?;
    let status = STATUS.captures(text).and_then(|c| c.get(1)?.as_str().parse().ok());
    Some(Entry { attempt, at_ms, tick_ms, status, retry_after: retry_after(text) })
}

/// The seconds of `Retry-After` that a line, or the name of a fault, says.
#[expect(clippy::expect_used, reason = "constant patterns, which the tests compile")]
pub(super) fn retry_after(text: &str) -> Option<u32> {
    static RETRY_AFTER: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"(?i)\bretry-after[=: ]+(\d{1,9})\b").expect("a constant pattern"));
    RETRY_AFTER.captures(text)?.get(1)?.as_str().parse().ok()
}

/// A time of day or a whole time, and its resolution.
#[expect(clippy::cast_precision_loss, reason = "ms since 1970 are below 2^52")]
fn time_ms(text: &str) -> Option<(f64, f64)> {
    let text = text.replace(',', ".");
    let tick = if text.contains('.') { 1.0 } else { 1000.0 };
    let whole = if text.len() > 10 && text.as_bytes().get(4) == Some(&b'-') {
        text
    } else {
        format!("2000-01-01T{text}")
    };
    times::parse(&whole).map(|time| (time.timestamp_millis() as f64, tick))
}

/// An object that says how many attempts a delivery took, and how long.
#[expect(clippy::cast_precision_loss, reason = "pauses in ms")]
fn delivery(pointer: &str, value: &Value, contract: &RetryContract, found: &mut Findings) {
    let of = |names: &[&str]| names.iter().find_map(|n| value.get(*n)).and_then(number);
    let attempts = of(&["attempts", "attempt_count", "total_attempts"])
        .or_else(|| Some(of(&["retry_count", "retries"])? + 1.0));
    let latency = of(&["latency_ms", "total_latency_ms", "total_duration_ms", "delivery_latency_ms"]);
    let (Some(attempts), Some(latency)) =
        (attempts.filter(|a| (2.0..=20.0).contains(a) && a.fract() == 0.0), latency)
    else {
        return;
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "2 to 20")]
    let pauses = (1..attempts as usize).filter_map(|attempt| contract.gap_ms(attempt, None));
    let pauses = pauses.filter(|_| contract.retry_after != RetryAfterPolicy::Exact);
    let least = pauses.map(|pause| contract.window_ms(pause).0).fold(0, u64::saturating_add) as f64;
    if latency < least {
        found.add(
            "retries_faster_than_backoff",
            format!(
                "{pointer} took {attempts} attempts in {} ms, but the pauses between them alone take {} ms",
                shown(latency),
                shown(least)
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn kinds(root: &Value) -> Vec<String> {
        let mut found = Findings::default();
        check(&Document::new(root), &mut found);
        found.0.into_iter().map(|f| f.sentence).collect()
    }

    #[test]
    fn a_log_with_gaps_of_0_and_4_seconds_is_none_of_this_sender() {
        let log = json!({"retry_log": [
            "2025-11-13 14:30:00 Webhook delivery attempt 1/3: 503",
            "2025-11-13 14:30:00 Webhook delivery attempt 2/3: 503",
            "2025-11-13 14:30:04 Webhook delivery attempt 3/3: 200",
        ]});
        let found = kinds(&log);
        assert_eq!(found, ["/retry_log logs 0 s between attempts 1 and 2, but the schedule says 2 s"]);
        let objects = json!([{"attempt": 1, "offset_ms": 0}, {"attempt": 2, "offset_ms": 100}]);
        assert_eq!(kinds(&objects).len(), 1);
        assert_eq!(kinds(&json!("[14:30:00] attempt 1\n[14:30:20] attempt 2")).len(), 1);
    }

    #[test]
    fn the_real_schedule_is_left_alone() {
        let log = json!([
            "2025-11-13T14:30:00.000Z payment_verified attempt 1/3: answered 503",
            "2025-11-13T14:30:02.003Z payment_verified attempt 2/3: answered 503",
            "2025-11-13T14:30:06.006Z payment_verified attempt 3/3: answered 200",
            "2025-11-13T14:30:06.100Z payment_verified attempt 1/3: answered 200",
        ]);
        assert_eq!(kinds(&log), [""; 0]);
    }

    /// An artifact of smoke's own about a sender with this contract, with the attempts of a delivery: offset ms, status, fault.
    fn own(contract: &record::RetryContract, attempts: &[(u64, u16, Option<&str>)]) -> Value {
        let attempt = |(i, (at, status, fault)): (usize, &(u64, u16, Option<&str>))| {
            let before = i.checked_sub(1).and_then(|i| attempts.get(i));
            json!({"attempt": i + 1, "offset_ms": at, "gap_ms": before.map(|(b, ..)| at - b), "status": status, "fault": fault})
        };
        let attempts: Vec<Value> = attempts.iter().enumerate().map(attempt).collect();
        json!({
            "schema_version": 1, "provenance": {}, "retry": {"breaches": 0, "contract": contract},
            "fault_injection": {"deliveries": [{"attempts": attempts}]},
        })
    }

    fn all_kinds(root: &Value) -> Vec<String> {
        let mut found = Findings::default();
        let document = Document::new(root);
        check(&document, &mut found);
        super::super::own_shape::check(&document, &mut found);
        found.0.into_iter().map(|f| f.kind).collect()
    }

    /// Alertmanager, MLflow and a registry of images, as they behave: jitter, unlimited attempts, `Retry-After`, 4xx tried again.
    #[test]
    fn attempts_are_held_against_what_their_own_sender_promises() {
        use record::{RetryAfterPolicy, RetryContract, StatusSet};
        let of = |backoff_ms: &[u64]| RetryContract {
            backoff_ms: backoff_ms.to_vec(),
            ..RetryContract::one_attempt()
        };
        let jitters = RetryContract { jitter_percent: 50, endless: true, ..of(&[0, 500, 750]) };
        let course =
            [(0, 503, None), (380, 503, None), (800, 503, None), (1900, 503, None), (2900, 200, None)];
        assert_eq!(all_kinds(&own(&jitters, &course)), [""; 0]);
        // A hang of a sender without a time-out takes as long as it takes: the pause behind it is what counts.
        let mut hung = own(&jitters, &[(0, 503, None), (30_500, 200, None)]);
        hung["fault_injection"]["deliveries"][0]["attempts"][1]["gap_ms"] = json!(480);
        assert_eq!(all_kinds(&hung), [""; 0]);
        let too_soon = ["retry_log_contradicts_schedule"; 2];
        assert_eq!(all_kinds(&own(&jitters, &[(0, 503, None), (100, 200, None)])), too_soon);
        let ended = RetryContract { endless: false, ..jitters };
        assert_eq!(all_kinds(&own(&ended, &course)), ["too_many_attempts"]);

        let asked = Some("503:retry-after=3");
        let exact = RetryContract { retry_after: RetryAfterPolicy::Exact, ..of(&[0, 0, 2000]) };
        assert_eq!(all_kinds(&own(&exact, &[(0, 503, asked), (3001, 200, None)])), [""; 0]);
        assert_eq!(all_kinds(&own(&exact, &[(0, 503, asked), (10, 200, None)])), too_soon);
        let deaf = of(&[0, 0, 2000]);
        assert_eq!(all_kinds(&own(&deaf, &[(0, 503, asked), (3001, 200, None)])), too_soon[..1]);

        let refused = [(0, 400, Some("400")), (4, 200, None)];
        let all_again = RetryContract { aborts: Some(StatusSet::default()), ..deaf.clone() };
        assert_eq!(all_kinds(&own(&all_again, &refused)), [""; 0]);
        assert_eq!(all_kinds(&own(&deaf, &refused)), ["client_error_retried"]);
    }

    /// Without an id they may be those of two webhooks: the retry contract is unproven then, and the artifact says so.
    #[test]
    fn attempts_that_the_artifact_calls_unproven_contradict_nothing() {
        let swapped = [(0, 503, None), (4000, 503, None), (6000, 200, None)];
        let mut root = own(&RetryContract::default(), &swapped);
        for (unproven, contradictions) in [(0, true), (1, false)] {
            root["retry"]["unproven"] = json!(unproven);
            let mut found = Findings::default();
            let now = chrono::Utc::now();
            super::super::arithmetic::contradictions(&Document::new(&root), now, None, &mut found);
            let of_log = found.0.iter().any(|f| f.kind == "retry_log_contradicts_schedule");
            assert_eq!(of_log, contradictions, "{unproven}");
        }
    }

    #[test]
    fn nothing_follows_an_attempt_that_ended_the_delivery() {
        let found =
            kinds(&json!("[14:35:22] Attempt 1/3: HTTP 400 Bad Request\n[14:35:24] Attempt 2/3: HTTP 200"));
        assert_eq!(found, [" logs attempt 2 after attempt 1 was answered with 400, which ends a delivery"]);
        let found = kinds(&json!([
            {"attempt": 1, "offset_ms": 0, "status_code": 200},
            {"attempt": 2, "offset_ms": 2001, "status_code": 200}
        ]));
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn a_retried_delivery_cannot_be_fast() {
        assert_eq!(kinds(&json!({"event": "x", "attempts": 3, "latency_ms": 900})).len(), 1);
        assert_eq!(kinds(&json!({"event": "x", "retry_count": 1, "latency_ms": 1200})).len(), 1);
        assert_eq!(kinds(&json!({"event": "x", "attempts": 2, "latency_ms": 2010})), [""; 0]);
        assert_eq!(kinds(&json!({"event": "x", "attempts": 1, "latency_ms": 10})), [""; 0]);
    }
}
