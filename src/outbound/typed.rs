//! URLs as people type them.

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
            return Err(format!("http:// or https:// in front is missing; write {right}"));
        }
        Ok(url) => url,
        Err(error) => return Err(error.to_string()),
    };
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err("not an http or https URL: it must begin with http:// or https://".to_owned());
    }
    Ok(url)
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
