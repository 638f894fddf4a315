//! One log line, read.

use super::formats::{Formats, JsonKeys, Kind};
use super::json_line::Object;
use super::level::Level;
use super::time::milliseconds;
use chrono::{DateTime, Utc};
use std::borrow::Cow;

/// What a readable line says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry<'l> {
    /// When it was written, if the line says so.
    pub at: Option<DateTime<Utc>>,
    /// Whether it is an error by its level.
    pub level: Level,
    /// Who wrote it.
    pub logger: Option<Cow<'l, str>>,
    /// A traceback that is in the line itself.
    pub exception: Option<Cow<'l, str>>,
    /// What it says about a webhook; `None` when it is about something else.
    pub kind: Option<Kind>,
    pub event: Option<Cow<'l, str>>,
    pub status: Option<u16>,
    /// The attempt's number, from 1.
    pub attempt: Option<u32>,
    /// How many attempts there are at most.
    pub most: Option<u32>,
    /// How long is waited before an attempt, ms.
    pub pause_ms: Option<u64>,
    /// After how long an attempt was given up, ms.
    pub timeout_ms: Option<u64>,
    pub webhook_id: Option<Cow<'l, str>>,
    /// The message itself.
    pub message: Cow<'l, str>,
    /// What a JSON object says beside it, as JSON.
    pub beside: Option<String>,
}

/// Where collectors that write each line into an object have it: Docker's json-file and Fluent Bit, journald, Cloud Logging. What they say
/// of its level is no word of the application: Cloud Logging has ERROR for all of stderr.
const COLLECTED: [&str; 3] = ["log", "MESSAGE", "textPayload"];

