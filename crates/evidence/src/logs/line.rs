//! One log line, read.

use super::formats::{Formats, Kind};
use chrono::{DateTime, NaiveDate, NaiveTime, Offset, Utc};
use regex::Captures;

/// What a readable line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<'l> {
    /// When it was written, if the line says so.
    pub at: Option<DateTime<Utc>>,
    /// What it says about a webhook; `None` when it is about something else.
    pub kind: Option<Kind>,
    /// The event.
    pub event: Option<&'l str>,
    /// The status.
    pub status: Option<u16>,
    /// The attempt's number, from 1.
    pub attempt: Option<u32>,
    /// The webhook's id.
    pub webhook_id: Option<&'l str>,
    /// The message itself.
    pub message: &'l str,
}

impl Formats {
    /// Reads a line; `None` when it has none of the formats.
    #[must_use]
    pub fn read<'l>(&self, line: &'l str) -> Option<Entry<'l>> {
        let frame = self.lines.iter().find_map(|format| format.captures(line))?;
        let message = frame.name("message")?.as_str();
        let at = frame.name("time").and_then(|t| self.time(t.as_str()));
        let mut entry =
            Entry { at, kind: None, event: None, status: None, attempt: None, webhook_id: None, message };
        let first = self.any_message.matches(message).iter().next();
        if let Some((kind, pattern)) = first.and_then(|n| self.messages.get(n)) {
            entry.kind = Some(*kind);
            if pattern.captures_len() > 1
                && let Some(groups) = pattern.captures(message)
            {
                entry.take_groups(&groups);
            }
            for (name, value) in pairs(message) {
                entry.take(name, value);
            }
        }
        Some(entry)
    }

    /// `2025-11-13 14:30:15,123`, with `T` and a point as well, and with an offset; without one it is the formats' own.
    fn time(&self, text: &str) -> Option<DateTime<Utc>> {
        let (day, rest) = text.split_at_checked(DATE)?;
        let (clock, fraction) = rest.get(1..)?.split_at_checked(TIME_OF_DAY)?;
        let (fraction, offset) = fraction.split_at(fraction.find(['Z', '+', '-']).unwrap_or(fraction.len()));
        let offset = match offset {
            "" => self.offset,
            "Z" => Utc.fix(),
            given => given.parse().ok()?,
        };
        let [year, month, day] = numbers(day, '-')?;
        let [hour, minute, second] = numbers(clock, ':')?;
        let time = NaiveTime::from_hms_nano_opt(hour, minute, second, nanoseconds(fraction)?)?;
        let local = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?.and_time(time);
        local.and_local_timezone(offset).single().map(|at| at.to_utc())
    }
}

/// Three numbers with a mark between them.
fn numbers(text: &str, mark: char) -> Option<[u32; 3]> {
    let mut parts = text.split(mark).map(|part| part.parse().ok());
    let numbers = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(numbers)
}

/// A fraction of a second with its mark, or nothing; what is finer than nanoseconds is left out.
fn nanoseconds(fraction: &str) -> Option<u32> {
    let Some(digits) = fraction.strip_prefix(['.', ',']) else { return fraction.is_empty().then_some(0) };
    let digits = digits.get(..digits.len().min(9))?;
    let scale = 10u32.pow(9 - u32::try_from(digits.len()).ok()?);
    digits.parse::<u32>().ok()?.checked_mul(scale)
}

/// Length of a date.
const DATE: usize = "2025-11-13".len();
/// Length of a time of day up to its seconds.
const TIME_OF_DAY: usize = "14:30:15".len();

/// Fields that messages may give.
const FIELDS: [&str; 5] = ["event", "status", "attempt", "max", "webhook_id"];

/// Each `name=value` of a message that is a field, in order; a value ends before a blank, a comma or a semicolon.
fn pairs(message: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = message;
    std::iter::from_fn(move || {
        loop {
            let (before, after) = rest.split_once('=')?;
            let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let name = before.rsplit(|c| !word(c)).next().unwrap_or_default();
            let ends = |c: char| c.is_whitespace() || c == ',' || c == ';';
            let value = after.get(..after.find(ends).unwrap_or(after.len())).unwrap_or_default();
            if !FIELDS.contains(&name) || value.is_empty() {
                rest = after;
                continue;
            }
            rest = after.get(value.len()..).unwrap_or_default();
            return Some((name, value));
        }
    })
}

