//! Values that cannot be printed.

use std::fmt;
use zeroize::Zeroizing;

/// The secret printed in the DeltaCrown staging guide; public, so never a secret.
const PUBLIC_EXAMPLE: &str = "a1b2c3d4e5f6789012345678901234567890abcdef1234567890abcdef123456";

/// The shortest secret accepted for a run, in characters.
pub const MIN_CHARS: usize = 32;

/// A text that is wiped from memory on drop, and has neither `Display` nor `Serialize`; `Debug` shows its length only.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Wraps a text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// A fresh secret: 32 bytes from the operating system as 64 lower-case hex characters.
    ///
    /// # Errors
    /// When the operating system gives no random bytes.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut bytes = Zeroizing::new([0u8; 32]);
        getrandom::fill(bytes.as_mut())?;
        Ok(Self::new(hex::encode(bytes.as_ref())))
    }

    /// The text itself. Whoever calls this answers for where it goes.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Length in characters.
    #[must_use]
    pub fn chars(&self) -> usize {
        self.0.chars().count()
    }

    /// What makes this secret unfit for a run, if anything does.
    #[must_use]
    pub fn weakness(&self) -> Option<Weakness> {
        let text = self.expose();
        let mut distinct: Vec<char> = text.chars().collect();
        distinct.sort_unstable();
        distinct.dedup();
        if text.trim().is_empty() {
            Some(Weakness::Empty)
        } else if text.trim().eq_ignore_ascii_case(PUBLIC_EXAMPLE) {
            Some(Weakness::PublicExample)
        } else if self.chars() < MIN_CHARS {
            Some(Weakness::Short(self.chars()))
        } else if distinct.len() < 4 {
            Some(Weakness::NoEntropy)
        } else if text.trim() != text {
            Some(Weakness::Whitespace)
        } else {
            None
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} characters)", self.chars())
    }
}

/// Why a secret is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Weakness {
    /// Nothing, or blanks only.
    #[error("the webhook secret is empty: a sender without a secret signs nothing")]
    Empty,
    /// The guide's own example.
    #[error(
        "the webhook secret is the public example from the staging guide (a1b2c3d4…), known to everyone who has read it"
    )]
    PublicExample,
    /// Fewer than [`MIN_CHARS`] characters.
    #[error("the webhook secret has {0} characters, fewer than {MIN_CHARS}; 64 hex characters are usual")]
    Short(usize),
    /// Fewer than four different characters.
    #[error("the webhook secret repeats the same few characters and can be guessed")]
    NoEntropy,
    /// Blanks or a line end around it, which one side keeps and the other strips.
    #[error("the webhook secret has blanks around it, which become part of the key")]
    Whitespace,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_the_length_and_nothing_else() {
        let secret = Secret::new("correct horse battery staple");
        assert_eq!(format!("{secret:?}"), "Secret(28 characters)");
    }

    #[test]
    fn weaknesses_are_named() {
        let of = |text: &str| Secret::new(text).weakness();
        assert_eq!(of(""), Some(Weakness::Empty));
        assert_eq!(of(" \n"), Some(Weakness::Empty));
        assert_eq!(of(PUBLIC_EXAMPLE), Some(Weakness::PublicExample));
        assert_eq!(of(&PUBLIC_EXAMPLE.to_uppercase()), Some(Weakness::PublicExample));
        assert_eq!(of("short"), Some(Weakness::Short(5)));
        assert_eq!(of(&"0".repeat(64)), Some(Weakness::NoEntropy));
        assert_eq!(of(&format!("{} ", "0123456789abcdef".repeat(4))), Some(Weakness::Whitespace));
        assert_eq!(Secret::generate().unwrap().weakness(), None);
    }

    #[test]
    fn generated_secrets_differ() {
        let (a, b) = (Secret::generate().unwrap(), Secret::generate().unwrap());
        assert_eq!(a.chars(), 64);
        assert_ne!(a, b);
    }
}
