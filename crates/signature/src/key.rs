//! From a secret's text to the key of a sender's algorithm, and what a key can do.

use super::compiled::{Compiled, Version};
use super::public_key::{self, PrivateKey, PublicKey};
use super::seen::{Problem, Seen, same};
use super::spec::{Algorithm, Encoding, KeyEncoding};
use crate::Secret;
use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD, URL_SAFE};
use hmac::{Hmac, KeyInit, Mac as _};
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use std::borrow::Cow;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Why a secret cannot be the key of a sender. No variant holds any of the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Nothing, or blanks only.
    #[error("the webhook secret is empty: everybody knows that key")]
    Empty,
    /// Not base64 behind the prefix.
    #[error(
        "the webhook secret is not base64, which this sender's secrets are (with or without `whsec_` and the like)"
    )]
    NotBase64,
    /// Not hex digits.
    #[error(
        "the webhook secret is not made of hex digits, two for each byte, which this sender's secrets are"
    )]
    NotHex,
    /// The secret has not the prefix of any version.
    #[error("the webhook secret does not begin with `{0}`, as this sender's secrets do")]
    Prefix(&'static str),
    /// Too few or too many bytes.
    #[error("the webhook key has {found} bytes, an ed25519 {kind} has {wanted}")]
    Length {
        /// `private key` or `public key`.
        kind: &'static str,
        /// Bytes wanted.
        wanted: usize,
        /// Bytes found.
        found: usize,
    },
    /// The bytes are no ed25519 key, or the two halves of a private key do not belong together.
    #[error("the webhook key is not a valid ed25519 key")]
    NotEd25519,
    /// No key of this algorithm.
    #[error(
        "the webhook key is no {0} key: give PEM (BEGIN PUBLIC KEY, BEGIN PRIVATE KEY), or its base64-coded DER"
    )]
    NotAKey(&'static str),
    /// It verifies and cannot sign.
    #[error("the webhook key is a public key, which cannot sign")]
    PublicKeyCannotSign,
}

/// A key that is ready to use; the state of an HMAC behind its key is computed once and cloned for each message.
#[derive(Clone)]
pub(super) enum Key {
    Mac(Mac),
    Private(Arc<PrivateKey>),
    Public(Arc<PublicKey>),
    Token(Zeroizing<Vec<u8>>),
    Nothing,
}

/// A keyed HMAC.
#[derive(Clone)]
pub(super) enum Mac {
    Sha1(Box<Hmac<Sha1>>),
    Sha256(Box<Hmac<Sha256>>),
    Sha512(Box<Hmac<Sha512>>),
}

/// The digest of an HMAC.
pub(super) struct Digest {
    bytes: [u8; 64],
    length: usize,
}

impl Digest {
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    fn of(from: &[u8]) -> Self {
        let mut bytes = [0u8; 64];
        bytes.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        Self { bytes, length: from.len() }
    }

    /// Whether one of these is it in lower-case hex. No early end: how many were tried must not show in the time.
    fn is_one_of(&self, tags: &[&str]) -> bool {
        let mut hex = [0u8; 128];
        let hex = hex.get_mut(..2 * self.length).unwrap_or_default();
        let written = hex::encode_to_slice(self.bytes(), hex).is_ok();
        tags.iter().fold(false, |found, tag| found | same(tag.as_bytes(), hex)) && written
    }
}

/// Base64 with or without padding, as the Standard Webhooks libraries differ on it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// URL-safe base64 with or without padding.
const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl Mac {
    pub(super) fn new(algorithm: Algorithm, key: &[u8]) -> Option<Self> {
        Some(match algorithm {
            Algorithm::HmacSha1 => Self::Sha1(Box::new(Hmac::new_from_slice(key).ok()?)),
            Algorithm::HmacSha256 => Self::Sha256(Box::new(keyed(key))),
            Algorithm::HmacSha512 => Self::Sha512(Box::new(Hmac::new_from_slice(key).ok()?)),
            _ => return None,
        })
    }

    /// The digest of what `feed` gives.
    pub(super) fn digest(&self, feed: impl FnOnce(&mut dyn FnMut(&[u8]))) -> Digest {
        macro_rules! digest {
            ($state:expr) => {{
                let mut mac = (**$state).clone();
                feed(&mut |piece| mac.update(piece));
                Digest::of(&mac.finalize().into_bytes())
            }};
        }
        match self {
            Self::Sha1(state) => digest!(state),
            Self::Sha256(state) => digest!(state),
            Self::Sha512(state) => digest!(state),
        }
    }

    /// The digest of a message in pieces.
    pub(super) fn over<P: AsRef<[u8]>>(&self, pieces: &[P]) -> Digest {
        self.digest(|sink| pieces.iter().for_each(|piece| sink(piece.as_ref())))
    }
}

