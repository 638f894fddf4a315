//! Values that cannot be printed.

use super::compiled::Compiled;
use super::pem;
use super::public_key::new_p256;
use super::spec::{Algorithm, KeyEncoding};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use std::fmt;
use zeroize::Zeroizing;

/// The secret printed in the DeltaCrown staging guide; public, so never a secret.
pub const PUBLIC_EXAMPLE: &str = "a1b2c3d4e5f6789012345678901234567890abcdef1234567890abcdef123456";

/// What stands around a name that a shell, a template or a person was to replace.
const PLACEHOLDERS: [(&str, &str); 6] =
    [("${", "}"), ("$(", ")"), ("{{", "}}"), ("{%", "%}"), ("<", ">"), ("[", "]")];
/// How the names of secrets in stores begin, and what stores answer with.
const STORED: [&str; 6] = ["arn:aws:", "vault:", "projects/", "op://", "https://", "{\""];
/// What examples have in the place of a secret; no random text of some length has one of them by chance.
const FILLERS: [&str; 12] = [
    "changeme",
    "change-me",
    "change_me",
    "replaceme",
    "replace-me",
    "replace_me",
    "placeholder",
    "your-secret",
    "your_secret",
    "yoursecret",
    "secret-here",
    "secret_here",
];

/// The shortest secret accepted for a run, in characters.
pub const MIN_CHARS: usize = 32;

/// A text that is wiped from memory on drop, and has neither `Display` nor `Serialize`; `Debug` shows its length only. While
/// secrets are rotated it has others beside it, under which webhooks are valid too; it is the one that signs.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    text: Zeroizing<String>,
    others: Vec<Zeroizing<String>>,
}

/// Whether a shell, a template or a person was to replace it.
fn is_unfilled(text: &str) -> bool {
    let within = |open: &str, close: &str| {
        text.len() > open.len() + close.len() && text.starts_with(open) && text.ends_with(close)
    };
    let is_name = |name: &str| {
        let plain = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
        name.len() > 1
            && name.starts_with(|c: char| c.is_ascii_uppercase() || c == '_')
            && name.bytes().all(plain)
    };
    text.strip_prefix('$').is_some_and(is_name)
        || (within("%", "%") && is_name(text.trim_matches('%')))
        || PLACEHOLDERS.iter().any(|(open, close)| within(open, close))
}

/// Whether something of a line of JSON or code, or zsh's mark for a line without an end, stands behind hex digits.
fn ends_beside_hex(text: &str) -> bool {
    let Some(before) = text.strip_suffix([',', ';', '%']) else { return false };
    let hex = before.trim_matches(['"', '\'']);
    hex.len() >= MIN_CHARS && hex.bytes().all(|b| b.is_ascii_hexdigit())
}

