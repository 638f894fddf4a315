//! What a load keeps of a response, and why there may be none. Bodies are counted and thrown away.

use http1::{Cut, Limits, Problem, ResponseHead};
use record::ErrorKind;
use record::faults::Fault;
use std::time::SystemTime;

/// What is taken of a response: a head of 64 KiB, a body of 16 MiB, and 1 MiB of chunk lines, trailers and interim heads.
pub(super) const LIMITS: Limits = Limits { head: 64 * 1024, body: 16 * 1024 * 1024, overhead: 1024 * 1024 };

/// What is left of a response when it has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Response {
    /// The final status (1xx are passed over).
    pub status: u16,
    /// Retry-After in seconds from now, of a response that is no success.
    pub retry_after_s: Option<u64>,
    /// Whether the connection may carry another request.
    pub keep_alive: bool,
}

impl Response {
    pub(super) fn of(head: &ResponseHead<'_>) -> Self {
        let retry_after = || std::str::from_utf8(head.header("retry-after")?).ok();
        let retry_after_s = match head.status {
            200..=299 => None,
            _ => retry_after().and_then(|value| http1::retry_after(value, SystemTime::now)),
        };
        Self { status: head.status, retry_after_s, keep_alive: head.keep_alive }
    }
}

/// Why a request has no answer, in a name and in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct RequestError {
    /// The name, for counting.
    pub kind: ErrorKind,
    /// The words, for people.
    pub why: String,
    /// Whether the head of the response had come, so that its status was known.
    pub in_body: bool,
}

impl RequestError {
    /// A request without a response.
    pub fn new(kind: ErrorKind, why: impl Into<String>) -> Self {
        Self { kind, why: why.into(), in_body: false }
    }

    /// What befell the request, under the name that it has where it is done on purpose.
    pub(super) const fn fault(&self) -> Fault {
        match self.kind {
            ErrorKind::Timeout | ErrorKind::ConnectTimeout => Fault::Hang(None),
            ErrorKind::Malformed => Fault::Garbage,
            ErrorKind::Closed if self.in_body => Fault::Truncate,
            ErrorKind::Closed => Fault::Close,
            _ if self.in_body => Fault::ResetAfterHead,
            _ => Fault::Reset,
        }
    }
}

impl From<Problem> for RequestError {
    fn from(problem: Problem) -> Self {
        Self::new(ErrorKind::Malformed, problem.to_string())
    }
}

impl From<Cut> for RequestError {
    fn from(cut: Cut) -> Self {
        Self { in_body: cut == Cut::Body, ..Self::new(ErrorKind::Closed, cut.to_string()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http1::ResponseReader;

    fn retry_after(status: u16, value: &str) -> Option<u64> {
        let text = format!("HTTP/1.1 {status} \r\nRetry-After: {value}\r\nContent-Length: 0\r\n\r\n");
        let mut reader = ResponseReader::new(LIMITS);
        reader.feed(text.as_bytes(), Response::of, |_| {}).unwrap();
        reader.whole().unwrap().retry_after_s
    }

    #[test]
    fn retry_after_is_read_in_seconds() {
        assert_eq!(retry_after(429, "3595"), Some(3595));
        assert_eq!(retry_after(429, "soon"), None);
        assert_eq!(retry_after(200, "3595"), None);
        assert_eq!(retry_after(503, "Wed, 21 Oct 2015 07:28:00 GMT"), Some(0));
    }
}
