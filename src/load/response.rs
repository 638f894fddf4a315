//! Reads HTTP/1.1 answers (RFC 9112) from bytes as they come, without a socket and without trusting the peer.

use chrono::{DateTime, Utc};
use record::ErrorKind;
use std::mem::MaybeUninit;

/// Longest head of an answer in bytes.
pub const MAX_HEAD: usize = 64 * 1024;
/// Longest body of an answer in bytes; it is counted and thrown away.
pub const MAX_BODY: u64 = 16 * 1024 * 1024;
/// Most header lines of an answer.
const MAX_HEADERS: usize = 100;
/// Most bytes that chunk lines and trailers may take; a peer could drip empty extensions for ever.
const MAX_CHUNK_OVERHEAD: u64 = 1024 * 1024;

/// What is left of an answer when it has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Response {
    /// The final status (1xx are passed over).
    pub status: u16,
    /// Retry-After in seconds from now.
    pub retry_after_s: Option<u64>,
    /// Whether the connection may carry another request.
    pub keep_alive: bool,
}

/// Why a request has no answer, in a name and in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct RequestError {
    /// The name, for counting.
    pub kind: ErrorKind,
    /// The words, for people.
    pub why: String,
}

impl RequestError {
    /// A error exchange.
    pub fn new(kind: ErrorKind, why: impl Into<String>) -> Self {
        Self { kind, why: why.into() }
    }

    fn malformed(why: impl Into<String>) -> Self {
        Self::new(ErrorKind::Malformed, why)
    }
}

/// An answer being read. [`Parser::feed`] takes what has come; [`Parser::close`] the end of the connection.
#[derive(Debug, Default)]
pub struct Parser {
    state: State,
    answer: Option<Response>,
    overhead: u64,
    body: u64,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Head,
    Length(u64),
    ChunkSize,
    ChunkData(u64),
    ChunkEnd,
    Trailer,
    UntilClose,
    Done,
}

/// How the body of an answer ends.
enum Framing {
    Length(u64),
    Chunked,
    UntilClose,
}

