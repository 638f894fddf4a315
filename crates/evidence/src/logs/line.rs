//! One log line, read.

use super::errors::TRACEBACK;
use super::formats::{Formats, JsonKeys, Kind};
use super::frame::Frame;
use super::json_line::Object;
use super::key_values::{self, KeyValues};
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
    /// What stands beside it: what else a JSON object says, as JSON, and what a carriage return has written over.
    pub beside: Option<String>,
}

/// Where collectors that write each line into an object have it, in quotes: Docker's json-file and Fluent Bit, journald, Cloud Logging, Loki,
/// Azure. What they say of its level is no word of the application: Cloud Logging has ERROR for all of stderr.
const COLLECTED: [&str; 5] =
    ["\"log\"", "\"MESSAGE\"", "\"textPayload\"", "\"line\"", "\"resultDescription\""];

/// Carriage returns behind which a line may begin, from the last.
const RETURNS: usize = 4;

impl Formats {
    /// The line itself, where a collector has put it into an object whole.
    #[must_use]
    pub fn unwrapped<'l>(&self, line: &'l str) -> Cow<'l, str> {
        let collected = || {
            let is_object = line.trim_end().ends_with('}');
            let may_be = is_object && COLLECTED.iter().any(|key| line.contains(key));
            let object = may_be.then(|| Object::find(line))??;
            let own = self.json.iter().any(|keys| object.words(&keys.message).is_some());
            let inner =
                object.words(&COLLECTED.map(|key| key.trim_matches('"').to_owned())).filter(|_| !own)?;
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
        // Asked once of a line: most are none of the sender's.
        let may_be_ours = self.messages.may_begin_in(line);
        let text = self.read_text(line, may_be_ours);
        if text.as_ref().is_some_and(|entry| entry.kind.is_some()) {
            return text;
        }
        // A word of the message may look like a level: `Client error - aborting retries`. What a receiver answered is quoted in lines of
        // text, and may be JSON.
        if may_be_ours && let Some(bare) = self.read_bare(line) {
            return Some(bare);
        }
        if text.is_some() {
            return text;
        }
        self.read_object(line).or_else(|| self.read_behind_return(line))
    }

    /// What begins behind a carriage return, where the line itself begins as none: a bar that shows progress is written over, and the
    /// logger writes on from there. What stands before it is looked at as well.
    fn read_behind_return<'l>(&self, line: &'l str) -> Option<Entry<'l>> {
        memchr::memrchr_iter(b'\r', line.as_bytes()).take(RETURNS).find_map(|at| {
            let (before, own) = line.split_at_checked(at)?;
            let own = own.get(1..)?;
            let found = if own.starts_with('{') { self.read_object(own) } else { self.read_text(own, true) }?;
            let beside =
                found.beside.map_or_else(|| before.to_owned(), |beside| format!("{before}\n{beside}"));
            Some(Entry { beside: Some(beside), ..found })
        })
    }

    /// `may_be_ours`: whether a message of the sender's own may begin anywhere in the line.
    fn read_text<'l>(&self, line: &'l str, may_be_ours: bool) -> Option<Entry<'l>> {
        let frame = self.frame(line);
        if let Some(members) = key_values::open(&self.keys, line, frame.as_ref()) {
            return Some(self.read_members(&members, may_be_ours));
        }
        let frame = self.without_a_word_for_logger(line, frame?);
        if frame.message.starts_with('{')
            && let Some(entry) = self.read_inner(&frame)
        {
            return Some(entry);
        }
        let message = frame.message;
        let mut entry = self.read_frame(frame, may_be_ours);
        // The guide's messages, which others write too: a name without a dot is a logger where what follows is about a webhook.
        if entry.kind.is_none()
            && entry.logger.is_none()
            && let Some((name, said)) = message.split_once([' ', ':'])
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        {
            let said = said.trim_start_matches([' ', '-', '|', ':']);
            self.read_message(Some(name), said, &mut entry, may_be_ours);
            if entry.kind.is_some() {
                entry.message = said.into();
                entry.logger = Some(name.into());
            }
        }
        Some(entry)
    }

    /// Of `INFO 2026-11-28 12:00:00,000 Webhook timeout: …` the first word is no logger's name, though it stands where one does.
    /// Nor is it the end of one in `INFO:apps.payments:Webhook timeout: …`.
    fn without_a_word_for_logger<'l>(&self, line: &'l str, frame: Frame<'l>) -> Frame<'l> {
        let said = frame.logger.and_then(|logger| {
            let mark = logger.bytes().rposition(|b| matches!(b, b':' | b'.'));
            let (name, word) = match mark.map(|at| logger.split_at(at)) {
                // A word with a dot in it is a name.
                Some((_, word)) if word.starts_with('.') => return None,
                Some((name, word)) => (Some(name), word.get(1..)?),
                None => (None, logger),
            };
            let begin = line.len().checked_sub(frame.message.len() + 1 + word.len())?;
            let said = line.get(begin..).filter(|said| said.starts_with(word))?;
            self.messages.begins(said).then_some((name, said))
        });
        said.map_or(frame, |(logger, message)| Frame { logger, message, ..frame })
    }

    /// A line of `key=value`, of which others than the message may be fields of it.
    fn read_members<'l>(&self, members: &KeyValues<'l>, may_be_ours: bool) -> Entry<'l> {
        let mut entry = self.read_frame(members.frame, may_be_ours);
        entry.beside = both(members.beside(), entry.beside.take());
        for (name, value) in key_values::each(members.members) {
            let is_message = std::ptr::eq(value, members.frame.message);
            if entry.kind.is_some() && !is_message && FIELDS.contains(&name) {
                entry.take(name, value.into());
            }
            if value.starts_with(TRACEBACK) {
                entry.exception = Some(value.into());
            }
        }
        entry
    }

    /// A message that is an object itself: a renderer's, behind the head that a formatter or syslog has written. Objects that are none of
    /// a logger, such as a webhook's body, are the text that they are.
    fn read_inner<'l>(&self, frame: &Frame<'l>) -> Option<Entry<'l>> {
        let inner = self.read_object(frame.message)?;
        let outer = frame.level.map_or(Level::Unknown, Level::of);
        let level = if inner.level == Level::Unknown { outer } else { inner.level };
        let is_log = inner.kind.is_some() || inner.exception.is_some() || inner.level != Level::Unknown;
        let at = inner.at.or_else(|| frame.time.and_then(|time| self.time(time)));
        let logger = inner.logger.clone().or_else(|| frame.logger.map(Cow::from));
        is_log.then_some(Entry { at, level, logger, ..inner })
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
        self.read_message(logger.as_deref(), message, &mut found, self.messages.may_begin_in(message));
        let found = found.into_owned();
        let named = found.logger.clone();
        let mut entry = Entry {
            at,
            level,
            logger: logger.map(Cow::Owned).or(named),
            exception: object.exception(&keys.exception).map(Cow::Owned),
            beside: both(object.beside(keys, message), found.beside.clone()),
            ..found
        };
        if entry.kind.is_some() {
            for name in FIELDS {
                // Where an `event` is the message, it names none.
                if let Some(value) =
                    object.text(&[name.to_owned()]).filter(|value| value.trim_end() != message)
                {
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
            let traceback = object.exception(&keys.exception).is_some_and(|text| !text.trim().is_empty());
            traceback && object.level(&keys.level) == Level::Severe
        };
        let keys = self.json.iter().find(is).filter(|_| line.trim_start().starts_with('{'))?;
        Some(Entry {
            at: object.time(&keys.time, |text| self.time(text)),
            level: Level::Severe,
            logger: object.text(&keys.logger).map(Cow::Owned),
            exception: object.exception(&keys.exception).map(Cow::Owned),
            message: "an error, in an object without a message that is known".into(),
            beside: object.beside(keys, ""),
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
        let line = (around == Level::Unknown).then(|| self.read_text(message, true))??;
        Some(line.into_owned())
    }

    /// Takes what a message of this logger says of a webhook. `may_be_ours`: whether one of the sender's own may begin further on.
    pub(super) fn read_message<'m>(
        &self,
        logger: Option<&'m str>,
        message: &'m str,
        entry: &mut Entry<'m>,
        may_be_ours: bool,
    ) {
        let mut found = self.messages.first(logger, message);
        let mut message = message;
        if may_be_ours
            && found.as_ref().is_none_or(|(first, _)| first.loose)
            && let Some((logger, said)) = self.behind_preamble(logger, message)
        {
            found = self.messages.first(logger, said);
            let before = message.get(..message.len() - said.len()).filter(|before| !before.is_empty());
            entry.beside = entry.beside.take().or_else(|| before.map(str::to_owned));
            message = said;
            entry.message = said.into();
            entry.logger = logger.map(Cow::from).or(entry.logger.take());
        }
        let Some((first, groups)) = found else { return };
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

/// An id without the mark that a formatter has set right behind it, where it is a UUID.
fn whole_id(id: Cow<'_, str>) -> Cow<'_, str> {
    let is_mark = |rest: &str| rest.starts_with(['|', ']', ')', '}', '>', '"', '\'']);
    let is_uuid = |id: &str| uuid::Uuid::try_parse(id).is_ok();
    match id.split_at_checked(UUID) {
        Some((uuid, rest)) if is_mark(rest) && is_uuid(uuid) => Cow::Owned(uuid.to_owned()),
        _ => id,
    }
}

/// Length of a UUID with hyphens.
const UUID: usize = 36;

/// One text of two.
fn both(one: Option<String>, other: Option<String>) -> Option<String> {
    match (one, other) {
        (Some(one), Some(other)) => Some(format!("{one}\n{other}")),
        (one, other) => one.or(other),
    }
}

/// Fields that messages may give.
const FIELDS: [&str; 6] = ["event", "status", "attempt", "max", "timeout", "webhook_id"];

/// What bytes may be: a letter of a name; where a value without quotes ends, or may.
const WORD: u8 = 1;
const END: u8 = 2;
const BYTES: [u8; 256] = {
    let mut all = [0; 256];
    let mut byte = 0;
    while byte < all.len() {
        all[byte] = match byte as u8 {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' => WORD,
            b'\t'..=b'\r' | b' ' | b',' | b';' | 0x80.. => END,
            _ => 0,
        };
        byte += 1;
    }
    all
};

fn is(what: u8, byte: u8) -> bool {
    BYTES[usize::from(byte)] == what
}

/// Each `name=value` of a message that is a field, in order; a value stands in quotes, or ends before a blank, a comma or a
/// semicolon.
fn pairs(message: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = message;
    std::iter::from_fn(move || {
        loop {
            let at = memchr::memchr(b'=', rest.as_bytes())?;
            let (before, after) = (rest.get(..at)?, rest.get(at + 1..)?);
            let begin = before.bytes().rposition(|b| !is(WORD, b)).map_or(0, |last| last + 1);
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
    let ends = |c: char| c.is_whitespace() || c == ',' || c == ';';
    let Some(at) = text.bytes().position(|b| is(END, b)) else { return text.len() };
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
            "webhook_id" if self.webhook_id.is_none() => self.webhook_id = Some(whole_id(value)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
