//! Lines of `key=value`, as logfmt and structlog's `KeyValueRenderer` write them: `level=info event="…"`, `event='…' level='info'`.

use super::frame::{Frame, PREFIX};
use super::head;

/// Keys of the message, of which the first that is there counts: an `event` may stand beside a message.
const MESSAGES: [&str; 4] = ["msg", "message", "text", "event"];
const LEVELS: [&str; 8] =
    ["level", "lvl", "severity", "levelname", "log_level", "loglevel", "log.level", "at"];
const TIMES: [&str; 8] = ["time", "ts", "t", "timestamp", "asctime", "when", "datetime", "@timestamp"];
const LOGGERS: [&str; 4] = ["logger", "name", "logger_name", "log.logger"];
/// Members that are read, at most.
const MOST: usize = 64;

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
pub(super) fn open<'l>(line: &'l str, frame: Option<&Frame<'l>>) -> Option<KeyValues<'l>> {
    let bytes = line.as_bytes();
    let first = memchr::memchr(b'=', bytes.get(..=PREFIX).unwrap_or(bytes))?;
    let before = line.get(..first)?;
    let begin = before.rfind([' ', '\t', '|', ']']).map_or(0, |at| at + 1);
    let key = before.get(begin..)?;
    let known = [&MESSAGES[..], &LEVELS, &TIMES, &LOGGERS].into_iter().any(|keys| keys.contains(&key));
    let message_begins = frame.map(|frame| line.len() - frame.message.len());
    if !known || message_begins.is_some_and(|at| at < begin) || before.contains(['"', '\'', '?', '&']) {
        return None;
    }
    let members = line.get(begin..)?;
    let mut found = Found::default();
    each(members).take(MOST).for_each(|member| found.take(member));
    let message = found.messages.into_iter().flatten().next()?;
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
    messages: [Option<&'l str>; MESSAGES.len()],
    level: Option<&'l str>,
    time: Option<&'l str>,
    logger: Option<&'l str>,
}

impl<'l> Found<'l> {
    fn take(&mut self, (key, value): (&str, &'l str)) {
        let place = MESSAGES.iter().position(|name| *name == key);
        if let Some(slot) = place.and_then(|place| self.messages.get_mut(place)) {
            slot.get_or_insert(value);
        } else if LEVELS.contains(&key) {
            self.level.get_or_insert(value);
        } else if TIMES.contains(&key) {
            self.time.get_or_insert(value);
        } else if LOGGERS.contains(&key) {
            self.logger.get_or_insert(value);
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
    fn fields_of_a_message_may_be_members() {
        let formats = Formats::built_in().unwrap();
        let line = "level=info event=\"Webhook delivered successfully: \" webhook_id=a attempt=2 status=200";
        let entry = formats.read(line).unwrap();
        let found = (entry.kind, entry.webhook_id.as_deref(), entry.attempt, entry.status, entry.event);
        assert_eq!(found, (Some(Kind::Delivered), Some("a"), Some(2), Some(200), None));
    }
}
