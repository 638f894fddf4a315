//! HTTP/1.1 messages (RFC 9112) on a socket, byte for byte, with the limits and times that evidence needs.
//!
//! Frameworks hide what smoke has to prove: when the first byte came, in which order and spelling the headers stood,
//! and when the last byte of an answer left. So the receiver and the stand-in's sender read messages here.

mod budget;
mod buffered;
mod intercept;
mod request;
mod response;
mod socket;

pub use budget::Budget;
pub use buffered::Buffered;
pub use intercept::{AttemptNumber, Intercept, Interceptor, Play, Sends};
pub use request::{Connection, Limits, RawRequest, Refusal, Stop};
pub use response::{BodyError, LongBody, Response, read_response};
pub use socket::Socket;

#[cfg(test)]
mod tests;

/// Longest head of a message in bytes.
pub const MAX_HEAD: usize = 32 * 1024;

/// Most bytes of chunk lines, trailers and interim heads of one message: a body of 1 MiB may come in chunks of four bytes.
const MAX_OVERHEAD: u64 = 1024 * 1024;

/// What is taken of a message with a body of `body` bytes.
fn limits(body: usize) -> ::http1::Limits {
    ::http1::Limits { head: MAX_HEAD, body: body as u64, overhead: MAX_OVERHEAD }
}
