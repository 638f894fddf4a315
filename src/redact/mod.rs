//! Scrubs known secrets in every spelling, and what is shaped like a credential, from any text on its way out.

mod spellings;
#[cfg(test)]
mod tests;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, AhoCorasickKind, MatchKind};
use record::MASK;
use regex::Regex;
use sha2::{Digest, Sha256};
use signature::Secret;
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

/// The known secrets and the automata that find them. A new secret gets one of its own, which is merged with others of its
/// size: learning one more never builds all anew.
#[derive(Default)]
struct State {
    /// SHA-256 of each.
    known: HashSet<[u8; 32]>,
    finders: Vec<Finder>,
}

/// Finds some spellings; `None` for more than an automaton can hold.
struct Finder {
    spellings: Vec<Secret>,
    automaton: Option<AhoCorasick>,
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
        let mut new = Vec::new();
        for secret in secrets.iter().flat_map(Secret::each) {
            let secret = &secret;
            if secret.chars() < FEWEST || has_a_shape(secret.expose()) || !state.known.insert(digest(secret))
            {
                continue;
            }
            let full = state.known.len() <= ALL_SPELLINGS;
            let text = secret.expose();
            let spellings = if full { spellings::all(text) } else { spellings::plain(text) };
            new.extend(spellings.into_iter().filter(|s| s.chars().count() >= FEWEST).map(Secret::new));
        }
        if !new.is_empty() {
            state.add(new);
        }
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
    fn add(&mut self, mut spellings: Vec<Secret>) {
        while let Some(last) = self.finders.pop_if(|last| last.spellings.len() <= spellings.len()) {
            spellings.extend(last.spellings);
        }
        self.finders.push(Finder::new(spellings));
    }

    fn scrub<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut found = Vec::new();
        for finder in &self.finders {
            // Without an automaton nothing can be said to be clean.
            let Some(automaton) = &finder.automaton else { return Cow::Borrowed(MASK) };
            found.extend(automaton.find_iter(text).map(|m| m.range()));
        }
        if found.is_empty() { Cow::Borrowed(text) } else { Cow::Owned(masked(text, found)) }
    }
}

impl Finder {
    /// Longest first: a secret that contains another one goes as a whole. A contiguous automaton, since a deterministic one
    /// takes seconds and gigabytes for a long token.
    fn new(spellings: Vec<Secret>) -> Self {
        let automaton = AhoCorasickBuilder::new()
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .match_kind(MatchKind::LeftmostLongest)
            .ascii_case_insensitive(true)
            .build(spellings.iter().map(Secret::expose))
            .ok();
        Self { spellings, automaton }
    }
}

/// `text` with each stretch of the ranges as one mask.
fn masked(text: &str, mut ranges: Vec<Range<usize>>) -> String {
    ranges.sort_unstable_by_key(|r| r.start);
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

fn digest(secret: &Secret) -> [u8; 32] {
    Sha256::digest(secret.expose()).into()
}

/// Whether the whole of a secret is recognised by its shape and need not be known.
fn has_a_shape(secret: &str) -> bool {
    let whole = |m: regex::Match<'_>| m.range() == (0..secret.len());
    SHAPES.as_ref().is_some_and(|shapes| shapes.find(secret).is_some_and(whole))
}
