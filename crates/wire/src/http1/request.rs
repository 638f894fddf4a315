//! Requests, read as a server: bytes in order, time of the first and of the last, every wait and size limited.

use super::budget::{Budget, Share};
use super::response::{BodyError, Response, owned};
use super::{Buffered, Socket};
use crate::Clock;
use ::http1::{Body, Framing, Problem, RequestHead};
use record::Tick;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, Sleep, sleep_until, timeout};

/// The limits of a connection.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Largest body in bytes.
    pub body: usize,
    /// From the first byte of a request to the end of its head.
    pub head_time: Duration,
    /// From the end of the head to the end of the body.
    pub body_time: Duration,
    /// Without a request.
    pub idle_time: Duration,
    /// For writing an answer to a peer that does not read.
    pub write_time: Duration,
}

impl Default for Limits {
    /// 1 MiB body, 5 s head, 10 s body, 75 s idle, 10 s write; the head is limited to [`MAX_HEAD`](super::MAX_HEAD) bytes.
    fn default() -> Self {
        Self {
            body: 1024 * 1024,
            head_time: Duration::from_secs(5),
            body_time: Duration::from_secs(10),
            idle_time: Duration::from_secs(75),
            write_time: Duration::from_secs(10),
        }
    }
}

/// One request as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawRequest {
    pub method: String,
    /// Path and query, as sent.
    pub target: String,
    /// Header names and values in the order and spelling of the wire; bytes outside UTF-8 as U+FFFD.
    pub headers: Vec<(String, String)>,
    /// The head byte for byte, request line and empty line included.
    pub head: Vec<u8>,
    /// The body without transfer coding.
    pub body: Vec<u8>,
    /// When the first byte came.
    pub first_byte: Tick,
    /// When the last byte came.
    pub received: Tick,
    /// Whether the peer keeps the connection open for another request.
    pub keep_alive: bool,
    /// The address that it came from, where that is known.
    pub peer: Option<IpAddr>,
}

impl RawRequest {
    /// The first header of that name, compared without case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    /// The path without the query; of a target in absolute form (RFC 9112 section 3.2.2) too.
    #[must_use]
    pub fn path(&self) -> &str {
        let usual = self.target.starts_with('/');
        let target = if usual { &self.target } else { origin_form(&self.target) };
        target.split(['?', '#']).next().unwrap_or_default()
    }
}

/// What stands behind the authority of a target in absolute form; any other target as it is.
fn origin_form(target: &str) -> &str {
    let absolute = |scheme: &str| scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    match target.split_once("://") {
        Some((scheme, rest)) if absolute(scheme) => {
            rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/")
        }
        _ => target,
    }
}

/// Why no request came.
#[derive(Debug)]
pub enum Stop {
    /// The peer closed, failed, or was idle for too long between two requests: nothing to answer.
    Closed,
    /// What came cannot be accepted; the connection ends after this answer.
    Refused(Refusal),
}

/// A request that cannot be accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Refusal {
    /// The status to answer with.
    pub status: u16,
    /// What is wrong.
    pub why: String,
    /// When its first byte came.
    pub first_byte: Tick,
}

/// A connection of a client to us.
#[derive(Debug)]
pub struct Connection<S> {
    io: Buffered<S>,
    clock: Clock,
    limits: Limits,
    /// Whether the last request was a HEAD, whose answer has no body (RFC 9110 section 9.3.2).
    head_only: bool,
    /// Looks now and then whether the peer has been idle for too long; set once for many requests.
    idle: Option<Pin<Box<Sleep>>>,
    share: Share,
    peer: Option<IpAddr>,
}

