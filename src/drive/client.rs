//! Sends resolved requests with reqwest and reads the answers within limits.

use reqwest::{Url, redirect};
use scenario::{Method, ResolvedBody, ResolvedPart, ResolvedRequest};
use std::time::Duration;

/// Largest answer that is read, in bytes.
const MAX_ANSWER: usize = 4 * 1024 * 1024;
/// Limit for opening a connection.
const CONNECT_TIME: Duration = Duration::from_secs(10);

/// An HTTP client bound to the API under test. It follows no redirects: a step sees what the API said.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Status.
    pub status: u16,
    /// Header names and values; bytes outside UTF-8 as U+FFFD.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

impl Reply {
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
    #[error("`{url}`: {why}; a URL such as https://staging.example.com is needed")]
    Base {
        /// What was given, without credentials.
        url: String,
        /// What is wrong.
        why: String,
    },
    /// The client cannot be set up.
    #[error("the HTTP client cannot be set up: {0}")]
    Setup(String),
    /// The path of a step does not make a URL.
    #[error("the path `{0}` does not make a URL")]
    Path(String),
    /// No answer in time.
    #[error("no answer within {} s", .0.as_secs_f64())]
    TimedOut(Duration),
    /// No connection, or it broke.
    #[error("{0}")]
    Connection(String),
    /// An answer over the limit.
    #[error("an answer of more than {MAX_ANSWER} bytes")]
    TooLarge,
}

impl Client {
    /// A client for the API at `base`, with up to `connections` kept open.
    ///
    /// # Errors
    /// When `base` is no `http` or `https` URL, or holds credentials.
    pub fn new(base: &str, connections: usize) -> Result<Self, ClientError> {
        let url = parse_base(base)?;
        // Fails only when a provider is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT_TIME)
            .pool_max_idle_per_host(connections)
            .user_agent(concat!("smoke/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|e| ClientError::Setup(e.to_string()))?;
        Ok(Self { http, base: url })
    }

    /// The API's base URL.
    #[must_use]
    pub fn base(&self) -> &str {
        self.base.as_str()
    }

    /// Sends a request; `bearer` is put into `Authorization`.
    ///
    /// # Errors
    /// When no whole answer came.
    pub async fn send(&self, request: &ResolvedRequest, bearer: Option<&str>) -> Result<Reply, ClientError> {
        let url = self.url(&request.path)?;
        let mut builder = self.http.request(method(request.method), url).timeout(request.timeout);
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        if let Some(token) = bearer {
            builder = builder.bearer_auth(token);
        }
        let answer =
            with_body(builder, &request.body)?.send().await.map_err(|e| explain(&e, request.timeout))?;
        read(answer, request.timeout).await
    }

    fn url(&self, path: &str) -> Result<Url, ClientError> {
        let wrong = || ClientError::Path(path.to_owned());
        if path.starts_with("http://") || path.starts_with("https://") {
            return Url::parse(path).map_err(|_| wrong());
        }
        let joined = format!("{}/{}", self.base.as_str().trim_end_matches('/'), path.trim_start_matches('/'));
        Url::parse(&joined).map_err(|_| wrong())
    }
}

fn parse_base(base: &str) -> Result<Url, ClientError> {
    let url = Url::parse(base).map_err(|e| ClientError::Base { url: base.to_owned(), why: e.to_string() })?;
    let why = if !matches!(url.scheme(), "http" | "https") {
        "not an http or https URL"
    } else if !url.username().is_empty() || url.password().is_some() {
        "credentials do not belong into a URL"
    } else if url.query().is_some() || url.fragment().is_some() {
        "a base URL has no query and no fragment"
    } else {
        return Ok(url);
    };
    let mut shown = url;
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    Err(ClientError::Base { url: shown.to_string(), why: why.to_owned() })
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
) -> Result<reqwest::RequestBuilder, ClientError> {
    Ok(match body {
        ResolvedBody::None => builder,
        ResolvedBody::Json(value) => builder.json(value),
        ResolvedBody::Form(fields) => builder.form(fields),
        ResolvedBody::Text(text) => builder.body(text.clone()),
        ResolvedBody::Multipart(parts) => {
            let mut form = reqwest::multipart::Form::new();
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

async fn read(mut answer: reqwest::Response, limit: Duration) -> Result<Reply, ClientError> {
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
    Ok(Reply { status, headers, body })
}

/// The innermost cause, which says what happened; reqwest's own text says little and repeats the URL.
fn explain(error: &reqwest::Error, limit: Duration) -> ClientError {
    if error.is_timeout() && !error.is_connect() {
        return ClientError::TimedOut(limit);
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    let what = if error.is_connect() { "cannot connect" } else { "the exchange broke" };
    ClientError::Connection(format!("{what}: {cause}"))
}
