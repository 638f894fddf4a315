//! Where a load goes: the URL taken apart, its addresses, and how a connection to it is opened.

use super::response::RequestError;
use crate::outbound::{http_url, shown_url};
use crate::resources::ran_out;
use record::ErrorKind;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use url::Url;

/// Limit for looking up a name.
const LOOKUP: Duration = Duration::from_secs(5);

/// Why a target is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TargetError {
    /// Not a URL that webhooks can be sent to.
    #[error("'{url}' is not a URL to drive: {why}")]
    Url {
        /// As it may be shown.
        url: String,
        /// What is wrong.
        why: String,
    },
    /// The name has no address.
    #[error("{host} has no address: {why}")]
    Lookup {
        host: String,
        /// What the resolver says.
        why: String,
    },
    /// The certificates cannot be used.
    #[error("cannot set up TLS: {0}")]
    Tls(String),
}

/// A checked URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    url: Url,
    host: String,
    port: u16,
}

impl Target {
    /// Takes a URL apart.
    ///
    /// # Errors
    /// When it is no http or https URL with a host, or holds credentials.
    pub(crate) fn parse(text: &str) -> Result<Self, TargetError> {
        let wrong = |why: &str| TargetError::Url { url: shown_url(text), why: why.to_owned() };
        let mut url = http_url(text).map_err(|why| wrong(&why))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("it contains credentials, which do not belong on a command line"));
        }
        url.set_fragment(None);
        let host =
            url.host_str().filter(|h| !h.is_empty()).ok_or_else(|| wrong("it has no host"))?.to_owned();
        let port = url.port_or_known_default().filter(|&p| p > 0).ok_or_else(|| wrong("it has no port"))?;
        Ok(Self { url, host, port })
    }

    /// The host name or address; IPv6 in brackets.
    #[must_use]
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Value of the Host header.
    #[must_use]
    pub(crate) fn authority(&self) -> String {
        self.url.port().map_or_else(|| self.host.clone(), |port| format!("{}:{port}", self.host))
    }

    /// Path and query.
    #[must_use]
    pub(crate) fn path(&self) -> String {
        self.url.query().map_or_else(|| self.url.path().to_owned(), |q| format!("{}?{q}", self.url.path()))
    }

    /// Whether it is https.
    #[must_use]
    pub(crate) fn is_tls(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// The URL as it is requested, for a command that is to be pasted: its query may hold a token.
    #[must_use]
    pub(crate) fn as_str(&self) -> &str {
        self.url.as_str()
    }

    /// The URL as it may be shown and written.
    #[must_use]
    pub(crate) fn shown(&self) -> String {
        shown_url(self.url.as_str())
    }

    /// Looks the host up.
    ///
    /// # Errors
    /// When it has no address, or the resolver does not answer in 5 s.
    pub(crate) async fn addresses(&self) -> Result<Vec<SocketAddr>, TargetError> {
        let none = |why: String| TargetError::Lookup { host: self.host.clone(), why };
        let bare = self.host.trim_matches(['[', ']']);
        if let Ok(ip) = bare.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(ip, self.port)]);
        }
        let found = timeout(LOOKUP, lookup_host((bare, self.port)))
            .await
            .map_err(|_| none(format!("no response from the resolver in {} s", LOOKUP.as_secs())))?
            .map_err(|e| none(e.to_string()))?;
        let all: Vec<SocketAddr> = found.collect();
        if all.is_empty() { Err(none("the resolver found none".to_owned())) } else { Ok(all) }
    }
}

/// Opens streams to one place.
pub(crate) trait Connect: Clone + Send + Sync + 'static {
    /// What it opens.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send;

    /// Opens one. The caller sets the time limit.
    fn connect(&self) -> impl Future<Output = Result<Self::Stream, RequestError>> + Send;
}

