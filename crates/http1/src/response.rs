//! Responses, read as a client does.

use super::body::{Body, Framing};
use super::head::length;
use super::{Header, Limits, MAX_HEADERS, Problem, elements, trimmed};
use std::mem::MaybeUninit;

/// The head of a final response.
#[derive(Debug)]
pub struct ResponseHead<'h> {
    /// The status, 200 to 999.
    pub status: u16,
    /// The reason phrase.
    pub reason: &'h str,
    /// The header lines in order.
    pub headers: &'h [Header<'h>],
    /// Whether the connection may carry another request.
    pub keep_alive: bool,
}

impl<'h> ResponseHead<'h> {
    /// The value of the first header line of that name, compared without case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'h [u8]> {
        self.headers.iter().find(|h| h.name.eq_ignore_ascii_case(name)).map(|h| h.value)
    }
}

/// Where the connection was closed before a response was whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Cut {
    /// Before its first byte.
    #[error("the connection was closed without a response")]
    Nothing,
    /// Within the head.
    #[error("the connection was closed within the head")]
    Head,
    /// Within the body.
    #[error("the connection was closed within the body")]
    Body,
}

/// Reads one response, passing over interim ones (1xx); `T` is what is kept of its head.
#[derive(Debug)]
pub struct ResponseReader<T> {
    limits: Limits,
    interim: u64,
    head: Option<(T, Body)>,
}

impl<T> ResponseReader<T> {
    /// Nothing read yet.
    #[must_use]
    pub const fn new(limits: Limits) -> Self {
        Self { limits, interim: 0, head: None }
    }

    /// Takes bytes from the front of `bytes` and says how many. `keep` gets the head, once; `sink` gets the content.
    ///
    /// # Errors
    /// When the bytes are no response, or are longer than any that is taken.
    pub fn feed(
        &mut self,
        bytes: &[u8],
        keep: impl Fn(&ResponseHead<'_>) -> T,
        sink: impl FnMut(&[u8]),
    ) -> Result<usize, Problem> {
        let mut used = 0;
        while self.head.is_none() {
            let rest = bytes.get(used..).unwrap_or_default();
            let Some(took) = self.read_head(rest, &keep)? else { return Ok(used) };
            used += took;
        }
        let Some((_, body)) = &mut self.head else { return Ok(used) };
        Ok(used + body.feed(bytes.get(used..).unwrap_or_default(), sink)?)
    }

    /// What was kept of the head, once the response has come whole.
    #[must_use]
    pub fn whole(&self) -> Option<&T> {
        self.head.as_ref().filter(|(_, body)| body.is_done()).map(|(kept, _)| kept)
    }

    /// What was kept of the head, whether or not the body has come.
    #[must_use]
    pub fn into_head(self) -> Option<T> {
        self.head.map(|(kept, _)| kept)
    }

    /// The peer has closed, with `pending` bytes of it unread.
    ///
    /// # Errors
    /// When the response was not whole.
    pub fn close(&self, pending: usize) -> Result<&T, Cut> {
        match &self.head {
            Some((kept, body)) if body.ends_with_connection() => Ok(kept),
            Some(_) => Err(Cut::Body),
            None if pending == 0 => Err(Cut::Nothing),
            None => Err(Cut::Head),
        }
    }

    /// Reads a head, interim or final; gives how long it is, and `None` while it is not whole.
    fn read_head(
        &mut self,
        bytes: &[u8],
        keep: impl Fn(&ResponseHead<'_>) -> T,
    ) -> Result<Option<usize>, Problem> {
        if bytes.is_empty() {
            return Ok(None);
        }
        let mut slots = [const { MaybeUninit::uninit() }; MAX_HEADERS];
        let mut head = httparse::Response::new(&mut []);
        let parsed = httparse::ParserConfig::default()
            .parse_response_with_uninit_headers(&mut head, bytes, &mut slots);
        let took = match parsed {
            Ok(httparse::Status::Complete(took)) if took <= self.limits.head => took,
            Ok(httparse::Status::Partial) if bytes.len() < self.limits.head => return Ok(None),
            Ok(_) | Err(httparse::Error::TooManyHeaders) => {
                return Err(Problem::HeadTooLong(self.limits.head));
            }
            Err(error) => return Err(Problem::NotHttp(error)),
        };
        let status = head.code.unwrap_or(0);
        match status {
            101 => return Err(Problem::Malformed("101 Switching Protocols, which was not asked for")),
            100..=199 => {
                // Interim answers announce the real one; their bytes count, so that they cannot go on for ever.
                self.interim += took as u64;
                return if self.interim > self.limits.overhead {
                    Err(Problem::Overhead)
                } else {
                    Ok(Some(took))
                };
            }
            200..=999 => {}
            _ => return Err(Problem::Malformed("a status that does not exist")),
        }
        let (framing, keep_alive) = meaning(status, head.version == Some(1), head.headers)?;
        let body = Body::new(framing, self.limits);
        let reason = head.reason.unwrap_or_default();
        let kept = keep(&ResponseHead { status, reason, headers: head.headers, keep_alive });
        match body {
            Ok(body) => self.head = Some((kept, body)),
            Err(problem) => {
                // Whoever can do without the body still has the head.
                self.head = Some((kept, Body::new(Framing::UntilClose, self.limits)?));
                return Err(problem);
            }
        }
        Ok(Some(took))
    }
}

/// How the body ends (RFC 9112 section 6.3), and whether the connection lives on.
fn meaning(status: u16, http11: bool, headers: &[Header<'_>]) -> Result<(Framing, bool), Problem> {
    let mut keep_alive = http11;
    let mut announced: Option<u64> = None;
    let mut chunked: Option<bool> = None;
    for header in headers {
        let is = |name: &str| header.name.eq_ignore_ascii_case(name);
        match header.name.len() {
            14 if is("content-length") => {
                let value = length(header.value)?;
                if announced.is_some_and(|before| before != value) {
                    return Err(Problem::Malformed("two Content-Length headers that differ"));
                }
                announced = Some(value);
            }
            17 if is("transfer-encoding") => {
                chunked =
                    Some(elements(header.value).last().is_some_and(|t| t.eq_ignore_ascii_case(b"chunked")));
            }
            10 if is("connection") => {
                for token in elements(trimmed(header.value)) {
                    if token.eq_ignore_ascii_case(b"close") {
                        keep_alive = false;
                    } else if token.eq_ignore_ascii_case(b"keep-alive") && !http11 {
                        keep_alive = true;
                    }
                }
            }
            _ => {}
        }
    }
    Ok(match (chunked, announced) {
        _ if status == 204 || status == 304 => (Framing::Length(0), keep_alive),
        // Both at once is how messages are smuggled: read as chunked, and what follows is not trusted.
        (Some(true), announced) => (Framing::Chunked, keep_alive && announced.is_none()),
        (Some(false), _) | (None, None) => (Framing::UntilClose, false),
        (None, Some(n)) => (Framing::Length(n), keep_alive),
    })
}
