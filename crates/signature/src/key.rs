//! From a secret's text to the key of a sender's algorithm, and what a key can do.

use super::chosen::Chosen;
use super::compare::same;
use super::compiled::{Compiled, Version};
use super::public_key::{PrivateKey, PublicKey};
use super::seen::{Problem, Seen, is_lower_hex};
use super::spec::{Algorithm, Encoding, KeyEncoding};
use crate::Secret;
use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD, URL_SAFE};
use hmac::{Hmac, KeyInit, Mac as _};
use sha1::Sha1;
use sha2::{Sha256, Sha512};
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
        "the webhook secret is not base64, as this sender's secrets are (with or without a prefix such as `whsec_`)"
    )]
    NotBase64,
    /// Not hex digits.
    #[error("the webhook secret is not hex (two digits per byte), as this sender's secrets are")]
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
    /// Neither the bytes of a public key nor those of a private one.
    #[error("the webhook key has {0} bytes, an ed25519 public key has 32, a private key 32 (its seed) or 64")]
    Ed25519Length(usize),
    /// The bytes are no ed25519 key, or the two halves of a private key do not belong together.
    #[error("the webhook key is not a valid ed25519 key")]
    NotEd25519,
    /// No key of this algorithm.
    #[error(
        "the webhook key is not a {0} key: give PEM (BEGIN PUBLIC KEY, BEGIN PRIVATE KEY), or its base64-coded DER; \
         `openssl pkey -in FILE` makes BEGIN PRIVATE KEY of older forms"
    )]
    NotAKey(&'static str),
    /// A key of a pair for a sender that has none.
    #[error(
        "the webhook secret is a PEM key, and this sender signs with a shared secret, not with a key pair"
    )]
    Pem,
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

    fn hex(&self) -> HexDigest {
        let mut digits = [0u8; 128];
        write_hex(self.bytes(), &mut digits);
        HexDigest { digits, length: 2 * self.length }
    }

    fn of(from: &[u8]) -> Self {
        let mut bytes = [0u8; 64];
        bytes.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        Self { bytes, length: from.len() }
    }
}

/// A digest in lower-case hex.
struct HexDigest {
    digits: [u8; 128],
    length: usize,
}