impl<'l> Entry<'l> {
    fn take_groups(&mut self, groups: &Captures<'l>) {
        for name in ["event", "status", "attempt", "webhook_id"] {
            if let Some(value) = groups.name(name) {
                self.take(name, value.as_str());
            }
        }
    }

    /// Takes a field that is not known yet.
    fn take(&mut self, name: &str, value: &'l str) {
        match name {
            "event" => self.event = self.event.or(Some(value)),
            "status" => self.status = self.status.or(value.parse().ok()),
            "attempt" => {
                let number = value.split('/').next().and_then(|n| n.parse().ok());
                self.attempt = self.attempt.or(number);
            }
            "webhook_id" => self.webhook_id = self.webhook_id.or(Some(value)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "apps.notifications.services.webhook_service";

    /// Kind, event, status, attempt and webhook id of a line.
    type Fields = (Option<Kind>, Option<String>, Option<u16>, Option<u32>, Option<String>);

    fn read(line: &str) -> Option<Fields> {
        let formats = Formats::built_in().unwrap();
        formats.read(line).map(|e| {
            (e.kind, e.event.map(str::to_owned), e.status, e.attempt, e.webhook_id.map(str::to_owned))
        })
    }

    /// Every line of docs/deltacrown.md section 4, in both formats.
    #[test]
    fn the_real_lines_are_read_in_both_formats() {
        use Kind::*;
        for (level, message, kind) in [
            ("DEBUG", "Webhook delivery attempt 1/3: endpoint=http://x/w, event=payment_verified", Attempt),
            ("INFO", "Webhook retry 2/3 after 2s delay", Retry),
            (
                "INFO",
                "Webhook delivered successfully: event=payment_verified, status=200, attempt=1",
                Delivered,
            ),
            (
                "WARNING",
                "Webhook delivery failed: event=e, status=503, attempt=1/3, response={\"status\": 1}",
                Failed,
            ),
            ("ERROR", "Client error - aborting retries: status=400", Aborted),
            ("WARNING", "Webhook timeout: event=e, attempt=1/3, timeout=10s", Timeout),
            ("WARNING", "Webhook connection error: event=e, attempt=2/3, error=refused", ConnectionError),
            ("ERROR", "Webhook request failed: event=e, attempt=3/3, error=x", RequestError),
            ("ERROR", "Webhook delivery failed after 3 attempts: event=e, endpoint=http://x/w", Exhausted),
            ("WARNING", "WEBHOOK_ENDPOINT not configured - skipping delivery", NotConfigured),
            ("WARNING", "WEBHOOK_SECRET not configured - signature will be empty", NotConfigured),
            ("INFO", "Circuit breaker transitioned to HALF_OPEN - allowing probe request", BreakerHalfOpen),
            ("INFO", "Circuit breaker probe successful - transitioning to CLOSED", BreakerClosed),
            ("WARNING", "Circuit breaker OPEN - blocking webhook delivery (59.9s remaining)", Note),
            (
                "WARNING",
                "Webhook delivery blocked by circuit breaker: Circuit breaker open (59s remaining)",
                Blocked,
            ),
            ("WARNING", "Circuit breaker probe failed - reopening circuit", BreakerReopened),
            ("ERROR", "Circuit breaker OPENED - 5 failures in 12.3s", BreakerOpened),
            ("ERROR", "Webhook delivery failed: connection lost", HandlerError),
        ] {
            let console = format!("{level} 2025-11-13 14:30:15,123 {NAME} {message}");
            let debug =
                format!("{level} 2025-11-13 14:30:15,123 {NAME} webhook_service 812 140213 {message}");
            let collected = [
                format!("web-1  | {console}"),
                format!("Nov 13 14:30:15 staging gunicorn[812]: {debug}"),
                format!("2025-11-13T08:30:15.123456789Z stdout F {console}"),
            ];
            for line in [console, debug].into_iter().chain(collected) {
                assert_eq!(read(&line).unwrap_or_else(|| panic!("{line}")).0, Some(kind), "{line}");
            }
        }
    }

    #[test]
    fn pairs_are_found_where_they_stand() {
        let of = |text: &str| pairs(text).map(|(n, v)| format!("{n}:{v}")).collect::<Vec<_>>().join(" ");
        assert_eq!(
            of("failed: event=paid, status=503, attempt=1/3; max=3"),
            "event:paid status:503 attempt:1/3 max:3"
        );
        assert_eq!(of("error=status=500, xevent=a, a.event=b, event=, status="), "status:500 event:b");
        assert_eq!(
            (of("="), of("event=ü, status=7"), of("no pairs")),
            (String::new(), "event:ü status:7".into(), String::new())
        );
    }

    #[test]
    fn fields_and_times_are_read() {
        let line = format!(
            "INFO 2025-11-13 14:30:15,123 {NAME} Webhook delivered successfully: event=payment_verified, status=200, \
             attempt=2, webhook_id=4960b1c5-318e-4f87-b6c4-62792d82faa3"
        );
        let formats = Formats::built_in().unwrap();
        let entry = formats.read(&line).unwrap();
        assert_eq!(entry.at.unwrap().to_rfc3339(), "2025-11-13T08:30:15.123+00:00");
        assert_eq!(
            (entry.event, entry.status, entry.attempt),
            (Some("payment_verified"), Some(200), Some(2))
        );
        assert_eq!(entry.webhook_id, Some("4960b1c5-318e-4f87-b6c4-62792d82faa3"));
    }

    #[test]
    fn times_in_every_writing() {
        let formats = Formats::built_in().unwrap();
        let at = |text: &str| formats.time(text).map(|at| at.to_rfc3339());
        for (text, expected) in [
            ("2025-11-13 14:30:15", "2025-11-13T08:30:15+00:00"),
            ("2025-11-13 14:30:15,5", "2025-11-13T08:30:15.500+00:00"),
            ("2025-11-13T14:30:15.1234567891Z", "2025-11-13T14:30:15.123456789+00:00"),
            ("2025-11-13 14:30:15+02:00", "2025-11-13T12:30:15+00:00"),
            ("2025-11-13 14:30:15.25-0130", "2025-11-13T16:00:15.250+00:00"),
        ] {
            assert_eq!(at(text).as_deref(), Some(expected), "{text}");
        }
        for none in [
            "",
            "2025-11-13",
            "2025-13-13 14:30:15",
            "2025-11-13 24:30:15",
            "2025-11-13 14:30:15x",
            "2025-11-13 14:30:15,x",
            "ü025-11-13 14:30:15",
            "2025-11-13 14:30:15+ab:cd",
        ] {
            assert_eq!(at(none), None, "{none}");
        }
    }

    #[test]
    fn the_guides_lines_are_read_and_others_are_not() {
        use Kind::*;
        for (line, kind) in [
            (
                "[2025-11-13 14:30:15] INFO: Webhook delivery successful: event=payment_verified, status=200",
                Delivered,
            ),
            (
                "[INFO] 2025-11-13 14:30:15 Webhook delivery successful: event=e, status=200, latency=145ms",
                Delivered,
            ),
            ("2025-11-13T14:30:15Z ERROR Client errors (4xx) are not retried", Aborted),
            ("[WARNING] Webhook delivery failed (attempt 1/3): 503. Retrying in 2 seconds...", Retry),
        ] {
            assert_eq!(read(line).unwrap_or_else(|| panic!("{line}")).0, Some(kind), "{line}");
        }
        assert_eq!(
            read("INFO 2025-11-13 14:30:15,123 django.server \"GET / HTTP/1.1\" 200 5").unwrap().0,
            None
        );
        for other in ["Traceback (most recent call last):", "", "127.0.0.1 - - [13/Nov/2025] \"GET /\" 200"] {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