impl Secret {
    /// Wraps a text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: Zeroizing::new(text.into()), others: Vec::new() }
    }

    /// The same, with another one that webhooks may be signed with.
    #[must_use]
    pub fn or(mut self, other: &Self) -> Self {
        self.others.extend(other.each().map(|one| one.text));
        self
    }

    /// It and the others, each by itself.
    pub fn each(&self) -> impl Iterator<Item = Self> + '_ {
        let texts = std::iter::once(&self.text).chain(&self.others);
        texts.map(|text| Self { text: text.clone(), others: Vec::new() })
    }

    /// How many there are, it and the others.
    #[must_use]
    pub const fn count(&self) -> usize {
        1 + self.others.len()
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

    /// A fresh secret in the form of a sender: for one with key pairs, a pair, which signs and verifies.
    ///
    /// # Errors
    /// When the operating system gives no random bytes, or the sender's keys are RSA, which are made with other tools.
    pub(crate) fn generate_for(sender: &Compiled) -> Result<Self, getrandom::Error> {
        let mut bytes = Zeroizing::new([0u8; 32]);
        getrandom::fill(bytes.as_mut())?;
        let Some(version) = sender.versions.first() else { return Self::generate() };
        let encode = |bytes: &[u8]| match version.secret.encoding {
            KeyEncoding::Base64 => STANDARD.encode(bytes),
            KeyEncoding::Hex => hex::encode(bytes),
            KeyEncoding::Text if version.algorithm.is_public_key() => STANDARD.encode(bytes),
            KeyEncoding::Text => hex::encode(bytes),
        };
        let text = match version.algorithm {
            Algorithm::Ed25519 => encode(&ed25519_dalek::SigningKey::from_bytes(&bytes).to_keypair_bytes()),
            Algorithm::EcdsaP256 | Algorithm::EcdsaP256Raw => {
                encode(&new_p256().ok_or(getrandom::Error::UNSUPPORTED)?)
            }
            Algorithm::Rsa | Algorithm::RsaPssSha512 => return Err(getrandom::Error::UNSUPPORTED),
            _ => encode(bytes.as_ref()),
        };
        Ok(Self::new(format!("{}{text}", version.secret.prefix)))
    }

    /// The text itself. Whoever calls this answers for where it goes.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// Length in characters.
    #[must_use]
    pub fn chars(&self) -> usize {
        self.text.chars().count()
    }

    /// What two sides can compare to know whether they have the same secret: the first 8 hex digits of its SHA-256. Of a
    /// secret that cannot be guessed it tells nothing.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let mut digits = hex::encode(Sha256::digest(self.expose()));
        digits.truncate(8);
        digits
    }

    /// What stands around or in this secret by mistake, as editors, shells and CI systems put it there; a phrase such as
    /// `begins with a byte order mark`.
    #[must_use]
    pub fn oddity(&self) -> Option<&'static str> {
        let text = self.expose();
        let quoted =
            |open: char, close: char| text.len() > 1 && text.starts_with(open) && text.ends_with(close);
        // A blank at the ends, and what is seen neither there nor within.
        let unseen = |c: char| {
            c.is_control()
                || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
        };
        if is_unfilled(text.trim()) {
            Some("is an unfilled placeholder (such as ${NAME}): give the value itself")
        } else if ends_beside_hex(text) {
            Some("is hex but for a trailing comma, semicolon or %: leave that out")
        } else if text.starts_with('\u{feff}') {
            Some("begins with a byte order mark, which is not part of it: save it as UTF-8 without one")
        } else if begins_with_a_name(text) {
            Some("begins with NAME= (or NAME:), which would be part of it: give the value only")
        } else if quoted('"', '"')
            || quoted('\'', '\'')
            || quoted('`', '`')
            || quoted('\u{201c}', '\u{201d}')
            || quoted('\u{2018}', '\u{2019}')
        {
            Some("is in quotes, which would be part of it: leave them out")
        } else if text.contains(pem::BEGIN) {
            pem::oddity(text)
        } else if text.ends_with("\\n") {
            Some("ends in a literal \\n, meant as a line break: leave it out")
        } else if text.contains(unseen) {
            Some("contains a line break or an invisible space or control character: leave it out")
        } else {
            None
        }
    }

    /// What makes this look like no secret at all, or like more than one, though it may be meant so; a phrase such as `looks like a
    /// placeholder …`, without a character of it.
    #[must_use]
    pub fn doubt(&self) -> Option<&'static str> {
        let text = self.expose().trim();
        if is_unfilled(text) {
            return Some("looks like an unfilled placeholder (such as ${NAME}): give the value itself");
        }
        if STORED.iter().any(|begin| text.starts_with(begin)) {
            return Some("looks like the name of a secret in a store, not the secret: give the value itself");
        }
        let lower = text.to_ascii_lowercase();
        if FILLERS.iter().any(|filler| lower.contains(filler)) {
            return Some("looks like an example value (such as changeme): give the real one");
        }
        match text.chars().last() {
            Some(',' | ';') => {
                Some("ends in a comma or semicolon, like a line of JSON or code: is that part of it?")
            }
            Some('%') => {
                Some("ends in %, which zsh prints after output without a line break: is that part of it?")
            }
            _ => None,
        }
    }

    /// What makes this secret, or one beside it, unfit for a run, if anything does.
    #[must_use]
    pub fn weakness(&self) -> Option<Weakness> {
        self.each().find_map(|one| one.own_weakness())
    }

    fn own_weakness(&self) -> Option<Weakness> {
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
        } else if text.trim() != text && !pem::is_one(text) {
            Some(Weakness::Whitespace)
        } else {
            None
        }
    }
}

