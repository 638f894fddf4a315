//! HTTP/1.1 messages (RFC 9112) on a socket, byte for byte, with the limits and times that evidence needs.
//!
//! Frameworks hide what smoke has to prove: when the first byte came, in which order and spelling the headers stood,
//! and when the last byte of an answer left. So the receiver and the stand-in's sender read messages here.

mod body;
mod buffered;
mod intercept;
mod request;
mod response;
mod socket;

pub use body::BodyError;
pub use buffered::Buffered;
pub use intercept::{Intercept, Interceptor, Play, Sends};
pub use request::{Connection, Limits, RawRequest, Refusal, Stop};
pub use response::{LongBody, Response, read_response};
pub use socket::Socket;

#[cfg(test)]
mod tests;

/// Most headers in one message.
pub const MAX_HEADERS: usize = 100;

/// Longest head of a message in bytes.
pub const MAX_HEAD: usize = 32 * 1024;
