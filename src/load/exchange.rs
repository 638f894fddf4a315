//! One HTTP/1.1 connection: a request out, an answer in, nothing allocated on the way.

use super::response::{LIMITS, RequestError, Response};
use http1::ResponseReader;
use record::ErrorKind;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// Bytes read at once; an answer to a webhook is a few hundred.
const READ: usize = 4096;

/// A connection that is kept alive between requests.
#[derive(Debug)]
pub struct Connection<S> {
    stream: S,
    held: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Wraps an open stream.
    pub fn new(stream: S) -> Self {
        Self { stream, held: Vec::with_capacity(READ) }
    }

    /// Sends a whole request and reads the whole answer. The connection is fit for another one only when the answer
    /// says so; after an error it must be dropped.
    ///
    /// # Errors
    /// When the connection breaks or the answer is none.
    pub async fn exchange(&mut self, request: &[u8]) -> Result<Response, RequestError> {
        self.stream.write_all(request).await.map_err(|e| from_io(&e))?;
        self.stream.flush().await.map_err(|e| from_io(&e))?;
        let mut reader = ResponseReader::new(LIMITS);
        loop {
            let read = match self.stream.read_buf(&mut self.held).await {
                Ok(read) => read,
                Err(e) => return Err(RequestError { in_body: reader.into_head().is_some(), ..from_io(&e) }),
            };
            if read == 0 {
                return Ok(*reader.close(self.held.len())?);
            }
            let used = reader.feed(&self.held, Response::of, |_| {})?;
            self.held.drain(..used);
            if let Some(&(mut answer)) = reader.whole() {
                // Bytes that nobody asked for: whatever comes next on this connection cannot be told apart.
                answer.keep_alive &= self.held.is_empty();
                return Ok(answer);
            }
            // The reader leaves at most a head or a chunk line unread, so this never grows beyond its limits.
            self.held.reserve(READ);
        }
    }

    /// Whether the peer has closed the connection, or sent something unasked, while it was idle.
    pub fn is_stale(&mut self) -> bool {
        let mut byte = [0u8; 1];
        let mut buffer = ReadBuf::new(&mut byte);
        let mut context = Context::from_waker(Waker::noop());
        Pin::new(&mut self.stream).poll_read(&mut context, &mut buffer).is_ready()
    }
}

/// What an I/O error of an open connection means.
pub(super) fn from_io(error: &io::Error) -> RequestError {
    use io::ErrorKind as Kind;
    let kind = match error.kind() {
        Kind::ConnectionReset | Kind::BrokenPipe | Kind::ConnectionAborted => ErrorKind::Reset,
        Kind::InvalidData => ErrorKind::Tls,
        Kind::OutOfMemory => ErrorKind::Local,
        Kind::TimedOut => ErrorKind::Timeout,
        _ => ErrorKind::Closed,
    };
    RequestError::new(kind, error.to_string())
}

/// A time limit that costs no timer for each request: one timer stays armed for an earlier deadline, and only when it
/// goes off is it armed again for the present one.
#[derive(Debug)]
pub struct Limit {
    timer: Pin<Box<Sleep>>,
}

impl Limit {
    /// A limit, not yet running.
    #[must_use]
    pub fn new(patience: Duration) -> Self {
        Self { timer: Box::pin(sleep_until(Instant::now() + patience)) }
    }

    /// Runs `work` until it is done or `deadline` has come; `None` then. Deadlines must not go back by more than the
    /// patience that the limit was made with.
    pub async fn run<F: Future>(&mut self, deadline: Instant, work: F) -> Option<F::Output> {
        if self.timer.deadline() > deadline {
            self.timer.as_mut().reset(deadline);
        }
        let mut work = pin!(work);
        poll_fn(|context| {
            if let Poll::Ready(done) = work.as_mut().poll(context) {
                return Poll::Ready(Some(done));
            }
            while self.timer.as_mut().poll(context).is_ready() {
                if Instant::now() >= deadline {
                    return Poll::Ready(None);
                }
                self.timer.as_mut().reset(deadline);
            }
            Poll::Pending
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::duplex;

    const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

    #[tokio::test]
    async fn a_connection_carries_many_requests() {
        let (near, mut far) = duplex(1024);
        let peer = tokio::spawn(async move {
            let mut seen = [0u8; 4];
            for _ in 0..3 {
                far.read_exact(&mut seen).await.unwrap();
                far.write_all(OK).await.unwrap();
            }
            far
        });
        let mut connection = Connection::new(near);
        for _ in 0..3 {
            let answer = connection.exchange(b"ping").await.unwrap();
            assert_eq!((answer.status, answer.keep_alive), (200, true));
            assert!(!connection.is_stale());
        }
        drop(peer.await.unwrap());
        assert!(connection.is_stale());
    }

    #[tokio::test]
    async fn unasked_bytes_end_the_reuse() {
        let (near, mut far) = duplex(1024);
        far.write_all(&[OK, b"HTTP/1.1 200"].concat()).await.unwrap();
        let answer = Connection::new(near).exchange(b"ping").await.unwrap();
        assert!(!answer.keep_alive);
        let (near, mut far) = duplex(1024);
        far.write_all(b"x").await.unwrap();
        assert!(Connection::new(near).is_stale());
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_holds_for_each_use() {
        let patience = Duration::from_secs(10);
        let mut limit = Limit::new(patience);
        for _ in 0..3 {
            let begun = Instant::now();
            let slow = tokio::time::sleep(Duration::from_secs(7));
            assert!(limit.run(begun + patience, slow).await.is_some());
            let begun = Instant::now();
            assert!(limit.run(begun + patience, std::future::pending::<()>()).await.is_none());
            assert_eq!(begun.elapsed().as_secs(), 10);
        }
        let begun = Instant::now();
        assert!(limit.run(begun + Duration::from_secs(1), std::future::pending::<()>()).await.is_none());
        assert_eq!(begun.elapsed().as_secs(), 1);
    }
}