impl HexDigest {
    fn digits(&self) -> &[u8] {
        self.digits.get(..self.length).unwrap_or_default()
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

    /// As [`Key::verify`]. No early end: how many signatures were tried must not show in the time.
    fn verify(
        &self,
        version: &Version,
        seen: &Seen<'_>,
        feed: impl Fn(&mut dyn FnMut(&[u8])),
    ) -> Result<bool, Problem> {
        let bytes = version.algorithm.digest_bytes().unwrap_or(32);
        if version.encoding == Encoding::Hex {
            let mut digest = None;
            let right = seen.any(version, |tag| {
                is_lower_hex(tag, 2 * bytes) && {
                    let digest = digest.get_or_insert_with(|| self.digest(&feed).hex());
                    same(tag.as_bytes(), digest.digits())
                }
            })?;
            return digest.map(|_| right).ok_or_else(|| seen.no_hex(version, 2 * bytes));
        }
        let mut digest = None;
        let right = seen.any(version, |tag| {
            let mut room = [0u8; 64];
            let tag = decode_into(version.encoding, tag, &mut room).filter(|t| t.len() == bytes);
            tag.is_some_and(|tag| same(tag, digest.get_or_insert_with(|| self.digest(&feed)).bytes()))
        })?;
        digest.map(|_| right).ok_or_else(|| seen.no_coded(version, Some(bytes)))
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

    /// Writes the signature of a message behind `to` as the sender does.
    pub(super) fn write_tag(
        &self,
        encoding: Encoding,
        feed: impl FnOnce(&mut dyn FnMut(&[u8])),
        to: &mut String,
    ) -> Result<(), KeyError> {
        match self {
            Self::Mac(mac) => encode(encoding, mac.digest(feed).bytes(), to),
            Self::Private(key) => encode(encoding, &key.sign(&collected(feed))?, to),
            Self::Public(_) => return Err(KeyError::PublicKeyCannotSign),
            Self::Token(token) => to.push_str(&String::from_utf8_lossy(token)),
            Self::Nothing => {}
        }
        Ok(())
    }

    /// Whether one of a request's signatures is the one of the message.
    ///
    /// # Errors
    /// None of them can be one: it has not the form of this version.
    pub(super) fn verify(
        &self,
        version: &Version,
        seen: &Seen<'_>,
        feed: impl Fn(&mut dyn FnMut(&[u8])),
    ) -> Result<bool, Problem> {
        match self {
            Self::Nothing => Ok(true),
            Self::Mac(mac) => mac.verify(version, seen, feed),
            Self::Token(token) => {
                let mut any = false;
                let right = seen.any(version, |tag| {
                    any = true;
                    same(tag.as_bytes(), token)
                })?;
                if any { Ok(right) } else { Err(seen.none(version)) }
            }
            Self::Private(key) => verify_pair(key.public(), version, seen, feed),
            Self::Public(key) => verify_pair(key, version, seen, feed),
        }
    }
}

fn verify_pair(
    key: &PublicKey,
    version: &Version,
    seen: &Seen<'_>,
    feed: impl Fn(&mut dyn FnMut(&[u8])),
) -> Result<bool, Problem> {
    let length = matches!(version.algorithm, Algorithm::Ed25519 | Algorithm::EcdsaP256Raw).then_some(64);
    let fits = |tag: &Vec<u8>| !tag.is_empty() && length.is_none_or(|length| tag.len() == length);
    let mut message = None;
    let right = seen.any(version, |tag| {
        let tag = decode(version.encoding, tag).filter(fits);
        tag.is_some_and(|tag| key.verifies(message.get_or_insert_with(|| collected(&feed)), &tag))
    })?;
    message.map(|_| right).ok_or_else(|| seen.no_coded(version, length))
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

pub(super) fn encode(encoding: Encoding, bytes: &[u8], to: &mut String) {
    match encoding {
        Encoding::Hex => {
            for part in bytes.chunks(64) {
                let mut digits = [0u8; 128];
                write_hex(part, &mut digits);
                let digits = digits.get(..2 * part.len()).unwrap_or_default();
                to.push_str(str::from_utf8(digits).unwrap_or_default());
            }
        }
        Encoding::Base64 => STANDARD.encode_string(bytes, to),
        Encoding::Base64url => URL_SAFE.encode_string(bytes, to),
    }
}

/// The bytes of a signature; padding may be left out of URL-safe base64 only.
fn decode(encoding: Encoding, text: &str) -> Option<Vec<u8>> {
    match encoding {
        Encoding::Hex => hex::decode(text).ok(),
        Encoding::Base64 => STANDARD.decode(text).ok(),
        Encoding::Base64url => BASE64URL.decode(text).ok(),
    }
}

/// The same for what has room there.
fn decode_into<'r>(encoding: Encoding, text: &str, room: &'r mut [u8]) -> Option<&'r [u8]> {
    let length = match encoding {
        Encoding::Hex => {
            let length = text.len() / 2;
            hex::decode_to_slice(text, room.get_mut(..length)?).ok().map(|()| length)
        }
        Encoding::Base64 => STANDARD.decode_slice(text, room).ok(),
        Encoding::Base64url => BASE64URL.decode_slice(text, room).ok(),
    };
    room.get(..length?)
}

/// The lower-case hex digits of bytes, as many as there is room for. Calculated, eight at once: looking each up takes several times as
/// long, no address depends on a digest, and there is no branch, which its digits would have guessed wrong every third time.
pub fn write_hex(bytes: &[u8], to: &mut [u8]) {
    let (fours, rest) = bytes.as_chunks::<4>();
    for (to, four) in to.as_chunks_mut::<8>().0.iter_mut().zip(fours) {
        *to = hex_digits(*four);
    }
    let behind = to.get_mut(8 * fours.len()..).unwrap_or_default();
    for (to, byte) in behind.as_chunks_mut::<2>().0.iter_mut().zip(rest) {
        let [.., high, low] = hex_digits([0, 0, 0, *byte]);
        *to = [high, low];
    }
}

const fn hex_digits(four: [u8; 4]) -> [u8; 8] {
    let mut halves = u32::from_be_bytes(four) as u64;
    halves = (halves | halves << 16) & 0x0000_ffff_0000_ffff;
    halves = (halves | halves << 8) & 0x00ff_00ff_00ff_00ff;
    halves = (halves | halves << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    // 1 where the digit is a letter.
    let letters = ((halves + 0x0606_0606_0606_0606) >> 4) & 0x0101_0101_0101_0101;
    (halves + 0x3030_3030_3030_3030 + letters * (b'a' - 10 - b'0') as u64).to_be_bytes()
}

fn collected(feed: impl FnOnce(&mut dyn FnMut(&[u8]))) -> Vec<u8> {
    let mut all = Vec::new();
    feed(&mut |piece| all.extend_from_slice(piece));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_those_of_the_library() {
        let bytes: Vec<u8> = (0..=255).collect();
        for length in [0, 1, 20, 32, 64, 65, 256] {
            let (bytes, mut text) = (&bytes[..length], "before".to_owned());
            encode(Encoding::Hex, bytes, &mut text);
            assert_eq!(text, format!("before{}", hex::encode(bytes)));
        }
    }

    #[test]
    fn keys_in_pem_are_read_and_never_taken_for_a_shared_secret() {
        let ed25519 = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
        let of = |scheme: crate::Scheme, text: &str| {
            Key::new(scheme.compiled(), &Secret::new(text), false).map(|_| ())
        };
        for scheme in [crate::Scheme::Discord, crate::Scheme::StandardWebhooks, crate::Scheme::Rfc9421] {
            assert_eq!(of(scheme, ed25519), Ok(()), "{scheme}");
        }
        assert_eq!(of(crate::Scheme::Sendgrid, ed25519), Err(KeyError::NotAKey("ECDSA P-256")));
        for scheme in [crate::Scheme::Github, crate::Scheme::Telegram, crate::Scheme::Adyen] {
            assert_eq!(of(scheme, ed25519), Err(KeyError::Pem), "{scheme}");
        }
        // A public key that lacks a byte is not told to be a private one.
        let says = of(crate::Scheme::Discord, &"aa".repeat(31)).unwrap_err().to_string();
        assert!(says.contains("has 31 bytes") && says.contains("public key has 32"), "{says}");
    }

    #[test]
    fn a_signature_is_decoded_where_there_is_room_for_it() {
        for encoding in [Encoding::Hex, Encoding::Base64, Encoding::Base64url] {
            for length in [0, 1, 20, 32, 63, 64, 65, 100] {
                let (bytes, mut text) = (vec![0xfb; length], String::new());
                encode(encoding, &bytes, &mut text);
                let mut room = [0u8; 64];
                let wanted = decode(encoding, &text).filter(|bytes| bytes.len() <= 64);
                assert_eq!(
                    decode_into(encoding, &text, &mut room),
                    wanted.as_deref(),
                    "{encoding:?} {length}"
                );
            }
            let wrong = ["!", "a", "ab=", "ü", "00 0"]
                .map(|text| decode_into(encoding, text, &mut [0; 64]).is_some());
            let whole = ["!", "a", "ab=", "ü", "00 0"].map(|text| decode(encoding, text).is_some());
            assert_eq!(wrong, whole, "{encoding:?}");
        }
    }
}
