//! Fields of forms and queries.

use super::decode::component;

/// Whether the headers announce a URL-encoded form.
pub(super) fn is_form(headers: &[(String, String)]) -> bool {
    headers.iter().any(|(name, value)| {
        name.eq_ignore_ascii_case("content-type")
            && value.to_ascii_lowercase().contains("x-www-form-urlencoded")
    })
}

/// Names and values of a query or form, decoded.
pub(super) fn pairs(text: &str) -> impl Iterator<Item = (String, String)> + '_ {
    text.split('&').filter(|p| !p.is_empty()).map(|p| {
        let (name, value) = p.split_once('=').unwrap_or((p, ""));
        (component(name), component(value))
    })
}

/// A content coding that is not undone here: whoever received the body should have.
pub(super) fn unknown_coding(headers: &[(String, String)]) -> Option<&str> {
    let (_, value) = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-encoding"))?;
    let known = ["gzip", "x-gzip", "deflate", "identity", ""];
    (!known.iter().any(|k| value.trim().eq_ignore_ascii_case(k))).then_some(value.trim())
}
