//! Lines of `key=value`, as logfmt and structlog's `KeyValueRenderer` write them: `level=info event="…"`, `event='…' level='info'`.

use super::formats::JsonKeys;
use super::frame::{Frame, PREFIX};
use super::head;
use super::level::{Level, WORDS};
use foldhash::HashMap;

/// Members that are read, at most.
const MOST: usize = 64;

/// What a member holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Of several the one with the least number counts: an `event` may stand beside a message.
    Message(usize),
    Time,
    Level,
    Logger,
}

/// What members hold by their keys: those that JSON formats have, without the pointers, and without those that are a level's in an object
/// alone: a message of words has `status=…` of its own.
#[derive(Debug, Default)]
pub(super) struct Keys(HashMap<Box<str>, Part>);

impl Keys {
    pub(super) fn of(formats: &[JsonKeys]) -> Self {
        let mut keys = Self::default();
        for JsonKeys { message, time, level, logger, .. } in formats {
            let messages = message.iter().enumerate().map(|(number, key)| (key, Part::Message(number)));
            let others = [(time, Part::Time), (level, Part::Level), (logger, Part::Logger)];
            let others = others.into_iter().flat_map(|(keys, part)| keys.iter().map(move |key| (key, part)));
            let is_key = |key: &str| !key.starts_with('/') && !WORDS.contains(&key);
            for (key, part) in messages.chain(others).filter(|(key, _)| is_key(key)) {
                keys.0.entry(key.as_str().into()).or_insert(part);
            }
        }
        keys
    }

    fn part(&self, key: &str) -> Option<Part> {
        self.0.get(key).copied()
    }

    /// Whether a level stands at a key.
    pub(super) fn is_level(&self, key: &str) -> bool {
        self.part(key) == Some(Part::Level)
    }

    /// Whether what stands at a key is of the head of a line.
    pub(super) fn is_of_head(&self, key: &str) -> bool {
        matches!(self.part(key), Some(Part::Time | Part::Level | Part::Logger))
    }
}

/// A line of members.
pub(super) struct KeyValues<'l> {
    pub frame: Frame<'l>,
    /// All of it, from the first member on.
    pub members: &'l str,
    /// What stands before that.
    before: &'l str,
}

impl KeyValues<'_> {
    /// What it says beside message, level, time and logger.
    pub(super) fn beside(&self) -> Option<String> {
        let Frame { level, time, logger, message } = self.frame;
        let known = [level, time, logger, Some(message)];
        let is_other = |value: &str| !known.iter().flatten().any(|known| std::ptr::eq(*known, value));
        let mut text = self.before.trim().to_owned();
        for (key, value) in each(self.members).filter(|(_, value)| is_other(value)) {
            text = format!("{text} {key}={value}");
        }
        (!text.is_empty()).then_some(text)
    }
}

/// The members of a line that has a message among them, and a level there or in its frame. Behind words of a message they are
/// what that tells, not what the logger does: `ERROR … login failed: name=x level=info msg=…`.
pub(super) fn open<'l>(keys: &Keys, line: &'l str, frame: Option<&Frame<'l>>) -> Option<KeyValues<'l>> {
    let bytes = line.as_bytes();
    let first = memchr::memchr(b'=', bytes.get(..=PREFIX).unwrap_or(bytes))?;
    let before = line.get(..first)?;
    let begin = before.rfind([' ', '\t', '|', ']']).map_or(0, |at| at + 1);
    let key = before.get(begin..)?;
    let message_begins = frame.map(|frame| line.len() - frame.message.len());
    let is_behind_words = message_begins.is_some_and(|at| at < begin);
    if is_behind_words || before.contains(['"', '\'', '?', '&']) || keys.part(key).is_none() {
        return None;
    }
    let members = line.get(begin..)?;
    let mut found = Found::default();
    each(members).take(MOST).for_each(|member| found.take(keys, member));
    let (_, message) = found.message?;
    let around = frame.copied().unwrap_or(Frame { level: None, time: None, logger: None, message });
    // What the head of the line has as its level is the logger's.
    let of_head = around.level.filter(|_| message_begins == Some(begin));
    let level = Some(of_head.or(found.level).or(around.level)?);
    let time = found.time.or(around.time).or_else(|| head::time(line).map(|(time, _)| time));
    let frame = Frame { level, time, logger: found.logger.or(around.logger), message };
    Some(KeyValues { frame, members, before: line.get(..begin)? })
}

#[derive(Default)]
struct Found<'l> {
    message: Option<(usize, &'l str)>,
    level: Option<&'l str>,
    time: Option<&'l str>,
    logger: Option<&'l str>,
}