impl Key {
    /// The key that a sender makes of `secret`, and which of its versions that is; `signs`: to sign with it.
    pub(super) fn new(
        sender: &'static Compiled,
        secret: &Secret,
        signs: bool,
    ) -> Result<(&'static Version, Self), KeyError> {
        let text = secret.expose();
        if let Some(version) = sender.versions.first().filter(|v| v.algorithm == Algorithm::None) {
            return Ok((version, Self::Nothing));
        }
        if text.trim().is_empty() {
            return Err(KeyError::Empty);
        }
        let chosen = Chosen::of(sender, text)?;
        let version = chosen.version;
        let key = match version.algorithm {
            Algorithm::None => Self::Nothing,
            Algorithm::Token => Self::Token(Zeroizing::new(chosen.text.as_bytes().to_vec())),
            algorithm if algorithm.is_public_key() => chosen.pair(signs)?,
            algorithm => {
                let bytes = decoded(version.secret.encoding, chosen.text)?;
                if bytes.is_empty() {
                    return Err(KeyError::Empty);
                }
                Mac::new(algorithm, &bytes).map(Self::Mac).ok_or(KeyError::Empty)?
            }
        };
        Ok((version, key))
    }

    /// The signature of a message as the sender writes it, without what stands before it.
    pub(super) fn tag(
        &self,
        encoding: Encoding,
        feed: impl FnOnce(&mut dyn FnMut(&[u8])),
    ) -> Result<String, KeyError> {
        Ok(match self {
            Self::Mac(mac) => encode(encoding, mac.digest(feed).bytes()),
            Self::Private(key) => encode(encoding, &key.sign(&collected(feed))?),
            Self::Public(_) => return Err(KeyError::PublicKeyCannotSign),
            Self::Token(token) => String::from_utf8_lossy(token).into_owned(),
            Self::Nothing => String::new(),
        })
    }

    /// Whether one of the signatures that were seen is the one of the message.
    pub(super) fn verify(&self, tags: &Tags<'_>, feed: impl FnOnce(&mut dyn FnMut(&[u8]))) -> bool {
        match (self, tags) {
            (Self::Mac(mac), Tags::Hex(tags)) => mac.digest(feed).is_one_of(tags),
            (Self::Mac(mac), Tags::One(tag)) => mac.digest(feed).is_one_of(&[tag]),
            (Self::Mac(mac), Tags::Bytes(tags)) => {
                let digest = mac.digest(feed);
                tags.iter().fold(false, |found, tag| found | same(tag, digest.bytes()))
            }
            (Self::Private(key), Tags::Bytes(tags)) => key.public().verifies_any(&collected(feed), tags),
            (Self::Public(key), Tags::Bytes(tags)) => key.verifies_any(&collected(feed), tags),
            (Self::Token(token), Tags::Bytes(tags)) => {
                tags.iter().fold(false, |found, tag| found | same(tag, token))
            }
            (Self::Nothing, _) => true,
            (Self::Private(_) | Self::Public(_) | Self::Token(_), Tags::Hex(_) | Tags::One(_)) => false,
        }
    }

    /// The signatures of a request in the form that this key can check.
    pub(super) fn tags<'s>(&self, version: &Version, seen: &'s Seen<'_>) -> Result<Tags<'s>, Problem> {
        match self {
            Self::Nothing => Ok(Tags::Bytes(Vec::new())),
            Self::Token(_) => seen.texts(version).map(Tags::Bytes),
            Self::Mac(_) => match (version.encoding, version.algorithm.digest_bytes().unwrap_or(32)) {
                (Encoding::Hex, bytes) => seen.hex_tags(version, bytes),
                (_, bytes) => seen.coded_tags(version, Some(bytes)).map(Tags::Bytes),
            },
            Self::Private(_) | Self::Public(_) => {
                let length = (version.algorithm == Algorithm::Ed25519).then_some(64);
                seen.coded_tags(version, length).map(Tags::Bytes)
            }
        }
    }
}

