//! Answers: reading one as a client, writing one as a server.

use super::Buffered;
use ::http1::{Header, Problem, ResponseHead, ResponseReader};
use std::fmt::Write as _;
use std::io;
use tokio::io::AsyncRead;

/// An HTTP/1.1 answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// Status code, 100 to 999.
    pub status: u16,
    /// The reason phrase, where it is another one than RFC 9110 gives for the status.
    pub reason: Option<String>,
    /// Header names and values in the order of the wire. When writing, `Connection` is added, and `Content-Length` unless it is here
    /// and there is no body: the answer to a HEAD has that of a body which is not sent (RFC 9110 section 8.6).
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    /// A JSON answer.
    #[must_use]
    pub fn json(status: u16, value: &serde_json::Value) -> Self {
        let headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
        Self { status, reason: None, headers, body: value.to_string().into_bytes() }
    }

    /// The answer with one more header.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The first header of that name, compared without case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    /// The head as it goes over the wire, empty line included.
    #[must_use]
    pub fn head(&self, connection: &str) -> String {
        // Room for the body of a usual answer too, which follows in the same bytes.
        let mut head = String::with_capacity(256);
        let reason = self.reason.as_deref().unwrap_or(phrase(self.status));
        let _ = write!(head, "HTTP/1.1 {} ", self.status);
        head.extend([reason, "\r\n"]);
        for (name, value) in &self.headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        let is_told = self.body.is_empty() && self.header("content-length").is_some();
        if self.status != 204 && self.status != 304 && !is_told {
            let _ = write!(head, "Content-Length: {}\r\n", self.body.len());
        }
        head.extend(["Connection: ", connection, "\r\n\r\n"]);
        head
    }

    /// The whole answer as it goes over the wire.
    #[must_use]
    pub fn bytes(&self, connection: &str) -> Vec<u8> {
        let mut bytes = self.head(connection).into_bytes();
        if self.status != 204 && self.status != 304 {
            bytes.extend_from_slice(&self.body);
        }
        bytes
    }
}

/// Why there is no message.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The connection failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The connection ended first.
    #[error("the connection ended in the middle of a message")]
    Truncated,
    /// Not HTTP/1.1, or longer than is taken.
    #[error(transparent)]
    Problem(#[from] Problem),
}

/// What becomes of an answer whose body is longer than the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LongBody {
    /// An error.
    Refuse,
    /// The answer without a body: its status counts.
    LeaveOut,
}

/// Reads one answer, skipping interim ones (1xx). The caller sets the time limit; the body is limited to `max_body` bytes.
///
/// # Errors
/// When the connection fails or ends early, or what comes is not an HTTP/1.1 answer within the limits.
pub async fn read_response<S: AsyncRead + Unpin>(
    from: &mut Buffered<S>,
    max_body: usize,
    long: LongBody,
) -> Result<Response, BodyError> {
    let mut reader = ResponseReader::new(super::limits(max_body));
    let mut body = Vec::new();
    loop {
        match reader.feed(from.pending(), without_body, |piece| body.extend_from_slice(piece)) {
            Ok(used) => from.skip(used),
            Err(Problem::BodyTooLong(_)) if long == LongBody::LeaveOut => {
                return reader.into_head().ok_or(BodyError::Truncated);
            }
            Err(problem) => return Err(problem.into()),
        }
        let done = reader.whole().is_some();
        if !done && from.fill().await? > 0 {
            continue;
        }
        if !done && reader.close(from.pending().len()).is_err() {
            return Err(BodyError::Truncated);
        }
        return reader.into_head().map(|head| Response { body, ..head }).ok_or(BodyError::Truncated);
    }
}

fn without_body(head: &ResponseHead<'_>) -> Response {
    let reason = Some(head.reason).filter(|reason| *reason != phrase(head.status)).map(str::to_owned);
    Response { status: head.status, reason, headers: owned(head.headers), body: Vec::new() }
}

/// Headers as owned text; bytes outside UTF-8 become U+FFFD.
pub(super) fn owned(headers: &[Header<'_>]) -> Vec<(String, String)> {
    // Nearly every value is text already, which is found out faster than what is to be replaced.
    let text = |value: &[u8]| match std::str::from_utf8(value) {
        Ok(text) => text.to_owned(),
        Err(_) => String::from_utf8_lossy(value).into_owned(),
    };
    headers.iter().map(|h| (h.name.to_owned(), text(h.value))).collect()
}

/// The reason phrase of RFC 9110 for the statuses that smoke sends; empty for others, which is allowed.
const fn phrase(status: u16) -> &'static str {
    match status {
        200 => "OK",
        202 => "Accepted",
        204 => "No Content",
        400 => "Bad Request",
        401 => "Unauthorized",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        413 => "Content Too Large",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        _ => "",
    }
}
