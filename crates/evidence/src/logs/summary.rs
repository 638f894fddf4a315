//! A log, counted line by line.

use super::errors::{Errors, Follow, Into};
use super::formats::{Formats, Kind};
use super::line::Entry;
use super::lines::Lines;
use super::lost::Losses;
use super::parallel::Work;
use super::privacy::{Found, Scanner, Text, keep};
use super::reconcile::{Arrivals, Reconciliation};
use crate::JsonSchema;
use chrono::{DateTime, TimeDelta, Utc};
use pii::Engine;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{self, BufRead};
use std::sync::Arc;

/// Event names that are told apart.
const EVENTS: usize = 256;
/// A line that is earlier than the one before by more than this shows a clock that was set back.
const STEP: TimeDelta = TimeDelta::seconds(1);

/// What a log says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Summary {
    /// Lines in all.
    pub lines: u64,
    /// Lines about webhooks.
    pub webhook_lines: u64,
    /// Readable lines about something else.
    pub other_lines: u64,
    /// Lines in no known format.
    pub unreadable: Unreadable,
    /// Time of the first line that has one.
    pub first_at: Option<DateTime<Utc>>,
    /// The latest time of any line.
    pub last_at: Option<DateTime<Utc>>,
    /// Ends of attempts.
    pub attempts: u64,
    /// Attempts that the sender calls successful.
    pub delivered: u64,
    /// Retries that it announced.
    pub retries: u64,
    /// Attempts answered otherwise than with success.
    pub failed: u64,
    /// Deliveries ended by a 4xx.
    pub aborted: u64,
    /// Deliveries of which the last attempt failed.
    pub exhausted: u64,
    /// Attempts that timed out.
    pub timeouts: u64,
    /// Attempts without a connection.
    pub connection_errors: u64,
    /// Attempts that failed in another way.
    pub request_errors: u64,
    /// Times that the circuit breaker opened, from closed or after a failed probe.
    pub breaker_opened: u64,
    /// Times that it closed again.
    pub breaker_closed: u64,
    /// Webhooks that it dropped.
    pub blocked: u64,
    /// Lines saying that endpoint or secret is missing.
    pub not_configured: u64,
    /// Lines saying that the handler failed.
    pub handler_errors: u64,
    /// Webhooks called delivered in lines without a time, of which the journal has none: it may not have begun by then.
    pub undated: u64,
    /// Errors of the application, which are about no attempt of a webhook.
    pub errors: Errors,
    /// Responses by status.
    pub statuses: BTreeMap<u16, u64>,
    /// Attempts by event; at most 256 names.
    pub events: BTreeMap<String, u64>,
    /// Times that the clock of the log was set back by more than a second.
    pub clock_steps: u64,
    /// Findings of personal data by category; absent when the log was not looked at for them.
    pub pii: Option<BTreeMap<String, u64>>,
    /// The first lines with personal data.
    pub pii_lines: Vec<u64>,
    /// Lines that are too long or could not be read, or not to their end, to be looked at for personal data.
    pub not_looked_at: u64,
}

/// Lines in no known format.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Unreadable {
    /// How many.
    pub count: u64,
    /// Numbers of the first ones, from 1.
    pub first_lines: Vec<u64>,
    /// Those in which a message of the sender's seems to stand.
    #[serde(skip_serializing_if = "is_zero")]
    pub about_webhooks: u64,
}

impl Unreadable {
    /// So many of them a program that writes into another's line may leave behind.
    const FEW: u64 = 3;

