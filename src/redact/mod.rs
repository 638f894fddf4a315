//! Scrubs known secrets in every spelling, and what is shaped like a credential, from any text on its way out.

mod spelling_index;
mod spellings;
#[cfg(test)]
mod tests;

use record::MASK;
use regex::Regex;
use sha2::{Digest, Sha256};
use signature::Secret;
use spelling_index::SpellingIndex;
use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

/// Fewest characters of a secret: fewer would eat ordinary text.
const FEWEST: usize = 4;
/// Secrets that are known in every spelling; of more than these only those in which their characters show are kept, as a
/// million test users would fill the memory.
const ALL_SPELLINGS: usize = 20_000;

/// Credentials that are recognised by shape: bearer and basic credentials, JSON Web Tokens (RFC 7519).
static SHAPES: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)\b(bearer|basic)\s+[a-z0-9._~+/=-]{8,}|\beyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]*").ok()
});

/// The one redactor of a process. Clones share what they know.
#[derive(Clone, Default)]
pub struct Redactor {
    state: Arc<RwLock<State>>,
}

/// The known secrets, and the spellings that are looked for.
#[derive(Default)]
struct State {
    /// What each is told by: half of its SHA-256.
    secrets: HashSet<[u8; 16]>,
    spellings: SpellingIndex,
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

    /// From now on `secret` is scrubbed.
    pub fn learn(&self, secret: &Secret) {
        self.learn_all(std::slice::from_ref(secret));
    }

    /// From now on these are scrubbed.
    pub fn learn_all(&self, secrets: &[Secret]) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        for secret in secrets.iter().flat_map(Secret::each) {
            state.learn(&secret);
        }
    }

    /// Whether a known secret stands in `text`, in any spelling.
    #[must_use]
    pub fn finds(&self, text: &str) -> bool {
        !self.state.read().unwrap_or_else(PoisonError::into_inner).spellings.find(text).is_empty()
    }

    /// `text` with every known secret and every credential shape replaced by `[redacted]`.
    #[must_use]
    pub fn scrub<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let out = self.state.read().unwrap_or_else(PoisonError::into_inner).scrub(text);
        match SHAPES.as_ref() {
            Some(shapes) if shapes.is_match(&out) => Cow::Owned(shapes.replace_all(&out, MASK).into_owned()),
            _ => out,
        }
    }
}

impl State {
    fn learn(&mut self, secret: &Secret) {
        let text = secret.expose();
        if secret.chars() < FEWEST || has_a_shape(text) || !self.secrets.insert(digest(secret)) {
            return;
        }
        let full = self.secrets.len() <= ALL_SPELLINGS;
        let spellings = if full { spellings::all(text) } else { spellings::plain(text) };
        spellings.iter().filter(|s| s.chars().count() >= FEWEST).for_each(|s| self.spellings.add(s));
    }

    fn scrub<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let found = self.spellings.find(text);
        if found.is_empty() { Cow::Borrowed(text) } else { Cow::Owned(masked(text, &found)) }
    }
}

/// `text` with each stretch of the ranges, which are in order, as one mask.
fn masked(text: &str, ranges: &[Range<usize>]) -> String {
    let (mut out, mut end) = (String::with_capacity(text.len()), 0);
    for range in ranges {
        if range.start >= end {
            out.push_str(text.get(end..range.start).unwrap_or_default());
            out.push_str(MASK);
        }
        end = end.max(range.end);
    }
    out.push_str(text.get(end..).unwrap_or_default());
    out
}

fn digest(secret: &Secret) -> [u8; 16] {
    let digest: [u8; 32] = Sha256::digest(secret.expose()).into();
    digest.first_chunk().copied().unwrap_or_default()
}

/// Whether the whole of a secret is recognised by its shape and need not be known.
fn has_a_shape(secret: &str) -> bool {
    let whole = |m: regex::Match<'_>| m.range() == (0..secret.len());
    SHAPES.as_ref().is_some_and(|shapes| shapes.find(secret).is_some_and(whole))
}
