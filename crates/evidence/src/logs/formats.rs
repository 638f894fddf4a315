//! The formats of log lines: a small YAML file, compiled.

use super::frame::{self, Frame, Framer, by_hand};
use super::head::GUNICORN;
use super::key_values::Keys;
use super::messages::Messages;
use super::{coded, head};
use chrono::FixedOffset;
use regex::Regex;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The formats that are built in: the real sender's, and the staging guide's.
pub(super) const BUILT_IN: &str = include_str!("formats.yaml");
/// Largest formats file in bytes.
const MAX_BYTES: usize = 256 * 1024;

/// What a line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An attempt begins (logged at DEBUG only).
    Attempt,
    /// A retry is about to be waited for.
    Retry,
    /// An attempt was answered with a success.
    Delivered,
    /// An attempt was answered otherwise.
    Failed,
    /// A 4xx ended the delivery.
    Aborted,
    /// An attempt timed out.
    Timeout,
    /// An attempt had no connection.
    ConnectionError,
    /// An attempt failed in another way.
    RequestError,
    /// The last attempt failed.
    Exhausted,
    /// The circuit breaker opened.
    BreakerOpened,
    /// It lets a probe through.
    BreakerHalfOpen,
    BreakerClosed,
    /// Its probe failed.
    BreakerReopened,
    /// A webhook was dropped because it is open.
    Blocked,
    /// Endpoint or secret is missing.
    NotConfigured,
    /// A webhook was not sent: the endpoint is missing.
    Skipped,
    /// The signal handler failed.
    HandlerError,
    /// Belongs to the sender and counts for nothing.
    Note,
}

impl Kind {
    /// Whether it is the end of one attempt.
    #[must_use]
    pub const fn ends_attempt(self) -> bool {
        matches!(
            self,
            Self::Delivered | Self::Failed | Self::Timeout | Self::ConnectionError | Self::RequestError
        )
    }
}

/// A formats file. What it leaves out is as built in; its `json` comes before the built-in ones.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    utc_offset: Option<String>,
    lines: Option<Vec<LineFormat>>,
    json: Vec<JsonKeys>,
    messages: Option<Vec<MessageFormat>>,
    errors: Option<ErrorLoggers>,
}

impl File {
    fn read(yaml: &str) -> Result<Self, FormatsError> {
        // What stands there is not repeated: a secret may have been given in place of it.
        serde_saphyr::from_str(yaml).map_err(|e| FormatsError::Syntax(e.without_snippet().to_string()))
    }

    /// With what it leaves out.
    fn completed(mut self, built_in: Self) -> Self {
        self.json.extend(built_in.json);
        Self {
            utc_offset: self.utc_offset.or(built_in.utc_offset),
            lines: self.lines.or(built_in.lines),
            json: self.json,
            messages: self.messages.or(built_in.messages),
            errors: self.errors.or(built_in.errors),
        }
    }
}

/// Where a line that is a JSON object has what: names of members, or JSON pointers; the first that is there counts.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct JsonKeys {
    /// For people.
    pub name: String,
    /// What is said; an object without it is no line of this format.
    pub message: Vec<String>,
    #[serde(default)]
    pub time: Vec<String>,
    #[serde(default)]
    pub level: Vec<String>,
    #[serde(default)]
    pub logger: Vec<String>,
    /// A traceback.
    #[serde(default)]
    pub exception: Vec<String>,
}

/// Whose ERROR lines and tracebacks are errors of the application; a name covers those below it, `*` is all.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ErrorLoggers {
    pub loggers: Vec<String>,
    #[serde(default)]
    pub except: Vec<String>,
}

impl ErrorLoggers {
    fn all() -> Self {
        Self { loggers: vec!["*".to_owned()], except: Vec::new() }
    }