    /// Whether so many of them seem to be about webhooks that what the others say is not what the log says.
    #[must_use]
    pub const fn hides_webhooks(&self) -> bool {
        self.about_webhooks > Self::FEW
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
const fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// Counts the lines of a log; memory does not grow with it.
#[derive(Debug)]
pub struct Fold<'f> {
    formats: &'f Formats,
    engine: Option<Arc<Engine>>,
    arrivals: Option<Arrivals>,
    /// What it says was lost, to be set against the arrivals.
    losses: Option<Losses>,
    summary: Summary,
    /// Time of the last line that had one.
    before: Option<DateTime<Utc>>,
    scanner: Scanner,
    /// Lines in which there was nothing to look at.
    too_long: u64,
    follow: Follow,
}

impl<'f> Fold<'f> {
    /// Nothing read yet. Without an engine personal data is not looked for; without arrivals nothing is reconciled.
    #[must_use]
    pub fn new(formats: &'f Formats, engine: Option<Engine>, arrivals: Option<Arrivals>) -> Self {
        let pii = engine.as_ref().map(|_| BTreeMap::new());
        let summary = Summary { pii, ..Summary::default() };
        Self {
            formats,
            engine: engine.map(Arc::new),
            losses: arrivals.as_ref().map(Arrivals::losses),
            arrivals,
            summary,
            before: None,
            scanner: Scanner::default(),
            too_long: 0,
            follow: Follow::default(),
        }
    }

    /// Takes a line; `None` is one that is too long or no text.
    pub fn take(&mut self, line: Option<&str>) {
        let line = line.map(|line| self.formats.unwrapped(line));
        let entry = line.as_deref().and_then(|line| self.formats.read(line));
        self.read(line.as_deref(), entry.as_ref());
        if let Some(engine) = &self.engine {
            let texts = Text::of(line.as_deref(), entry.as_ref(), self.summary.lines);
            texts.for_each(|text| self.scanner.take(engine, text));
        }
        self.tell_found();
    }

    /// Takes all lines that there are, on as many threads as there are processors.
    ///
    /// # Errors
    /// When they cannot be read; what stands before that was taken.
    pub fn take_all<R: BufRead + Send>(&mut self, lines: &mut Lines<R>) -> io::Result<()> {
        let work = Work { formats: self.formats, engine: self.engine.clone(), before: self.summary.lines };
        let mut scanner = std::mem::take(&mut self.scanner);
        let read = work.all(lines, &mut scanner, |line, entry| self.read(line, entry));
        self.scanner = scanner;
        self.tell_found();
        if lines.is_cut() {
            self.arrivals.iter_mut().for_each(|arrivals| arrivals.set_aside(self.summary.lines));
            self.losses.iter_mut().for_each(|losses| losses.cut(self.summary.lines));
        }
        read
    }

    /// Counts a line.
    fn read(&mut self, line: Option<&str>, entry: Option<&Entry<'_>>) {
        self.summary.lines += 1;
        let of_a_traceback = self.follow(line, entry);
        match entry {
            Some(entry) => self.count(entry),
            // An empty line says nothing and hides nothing.
            None if of_a_traceback || line.is_some_and(str::is_empty) => self.summary.other_lines += 1,
            None => {
                self.summary.unreadable.count += 1;
                let about = line.is_some_and(|line| self.formats.messages.stand_in(line));
                self.summary.unreadable.about_webhooks += u64::from(about);
                keep(&mut self.summary.unreadable.first_lines, self.summary.lines);
            }
        }
        self.too_long += u64::from(line.is_none() && self.engine.is_some());
    }

    /// Puts what was found so far into the summary.
    fn tell_found(&mut self) {
        let Found { categories, lines, not_looked_at } = &self.scanner.found;
        let named = |(category, n): (&pii::Category, &u64)| (category.name().to_owned(), *n);
        self.summary.pii = self.engine.is_some().then(|| categories.iter().map(named).collect());
        self.summary.pii_lines.clone_from(lines);
        self.summary.not_looked_at = self.too_long + not_looked_at;
    }

    /// Looks for errors of the application; gives whether a line without an entry belongs to a traceback.
    fn follow(&mut self, line: Option<&str>, entry: Option<&Entry<'_>>) -> bool {
        let into = Into {
            formats: self.formats,
            engine: self.engine.as_deref(),
            line: self.summary.lines,
            at: entry.and_then(|entry| entry.at),
            errors: &mut self.summary.errors,
        };
        match (entry, line) {
            (Some(entry), _) => self.follow.entry(entry, into),
            (None, Some(line)) => {
                into.errors.wordless += u64::from(self.formats.is_wordless_error(line));
                return self.follow.other(line, into);
            }
            (None, None) => {}
        }
        false
    }