impl Connection<Socket> {
    /// Whether the peer resets the connection within this time, which one that has gone does when something comes to it.
    pub async fn is_reset_within(&mut self, time: Duration) -> bool {
        self.io.stream().is_reset_within(time).await
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Takes over an accepted socket.
    pub fn new(stream: S, clock: Clock, limits: Limits) -> Self {
        let (io, share) = (Buffered::new(stream), Share::default());
        Self { io, clock, limits, head_only: false, idle: None, share, peer: None }
    }

    /// The same with the address of the other side.
    #[must_use]
    pub fn from(mut self, peer: IpAddr) -> Self {
        // An IPv4 address that comes through an IPv6 socket is the same address.
        self.peer = Some(peer.to_canonical());
        self
    }

    /// The same with bodies that take from a budget.
    #[must_use]
    pub fn within(mut self, budget: Budget) -> Self {
        self.share = Share::of(budget);
        self
    }

    /// The socket itself, for breaking it on purpose.
    pub fn into_stream(self) -> S {
        self.io.into_stream()
    }

    /// Waits for the first byte of the next request; `false` when the peer closed, failed, or was idle for too long. Safe
    /// to cancel.
    pub async fn begun(&mut self) -> bool {
        self.first_byte().await.is_ok()
    }

    /// Whether something of the next request has come with the last one.
    #[must_use]
    pub fn is_ahead(&self) -> bool {
        !self.io.pending().is_empty()
    }

    /// Reads the next request.
    ///
    /// # Errors
    /// [`Stop`] says whether there is anything to answer.
    pub async fn read(&mut self) -> Result<RawRequest, Stop> {
        self.share.give_back();
        let first_byte = self.first_byte().await?;
        let refuse = |status, why: &str| Stop::Refused(Refusal { status, why: why.to_owned(), first_byte });
        let (mut request, body) = match timeout(self.limits.head_time, self.head(first_byte)).await {
            Err(_) => return Err(refuse(408, "the head of the request came too slowly")),
            Ok(Err(e)) => return Err(stop(&e, first_byte)),
            Ok(Ok(read)) => read,
        };
        request.body = match timeout(self.limits.body_time, self.body(body)).await {
            Err(_) => return Err(refuse(408, "the body of the request came too slowly")),
            Ok(Err(e)) => return Err(stop(&e, first_byte)),
            Ok(Ok(body)) => body,
        };
        request.received = self.clock.now();
        Ok(request)
    }

    /// Writes an answer; on return its last byte is with the kernel.
    ///
    /// # Errors
    /// When the peer is gone, or does not read within the limit.
    pub async fn write(&mut self, answer: &Response, keep_alive: bool) -> io::Result<()> {
        let connection = if keep_alive { "keep-alive" } else { "close" };
        let bytes =
            if self.head_only { answer.head(connection).into_bytes() } else { answer.bytes(connection) };
        self.write_raw(&bytes).await
    }

    /// Writes bytes as they are.
    ///
    /// # Errors
    /// As for [`Connection::write`].
    pub async fn write_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        let stream = self.io.stream();
        let write = async {
            stream.write_all(bytes).await?;
            stream.flush().await
        };
        timeout(self.limits.write_time, write).await.map_err(|_| io::ErrorKind::TimedOut)?
    }

    /// Ends the connection so that the peer still gets the last answer: sends FIN, then reads what is left for at most
    /// a second (a close with unread bytes would reset the connection and lose the answer).
    pub async fn close(mut self) {
        let drain = async {
            let _ = self.io.stream().shutdown().await;
            let mut left = 16 * 1024 * 1024usize;
            while let Ok(n @ 1..) = self.io.fill().await {
                self.io.skip(usize::MAX);
                left = left.saturating_sub(n);
                if left == 0 {
                    break;
                }
            }
        };
        let _ = timeout(Duration::from_secs(1), drain).await;
    }

    /// Waits until the peer ends its side or fails the connection. What it sends meanwhile is the next request, and is kept;
    /// of a peer that sends more than 64 KiB ahead the end is not seen.
    pub async fn closed(&mut self) {
        while self.io.pending().len() < MAX_AHEAD {
            if !matches!(self.io.fill().await, Ok(1..)) {
                return;
            }
        }
        std::future::pending::<()>().await;
    }

