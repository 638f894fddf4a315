//! Lines out of one buffer, each read where it stands: a journal has many, and none is copied to be looked at.

use crate::MAX_LINE;
use std::fmt;
use std::io::{self, ErrorKind, Read};

/// What the next line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Whole: [`LineReader::line`] has it.
    Line,
    /// Longer than [`MAX_LINE`].
    TooLong,
    /// The input ends, with so many bytes of a line without its line end.
    End(usize),
}

/// Reads lines of at most [`MAX_LINE`] bytes; memory grows with the longest of them.
pub(crate) struct LineReader<R> {
    input: R,
    /// About so many bytes are read at once.
    at_once: usize,
    buffer: Vec<u8>,
    /// Where the line begins, where it ends, and where the next one begins.
    begin: usize,
    end: usize,
    next: usize,
    /// How much of the buffer has been read.
    filled: usize,
}

impl<R: Read> LineReader<R> {
    pub(crate) const fn new(input: R, at_once: usize) -> Self {
        Self { input, at_once, buffer: Vec::new(), begin: 0, end: 0, next: 0, filled: 0 }
    }

    /// The line that was found last, without its line end.
    pub(crate) fn line(&self) -> &[u8] {
        self.buffer.get(self.begin..self.end).unwrap_or_default()
    }

    /// Looks for the next line. `read` sees all that is read of the input, once and in order.
    ///
    /// # Errors
    /// When the input cannot be read.
    pub(crate) fn advance(&mut self, mut read: impl FnMut(&[u8])) -> io::Result<Next> {
        self.begin = self.next;
        let mut searched = self.begin;
        loop {
            let rest = self.buffer.get(searched..self.filled).unwrap_or_default();
            if let Some(at) = memchr::memchr(b'\n', rest) {
                self.end = searched + at;
                self.next = self.end + 1;
                return Ok(if self.end - self.begin > MAX_LINE { Next::TooLong } else { Next::Line });
            }
            (self.end, self.next) = (self.filled, self.filled);
            let found = self.filled - self.begin;
            if found > MAX_LINE {
                return Ok(Next::TooLong);
            }
            if self.fill(&mut read)? == 0 {
                return Ok(Next::End(found));
            }
            searched = self.begin + found;
        }
    }

    /// Reads more behind the line that is begun, which is moved to the front; gives how much.
    fn fill(&mut self, read: &mut impl FnMut(&[u8])) -> io::Result<usize> {
        self.buffer.copy_within(self.begin..self.filled, 0);
        (self.filled, self.begin) = (self.filled - self.begin, 0);
        if self.buffer.len() - self.filled <= self.at_once / 2 {
            self.buffer.resize(self.at_once.max(self.buffer.len() * 2), 0);
        }
        let room = self.buffer.get_mut(self.filled..).unwrap_or_default();
        let n = loop {
            match self.input.read(room) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                done => break done?,
            }
        };
        read(room.get(..n).unwrap_or_default());
        self.filled += n;
        Ok(n)
    }
}

impl<R> fmt::Debug for LineReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LineReader")
            .field("begin", &self.begin)
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(bytes: &[u8], at_once: usize) -> (Vec<Vec<u8>>, Next, Vec<u8>) {
        let (mut reader, mut lines, mut all) = (LineReader::new(bytes, at_once), Vec::new(), Vec::new());
        loop {
            match reader.advance(|read| all.extend_from_slice(read)).unwrap() {
                Next::Line => lines.push(reader.line().to_vec()),
                end => return (lines, end, all),
            }
        }
    }

    proptest! {
        #[test]
        fn lines_are_those_of_a_split(text in "[ab\n]{0,40}", at_once in 1usize..9) {
            let (found, end, all) = lines(text.as_bytes(), at_once);
            let mut parts: Vec<&str> = text.split('\n').collect();
            let torn = parts.pop().unwrap_or_default();
            prop_assert_eq!(found, parts.iter().map(|part| part.as_bytes().to_vec()).collect::<Vec<_>>());
            prop_assert_eq!((end, all.as_slice()), (Next::End(torn.len()), text.as_bytes()));
        }
    }

    #[test]
    fn a_line_is_at_most_so_long() {
        let mut bytes = vec![b'x'; MAX_LINE];
        bytes.push(b'\n');
        let (found, end, all) = lines(&bytes, 100_000);
        assert_eq!((found.len(), found[0].len(), end, all.len()), (1, MAX_LINE, Next::End(0), MAX_LINE + 1));
        bytes.insert(0, b'x');
        assert_eq!(lines(&bytes, 100_000).1, Next::TooLong);
        bytes.pop();
        assert_eq!(lines(&bytes, 100_000).1, Next::TooLong);
    }
}
