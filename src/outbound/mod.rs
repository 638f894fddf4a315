//! The one way out: every HTTP client of smoke is made here, with the same rules for proxies.

mod failure;
mod proxy;
mod roots;
mod shown;
mod typed;

pub(crate) use failure::is_local;
pub use failure::why;
pub(crate) use proxy::is_loopback;
pub use proxy::{Proxies, ProxyError, Via};
pub(crate) use roots::system_roots;
pub use shown::{shown_url, without_credentials};
pub use typed::http_url;
pub(crate) use typed::system_of;

use std::sync::Arc;
use url::Url;

/// How often a client goes on to another place when it is told to.
const MOST_REDIRECTS: usize = 10;

/// The beginning of an HTTP client: it follows no redirects, and goes through the proxy that the environment names, but
/// never for this machine itself.
///
/// # Errors
/// When one of `urls`, which it is for, is to be reached through a proxy, and the variable holds no URL of one.
pub fn client_builder<'u>(
    urls: impl IntoIterator<Item = &'u str>,
) -> Result<reqwest::ClientBuilder, ProxyError> {
    let urls: Vec<Url> = urls.into_iter().filter_map(|url| Url::parse(url).ok()).collect();
    let proxies = Proxies::from_env();
    let needs_roots = !proxies.are_none() || urls.iter().any(|url| url.scheme() != "http");
    let builder = through(proxies, &urls)?.redirect(reqwest::redirect::Policy::none());
    Ok(if needs_roots { trusting(builder) } else { builder.tls_certs_only([]) })
}

/// As [`client_builder`], of a client that follows up to ten redirects.
///
/// # Errors
/// As for [`client_builder`].
pub(crate) fn following_client_builder(url: Option<&str>) -> Result<reqwest::ClientBuilder, ProxyError> {
    let urls: Vec<Url> = url.into_iter().filter_map(|url| Url::parse(url).ok()).collect();
    let builder = through(Proxies::from_env(), &urls)?;
    // A redirect may lead from http to https.
    Ok(trusting(builder.redirect(reqwest::redirect::Policy::limited(MOST_REDIRECTS))))
}

fn through(proxies: Proxies, urls: &[Url]) -> Result<reqwest::ClientBuilder, ProxyError> {
    // Fails only when a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    for url in urls {
        proxies.of(url)?;
    }
    let builder = reqwest::Client::builder();
    if proxies.are_none() {
        return Ok(builder.no_proxy());
    }
    let proxies = Arc::new(proxies);
    Ok(builder.proxy(reqwest::Proxy::custom(move |url| Some(proxies.of(url).ok()??.url.clone()))))
}

/// Without root certificates reqwest makes no client at all, and http needs none: then no server of https is believed.
fn trusting(builder: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
    if system_roots().is_ok() { builder } else { builder.tls_certs_only([]) }
}