impl Parser {
    /// Takes bytes from the front of `bytes` and says how many; the caller gives the rest again with more behind it.
    ///
    /// # Errors
    /// When the bytes are no answer, or are longer than any that is taken.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<usize, RequestError> {
        let mut used = 0;
        loop {
            let rest = bytes.get(used..).unwrap_or_default();
            let Some(took) = self.step(rest)? else { return Ok(used) };
            used += took;
        }
    }

    /// The whole answer, when it has all come.
    #[must_use]
    pub fn answer(&self) -> Option<Response> {
        self.answer.filter(|_| self.state == State::Done)
    }

    /// The peer has closed; `pending` bytes of it are unread.
    ///
    /// # Errors
    /// When the answer was not whole.
    pub fn close(&mut self, pending: usize) -> Result<Response, RequestError> {
        match (self.state, self.answer) {
            (State::UntilClose | State::Done, Some(answer)) => Ok(answer),
            (State::Head, _) if pending == 0 => {
                Err(RequestError::new(ErrorKind::Closed, "the connection was closed without an answer"))
            }
            (State::Head, _) => {
                Err(RequestError::new(ErrorKind::Closed, "the connection was closed within the head"))
            }
            _ => Err(RequestError::new(ErrorKind::Closed, "the connection was closed within the body")),
        }
    }

    /// One step; `None` when more bytes are needed or the answer is whole.
    fn step(&mut self, bytes: &[u8]) -> Result<Option<usize>, RequestError> {
        match self.state {
            State::Done => Ok(None),
            State::Head => self.head(bytes),
            State::Length(left) => {
                let took = self.skip(bytes, left)?;
                let left = left - took as u64;
                self.state = if left == 0 { State::Done } else { State::Length(left) };
                Ok((took > 0 || left == 0).then_some(took))
            }
            State::UntilClose => {
                let took = self.skip(bytes, u64::MAX)?;
                Ok((took > 0).then_some(took))
            }
            State::ChunkSize => self.chunk_size(bytes),
            State::ChunkData(left) => {
                let took = self.skip(bytes, left)?;
                let left = left - took as u64;
                self.state = if left == 0 { State::ChunkEnd } else { State::ChunkData(left) };
                Ok((took > 0 || left == 0).then_some(took))
            }
            State::ChunkEnd => match bytes {
                [b'\r', b'\n', ..] => {
                    self.state = State::ChunkSize;
                    Ok(Some(2))
                }
                [] | [b'\r'] => Ok(None),
                _ => Err(RequestError::malformed("a chunk is longer than it says")),
            },
            State::Trailer => self.trailer(bytes),
        }
    }

    fn skip(&mut self, bytes: &[u8], left: u64) -> Result<usize, RequestError> {
        let took = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        self.body += took as u64;
        if self.body > MAX_BODY {
            return Err(RequestError::malformed(format!("the body is longer than {MAX_BODY} bytes")));
        }
        Ok(took)
    }

    fn overhead(&mut self, bytes: usize) -> Result<(), RequestError> {
        self.overhead += bytes as u64;
        if self.overhead > MAX_CHUNK_OVERHEAD {
            return Err(RequestError::malformed("more chunk lines and trailers than an answer has"));
        }
        Ok(())
    }

    fn chunk_size(&mut self, bytes: &[u8]) -> Result<Option<usize>, RequestError> {
        match httparse::parse_chunk_size(bytes) {
            Ok(httparse::Status::Complete((took, size))) => {
                self.overhead(took)?;
                self.state = if size == 0 { State::Trailer } else { State::ChunkData(size) };
                Ok(Some(took))
            }
            Ok(httparse::Status::Partial) if bytes.len() < MAX_HEAD => Ok(None),
            _ => Err(RequestError::malformed("a chunk without a size")),
        }
    }

    fn trailer(&mut self, bytes: &[u8]) -> Result<Option<usize>, RequestError> {
        let Some(end) = bytes.iter().position(|&b| b == b'\n') else {
            return if bytes.len() < MAX_HEAD {
                Ok(None)
            } else {
                Err(RequestError::malformed("a trailer too long"))
            };
        };
        self.overhead(end + 1)?;
        if bytes.get(..end).is_some_and(|line| line.is_empty() || line == b"\r") {
            self.state = State::Done;
        }
        Ok(Some(end + 1))
    }

    fn head(&mut self, bytes: &[u8]) -> Result<Option<usize>, RequestError> {
        if bytes.is_empty() {
            return Ok(None);
        }
        let mut headers = [const { MaybeUninit::uninit() }; MAX_HEADERS];
        let mut head = httparse::Response::new(&mut []);
        let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(
            &mut head,
            bytes,
            &mut headers,
        );
        let took = match parsed {
            Ok(httparse::Status::Complete(took)) if took <= MAX_HEAD => took,
            Ok(httparse::Status::Partial) if bytes.len() < MAX_HEAD => return Ok(None),
            Ok(_) => return Err(RequestError::malformed(format!("a head longer than {MAX_HEAD} bytes"))),
            Err(e) => return Err(RequestError::malformed(format!("not an HTTP/1.1 answer: {e}"))),
        };
        let status = head.code.unwrap_or(0);
        match status {
            101 => return Err(RequestError::malformed("101 Switching Protocols, which was not asked for")),
            100..=199 => {
                // Interim answers announce the real one; their bytes count, so that they cannot go on for ever.
                self.overhead(took)?;
                return Ok(Some(took));
            }
            200..=999 => {}
            _ => return Err(RequestError::malformed(format!("the status {status} does not exist"))),
        }
        let (framing, answer) = meaning(status, head.version == Some(1), head.headers)?;
        self.answer = Some(answer);
        self.state = match framing {
            Framing::Length(0) => State::Done,
            Framing::Length(n) if n > MAX_BODY => {
                return Err(RequestError::malformed(format!(
                    "a body of {n} bytes announced, more than {MAX_BODY}"
                )));
            }
            Framing::Length(n) => State::Length(n),
            Framing::Chunked => State::ChunkSize,
            Framing::UntilClose => State::UntilClose,
        };
        Ok(Some(took))
    }
}

