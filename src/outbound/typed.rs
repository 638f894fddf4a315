//! URLs as people type them.

use super::proxy::is_loopback;
use super::shown::shown_url;
use std::net::IpAddr;
use url::Url;

/// An http or https URL with a host.
///
/// # Errors
/// What is wrong, and what would be right; without credentials.
pub fn http_url(text: &str) -> Result<Url, String> {
    let text = text.trim();
    let without_scheme = !text.contains("://") && !text.is_empty() && !text.starts_with(['/', '?', '#']);
    let url = match Url::parse(text) {
        // `staging.example.com:8000` is a URL whose scheme has dots.
        Ok(url) if url.has_host() || !without_scheme => url,
        Ok(_) | Err(url::ParseError::RelativeUrlWithoutBase) if without_scheme => {
            let url = format!("{}://{text}", usual_scheme(text));
            let right = Url::parse(&url).map_or_else(|_| "http://HOST:PORT".to_owned(), |_| shown_url(&url));
            return Err(format!("http:// or https:// is missing; write {right}"));
        }
        Ok(url) => url,
        Err(error) => return Err(error.to_string()),
    };
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err("not an http or https URL: it must begin with http:// or https://".to_owned());
    }
    Ok(url)
}

/// One name for one system, however its URL is spelled: without credentials, query, a slash at its end and the port that goes without
/// saying, and `localhost` for every address of this machine. A text that is no URL is its own.
#[must_use]
pub(crate) fn system_of(text: &str) -> String {
    let Ok(url) = http_url(text) else { return text.trim_end_matches('/').to_owned() };
    let host = match url.host_str() {
        Some(_) if is_loopback(&url) => "localhost",
        host => host.unwrap_or_default().trim_end_matches('.'),
    };
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{host}{port}{}", url.scheme(), url.path().trim_end_matches('/'))
}

/// What a host without a scheme is likely to speak: this machine has no certificate.
fn usual_scheme(text: &str) -> &'static str {
    let host = text.split(['/', '?']).next().unwrap_or_default();
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let is_address = name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    if is_address || name == "localhost" { "http" } else { "https" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_system_has_one_name() {
        for (name, spellings) in [
            (
                "http://localhost:8000",
                &[
                    "http://localhost:8000",
                    "http://127.0.0.1:8000/",
                    "HTTP://LOCALHOST:8000/",
                    "http://[::1]:8000",
                    "http://u:pw@127.0.0.1:8000/?x=1",
                ][..],
            ),
            (
                "https://staging.example",
                &["https://Staging.Example/", "https://staging.example:443", "https://staging.example.//"],
            ),
            ("http://staging.example", &["http://staging.example:80/"]),
            ("https://staging.example:8443/app", &["https://staging.example:8443/app/"]),
            ("embedded", &["embedded"]),
        ] {
            for spelling in spellings {
                assert_eq!(system_of(spelling), name, "{spelling}");
            }
        }
    }

    #[test]
    fn what_is_missing_in_front_is_said_with_what_would_be_right() {
        for (text, right) in [
            ("127.0.0.1:8787", "write http://127.0.0.1:8787"),
            ("localhost:8787/hook", "write http://localhost:8787/hook"),
            ("staging.example.com", "write https://staging.example.com"),
            ("staging.example.com:8000", "write https://staging.example.com:8000"),
            ("joe:hunter2@h.example/x?t=hunter2", "write https://[hidden]@h.example/x?t=[hidden]"),
        ] {
            let why = http_url(text).unwrap_err();
            assert!(why.ends_with(right) && !why.contains("hunter2"), "{text}: {why}");
        }
        assert!(http_url("ftp://h.example/").unwrap_err().contains("must begin with http://"));
        assert_eq!(http_url(" https://h.example/x ").unwrap().as_str(), "https://h.example/x");
        for text in ["", "/x", "http://", "http://h:99999/"] {
            assert!(http_url(text).is_err(), "{text}");
        }
    }
}
