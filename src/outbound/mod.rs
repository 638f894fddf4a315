//! The one way out: every HTTP client of smoke is made here, with the same rules for proxies.

mod proxy;
mod shown;
mod typed;

pub(crate) use proxy::is_loopback;
pub use proxy::{Proxies, ProxyError, Via};
pub use shown::shown_url;
pub use typed::http_url;
pub(crate) use typed::system_of;

use std::sync::{Arc, LazyLock};
use url::Url;

/// The beginning of an HTTP client: it follows no redirects, and goes through the proxy that the environment names, but
/// never for this machine itself.
///
/// # Errors
/// When one of `urls`, which it is for, is to be reached through a proxy, and the variable holds no URL of one.
pub fn client_builder<'u>(
    urls: impl IntoIterator<Item = &'u str>,
) -> Result<reqwest::ClientBuilder, ProxyError> {
    // Fails only when a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let proxies = Arc::new(Proxies::from_env());
    for url in urls.into_iter().filter_map(|url| Url::parse(url).ok()) {
        proxies.of(&url)?;
    }
    let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    let builder = if proxies.are_none() {
        builder.no_proxy()
    } else {
        builder.proxy(reqwest::Proxy::custom(move |url| Some(proxies.of(url).ok()??.url.clone())))
    };
    // Without root certificates reqwest makes no client at all, and http needs none: then no server of https is believed.
    Ok(if has_root_certificates() { builder } else { builder.tls_certs_only([]) })
}

/// Whether this system has root certificates: an image or a minimal installation may have none.
fn has_root_certificates() -> bool {
    static HAS: LazyLock<bool> = LazyLock::new(|| !rustls_native_certs::load_native_certs().certs.is_empty());
    *HAS
}