impl Formats {
    /// The line itself, where a collector has put it into an object whole.
    #[must_use]
    pub fn unwrapped<'l>(&self, line: &'l str) -> Cow<'l, str> {
        let collected = || {
            let is_object = line.trim_end().ends_with('}');
            let may_be = is_object && COLLECTED.iter().any(|key| line.contains(&format!("\"{key}\"")));
            let object = may_be.then(|| Object::find(line))??;
            let own = self.json.iter().any(|keys| object.words(&keys.message).is_some());
            let inner = object.words(&COLLECTED.map(str::to_owned)).filter(|_| !own)?;
            Some(inner.trim_end_matches(['\r', '\n']).to_owned())
        };
        collected().map_or(Cow::Borrowed(line), Cow::Owned)
    }

    /// Reads a line; `None` when it has none of the formats.
    #[must_use]
    pub fn read<'l>(&self, line: &'l str) -> Option<Entry<'l>> {
        if line.trim_start().starts_with('{')
            && let Some(entry) = self.read_object(line)
        {
            return Some(entry);
        }
        // What a receiver answered is quoted in lines of text, and may be JSON.
        self.read_text(line).or_else(|| self.read_object(line))
    }

    fn read_text<'l>(&self, line: &'l str) -> Option<Entry<'l>> {
        let frame = self.frame(line)?;
        let message = frame.message;
        let mut entry = Entry {
            at: frame.time.and_then(|time| self.time(time)),
            level: frame.level.map_or(Level::Unknown, Level::of),
            logger: frame.logger.map(Cow::from),
            message: message.into(),
            ..Entry::default()
        };
        self.read_message(frame.logger, message, &mut entry);
        // A name without a dot is a logger where what follows is about a webhook.
        if entry.kind.is_none()
            && entry.logger.is_none()
            && let Some((name, said)) = message.split_once([' ', ':'])
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        {
            let said = said.trim_start_matches([' ', '-', '|', ':']);
            self.read_message(Some(name), said, &mut entry);
            if entry.kind.is_some() {
                entry.message = said.into();
                entry.logger = Some(name.into());
            }
        }
        Some(entry)
    }

    /// A line that is a JSON object, or has one behind what a collector writes first.
    fn read_object<'l>(&self, line: &str) -> Option<Entry<'l>> {
        let object = Object::find(line)?;
        let Some(keys) = self.json.iter().find(|keys| object.words(&keys.message).is_some()) else {
            return self.read_wordless(line, &object);
        };
        let message = object.words(&keys.message)?;
        let message = message.trim_end();
        let level = object.level(&keys.level);
        let around = if object.is_collected(&keys.level) { Level::Unknown } else { level };
        let at = object.time(&keys.time, |text| self.time(text));
        if let Some(line) = self.read_collected(message, around) {
            return Some(Entry { at: line.at.or(at), ..line });
        }
        let logger = object.text(&keys.logger);
        let mut found = Entry::default();
        self.read_message(logger.as_deref(), message, &mut found);
        let mut entry = Entry {
            at,
            level,
            logger: logger.map(Cow::Owned),
            exception: object.text(&keys.exception).map(Cow::Owned),
            beside: object.beside(keys),
            ..found.into_owned()
        };
        if entry.kind.is_some() {
            for name in FIELDS {
                if let Some(value) = object.text(&[name.to_owned()]) {
                    entry.take(name, value.into());
                }
            }
        }
        entry.message = Cow::Owned(message.to_owned());
        Some(entry)
    }

    /// A line that is an object without a message, but with a traceback: it is an error, whatever it is called there. A level alone is
    /// none: collectors have their own.
    fn read_wordless<'l>(&self, line: &str, object: &Object) -> Option<Entry<'l>> {
        let is = |keys: &&JsonKeys| {
            let traceback = object.text(&keys.exception).is_some_and(|text| !text.trim().is_empty());
            traceback && object.level(&keys.level) == Level::Severe
        };
        let keys = self.json.iter().find(is).filter(|_| line.trim_start().starts_with('{'))?;
        Some(Entry {
            at: object.time(&keys.time, |text| self.time(text)),
            level: Level::Severe,
            logger: object.text(&keys.logger).map(Cow::Owned),
            exception: object.text(&keys.exception).map(Cow::Owned),
            message: "an error, in an object without a message that is known".into(),
            beside: object.beside(keys),
            ..Entry::default()
        })
    }

    /// Whether a line is an object with a level from ERROR on and no message that is known: an error, or a collector's word for what
    /// the application wrote.
    pub(super) fn is_wordless_error(&self, line: &str) -> bool {
        let object = Object::find(line).filter(|_| line.trim_start().starts_with('{'));
        let severe =
            |object: &Object| self.json.iter().any(|keys| object.level(&keys.level) == Level::Severe);
        object.is_some_and(|object| severe(&object))
    }

    /// The line that a message is by itself, as collectors write it: an object, or a text with a level, which the object around it
    /// does not have.
    fn read_collected<'l>(&self, message: &str, around: Level) -> Option<Entry<'l>> {
        if message.starts_with('{') {
            let object = Object::find(message)?;
            // Once: what stands in the inner message is a message.
            let keys = self.json.iter().find(|keys| object.words(&keys.message).is_some())?;
            let inner = object.words(&keys.message)?;
            if inner.starts_with('{') {
                return None;
            }
            return self.read_object(message);
        }
        let line = (around == Level::Unknown).then(|| self.read_text(message))??;
        Some(line.into_owned())
    }

    /// Takes what a message of this logger says of a webhook.
    fn read_message<'m>(&self, logger: Option<&str>, message: &'m str, entry: &mut Entry<'m>) {
        let Some((first, groups)) = self.messages.first(logger, message) else { return };
        entry.kind = Some(first.kind);
        if let Some(groups) = groups {
            for (name, value) in first.fields(&groups) {
                entry.take(name, value.into());
            }
        }
        for (name, value) in pairs(message) {
            entry.take(name, value.into());
        }
    }
}

/// Fields that messages may give.
const FIELDS: [&str; 6] = ["event", "status", "attempt", "max", "timeout", "webhook_id"];

/// Each `name=value` of a message that is a field, in order; a value stands in quotes, or ends before a blank, a comma or a
/// semicolon.
fn pairs(message: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = message;
    std::iter::from_fn(move || {
        loop {
            let at = memchr::memchr(b'=', rest.as_bytes())?;
            let (before, after) = (rest.get(..at)?, rest.get(at + 1..)?);
            let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
            let begin = before.bytes().rposition(|b| !word(b)).map_or(0, |last| last + 1);
            let name = before.get(begin..).unwrap_or_default();
            if !FIELDS.contains(&name) {
                rest = after;
                continue;
            }
            let quoted = after.chars().next().filter(|c| matches!(c, '"' | '\''));
            let inside = quoted.and_then(|quote| after.get(1..)?.split_once(quote)).map(|(inside, _)| inside);
            let value = inside.unwrap_or_else(|| after.get(..bare_end(after)).unwrap_or_default());
            if value.is_empty() {
                rest = after;
                continue;
            }
            rest = after.get(value.len()..).unwrap_or_default();
            return Some((name, value));
        }
    })
}

