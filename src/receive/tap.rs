//! The way to the real receiver: the request goes on with the same bytes, its own answer comes back.

use crate::inbox::{NoAnswer, Upstream};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rustls::pki_types::ServerName;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use url::Url;
use wire::http1::{Buffered, LongBody, RawRequest, Response, read_response};

/// Largest answer of the real receiver in bytes.
const MAX_ANSWER: usize = 4 * 1024 * 1024;

/// A real receiver at a URL.
pub struct Tap {
    host: String,
    port: u16,
    /// The path in place of the request's own; `None` keeps it.
    path: Option<String>,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    within: Duration,
}

/// Why a URL cannot be forwarded to.
#[derive(Debug, thiserror::Error)]
pub enum TapError {
    /// Not a URL of a receiver.
    #[error("{0}; a URL such as http://127.0.0.1:9000/webhooks is needed")]
    Url(String),
    /// The machine's certificates cannot be read.
    #[error("no root certificates on this machine, which https needs: {0}")]
    Roots(String),
}

impl Tap {
    /// A tap for `url`; an attempt gets `within` for connection and answer together.
    ///
    /// # Errors
    /// When the URL is no http or https URL, or has credentials or a query.
    pub fn new(url: &str, within: Duration) -> Result<Self, TapError> {
        let wrong = |what: &str| TapError::Url(what.to_owned());
        let url = Url::parse(url).map_err(|e| wrong(&e.to_string()))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("credentials do not belong into a URL"));
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
        Ok(Self { host: bare, port, path, tls, within })
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
        read_response(&mut from, MAX_ANSWER, LongBody::LeaveOut)
            .await
            .map(without_framing)
            .map_err(io::Error::other)
    }

    /// The request as it came: head and body byte for byte, the path of `--forward` in place of its own; a chunked body as one
    /// chunk.
    fn bytes(&self, request: &RawRequest) -> Vec<u8> {
        let target = self.path.as_ref().map_or_else(
            || request.target.clone(),
            |path| match request.target.split_once('?') {
                Some((_, query)) => format!("{path}?{query}"),
                None => path.clone(),
            },
        );
        let mut bytes = with_target(&request.head, &target);
        if request.header("transfer-encoding").is_none() {
            bytes.extend_from_slice(&request.body);
            return bytes;
        }
        if !request.body.is_empty() {
            bytes.extend_from_slice(format!("{:x}\r\n", request.body.len()).as_bytes());
            bytes.extend_from_slice(&request.body);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"0\r\n\r\n");
        bytes
    }
}

impl Upstream for Tap {
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

/// A head with another target in its request line (`METHOD TARGET VERSION`).
fn with_target(head: &[u8], target: &str) -> Vec<u8> {
    let mut words = head.splitn(3, |b| *b == b' ');
    let (method, _, rest) = (words.next(), words.next(), words.next());
    [method.unwrap_or_default(), b" ", target.as_bytes(), b" ", rest.unwrap_or_default()].concat()
}

/// How long the answer is and whether the connection stays open is told anew on the way back.
fn without_framing(mut answer: Response) -> Response {
    let framing = ["content-length", "transfer-encoding", "connection", "keep-alive"];
    answer.headers.retain(|(name, _)| !framing.iter().any(|f| name.eq_ignore_ascii_case(f)));
    answer
}

fn connector() -> Result<TlsConnector, TapError> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut roots = rustls::RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        let why = found.errors.first().map_or_else(|| "none found".to_owned(), ToString::to_string);
        return Err(TapError::Roots(why));
    }
    let config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
