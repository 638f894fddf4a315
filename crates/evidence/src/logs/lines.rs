//! Lines of any input, however long: memory is bounded by the longest line that is read whole.

use super::pieces::{Pieces, Taken};
use pii::log_line;
use record::{LineRead, read_line};
use std::borrow::Cow;
use std::io::{self, BufRead};

/// Longest line that is read, in bytes; a longer one counts as unreadable, and is not looked at for personal data. NULs before a
/// line are none of it: a file that is cut while somebody writes to it begins with as many as were cut off.
pub const MAX_LINE: usize = 1024 * 1024;

/// Reads lines one after another into one buffer, those in pieces as one.
#[derive(Debug)]
pub struct Lines<R> {
    input: R,
    line: Vec<u8>,
    pieces: Pieces,
    /// Whether the last line that was read has no end.
    cut: bool,
}

impl<R: BufRead> Lines<R> {
    /// Lines of `input`.
    pub fn new(input: R) -> Self {
        Self { input, line: Vec::new(), pieces: Pieces::default(), cut: false }
    }

    /// The next line as [`log_line`] has it; `Some(None)` for one that cannot be read or is longer than [`MAX_LINE`], `None` at the
    /// end.
    ///
    /// # Errors
    /// When the input fails.
    pub fn next_line(&mut self) -> io::Result<Option<Option<Cow<'_, str>>>> {
        let mut line = std::mem::take(&mut self.line);
        line.clear();
        let next = self.next_bytes(&mut line);
        self.line = line;
        let Some(whole) = next? else { return Ok(None) };
        Ok(Some(whole.then(|| text(&self.line)).flatten()))
    }

    /// Appends the bytes of the next line to `to`, and says whether that is all of it: of one that is longer than [`MAX_LINE`] nothing
    /// is appended, nor of a piece of a line. `None` at the end.
    ///
    /// # Errors
    /// When the input fails.
    pub(super) fn next_bytes(&mut self, to: &mut Vec<u8>) -> io::Result<Option<bool>> {
        self.skip_zeros()?;
        let start = to.len();
        let taken = match read_line(&mut self.input, MAX_LINE, to)? {
            LineRead::Whole => {
                self.cut = to.last() != Some(&b'\n');
                self.pieces.take(to.get(start..).unwrap_or_default())
            }
            LineRead::TooLong => return Ok(Some(false)),
            LineRead::End => {
                let Some(rest) = self.pieces.rest() else { return Ok(None) };
                self.cut = true;
                rest
            }
        };
        match taken {
            Taken::Whole => {}
            Taken::Held | Taken::TooLong => to.truncate(start),
            Taken::Complete(ref line) => {
                to.truncate(start);
                to.extend_from_slice(line);
            }
        }
        Ok(Some(taken != Taken::TooLong))
    }

    /// Whether the last line that was read has no end: a log that is copied while it is written to ends anywhere.
    pub(super) const fn is_cut(&self) -> bool {
        self.cut
    }

    fn skip_zeros(&mut self) -> io::Result<()> {
        loop {
            let piece = self.input.fill_buf()?;
            let end = piece.iter().position(|b| *b != 0);
            let used = end.unwrap_or(piece.len());
            self.input.consume(used);
            if end.is_some() || used == 0 {
                return Ok(());
            }
        }
    }
}

/// A line as [`log_line`] has it; `None` for one that cannot be read.
pub(super) fn text(line: &[u8]) -> Option<Cow<'_, str>> {
    let read = log_line(line);
    read.unread.is_none().then_some(read.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_every_kind() {
        let long = "x".repeat(MAX_LINE + 10);
        let text = format!("a\r\n\n{long}\nb\u{e9}\nlast");
        let mut lines = Lines::new(io::BufReader::with_capacity(7, text.as_bytes()));
        let mut read = Vec::new();
        while let Some(line) = lines.next_line().unwrap() {
            read.push(line.map(std::borrow::Cow::into_owned));
        }
        let some = |t: &str| Some(t.to_owned());
        assert_eq!(read, [some("a"), some(""), None, some("b\u{e9}"), some("last")]);
    }

    #[test]
    fn what_stands_before_a_line_does_not_hide_it() {
        let zeros = "\0".repeat(MAX_LINE + 10);
        for text in [format!("{zeros}a b\n"), "\u{feff}a b\r\n".into(), "\u{1b}[1;32ma \u{1b}[0mb".into()] {
            let mut lines = Lines::new(io::BufReader::with_capacity(7, text.as_bytes()));
            assert_eq!(lines.next_line().unwrap(), Some(Some("a b".into())));
            assert_eq!(lines.next_line().unwrap(), None);
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_no_line() {
        let lines =
            [&b"a \xe9 of another encoding, one letter of many\n"[..], &[0x81, 0xff, 0x90, b'a', 0x9f, 0xfe]]
                .concat();
        let mut lines = Lines::new(lines.as_slice());
        let first = lines.next_line().unwrap();
        assert_eq!(first, Some(Some("a \u{fffd} of another encoding, one letter of many".into())));
        assert_eq!(lines.next_line().unwrap(), Some(None));
    }
}
