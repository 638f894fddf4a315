//! What stands between the head of a line and the sender's message: Python's module, process and thread (`verbose` in Django's manual), a
//! task of celery, the id of a request. No list of formats has them all, so a message of the sender's own is looked for behind each
//! word that may belong to a head. Prose, quotes and addresses end the search: what others say of a webhook is theirs.

use super::errors::find_traceback;
use super::formats::{Formats, Kind};
use super::frame::Frame;
use super::head::{CALENDAR, STREAMS, is_dotted, is_name, time};
use super::level::{Level, names_level};
use super::line::Entry;
use std::borrow::Cow;

/// The end of a line, and what stands for it: an escape, and rsyslog's.
const LINE_ENDS: [&str; 3] = ["\n", "\\n", "#012"];
/// Words before a message, at most.
const WORDS: usize = 10;
/// Longest word before a message, in bytes.
const LONGEST: usize = 120;
/// Digits of a number before a message, at most: ids of threads have 15.
const DIGITS: usize = 20;

/// What was read of a line, and where its message begins.
#[derive(Default)]
struct Preamble<'l> {
    rest: &'l str,
    time: Option<&'l str>,
    level: Option<&'l str>,
    logger: Option<&'l str>,
    /// Whether a word was passed that may be prose. One may stand bare, and none behind a logger's name.
    plain: bool,
    /// Whether something was read that stands at the head of a line alone: a time, or a program with its process.
    is_head: bool,
    words: usize,
}

impl Formats {
    /// Where the sender's message begins, and the logger in front of it, in a message that begins with something else.
    pub(super) fn behind_preamble<'l>(
        &self,
        logger: Option<&'l str>,
        message: &'l str,
    ) -> Option<(Option<&'l str>, &'l str)> {
        let found = self.search(Preamble { rest: message, logger, ..Preamble::default() })?;
        Some((found.logger, found.rest))
    }

    /// A line in which no level is found, or none at a place that is known, with a message of the sender's own: a logger of Python that
    /// nobody has set up writes warnings without anything before them.
    pub(super) fn read_bare<'l>(&self, line: &'l str) -> Option<Entry<'l>> {
        let begins = line.starts_with(|c: char| c.is_ascii_graphic());
        let start = Preamble { rest: line, ..Preamble::default() };
        let found = begins.then(|| self.search(start))??;
        if found.words > 0 && !found.is_head {
            return None;
        }
        let Preamble { rest: message, time, level, logger, .. } = found;
        let before = line.get(..line.len() - message.len()).filter(|before| !before.is_empty());
        let entry = self.read_frame(Frame { level, time, logger, message }, true);
        Some(Entry { beside: before.map(str::to_owned), ..entry })
    }

    fn search<'l>(&self, mut at: Preamble<'l>) -> Option<Preamble<'l>> {
        while at.words < WORDS {
            at.rest = at.rest.trim_start_matches(is_mark);
            if self.messages.begins(at.rest) {
                return Some(at);
            }
            let inside = at.word()?;
            // `INFO:apps.payments:text`.
            if let Some((name, said)) = inside.filter(|(_, said)| self.messages.begins(said)) {
                (at.logger, at.rest) = (Some(name), said);
                return Some(at);
            }
            at.words += 1;
        }
        None
    }

    /// Takes what a line says whose head is known.
    pub(super) fn read_frame<'l>(&self, frame: Frame<'l>, may_be_ours: bool) -> Entry<'l> {
        let mut entry = Entry {
            at: frame.time.and_then(|time| self.time(time)),
            level: frame.level.map_or(Level::Unknown, Level::of),
            logger: frame.logger.map(Into::into),
            message: frame.message.into(),
            ..Entry::default()
        };
        self.read_message(frame.logger, frame.message, &mut entry, may_be_ours);
        // What is told of a webhook's exception is no error of the application.
        if may_be_ours && entry.kind.is_none() {
            entry.exception = traceback(frame.message);
        }
        // Nobody writes of it but as of an error.
        if entry.kind == Some(Kind::HandlerError) && entry.level == Level::Unknown {
            entry.level = Level::Severe;
        }
        entry
    }
}

