//! Scrubs known secrets, and what is shaped like a credential, from any text on its way out.

use super::Secret;
use regex::Regex;
use std::borrow::Cow;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

/// What stands in an output where a secret stood.
const MASK: &str = "[redacted]";

/// Credentials that are recognised by shape: bearer and basic credentials, JSON Web Tokens (RFC 7519).
static SHAPES: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)\b(bearer|basic)\s+[a-z0-9._~+/=-]{8,}|\beyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]*").ok()
});

/// The one redactor of a process. Clones share what they know.
#[derive(Debug, Clone, Default)]
pub struct Redactor {
    known: Arc<RwLock<Vec<Secret>>>,
}

impl Redactor {
    /// A redactor that knows only the shapes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on `secret` is scrubbed. Values under 4 characters are left alone: they would eat ordinary text.
    pub fn learn(&self, secret: &Secret) {
        if secret.chars() < 4 {
            return;
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if !known.contains(secret) {
            known.push(secret.clone());
            // Longest first: a secret that contains another one goes as a whole.
            known.sort_by_key(|s| std::cmp::Reverse(s.expose().len()));
        }
    }

    /// `text` with every known secret and every credential shape replaced by `[redacted]`.
    #[must_use]
    pub fn scrub<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let mut out = Cow::Borrowed(text);
        for secret in known.iter().filter(|s| text.contains(s.expose())) {
            out = Cow::Owned(out.replace(secret.expose(), MASK));
        }
        match SHAPES.as_ref() {
            Some(shapes) if shapes.is_match(&out) => Cow::Owned(shapes.replace_all(&out, MASK).into_owned()),
            _ => out,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_secrets_and_shapes_are_scrubbed() {
        let redactor = Redactor::new();
        redactor.learn(&Secret::new("hunter22"));
        redactor.learn(&Secret::new("hunter22-and-more"));
        assert_eq!(redactor.scrub("pw=hunter22;"), "pw=[redacted];");
        assert_eq!(redactor.scrub("hunter22-and-more"), "[redacted]");
        assert_eq!(redactor.scrub("Authorization: Bearer abc.def-123"), "Authorization: [redacted]");
        assert_eq!(redactor.scrub("x eyJhbGciOi.eyJzdWIiOjF9.c2ln y"), "x [redacted] y");
    }

    #[test]
    fn ordinary_text_is_untouched() {
        let redactor = Redactor::new();
        redactor.learn(&Secret::new("abc"));
        assert!(matches!(redactor.scrub("abc is the bearer of news"), Cow::Borrowed(_)));
    }
}
