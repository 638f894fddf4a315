//! Scrubs known secrets in every spelling, and what is shaped like a credential, from any text on its way out.

mod spelling_index;
mod spellings;
#[cfg(test)]
mod tests;
mod tokens;
mod unescaped;

use record::MASK;
use regex::bytes::Regex;
use sha2::{Digest, Sha256};
use signature::Secret;
use spelling_index::SpellingIndex;
use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};
use tokens::Tokens;

/// Fewest characters of a secret: fewer would eat ordinary text.
const FEWEST: usize = 4;
/// Secrets that are known in every spelling; of more than these only those in which their characters show are kept, as a
/// million test users would fill the memory.
const ALL_SPELLINGS: usize = 20_000;

/// Credentials that are recognised by shape: bearer and basic credentials, JSON Web Tokens (RFC 7519). Inside of a word a token has the
/// header of a real one: 16 characters are `{"alg":"HS2` and longer, and `eyJ` is how `{"` begins. The end may have been cut off.
static SHAPES: LazyLock<Option<Regex>> = LazyLock::new(|| {
    const REST: &str = r"\.(?:eyJ[a-z0-9_-]*(?:\.[a-z0-9_-]*)?|[a-z0-9_-]{4,}\.[a-z0-9_-]*)";
    let shapes = format!(
        r"(?i)\b(?:bearer|basic)\s+[a-z0-9._~+/=-]{{8,}}|\beyJ[a-z0-9_-]{{4,}}{REST}|(?-i:eyJ)[a-z0-9_-]{{13,}}{REST}"
    );
    Regex::new(&shapes).ok()
});
/// How a header introduces a credential (RFC 9110, section 11.4).
const SCHEMES: [&str; 2] = ["bearer", "basic"];

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
    /// Those of what is scrubbed and no secret: nothing is wrong where it stands.
    hidden: SpellingIndex,
    tokens: Tokens,
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

    /// From now on these are scrubbed, and are no secrets all the same: they may stand in a webhook.
    pub fn hide_all(&self, values: &[Secret]) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        for value in values {
            let spellings = spellings::all(bare(value.expose()));
            let long = spellings.iter().filter(|s| s.chars().count() >= FEWEST);
            long.for_each(|spelling| state.hidden.add(spelling));
        }
    }

    /// Whether a known secret stands in `text`, in any spelling.
    #[must_use]
    pub fn finds(&self, text: &str) -> bool {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        !unescaped::find_in_all(text.as_bytes(), &|text| state.find(text)).is_empty()
    }

    /// `text` with every known secret and every credential shape replaced by `[redacted]`.
    #[must_use]
    pub fn scrub<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let mut found = unescaped::find_in_all(text.as_bytes(), &|text| {
            let mut found = state.find(text);
            found.extend(state.hidden.find(&text.to_ascii_lowercase()));
            found.extend(SHAPES.iter().flat_map(|shapes| shapes.find_iter(text)).map(|shape| shape.range()));
            found
        });
        drop(state);
        if found.is_empty() {
            return Cow::Borrowed(text);
        }
        found.sort_unstable_by_key(|range| range.start);
        Cow::Owned(masked(text, &found))
    }
}

impl State {
    fn learn(&mut self, secret: &Secret) {
        let text = bare(secret.expose());
        if text.chars().count() < FEWEST {
            return;
        }
        if let Some(signature) = Some(text).filter(|text| has_a_shape(text)).and_then(tokens::signature) {
            self.tokens.add(digest(text), signature);
            return;
        }
        if !self.secrets.insert(digest(text)) {
            return;
        }
        let full = self.secrets.len() <= ALL_SPELLINGS;
        let spellings = if full { spellings::all(text) } else { spellings::plain(text) };
        spellings.iter().filter(|s| s.chars().count() >= FEWEST).for_each(|s| self.spellings.add(s));
    }

    /// Where known secrets stand in a text.
    fn find(&self, text: &[u8]) -> Vec<Range<usize>> {
        let text = text.to_ascii_lowercase();
        let mut found = self.spellings.find(&text);
        found.extend(self.tokens.find(&text));
        found
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

fn digest(secret: &str) -> [u8; 16] {
    let digest: [u8; 32] = Sha256::digest(secret).into();
    digest.first_chunk().copied().unwrap_or_default()
}

/// A credential without the scheme that introduces it: elsewhere it stands without.
fn bare(secret: &str) -> &str {
    match secret.split_once(char::is_whitespace) {
        Some((first, rest)) if SCHEMES.iter().any(|scheme| first.eq_ignore_ascii_case(scheme)) => rest.trim(),
        _ => secret,
    }
}

/// Whether the whole of a secret is a token that its shape tells.
fn has_a_shape(secret: &str) -> bool {
    let whole = |shape: regex::bytes::Match<'_>| shape.range() == (0..secret.len());
    SHAPES.as_ref().is_some_and(|shapes| shapes.find(secret.as_bytes()).is_some_and(whole))
}
