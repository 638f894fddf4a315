//! Sends resolved requests with reqwest and reads the answers within limits.

use super::jar::Jar;
use super::reuse::{Reuse, is_idempotent, may_send_again, see_what_closed};
use crate::outbound::{self, Proxies, ProxyError, Via, http_url, is_local, shown_url, why};
use correlate::read_json;
use reqwest::Url;
use reqwest::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue};
use scenario::{Method, Origin, ResolvedBody, ResolvedPart, ResolvedRequest};
use serde_json::Value;
use signature::Secret;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use url::Position;

/// Largest answer that is read, in bytes.
const MAX_ANSWER: usize = 4 * 1024 * 1024;
/// Limit for opening a connection.
const CONNECT_TIME: Duration = Duration::from_secs(10);
/// A connection is kept so long: less than any usual server keeps one that nobody uses (gunicorn's default is the shortest, 2 s), so
/// that none is used just as the server closes it.
const KEPT: Duration = Duration::from_millis(1500);

/// An HTTP client bound to the API under test. It follows no redirects: a step sees what the API said.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    /// Keeps no connection: for what is sent again, and for what may not find one closed.
    fresh: reqwest::Client,
    reuse: Reuse,
    base: Url,
    /// Whether a connection may have been kept, so that the next request may find it closed.
    kept: Arc<AtomicBool>,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    /// Header names and values; bytes outside UTF-8 as U+FFFD.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// The URL that was asked.
    pub url: Url,
    /// Whether it was sent again, since the server had ended the kept connection.
    pub resent: bool,
    /// The body, read once.
    json: OnceLock<Option<Value>>,
}

impl Reply {
    /// The body, where it is JSON.
    #[must_use]
    pub fn json(&self) -> Option<&Value> {
        self.json.get_or_init(|| read_json(&self.body).ok()).as_ref()
    }

    /// The first header of that name, compared without case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The base URL is none that can be driven.
    #[error("`{url}`: {why}; give a URL such as https://staging.example.com")]
    Base {
        /// What was given, without credentials.
        url: String,
        /// What is wrong.
        why: String,
    },
    /// The client cannot be set up.
    #[error("the HTTP client cannot be set up: {0}")]
    Setup(String),
    /// A proxy variable is wrong.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// The path leads away from the target, and the scenario does not say so.
    #[error(
        "the path leads to {0}, which is neither the target nor named in the scenario: a captured URL must stay on the \
         target; to send there, write the address out in the scenario's `path`"
    )]
    OtherOrigin(String),
    /// The path would become another one on the wire.
    #[error("the path `{path}` would be sent as `{sent}`: write it as it should be sent")]
    NotAsWritten {
        /// As written.
        path: String,
        /// As a URL has it.
        sent: String,
    },
    /// The path of a step does not make a URL.
    #[error("the path `{0}` makes no URL")]
    Path(String),
    /// No answer in time.
    #[error("no response within {} s", .0.as_secs_f64())]
    TimedOut(Duration),
    /// No connection, or it broke.
    #[error("{0}")]
    Connection(String),
    /// No connection, since this machine ran out of something.
    #[error("{0}")]
    Local(String),
    /// An answer over the limit.
    #[error("a response of more than {MAX_ANSWER} bytes")]
    TooLarge,
}

impl Client {
    /// A client for the API at `base`, with up to `connections` kept open for the requests that `reuse` names.
    ///
    /// # Errors
    /// When `base` is no `http` or `https` URL, or holds credentials.
    pub fn new(base: &str, connections: usize, reuse: Reuse) -> Result<Self, ClientError> {
        let url = parse_base(base)?;
        let (http, fresh) = (http_client(&url, connections)?, http_client(&url, 0)?);
        Ok(Self { http, fresh, reuse, base: url, kept: Arc::default() })
    }

    /// Whether this is a base URL that can be driven.
    ///
    /// # Errors
    /// As for [`Client::new`].
    pub fn check(base: &str) -> Result<(), ClientError> {
        parse_base(base).map(drop)
    }

