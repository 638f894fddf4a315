//! The level of a line that has none of the formats with a name, such as those of gunicorn, celery, nginx, uvicorn, structlog and loguru, and
//! what people write into Django's `LOGGING`: before the message stand time, level, logger and numbers in any order and with any marks
//! between them. A line whose level can be read may be an error, whatever else it says.
//!
//! Only the beginning of a line is read, word by word, and the first word that belongs to no such beginning ends it: what strangers
//! send, as in access logs, stands behind addresses, quotes or prose.

use super::frame::Frame;
use super::key_values::Keys;
use super::level::names_level;
use super::time::web_server_length;
use std::net::{IpAddr, SocketAddr};

/// Words before a level, at most: Apache's time alone has five.
const WORDS: usize = 10;
/// Longest word before a level, in bytes.
const LONGEST: usize = 80;
/// Digits of a number before a level, at most: ids of threads have 15, numbers of cards 16.
const DIGITS: usize = 15;
/// Members of a line of `key=value` that may stand before its level, beside those that formats name.
const KEYS: [&str; 5] = ["pid", "thread", "tid", "jid", "class"];
/// Names of days and months, as in `Wed Nov 26`.
pub(super) const CALENDAR: [&str; 19] = [
    "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun", "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug",
    "Sep", "Oct", "Nov", "Dec",
];
/// What container runtimes write between the time and the line.
pub(super) const STREAMS: [&str; 4] = ["stdout", "stderr", "F", "P"];
/// How the names of threads and processes begin that stand in brackets.
const THREADS: [&str; 8] =
    ["Main", "main", "Thread-", "ThreadPoolExecutor-", "ForkPoolWorker-", "Dummy-", "pid ", "tid "];
/// The logger of gunicorn's own lines, which do not name it.
pub(super) const GUNICORN: &str = "gunicorn.error";

/// The frame of a line whose beginning names a level; `None` where no level can be read.
pub(super) fn open<'l>(keys: &Keys, line: &'l str) -> Option<Frame<'l>> {
    // Lines of a traceback and other continuations.
    if line.starts_with([' ', '\t']) {
        return None;
    }
    let mut head = Head {
        keys,
        rest: line,
        time: None,
        logger: None,
        timed: false,
        bare_name: false,
        words: 0,
        gunicorn: 0,
    };
    for _ in 0..WORDS {
        if let Some(level) = head.word()? {
            return Some(head.behind(level));
        }
    }
    None
}

/// What was read of a line so far.
struct Head<'k, 'l> {
    keys: &'k Keys,
    rest: &'l str,
    time: Option<&'l str>,
    logger: Option<&'l str>,
    /// Whether there was a date or a time of day.
    timed: bool,
    /// Whether a name without any mark was passed.
    bare_name: bool,
    words: usize,
    /// `[time] [number] `, of which gunicorn's lines begin.
    gunicorn: u8,
}

