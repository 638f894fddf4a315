//! A line of a log as text.

use crate::{Readable, readable};
use std::borrow::Cow;

/// A line of a log as text: without its end, byte order mark, NULs before it, and what only colours it or moves the cursor.
#[must_use]
pub fn log_line(line: &[u8]) -> Readable<'_> {
    let end = line.iter().rposition(|b| !matches!(b, b'\n' | b'\r')).map_or(0, |at| at + 1);
    let begin = line.iter().take_while(|b| **b == 0).count().min(end);
    let mut read = readable(line.get(begin..end).unwrap_or_default());
    if memchr::memchr(ESCAPE, read.text.as_bytes()).is_some() {
        read.text = Cow::Owned(without_escapes(&read.text));
    }
    read
}

/// What a control sequence begins with (ECMA-48 section 5.4).
const ESCAPE: u8 = 0x1b;

/// Without control sequences: ESC, `[`, parameters, and a final byte from `@` to `~`.
fn without_escapes(text: &str) -> String {
    let mut pieces = text.split(char::from(ESCAPE));
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let control = piece.strip_prefix('[');
        let rest = control.and_then(|c| {
            let rest = c.trim_start_matches(|c: char| matches!(c, ' '..='?'));
            rest.strip_prefix(|c: char| matches!(c, '@'..='~'))
        });
        out.push_str(rest.unwrap_or(piece));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_control_sequence_stays() {
        assert_eq!(log_line(b"\x1bx \x1b[").text, "x [");
        assert_eq!(log_line(b"\x1b[1;32ma \x1b[0mb\r\n").text, "a b");
    }
}
