//! Tries the receiver's URL as a sender would reach it.

use crate::outbound::http_url;
use reqwest::{Client, Url};
use std::io;
use std::time::Duration;

/// Limit for one try.
const WITHIN: Duration = Duration::from_secs(5);

/// The URL to try.
///
/// # Errors
/// When it is none, or is not of http or https, or holds credentials.
pub(crate) fn probe_url(text: &str) -> Result<Url, String> {
    const WANTED: &str = "give an http or https URL without credentials or query";
    let url = http_url(text).map_err(|e| format!("{e}; {WANTED}"))?;
    let open = url.username().is_empty() && url.password().is_none() && url.query().is_none();
    if open { Ok(url) } else { Err(WANTED.to_owned()) }
}

/// Tries a URL.
#[derive(Debug)]
pub(crate) struct Prober(Client);

impl Prober {
    /// Of the URL that it is going to try.
    ///
    /// # Errors
    /// When the HTTP client cannot be set up.
    pub(crate) fn new(url: Option<&str>) -> io::Result<Self> {
        // A sender that posts to this URL would be redirected too.
        let builder = crate::outbound::following_client_builder(url).map_err(io::Error::other)?;
        builder.timeout(WITHIN).build().map(Self).map_err(io::Error::other)
    }

    /// Why the receiver was not reached; `None` when it was. An answer will do, unless it is that of a proxy which does not
    /// reach it, or its own that it cannot work (502, 503, 504).
    pub(crate) async fn problem(&self, url: &str) -> Option<String> {
        match self.0.get(url).send().await {
            Err(error) if error.is_timeout() => Some(format!("no response within {} s", WITHIN.as_secs())),
            Err(error) => Some(error.without_url().to_string()),
            Ok(answer) => match answer.status().as_u16() {
                status @ 502..=504 => Some(format!("responded with {status}")),
                _ => None,
            },
        }
    }
}