impl<'l> Head<'_, 'l> {
    /// Reads a word; gives the level when it is one, and `None` when it belongs to no beginning of a line.
    fn word(&mut self) -> Option<Option<&'l str>> {
        let start = self.rest.find(|c| !is_mark(c, true))?;
        let (marks, rest) = self.rest.split_at(start);
        let bracketed = marks.trim_end_matches(' ').ends_with(['[', '(', '<', '{']);
        self.words += 1;
        if let Some((time, after)) = time(rest) {
            self.timed = true;
            // Without a day it is no time that can be told.
            self.time = self.time.or(Some(time).filter(|time| time.len() > CLOCK.len() + 1));
            self.gunicorn = u8::from(bracketed && self.words == 1);
            self.rest = after.strip_prefix('"').unwrap_or(after);
            return Some(None);
        }
        let ends = [' ', '\t', '[', ']', '(', ')', '<', '>', '{', '}', '|', ','];
        let (word, after) = rest.split_at(rest.find(ends).unwrap_or(rest.len()));
        if word.is_empty() || word.len() > LONGEST {
            return None;
        }
        self.rest = after;
        let place = Place {
            closed: bracketed && after.trim_start_matches(' ').starts_with([']', ')', '>', '}']),
            marked: word.ends_with(':') || is_marked(after),
            first: self.words == 1,
            timed: self.timed,
            indented: marks.contains("   "),
        };
        if let Some((level, behind)) = level(self.keys, word, place) {
            self.rest = rest.get(behind..)?;
            return Some(Some(level));
        }
        self.other(word.trim_end_matches([':', ';']), word, place)?;
        Some(None)
    }

    /// Passes over a word that is no level.
    fn other(&mut self, name: &'l str, word: &str, place: Place) -> Option<()> {
        let address = name.parse::<IpAddr>().is_ok() || name.parse::<SocketAddr>().is_ok();
        if address {
            return None;
        }
        if name.starts_with(|c: char| c.is_ascii_digit() || c == '#' || c == '*') {
            let number = name.len() <= DIGITS && name.chars().all(|c| c.is_ascii_graphic() && c != '"');
            self.gunicorn += u8::from(self.gunicorn == 1 && self.words == 2);
            return number.then_some(());
        }
        if let Some((key, _)) = name.split_once('=') {
            self.timed = true;
            return (KEYS.contains(&key) || self.keys.is_of_head(key)).then_some(());
        }
        if CALENDAR.contains(&name) || (self.timed && STREAMS.contains(&name)) {
            return Some(());
        }
        if !is_name(name) {
            return None;
        }
        // `ValueError: …` is no logger, but the end of a traceback.
        if word.ends_with(':') && !self.timed {
            return None;
        }
        let program = word.ends_with(':') || self.rest.starts_with('[');
        if is_dotted(name) && !program {
            self.logger = Some(name);
        } else if !place.marked {
            // `%(asctime)s %(name)s %(levelname)s`: one name may stand bare, two are prose.
            if self.bare_name || !self.timed {
                return None;
            }
            self.bare_name = true;
            self.logger = Some(name).filter(|name| !name.contains('@'));
        } else {
            let dotted = is_dotted(name);
            self.logger = if dotted { Some(name) } else { self.logger.filter(|_| !program) };
        }
        Some(())
    }

    /// What stands behind the level: a time, a logger, and the message.
    fn behind(mut self, level: &'l str) -> Frame<'l> {
        let quoted = self.rest.strip_prefix('"').unwrap_or(self.rest);
        self.rest = quoted.trim_start_matches(|c| is_mark(c, false));
        if self.gunicorn == 2 && self.words == 3 && self.logger.is_none() {
            self.logger = Some(GUNICORN);
        }
        for _ in 0..3 {
            let Some(rest) = self.behind_word() else { break };
            self.rest = rest.trim_start_matches(|c| is_mark(c, false));
        }
        Frame { level: Some(level), time: self.time, logger: self.logger, message: self.rest }
    }

    fn behind_word(&mut self) -> Option<&'l str> {
        if let Some(inner) = self.rest.strip_prefix('[') {
            if self.time.is_none()
                && let Some((time, after)) = time(inner)
            {
                self.time = Some(time);
                return after.split_once(']').map(|(_, after)| after);
            }
            let (inner, after) = inner.split_once(']')?;
            let number = inner.len() <= DIGITS / 2 && inner.bytes().all(|b| b.is_ascii_digit());
            if self.logger.is_none() && is_dotted(inner) {
                self.logger = Some(inner);
                return Some(after);
            }
            return (number || THREADS.iter().any(|name| inner.starts_with(name))).then_some(after);
        }
        if self.time.is_none()
            && let Some((time, after)) = time(self.rest)
        {
            self.time = Some(time);
            return Some(after);
        }
        if self.logger.is_some() {
            return None;
        }
        let (word, after) = self.rest.split_at(self.rest.find([' ', '|', ']']).unwrap_or(self.rest.len()));
        let name = word.trim_end_matches(':');
        // loguru: `module:function:line - `.
        let place = name.split_once(':').filter(|(_, place)| place.contains(':') && !place.starts_with(':'));
        let name = place.map_or(name, |(module, _)| module);
        if !is_dotted(name) && (place.is_none() || !is_name(name)) {
            return None;
        }
        self.logger = Some(name);
        Some(after)
    }
}

/// How a word stands in its line.
#[derive(Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is said of the word by itself")]
struct Place {
    /// In brackets, alone.
    closed: bool,
    /// With a mark behind it.
    marked: bool,
    first: bool,
    timed: bool,
    /// Behind blanks, as source text is.
    indented: bool,
}

