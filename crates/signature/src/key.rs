//! From a secret's text to the key of a scheme.

use super::scheme::Scheme;
use super::seen::{Problem, Seen, same};
use crate::Secret;
use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// Why a secret cannot be the key of a scheme. No variant holds any of the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Nothing, or blanks only.
    #[error("the webhook secret is empty: everybody knows that key")]
    Empty,
    /// Standard Webhooks: not base64 behind the prefix.
    #[error("the webhook secret is not base64; standard-webhooks wants `whsec_` and base64")]
    NotBase64,
    /// Standard Webhooks ed25519: `whsk_` has 64 bytes, `whpk_` has 32.
    #[error("the webhook key has {found} bytes, an ed25519 {kind} has {wanted}")]
    Length {
        /// `private key (whsk_)` or `public key (whpk_)`.
        kind: &'static str,
        /// Bytes wanted.
        wanted: usize,
        /// Bytes found.
        found: usize,
    },
    /// The bytes are no ed25519 key, or the two halves of a private key do not belong together.
    #[error("the webhook key is not a valid ed25519 key")]
    NotEd25519,
    /// `whpk_` verifies and cannot sign.
    #[error("the webhook key is a public key (whpk_), which cannot sign; signing wants whsec_ or whsk_")]
    PublicKeyCannotSign,
}

/// A key that is ready to use; the state of the HMAC behind its key is computed once and cloned for each message.
#[derive(Clone)]
pub(super) enum Key {
    Hmac(Box<Hmac<Sha256>>),
    Private(Box<SigningKey>),
    Public(Box<VerifyingKey>),
}

/// Base64 with or without padding, as the Standard Webhooks libraries differ on it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl Key {
    /// The key that `scheme` makes of `secret`.
    pub(super) fn new(scheme: Scheme, secret: &Secret) -> Result<Self, KeyError> {
        let text = secret.expose();
        if text.trim().is_empty() {
            return Err(KeyError::Empty);
        }
        if scheme != Scheme::StandardWebhooks {
            return Ok(Self::hmac(text.as_bytes()));
        }
        if let Some(text) = text.strip_prefix("whsk_") {
            return private(text);
        }
        if let Some(text) = text.strip_prefix("whpk_") {
            return public(text);
        }
        let bytes = decode(text.strip_prefix("whsec_").unwrap_or(text))?;
        if bytes.is_empty() { Err(KeyError::Empty) } else { Ok(Self::hmac(&bytes)) }
    }

    fn hmac(key: &[u8]) -> Self {
        Self::Hmac(Box::new(keyed(key)))
    }

    /// Hex or base64 HMAC, or the ed25519 signature with its label, as the scheme writes it.
    pub(super) fn tag(&self, scheme: Scheme, message: &[&[u8]]) -> Result<String, KeyError> {
        match self {
            Self::Hmac(state) => {
                let mac = finish(state, message);
                Ok(match scheme {
                    Scheme::StandardWebhooks => format!("v1,{}", BASE64.encode(mac)),
                    _ => format!("{}{}", scheme.layout().prefix, hex::encode(mac)),
                })
            }
            Self::Private(key) => {
                Ok(format!("v1a,{}", BASE64.encode(key.sign(&message.concat()).to_bytes())))
            }
            Self::Public(_) => Err(KeyError::PublicKeyCannotSign),
        }
    }

    /// Whether one of the signatures that were seen is the one of `message`.
    pub(super) fn verify(&self, tags: &Tags<'_>, message: &[&[u8]]) -> bool {
        match (self, tags) {
            (Self::Hmac(state), Tags::Hex(tags)) => {
                let mut mac = [0u8; 64];
                let written = hex::encode_to_slice(finish(state, message), &mut mac).is_ok();
                // No early end: how many were tried must not show in the time.
                tags.iter().fold(false, |found, tag| found | same(tag.as_bytes(), &mac)) && written
            }
            (Self::Hmac(state), Tags::Bytes(tags)) => {
                let mac = finish(state, message);
                tags.iter().fold(false, |found, tag| found | same(tag, &mac))
            }
            (Self::Private(key), Tags::Bytes(tags)) => verified(&key.verifying_key(), tags, message),
            (Self::Public(key), Tags::Bytes(tags)) => verified(key, tags, message),
            (Self::Private(_) | Self::Public(_), Tags::Hex(_)) => false,
        }
    }

    /// The signatures in the header in the form that this key can check.
    pub(super) fn tags<'h>(&self, scheme: Scheme, seen: &Seen<'h>) -> Result<Tags<'h>, Problem> {
        match (self, scheme) {
            (Self::Hmac(_), Scheme::StandardWebhooks) => seen.base64_tags("v1", 32).map(Tags::Bytes),
            (Self::Hmac(_), _) => seen.hex_tags().map(Tags::Hex),
            (Self::Private(_) | Self::Public(_), _) => seen.base64_tags("v1a", 64).map(Tags::Bytes),
        }
    }
}

/// Well-formed signatures of a request.
#[derive(Debug)]
pub(super) enum Tags<'h> {
    /// 64 lower-case hex digits each.
    Hex(Vec<&'h str>),
    /// Decoded.
    Bytes(Vec<Vec<u8>>),
}

/// HMAC-SHA256 keyed with bytes of any length (RFC 2104: longer than a block means hashed first).
pub(super) fn keyed(key: &[u8]) -> Hmac<Sha256> {
    use sha2::Digest;
    let mut block = Zeroizing::new([0u8; 64]);
    if key.len() <= block.len() {
        for (to, from) in block.iter_mut().zip(key) {
            *to = *from;
        }
    } else {
        for (to, from) in block.iter_mut().zip(Sha256::digest(key)) {
            *to = from;
        }
    }
    Hmac::new((&*block).into())
}

/// The MAC of a message in pieces.
pub(super) fn finish(state: &Hmac<Sha256>, message: &[&[u8]]) -> [u8; 32] {
    let mut mac = state.clone();
    for piece in message {
        mac.update(piece);
    }
    mac.finalize().into_bytes().into()
}

fn decode(text: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    BASE64.decode(text).map(Zeroizing::new).map_err(|_| KeyError::NotBase64)
}

fn private(text: &str) -> Result<Key, KeyError> {
    let bytes = decode(text)?;
    let wrong = KeyError::Length { kind: "private key (whsk_)", wanted: 64, found: bytes.len() };
    let pair: &[u8; 64] = bytes.as_slice().try_into().map_err(|_| wrong)?;
    SigningKey::from_keypair_bytes(pair).map(|k| Key::Private(Box::new(k))).map_err(|_| KeyError::NotEd25519)
}

fn public(text: &str) -> Result<Key, KeyError> {
    let bytes = decode(text)?;
    let wrong = KeyError::Length { kind: "public key (whpk_)", wanted: 32, found: bytes.len() };
    let point: &[u8; 32] = bytes.as_slice().try_into().map_err(|_| wrong)?;
    VerifyingKey::from_bytes(point).map(|k| Key::Public(Box::new(k))).map_err(|_| KeyError::NotEd25519)
}

fn verified(key: &VerifyingKey, tags: &[Vec<u8>], message: &[&[u8]]) -> bool {
    let message = message.concat();
    tags.iter().filter_map(|t| Signature::from_slice(t).ok()).any(|s| key.verify_strict(&message, &s).is_ok())
}
