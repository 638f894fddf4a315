//! OTLP over HTTP, as JSON, through the client that all of smoke uses.

use crate::build_info::VERSION;
use crate::outbound::{self, shown_url, why};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use serde_json::Value;
use std::time::Duration;
use telemetry::{Attributes, Endpoint, Metric, Settings, Span, metrics_request, traces_request};
use tokio::time::{Instant, sleep, timeout_at};

/// Spans of one request: a message of a few hundred kilobytes, where receivers take at least four megabytes.
const BATCH: usize = 1000;
/// Tries of one request.
const TRIES: u32 = 3;
/// Pause before the second try; twice as long before the next.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// Longest answer that is read, in bytes.
const MAX_ANSWER: usize = 64 * 1024;

/// Why something was not exported. No part of it holds a header.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExportError {
    /// The client cannot be set up.
    #[error("the HTTP client cannot be set up: {0}")]
    Setup(String),
    /// A header of `OTEL_EXPORTER_OTLP_HEADERS` cannot be sent.
    #[error("header {0} of OTEL_EXPORTER_OTLP_HEADERS cannot be sent as it is")]
    Header(usize),
    /// Nobody answered.
    #[error("{url}: {why}")]
    Unreachable {
        /// Where it was sent, without credentials.
        url: String,
        /// What happened.
        why: String,
    },
    #[error("{url} responded with {status}")]
    Refused {
        /// Where it was sent, without credentials.
        url: String,
        status: u16,
    },
}

/// What was taken.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Sent {
    /// Where it went, without credentials.
    pub url: String,
    /// How many spans or points were refused of what was taken, by the receiver's own word.
    pub rejected: u64,
}

/// Sends what it is given.
#[derive(Debug)]
pub(crate) struct Exporter {
    http: reqwest::Client,
    settings: Settings,
}

/// What became of one try.
enum Tried {
    Taken(u64),
    Refused(u16),
    Again { status: Option<u16>, why: String, after: Option<Duration> },
}

impl Exporter {
    /// An exporter with these settings; nothing is sent yet.
    pub(crate) fn new(settings: Settings) -> Result<Self, ExportError> {
        let wrong = |e: &dyn std::fmt::Display| ExportError::Setup(e.to_string());
        let urls =
            [&settings.traces, &settings.metrics].into_iter().flatten().map(|endpoint| endpoint.url.as_str());
        let builder = outbound::client_builder(urls).map_err(|e| wrong(&e))?;
        let http = builder.user_agent(concat!("smoke/", env!("CARGO_PKG_VERSION"))).build();
        Ok(Self { http: http.map_err(|e| wrong(&e))?, settings })
    }

    pub(crate) const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Sends spans; `None` where traces go nowhere.
    pub(crate) async fn traces(&self, spans: &[Span]) -> Result<Option<Sent>, ExportError> {
        let Some(endpoint) = &self.settings.traces else { return Ok(None) };
        let mut sent = Sent { url: shown_url(&endpoint.url), rejected: 0 };
        for batch in spans.chunks(BATCH) {
            sent.rejected += self.send(endpoint, &traces_request(self.resource(), VERSION, batch)).await?;
        }
        Ok(Some(sent))
    }

    /// Sends metrics; `None` where metrics go nowhere.
    pub(crate) async fn metrics(&self, metrics: &[Metric]) -> Result<Option<Sent>, ExportError> {
        let Some(endpoint) = &self.settings.metrics else { return Ok(None) };
        let rejected = self.send(endpoint, &metrics_request(self.resource(), VERSION, metrics)).await?;
        Ok(Some(Sent { url: shown_url(&endpoint.url), rejected }))
    }

    const fn resource(&self) -> &Attributes {
        &self.settings.resource
    }

    /// Posts a message, again where the receiver says that this may help (OTLP specification, "Retryable Response Codes"), until the
    /// endpoint's time is over.
    async fn send(&self, endpoint: &Endpoint, message: &Value) -> Result<u64, ExportError> {
        let (body, headers) = (message.to_string(), headers(endpoint)?);
        let end = Instant::now() + endpoint.timeout;
        let url = shown_url(&endpoint.url);
        let mut pause = FIRST_PAUSE;
        let mut tries = 1;
        loop {
            let tried = timeout_at(end, self.once(endpoint, &headers, body.clone())).await;
            let (status, why, after) = match tried {
                Err(_) => {
                    let why = format!("no response within {} s", endpoint.timeout.as_secs_f64());
                    return Err(ExportError::Unreachable { url, why });
                }
                Ok(Tried::Taken(rejected)) => return Ok(rejected),
                Ok(Tried::Refused(status)) => return Err(ExportError::Refused { url, status }),
                Ok(Tried::Again { status, why, after }) => (status, why, after),
            };
            let wait = after.unwrap_or(pause);
            if tries == TRIES || Instant::now() + wait >= end {
                return Err(match status {
                    Some(status) => ExportError::Refused { url, status },
                    None => ExportError::Unreachable { url, why },
                });
            }
            sleep(wait).await;
            (tries, pause) = (tries + 1, pause * 2);
        }
    }

    async fn once(&self, endpoint: &Endpoint, headers: &HeaderMap, body: String) -> Tried {
        let request = self.http.post(&endpoint.url).headers(headers.clone()).body(body);
        let mut answer = match request.send().await {
            Ok(answer) => answer,
            // The URL is told by whoever tells this, without its credentials.
            Err(error) => {
                return Tried::Again { status: None, why: why(&error), after: None };
            }
        };
        let status = answer.status().as_u16();
        match status {
            200..=299 => {
                let mut read = Vec::new();
                while let Ok(Some(part)) = answer.chunk().await {
                    read.extend_from_slice(&part);
                    if read.len() > MAX_ANSWER {
                        return Tried::Taken(0);
                    }
                }
                Tried::Taken(rejected(&read))
            }
            429 | 502..=504 => {
                let after =
                    answer.headers().get(RETRY_AFTER).and_then(|v| v.to_str().ok()?.trim().parse().ok());
                Tried::Again {
                    status: Some(status),
                    why: String::new(),
                    after: after.map(Duration::from_secs),
                }
            }
            _ => Tried::Refused(status),
        }
    }
}

fn headers(endpoint: &Endpoint) -> Result<HeaderMap, ExportError> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (number, (name, value)) in (1..).zip(&endpoint.headers) {
        let wrong = || ExportError::Header(number);
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
        let mut value = HeaderValue::from_str(value).map_err(|_| wrong())?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

/// `partialSuccess` of an answer.
fn rejected(answer: &[u8]) -> u64 {
    let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
    let of = |name: &str| {
        let number = answer.pointer(&format!("/partialSuccess/{name}"))?;
        number.as_u64().or_else(|| number.as_str()?.parse().ok())
    };
    of("rejectedSpans").or_else(|| of("rejectedDataPoints")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partial_success_is_read() {
        assert_eq!(rejected(br#"{"partialSuccess":{"rejectedSpans":"3"}}"#), 3);
        assert_eq!(rejected(br#"{"partialSuccess":{"rejectedDataPoints":2}}"#), 2);
        assert_eq!(rejected(b"{}") + rejected(b"") + rejected(b"OK"), 0);
    }
}
