//! The one table of criteria: what is judged, in words and for machines, and in which kinds of run. A check is made from a
//! row of it, and whatever else speaks of a criterion (memo, page, JUnit, `pii_check`, checklists) speaks of the check.

use super::check::{Check, Verdict};
use record::RunKind;
use record::RunKind::{Load, Observe, Receive, Run};

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Criterion {
    /// Stable name, for machines.
    pub id: &'static str,
    /// What is counted or measured, for people.
    pub title: &'static str,
    /// The things that it is counted among, in a sentence.
    pub things: &'static str,
    /// Unit of the figure.
    pub unit: &'static str,
    /// The kinds of run that it applies to.
    pub kinds: &'static [RunKind],
}

macro_rules! criteria {
    ($($name:ident: $id:literal, $title:literal, $things:literal, $unit:literal, [$($kind:ident),*];)*) => {
        $(pub(crate) const $name: Criterion =
            Criterion { id: $id, title: $title, things: $things, unit: $unit, kinds: &[$($kind),*] };)*

        pub const CRITERIA: &[Criterion] = &[$($name),*];
    };
}

criteria! {
    RUN_COMPLETED: "run_completed", "Flows completed", "flows", "flows", [Run, Load];
    RECEIVER_ALONE: "run_completed", "Flows completed", "webhooks", "flows", [Receive];
    WINDOW_COMPLETED: "window_completed", "Window observed", "seconds", "s", [Observe];
    ROLLBACK: "rollback_triggers", "Rollback triggers", "triggers", "triggers", [Observe];
    SENDER_LOG: "sender_log", "Sender log vs arrivals", "webhooks", "contradictions", [Observe];
    LOG_ERRORS: "log_errors", "Errors in the application log", "lines", "errors", [Observe];
    LOG_LOST: "log_lost", "Webhooks lost (sender's log)", "lines about webhooks", "webhooks", [Observe];
    STEPS: "steps", "Failed steps", "steps", "steps", [Run, Load, Observe];
    SUCCESS_RATE: "success_rate", "Success rate", "webhooks due were accepted", "%", [Run, Load];
    SUCCESS_RATE_SEEN: "success_rate", "Success rate", "deliveries that ended were accepted", "%", [Receive, Observe];
    LOST: "lost", "Lost webhooks", "webhooks due", "webhooks", [Run, Load, Observe];
    LATE: "late", "Late webhooks", "webhooks due", "webhooks", [Run, Load, Observe];
    DUPLICATES: "duplicates", "Duplicate webhooks", "deliveries", "webhooks", [Run, Load, Receive, Observe];
    UNEXPECTED: "unexpected", "Unexpected webhooks", "deliveries", "webhooks", [Run, Load, Observe];
    ORDER: "order", "Webhooks out of order", "webhooks that had to follow another", "webhooks", [Run, Load, Observe];
    PAYLOADS: "payloads", "Payloads violating their schema", "webhooks with a schema", "webhooks", [Run, Load, Receive, Observe];
    EVENT_HEADER: "event_header", "Webhooks contradicting their profile", "deliveries", "webhooks", [Run, Load, Receive, Observe];
    REPEATED_KEYS: "repeated_keys", "Duplicate keys in a body", "deliveries", "webhooks", [Run, Load, Receive, Observe];
    UNREADABLE: "unreadable", "Unreadable webhooks", "deliveries", "webhooks", [Receive, Observe];
    SIGNATURES: "signatures", "Valid signatures", "attempts with a valid signature", "%", [Run, Load, Receive, Observe];
    RETRY_RATE: "retry_rate", "Retry rate", "deliveries retried", "%", [Run, Load, Receive, Observe];
    CLIENT_ERROR_RATE: "client_error_rate", "4xx rate", "attempts answered with 4xx", "%", [Run, Load, Receive, Observe];
    SERVER_ERROR_RATE: "server_error_rate", "5xx rate", "attempts answered with 5xx", "%", [Run, Load, Receive, Observe];
    LATENCY_P50: "latency_p50", "Delivery latency p50", "deliveries", "ms", [Run, Load, Receive, Observe];
    LATENCY_P95: "latency_p95", "Delivery latency p95", "deliveries", "ms", [Run, Load, Receive, Observe];
    DRIVEN_LATENCY_P50: "driven_latency_p50", "Latency p50 of driven webhooks", "driven deliveries", "ms", [Observe];
    DRIVEN_LATENCY_P95: "driven_latency_p95", "Latency p95 of driven webhooks", "driven deliveries", "ms", [Observe];
    PII: "pii", "Personal data in webhooks", "webhooks inspected", "findings", [Run, Load, Receive];
    PII_AND_LOG: "pii", "Personal data in webhooks and log", "webhooks inspected", "findings", [Observe];
    API_PII: "api_pii", "Personal data in API responses", "responses inspected", "findings", [Run, Load];
    RETRY_SCHEDULE: "retry_schedule", "Retries off schedule", "pauses", "breaches", [Run, Load, Receive, Observe];
    RETRY_ATTEMPTS: "retry_attempts", "Wrong numbers of attempts", "deliveries", "breaches", [Run, Load, Receive, Observe];
    CLIENT_ERROR_ABORT: "client_error_abort", "Retries after a 4xx", "deliveries", "breaches", [Run, Load, Receive, Observe];
    THROTTLE_POLICY: "throttle_policy", "Retries after 408 or 429", "deliveries", "breaches", [Run, Load, Receive, Observe];
    SUCCESS_ACCEPTED: "success_accepted", "Retries after a 2xx", "deliveries", "breaches", [Run, Load, Receive, Observe];
    RETRY_IDENTITY: "retry_identity", "Retries that change identity", "deliveries", "breaches", [Run, Load, Receive, Observe];
    REDIRECTS: "redirects", "Redirects followed", "deliveries", "breaches", [Run, Load, Receive, Observe];
    READ_TIMEOUT: "read_timeout", "Wrong timeouts (hang)", "attempts", "breaches", [Run, Load, Receive, Observe];
    ATTEMPT_DEADLINE: "attempt_deadline", "Wrong timeouts (drip)", "attempts", "breaches", [Run, Load, Receive, Observe];
    CIRCUIT_BREAKER: "circuit_breaker", "Circuit breaker faults", "deliveries", "breaches", [Run, Load, Receive, Observe];
    SENDER_CONTRACT: "sender_contract", "Broken clauses of the sender contract", "clauses", "clauses", [Run];
    LOAD_COMPLETED: "load_completed", "Completed shards", "shards", "shards", [Load];
    GENERATOR_LAG: "generator_lag_p99", "Generator lag p99", "starts", "ms", [Load];
    LOAD_OFFERED: "load_offered", "Starts not made", "starts", "starts", [Load];
    GENERATOR_RESOURCES: "generator_resources", "Generator failures", "requests", "requests", [Load];
    LOAD_SUCCESS_RATE: "success_rate", "Success rate", "starts succeeded", "%", [Load];
    LOAD_CLIENT_ERRORS: "client_error_rate", "4xx rate", "requests answered with 4xx", "%", [Load];
    LOAD_SERVER_ERRORS: "server_error_rate", "5xx rate", "requests answered with 5xx", "%", [Load];
    RESPONSE_P50: "latency_p50", "Response time p50", "response times", "ms", [Load];
    RESPONSE_P95: "latency_p95", "Response time p95", "response times", "ms", [Load];
    RESPONSE_P99: "latency_p99", "Response time p99", "response times", "ms", [Load];
    SERVICE_P50: "latency_p50", "Service time p50 (closed)", "service times", "ms", [Load];
    SERVICE_P95: "latency_p95", "Service time p95 (closed)", "service times", "ms", [Load];
    SERVICE_P99: "latency_p99", "Service time p99 (closed)", "service times", "ms", [Load];
}