impl<'l> Found<'l> {
    fn take(&mut self, keys: &Keys, (key, value): (&str, &'l str)) {
        match keys.part(key) {
            Some(Part::Message(number)) if self.message.is_none_or(|(known, _)| number < known) => {
                self.message = Some((number, value));
            }
            // Of more than one the first counts that says what it is.
            Some(Part::Level) => {
                let is_unknown = |level: &str| Level::of(level) == Level::Unknown;
                if self.level.is_none_or(|known| is_unknown(known) && !is_unknown(value)) {
                    self.level = Some(value);
                }
            }
            Some(Part::Time) => self.time = self.time.or(Some(value)),
            Some(Part::Logger) => self.logger = self.logger.or(Some(value)),
            _ => {}
        }
    }
}

/// The members one after another; what is none is passed over, word by word. Escapes in a quoted value stay as they are.
pub(super) fn each(members: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = members;
    std::iter::from_fn(move || {
        loop {
            rest = rest.trim_start_matches([' ', '\t']);
            let end = rest.find([' ', '\t', '='])?;
            let (key, after) = rest.split_at(end);
            let Some(value) = after.strip_prefix('=') else {
                rest = after;
                continue;
            };
            let length = match value.as_bytes().first() {
                Some(quote @ (b'"' | b'\'')) => quoted(value, *quote),
                _ => None,
            };
            if let Some(length) = length {
                rest = value.get(length + 2..).unwrap_or_default();
                return Some((key, value.get(1..=length).unwrap_or_default()));
            }
            let bare = value.find([' ', '\t']).unwrap_or(value.len());
            rest = value.get(bare..).unwrap_or_default();
            return Some((key, value.get(..bare).unwrap_or_default()));
        }
    })
}

/// The length of what stands between quotes; `None` where they are not closed.
fn quoted(value: &str, quote: u8) -> Option<usize> {
    let mut escaped = false;
    let is_end = |b: &u8| {
        let ends = *b == quote && !escaped;
        escaped = *b == b'\\' && !escaped;
        ends
    };
    value.as_bytes().get(1..)?.iter().position(is_end)
}

#[cfg(test)]
mod tests {
    use super::super::{Formats, Kind, Level};

    #[test]
    fn members_are_the_loggers_where_no_words_stand_before_them() {
        let formats = Formats::built_in().unwrap();
        let of = |line: &str| formats.read(line).map(|entry| (entry.level, entry.message.into_owned()));
        for (line, level, message) in [
            ("level=error msg=\"it \\\"broke\\\"\" user=7", Level::Severe, "it \\\"broke\\\""),
            ("time=2026-11-28T12:00:00Z level=info msg=well", Level::Mild, "well"),
            ("ERROR 2026-11-28 12:00:00,000 apps.x event='it broke' level=info", Level::Severe, "it broke"),
            (
                "ERROR 2026-11-28 12:00:00,000 apps.x failed: name=bob level=info msg=hello",
                Level::Severe,
                "failed: name=bob level=info msg=hello",
            ),
            ("web-1  | event='it broke' level='error'", Level::Severe, "it broke"),
        ] {
            assert_eq!(of(line), Some((level, message.to_owned())), "{line}");
        }
        for line in ["GET /?level=error&msg=x", "name=x", "path=\"/ level=error msg=x\""] {
            assert_eq!(of(line), None, "{line}");
        }
    }

    #[test]
    fn keys_are_those_of_the_formats_file() {
        let own = "json:\n  - { name: ours, message: [said], level: [how_bad], logger: [who] }\n";
        let formats = Formats::parse(own).unwrap();
        let entry = formats.read("how_bad=error who=apps.x said=\"it broke\"").unwrap();
        let found = (entry.level, entry.logger.as_deref(), &*entry.message);
        assert_eq!(found, (Level::Severe, Some("apps.x"), "it broke"));
        assert!(Formats::built_in().unwrap().read("how_bad=error who=apps.x said=\"it broke\"").is_none());
        // What stands there is a response's.
        assert!(Formats::built_in().unwrap().read("sent: event=paid, status=error, attempt=1").is_none());
        assert!(Formats::built_in().unwrap().read("status=200 msg=\"it broke\"").is_none());
        let built_in = Formats::built_in().unwrap();
        assert_eq!(built_in.read("at=2026-11-28T12:00:00Z level=error msg=x").unwrap().level, Level::Severe);
    }

    #[test]
    fn fields_of_a_message_may_be_members() {
        let formats = Formats::built_in().unwrap();
        let line = "level=info event=\"Webhook delivered successfully: \" webhook_id=a attempt=2 status=200";
        let entry = formats.read(line).unwrap();
        let found = (entry.kind, entry.webhook_id.as_deref(), entry.attempt, entry.status, entry.event);
        assert_eq!(found, (Some(Kind::Delivered), Some("a"), Some(2), Some(200), None));
    }
}
