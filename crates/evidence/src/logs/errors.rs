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
use memchr::memmem::Finder;
use pii::Engine;
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;

/// Errors that are quoted.
pub(crate) const QUOTED: usize = 10;
/// Longest quote, in characters.
const LONGEST: usize = 300;
/// Lines of an exception's own message behind its first one.
const MESSAGE: u32 = 20;

/// How Python begins a traceback.
pub(super) const TRACEBACK: &str = "Traceback (most recent call last):";
/// Prepared once: a search for a text takes longer to prepare than to do.
static FINDER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(TRACEBACK));
/// What stands before that in a traceback of an exception group (Python 3.11), behind its own prefix.
const GROUP: &str = "+ Exception Group ";
/// How it goes on after an exception that another one was raised in. Without these words another traceback is another error.
const CHAINED: [&str; 2] =
    ["During handling of the above exception", "The above exception was the direct cause"];
/// What stands before the lines of a traceback within a group.
const IN_GROUP: [char; 3] = [' ', '\t', '|'];

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

/// Where a traceback begins in a text.
pub(super) fn find_traceback(text: &str) -> Option<usize> {
    FINDER.find(text.as_bytes())
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
    /// A traceback that follows now is of the same error.
    Chained(Whose),
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
    /// Of a group of exceptions, what stands before all of it.
    group: Option<String>,
    /// Whether a collector has put a head of its own before each line of it.
    headed: bool,
}

impl Default for Follow {
    fn default() -> Self {
        Self { within: Within::Nothing, prefix: String::new(), group: None, headed: false }
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
        if self.is_headed(entry, &mut into) {
            return;
        }
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
        // A line that is known to be no error has no traceback, nor has one that tells of no exception: one behind it stands for itself.
        let tells = !about_webhook || tells_of_an_exception(entry);
        let alone = whose == Whose::NotJudged && (entry.level == Level::Mild || !tells);
        self.within = match alone {
            true => Within::Nothing,
            // An application that writes a traceback as its message.
            false if entry.message == TRACEBACK => Within::Frames(whose),
            false => Within::Behind(whose),
        };
    }

    /// Whether a line is one of a traceback, with the head of a collector before it. That has a level for each line, and no logger.
    fn is_headed(&mut self, entry: &Entry<'_>, into: &mut Into<'_>) -> bool {
        let is_first = entry.message == TRACEBACK;
        let is_whole = entry.exception.is_some() && !is_first;
        let is_own = entry.kind.is_some() || entry.logger.is_some() || entry.level == Level::Severe;
        let is_collected = !is_own && !is_whole;
        let begins = is_collected && is_first;
        let whose = match self.within {
            Within::Frames(whose) | Within::Message(whose, _) | Within::Chained(whose) => Some(whose),
            _ => None,
        };
        if begins {
            self.begin("", into);
        } else if let Some(whose) = whose.filter(|_| self.headed && is_collected)
            && CHAINED.iter().any(|words| entry.message.starts_with(words))
        {
            self.within = Within::Chained(whose);
        }
        self.headed = begins || self.headed && is_collected;
        self.headed
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
        let said = text.trim_start_matches(IN_GROUP);
        let chained = CHAINED.iter().any(|words| said.starts_with(words));
        let inner = said.trim_end().is_empty() || text.starts_with([' ', '\t']);
        match self.within {
            Within::Frames(whose) | Within::Message(whose, _) if chained => {
                self.within = Within::Chained(whose);
                true
            }
            Within::Frames(_) if inner => true,
            Within::Frames(whose) => {
                if whose != Whose::NotJudged {
                    into.add(text.trim());
                }
                self.within = Within::Message(whose, MESSAGE);
                true
            }
            Within::Message(..) | Within::Chained(_) if said.trim_end().is_empty() => true,
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
        let in_group = self.group.as_deref().and_then(|before| prefix.strip_prefix(before));
        let nested = in_group.is_some_and(|rest| rest.contains('|'));
        match prefix.split_once(GROUP) {
            // The lines of a group stand behind `  | `.
            Some((before, _)) => self.prefix = format!("{before}| "),
            None => prefix.clone_into(&mut self.prefix),
        }
        if !nested {
            self.group = prefix.split_once(GROUP).map(|(before, _)| before.to_owned());
        }
        let whose = match self.within {
            Within::Behind(whose) => whose,
            // A chain of exceptions is one error, and so is a group of them.
            Within::Chained(whose) => {
                self.within = Within::Frames(whose);
                return;
            }
            Within::Frames(whose) | Within::Message(whose, _) if nested => {
                self.within = Within::Frames(whose);
                return;
            }
            _ if into.formats.errors.count(None) => Whose::Plain,
            _ => {
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

/// Whether a line about a webhook says what an exception said: the others are about what a receiver answered and what was decided.
const fn tells_of_an_exception(entry: &Entry<'_>) -> bool {
    match entry.kind {
        Some(Kind::Timeout | Kind::ConnectionError | Kind::RequestError | Kind::Retry) => true,
        Some(Kind::Failed) => entry.status.is_none(),
        _ => false,
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
mod tests;