    async fn first_byte(&mut self) -> Result<Tick, Stop> {
        if self.io.pending().is_empty() {
            let until = Instant::now() + self.limits.idle_time;
            let idle = self.idle.get_or_insert_with(|| Box::pin(sleep_until(until)));
            loop {
                tokio::select! {
                    biased;
                    got = self.io.fill() => match got {
                        Ok(1..) => break,
                        _ => return Err(Stop::Closed),
                    },
                    () = idle.as_mut() => match idle.deadline() {
                        set if set < until => idle.as_mut().reset(until),
                        _ => return Err(Stop::Closed),
                    },
                }
            }
        }
        Ok(self.clock.now())
    }

    /// Reads a head, and says how its body is to be read.
    async fn head(&mut self, first_byte: Tick) -> Result<(RawRequest, Body), BodyError> {
        let limits = super::limits(self.limits.body);
        let (used, Head { request, framing, waits }) = loop {
            if let Some(read) = head_of(self.io.pending(), &limits, first_byte)? {
                break read;
            }
            if self.io.fill().await? == 0 {
                return Err(BodyError::Truncated);
            }
        };
        let head = self.io.take(used);
        self.head_only = request.method == "HEAD";
        let body = Body::new(framing, limits)?;
        if waits && self.io.pending().is_empty() && framing != Framing::Length(0) {
            self.write_raw(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        Ok((RawRequest { head, peer: self.peer, ..request }, body))
    }

    async fn body(&mut self, mut body: Body) -> Result<Vec<u8>, BodyError> {
        let mut content = Vec::new();
        // What is announced may never come.
        content.reserve(usize::try_from(body.announced()).unwrap_or(RESERVED).min(RESERVED));
        loop {
            self.share.cover(content.len() + self.io.pending().len()).await;
            let used = feed(&mut body, self.io.pending(), &mut content)?;
            self.io.skip(used);
            if body.is_done() {
                return Ok(content);
            }
            if self.io.fill().await? == 0 {
                return Err(BodyError::Truncated);
            }
        }
    }
}

/// Room that is made for a body before it has come, in bytes.
const RESERVED: usize = 64 * 1024;
/// Bytes of later requests that are kept while the answer to this one is made.
const MAX_AHEAD: usize = 64 * 1024;

/// A request that ends in the middle may have been a webhook: it is refused as one that cannot be read.
fn stop(error: &BodyError, first_byte: Tick) -> Stop {
    let (status, why) = match error {
        BodyError::Io(e) => (400, format!("the connection broke in the middle of a request: {}", e.kind())),
        BodyError::Truncated => (400, "the connection ended in the middle of a request".to_owned()),
        BodyError::Problem(problem @ Problem::BodyTooLong(_)) => (413, problem.to_string()),
        BodyError::Problem(problem @ Problem::HeadTooLong(_)) => (431, problem.to_string()),
        BodyError::Problem(problem) => (400, problem.to_string()),
    };
    Stop::Refused(Refusal { status, why, first_byte })
}

/// The head of a request as it is wanted here.
struct Head {
    request: RawRequest,
    framing: Framing,
    /// Whether the peer waits for 100 Continue.
    waits: bool,
}

/// Reads a head from the front of `bytes`. This and [`feed`] are functions of their own, so that they are compiled once and with this
/// crate, which is compiled for speed, and not with whoever has a kind of stream.
fn head_of(
    bytes: &[u8],
    limits: &::http1::Limits,
    first_byte: Tick,
) -> Result<Option<(usize, Head)>, Problem> {
    ::http1::request(bytes, limits, |head| Head {
        request: assemble(head, first_byte),
        framing: head.framing,
        waits: head.expects_continue,
    })
}

fn feed(body: &mut Body, bytes: &[u8], content: &mut Vec<u8>) -> Result<usize, Problem> {
    body.feed(bytes, |piece| content.extend_from_slice(piece))
}

fn assemble(head: &RequestHead<'_>, first_byte: Tick) -> RawRequest {
    RawRequest {
        method: head.method.to_owned(),
        target: head.target.to_owned(),
        headers: owned(head.headers),
        head: Vec::new(),
        body: Vec::new(),
        first_byte,
        received: first_byte,
        keep_alive: head.keep_alive,
        peer: None,
    }
}