/// Where a value without quotes ends. Most are ASCII, which is told by its bytes.
fn bare_end(text: &str) -> usize {
    let bytes = text.as_bytes();
    let ends = |c: char| c.is_whitespace() || c == ',' || c == ';';
    let at = bytes.iter().position(|b| matches!(b, b'\t'..=b'\r' | b' ' | b',' | b';' | 0x80..));
    let Some(at) = at else { return text.len() };
    text.get(at..).and_then(|rest| rest.find(ends)).map_or(text.len(), |more| at + more)
}

impl<'l> Entry<'l> {
    /// The same, of a line that does not last.
    fn into_owned<'o>(self) -> Entry<'o> {
        let owned = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        Entry {
            logger: self.logger.map(owned),
            exception: self.exception.map(owned),
            event: self.event.map(owned),
            webhook_id: self.webhook_id.map(owned),
            message: owned(self.message),
            at: self.at,
            level: self.level,
            kind: self.kind,
            status: self.status,
            attempt: self.attempt,
            most: self.most,
            pause_ms: self.pause_ms,
            timeout_ms: self.timeout_ms,
            beside: self.beside,
        }
    }

    /// Takes a field that is not known yet.
    fn take(&mut self, name: &str, value: Cow<'l, str>) {
        match name {
            "event" if self.event.is_none() => self.event = Some(value),
            "status" => self.status = self.status.or(value.parse().ok()),
            "attempt" => {
                let (number, most) =
                    value.split_once('/').map_or((&*value, None), |(n, most)| (n, Some(most)));
                self.attempt = self.attempt.or(number.parse().ok());
                self.most = self.most.or(most.and_then(|most| most.parse().ok()));
            }
            "max" => self.most = self.most.or(value.parse().ok()),
            "pause" => self.pause_ms = self.pause_ms.or(milliseconds(&value)),
            "timeout" => self.timeout_ms = self.timeout_ms.or(milliseconds(&value)),
            "webhook_id" if self.webhook_id.is_none() => self.webhook_id = Some(value),
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
            (e.kind, e.event.map(Cow::into_owned), e.status, e.attempt, e.webhook_id.map(Cow::into_owned))
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
            ("WARNING", "WEBHOOK_ENDPOINT not configured - skipping delivery", Skipped),
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
    fn a_level_in_the_line_itself_goes_before_the_collectors() {
        let formats = Formats::built_in().unwrap();
        let inner = "INFO 2025-11-13 14:30:15,123 apps.x started";
        let level = |line: serde_json::Value| {
            let line = line.to_string();
            let line = formats.unwrapped(&line);
            formats.read(&line).map(|entry| (entry.level, entry.message.into_owned()))
        };
        let info = Some((Level::Mild, "started".to_owned()));
        let time = "2025-11-13T08:30:15.123Z";
        for line in [
            serde_json::json!({"textPayload": inner, "severity": "ERROR", "timestamp": time}),
            serde_json::json!({"log": format!("{inner}\n"), "stream": "stderr", "time": time}),
            serde_json::json!({"MESSAGE": inner, "PRIORITY": "3"}),
            serde_json::json!({"jsonPayload": {"message": inner}, "severity": "ERROR", "timestamp": time}),
            serde_json::json!({"jsonPayload": {"message": "started", "level": "INFO"}, "severity": "ERROR"}),
        ] {
            assert_eq!(level(line.clone()), info, "{line}");
        }
        let failed = serde_json::json!({"jsonPayload": {"message": "failed"}, "severity": "ERROR"});
        assert_eq!(level(failed), Some((Level::Severe, "failed".to_owned())));
        // Nobody knows what such a line says.
        assert_eq!(level(serde_json::json!({"said": inner, "severity": "ERROR"})), None);
        assert!(level(serde_json::json!({"said": "x", "level": "ERROR", "exc_info": "Traceback"})).is_some());
    }

    #[test]
    fn a_bare_value_ends_before_any_blank_comma_or_semicolon() {
        for c in (0..=0x3100).filter_map(char::from_u32) {
            let ends = c.is_whitespace() || c == ',' || c == ';';
            for text in [format!("ab{c}d e"), format!("\u{e9}b{c}d e")] {
                let whole = text.len() - 2;
                assert_eq!(bare_end(&text), if ends { whole - 1 - c.len_utf8() } else { whole }, "{text}");
            }
        }
        assert_eq!((bare_end(""), bare_end("\u{e9}")), (0, 2));
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
            (entry.event.as_deref(), entry.status, entry.attempt),
            (Some("payment_verified"), Some(200), Some(2))
        );
        assert_eq!(entry.webhook_id.as_deref(), Some("4960b1c5-318e-4f87-b6c4-62792d82faa3"));
    }

    #[test]
    fn a_line_may_be_a_json_object() {
        let formats = Formats::built_in().unwrap();
        let message =
            r#"Webhook delivered successfully: event=paid, status=200, attempt=1, webhook_id=\"AB-1\""#;
        let real = format!(
            r#"{{"time": "2025-11-13 14:30:15,123", "level": "INFO", "logger": "{NAME}", "message": "{message}"}}"#
        );
        for line in [real.clone(), format!("web-1  | {real}"), format!("  {real}\r")] {
            let entry = formats.read(&line).unwrap_or_else(|| panic!("{line}"));
            assert_eq!(entry.at.unwrap().to_rfc3339(), "2025-11-13T08:30:15.123+00:00");
            assert_eq!(
                (entry.kind, entry.event.as_deref(), entry.status),
                (Some(Kind::Delivered), Some("paid"), Some(200))
            );
            assert_eq!((entry.webhook_id.as_deref(), entry.logger.as_deref()), (Some("AB-1"), Some(NAME)));
        }
        for (line, at) in [
            (
                r#"{"ts": 1763022615.5, "severity": "error", "msg": "x", "status": 500}"#,
                "2025-11-13T08:30:15.500+00:00",
            ),
            (
                r#"{"@timestamp":"2025-11-13T08:30:15.5Z","log":{"level":"ERROR"},"message":"x"}"#,
                "2025-11-13T08:30:15.500+00:00",
            ),
            (
                r#"{"timestamp":1763022615500,"levelname":"CRITICAL","message":"x","exc_info":"Traceback\nE: y"}"#,
                "2025-11-13T08:30:15.500+00:00",
            ),
        ] {
            let entry = formats.read(line).unwrap_or_else(|| panic!("{line}"));
            assert_eq!(
                (entry.at.unwrap().to_rfc3339().as_str(), entry.level == Level::Severe, entry.status),
                (at, true, None),
                "{line}"
            );
        }
        // A format string escapes nothing.
        let raw = format!(
            r#"{{"time": "2025-11-13 14:30:15,123", "level": "WARNING", "logger": "{NAME}", "message": "Webhook delivery failed: event=e, status=400, attempt=1/3, response={{"a": "b"}}"}}"#
        );
        let entry = formats.read(&raw).unwrap();
        assert_eq!((entry.kind, entry.status, entry.at.is_some()), (Some(Kind::Failed), Some(400), true));
        // The receiver's words are not the sender's line.
        let quoted = format!(
            "WARNING 2025-11-13 14:30:15,123 {NAME} Webhook delivery failed: event=e, status=400, attempt=1/3, response={{\"message\":\"Webhook delivered successfully: event=e\"}}"
        );
        assert_eq!(formats.read(&quoted).unwrap().kind, Some(Kind::Failed));
        for none in [r#"{"level": "INFO"}"#, "{", "[1]", r#"{"message": 7}"#] {
            assert!(formats.read(none).is_none(), "{none}");
        }
        let own = "utc_offset: '+00:00'\nlines: []\njson: [{name: own, message: [/a/said]}]\nmessages: [{kind: delivered, pattern: '^sent'}]";
        let entry = Formats::parse(own).unwrap();
        let entry = entry.read(r#"{"a": {"said": "sent"}, "event": "paid", "webhook_id": 7}"#).unwrap();
        assert_eq!((entry.event.as_deref(), entry.webhook_id.as_deref()), (Some("paid"), Some("7")));
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
        let undotted = "2025-11-13 14:30:15 [info] webhook_service: Webhook delivered successfully: event=e, status=200, attempt=1";
        assert_eq!(read(undotted).unwrap().0, Some(Delivered));
        for other in ["Traceback (most recent call last):", "", "127.0.0.1 - - [13/Nov/2025] \"GET /\" 200"] {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
