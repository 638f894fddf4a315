//! A stream with the bytes that were read from it and not used yet.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Bytes asked for in the first read of a message, which most webhooks fit in, and in each later one.
const FIRST: usize = 4 * 1024;
const CHUNK: usize = 16 * 1024;

/// A byte stream and its read-ahead.
#[derive(Debug)]
pub struct Buffered<S> {
    pub(super) stream: S,
    bytes: Vec<u8>,
    /// So many of them are used up.
    used: usize,
}

impl<S> Buffered<S> {
    /// Nothing read yet.
    pub const fn new(stream: S) -> Self {
        Self { stream, bytes: Vec::new(), used: 0 }
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
        self.bytes.get(self.used..).unwrap_or_default()
    }

    /// Uses up `n` bytes (all there are, when there are fewer) and returns them.
    pub fn take(&mut self, n: usize) -> Vec<u8> {
        let pending = self.pending();
        let taken = pending.get(..n).unwrap_or(pending).to_vec();
        self.skip(n);
        taken
    }

    /// Uses up `n` bytes (all there are, when there are fewer).
    pub fn skip(&mut self, n: usize) {
        self.used = self.used.saturating_add(n).min(self.bytes.len());
        if self.used == self.bytes.len() {
            self.bytes.clear();
            self.used = 0;
        }
    }
}

impl<S: AsyncRead + Unpin> Buffered<S> {
    /// Reads more; returns how many bytes came, 0 at the end of the stream. Safe to cancel.
    ///
    /// # Errors
    /// When the socket fails.
    pub async fn fill(&mut self) -> io::Result<usize> {
        poll_fn(|cx| {
            if self.used > 0 {
                self.bytes.drain(..self.used);
                self.used = 0;
            }
            self.bytes.reserve(if self.bytes.is_empty() { FIRST } else { CHUNK });
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
