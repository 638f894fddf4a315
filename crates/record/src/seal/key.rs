//! The key pair of whoever vouches for evidence, and its text forms.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{Signature, Signer, VerifyingKey};
use sha2::{Digest, Sha256};
use signature::Secret;
use std::fmt;
use std::str::FromStr;
use zeroize::Zeroizing;

/// What a private key file begins with, so that it is not taken for a webhook secret, nor the other way round.
const PRIVATE_PREFIX: &str = "smoke-ed25519-private:";

/// A text that is no key. It is never quoted: it may be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not a private key file of `smoke key`.
    #[error("not a private key of `smoke key` (one line, {PRIVATE_PREFIX} and 64 hex digits)")]
    Private,
    /// A private key where a public one belongs.
    #[error("this is a private key; give the public one, which `smoke key` printed (64 hex digits)")]
    PrivateGiven,
    /// Not a public key.
    #[error("not a public key: 64 hex digits, as `smoke key` printed them, or an Ed25519 key in PEM")]
    Public,
}

/// A private key. `Debug` shows the public half only.
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// A fresh key from the operating system's random source.
    ///
    /// # Errors
    /// When the operating system gives no random bytes.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut bytes = Zeroizing::new([0u8; 32]);
        getrandom::fill(bytes.as_mut())?;
        Ok(Self(ed25519_dalek::SigningKey::from_bytes(&bytes)))
    }

    /// Reads the text of a key file.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &Secret) -> Result<Self, KeyError> {
        let digits = text.expose().trim().strip_prefix(PRIVATE_PREFIX).ok_or(KeyError::Private)?;
        let mut bytes = Zeroizing::new([0u8; 32]);
        hex::decode_to_slice(digits, bytes.as_mut()).map_err(|_| KeyError::Private)?;
        Ok(Self(ed25519_dalek::SigningKey::from_bytes(&bytes)))
    }

    /// The text of a key file, with its line end.
    #[must_use]
    pub fn to_text(&self) -> Secret {
        let digits = Zeroizing::new(hex::encode(self.0.as_bytes()));
        Secret::new(format!("{PRIVATE_PREFIX}{}\n", digits.as_str()))
    }

    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    pub(super) fn sign(&self, message: &[u8]) -> Signature {
        self.0.sign(message)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey(public {})", self.public())
    }
}

/// A public key: 64 hex digits as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Whether `signature` over `message` was made with the private half. Strict: no malleable forms, no weak keys.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.0.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    }
}

/// An Ed25519 key as `SubjectPublicKeyInfo`, DER (RFC 8410 section 4): these bytes, and then its own 32.
const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
const PEM: [&str; 2] = ["-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----"];

impl PublicKey {
    /// As `SubjectPublicKeyInfo` in PEM, with line ends, as openssl and others read it.
    #[must_use]
    pub fn to_pem(&self) -> String {
        format!("{}\n{}\n{}\n", PEM[0], BASE64.encode(self.der()), PEM[1])
    }

    /// The SHA-256 of the key as DER, hex: how envelopes name it.
    #[must_use]
    pub fn id(&self) -> String {
        hex::encode(Sha256::digest(self.der()))
    }

    fn der(&self) -> Vec<u8> {
        [SPKI.as_slice(), self.0.as_bytes()].concat()
    }

    fn from_pem(text: &str) -> Option<[u8; 32]> {
        let (_, rest) = text.split_once(PEM[0])?;
        let (lines, _) = rest.split_once(PEM[1])?;
        let lines: String = lines.split_whitespace().collect();
        BASE64.decode(lines).ok()?.strip_prefix(SPKI.as_slice())?.try_into().ok()
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let text = text.trim();
        if text.starts_with(PRIVATE_PREFIX) {
            return Err(KeyError::PrivateGiven);
        }
        let mut bytes = [0u8; 32];
        match Self::from_pem(text) {
            Some(found) => bytes = found,
            None => hex::decode_to_slice(text, &mut bytes).map_err(|_| KeyError::Public)?,
        }
        let key = VerifyingKey::from_bytes(&bytes).map_err(|_| KeyError::Public)?;
        if key.is_weak() { Err(KeyError::Public) } else { Ok(Self(key)) }
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_survive_their_text_form() {
        let key = SigningKey::generate().unwrap();
        let again = SigningKey::parse(&key.to_text()).unwrap();
        assert_eq!(key.public(), again.public());
        assert_eq!(key.public().to_string().parse(), Ok(key.public()));
        assert_eq!(key.public().to_pem().parse(), Ok(key.public()));
        assert!("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----".parse::<PublicKey>().is_err());
        assert!(!format!("{key:?}").contains(key.to_text().expose().trim()));
    }

    #[test]
    fn other_texts_are_refused() {
        let of = |text: &str| SigningKey::parse(&Secret::new(text)).map(|_| ()).unwrap_err();
        assert_eq!(of(""), KeyError::Private);
        assert_eq!(of(&"ab".repeat(32)), KeyError::Private);
        assert_eq!(of("smoke-ed25519-private:abcd"), KeyError::Private);
        assert_eq!("xyz".parse::<PublicKey>(), Err(KeyError::Public));
        assert_eq!("00".repeat(32).parse::<PublicKey>(), Err(KeyError::Public), "a weak key");
        let private = SigningKey::generate().unwrap().to_text();
        assert_eq!(private.expose().parse::<PublicKey>(), Err(KeyError::PrivateGiven));
    }
}
