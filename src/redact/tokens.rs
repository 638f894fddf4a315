//! The JSON Web Tokens of the run's sessions (RFC 7519). A long run is given more of them than may be kept, and those that it was given
//! last are the ones that let somebody in: these are known in every spelling. The others are told by their shape.

use super::spelling_index::SpellingIndex;
use super::spellings;
use std::collections::HashSet;
use std::mem::take;
use std::ops::Range;

/// Tokens of one generation, of which two are kept: 5 MB each.
const GENERATION: usize = 10_000;
/// Fewest characters of a signature by which its token is known: nobody guesses 96 bits.
const LEAST_SIGNATURE: usize = 16;

/// The tokens that were learned last.
#[derive(Default)]
pub(super) struct Tokens {
    recent: Generation,
    older: Generation,
}

#[derive(Default)]
struct Generation {
    known: HashSet<[u8; 16]>,
    signatures: SpellingIndex,
}

/// The signature of a token. What stands in front of it is much the same in all tokens of a sender, and lets nobody in.
pub(super) fn signature(token: &str) -> Option<&str> {
    token.rsplit('.').next().filter(|signature| signature.len() >= LEAST_SIGNATURE)
}

impl Tokens {
    /// From now on the token with this signature is found.
    pub(super) fn add(&mut self, digest: [u8; 16], signature: &str) {
        if self.recent.known.contains(&digest) {
            return;
        }
        if self.recent.known.len() >= GENERATION {
            self.older = take(&mut self.recent);
        }
        self.recent.known.insert(digest);
        spellings::all(signature).iter().for_each(|spelling| self.recent.signatures.add(spelling));
    }

    /// Where tokens stand in a text in lower case.
    pub(super) fn find(&self, text: &[u8]) -> Vec<Range<usize>> {
        let signatures = [&self.recent, &self.older].into_iter().flat_map(|one| one.signatures.find(text));
        signatures.map(|signature| beginning(text, signature.start)..signature.end).collect()
    }
}

/// Where the token begins that a signature is the end of: all in front of it that may belong to one in base64, hex and UTF-16.
fn beginning(text: &[u8], signature: usize) -> usize {
    let is_of_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.+/\0".contains(byte);
    let before = text.get(..signature).unwrap_or_default();
    before.iter().rposition(|byte| !is_of_token(byte)).map_or(0, |at| at + 1)
}