/// The level that a word is, and where in the word what follows begins.
fn level<'l>(keys: &Keys, word: &'l str, place: Place) -> Option<(&'l str, usize)> {
    if let Some((key, value)) = word.split_once('=') {
        let level = value.trim_matches('"');
        let at = word.len() - value.trim_start_matches('"').len() + level.len();
        return (keys.is_level(key) && names_level(level)).then_some((level, at));
    }
    let upper = |text: &str| names_level(text) && text.bytes().all(|b| b.is_ascii_uppercase());
    let bare = word.trim_end_matches(':');
    // Apache: `[core:error]`.
    let last = bare.rsplit(':').next().unwrap_or(bare);
    if place.closed && names_level(last) {
        return Some((last, word.len()));
    }
    // Monolog: `app.ERROR:`.
    let channel = bare.rsplit_once('.').filter(|_| place.timed && word.ends_with(':'));
    if let Some(level) =
        [Some(bare), channel.map(|(_, level)| level)].into_iter().flatten().find(|l| upper(l))
    {
        return Some((level, word.len()));
    }
    let lower = bare.bytes().all(|b| b.is_ascii_lowercase());
    let marked = place.marked && !place.indented && (place.timed || place.first && lower);
    if marked && names_level(bare) {
        return Some((bare, word.len()));
    }
    // Celery: `ERROR/MainProcess]`; Python's own: `ERROR:root:text`.
    let (level, _) = word.split_once(['/', ':']).filter(|(level, _)| upper(level))?;
    let behind = if word.get(level.len()..)?.starts_with('/') { word.len() } else { level.len() };
    Some((level, behind))
}

const fn is_mark(c: char, open: bool) -> bool {
    match c {
        ' ' | '\t' | ']' | ')' | '>' | '}' | ':' | '|' | '-' | ',' | ';' => true,
        '[' | '(' | '<' | '{' => open,
        _ => false,
    }
}

/// Whether the text goes on with a mark.
fn is_marked(after: &str) -> bool {
    let text = after.trim_start_matches([' ', '\t']);
    text.starts_with(['[', ']', ')', '>', '}', '|', ',']) || text.starts_with("- ") || text.starts_with("-- ")
}

/// A name of a logger, a host or a program; none that may be somebody's address.
pub(super) fn is_name(name: &str) -> bool {
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ':' | '@');
    let address = name.split_once('@').is_some_and(|(_, host)| host.contains('.'));
    begins && !address && name.chars().all(plain)
}

/// A logger by its look: `apps.payments`, `axum::serve`; no file.
pub(super) fn is_dotted(name: &str) -> bool {
    let inner = |mark: &str| name.trim_end_matches(['.', ':']).contains(mark);
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':');
    is_name(name)
        && name.chars().all(plain)
        && (inner(".") || inner("::"))
        && !name.split(':').next().is_some_and(|file| file.ends_with(".py"))
        && !name.contains("..")
}

/// A day, each digit as `0`.
const DAY: &[u8] = b"0000-00-00";
const CLOCK: &[u8] = b"00:00:00";

/// A day with the time of day, or the time of day alone, with its fraction and offset, and what stands behind it.
pub(super) fn time(text: &str) -> Option<(&str, &str)> {
    if let Some(length) = web_server_length(text) {
        return Some(text.split_at(length + offset(text.get(length..)?)));
    }
    let bytes = text.as_bytes();
    let fits = |at: usize, form: &[u8]| {
        let digit = |(b, form): (&u8, &u8)| match form {
            b'0' => b.is_ascii_digit(),
            b'-' => matches!(b, b'-' | b'/'),
            form => b == form,
        };
        bytes.get(at..at + form.len()).is_some_and(|part| part.iter().zip(form).all(digit))
    };
    let day = if fits(0, DAY) && matches!(bytes.get(DAY.len()), Some(b' ' | b'T' | b'_')) {
        DAY.len() + 1
    } else {
        0
    };
    if !fits(day, CLOCK) {
        return None;
    }
    let count = |at: usize| bytes.iter().skip(at).take_while(|b| b.is_ascii_digit()).count();
    let mut end = day + CLOCK.len();
    if matches!(bytes.get(end), Some(b'.' | b',')) && count(end + 1) > 0 {
        end += 1 + count(end + 1);
    }
    end += offset(text.get(end..)?);
    Some(text.split_at(end))
}