    /// The API's base URL.
    #[must_use]
    pub fn base(&self) -> &str {
        self.base.as_str()
    }

    /// Sends a request with what its session adds.
    ///
    /// # Errors
    /// When no complete response came.
    pub async fn send(
        &self,
        request: &ResolvedRequest,
        attached: &Attached<'_>,
    ) -> Result<Reply, ClientError> {
        let url = self.url(request)?;
        // Cookies are the target's, wherever else a step leads.
        let jar = attached.jar.filter(|_| url.origin() == self.base.origin());
        let reuses = self.reuse.allows(request);
        let kept = reuses && self.kept.load(Ordering::Relaxed);
        if kept && !is_idempotent(request) {
            // What the server has closed until now is noticed before it is used.
            see_what_closed().await;
        }
        let begun = Instant::now();
        let http = if reuses { &self.http } else { &self.fresh };
        let first = build(http, &url, request, attached, jar)?.send().await;
        let (answer, resent) = match first {
            Err(error) if kept && may_send_again(&error, request, begun.elapsed()) => {
                (build(&self.fresh, &url, request, attached, jar)?.send().await, true)
            }
            first => (first, false),
        };
        let answer = answer.map_err(|e| explain(&e, request.timeout))?;
        if reuses {
            self.kept.store(true, Ordering::Relaxed);
        }
        let reply = read(answer, url, resent, request.timeout).await?;
        jar.iter().for_each(|jar| jar.take(&reply.url, &reply.headers));
        Ok(reply)
    }

    /// The proxy through which the target is reached, if it is.
    #[must_use]
    pub fn proxy(&self) -> Option<Via> {
        Proxies::from_env().of(&self.base).ok()?.cloned()
    }

    fn url(&self, request: &ResolvedRequest) -> Result<Url, ClientError> {
        let path = request.path.as_str();
        let wrong = || ClientError::Path(shown_url(path));
        if path.starts_with("http://") || path.starts_with("https://") {
            let url = Url::parse(path).map_err(|_| wrong())?;
            let own = url.origin() == self.base.origin() || request.origin == Origin::Named;
            let url = as_written(url, path)?;
            return if own { Ok(url) } else { Err(ClientError::OtherOrigin(shown_url(path))) };
        }
        let base = self.base.as_str().trim_end_matches('/');
        let joined = format!("{base}/{}", path.strip_prefix('/').unwrap_or(path));
        as_written(Url::parse(&joined).map_err(|_| wrong())?, &joined)
    }
}

/// What a session adds to a request.
#[derive(Debug, Default)]
pub struct Attached<'a> {
    /// Name and value of headers.
    pub headers: Vec<(String, Secret)>,
    /// Name and value of a query parameter.
    pub query: Option<(String, Secret)>,
    /// Name and value of a form field, for a request that has a form.
    pub field: Option<(String, Secret)>,
    /// The session's cookies.
    pub jar: Option<&'a Jar>,
}

/// A URL whose path and query are on the wire what they are in the text: no segment resolved, nothing left out.
fn as_written(url: Url, text: &str) -> Result<Url, ClientError> {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let written = rest.find(['/', '?', '#']).and_then(|at| rest.get(at..)).unwrap_or_default();
    let sent = &url[Position::BeforePath..Position::AfterQuery];
    if sent == written || sent.strip_prefix('/').is_some_and(|sent| sent == written) {
        return Ok(url);
    }
    Err(ClientError::NotAsWritten { path: written.to_owned(), sent: sent.to_owned() })
}

