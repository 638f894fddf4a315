//! One attempt on the wire: a new TCP connection, the request byte for byte, the answer; redirects as Python's requests
//! follows them, when asked to.

use super::super::options::Options;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep, timeout};
use url::Url;
use wire::http1::{BodyError, Buffered, LongBody, Response, read_response};

/// Most bytes read of an answer's body.
const MAX_ANSWER: usize = 1024 * 1024;

/// Redirects that requests follows at most.
const MAX_HOPS: u32 = 30;

/// A request that is ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct SignedRequest {
    pub(super) id: String,
    pub(super) media_type: &'static str,
    /// The headers that differ between webhooks, in the order of the wire.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

/// How an attempt went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum Exchange {
    /// There was an answer.
    Answered {
        status: u16,
        /// Seconds that its `Retry-After` says.
        retry_after: Option<u32>,
        body: Vec<u8>,
    },
    TimedOut,
    /// No connection, or it ended early: "connection error" in the real log.
    Broken(String),
    /// The connection ended behind the beginning of an answer: "connection error", too.
    Cut(String),
    /// The answer cannot be read: "request failed" in the real log.
    Garbled(String),
}

/// What the time limit is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Patience {
    /// The whole attempt.
    Total(Duration),
    /// Connecting, and each read, as in requests.
    PerRead(Duration),
}

/// What happens to a 3xx.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Redirects {
    /// It is an answer like any other.
    Refuse,
    /// As requests does: 301, 302 and 303 become a GET without body, 307 and 308 post again.
    Follow,
}

/// Carries parcels; the seam at which tests put a scripted one.
pub(in super::super) trait HttpClient: Send + Sync {
    /// Makes one attempt; also how many redirects were followed.
    fn post(
        &self,
        signed_request: &SignedRequest,
        patience: Patience,
        redirects: Redirects,
    ) -> impl Future<Output = (Exchange, u32)> + Send;
}

/// The http_client that uses TCP.
#[derive(Debug, Clone)]
pub(in super::super) struct Wire {
    url: Option<Url>,
}

impl Wire {
    /// Checks the endpoint; an empty one is allowed, deliveries are skipped then.
    pub(super) fn new(options: &Options) -> io::Result<Self> {
        let endpoint = options.endpoint.trim();
        if endpoint.is_empty() {
            return Ok(Self { url: None });
        }
        let bad = |why: String| io::Error::new(io::ErrorKind::InvalidInput, why);
        // It may hold a token, so errors do not repeat it.
        let url = Url::parse(endpoint).map_err(|e| bad(format!("the webhook URL is invalid: {e}")))?;
        if url.scheme() != "http" || url.host_str().is_none() {
            return Err(bad("the webhook URL: the stand-in only posts to http://HOST".to_owned()));
        }
        Ok(Self { url: Some(url) })
    }
}

/// What goes to one hop.
struct Hop<'a> {
    method: &'static str,
    url: Url,
    media_type: &'static str,
    headers: &'a [(String, String)],
    body: Option<&'a [u8]>,
}

impl HttpClient for Wire {
    async fn post(
        &self,
        signed_request: &SignedRequest,
        patience: Patience,
        redirects: Redirects,
    ) -> (Exchange, u32) {
        let Some(url) = self.url.clone() else {
            return (Exchange::Broken("no endpoint".to_owned()), 0);
        };
        let mut hops = 0;
        let SignedRequest { media_type, headers, body, .. } = signed_request;
        let hop = Hop { method: "POST", url, media_type, headers, body: Some(body) };
        let exchange = match patience {
            Patience::PerRead(limit) => follow(hop, limit, redirects, &mut hops).await,
            Patience::Total(limit) => match timeout(limit, follow(hop, limit, redirects, &mut hops)).await {
                Ok(exchange) => exchange,
                Err(_) => Exchange::TimedOut,
            },
        };
        (exchange, hops)
    }
}

async fn follow(mut hop: Hop<'_>, limit: Duration, redirects: Redirects, hops: &mut u32) -> Exchange {
    loop {
        let answer = match once(&hop, limit).await {
            Ok(answer) => answer,
            Err(failure) => return failure.into_exchange(),
        };
        let next = match redirects {
            Redirects::Follow if matches!(answer.status, 301 | 302 | 303 | 307 | 308) => {
                answer.header("location").and_then(|to| hop.url.join(to).ok())
            }
            _ => None,
        };
        let Some(next) = next else {
            let retry_after = answer.header("retry-after").and_then(|seconds| seconds.trim().parse().ok());
            return Exchange::Answered { status: answer.status, retry_after, body: answer.body };
        };
        *hops += 1;
        if *hops > MAX_HOPS {
            return Exchange::Garbled(format!("Exceeded {MAX_HOPS} redirects."));
        }
        if matches!(answer.status, 301..=303) {
            (hop.method, hop.body) = ("GET", None);
        }
        if next.scheme() != "http" {
            return Exchange::Garbled(format!("No connection adapters were found for '{next}'"));
        }
        hop.url = next;
    }
}

/// Why an attempt has no answer.
enum Failure {
    TimedOut,
    Connect(io::Error, String),
    Response(BodyError),
    /// As that, when something of the answer had come.
    Cut(BodyError),
}

