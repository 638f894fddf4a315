//! The way to the real receiver: the request goes on as it was understood and recorded, its own answer comes back.
//!
//! Header lines go on byte for byte and in order, but for those that say how the message is framed and what this connection
//! is for: they are written anew, so that the real receiver cannot read another message than the one in the journal.

use crate::inbox::{NoAnswer, NotForwarded, Upstream};
use crate::outbound::{http_url, system_roots};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rustls::pki_types::ServerName;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use wire::http1::{Buffered, LongBody, RawRequest, Response, read_response};

/// Largest answer of the real receiver in bytes.
const MAX_ANSWER: usize = 4 * 1024 * 1024;

/// Marks what has gone through a tap; one that comes back to its own tap goes round for ever.
const HOP: &str = "X-Smoke-Hop";

/// Taps in a row through which a webhook may go.
const MOST_HOPS: usize = 4;

/// Header lines that are about this connection or the framing of the message (RFC 9110 section 7.6.1), and are not passed on.
const OURS: [&str; 10] = [
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "proxy-connection",
    "upgrade",
    "http2-settings",
    "te",
    "trailer",
    "expect",
];

/// A real receiver at a URL.
pub struct Tap {
    host: String,
    port: u16,
    /// The path in place of the request's own; `None` keeps it.
    path: Option<String>,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    within: Duration,
    /// Tells this tap from others.
    id: String,
}

/// Why a URL cannot be forwarded to.
#[derive(Debug, thiserror::Error)]
pub enum TapError {
    /// Not a URL of a receiver.
    #[error("{0}; give a URL such as http://127.0.0.1:9000/webhooks")]
    Url(String),
    #[error(
        "{0} is this receiver itself: every webhook would loop forever; give the URL of the real receiver"
    )]
    Itself(SocketAddr),
    /// The machine's certificates cannot be read.
    #[error("https needs root certificates, and this machine has none: {0}")]
    Roots(String),
}

impl Tap {
    /// A tap for `url`; an attempt gets `within` for connection and answer together.
    ///
    /// # Errors
    /// When the URL is no http or https URL, or has credentials or a query.
    pub fn new(url: &str, within: Duration) -> Result<Self, TapError> {
        let wrong = |what: &str| TapError::Url(what.to_owned());
        let url = http_url(url).map_err(|e| wrong(&e))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("credentials do not belong in a URL"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("the URL has a query or a fragment"));
        }
        let host = url.host_str().ok_or_else(|| wrong("the URL has no host"))?.to_owned();
        let bare = host.trim_matches(['[', ']']).to_owned();
        let tls = match url.scheme() {
            "http" => None,
            "https" => {
                let name = ServerName::try_from(bare.clone()).map_err(|e| wrong(&e.to_string()))?;
                Some((connector()?, name))
            }
            _ => return Err(wrong("not an http or https URL")),
        };
        let port = url.port_or_known_default().ok_or_else(|| wrong("the URL has no port"))?;
        let path = Some(url.path()).filter(|p| *p != "/").map(str::to_owned);
        let id = uuid::Uuid::new_v4().simple().to_string();
        Ok(Self { host: bare, port, path, tls, within, id })
    }

    /// That it is not the receiver at `own` that it forwards to. A name that has no address yet may have one later; the hop
    /// header ends a loop that begins then.
    ///
    /// # Errors
    /// When it is.
    pub(super) fn check_is_not(&self, own: SocketAddr) -> Result<(), TapError> {
        let found = (self.host.as_str(), self.port).to_socket_addrs();
        let is_own = |to: &SocketAddr| {
            let same = to.ip().to_canonical() == own.ip().to_canonical();
            to.port() == own.port() && (same || own.ip().is_unspecified() && is_local(to.ip()))
        };
        match found.into_iter().flatten().find(is_own) {
            Some(address) => Err(TapError::Itself(address)),
            None => Ok(()),
        }
    }

    async fn exchange(&self, request: &RawRequest) -> io::Result<Response> {
        let tcp = TcpStream::connect((self.host.as_str(), self.port)).await?;
        tcp.set_nodelay(true)?;
        match &self.tls {
            None => self.over(tcp, request).await,
            Some((connector, name)) => self.over(connector.connect(name.clone(), tcp).await?, request).await,
        }
    }

    async fn over<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        mut stream: S,
        request: &RawRequest,
    ) -> io::Result<Response> {
        stream.write_all(&self.bytes(request)).await?;
        stream.flush().await?;
        let mut from = Buffered::new(stream);
        // The answer to a HEAD has the length of a body, and none.
        let is_head = request.method == "HEAD";
        let most = if is_head { 0 } else { MAX_ANSWER };
        read_response(&mut from, most, LongBody::LeaveOut).await.map_err(io::Error::other).and_then(
            |answer| match answer.status {
                200..=599 => Ok(without_framing(answer, is_head)),
                status => Err(io::Error::other(format!(
                    "it responded with the status {status}, which does not exist"
                ))),
            },
        )
    }

    /// The request as it was understood: header lines byte for byte, the path of `--forward` in place of its own, the body by its
    /// length.
    fn bytes(&self, request: &RawRequest) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(request.head.len() + request.body.len() + 256);
        let query = request.target.split_once('?').map(|(_, query)| query);
        let path = self.path.as_deref().unwrap_or_else(|| request.path());
        bytes.extend([request.method.as_str(), " ", path].concat().bytes());
        if let Some(query) = query {
            bytes.extend(["?", query].concat().bytes());
        }
        bytes.extend_from_slice(b" HTTP/1.1\r\n");
        header_lines(&request.head).filter(|line| !is_ours(line)).for_each(|line| {
            bytes.extend_from_slice(line);
            bytes.extend_from_slice(b"\r\n");
        });
        if request.header("host").is_none() {
            bytes.extend_from_slice(format!("Host: {}:{}\r\n", self.host, self.port).as_bytes());
        }
        let (length, id) = (request.body.len(), &self.id);
        let own = format!("{HOP}: {id}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
        bytes.extend_from_slice(own.as_bytes());
        bytes.extend_from_slice(&request.body);
        bytes
    }
}

