//! The token that guards everything under `/_smoke/`.

use sha2::{Digest, Sha256};
use signature::Secret;
use subtle::ConstantTimeEq;
use wire::http1::RawRequest;

/// A bearer token; compared in constant time.
#[derive(Debug, Clone)]
pub struct Token(Secret);

impl Token {
    /// Fewest characters of a token.
    pub const MIN_CHARS: usize = 16;

    /// Takes the text of a token; `None` when it is shorter than [`Token::MIN_CHARS`].
    #[must_use]
    pub fn new(secret: Secret) -> Option<Self> {
        (secret.chars() >= Self::MIN_CHARS).then_some(Self(secret))
    }

    /// The text, for a client.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// Whether the request carries it.
    #[must_use]
    pub fn admits(&self, request: &RawRequest) -> bool {
        let given = request.header("authorization").and_then(|v| v.split_once(' '));
        let given =
            given.filter(|(kind, _)| kind.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim());
        // Digests, so that neither content nor length shows in the time.
        let digest = |text: &str| Sha256::digest(text.as_bytes());
        let same = digest(given.unwrap_or_default()).as_slice().ct_eq(digest(self.0.expose()).as_slice());
        bool::from(same) && given.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use record::Tick;

    fn with(value: Option<&str>) -> RawRequest {
        RawRequest {
            peer: None,
            method: "GET".into(),
            target: "/".into(),
            headers: value.map(|v| ("Authorization".to_owned(), v.to_owned())).into_iter().collect(),
            head: Vec::new(),
            body: Vec::new(),
            first_byte: Tick(0),
            received: Tick(0),
            keep_alive: true,
        }
    }

    #[test]
    fn admits_the_right_bearer_only() {
        let token = Token::new(Secret::new("0123456789abcdef")).unwrap();
        assert!(token.admits(&with(Some("Bearer 0123456789abcdef"))));
        assert!(token.admits(&with(Some("bearer 0123456789abcdef"))));
        for wrong in
            [None, Some("Bearer "), Some("Bearer 0123456789abcdeg"), Some("Basic 0123456789abcdef"), Some("")]
        {
            assert!(!token.admits(&with(wrong)), "{wrong:?}");
        }
        assert!(Token::new(Secret::new("short")).is_none());
    }
}
