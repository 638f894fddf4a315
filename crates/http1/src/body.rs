//! Message bodies (RFC 9112 sections 6 and 7), taken out of their transfer coding.

use super::{Limits, Problem};

/// Longest line of a chunk's size or of a trailer in bytes.
const MAX_LINE: usize = 4096;

/// How the end of a body is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// This many bytes.
    Length(u64),
    /// Chunked transfer coding.
    Chunked,
    /// Until the connection ends (responses only).
    UntilClose,
}

/// A body being read.
#[derive(Debug)]
pub struct Body {
    state: State,
    length: u64,
    overhead: u64,
    limits: Limits,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Length(u64),
    ChunkSize,
    ChunkData(u64),
    ChunkEnd,
    Trailer,
    UntilClose,
    Done,
}

impl Body {
    /// The body of a message with this framing.
    ///
    /// # Errors
    /// When it is longer than the limit, by what it says itself.
    pub const fn new(framing: Framing, limits: Limits) -> Result<Self, Problem> {
        let state = match framing {
            Framing::Length(0) => State::Done,
            Framing::Length(n) if n > limits.body => return Err(Problem::BodyTooLong(limits.body)),
            Framing::Length(n) => State::Length(n),
            Framing::Chunked => State::ChunkSize,
            Framing::UntilClose => State::UntilClose,
        };
        Ok(Self { state, length: 0, overhead: 0, limits })
    }

    /// Whether it has come whole.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// How many bytes of content are still to come, as far as that is known.
    #[must_use]
    pub const fn announced(&self) -> u64 {
        match self.state {
            State::Length(left) | State::ChunkData(left) => left,
            _ => 0,
        }
    }

    /// Whether the end of the connection ends it.
    #[must_use]
    pub fn ends_with_connection(&self) -> bool {
        matches!(self.state, State::UntilClose | State::Done)
    }

    /// Takes bytes from the front of `bytes` and says how many; what is content goes to `sink`.
    ///
    /// # Errors
    /// When it is longer than the limits, or the transfer coding is malformed.
    pub fn feed(&mut self, bytes: &[u8], mut sink: impl FnMut(&[u8])) -> Result<usize, Problem> {
        let mut used = 0;
        while let Some(took) = self.step(bytes.get(used..).unwrap_or_default(), &mut sink)? {
            used += took;
        }
        Ok(used)
    }

    /// One step; `None` when more bytes are needed, or it is whole.
    fn step(&mut self, bytes: &[u8], sink: &mut impl FnMut(&[u8])) -> Result<Option<usize>, Problem> {
        if bytes.is_empty() {
            return Ok(None);
        }
        match self.state {
            State::Done => Ok(None),
            State::Length(left) => self.content(bytes, left, State::Length, State::Done, sink),
            State::ChunkData(left) => self.content(bytes, left, State::ChunkData, State::ChunkEnd, sink),
            State::UntilClose => {
                self.content(bytes, u64::MAX, |_| State::UntilClose, State::UntilClose, sink)
            }
            State::ChunkSize => self.chunk_size(bytes),
            State::ChunkEnd => match bytes {
                [b'\r', b'\n', ..] => {
                    self.state = State::ChunkSize;
                    Ok(Some(2))
                }
                [b'\r'] => Ok(None),
                _ => Err(Problem::Malformed("a chunk that does not end with CRLF")),
            },
            State::Trailer => self.trailer(bytes),
        }
    }

    fn content(
        &mut self,
        bytes: &[u8],
        left: u64,
        more: fn(u64) -> State,
        end: State,
        sink: &mut impl FnMut(&[u8]),
    ) -> Result<Option<usize>, Problem> {
        let took = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        self.length += took as u64;
        if self.length > self.limits.body {
            return Err(Problem::BodyTooLong(self.limits.body));
        }
        sink(bytes.get(..took).unwrap_or_default());
        let left = left - took as u64;
        self.state = if left == 0 { end } else { more(left) };
        Ok(Some(took))
    }

    fn chunk_size(&mut self, bytes: &[u8]) -> Result<Option<usize>, Problem> {
        let Some((line, took)) = self.line(bytes)? else { return Ok(None) };
        let digits = line.iter().take_while(|b| b.is_ascii_hexdigit()).count();
        let (size, extension) = line.split_at_checked(digits).unwrap_or_default();
        // BWS ";" and whatever extensions may be; a blank with nothing behind it is none.
        let is_extension = super::trimmed(extension).first() == Some(&b';');
        if size.is_empty() || !(extension.is_empty() || is_extension) {
            return Err(Problem::Malformed("a chunk without a size"));
        }
        let size = size.iter().fold(0u64, |size, digit| {
            let digit = char::from(*digit).to_digit(16).unwrap_or_default();
            size.saturating_mul(16).saturating_add(u64::from(digit))
        });
        if size > self.limits.body.saturating_sub(self.length) {
            return Err(Problem::BodyTooLong(self.limits.body));
        }
        self.state = if size == 0 { State::Trailer } else { State::ChunkData(size) };
        Ok(Some(took))
    }

    /// Trailers are read over.
    fn trailer(&mut self, bytes: &[u8]) -> Result<Option<usize>, Problem> {
        let Some((line, took)) = self.line(bytes)? else { return Ok(None) };
        if line.is_empty() {
            self.state = State::Done;
        }
        Ok(Some(took))
    }

    /// The line at the front of `bytes`, without its end, and how long it is with it.
    fn line<'b>(&mut self, bytes: &'b [u8]) -> Result<Option<(&'b [u8], usize)>, Problem> {
        let control = |b: &u8| b.is_ascii_control() && *b != b'\t';
        let Some(end) = bytes.iter().position(control) else {
            return if bytes.len() < MAX_LINE { Ok(None) } else { Err(Problem::Overhead) };
        };
        match bytes.get(end..) {
            Some([b'\r', b'\n', ..]) if end < MAX_LINE => {}
            Some([b'\r']) => return Ok(None),
            _ => return Err(Problem::Malformed("a line of the chunked coding that does not end with CRLF")),
        }
        self.overhead += end as u64 + 2;
        if self.overhead > self.limits.overhead {
            return Err(Problem::Overhead);
        }
        Ok(Some((bytes.get(..end).unwrap_or_default(), end + 2)))
    }
}
