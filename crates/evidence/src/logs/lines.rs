//! Lines of any input, however long: memory is bounded by the longest line that is read whole.

use std::io::{self, BufRead};

/// Longest line that is read, in bytes; a longer one counts as unreadable, and is not looked at for personal data.
pub const MAX_LINE: usize = 1024 * 1024;

/// Reads lines one after another into one buffer.
#[derive(Debug)]
pub struct Lines<R> {
    input: R,
    line: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    /// Lines of `input`.
    pub const fn new(input: R) -> Self {
        Self { input, line: Vec::new() }
    }

    /// The next line without its end; `Some(None)` for one that is longer than [`MAX_LINE`], `None` at the end. Bytes
    /// outside UTF-8 are U+FFFD.
    ///
    /// # Errors
    /// When the input fails.
    pub fn next_line(&mut self) -> io::Result<Option<Option<std::borrow::Cow<'_, str>>>> {
        self.line.clear();
        let mut seen = 0usize;
        loop {
            let piece = self.input.fill_buf()?;
            if piece.is_empty() {
                break;
            }
            let end = piece.iter().position(|&b| b == b'\n');
            let used = end.map_or(piece.len(), |at| at + 1);
            let room = MAX_LINE.saturating_sub(self.line.len());
            self.line.extend_from_slice(piece.get(..used.min(room)).unwrap_or_default());
            seen = seen.saturating_add(used);
            self.input.consume(used);
            if end.is_some() {
                break;
            }
        }
        if seen == 0 {
            return Ok(None);
        }
        if seen > MAX_LINE {
            return Ok(Some(None));
        }
        while matches!(self.line.last(), Some(b'\n' | b'\r')) {
            self.line.pop();
        }
        Ok(Some(Some(String::from_utf8_lossy(&self.line))))
    }
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
}
