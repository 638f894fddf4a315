//! Errors of the application in its log: lines of level ERROR and tracebacks, each counted once however many lines it has.
//! What is about an attempt of a webhook is judged by itself.

use super::formats::{Formats, Kind};
use super::frame::PREFIX;
use super::json_line::Object;
use super::level::Level;
use super::line::Entry;
use super::quote::shown_text;
use crate::JsonSchema;
use chrono::{DateTime, Utc};
use pii::Engine;
use serde::{Deserialize, Serialize};

/// Errors that are quoted.
pub(crate) const QUOTED: usize = 10;
/// Longest quote, in characters.
const LONGEST: usize = 300;
/// Lines of an exception's own message behind its first one.
const MESSAGE: u32 = 20;

/// How Python begins a traceback.
const TRACEBACK: &str = "Traceback (most recent call last):";
/// What stands before that in a traceback of an exception group (Python 3.11), behind its own prefix.
const GROUP: &str = "+ Exception Group ";
/// How it goes on after an exception that another one was raised in.
const CHAINED: [&str; 2] =
    ["During handling of the above exception", "The above exception was the direct cause"];

/// Errors of the application.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Errors {
    /// ERROR lines and tracebacks of the loggers whose errors count; a line and its traceback are one.
    pub count: u64,
    /// Those of them that have a traceback.
    pub tracebacks: u64,
    /// Those of other loggers, which are not judged.
    pub of_others: u64,
    /// Those that name no logger, where only those of some loggers count: they may be of these or not.
    pub unnamed: u64,
    /// JSON lines with a level from ERROR on and no message that is known, which may be errors or not.
    pub wordless: u64,
    /// Lines without a level that is known, which may be errors or not.
    pub ungraded: u64,
    /// The first of them: the line's number, and when it was written and what it says with its exception, personal data masked;
    /// empty where nobody was asked to look for such data.
    pub first: Vec<(u64, String)>,
}

/// What the lines before say of the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Within {
    Nothing,
    /// A traceback that follows now belongs to the line before.
    Behind(Whose),
    Frames(Whose),
    /// What the exception says, for so many lines at most.
    Message(Whose, u32),
}

/// Whose a traceback is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// Of a line that is counted as an error already.
    Counted,
    /// Of a line that was no error by itself.
    Plain,
    /// Of a line that is not judged.
    NotJudged,
}

/// Follows the lines.
#[derive(Debug)]
pub(super) struct Follow {
    within: Within,
    /// What stands before each line of a traceback.
    prefix: String,
}

impl Default for Follow {
    fn default() -> Self {
        Self { within: Within::Nothing, prefix: String::new() }
    }
}

/// Where what is found goes.
pub(super) struct Into<'a> {
    pub errors: &'a mut Errors,
    pub formats: &'a Formats,
    pub engine: Option<&'a Engine>,
    pub line: u64,
    /// When the line was written.
    pub at: Option<DateTime<Utc>>,
}

impl Follow {
    /// Takes a line that was read.
    pub(super) fn entry(&mut self, entry: &Entry<'_>, mut into: Into<'_>) {
        // A handler that failed is an error like any other.
        let about_webhook = entry.kind.is_some_and(|kind| kind != Kind::HandlerError);
        let judged = !about_webhook && into.formats.errors.count(entry.logger.as_deref());
        let traceback = entry.exception.as_deref().filter(|text| !text.trim().is_empty());
        let failed = entry.level == Level::Severe || traceback.is_some();
        let whose = match (judged, failed) {
            (true, true) => Whose::Counted,
            (true, false) => Whose::Plain,
            (false, _) => Whose::NotJudged,
        };
        if whose == Whose::Counted {
            into.count(&entry.message);
            if let Some(last) = traceback.and_then(|text| text.trim_end().lines().last()) {
                into.errors.tracebacks += 1;
                into.add(last.trim());
            }
        } else if failed && !about_webhook {
            into.not_judged(entry.logger.is_none());
        }
        into.errors.ungraded += u64::from(judged && !failed && entry.level == Level::Unknown);
        // A line that is known to be no error has no traceback: one behind it stands for itself.
        let alone = whose == Whose::NotJudged && entry.level == Level::Mild;
        self.within = if alone { Within::Nothing } else { Within::Behind(whose) };
    }