    /// So far.
    #[must_use]
    pub const fn summary(&self) -> &Summary {
        &self.summary
    }

    /// The summary, and what the journal says to it.
    #[must_use]
    pub fn finish(self) -> (Summary, Option<Reconciliation>) {
        let range = self.summary.first_at.zip(self.summary.last_at);
        let Summary { timeouts, connection_errors, request_errors, .. } = self.summary;
        let unanswered = timeouts + connection_errors + request_errors;
        let arrivals = self.arrivals.zip(self.losses);
        (self.summary, arrivals.map(|(arrivals, losses)| arrivals.finish_with(losses, range, unanswered)))
    }

    fn count(&mut self, entry: &Entry<'_>) {
        let summary = &mut self.summary;
        if let Some(at) = entry.at {
            summary.first_at = Some(summary.first_at.map_or(at, |first| first.min(at)));
            summary.clock_steps +=
                u64::from(self.before.replace(at).is_some_and(|before| before > at && before - at > STEP));
            summary.last_at = Some(summary.last_at.map_or(at, |last| last.max(at)));
        }
        let Some(kind) = entry.kind else {
            summary.other_lines += 1;
            return;
        };
        summary.webhook_lines += 1;
        if let Some(losses) = &mut self.losses {
            losses.take(entry, summary.lines, entry.at);
        }
        *match kind {
            Kind::Delivered => &mut summary.delivered,
            Kind::Retry => &mut summary.retries,
            Kind::Failed => &mut summary.failed,
            Kind::Aborted => &mut summary.aborted,
            Kind::Exhausted => &mut summary.exhausted,
            Kind::Timeout => &mut summary.timeouts,
            Kind::ConnectionError => &mut summary.connection_errors,
            Kind::RequestError => &mut summary.request_errors,
            Kind::BreakerOpened | Kind::BreakerReopened => &mut summary.breaker_opened,
            Kind::BreakerClosed => &mut summary.breaker_closed,
            Kind::Blocked => &mut summary.blocked,
            Kind::NotConfigured | Kind::Skipped => &mut summary.not_configured,
            Kind::HandlerError => &mut summary.handler_errors,
            Kind::Attempt | Kind::BreakerHalfOpen | Kind::Note => return,
        } += 1;
        if kind.ends_attempt() {
            summary.attempts += 1;
            if let Some(status) = entry.status {
                *summary.statuses.entry(status).or_default() += 1;
            }
            if let Some(event) = entry.event.as_deref() {
                count_event(&mut summary.events, event);
            }
        }
        if let (Some(arrivals), Kind::Delivered) = (&mut self.arrivals, kind) {
            // Without a time nobody knows whether the journal had begun.
            let unknown = |id: &str| entry.at.is_none() && !arrivals.knows(id);
            if entry.webhook_id.as_deref().is_some_and(unknown) {
                self.summary.undated += 1;
            } else {
                arrivals.said_delivered(entry, self.summary.lines);
            }
        }
    }
}

fn count_event(events: &mut BTreeMap<String, u64>, event: &str) {
    if let Some(count) = events.get_mut(event) {
        *count += 1;
    } else if events.len() < EVENTS {
        events.insert(event.chars().take(64).collect(), 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pii::Policy;

    const NAME: &str = "apps.notifications.services.webhook_service";

    fn of(lines: &[&str]) -> Summary {
        let formats = Formats::built_in().unwrap();
        let engine = Engine::new(&Policy::default(), &[], b"salt").unwrap();
        let mut fold = Fold::new(&formats, Some(engine), None);
        lines.iter().for_each(|line| fold.take(Some(line)));
        fold.finish().0
    }

    fn at(second: u32, level: &str, message: &str) -> String {
        format!("{level} 2025-11-13 14:30:{second:02},000 {NAME} {message}")
    }

    #[test]
    fn a_recovered_delivery_is_two_attempts_one_retry_one_success() {
        let summary = of(&[
            &at(1, "WARNING", "Webhook delivery failed: event=e, status=503, attempt=1/3, response="),
            &at(1, "INFO", "Webhook retry 2/3 after 2s delay"),
            &at(3, "INFO", "Webhook delivered successfully: event=e, status=200, attempt=2"),
            "some other program",
            "",
        ]);
        let found = (summary.attempts, summary.delivered, summary.failed, summary.retries, summary.aborted);
        assert_eq!(found, (2, 1, 1, 1, 0));
        assert_eq!((summary.unreadable.count, summary.unreadable.first_lines), (1, vec![4]));
        assert_eq!((summary.events["e"], summary.statuses[&503], summary.lines), (2, 1, 5));
        assert_eq!(summary.pii, Some(BTreeMap::new()));
    }

    #[test]
    fn the_receivers_own_address_is_nobodys_and_all_else_is_looked_at() {
        let host =
            "error=HTTPConnectionPool(host='10.20.30.40', port=8787): Max retries exceeded with url: /w";
        let refused = at(1, "WARNING", &format!("Webhook connection error: event=e, attempt=1/3, {host}"));
        assert_eq!(of(&[&refused]).pii, Some(BTreeMap::new()));
        for message in [
            "login endpoint=/api user john@example.com",
            "Webhook delivery failed: event=e, status=400, attempt=1/3, response=endpoint=/x john@example.com",
            "Webhook delivery failed after 3 attempts: event=e, endpoint=https://h/w?u=john@example.com",
            &format!(
                "Webhook request failed: event=e, attempt=1/3, error={} john@example.com",
                "x ".repeat(35_000)
            ),
        ] {
            let found = of(&[&at(1, "ERROR", message)]).pii.unwrap();
            assert_eq!(found, BTreeMap::from([("email".to_owned(), 1)]), "{message:.100}");
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_said_not_to_be_looked_at() {
        let formats = Formats::built_in().unwrap();
        let engine = Engine::new(&Policy::default(), &[], b"salt").unwrap();
        let mut fold = Fold::new(&formats, Some(engine), None);
        fold.take(None);
        assert_eq!((fold.summary().not_looked_at, fold.summary().unreadable.count), (1, 1));
    }

    #[test]
    fn unreadable_lines_with_a_message_of_the_senders_are_counted_by_themselves() {
        let dict = "{'text': 'Webhook timeout: event=e, attempt=1/3, timeout=10s'}";
        let found = |n: usize| of(&vec![dict; n]).unreadable;
        assert_eq!(
            (found(3).about_webhooks, found(3).hides_webhooks(), found(4).hides_webhooks()),
            (3, false, true)
        );
        assert_eq!(of(&["some other program", "GET /webhook 200"]).unreadable.about_webhooks, 0);
        // Evidence that was written before has no such key, nor has that of a log without such lines.
        let written = serde_json::to_value(of(&["x"])).unwrap();
        assert!(written.pointer("/unreadable/about_webhooks").is_none());
    }

    #[test]
    fn a_clock_set_back_once_is_one_step() {
        let lines: Vec<String> =
            [9, 2, 3, 4, 1].map(|second| at(second, "INFO", "Webhook retry 2/3 after 2s delay")).into();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        assert_eq!(of(&lines).clock_steps, 2);
    }

    #[test]
    fn personal_data_is_seen_and_the_endpoint_is_none() {
        let summary = of(&[
            &at(
                9,
                "WARNING",
                "Webhook delivery failed: event=e, status=400, attempt=1/3, response=ask john@example.com",
            ),
            &at(
                2,
                "ERROR",
                "Webhook delivery failed after 3 attempts: event=e, endpoint=http://10.0.0.9:80/w",
            ),
        ]);
        assert_eq!(
            (summary.pii.unwrap(), summary.pii_lines),
            (BTreeMap::from([("email".to_owned(), 1)]), vec![1])
        );
    }
}
