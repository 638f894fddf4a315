//! Tries the receiver's URL as a sender would reach it.

use crate::outbound::{self, http_url, shown_url, why};
use reqwest::header::LOCATION;
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
pub(crate) struct Prober {
    client: Client,
    /// Follows no redirects.
    direct: Client,
}

impl Prober {
    /// Of the URL that it is going to try.
    ///
    /// # Errors
    /// When the HTTP client cannot be set up.
    pub(crate) fn new(url: Option<&str>) -> io::Result<Self> {
        // A sender that posts to this URL would be redirected too.
        let client = outbound::following_client_builder(url).map_err(io::Error::other)?;
        let direct = outbound::client_builder(url).map_err(io::Error::other)?;
        let build =
            |builder: reqwest::ClientBuilder| builder.timeout(WITHIN).build().map_err(io::Error::other);
        Ok(Self { client: build(client)?, direct: build(direct)? })
    }

    /// Why the receiver was not reached; `None` when it was. An answer will do, unless it is that of a proxy which does not
    /// reach it, or its own that it cannot work (502, 503, 504).
    pub(crate) async fn problem(&self, url: &str) -> Option<String> {
        match self.client.get(url).send().await {
            Err(error) if error.is_timeout() => Some(format!("no response within {} s", WITHIN.as_secs())),
            Err(error) => Some(match self.redirect(url).await {
                Some(redirect) => format!("{redirect}: {}", why(&error)),
                None => why(&error),
            }),
            Ok(answer) => match answer.status().as_u16() {
                status @ 502..=504 => Some(format!("responded with {status}")),
                _ => None,
            },
        }
    }

    /// Where the receiver sends on whoever asks it, if it does: what does not respond then is another.
    async fn redirect(&self, url: &str) -> Option<String> {
        let answer = self.direct.get(url).send().await.ok()?;
        let led_to = answer.url().join(answer.headers().get(LOCATION)?.to_str().ok()?).ok()?;
        let status = answer.status();
        let shown = shown_url(led_to.as_str());
        status.is_redirection().then(|| format!("responded with {}, which leads to {shown}", status.as_u16()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    /// A URL at which nobody listens.
    async fn nobodys() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}/", listener.local_addr().unwrap())
    }

    #[tokio::test]
    async fn a_problem_says_what_happened_and_where_a_redirect_led() {
        let prober = Prober::new(None).unwrap();
        let refused = prober.problem(&nobodys().await).await.unwrap();
        assert!(refused.starts_with("cannot connect: ") && refused.contains("refused"), "{refused}");
        let (elsewhere, listener) = (nobodys().await, TcpListener::bind("127.0.0.1:0").await.unwrap());
        let url = format!("http://{}/hooks", listener.local_addr().unwrap());
        let answer =
            format!("HTTP/1.1 301 Moved\r\nLocation: {elsewhere}?token=abc\r\nContent-Length: 0\r\n\r\n");
        let server = async {
            for _ in 0..2 {
                let (mut stream, _) = listener.accept().await.unwrap();
                let _ = stream.read(&mut [0; 1024]).await;
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        };
        let (problem, ()) = tokio::join!(prober.problem(&url), server);
        let problem = problem.unwrap();
        let told = format!("responded with 301, which leads to {elsewhere}?token=[hidden]: cannot connect: ");
        assert!(problem.starts_with(&told), "{problem}");
    }
}