    /// Whether the errors of a logger count; one without a name is only among all.
    pub(super) fn count(&self, logger: Option<&str>) -> bool {
        let is_of = |name: &String| {
            let below = |logger: &str| {
                logger.strip_prefix(name.as_str()).is_some_and(|r| r.is_empty() || r.starts_with('.'))
            };
            name == "*" || logger.is_some_and(below)
        };
        self.loggers.iter().any(is_of) && !self.except.iter().any(is_of)
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LineFormat {
    name: String,
    pattern: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MessageFormat {
    kind: Kind,
    pattern: String,
    /// Whether other applications say the same of other things, so that it counts in lines about webhooks only.
    #[serde(default)]
    loose: bool,
}

/// Why a formats file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FormatsError {
    /// Too large to be one.
    #[error("a formats file of more than {MAX_BYTES} bytes")]
    TooLarge,
    /// Not YAML, an unknown key or kind; the text says line and column.
    #[error("{0}")]
    Syntax(String),
    /// A pattern that is none, or lacks a group.
    #[error("{place}: {why}")]
    Pattern {
        place: String,
        /// What is wrong.
        why: String,
    },
    /// An offset that is none.
    #[error("utc_offset `{0}`: an offset such as +06:00 is needed")]
    Offset(String),
}

/// A format of lines.
enum Line {
    Pattern(Regex),
    ByHand(Framer),
}

/// The formats, compiled.
pub struct Formats {
    pub(super) offset: FixedOffset,
    lines: Vec<Line>,
    pub(super) messages: Messages,
    pub(super) json: Vec<JsonKeys>,
    pub(super) keys: Keys,
    pub(super) errors: ErrorLoggers,
}

impl fmt::Debug for Formats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Formats({} lines, {} messages)", self.lines.len(), self.messages.len())
    }
}

impl Formats {
    /// The built-in formats.
    ///
    /// # Errors
    /// Never: the built-in file is tested.
    pub fn built_in() -> Result<Self, FormatsError> {
        Self::compile(File::read(BUILT_IN)?, by_hand)
    }

    /// Reads a formats file.
    ///
    /// # Errors
    /// When it is not one.
    pub fn parse(yaml: &str) -> Result<Self, FormatsError> {
        if yaml.len() > MAX_BYTES {
            return Err(FormatsError::TooLarge);
        }
        Self::compile(File::read(yaml)?.completed(File::read(BUILT_IN)?), |_| None)
    }

    /// `framer` gives what finds the lines of a format of this name without its pattern.
    fn compile(file: File, framer: impl Fn(&str) -> Option<Framer>) -> Result<Self, FormatsError> {
        let offset = file.utc_offset.unwrap_or_default();
        let offset = offset.parse().map_err(|_| FormatsError::Offset(offset))?;
        let wrong =
            |place: String| move |e: regex::Error| FormatsError::Pattern { place, why: e.to_string() };
        let mut lines = Vec::new();
        for LineFormat { name, pattern } in file.lines.iter().flatten() {
            if let Some(framer) = framer(name) {
                lines.push(Line::ByHand(framer));
                continue;
            }
            let place = format!("line format `{name}`");
            let regex = Regex::new(pattern).map_err(wrong(place.clone()))?;
            if !regex.capture_names().flatten().any(|n| n == "message") {
                return Err(FormatsError::Pattern { place, why: "no group (?P<message>…)".to_owned() });
            }
            lines.push(Line::Pattern(regex));
        }
        let mut messages = Messages::default();
        for (n, MessageFormat { kind, pattern, loose }) in (1..).zip(file.messages.iter().flatten()) {
            messages.add(*kind, pattern, *loose).map_err(wrong(format!("message {n}")))?;
        }
        messages.compile().map_err(wrong("messages".to_owned()))?;
        let json = file.json;
        if let Some(keys) = json.iter().find(|keys| keys.message.is_empty()) {
            let place = format!("json format `{}`", keys.name);
            return Err(FormatsError::Pattern { place, why: "no key for the message".to_owned() });
        }
        let errors = file.errors.unwrap_or_else(ErrorLoggers::all);
        Ok(Self { offset, lines, messages, keys: Keys::of(&json), json, errors })
    }

