//! Lines whose level is a code before everything else: syslog's priority (`<11>1 …`, RFC 5424 section 6.2.1, and `<11>Nov 26 …`, RFC 3164)
//! and the letter of glog and klog (`E1126 12:00:00.000000   123 file.go:42] …`) and of Tornado (`[E 261126 12:00:00 file:42] …`).

use super::frame::Frame;
use super::head;
use super::key_values::Keys;
use super::time::short_length;

/// What a priority's number is divided by: facility above, severity below (RFC 5424 section 6.2.1).
const SEVERITIES: usize = 8;
/// The severities, from 0.
const NAMES: [&str; SEVERITIES] = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];
/// Facilities end at 23.
const MOST: usize = 24 * SEVERITIES;
/// `daemon.err`, which Docker and systemd write for whatever went to standard error: it says nothing of the line.
const STANDARD_ERROR: usize = 3 * SEVERITIES + 3;
/// How the head of glog and klog begins behind its letter, each digit as `0`: month, day, time of day, fraction.
const GLOG: &[u8] = b"0000 00:00:00.000000";

/// The frame of a line that begins with a coded level; `None` where it does not.
pub(super) fn open<'l>(keys: &Keys, line: &'l str) -> Option<Frame<'l>> {
    match line.as_bytes().first()? {
        b'<' => syslog(keys, line),
        b'[' => tornado(line),
        _ => glog(line),
    }
}

fn syslog<'l>(keys: &Keys, line: &'l str) -> Option<Frame<'l>> {
    let (priority, rest) = line.strip_prefix('<')?.split_once('>')?;
    let digits = priority.len() <= 3 && priority.bytes().all(|b| b.is_ascii_digit());
    let priority: usize = priority.parse().ok().filter(|n| digits && *n < MOST)?;
    let (time, message) = match rest.strip_prefix("1 ") {
        Some(rest) => rfc5424(rest)?,
        None => (None, rest),
    };
    // What an application writes of its own line says more than what a collector knows of it.
    if let Some(frame) = head::open(keys, message.trim_start()) {
        return Some(Frame { time: frame.time.or(time), ..frame });
    }
    let level = NAMES.get(priority % SEVERITIES).filter(|_| priority != STANDARD_ERROR);
    level.map(|level| Frame { level: Some(level), time, logger: None, message })
}

/// Time and message behind the version: `TIME HOST APP PROCESS MESSAGE-ID DATA MESSAGE`.
fn rfc5424(rest: &str) -> Option<(Option<&str>, &str)> {
    let mut fields = rest.splitn(6, ' ');
    let time = fields.next().filter(|time| *time != "-");
    let data = fields.nth(4)?;
    let message = match data.strip_prefix('-') {
        Some(message) => message,
        // `]` inside of a value is escaped by a backslash.
        None => data.get(end_of_data(data)?..)?,
    };
    Some((time, message.trim_start_matches([' ', '\u{feff}'])))
}

fn end_of_data(data: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    let is_end = |(at, b): (usize, &u8)| {
        quoted ^= *b == b'"' && !escaped;
        escaped = *b == b'\\' && !escaped;
        let ends = *b == b']' && !quoted && data.as_bytes().get(at + 1) != Some(&b'[');
        ends.then_some(at + 1)
    };
    data.starts_with('[').then(|| data.as_bytes().iter().enumerate().find_map(is_end))?
}

fn glog(line: &str) -> Option<Frame<'_>> {
    let (level, rest) = line.split_at_checked(1).filter(|(l, _)| ["I", "W", "E", "F"].contains(l))?;
    let (time, rest) = rest.split_at_checked(GLOG.len())?;
    let fits = |(b, form): (u8, &u8)| if *form == b'0' { b.is_ascii_digit() } else { b == *form };
    if !time.bytes().zip(GLOG).all(fits) {
        return None;
    }
    let (place, message) = rest.split_once("] ")?;
    let mut place = place.split_whitespace();
    let thread = place.next().filter(|thread| thread.bytes().all(|b| b.is_ascii_digit()));
    let file = place.next().filter(|file| file.contains(':'));
    (thread.is_some() && file.is_some() && place.next().is_none()).then_some(Frame {
        level: Some(level),
        time: None,
        logger: None,
        message,
    })
}

