//! A stream with the bytes that were read from it and not used yet.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Bytes asked for in one read.
const CHUNK: usize = 16 * 1024;

/// A byte stream and its read-ahead.
#[derive(Debug)]
pub struct Buffered<S> {
    pub(super) stream: S,
    bytes: Vec<u8>,
}

impl<S> Buffered<S> {
    /// Nothing read yet.
    pub const fn new(stream: S) -> Self {
        Self { stream, bytes: Vec::new() }
    }

    /// The stream, for writing.
    pub const fn stream(&mut self) -> &mut S {
        &mut self.stream
    }

    /// The stream itself; bytes read ahead are dropped.
    pub fn into_stream(self) -> S {
        self.stream
    }

    /// What has been read and not used.
    #[must_use]
    pub fn pending(&self) -> &[u8] {
        &self.bytes
    }

    /// Uses up `n` bytes (all there are, when there are fewer) and returns them.
    pub fn take(&mut self, n: usize) -> Vec<u8> {
        let rest = self.bytes.split_off(n.min(self.bytes.len()));
        std::mem::replace(&mut self.bytes, rest)
    }
}

impl<S: AsyncRead + Unpin> Buffered<S> {
    /// Reads more; returns how many bytes came, 0 at the end of the stream. Safe to cancel.
    ///
    /// # Errors
    /// When the socket fails.
    pub async fn fill(&mut self) -> io::Result<usize> {
        poll_fn(|cx| {
            self.bytes.reserve(CHUNK);
            let got = pin!(self.stream.read_buf(&mut self.bytes)).poll(cx);
            if got.is_pending() && self.bytes.is_empty() {
                // Ten thousand idle connections shall not hold ten thousand buffers.
                self.bytes = Vec::new();
            }
            got
        })
        .await
    }
}
