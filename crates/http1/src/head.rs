//! Request heads, read so strictly that no other reader can take them for something else.

use super::body::Framing;
use super::{Header, Limits, MAX_HEADERS, Problem, elements, trimmed};
use std::mem::MaybeUninit;

/// The head of a request.
#[derive(Debug)]
pub struct RequestHead<'h> {
    pub method: &'h str,
    /// The target, as sent: visible ASCII.
    pub target: &'h str,
    /// The header lines in order.
    pub headers: &'h [Header<'h>],
    /// How its body ends.
    pub framing: Framing,
    /// Whether the peer keeps the connection open for another request.
    pub keep_alive: bool,
    /// Whether it waits for 100 Continue before it sends the body.
    pub expects_continue: bool,
}

/// Reads a request head from the front of `bytes`: how long it is, and what `take` makes of it; `None` while it is not whole.
///
/// # Errors
/// When it is no request, is longer than the limit, or could be read in more than one way.
pub fn request<T>(
    bytes: &[u8],
    limits: &Limits,
    take: impl FnOnce(&RequestHead<'_>) -> T,
) -> Result<Option<(usize, T)>, Problem> {
    let mut slots = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut []);
    let used = match parsed.parse_with_uninit_headers(bytes, &mut slots) {
        Ok(httparse::Status::Complete(used)) if used <= limits.head => used,
        Ok(httparse::Status::Partial) if bytes.len() <= limits.head => return Ok(None),
        Ok(_) | Err(httparse::Error::TooManyHeaders) => return Err(Problem::HeadTooLong(limits.head)),
        Err(error) => return Err(Problem::NotHttp(error)),
    };
    lines_end_with_crlf(bytes.get(..used).unwrap_or_default())?;
    let target = parsed.path.unwrap_or_default();
    if !target.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(Problem::Malformed("a target with bytes that are not visible ASCII"));
    }
    // RFC 9112 section 3.2: no form of a target has a fragment, and servers differ in what they make of one.
    if target.contains('#') {
        return Err(Problem::Malformed("a target with a fragment"));
    }
    let http11 = parsed.version == Some(1);
    let meaning = Meaning::of(parsed.headers, http11)?;
    let head = RequestHead {
        method: parsed.method.unwrap_or_default(),
        target,
        headers: parsed.headers,
        framing: meaning.framing(http11)?,
        keep_alive: meaning.keep_alive && !meaning.close,
        expects_continue: meaning.expects_continue,
    };
    Ok(Some((used, take(&head))))
}

/// A reader that takes a bare LF for the end of a line, and one that does not, see two different messages.
fn lines_end_with_crlf(head: &[u8]) -> Result<(), Problem> {
    let mut ends = memchr::memchr2_iter(b'\r', b'\n', head);
    while let Some(at) = ends.next() {
        if head.get(at..at + 2) != Some(b"\r\n") {
            return Err(Problem::Malformed("a line of the head that does not end with CRLF"));
        }
        // Its LF is the next one.
        ends.next();
    }
    Ok(())
}

/// What the header lines say about the message itself.
#[derive(Default)]
struct Meaning<'h> {
    length: Option<&'h [u8]>,
    coding: Option<&'h [u8]>,
    host: bool,
    keep_alive: bool,
    close: bool,
    expects_continue: bool,
}

impl<'h> Meaning<'h> {
    fn of(headers: &[Header<'h>], http11: bool) -> Result<Self, Problem> {
        let mut meaning = Self { keep_alive: http11, ..Self::default() };
        for header in headers {
            // The length first: most names are told apart by it alone.
            let is = |name: &str| header.name.eq_ignore_ascii_case(name);
            match header.name.len() {
                14 if is("content-length") && meaning.length.replace(header.value).is_some() => {
                    return Err(Problem::Malformed("two Content-Length headers"));
                }
                17 if is("transfer-encoding") && meaning.coding.replace(header.value).is_some() => {
                    return Err(Problem::Malformed("two Transfer-Encoding headers"));
                }
                // Gateway interfaces (CGI, WSGI) make the same variable of both spellings.
                14 if is("content_length") => {
                    return Err(Problem::Malformed("a Content_Length header, with a low line"));
                }
                17 if is("transfer_encoding") => {
                    return Err(Problem::Malformed("a Transfer_Encoding header, with a low line"));
                }
                10 if is("connection") => meaning.connection(header.value),
                4 if is("host") && std::mem::replace(&mut meaning.host, true) => {
                    return Err(Problem::Malformed("two Host headers"));
                }
                6 if is("expect") => {
                    meaning.expects_continue = trimmed(header.value).eq_ignore_ascii_case(b"100-continue");
                }
                _ => {}
            }
        }
        // RFC 9112 section 3.2: one without is answered with 400.
        if http11 && !meaning.host {
            return Err(Problem::Malformed("an HTTP/1.1 request without a Host header"));
        }
        Ok(meaning)
    }

    fn connection(&mut self, value: &[u8]) {
        for element in elements(value) {
            self.close |= element.eq_ignore_ascii_case(b"close");
            self.keep_alive |= element.eq_ignore_ascii_case(b"keep-alive");
        }
    }

    fn framing(&self, http11: bool) -> Result<Framing, Problem> {
        match (self.length, self.coding) {
            (Some(_), Some(_)) => Err(Problem::Malformed("both Content-Length and Transfer-Encoding")),
            (Some(value), None) => length(value).map(Framing::Length),
            (None, Some(_)) if !http11 => Err(Problem::Malformed("a Transfer-Encoding in HTTP/1.0")),
            (None, Some(value)) if trimmed(value).eq_ignore_ascii_case(b"chunked") => Ok(Framing::Chunked),
            (None, Some(_)) => Err(Problem::Malformed("a Transfer-Encoding other than chunked")),
            (None, None) => Ok(Framing::Length(0)),
        }
    }
}

/// A Content-Length: digits, and nothing else. One that does not fit is longer than any limit.
pub(super) fn length(value: &[u8]) -> Result<u64, Problem> {
    let digits = trimmed(value);
    if digits.is_empty() {
        return Err(Problem::Malformed("an empty Content-Length"));
    }
    digits.iter().try_fold(0u64, |number, byte| match byte {
        b'0'..=b'9' => Ok(number.saturating_mul(10).saturating_add(u64::from(byte - b'0'))),
        _ => Err(Problem::Malformed("a Content-Length that is not a number")),
    })
}