    /// Takes a line in no known format; gives whether it belongs to a traceback.
    pub(super) fn other(&mut self, line: &str, mut into: Into<'_>) -> bool {
        if Object::find(line).is_some() {
            // No line of a traceback, but there may be a whole one in it.
            self.within = Within::Nothing;
            if line.contains(TRACEBACK) && into.formats.errors.count(None) {
                into.count("an exception, in a line of no known format");
                into.errors.tracebacks += 1;
            }
            return false;
        }
        if let Some((prefix, _)) = line.split_once(TRACEBACK).filter(|(prefix, _)| prefix.len() <= PREFIX) {
            self.begin(prefix, &mut into);
            return true;
        }
        let text = line.strip_prefix(self.prefix.trim_end()).unwrap_or(line);
        // Of a prefix the blank before the text is no indentation.
        let text = if self.prefix.is_empty() { text } else { text.strip_prefix(' ').unwrap_or(text) };
        let chained = text.trim().is_empty() || CHAINED.iter().any(|words| text.contains(words));
        let inner = chained || text.starts_with([' ', '\t']);
        match self.within {
            Within::Frames(_) if inner => true,
            Within::Frames(whose) => {
                if whose != Whose::NotJudged {
                    into.add(text.trim());
                }
                self.within = Within::Message(whose, MESSAGE);
                true
            }
            Within::Message(..) if chained => true,
            Within::Message(whose, left @ 1..) => {
                self.within = Within::Message(whose, left - 1);
                true
            }
            _ => {
                self.within = Within::Nothing;
                false
            }
        }
    }

    fn begin(&mut self, prefix: &str, into: &mut Into<'_>) {
        match prefix.split_once(GROUP) {
            // The lines of a group stand behind `  | `.
            Some((before, _)) => self.prefix = format!("{before}| "),
            None => prefix.clone_into(&mut self.prefix),
        }
        let whose = match self.within {
            Within::Behind(whose) => whose,
            // A chain of exceptions is one error.
            Within::Frames(whose) | Within::Message(whose, _) => {
                self.within = Within::Frames(whose);
                return;
            }
            Within::Nothing if into.formats.errors.count(None) => Whose::Plain,
            Within::Nothing => {
                into.not_judged(true);
                Whose::NotJudged
            }
        };
        match whose {
            Whose::Counted => into.errors.tracebacks += 1,
            Whose::Plain => {
                into.count("an exception");
                into.errors.tracebacks += 1;
            }
            Whose::NotJudged => {}
        }
        self.within = Within::Frames(whose);
    }
}

