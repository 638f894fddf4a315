//! What a receiver counts, as Prometheus (OpenMetrics) text. Names: docs/deltacrown.md section 6, the staging guide's.

use super::untold::Untold;
use crate::inbox::{Ended, Observer, Outcome};
use crate::journal::IntactMark;
use pii::Category;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use record::Ending;
use record::Tick;
use signature::Reason;
use std::collections::HashSet;
use std::fmt::{self, Write as _};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Upper bounds in seconds: those of the real sender's metrics.py from 0.1 on, and finer ones below.
const BUCKETS: [f64; 13] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0];
/// Deliveries with more attempts than this are counted as one group.
const MOST_ATTEMPTS: u32 = 10;

type Labelled = Family<[(&'static str, String); 1], Counter>;

/// The counters of a receiver.
pub struct Metrics {
    registry: Registry,
    families: Families,
    latency: Histogram,
    counters: Counters,
    /// What is to be said on stderr.
    notices: Mutex<Vec<String>>,
    journal: Gauge,
    writable: AtomicBool,
    /// How far the system's clock is from where it was at the start, in ms.
    clock_ahead_ms: AtomicI64,
    untold: Untold,
    usual: Usual,
}

/// Counters with a label.
struct Families {
    deliveries: Labelled,
    attempts: Labelled,
    by_attempts: Labelled,
    errors: Labelled,
    signatures: Labelled,
    signature_failures: Labelled,
    pii: Labelled,
    refused: Labelled,
}

/// Counters without one.
struct Counters {
    inspected: Counter,
    unwritten: Counter,
    undiagnosed: Counter,
    wrong_tokens: Counter,
    strangers: Counter,
    not_kept: Counter,
    parts_removed: Counter,
}

/// What most webhooks count, so that it need not be looked for by its labels.
struct Usual {
    valid: Counter,
    answered_200: Counter,
    delivered: Counter,
    at_once: Counter,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

fn writable_gauge(registry: &mut Registry) -> Gauge {
    let journal = Gauge::default();
    registry.register("webhook_journal_writable", "1 while the journal can be written", journal.clone());
    journal.set(1);
    journal
}

impl Families {
    fn new(registry: &mut Registry) -> Self {
        let mut family = |name: &str, help: &str| {
            let family = Labelled::default();
            registry.register(name, help, family.clone());
            family
        };
        Self {
            deliveries: family("webhook_deliveries", "Deliveries that ended, by how they ended"),
            attempts: family("webhook_delivery_attempts", "Attempts, by the status that the sender saw"),
            by_attempts: family(
                "webhook_deliveries_by_attempts",
                "Deliveries that ended, by number of attempts",
            ),
            errors: family("webhook_delivery_errors", "Attempts that failed, by class"),
            signatures: family("webhook_signature_checks", "Attempts, by verification result"),
            signature_failures: family(
                "webhook_signature_failures",
                "Attempts that did not verify, by reason",
            ),
            pii: family("webhook_pii_findings", "Findings of personal data in webhooks, by category"),
            refused: family("webhook_requests_refused", "Requests that were not webhooks"),
        }
    }
}

impl Counters {
    fn new(registry: &mut Registry) -> Self {
        let mut counter = |name: &str, help: &str| {
            let counter = Counter::default();
            registry.register(name, help, counter.clone());
            counter
        };
        Self {
            inspected: counter("webhook_pii_inspected", "Webhooks inspected for personal data"),
            unwritten: counter(
                "webhook_journal_failures",
                "Webhooks answered with 503 because the journal could not be written",
            ),
            undiagnosed: counter(
                "webhook_diagnoses_skipped",
                "Attempts with an invalid signature that were not diagnosed: there were too many",
            ),
            wrong_tokens: counter(
                "webhook_token_failures",
                "Requests to token-protected paths without the token",
            ),
            strangers: counter(
                "webhook_unauthenticated_requests",
                "Requests without a valid signature and no sign of being the sender's; included in the failed checks",
            ),
            not_kept: counter(
                "webhook_unauthenticated_not_kept",
                "Requests without a valid signature that were counted but not journaled: there were too many",
            ),
            parts_removed: counter("webhook_journal_parts_removed", "Journal parts removed by --keep"),
        }
    }
}

impl Metrics {
    /// All at zero.
    #[must_use]
    pub fn new() -> Self {
        Self::of_journal(None)
    }

    /// All at zero, for a journal that has all that it should as long as it is marked so.
    pub(super) fn of_journal(mark: Option<IntactMark>) -> Self {
        let mut registry = Registry::default();
        let families = Families::new(&mut registry);
        let latency = Histogram::new(BUCKETS);
        registry.register(
            "webhook_delivery_latency_seconds",
            "From the first byte of the first attempt to the end of the accepting response",
            latency.clone(),
        );
        let counters = Counters::new(&mut registry);
        let journal = writable_gauge(&mut registry);
        let usual = Usual {
            valid: one(&families.signatures, "result", "valid"),
            answered_200: one(&families.attempts, "code", "200"),
            delivered: one(&families.deliveries, "status", status(Outcome::Delivered)),
            at_once: one(&families.by_attempts, "attempts", "1"),
        };
        let metrics = Self {
            registry,
            families,
            latency,
            counters,
            notices: Mutex::new(Vec::new()),
            journal,
            writable: AtomicBool::new(true),
            clock_ahead_ms: AtomicI64::new(0),
            untold: Untold::new(mark),
            usual,
        };
        metrics.begin_at_zero();
        metrics
    }

    /// Series that alerts divide by or sum over are there from the start: an absent series is not a zero.
    fn begin_at_zero(&self) {
        for outcome in [Outcome::Delivered, Outcome::Aborted, Outcome::Exhausted, Outcome::GivenUp] {
            let _ = one(&self.families.deliveries, "status", status(outcome));
        }
        for code in ["400", "404", "405", "408", "413", "431"] {
            let _ = one(&self.families.refused, "code", code);
        }
        for code in ["400", "503"] {
            let _ = one(&self.families.attempts, "code", code);
        }
        for attempts in ["2", "3"] {
            let _ = one(&self.families.by_attempts, "attempts", attempts);
        }
        let _ = one(&self.families.signatures, "result", "invalid");
        for class in ["4xx", "5xx", "timeout", "connection"] {
            let _ = one(&self.families.errors, "class", class);
        }
        for reason in [Reason::Mismatch, Reason::Missing, Reason::Malformed, Reason::Stale, Reason::Future] {
            let _ = one(&self.families.signature_failures, "reason", &reason.to_string());
        }
        for category in Category::ALL {
            let _ = one(&self.families.pii, "category", category.name());
        }
    }

    /// All counters as OpenMetrics 1.0.
    #[must_use]
    pub fn openmetrics(&self) -> String {
        let mut text = String::new();
        // Writing to a String does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }

    /// All counters in the Prometheus text format 0.0.4, which differs in that a counter's family is named as its samples are,
    /// with `_total`, and that nothing marks the end.
    #[must_use]
    pub fn text(&self) -> String {
        let text = self.openmetrics();
        let counters: HashSet<&str> =
            text.lines().filter_map(|l| l.strip_prefix("# TYPE ")?.strip_suffix(" counter")).collect();
        let lines = text.lines().filter(|line| *line != "# EOF");
        lines.fold(String::new(), |mut out, line| {
            let mut words = line.splitn(4, ' ');
            let of = (words.next(), words.next(), words.next(), words.next());
            let _ = match of {
                (Some("#"), Some(kind), Some(name), Some(rest)) if counters.contains(name) => {
                    writeln!(out, "# {kind} {name}_total {rest}")
                }
                _ => writeln!(out, "{line}"),
            };
            out
        })
    }

    /// Whether the last webhook could be written to the journal.
    #[must_use]
    pub fn writable(&self) -> bool {
        self.writable.load(Ordering::Relaxed)
    }

    /// Somebody asked without the token.
    pub fn part_removed(&self, notice: Option<String>) {
        self.counters.parts_removed.inc();
        self.notices.lock().unwrap_or_else(PoisonError::into_inner).extend(notice);
    }

    /// What is to be said on stderr since the last call.
    #[must_use]
    pub fn take_notices(&self) -> Vec<String> {
        std::mem::take(&mut self.notices.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A request for what the token guards did not have it.
    pub fn wrong_token(&self) {
        self.counters.wrong_tokens.inc();
    }

    /// How far the system's clock is from where it was at the start, in ms, when that is more than a second.
    #[must_use]
    pub fn clock_ahead_ms(&self) -> Option<i64> {
        Some(self.clock_ahead_ms.load(Ordering::Relaxed)).filter(|ms| *ms != 0)
    }

    /// The text of a webhook was looked at.
    pub fn inspected(&self) {
        self.counters.inspected.inc();
    }

    /// These were found in one.
    pub fn found(&self, found: impl IntoIterator<Item = Category>) {
        for category in found {
            one(&self.families.pii, "category", category.name()).inc();
        }
    }

    /// What the journal does not tell of so far.
    pub(super) const fn untold(&self) -> &Untold {
        &self.untold
    }

    /// The journal cannot be written, though no webhook has come to show it.
    pub fn not_writable(&self) {
        self.set_writable(false);
    }

    /// The journal can be written again.
    pub fn writable_again(&self) {
        self.set_writable(true);
    }

    fn set_writable(&self, now: bool) {
        if self.writable.swap(now, Ordering::Relaxed) != now {
            self.journal.set(i64::from(now));
        }
    }
}

/// Cloned, so that no lock is held while it is used.
fn one(family: &Labelled, label: &'static str, value: &str) -> Counter {
    family.get_or_create(&[(label, value.to_owned())]).clone()
}

/// The `status` of the guide's `webhook_deliveries_total{status}`.
const fn status(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Delivered => "success",
        other => other.name(),
    }
}

impl Observer for Metrics {
    fn attempt(&self, reason: Reason) {
        self.set_writable(true);
        if reason == Reason::Valid {
            self.usual.valid.inc();
        } else if reason == Reason::Unchecked {
            one(&self.families.signatures, "result", "unchecked").inc();
        } else {
            one(&self.families.signatures, "result", "invalid").inc();
            one(&self.families.signature_failures, "reason", &reason.to_string()).inc();
        }
    }

    fn answered(&self, status: Option<u16>, how: Ending) {
        if status == Some(200) {
            self.usual.answered_200.inc();
            return;
        }
        let code = status.map_or_else(|| "none".to_owned(), |s| s.to_string());
        one(&self.families.attempts, "code", &code).inc();
        let class = match (status, how) {
            (Some(400..=499), _) => "4xx",
            (Some(500..=599), _) => "5xx",
            (Some(_), _) => return,
            (None, Ending::SenderClosed) => "timeout",
            (None, _) => "connection",
        };
        one(&self.families.errors, "class", class).inc();
    }

    fn ended(&self, ended: &Ended) {
        let by_attempts = match ended.attempts {
            1 => self.usual.at_once.clone(),
            n if n > MOST_ATTEMPTS => {
                one(&self.families.by_attempts, "attempts", &format!("{MOST_ATTEMPTS}+"))
            }
            n => one(&self.families.by_attempts, "attempts", &n.to_string()),
        };
        by_attempts.inc();
        if ended.outcome != Outcome::Delivered {
            one(&self.families.deliveries, "status", status(ended.outcome)).inc();
        } else {
            self.usual.delivered.inc();
            self.latency.observe(ended.took.as_secs_f64());
        }
    }

    fn refused(&self, status: u16) {
        one(&self.families.refused, "code", &status.to_string()).inc();
    }

    fn undiagnosed(&self, skipped: u64) {
        self.counters.undiagnosed.inc_by(skipped);
    }

    fn stranger(&self) {
        self.counters.strangers.inc();
    }

    fn not_kept(&self, reason: Reason) {
        self.attempt(reason);
        self.counters.not_kept.inc();
    }

    fn clock_parted(&self, ahead_ms: i64) {
        self.clock_ahead_ms.store(ahead_ms, Ordering::Relaxed);
    }

    fn unwritten(&self, at: Tick) {
        self.counters.unwritten.inc();
        self.untold.webhook(at);
        self.set_writable(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// A counter that appears with its first event shows no increase: the share of invalid signatures came out too high.
    #[test]
    fn every_part_of_a_share_is_there_before_its_first_event() {
        let text = Metrics::new().text();
        for series in [
            "webhook_signature_checks_total{result=\"invalid\"} 0",
            "webhook_signature_checks_total{result=\"valid\"} 0",
            "webhook_deliveries_by_attempts_total{attempts=\"3\"} 0",
            "webhook_delivery_attempts_total{code=\"503\"} 0",
        ] {
            assert!(text.lines().any(|line| line == series), "{series} is not in\n{text}");
        }
    }

    #[test]
    fn the_text_has_the_guides_names() {
        let metrics = Metrics::new();
        metrics.attempt(Reason::Mismatch);
        metrics.answered(Some(401), Ending::Sent);
        let took = Duration::from_millis(300);
        metrics.ended(&Ended { outcome: Outcome::Delivered, attempts: 2, took });
        let text = metrics.text();
        for line in [
            "webhook_deliveries_total{status=\"success\"} 1",
            "webhook_deliveries_total{status=\"exhausted\"} 0",
            "webhook_delivery_attempts_total{code=\"401\"} 1",
            "webhook_delivery_errors_total{class=\"4xx\"} 1",
            "webhook_delivery_latency_seconds_bucket{le=\"0.25\"} 0",
            "webhook_delivery_latency_seconds_bucket{le=\"0.5\"} 1",
            "webhook_deliveries_by_attempts_total{attempts=\"2\"} 1",
            "webhook_pii_findings_total{category=\"email\"} 0",
            "webhook_requests_refused_total{code=\"404\"} 0",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
        }
    }
}