impl<'l> Preamble<'l> {
    /// Passes over a word; gives what stands before and behind a colon in it. `None` where it is none of a head.
    fn word(&mut self) -> Option<Option<(&'l str, &'l str)>> {
        if let Some((found, after)) = time(self.rest) {
            self.time = self.time.or(Some(found));
            self.is_head = true;
            self.rest = after;
            return Some(None);
        }
        if self.rest.starts_with(['[', '(', '<']) {
            return self.bracket().map(|()| None);
        }
        let end = self.rest.find([' ', '\t', '|', ']']).unwrap_or(self.rest.len());
        let (word, after) = self.rest.split_at(end);
        if word.is_empty() || word.len() > LONGEST || word.contains(['"', '\'', '\\']) {
            return None;
        }
        let whole = self.rest;
        let inside = word.split_once(':').filter(|(name, _)| is_name(name));
        let inside = inside.and_then(|(name, _)| Some((name, whole.get(name.len() + 1..)?)));
        self.rest = after;
        self.take(word)?;
        Some(inside)
    }

    /// A group in brackets that is closed.
    fn bracket(&mut self) -> Option<()> {
        let end = self.rest.find([']', ')', '>']).filter(|end| *end <= LONGEST)?;
        let (inner, after) = (self.rest.get(1..end)?, self.rest.get(end + 1..)?);
        if inner.contains(['"', '\'', '\\']) {
            return None;
        }
        if let Some((found, _)) = time(inner) {
            self.time = self.time.or(Some(found));
            self.is_head = true;
        } else if is_level(inner) {
            self.level = self.level.or(Some(inner));
        } else if is_dotted(inner) {
            self.logger = Some(inner);
        }
        self.rest = after;
        Some(())
    }

    fn take(&mut self, word: &'l str) -> Option<()> {
        let bare = word.trim_end_matches([':', ';', ',']);
        let of_an_exception = word.ends_with(':') && (bare.ends_with("Error") || bare.ends_with("Exception"));
        if of_an_exception {
            return None;
        }
        if is_level(bare) {
            self.level = self.level.or(Some(bare));
            return Some(());
        }
        if bare.starts_with(|c: char| c.is_ascii_digit() || c == '#' || c == '*') {
            return (bare.len() <= DIGITS || uuid::Uuid::try_parse(bare).is_ok()).then_some(());
        }
        if CALENDAR.contains(&bare) || bare == "-" || (self.is_head && STREAMS.contains(&bare)) {
            return Some(());
        }
        // A program with its process, and a task with its id.
        if let Some((name, _)) = bare.split_once('[') {
            self.is_head = true;
            return is_name(name).then_some(());
        }
        if let Some((key, _)) = bare.split_once('=') {
            return is_name(key).then_some(());
        }
        if uuid::Uuid::try_parse(bare).is_ok() {
            return Some(());
        }
        if !is_name(bare) {
            return None;
        }
        if is_dotted(bare) {
            self.logger = Some(bare);
            return Some(());
        }
        if may_be_prose(bare) {
            let may_stand = !self.plain && self.logger.is_none();
            self.plain = true;
            return may_stand.then_some(());
        }
        Some(())
    }
}

/// A traceback within one line: what has written it has put something else in place of the ends of its lines, as formatters and rsyslog do.
/// One that an application writes as its message goes on in the next lines.
fn traceback(message: &str) -> Option<Cow<'_, str>> {
    let at = find_traceback(message)?;
    let (before, traceback) = message.split_at_checked(at)?;
    if before.is_empty() {
        return Some(traceback.into());
    }
    let end = LINE_ENDS.iter().find(|end| before.ends_with(**end))?;
    Some(if *end == "\n" { traceback.into() } else { traceback.replace(end, "\n").into() })
}

/// Whether a word may be one of a sentence: letters alone, none but the first in upper case.
fn may_be_prose(word: &str) -> bool {
    word.bytes().all(|b| b.is_ascii_alphabetic()) && !word.bytes().skip(1).any(|b| b.is_ascii_uppercase())
}

fn is_level(word: &str) -> bool {
    let word = word.trim();
    word.bytes().all(|b| b.is_ascii_uppercase()) && names_level(word)
}

const fn is_mark(c: char) -> bool {
    matches!(c, ' ' | '\t' | ']' | ')' | '>' | ':' | '|' | '-' | ',' | ';')
}

#[cfg(test)]
mod tests;