/// The version that a secret is for, and the secret without what stands before it.
struct Chosen<'a> {
    version: &'static Version,
    text: &'a str,
    /// Whether its prefix says that it is a public key.
    is_public: bool,
}

impl<'a> Chosen<'a> {
    fn of(sender: &'static Compiled, text: &'a str) -> Result<Self, KeyError> {
        let all = || sender.versions.iter();
        let is_pem = text.trim_start().starts_with("-----BEGIN");
        let strip = |prefix: &str| (!prefix.is_empty()).then(|| text.strip_prefix(prefix)).flatten();
        for version in all() {
            if is_pem && version.algorithm.is_public_key() {
                return Ok(Self { version, text, is_public: false });
            }
            let (secret, public) = (strip(&version.secret.prefix), strip(&version.secret.public_prefix));
            if let Some(rest) = secret.or(public) {
                return Ok(Self { version, text: rest, is_public: secret.is_none() });
            }
        }
        let bare = all().find(|v| {
            v.secret.prefix_optional || (v.secret.prefix.is_empty() && v.secret.public_prefix.is_empty())
        });
        let wanted = sender.versions.first().map_or("", |v| v.secret.prefix.as_str());
        let version = bare.ok_or(KeyError::Prefix(wanted))?;
        Ok(Self { version, text, is_public: false })
    }

    fn pair(&self, signs: bool) -> Result<Key, KeyError> {
        let encoding = match self.version.secret.encoding {
            // A key pair as text is PEM, or base64-coded DER.
            KeyEncoding::Text => KeyEncoding::Base64,
            other => other,
        };
        let text = self.text.trim();
        let bytes = match public_key::pem(text) {
            Some(der) => der,
            None => decoded(encoding, text)?,
        };
        public_key::read(self.version.algorithm, &bytes, self.is_public, signs)
    }
}

/// Well-formed signatures of a request.
#[derive(Debug)]
pub(super) enum Tags<'h> {
    /// Lower-case hex digits, two for each byte of the digest.
    Hex(Vec<&'h str>),
    /// The same, where the header holds one.
    One(&'h str),
    /// Decoded.
    Bytes(Vec<Cow<'h, [u8]>>),
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

/// The HMAC-SHA256 of a message in pieces.
pub(super) fn finish(state: &Hmac<Sha256>, message: &[&[u8]]) -> [u8; 32] {
    let mut mac = state.clone();
    for piece in message {
        mac.update(piece);
    }
    mac.finalize().into_bytes().into()
}

/// The bytes that a key's text stands for.
pub(super) fn decoded(encoding: KeyEncoding, text: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    match encoding {
        KeyEncoding::Text => Ok(Zeroizing::new(text.as_bytes().to_vec())),
        KeyEncoding::Hex => hex::decode(text.trim()).map(Zeroizing::new).map_err(|_| KeyError::NotHex),
        KeyEncoding::Base64 => {
            let bytes = BASE64.decode(text).or_else(|_| BASE64URL.decode(text));
            bytes.map(Zeroizing::new).map_err(|_| KeyError::NotBase64)
        }
    }
}

pub(super) fn encode(encoding: Encoding, bytes: &[u8]) -> String {
    match encoding {
        Encoding::Hex => hex::encode(bytes),
        Encoding::Base64 => STANDARD.encode(bytes),
        Encoding::Base64url => URL_SAFE.encode(bytes),
    }
}

/// The bytes of a signature; padding may be left out of URL-safe base64 only.
pub(super) fn decode(encoding: Encoding, text: &str) -> Option<Vec<u8>> {
    match encoding {
        Encoding::Hex => hex::decode(text).ok(),
        Encoding::Base64 => STANDARD.decode(text).ok(),
        Encoding::Base64url => BASE64URL.decode(text).ok(),
    }
}

fn collected(feed: impl FnOnce(&mut dyn FnMut(&[u8]))) -> Vec<u8> {
    let mut all = Vec::new();
    feed(&mut |piece| all.extend_from_slice(piece));
    all
}
