//! Scrubs known secrets, and what is shaped like a credential, from any text on its way out.

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, MatchKind};
use regex::Regex;
use signature::Secret;
use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

/// What stands in an output where a secret stood.
const MASK: &str = "[redacted]";

/// Credentials that are recognised by shape: bearer and basic credentials, JSON Web Tokens (RFC 7519).
static SHAPES: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)\b(bearer|basic)\s+[a-z0-9._~+/=-]{8,}|\beyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]*").ok()
});

/// The one redactor of a process. Clones share what they know.
#[derive(Clone, Default)]
pub struct Redactor {
    state: Arc<RwLock<State>>,
}

/// The known secrets, and the automaton that finds them; `None` after a new one was learned.
#[derive(Default)]
struct State {
    known: Vec<Secret>,
    finder: Option<AhoCorasick>,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redactor")
    }
}

impl Redactor {
    /// A redactor that knows only the shapes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on `secret` is scrubbed. Values under 4 characters are left alone: they would eat ordinary text.
    pub fn learn(&self, secret: &Secret) {
        if secret.chars() < 4 || has_a_shape(secret.expose()) {
            return;
        }
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if !state.known.contains(secret) {
            state.known.push(secret.clone());
            state.finder = None;
        }
    }

    /// `text` with every known secret and every credential shape replaced by `[redacted]`.
    #[must_use]
    pub fn scrub<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let out = self.scrub_known(text);
        match SHAPES.as_ref() {
            Some(shapes) if shapes.is_match(&out) => Cow::Owned(shapes.replace_all(&out, MASK).into_owned()),
            _ => out,
        }
    }

    fn scrub_known<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if let Some(scrubbed) = self.state.read().unwrap_or_else(PoisonError::into_inner).scrub(text) {
            return scrubbed;
        }
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.build();
        // Without an automaton (more secrets than it can hold) nothing can be said to be clean.
        state.scrub(text).unwrap_or(Cow::Borrowed(MASK))
    }
}

impl State {
    /// `None` when the automaton is not built.
    fn scrub<'a>(&self, text: &'a str) -> Option<Cow<'a, str>> {
        if self.known.is_empty() {
            return Some(Cow::Borrowed(text));
        }
        let finder = self.finder.as_ref()?;
        Some(if finder.is_match(text) {
            let mut out = String::with_capacity(text.len());
            finder.replace_all_with(text, &mut out, |_, _, out| {
                out.push_str(MASK);
                true
            });
            Cow::Owned(out)
        } else {
            Cow::Borrowed(text)
        })
    }

    /// Longest first: a secret that contains another one goes as a whole.
    fn build(&mut self) {
        let builder = AhoCorasickBuilder::new().match_kind(MatchKind::LeftmostLongest).clone();
        self.finder = builder.build(self.known.iter().map(Secret::expose)).ok();
    }
}

/// Whether the whole of a secret is recognised by its shape and need not be known.
fn has_a_shape(secret: &str) -> bool {
    let whole = |m: regex::Match<'_>| m.range() == (0..secret.len());
    SHAPES.as_ref().is_some_and(|shapes| shapes.find(secret).is_some_and(whole))
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