    /// The frame that the first format gives which fits, or as much as can be read of a line whose level can.
    pub(super) fn frame<'l>(&self, line: &'l str) -> Option<Frame<'l>> {
        let start = frame::start(line);
        let known = self.lines.iter().find_map(|format| match format {
            Line::ByHand(framer) => framer(line, start),
            Line::Pattern(pattern) => {
                let found = pattern.captures(line)?;
                let group = |name| found.name(name).map(|group| group.as_str());
                let (level, time, logger) = (group("level"), group("time"), group("logger"));
                Some(Frame { level, time, logger, message: group("message")? })
            }
        });
        known.or_else(|| coded::open(&self.keys, line)).or_else(|| head::open(&self.keys, line))
    }

    /// How many formats are found without their pattern.
    #[cfg(test)]
    pub(super) fn by_hand(&self) -> usize {
        self.lines.iter().filter(|line| matches!(line, Line::ByHand(_))).count()
    }

    /// The same, with these loggers as those whose errors count; none leaves it as it is. A worker that the application's server has
    /// to kill is always an error: no logger of the application can say so.
    #[must_use]
    pub fn with_error_loggers(mut self, mut loggers: Vec<String>) -> Self {
        if !loggers.is_empty() {
            loggers.push(GUNICORN.to_owned());
            self.errors = ErrorLoggers { loggers, except: Vec::new() };
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::super::level::Level;
    use super::*;

    #[test]
    fn the_built_in_file_compiles() {
        let formats = Formats::built_in().unwrap();
        assert!(formats.lines.len() >= 4 && formats.messages.len() > 15);
    }

    #[test]
    fn mistakes_are_named() {
        let text = |yaml: &str| Formats::parse(yaml).unwrap_err().to_string();
        let with = |line: &str| {
            format!("utc_offset: '+00:00'\nlines: [{{name: a, pattern: '{line}'}}]\nmessages: []")
        };
        assert!(text(&with("(")).contains("line format `a`"));
        assert!(text(&with("x")).contains("(?P<message>"));
        assert!(text("utc_offset: 'x'\nlines: []\nmessages: []").contains("+06:00"));
        assert!(text("utc_offset: '+06:00'\nlines: []\nmesages: []").contains("mesages"));
        let kind = "utc_offset: '+06:00'\nlines: []\nmessages: [{kind: exploded, pattern: x}]";
        assert!(text(kind).contains("exploded"), "{}", text(kind));
        let keys = "utc_offset: '+06:00'\nlines: []\njson: [{name: j, message: []}]\nmessages: []";
        assert!(text(keys).contains("json format `j`"), "{}", text(keys));
    }

    #[test]
    fn what_a_file_leaves_out_is_built_in() {
        let yaml = "json:\n  - { name: ours, message: [Text], level: [Stufe] }\n";
        let formats = Formats::parse(yaml).unwrap();
        let ours = r#"{"Text":"Webhook delivered successfully: event=paid, status=200","Stufe":"INFO"}"#;
        assert_eq!(formats.read(ours).unwrap().kind, Some(Kind::Delivered));
        assert!(formats.read("INFO 2025-11-13 14:30:15,123 a.b hello").is_some());
        assert!(formats.read(r#"{"message":"hello"}"#).is_some());
        let other = Formats::parse("lines: [{ name: ours, pattern: '^> (?P<message>.*)' }]").unwrap();
        assert_eq!(other.read("> hello").unwrap().level, Level::Unknown);
        // What is an error by its level is one in any format.
        assert_eq!(other.read("ERROR 2025-11-13 14:30:15,123 a.b hello").unwrap().level, Level::Severe);
        assert!(Formats::parse("").is_ok());
    }

    #[test]
    fn a_logger_covers_those_below_it() {
        let of = |loggers: &[&str], except: &[&str]| ErrorLoggers {
            loggers: loggers.iter().map(|l| (*l).to_owned()).collect(),
            except: except.iter().map(|l| (*l).to_owned()).collect(),
        };
        let apps = of(&["apps"], &[]);
        assert!(apps.count(Some("apps")) && apps.count(Some("apps.payments")) && !apps.count(Some("appsx")));
        assert!(!apps.count(None));
        let all = of(&["*"], &["django.security"]);
        assert!(
            all.count(None) && all.count(Some("x")) && !all.count(Some("django.security.DisallowedHost"))
        );
    }
}