/// Opens TCP connections, with TLS where the target asks for it.
#[derive(Clone)]
pub(crate) struct Dialer {
    addresses: Arc<[SocketAddr]>,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Dialer {
    /// A dialer to these addresses of the target. `roots` are the certificates trusted for https.
    ///
    /// # Errors
    /// When the host is no name that a certificate can hold.
    pub(crate) fn new(
        target: &Target,
        addresses: Vec<SocketAddr>,
        roots: RootCertStore,
    ) -> Result<Self, TargetError> {
        let tls = if target.is_tls() {
            let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
            let mut config = ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .map_err(|e| TargetError::Tls(e.to_string()))?
                .with_root_certificates(roots)
                .with_no_client_auth();
            config.alpn_protocols = vec![b"http/1.1".to_vec()];
            let name = ServerName::try_from(target.host().trim_matches(['[', ']']).to_owned())
                .map_err(|e| TargetError::Tls(e.to_string()))?;
            Some((TlsConnector::from(Arc::new(config)), name))
        } else {
            None
        };
        Ok(Self { addresses: addresses.into(), tls })
    }
}

impl std::fmt::Debug for Dialer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dialer").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

impl Connect for Dialer {
    type Stream = Stream;

    async fn connect(&self) -> Result<Stream, RequestError> {
        let stream = TcpStream::connect(&*self.addresses).await.map_err(|e| from_connect(&e))?;
        // Without it a request that is written in two pieces waits for an acknowledgement (Nagle).
        stream.set_nodelay(true).map_err(|e| from_connect(&e))?;
        let Some((connector, name)) = &self.tls else { return Ok(Stream::Plain(stream)) };
        let stream = connector.connect(name.clone(), stream).await.map_err(|e| match e.kind() {
            io::ErrorKind::ConnectionReset => {
                RequestError::new(ErrorKind::Reset, format!("TLS handshake: {e}"))
            }
            _ => RequestError::new(ErrorKind::Tls, format!("TLS handshake: {}", in_words(&e))),
        })?;
        Ok(Stream::Tls(Box::new(stream)))
    }
}

/// A failed handshake as a reason; rustls has no words for a certificate that is a CA's and a server's at once, which
/// `openssl req -x509` makes unless told otherwise.
fn in_words(error: &io::Error) -> String {
    let text = error.to_string();
    if text.contains("CaUsedAsEndEntity") {
        "the server's certificate is a CA certificate (CA:TRUE) and cannot serve as a server's own: make it with \
         basicConstraints=CA:FALSE (openssl req -x509 … -addext basicConstraints=critical,CA:FALSE)"
            .to_owned()
    } else {
        text
    }
}

/// What a failed connect means.
fn from_connect(error: &io::Error) -> RequestError {
    use io::ErrorKind as Kind;
    let kind = match error.kind() {
        _ if ran_out(error) => ErrorKind::Local,
        Kind::ConnectionRefused => ErrorKind::Refused,
        Kind::TimedOut => ErrorKind::ConnectTimeout,
        Kind::ConnectionReset | Kind::ConnectionAborted => ErrorKind::Reset,
        _ => ErrorKind::Unreachable,
    };
    RequestError::new(kind, format!("connecting: {error}"))
}

/// A plain or a TLS stream.
#[derive(Debug)]
pub(crate) enum Stream {
    Plain(TcpStream),
    /// TLS over TCP.
    Tls(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        let target = Target::parse("http://127.0.0.1:8080/a/b?c=d#e").unwrap();
        assert_eq!((target.authority().as_str(), target.path().as_str()), ("127.0.0.1:8080", "/a/b?c=d"));
        let target = Target::parse("https://[::1]").unwrap();
        assert_eq!((target.authority().as_str(), target.path().as_str(), target.port), ("[::1]", "/", 443));
        assert!(target.is_tls());
    }

    #[test]
    fn bad_urls_say_why_and_keep_credentials_to_themselves() {
        for text in ["", "localhost:80", "ftp://h/", "http://", "unix:/x", "http://h:0/", "http://h:99999/"] {
            assert!(Target::parse(text).is_err(), "{text}");
        }
        let error = Target::parse("http://me:hunter22@h/").unwrap_err().to_string();
        assert!(error.contains("credentials") && !error.contains("hunter22"), "{error}");
    }

    #[tokio::test]
    async fn a_refused_connection_is_named() {
        // Bound, so that nobody else gets the port, and not listening.
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
        let address = socket.local_addr().unwrap();
        let target = Target::parse(&format!("http://{address}/")).unwrap();
        let addresses = target.addresses().await.unwrap();
        let dialer = Dialer::new(&target, addresses, RootCertStore::empty()).unwrap();
        assert_eq!(dialer.connect().await.unwrap_err().kind, ErrorKind::Refused);
    }
}
