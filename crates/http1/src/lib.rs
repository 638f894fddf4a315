//! HTTP/1.1 messages (RFC 9112) from bytes as they come: no sockets, no clock, and nothing allocated.
//!
//! A server reads a [`request()`] head and then its [`Body`]; a client reads with a [`ResponseReader`]. All of them take bytes
//! from the front of what has come, say how many they used, and are given the rest again with more behind it.
//!
//! Requests are read strictly: whatever two readers could understand differently is refused, because a request that is passed
//! on must be the one that was recorded. Responses are read as RFC 9112 section 6.3 says, which forgives more.

mod body;
mod head;
mod response;
mod retry_after;

#[cfg(test)]
mod tests;

pub use body::{Body, Framing};
pub use head::{RequestHead, request};
pub use httparse::Header;
pub use response::{Cut, ResponseHead, ResponseReader};
pub use retry_after::retry_after;

/// Most header lines in one message.
pub const MAX_HEADERS: usize = 100;

/// What is taken of one message.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Longest head in bytes.
    pub head: usize,
    /// Longest body in bytes, without transfer coding.
    pub body: u64,
    /// Most bytes of chunk lines, trailers and interim heads, of which a peer could send more for ever.
    pub overhead: u64,
}

/// Why bytes are no message that is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The head is too long, or has too many lines.
    #[error("a head of more than {0} bytes, or of more than {MAX_HEADERS} header lines")]
    HeadTooLong(usize),
    /// The body is too long.
    #[error("a body of more than {0} bytes")]
    BodyTooLong(u64),
    /// Too many bytes that are not content.
    #[error("more chunk lines, trailers or interim responses than a message has")]
    Overhead,
    /// Not HTTP/1.1, or not in a form that all readers understand alike.
    #[error("{0}")]
    Malformed(&'static str),
    /// Not HTTP/1.1.
    #[error("not HTTP/1.1: {0}")]
    NotHttp(httparse::Error),
}

/// The elements of a comma-separated list, without the blanks around them and without empty ones.
fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|b| *b == b',').map(trimmed).filter(|element| !element.is_empty())
}

/// Without the optional white space of RFC 9110 section 5.6.3 around it, which is blanks and tabs and nothing else.
fn trimmed(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}
