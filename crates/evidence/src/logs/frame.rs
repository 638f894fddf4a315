//! What stands around the message of a line, found by hand for the built-in formats of Django: what their patterns in
//! `formats.yaml` say, at a fraction of the time. A test holds each against its pattern.

/// Time, level, logger and message of a line, as far as its format has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame<'l> {
    pub level: Option<&'l str>,
    pub time: Option<&'l str>,
    pub logger: Option<&'l str>,
    pub message: &'l str,
}

/// Finds the frame of a line, of which it is known how it starts; `None` when the line is of another format.
pub(super) type Framer = for<'l> fn(&'l str, Option<Start<'l>>) -> Option<Frame<'l>>;

/// Level and time, with what stands behind them: what a line of each of these formats starts with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Start<'l> {
    level: &'l str,
    time: &'l str,
    rest: &'l str,
}

/// The framer of a built-in format, by its name; `None` for those that are found by their pattern.
pub(super) fn by_hand(name: &str) -> Option<Framer> {
    match name {
        "django-debug" => Some(debug),
        "django-console" => Some(console),
        "django-prefixed" => Some(prefixed),
        _ => None,
    }
}

const LEVELS: [&str; 5] = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"];
/// A time as Python's `asctime` writes it, each digit as `0`.
const TIME: &[u8; 23] = b"0000-00-00 00:00:00,000";
/// What a collector writes before a line, at most, such as a name and ` | `: in characters here, in bytes where an object or a traceback
/// is looked for.
pub(super) const PREFIX: usize = 200;

/// Level, time and logger, with what stands behind them.
type Head<'l> = (Frame<'l>, &'l str);

fn debug<'l>(_: &'l str, start: Option<Start<'l>>) -> Option<Frame<'l>> {
    let (frame, rest) = head(start?, graphic)?;
    with_message(frame, behind_process(rest)?)
}

fn console<'l>(_: &'l str, start: Option<Start<'l>>) -> Option<Frame<'l>> {
    let (frame, message) = head(start?, dotted)?;
    with_message(frame, message)
}

/// Behind the shortest text that may be a collector's.
fn prefixed<'l>(line: &'l str, _: Option<Start<'l>>) -> Option<Frame<'l>> {
    let places = line.char_indices().take(PREFIX + 1).take_while(|(_, c)| *c != '\n').skip(1);
    let mut ends = places.filter(|(_, c)| matches!(c, ' ' | '|' | ']'));
    ends.find_map(|(at, _)| {
        let (frame, rest) = head(start(line.get(at + 1..)?)?, dotted)?;
        with_message(frame, behind_process(rest).unwrap_or(rest))
    })
}

/// What a line starts with, when that is a level and a time.
pub(super) fn start(line: &str) -> Option<Start<'_>> {
    // What most lines do not begin with is told by a byte.
    let first = line.as_bytes().first()?;
    let begins = |level: &&&str| level.as_bytes().first() == Some(first);
    let (level, rest) =
        LEVELS.iter().filter(begins).find_map(|level| Some((*level, line.strip_prefix(level)?)))?;
    let (time, rest) = rest.strip_prefix(' ')?.split_at_checked(TIME.len())?;
    if !is_time(time.as_bytes().first_chunk()?) {
        return None;
    }
    Some(Start { level, time, rest: rest.strip_prefix(' ')? })
}