/// What the header lines say: how the body ends (RFC 9112 section 6.3), and whether the connection lives on.
fn meaning(
    status: u16,
    http11: bool,
    headers: &[httparse::Header<'_>],
) -> Result<(Framing, Response), RequestError> {
    let mut keep_alive = http11;
    let mut length: Option<u64> = None;
    let mut coding: Option<bool> = None;
    let mut retry_after_s = None;
    for header in headers {
        let name = header.name;
        if name.eq_ignore_ascii_case("content-length") {
            let value = content_length(header.value)?;
            if length.is_some_and(|before| before != value) {
                return Err(RequestError::malformed("two Content-Length headers that differ"));
            }
            length = Some(value);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            coding = Some(tokens(header.value).last().is_some_and(|t| t.eq_ignore_ascii_case("chunked")));
        } else if name.eq_ignore_ascii_case("connection") {
            for token in tokens(header.value) {
                if token.eq_ignore_ascii_case("close") {
                    keep_alive = false;
                } else if token.eq_ignore_ascii_case("keep-alive") && !http11 {
                    keep_alive = true;
                }
            }
        } else if name.eq_ignore_ascii_case("retry-after") {
            retry_after_s = std::str::from_utf8(header.value).ok().and_then(|v| retry_after(v, Utc::now));
        }
    }
    let framing = match (coding, length) {
        _ if status == 204 || status == 304 => Framing::Length(0),
        (Some(true), length) => {
            // Both at once is how requests are smuggled: read as chunked, and do not trust what follows.
            keep_alive &= length.is_none();
            Framing::Chunked
        }
        (Some(false), _) | (None, None) => {
            keep_alive = false;
            Framing::UntilClose
        }
        (None, Some(n)) => Framing::Length(n),
    };
    Ok((framing, Response { status, retry_after_s, keep_alive }))
}

/// Seconds, or an HTTP date (RFC 9110 section 10.2.3): 0 when that is past.
fn retry_after(value: &str, now: impl FnOnce() -> DateTime<Utc>) -> Option<u64> {
    let value = value.trim();
    value.parse().ok().or_else(|| {
        let at = DateTime::<Utc>::from(httpdate::parse_http_date(value).ok()?);
        let ms = (at - now()).num_milliseconds();
        Some(u64::try_from(ms).map_or(0, |ms| ms.div_ceil(1000)))
    })
}

fn content_length(value: &[u8]) -> Result<u64, RequestError> {
    let text = std::str::from_utf8(value).unwrap_or_default().trim();
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let number = if digits { text.parse().ok() } else { None };
    number.ok_or_else(|| RequestError::malformed("a Content-Length that is no number"))
}

fn tokens(value: &[u8]) -> impl Iterator<Item = &str> {
    std::str::from_utf8(value).unwrap_or_default().split(',').map(str::trim).filter(|t| !t.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Reads `bytes` in pieces of `piece`; the answer and how many bytes were left over.
    fn read(bytes: &[u8], piece: usize) -> Result<(Response, usize), RequestError> {
        let mut parser = Parser::default();
        let mut held: Vec<u8> = Vec::new();
        for part in bytes.chunks(piece) {
            held.extend_from_slice(part);
            let used = parser.feed(&held)?;
            held.drain(..used);
        }
        match parser.answer() {
            Some(answer) => Ok((answer, held.len())),
            None => parser.close(held.len()).map(|answer| (answer, held.len())),
        }
    }

    fn all_pieces(text: &str) -> Result<(Response, usize), RequestError> {
        let whole = read(text.as_bytes(), text.len().max(1));
        for piece in 1..text.len() {
            assert_eq!(read(text.as_bytes(), piece), whole, "in pieces of {piece}");
        }
        whole
    }

    #[test]
    fn answers_are_read_however_they_are_cut() {
        for (text, status, keep_alive) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, true),
            ("HTTP/1.1 204 No Content\r\n\r\n", 204, true),
            ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: Close\r\n\r\n", 200, false),
            ("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", 200, false),
            ("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx", 200, true),
            (
                "HTTP/1.1 202 \r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n",
                202,
                true,
            ),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Trailer: y\r\n\r\n", 200, true),
            (
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nA: b\r\n\r\nHTTP/1.1 201 C\r\nContent-Length:1\r\n\r\n.",
                201,
                true,
            ),
            ("HTTP/1.1 200 OK\r\n\r\nuntil the end", 200, false),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nxx", 200, false),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                200,
                false,
            ),
            ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 200, true),
        ] {
            let (answer, left) = all_pieces(text).unwrap();
            assert_eq!((answer.status, answer.keep_alive, left), (status, keep_alive, 0), "{text}");
        }
    }

    #[test]
    fn retry_after_is_read_in_seconds() {
        let of = |v: &str| {
            all_pieces(&format!("HTTP/1.1 429 Slow\r\nRetry-After: {v}\r\nContent-Length: 0\r\n\r\n"))
        };
        assert_eq!(of("3595").unwrap().0.retry_after_s, Some(3595));
        assert_eq!(of("soon").unwrap().0.retry_after_s, None);
        let now = || DateTime::from_timestamp(1_792_567_680, 0).unwrap();
        assert_eq!(now().to_rfc2822(), "Wed, 21 Oct 2026 07:28:00 +0000");
        assert_eq!(retry_after("Wed, 21 Oct 2026 07:30:00 GMT", now), Some(120));
        assert_eq!(retry_after("Wed, 21 Oct 2026 07:27:00 GMT", now), Some(0));
        assert_eq!(retry_after("Wednesday, 21-Oct-26 07:30:00 GMT", now), Some(120), "RFC 850's form");
        assert_eq!(retry_after("Wed Oct 21 07:30:00 2026", now), Some(120), "asctime's form");
        assert_eq!(of("Wed, 21 Oct 2015 07:28:00 GMT").unwrap().0.retry_after_s, Some(0));
    }

    #[test]
    fn bytes_behind_an_answer_are_left() {
        let (_, left) = read(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 500", 200).unwrap();
        assert_eq!(left, 12);
    }

    #[test]
    fn what_is_torn_is_closed_and_what_is_wrong_is_malformed() {
        for (text, kind) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", ErrorKind::Closed),
            ("HTTP/1.1 200 OK\r\nContent-Len", ErrorKind::Closed),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", ErrorKind::Closed),
            ("SSH-2.0-OpenSSH_9.2\r\n", ErrorKind::Malformed),
            ("HTTP/2 200\r\n\r\n", ErrorKind::Malformed),
            ("HTTP/1.1 101 Switching\r\n\r\n", ErrorKind::Malformed),
            ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", ErrorKind::Malformed),
            ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", ErrorKind::Malformed),
            ("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\n", ErrorKind::Malformed),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", ErrorKind::Malformed),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n", ErrorKind::Malformed),
        ] {
            assert_eq!(all_pieces(text).unwrap_err().kind, kind, "{text}");
        }
        assert_eq!(
            Parser::default().close(0).unwrap_err().why,
            "the connection was closed without an answer"
        );
    }

    #[test]
    fn endless_answers_end() {
        let endless = |head: &str, more: &[u8]| {
            let mut parser = Parser::default();
            let mut held = head.as_bytes().to_vec();
            for _ in 0..40_000_000 {
                match parser.feed(&held) {
                    Ok(used) => drop(held.drain(..used)),
                    Err(error) => return error.kind,
                }
                held.extend_from_slice(more);
            }
            panic!("never ended");
        };
        let big = vec![b'x'; 100_000];
        assert_eq!(endless("HTTP/1.1 200 OK\r\n", &big), ErrorKind::Malformed);
        assert_eq!(endless("HTTP/1.1 200 OK\r\n\r\n", &big), ErrorKind::Malformed);
        assert_eq!(endless("", b"HTTP/1.1 100 Continue\r\n\r\n"), ErrorKind::Malformed);
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(endless(chunked, b"1;aaaaaaaaaaaaaaaaaaaa\r\nx\r\n"), ErrorKind::Malformed);
        assert_eq!(endless(&format!("{chunked}0\r\n"), b"a: b\r\n"), ErrorKind::Malformed);
    }

    proptest! {
        #[test]
        fn no_bytes_panic_and_cuts_do_not_matter(bytes in prop::collection::vec(any::<u8>(), 0..200), piece in 1usize..50) {
            let mut text = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
            text.extend_from_slice(&bytes);
            prop_assert_eq!(read(&text, piece).ok(), read(&text, text.len()).ok());
            let _ = read(&bytes, piece);
        }
    }
}