fn http_client(base: &Url, connections: usize) -> Result<reqwest::Client, ClientError> {
    // Without it any coding would be right (RFC 9110, section 12.5.3), and answers are kept as they come.
    let identity = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static("identity"))]);
    outbound::client_builder([base.as_str()])?
        .default_headers(identity)
        .connect_timeout(CONNECT_TIME)
        .pool_max_idle_per_host(connections)
        .pool_idle_timeout(KEPT)
        .user_agent(concat!("smoke/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|e| ClientError::Setup(e.to_string()))
}

fn build(
    http: &reqwest::Client,
    url: &Url,
    request: &ResolvedRequest,
    attached: &Attached<'_>,
    jar: Option<&Jar>,
) -> Result<reqwest::RequestBuilder, ClientError> {
    let mut to = url.clone();
    if let Some((name, value)) = &attached.query {
        to.query_pairs_mut().append_pair(name, value.expose());
    }
    let mut builder = http.request(method(request.method), to).timeout(request.timeout);
    for (name, value) in &request.headers {
        builder = builder.header(name, value);
    }
    let cookies = jar.and_then(|jar| jar.header(url)).map(|value| ("Cookie".to_owned(), value));
    for (name, value) in attached.headers.iter().chain(&cookies) {
        let mut value =
            HeaderValue::try_from(value.expose()).map_err(|e| ClientError::Setup(e.to_string()))?;
        value.set_sensitive(true);
        builder = builder.header(name, value);
    }
    with_body(builder, &request.body, attached.field.as_ref())
}

fn parse_base(base: &str) -> Result<Url, ClientError> {
    let wrong = |why: &str| ClientError::Base { url: shown_url(base), why: why.to_owned() };
    let url = http_url(base).map_err(|why| wrong(&why))?;
    let why = if !url.username().is_empty() || url.password().is_some() {
        "credentials do not belong in a URL"
    } else if url.query().is_some() || url.fragment().is_some() {
        "a base URL has no query and no fragment"
    } else {
        return Ok(url);
    };
    Err(wrong(why))
}

fn method(method: Method) -> reqwest::Method {
    match method {
        Method::Get => reqwest::Method::GET,
        Method::Post => reqwest::Method::POST,
        Method::Put => reqwest::Method::PUT,
        Method::Patch => reqwest::Method::PATCH,
        Method::Delete => reqwest::Method::DELETE,
        Method::Head => reqwest::Method::HEAD,
        Method::Options => reqwest::Method::OPTIONS,
    }
}

fn with_body(
    builder: reqwest::RequestBuilder,
    body: &ResolvedBody,
    field: Option<&(String, Secret)>,
) -> Result<reqwest::RequestBuilder, ClientError> {
    Ok(match body {
        ResolvedBody::None => builder,
        ResolvedBody::Json(value) => builder.json(value),
        ResolvedBody::Form(fields) => {
            let own = fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            let added = field.iter().map(|(name, value)| (name.as_str(), value.expose()));
            builder.form(&own.chain(added).collect::<Vec<_>>())
        }
        ResolvedBody::Text(text) => builder.body(text.clone()),
        ResolvedBody::Multipart(parts) => {
            let mut form = reqwest::multipart::Form::new();
            if let Some((name, value)) = field {
                form = form.text(name.clone(), value.expose().to_owned());
            }
            for (name, part) in parts {
                form = match part {
                    ResolvedPart::Text(text) => form.text(name.clone(), text.clone()),
                    ResolvedPart::File { name: file, content_type, bytes } => {
                        let part = reqwest::multipart::Part::bytes(bytes.to_vec()).file_name(file.clone());
                        let part =
                            part.mime_str(content_type).map_err(|e| ClientError::Setup(e.to_string()))?;
                        form.part(name.clone(), part)
                    }
                };
            }
            builder.multipart(form)
        }
    })
}

async fn read(
    mut answer: reqwest::Response,
    url: Url,
    resent: bool,
    limit: Duration,
) -> Result<Reply, ClientError> {
    let status = answer.status().as_u16();
    let text = |value: &reqwest::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = answer.headers().iter().map(|(n, v)| (n.as_str().to_owned(), text(v))).collect();
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|e| explain(&e, limit))? {
        if body.len() + chunk.len() > MAX_ANSWER {
            return Err(ClientError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Reply { status, headers, body, url, resent, json: OnceLock::new() })
}

fn explain(error: &reqwest::Error, limit: Duration) -> ClientError {
    if error.is_timeout() && !error.is_connect() {
        return ClientError::TimedOut(limit);
    }
    if is_local(error) { ClientError::Local(why(error)) } else { ClientError::Connection(why(error)) }
}