/// What each of them has; `logger` gives the length of a logger's name.
fn head(start: Start<'_>, logger: fn(&[u8]) -> usize) -> Option<Head<'_>> {
    let Start { level, time, rest } = start;
    let (logger, rest) = word(rest, logger(rest.as_bytes()))?;
    Some((Frame { level: Some(level), time: Some(time), logger: Some(logger), message: "" }, rest))
}

/// Compared without a branch for each byte, so that it is done many bytes at a time.
fn is_time(time: &[u8; TIME.len()]) -> bool {
    let fits = |b: u8, form: u8| if form == b'0' { b.is_ascii_digit() } else { b == form };
    time.iter().zip(TIME).fold(true, |all, (b, form)| all & fits(*b, *form))
}

/// What stands behind module, process and thread.
fn behind_process(text: &str) -> Option<&str> {
    let rest = word(text, graphic(text.as_bytes()))?.1;
    let rest = word(rest, digits(rest.as_bytes()))?.1;
    Some(word(rest, digits(rest.as_bytes()))?.1)
}

/// A word of this length, and what stands behind the blank after it.
fn word(text: &str, length: usize) -> Option<(&str, &str)> {
    let (word, rest) = text.split_at_checked(length)?;
    Some((word, rest.strip_prefix(' ')?)).filter(|_| length > 0)
}

fn graphic(text: &[u8]) -> usize {
    text.iter().position(|b| !b.is_ascii_graphic()).unwrap_or(text.len())
}

fn digits(text: &[u8]) -> usize {
    text.iter().take_while(|b| b.is_ascii_digit()).count()
}

/// Whether a byte may stand in such a name.
static IN_NAME: [bool; 256] = {
    let mut table = [false; 256];
    let mut b = 0u8;
    while b < 128 {
        table[b as usize] = b.is_ascii_alphanumeric() || b == b'_' || b == b'.';
        b += 1;
    }
    table
};

/// A name as Python has it, with dots; none begins with a digit or a dot.
fn dotted(text: &[u8]) -> usize {
    let begins = text.first().is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_');
    let ends = |b: &u8| !IN_NAME[usize::from(*b)];
    if begins { text.iter().position(ends).unwrap_or(text.len()) } else { 0 }
}

/// A message is the rest of one line.
fn with_message<'l>(frame: Frame<'l>, message: &'l str) -> Option<Frame<'l>> {
    memchr::memchr(b'\n', message.as_bytes()).is_none().then_some(Frame { message, ..frame })
}

#[cfg(test)]
mod tests {
    use super::super::Formats;
    use super::super::formats::BUILT_IN;
    use proptest::prelude::*;
    use std::sync::LazyLock;

    static BY_HAND: LazyLock<Formats> = LazyLock::new(|| Formats::built_in().unwrap());
    static BY_PATTERN: LazyLock<Formats> = LazyLock::new(|| Formats::parse(BUILT_IN).unwrap());

    /// Pieces of lines, of each format and of none.
    fn pieces() -> impl Strategy<Value = String> {
        let piece = prop::sample::select(vec![
            "DEBUG",
            "INFO",
            "WARNING",
            "WARN",
            "ERROR",
            "CRITICAL",
            " ",
            " ",
            " ",
            "  ",
            "|",
            "]",
            "[",
            "\n",
            "\u{e9}",
            "2025-11-13 14:30:15,123",
            "2025-11-13 14:30:15.123",
            "2025-11-13 14:30:15",
            "2025-11-13T14:30:15Z",
            "apps.x_1",
            "_a",
            "1a",
            ".a",
            "a-b",
            "webhook_service",
            "812",
            "140213",
            "x",
            "web-1  | ",
            "Webhook retry 2/3 after 2s delay",
            ": ",
            "-",
            "\t",
            "{\"time\": \"",
            "\", \"level\": \"",
            "\"}",
        ]);
        prop::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
    }

    fn whole() -> impl Strategy<Value = String> {
        let line = (
            prop::sample::select(vec!["", "web-1  | ", "x ", "\u{e9}|", " ", "]", "INFO "]),
            prop::sample::select(vec!["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL", "WARN"]),
            prop::sample::select(vec!["2025-11-13 14:30:15,123", "2025-11-13 14:30:15"]),
            prop::sample::select(vec!["apps.x", "a-b", "9a", ""]),
            prop::sample::select(vec!["", "m 1 2 ", "m 1 ", "m-1 22 333 ", "1 2 3 "]),
            pieces(),
        );
        line.prop_map(|(prefix, level, time, logger, process, rest)| {
            format!("{prefix}{level} {time} {logger} {process}{rest}")
        })
    }

    proptest! {
        #[test]
        fn by_hand_is_as_by_pattern(line in prop_oneof![pieces(), whole()], fill in 190usize..205) {
            for line in [format!("{}{line}", "\u{e9}".repeat(fill)), line] {
                prop_assert_eq!(BY_HAND.frame(&line), BY_PATTERN.frame(&line), "{}", line);
            }
        }
    }

    #[test]
    fn the_formats_of_django_are_found_by_hand() {
        let by_hand = |name: &str| super::by_hand(name).is_some();
        assert!(["django-debug", "django-console", "django-prefixed"].into_iter().all(by_hand));
        assert_eq!((BY_HAND.by_hand(), BY_PATTERN.by_hand()), (3, 0));
    }
}
