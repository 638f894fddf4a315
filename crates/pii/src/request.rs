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

/// The content coding that the headers announce (RFC 9110 section 8.4.1); where it could be undone, the text shows it.
pub(super) fn coding(headers: &[(String, String)]) -> Option<&str> {
    let (_, value) = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-encoding"))?;
    let plain = |coding: &str| coding.trim().is_empty() || coding.trim().eq_ignore_ascii_case("identity");
    (!value.split(',').all(plain)).then_some(value.trim())
}