/// The length of an offset: `Z`, `+06:00`, ` +0600`, ` UTC`.
fn offset(text: &str) -> usize {
    let bare = text.strip_prefix(' ').unwrap_or(text);
    let blank = text.len() - bare.len();
    if bare.starts_with("UTC") {
        return blank + 3;
    }
    if blank == 0 && text.starts_with('Z') {
        return 1;
    }
    let Some(digits) = bare.strip_prefix(['+', '-']) else { return 0 };
    let length = digits.bytes().take_while(|b| b.is_ascii_digit() || *b == b':').count().min(5);
    let given = digits.get(..length).unwrap_or_default().trim_end_matches(':');
    let right = matches!(given.len(), 4 | 5) && given.contains(':') == (given.len() == 5);
    if right { blank + 1 + given.len() } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::super::Formats;
    use super::super::level::Level;
    use super::*;
    use std::sync::LazyLock;

    static KEYS: LazyLock<Keys> = LazyLock::new(|| Formats::built_in().unwrap().keys);

    /// Level, time, logger and message of a line.
    fn of(line: &str) -> Option<(&str, Option<&str>, Option<&str>, &str)> {
        open(&KEYS, line)
            .map(|frame| (frame.level.unwrap_or_default(), frame.time, frame.logger, frame.message))
    }

    #[test]
    fn levels_as_servers_and_libraries_write_them() {
        for (line, level, logger, message) in [
            (
                "[2026-11-26 12:00:00 +0000] [123] [CRITICAL] WORKER TIMEOUT (pid:124)",
                "CRITICAL",
                Some(GUNICORN),
                "WORKER TIMEOUT (pid:124)",
            ),
            ("2026-11-26 12:00:00,123 [error] logger: text", "error", None, "logger: text"),
            ("2026-11-26 12:00:00,123 [Error] apps.payments: text", "Error", Some("apps.payments"), "text"),
            ("2026-11-26 12:00:00,123 apps.payments [error] text", "error", Some("apps.payments"), "text"),
            (
                "2026-11-26 12:00:00 [error    ] text                           [apps.x] key=1",
                "error",
                None,
                "text                           [apps.x] key=1",
            ),
            ("2026/11/26 12:00:00 [error] 123#0: *1 text", "error", None, "123#0: *1 text"),
            ("ERROR:    text", "ERROR", None, "text"),
            ("[2026-11-26 12:00:00,123: ERROR/MainProcess] text", "ERROR", None, "text"),
            (
                "2026-11-26 12:00:00,123 - apps.payments - ERROR - text",
                "ERROR",
                Some("apps.payments"),
                "text",
            ),
            ("2026-11-26 12:00:00,123 celery ERROR text", "ERROR", Some("celery"), "text"),
            ("2026-11-26 12:00:00,123 FATAL text", "FATAL", None, "text"),
            ("ERROR:root:text", "ERROR", None, "root:text"),
            ("2026-11-26 12:00:00.123 | ERROR    | apps.x:verify:12 - text", "ERROR", Some("apps.x"), "text"),
            ("2026-11-26T12:00:00.123456Z ERROR axum::serve: text", "ERROR", Some("axum::serve"), "text"),
            ("[Thu Nov 26 12:00:00.123456 2026] [core:error] [pid 123] text", "error", None, "text"),
            ("2026-11-26 12:00:00.123 UTC [123] app@staging ERROR:  text", "ERROR", None, "text"),
            ("Nov 26 12:00:00 staging gunicorn[812]: ERROR text", "ERROR", None, "text"),
            ("web-1  | [2026-11-26 12:00:00 +0000] [123] [ERROR] text", "ERROR", None, "text"),
            ("2026-11-26T12:00:00.123456789Z stderr F [error] text", "error", None, "text"),
            ("time=\"2026-11-26 12:00:00\" level=error msg=\"text\"", "error", None, "msg=\"text\""),
            ("12:00:00 error: text", "error", None, "text"),
            ("t=2026-11-26T12:00:00+0000 lvl=eror msg=text", "eror", None, "msg=text"),
            ("ERRO[0001] text", "ERRO", None, "text"),
            ("[12:00:00 FTL] text", "FTL", None, "text"),
            ("error: text", "error", None, "text"),
            ("E, [2026-11-26T12:00:00.123456 #123] ERROR -- : text", "ERROR", None, "text"),
            ("[ERROR] [123] apps.x: text", "ERROR", Some("apps.x"), "text"),
            ("[CRITICAL] 2026-11-26 12:00:00 text", "CRITICAL", None, "text"),
            ("[2026-11-26T12:00:00.123456+00:00] app.ERROR: text [] []", "ERROR", None, "text [] []"),
            ("[2026-11-26 12:00:00] production.CRITICAL: text", "CRITICAL", None, "text"),
            ("[2026-11-26T12:00:00.123+0000] {views.py:12} ERROR - text", "ERROR", None, "text"),
            ("2026-11-26T12:00:00.123Z pid=1 tid=gkq class=Job jid=01ab ERROR: text", "ERROR", None, "text"),
            ("[2026-11-26T12:00:00Z ERROR apps::payments] text", "ERROR", Some("apps::payments"), "text"),
        ] {
            let found = of(line).unwrap_or_else(|| panic!("{line}"));
            assert_eq!((found.0, found.2, found.3), (level, logger, message), "{line}");
            assert_eq!(Level::of(found.0), Level::Severe);
        }
        let mild = of("[2026-11-26 12:00:00 +0000] [7] [INFO] Booting worker").unwrap();
        assert_eq!(mild, ("INFO", Some("2026-11-26 12:00:00 +0000"), Some(GUNICORN), "Booting worker"));
    }

    #[test]
    fn what_strangers_send_and_prose_name_no_level() {
        for line in [
            "127.0.0.1 - - [26/Nov/2026:12:00:00 +0000] \"GET /[ERROR] HTTP/1.1\" 200",
            "127.0.0.1 - [ERROR] [26/Nov/2026:12:00:00 +0000] \"GET / HTTP/1.1\" 200",
            "staging.example:443 10.0.0.9 - [ERROR] [26/Nov/2026:12:00:00 +0000] \"GET / HTTP/1.1\" 200",
            "::1 - - [26/Nov/2026:12:00:00 +0000] \"GET /?q=ERROR: HTTP/1.1\" 200",
            "method=GET path=\"/ level=error\" status=200",
            "2026-11-26 12:00:00 GET \"/ERROR\" 200",
            "2026-11-26 12:00:00 there was no ERROR at all",
            "2026-11-26 12:00:00 gunicorn.error: text",
            "no error: all is well",
            "Error: not by a logger",
            "    error: str = 'x'",
            "web-1  |     error: str = 'x'",
            "{\"level\": \"ERROR\"}",
            "john@example.com ERROR text",
            "2026-11-26 12:00:00 4111111111111111 ERROR text",
            "ValueError: ERROR",
            "",
            "[",
            "\u{e9} ERROR",
        ] {
            assert_eq!(of(line), None, "{line}");
        }
        assert_eq!(of("INFO:     127.0.0.1:5000 - \"GET /[error] HTTP/1.1\" 200").unwrap().0, "INFO");
    }

    #[test]
    fn times_are_found_with_their_offsets() {
        for (text, found) in [
            ("2026-11-26 12:00:00 x", "2026-11-26 12:00:00"),
            ("2026-11-26 12:00:00,123: x", "2026-11-26 12:00:00,123"),
            ("2026/11/26 12:00:00 +0000]", "2026/11/26 12:00:00 +0000"),
            ("2026-11-26T12:00:00.5+06:00 x", "2026-11-26T12:00:00.5+06:00"),
            ("2026-11-26 12:00:00 - x", "2026-11-26 12:00:00"),
            ("12:00:00.5Z", "12:00:00.5Z"),
            ("28/Nov/2026 12:00:00 +0600] x", "28/Nov/2026 12:00:00 +0600"),
        ] {
            assert_eq!(time(text).unwrap().0, found);
        }
        assert_eq!((time("2026-11-26 12:00"), time("x")), (None, None));
    }
}