/// Level, time, and a module with its line or a logger, in brackets.
fn tornado(line: &str) -> Option<Frame<'_>> {
    let (level, rest) =
        line.get(1..)?.split_once(' ').filter(|(l, _)| ["D", "I", "W", "E", "C"].contains(l))?;
    let (time, rest) = match short_length(rest) {
        Some(length) => rest.split_at(length),
        None => head::time(rest)?,
    };
    let (place, message) = rest.strip_prefix(' ')?.split_once(']')?;
    let message = message.strip_prefix(' ').unwrap_or(message);
    (!place.contains(' ')).then_some(Frame { level: Some(level), time: Some(time), logger: None, message })
}

#[cfg(test)]
mod tests {
    use super::super::Formats;
    use super::super::level::Level;
    use super::*;
    use std::sync::LazyLock;

    static KEYS: LazyLock<Keys> = LazyLock::new(|| Formats::built_in().unwrap().keys);

    fn of(line: &str) -> Option<(Level, Option<&str>, &str)> {
        open(&KEYS, line).map(|frame| (Level::of(frame.level.unwrap_or_default()), frame.time, frame.message))
    }

    #[test]
    fn priorities_of_syslog_are_levels_where_the_line_names_none() {
        let time = "2026-11-26T12:00:00.1Z";
        for (line, level, at, message) in [
            ("<11>1 2026-11-26T12:00:00.1Z web app 812 - - it broke", Level::Severe, Some(time), "it broke"),
            (
                "<14>1 2026-11-26T12:00:00.1Z web app 812 - - all is well",
                Level::Mild,
                Some(time),
                "all is well",
            ),
            ("<11>1 - - - - - - it broke", Level::Severe, None, "it broke"),
            (
                "<131>1 2026-11-26T12:00:00.1Z web app - ID [a@1 b=\"\\\"]\"][c@2] \u{feff}it broke",
                Level::Severe,
                Some(time),
                "it broke",
            ),
            (
                "<11>Nov 26 12:00:00 web app[812]: it broke",
                Level::Severe,
                None,
                "Nov 26 12:00:00 web app[812]: it broke",
            ),
            // Docker's driver, of a line on standard error.
            ("<27>Nov 26 12:00:00 web app[812]: INFO all is well", Level::Mild, None, "all is well"),
            (
                "<14>1 2026-11-26T12:00:00.1Z web app 812 - - ERROR it broke",
                Level::Severe,
                Some(time),
                "it broke",
            ),
        ] {
            assert_eq!(of(line), Some((level, at, message)), "{line}");
        }
        for line in [
            "<27>Nov 26 12:00:00 web app[812]: it broke",
            "<192>x",
            "<>x",
            "<11",
            "<b>11</b>",
            "<0011>x",
            "<11>1 x",
        ] {
            assert_eq!(of(line), None, "{line}");
        }
    }

    #[test]
    fn the_letter_of_tornado_is_a_level() {
        for (line, level, at) in [
            ("[E 261126 12:00:00 views:12] it broke", Level::Severe, "261126 12:00:00"),
            ("[C 261126 12:00:00 views:12] it broke", Level::Severe, "261126 12:00:00"),
            ("[W 2026-11-26 12:00:00.123 ServerApp] it broke", Level::Mild, "2026-11-26 12:00:00.123"),
        ] {
            assert_eq!(of(line), Some((level, Some(at), "it broke")));
        }
        for none in
            ["[E] x", "[E 2611 views:12] x", "[X 261126 12:00:00 a:1] x", "[E 261126 12:00:00 a b] x", "["]
        {
            assert_eq!(of(none), None, "{none}");
        }
    }

    #[test]
    fn the_letter_of_glog_is_a_level() {
        let line = |letter| format!("{letter}1126 12:00:00.123456    7123 file.go:42] it broke");
        for (letter, level) in
            [("E", Level::Severe), ("F", Level::Severe), ("W", Level::Mild), ("I", Level::Mild)]
        {
            assert_eq!(of(&line(letter)), Some((level, None, "it broke")));
        }
        for none in
            ["X1126 12:00:00.123456 7 a.go:1] x", "E1126 x", "E1126 12:00:00.123456 a.go:1] x", "E", ""]
        {
            assert_eq!(of(none), None, "{none}");
        }
    }
}