/// The header lines of a head that was read, each of which ends with CRLF.
fn header_lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    let lines = head.split(|b| *b == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    lines.filter(|line| !line.is_empty()).skip(1)
}

fn is_ours(line: &[u8]) -> bool {
    let name = line.split(|b| *b == b':').next().unwrap_or_default();
    OURS.iter().any(|ours| name.eq_ignore_ascii_case(ours.as_bytes()))
}

/// Whether it is an address of this machine: only to those can a socket be bound.
fn is_local(ip: IpAddr) -> bool {
    UdpSocket::bind((ip, 0)).is_ok()
}

impl Upstream for Tap {
    fn refuses(&self, request: &RawRequest) -> Option<NotForwarded> {
        let hops = request.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(HOP));
        let (mut count, mut own) = (0, false);
        for (_, id) in hops {
            count += 1;
            own |= *id == self.id;
        }
        if own || count >= MOST_HOPS {
            let why = "it already went through this receiver: --forward leads back to it";
            return Some(NotForwarded { status: 508, why });
        }
        let origin = request.target.starts_with('/');
        (!origin).then_some(NotForwarded { status: 400, why: "the request target must be a path" })
    }

    fn send<'a>(&'a self, request: &'a RawRequest) -> BoxFuture<'a, Result<Response, NoAnswer>> {
        async move {
            match timeout(self.within, self.exchange(request)).await {
                Err(_) => Err(NoAnswer::TimedOut(self.within)),
                Ok(Err(error)) => Err(NoAnswer::Failed(error.to_string())),
                Ok(Ok(answer)) => Ok(answer),
            }
        }
        .boxed()
    }
}

/// How long the answer is and whether the connection stays open is told anew on the way back; only the real receiver knows how long
/// the body is that the answer to a HEAD leaves out.
fn without_framing(mut answer: Response, is_head: bool) -> Response {
    let framing = ["transfer-encoding", "connection", "keep-alive"];
    let is_ours = |name: &str| {
        framing.iter().any(|f| name.eq_ignore_ascii_case(f))
            || !is_head && name.eq_ignore_ascii_case("content-length")
    };
    answer.headers.retain(|(name, _)| !is_ours(name));
    answer
}

fn connector() -> Result<TlsConnector, TapError> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let roots = system_roots().map_err(TapError::Roots)?;
    let config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