/// Whether a text is an assignment, such as `WEBHOOK_SECRET=…`, `WEBHOOK_SECRET = "…"` or `WEBHOOK_SECRET: …`; base64 with `=` at
/// its end is none.
fn begins_with_a_name(text: &str) -> bool {
    let Some(at) = text.find(['=', ':']) else { return false };
    let (name, value) = text.split_at(at);
    let name = name.trim_start_matches("export ").trim();
    let is_name = name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    let words = ["SECRET", "TOKEN", "KEY", "PASSWORD"];
    is_name
        && words.iter().any(|word| name.contains(word))
        && !value.trim_start_matches(['=', ':']).is_empty()
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
    #[error("the webhook secret repeats a few characters and can be guessed")]
    NoEntropy,
    /// Blanks or a line end around it, which one side keeps and the other strips.
    #[error("the webhook secret has spaces around it, which become part of the key")]
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
    fn what_editors_and_shells_put_around_a_secret_is_named() {
        let good = "9f4c1e77b3a2d0586e1f90c4d7b8a3526c0e9d1f4b7a8352d6c1e0f94b7a8d35";
        for odd in [
            format!("\u{feff}{good}"),
            format!("\"{good}\""),
            format!("'{good}'"),
            format!("{good}\u{200b}"),
            format!("{good}\nmore"),
            format!("WEBHOOK_SECRET={good}"),
            format!("export STAGING_TOKEN={good}"),
            format!("WEBHOOK_SECRET: {good}"),
            format!("WEBHOOK_SECRET = \"{good}\""),
            format!("\u{201c}{good}\u{201d}"),
            format!("{good}\\n"),
        ] {
            assert!(Secret::new(odd.as_str()).oddity().is_some(), "{odd:?}");
        }
        for fine in [
            good,
            "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo0NTY3ODk=",
            "KEY==",
            "correct horse = battery",
            "key:value",
            "\"",
        ] {
            assert_eq!(Secret::new(fine).oddity(), None, "{fine}");
        }
    }

    #[test]
    fn a_pem_block_has_line_breaks_and_nothing_else_beside_it() {
        let block = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----";
        let windows = block.replace('\n', "\r\n");
        let written_out = block.replace('\n', "\\n");
        for fine in [block, &format!("{block}\n"), &windows, &written_out, &format!("{written_out}\\n")] {
            assert_eq!(Secret::new(fine).oddity(), None, "{fine:?}");
            assert_eq!(Secret::new(fine).weakness(), None, "{fine:?}");
        }
        for (odd, says) in [
            (format!("{block}\n{block}"), "several PEM blocks"),
            (format!("Bag Attributes\n{block}"), "text around its PEM block"),
            (format!("{block}\nmore"), "text around its PEM block"),
            (block.replace("-----END", "-----"), "without its end"),
            (block.replace("PUBLIC", "ENCRYPTED PRIVATE"), "encrypted"),
            (format!("SIGNING_KEY={block}"), "NAME="),
            (format!("\"{block}\""), "quotes"),
        ] {
            let told = Secret::new(odd.as_str()).oddity().unwrap_or_else(|| panic!("{odd}"));
            assert!(told.contains(says), "{odd}: {told}");
        }
    }

    #[test]
    fn what_nobody_has_filled_in_is_named_and_not_quoted() {
        let good = "9f4c1e77b3a2d0586e1f90c4d7b8a3526c0e9d1f4b7a8352d6c1e0f94b7a8d35";
        for (odd, says) in [
            ("${STAGING_WEBHOOK_SECRET_OF_THE_TEAM}", "placeholder"),
            ("$WEBHOOK_SECRET", "placeholder"),
            ("${{ secrets.WEBHOOK_SECRET }}", "placeholder"),
            ("{{ webhook_secret }}", "placeholder"),
            ("%WEBHOOK_SECRET%", "placeholder"),
            ("<secret>", "placeholder"),
            ("ChangeMe-ChangeMe-ChangeMe-ChangeMe", "example"),
            (&*format!("{good},"), "comma"),
            (&*format!("{good}\","), "comma"),
            (&*format!("{good}%"), "%"),
            ("word-of-many-letters-and-more,", "comma"),
            ("arn:aws:secretsmanager:eu-west-1:1:secret:hooks", "store"),
            (r#"{"secret":"9f4c1e77b3a2d0586e1f90c4d7b8a352"}"#, "store"),
        ] {
            let secret = Secret::new(odd);
            let told = secret.oddity().or(secret.doubt()).unwrap_or_else(|| panic!("{odd}"));
            assert!(told.contains(says) && !told.contains(&odd[..odd.len().min(12)]), "{odd}: {told}");
        }
        for fine in
            [good, "pa$word-of-many-letters", "$ecret", "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo0NTY3ODk=", ""]
        {
            let secret = Secret::new(fine);
            assert_eq!((secret.oddity(), secret.doubt()), (None, None), "{fine}");
        }
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
    fn a_secret_has_others_beside_it_while_they_are_rotated() {
        let (new, old) = (Secret::generate().unwrap(), Secret::generate().unwrap());
        let both = new.clone().or(&old);
        assert_eq!(both.expose(), new.expose());
        assert_eq!(both.each().collect::<Vec<_>>(), [new.clone(), old.clone()]);
        assert_eq!(both.weakness(), None);
        assert_eq!(new.clone().or(&Secret::new("short")).weakness(), Some(Weakness::Short(5)));
        assert!(!format!("{both:?}").contains(old.expose()));
        let sent = |secret: &Secret| {
            let signer = crate::Signer::new(crate::Scheme::Github, secret).unwrap();
            let out = crate::Outgoing { event: "push", id: "1", timestamp_ms: 0, body: b"{}" };
            signer.sign(&out).into_iter().map(|(n, v)| (n.to_owned(), v)).collect::<Vec<_>>()
        };
        let verifier = crate::Verifier::new(crate::Scheme::Github, &both).unwrap();
        for (secret, valid) in [(&new, true), (&old, true), (&Secret::generate().unwrap(), false)] {
            assert_eq!(verifier.verify(&sent(secret), b"{}", 0).valid, valid);
        }
        assert_eq!(sent(&both), sent(&new), "the first one signs");
    }

    #[test]
    fn generated_secrets_differ() {
        let (a, b) = (Secret::generate().unwrap(), Secret::generate().unwrap());
        assert_eq!(a.chars(), 64);
        assert_ne!(a, b);
    }
}