impl Into<'_> {
    /// An error that does not count: of another logger, or of one that nobody can tell.
    fn not_judged(&mut self, unnamed: bool) {
        let errors = &mut *self.errors;
        *(if unnamed { &mut errors.unnamed } else { &mut errors.of_others }) += 1;
    }

    fn count(&mut self, message: &str) {
        self.errors.count += 1;
        if self.errors.first.len() < QUOTED {
            let text = self.shown(message);
            let at = self.at.filter(|_| !text.is_empty()).map(|at| self.formats.local(at));
            let text = at.map_or_else(|| text.clone(), |at| format!("{at} {text}"));
            self.errors.first.push((self.line, text));
        }
    }

    /// Adds what the exception says to the latest quote.
    fn add(&mut self, exception: &str) {
        let text = self.shown(exception);
        let known = self.errors.count <= QUOTED as u64;
        if let Some((_, quote)) = self.errors.first.last_mut().filter(|_| known && !text.is_empty()) {
            quote.push_str(": ");
            quote.push_str(&text);
            *quote = quote.chars().take(LONGEST).collect();
        }
    }

    fn shown(&self, text: &str) -> String {
        let text: String = text.lines().next().unwrap_or_default().chars().take(LONGEST).collect();
        self.engine.map(|engine| shown_text(engine, &text)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Fold, Formats, Summary};
    use super::*;
    use pii::Policy;

    fn of(formats: &Formats, text: &str) -> Summary {
        let engine = Engine::new(&Policy::default(), &[], b"salt").unwrap();
        let mut fold = Fold::new(formats, Some(engine), None);
        text.lines().for_each(|line| fold.take(Some(line)));
        fold.finish().0
    }

    const FAILED: &str =
        "ERROR 2025-11-13 14:30:15,123 django.request Internal Server Error: /api/payments/1/verify/";
    const FRAMES: &str = "Traceback (most recent call last):\n  File \"x.py\", line 3, in view\n    raise ValueError(\"no\")\n    ^^^^^^^\nValueError: no such row\n";

    #[test]
    fn a_line_and_its_traceback_are_one_error_and_every_line_of_it_is_known() {
        let text = format!(
            "{FAILED}\n{FRAMES}{FAILED}\n{FRAMES}\nDuring handling of the above exception, another exception occurred:\n\n{FRAMES}DETAIL: more\n"
        );
        for text in [text.clone(), text.lines().map(|line| format!("web-1  | {line}\n")).collect()] {
            let found = of(&Formats::built_in().unwrap(), &text);
            let Errors { count, tracebacks, of_others, first, .. } = found.errors;
            assert_eq!((count, tracebacks, of_others, found.unreadable.count), (2, 2, 0, 0), "{text}");
            assert_eq!(
                first[0],
                (
                    1,
                    "2025-11-13 14:30:15,123 Internal Server Error: /api/payments/1/verify/: ValueError: no such row"
                        .to_owned()
                )
            );
        }
    }

    #[test]
    fn a_traceback_alone_is_an_error_and_one_of_a_webhook_is_not() {
        let formats = Formats::built_in().unwrap();
        assert_eq!(of(&formats, FRAMES).errors.count, 1);
        let attempt = "ERROR 2025-11-13 14:30:15,123 apps.notifications.services.webhook_service Webhook request failed: event=e, attempt=3/3, error=x";
        let found = of(&formats, &format!("{attempt}\n{FRAMES}"));
        assert_eq!((found.errors.count, found.unreadable.count), (0, 0));
        let delivered = "INFO 2025-11-13 14:30:15,123 apps.notifications.services.webhook_service Webhook delivered successfully: event=e, attempt=1/3, status=200";
        let found = of(&formats, &format!("{delivered}\n{FRAMES}"));
        assert_eq!((found.errors.count, found.errors.tracebacks, found.unreadable.count), (1, 1, 0));
        let handler = "ERROR 2025-11-13 14:30:15,123 notification_services_module Webhook delivery failed: 'NoneType' has no attribute 'id'";
        assert_eq!(of(&formats, handler).errors.count, 1);
    }

    #[test]
    fn what_strangers_send_is_not_the_applications_error() {
        let stranger =
            "ERROR 2025-11-13 14:30:15,123 django.security.DisallowedHost Invalid HTTP_HOST header: 'x'";
        let found = of(&Formats::built_in().unwrap(), &format!("{stranger}\n{FRAMES}")).errors;
        assert_eq!((found.count, found.of_others), (0, 1));
        let own = Formats::built_in().unwrap().with_error_loggers(vec!["apps".to_owned()]);
        let apps = "CRITICAL 2025-11-13 14:30:15,123 apps.payments broken";
        let found = of(&own, &format!("{FAILED}\n{FRAMES}{apps}\n")).errors;
        assert_eq!(
            (found.count, found.of_others, found.first),
            (1, 1, vec![(7, "2025-11-13 14:30:15,123 broken".to_owned())])
        );
    }

    #[test]
    fn an_error_counts_in_a_format_that_is_not_known() {
        let built_in = || Formats::built_in().unwrap();
        let worker = "[2026-11-26 12:00:00 +0000] [7] [CRITICAL] WORKER TIMEOUT (pid:9)";
        let found = of(&built_in(), &format!("{worker}\n[2026-11-26 12:00:01 +0000] [9] [INFO] Booting\n"));
        assert_eq!((found.errors.count, found.unreadable.count, found.other_lines), (1, 0, 2));
        assert_eq!(found.errors.first[0].1, "2026-11-26 18:00:00,000 WORKER TIMEOUT (pid:9)");
        let stranger =
            "2026-11-26 12:00:00,1 [ERROR] django.security.DisallowedHost: Invalid HTTP_HOST header";
        let found = of(&built_in(), stranger).errors;
        assert_eq!((found.count, found.of_others), (0, 1));
        // Of some loggers only: the server's own count, and of a line without a name nobody knows.
        let apps = || built_in().with_error_loggers(vec!["apps".to_owned()]);
        for (line, counts) in [
            (worker, (1, 0, 0)),
            ("2026-11-26 12:00:00,1 [error] apps.payments: broken", (1, 0, 0)),
            ("2026-11-26 12:00:00,1 [error] other.app: broken", (0, 1, 0)),
            ("ERROR:    Exception in ASGI application", (0, 0, 1)),
            (FRAMES, (0, 0, 1)),
        ] {
            let Errors { count, of_others, unnamed, .. } = of(&apps(), line).errors;
            assert_eq!((count, of_others, unnamed), counts, "{line}");
        }
        let bare = r#"{"level":"error","Text":"broken"}"#;
        let found = of(&built_in(), bare);
        assert_eq!((found.errors.count, found.errors.wordless, found.unreadable.count), (0, 1, 1));
    }

    #[test]
    fn a_group_of_exceptions_is_one_error() {
        let group = "  + Exception Group Traceback (most recent call last):\n  |   File \"x.py\", line 1, in view\n  |     raise ExceptionGroup(\"eg\", [ValueError(1)])\n  | ExceptionGroup: two failed (2 sub-exceptions)\n  +-+---------------- 1 ----------------\n    | Traceback (most recent call last):\n    |   File \"x.py\", line 2, in view\n    | ValueError: no such row\n    +---------------- 2 ----------------\n    | KeyError: 1\n    +------------------------------------\n";
        for text in [group.to_owned(), group.lines().map(|line| format!("web-1  | {line}\n")).collect()] {
            let found = of(&Formats::built_in().unwrap(), &text);
            assert_eq!((found.errors.count, found.errors.tracebacks, found.unreadable.count), (1, 1, 0));
            let quote = &found.errors.first[0].1;
            assert!(quote.starts_with("an exception: ExceptionGroup: two failed"), "{quote}");
        }
    }

    #[test]
    fn a_json_line_has_its_traceback_in_it() {
        let line = r#"{"time":"2025-11-13 14:30:15,123","level":"ERROR","logger":"django.request","message":"Internal Server Error: /x","exc_info":"Traceback (most recent call last):\n  File\nValueError: ask john@example.com"}"#;
        let found = of(&Formats::built_in().unwrap(), line).errors;
        assert_eq!((found.count, found.tracebacks), (1, 1));
        let (_, quote) = &found.first[0];
        assert!(
            quote.contains(",123 Internal Server Error: /x: ValueError") && !quote.contains("john@"),
            "{quote}"
        );
    }

    /// Docker's json-file: an object around each line, those of a traceback too.
    #[test]
    fn what_a_collector_has_put_into_an_object_is_read_as_it_was() {
        let collected = |key: &str, text: &str| -> String {
            text.lines()
                .map(|line| {
                    serde_json::json!({ key: format!("{line}\n"), "stream": "stderr" }).to_string() + "\n"
                })
                .collect()
        };
        let formats = Formats::built_in().unwrap();
        let json =
            r#"{"levelname":"ERROR","asctime":"2025-11-13 14:30:15,123","name":"a","message":"broken"}"#;
        for key in ["log", "MESSAGE", "message"] {
            let found = of(&formats, &collected(key, &format!("{FAILED}\n{json}\n")));
            assert_eq!((found.errors.count, found.unreadable.count), (2, 0), "{key}");
            assert!(found.errors.first[1].1.ends_with("123 broken"), "{:?}", found.errors);
        }
        let found = of(&formats, &collected("log", &format!("{FAILED}\n{FRAMES}")));
        assert_eq!((found.errors.count, found.errors.tracebacks, found.unreadable.count), (1, 1, 0));
        assert!(found.errors.first[0].1.ends_with("ValueError: no such row"), "{:?}", found.errors);
    }

    #[test]
    fn an_object_of_no_known_format_is_no_line_of_a_traceback() {
        let unknown =
            r#"{"Stufe":"ERROR","Text":"broken","Spur":"Traceback (most recent call last):\n  File\nE: x"}"#;
        let found = of(&Formats::built_in().unwrap(), &format!("{FRAMES}{unknown}\n{unknown}\n"));
        assert_eq!((found.errors.count, found.unreadable.count), (3, 2));
        assert!(found.errors.first[1].1.starts_with("an exception, in a line of no known format"));
    }

    #[test]
    fn a_line_without_a_level_may_be_an_error() {
        let of = |line: &str| of(&Formats::built_in().unwrap(), line).errors;
        for line in [
            r#"{"message":"broken"}"#,
            r#"{"message":"broken","level":"loud"}"#,
            r#"{"message":"x","level":40}"#,
        ] {
            assert_eq!((of(line).count, of(line).ungraded), (0, 1), "{line}");
        }
        for line in [
            r#"{"msg":"broken","level":50}"#,
            r#"{"msg":"broken","levelno":40}"#,
            r#"{"msg":"broken","lvl":"eror","level":"err"}"#,
        ] {
            assert_eq!((of(line).count, of(line).ungraded), (1, 0), "{line}");
        }
        let loguru = r#"{"text":"x","record":{"level":{"name":"ERROR","no":40},"message":"broken","name":"a","time":{"timestamp":1763022615.5}}}"#;
        assert_eq!(of(loguru).first, [(1, "2025-11-13 14:30:15,500 broken".to_owned())]);
    }

    #[test]
    fn what_a_json_line_says_beside_its_message_is_looked_at() {
        let pii = |line: &str| of(&Formats::built_in().unwrap(), line).pii.unwrap();
        assert_eq!(pii(r#"{"message":"x","level":"INFO","user":"john@example.org"}"#).get("email"), Some(&1));
        assert_eq!(
            pii(r#"{"message":"x","level":"INFO","remote_addr":"203.0.113.9"}"#).get("ip_address"),
            Some(&1)
        );
        let real = r#"{"levelname":"INFO","asctime":"2025-11-13 14:30:15,123","name":"deltacrown.requests","message":"Request completed: GET /healthz/","correlation_id":"519d0019-f658-4c88-9b38-2ca2df2dc1d4","method":"GET","path":"/healthz/","status_code":200,"duration_ms":2298.36,"user_id":null,"remote_addr":"127.0.0.1"}"#;
        assert!(pii(real).is_empty());
    }

    #[test]
    fn lines_that_are_no_traceback_stay_unreadable() {
        let found =
            of(&Formats::built_in().unwrap(), &format!("nonsense\n{FRAMES}{}", "nonsense\n".repeat(30)));
        assert_eq!(found.unreadable.count, 1 + 30 - u64::from(MESSAGE));
    }
}