impl Failure {
    /// In the words of requests, as far as they are stable.
    fn into_exchange(self) -> Exchange {
        match self {
            Self::Cut(e) => Exchange::Cut(format!("('Connection broken: {e}')")),
            Self::TimedOut => Exchange::TimedOut,
            Self::Connect(e, at) => {
                Exchange::Broken(format!("{at}: Max retries exceeded with url (Caused by NewConnectionError: {e})"))
            }
            Self::Response(BodyError::Io(e)) if e.kind() == io::ErrorKind::TimedOut => Exchange::TimedOut,
            Self::Response(BodyError::Io(e)) => Exchange::Broken(format!("('Connection aborted.', {e})")),
            Self::Response(BodyError::Truncated) => Exchange::Broken(
                "('Connection aborted.', RemoteDisconnected('Remote end closed connection without response'))"
                    .to_owned(),
            ),
            Self::Response(e) => Exchange::Garbled(format!("('Connection broken: {e}')")),
        }
    }
}

async fn once(hop: &Hop<'_>, limit: Duration) -> Result<Response, Failure> {
    let host = hop.url.host_str().unwrap_or_default();
    let port = hop.url.port_or_known_default().unwrap_or(80);
    let address = (host.trim_start_matches('[').trim_end_matches(']'), port);
    let stream = match timeout(limit, TcpStream::connect(address)).await {
        Err(_) => return Err(Failure::TimedOut),
        Ok(Err(e)) => {
            return Err(Failure::Connect(e, format!("HTTPConnectionPool(host='{host}', port={port})")));
        }
        Ok(Ok(stream)) => stream,
    };
    let _ = stream.set_nodelay(true);
    let mut io = Buffered::new(Patient::new(stream, limit));
    let bytes = request(hop);
    // A receiver may answer and close before it has read everything: what it said still counts, so reading decides.
    let written = timeout(limit, io.stream().stream.write_all(&bytes)).await;
    match read_response(&mut io, MAX_ANSWER, LongBody::Refuse).await {
        Ok(answer) => Ok(answer),
        Err(_) if matches!(written, Ok(Err(_))) => match written {
            Ok(Err(e)) => Err(Failure::Response(BodyError::Io(e))),
            _ => Err(Failure::TimedOut),
        },
        Err(e @ (BodyError::Truncated | BodyError::Io(_))) if io.stream().has_begun && !is_late(&e) => {
            Err(Failure::Cut(e))
        }
        Err(e) => Err(Failure::Response(e)),
    }
}

fn is_late(error: &BodyError) -> bool {
    matches!(error, BodyError::Io(e) if e.kind() == io::ErrorKind::TimedOut)
}

/// The request as it goes over the wire: header order and spelling of Python's requests.
fn request(hop: &Hop<'_>) -> Vec<u8> {
    let target = match hop.url.query() {
        Some(query) => format!("{}?{query}", hop.url.path()),
        None => hop.url.path().to_owned(),
    };
    let host = hop.url.host_str().unwrap_or_default();
    let host = hop.url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let mut head = format!(
        "{} {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: DeltaCrown-Webhook/1.0\r\n\
         Accept-Encoding: gzip, deflate\r\nAccept: */*\r\nConnection: keep-alive\r\n",
        hop.method
    );
    // A redirect that lost its body loses the headers about the body too.
    if hop.body.is_some() {
        head.push_str(&format!("Content-Type: {}\r\n", hop.media_type));
    }
    for (name, value) in hop.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if let Some(body) = hop.body {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(hop.body.unwrap_or_default());
    bytes
}

/// A stream each of whose reads has a time limit.
struct Patient {
    stream: TcpStream,
    limit: Duration,
    timer: Pin<Box<Sleep>>,
    /// Whether a byte has come.
    has_begun: bool,
}

impl Patient {
    fn new(stream: TcpStream, limit: Duration) -> Self {
        Self { stream, limit, timer: Box::pin(sleep(limit)), has_begun: false }
    }
}

impl AsyncRead for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Poll::Ready(done) = Pin::new(&mut self.stream).poll_read(cx, buf) {
            let next = Instant::now() + self.limit;
            self.timer.as_mut().reset(next);
            self.has_begun |= !buf.filled().is_empty();
            return Poll::Ready(done);
        }
        self.timer.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_has_the_real_senders_headers_in_order() {
        let headers = vec![("X-Webhook-Signature".to_owned(), "ab".to_owned())];
        let url = Url::parse("http://127.0.0.1:8787/webhooks/inbound?a=1").unwrap();
        let hop =
            Hop { method: "POST", url, media_type: "application/json", headers: &headers, body: Some(b"{}") };
        assert_eq!(
            String::from_utf8(request(&hop)).unwrap(),
            "POST /webhooks/inbound?a=1 HTTP/1.1\r\nHost: 127.0.0.1:8787\r\nUser-Agent: DeltaCrown-Webhook/1.0\r\n\
             Accept-Encoding: gzip, deflate\r\nAccept: */*\r\nConnection: keep-alive\r\n\
             Content-Type: application/json\r\nX-Webhook-Signature: ab\r\nContent-Length: 2\r\n\r\n{}"
        );
        let url = Url::parse("http://[::1]/x").unwrap();
        let moved = String::from_utf8(request(&Hop {
            method: "GET",
            url,
            media_type: "application/json",
            headers: &headers,
            body: None,
        }))
        .unwrap();
        assert!(moved.starts_with("GET /x HTTP/1.1\r\nHost: [::1]\r\n"), "{moved}");
        assert!(!moved.contains("Content-"), "{moved}");
    }
}