/// Criteria of which there is no check while nothing is wrong.
pub(crate) const ONLY_WHILE_BROKEN: [Criterion; 3] = [EVENT_HEADER, REPEATED_KEYS, UNREADABLE];

/// Whether the criterion of a check is asked of runs of this kind.
pub(super) fn is_asked_of(kind: RunKind, check: &Check) -> bool {
    CRITERIA.iter().any(|row| row.id == check.id && row.title == check.title && row.applies_to(kind))
}

impl Criterion {
    /// Whether it is asked of runs of this kind.
    #[must_use]
    pub fn applies_to(&self, kind: RunKind) -> bool {
        self.kinds.contains(&kind)
    }

    /// Whether an observation asks it only of what it drives itself.
    #[must_use]
    pub fn is_about_driven_traffic(&self) -> bool {
        [STEPS, LOST, LATE, UNEXPECTED, DRIVEN_LATENCY_P50, DRIVEN_LATENCY_P95].iter().any(|row| row == self)
    }

    /// The check of it, without a figure.
    pub(super) fn check(
        &self,
        target: impl Into<String>,
        verdict: Verdict,
        text: impl Into<String>,
    ) -> Check {
        Check {
            id: self.id.to_owned(),
            title: self.title.to_owned(),
            target: target.into(),
            actual: None,
            unit: self.unit.to_owned(),
            n: 0,
            interval_95: None,
            verdict,
            text: text.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_fits_the_table_and_says_no_verdict() {
        for row in CRITERIA {
            assert!(row.title.len() <= 40, "{}", row.title);
            assert!(!row.title.starts_with("No"), "{}: a title says what is counted", row.title);
            assert!(!row.kinds.is_empty() && !row.things.is_empty() && !row.unit.is_empty());
        }
    }

    #[test]
    fn a_run_that_asks_for_nothing_has_nothing_lost_late_or_unexpected() {
        let of = |kind| CRITERIA.iter().filter(|c| c.applies_to(kind)).map(|c| c.id).collect::<Vec<_>>();
        for id in ["steps", "lost", "late", "unexpected", "api_pii"] {
            assert!(!of(Receive).contains(&id) && of(Run).contains(&id), "{id}");
        }
        // An observation asks it of what it drives.
        assert!(UNEXPECTED.is_about_driven_traffic());
    }
}
