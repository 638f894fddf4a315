//! Keys of which one half is public: Ed25519, ECDSA on P-256, RSA; from PEM, DER or bare bytes.

use super::key::{Key, KeyError};
use super::spec::Algorithm;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use ring::rand::SystemRandom;
use ring::signature::{self as rs, EcdsaKeyPair, KeyPair as _, RsaKeyPair, UnparsedPublicKey};
use std::sync::Arc;
use zeroize::Zeroizing;

/// DER of the identifiers of algorithms, without tag and length: Ed25519 (RFC 8410), keys on elliptic curves (RFC 5480), RSA and
/// RSA-PSS (RFC 8017).
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
const CURVES: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const RSA_PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a];

/// Bytes of a P-256 point, uncompressed.
const POINT: usize = 65;

/// What a prefix says about a key of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Half {
    Public,
    Private,
    /// Nothing: its form says it, and where that is both, whoever signs has the private half.
    Either,
}

/// A kind of key pair; a key of it serves every algorithm of the kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Ed25519,
    /// On an elliptic curve; P-256 is the only one that is read.
    Curve,
    Rsa,
}

impl Kind {
    /// The one of an algorithm; `None` where it has no key pairs.
    pub(super) const fn of(algorithm: Algorithm) -> Option<Self> {
        match algorithm {
            Algorithm::Ed25519 => Some(Self::Ed25519),
            Algorithm::EcdsaP256 | Algorithm::EcdsaP256Raw => Some(Self::Curve),
            Algorithm::Rsa | Algorithm::RsaPssSha512 => Some(Self::Rsa),
            _ => None,
        }
    }

    /// The one that a key's DER names.
    pub(super) fn named(der: &[u8]) -> Option<Self> {
        let (inner, _) = element(der, 0x30)?;
        // All but a SubjectPublicKeyInfo begin with a number.
        let rest = element(inner, 0x02).map_or(inner, |(_, rest)| rest);
        let Some((algorithm, _)) = element(rest, 0x30) else {
            // PKCS#1 goes on with a number, SEC 1 with the bytes of the key.
            let sec1 = || element(rest, 0x04).map(|_| Self::Curve);
            return element(rest, 0x02).map(|_| Self::Rsa).or_else(sec1);
        };
        match element(algorithm, 0x06)?.0 {
            ED25519 => Some(Self::Ed25519),
            CURVES => Some(Self::Curve),
            RSA | RSA_PSS => Some(Self::Rsa),
            _ => None,
        }
    }
}

/// What verifies.
#[derive(Debug)]
pub(super) enum PublicKey {
    Ed25519(VerifyingKey),
    /// The point; whether its signatures are the 64 bytes of r and s, in place of DER.
    EcdsaP256(Vec<u8>, bool),
    /// PKCS#1 `RSAPublicKey`; whether it is for PSS.
    Rsa(Vec<u8>, bool),
}

/// What signs, and verifies too.
pub(super) enum PrivateKey {
    Ed25519(Box<SigningKey>, PublicKey),
    /// DER, 64 bytes, and the public half.
    Ecdsa(Box<EcdsaKeyPair>, Box<EcdsaKeyPair>, PublicKey),
    Rsa(Box<RsaKeyPair>, PublicKey),
}

impl PublicKey {
    /// As [`PublicKey::verifies`], of ECDSA in 64 bytes, as RFC 9421 has it.
    pub(super) fn verifies_fixed(&self, message: &[u8], tag: &[u8]) -> bool {
        match self {
            Self::EcdsaP256(point, _) => ecdsa_verifies(point, true, message, tag),
            _ => self.verifies(message, tag),
        }
    }

    /// Whether an ECDSA signature is the one of a message in DER, which RFC 9421 has not.
    pub(super) fn verifies_der(&self, message: &[u8], tag: &[u8]) -> bool {
        matches!(self, Self::EcdsaP256(point, _) if ecdsa_verifies(point, false, message, tag))
    }

    /// Whether a signature is the one of a message in the form that this key's have not: in DER in place of 64 bytes (true), or the
    /// other way round; `None` where neither.
    pub(super) fn verifies_otherwise(&self, message: &[u8], tag: &[u8]) -> Option<bool> {
        let Self::EcdsaP256(point, fixed) = self else { return None };
        ecdsa_verifies(point, !fixed, message, tag).then_some(*fixed)
    }

    /// The algorithm's name in the registry of RFC 9421.
    pub(super) const fn registered(&self) -> &'static str {
        match self {
            Self::Ed25519(_) => "ed25519",
            Self::EcdsaP256(..) => "ecdsa-p256-sha256",
            Self::Rsa(_, false) => "rsa-v1_5-sha256",
            Self::Rsa(_, true) => "rsa-pss-sha512",
        }
    }

    /// Whether a signature is the one of a message; of ECDSA in the form that the algorithm has.
    pub(super) fn verifies(&self, message: &[u8], tag: &[u8]) -> bool {
        let by = |algorithm: &'static dyn rs::VerificationAlgorithm, key: &[u8]| {
            UnparsedPublicKey::new(algorithm, key).verify(message, tag).is_ok()
        };
        match self {
            Self::Ed25519(key) => {
                Signature::from_slice(tag).is_ok_and(|tag| key.verify_strict(message, &tag).is_ok())
            }
            Self::EcdsaP256(point, fixed) => ecdsa_verifies(point, *fixed, message, tag),
            Self::Rsa(key, false) => by(&rs::RSA_PKCS1_2048_8192_SHA256, key),
            Self::Rsa(key, true) => by(&rs::RSA_PSS_2048_8192_SHA512, key),
        }
    }
}

impl PrivateKey {
    pub(super) const fn public(&self) -> &PublicKey {
        match self {
            Self::Ed25519(_, public) | Self::Ecdsa(_, _, public) | Self::Rsa(_, public) => public,
        }
    }

    /// The signature; of ECDSA in the form that the algorithm has.
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        match self {
            Self::Ecdsa(der, _, PublicKey::EcdsaP256(_, false)) => ecdsa(der, message),
            _ => self.sign_fixed(message),
        }
    }

    /// The signature; of ECDSA as 64 bytes, as RFC 9421 has it.
    pub(super) fn sign_fixed(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        match self {
            Self::Ed25519(key, _) => Ok(key.sign(message).to_bytes().to_vec()),
            Self::Ecdsa(_, fixed, _) => ecdsa(fixed, message),
            Self::Rsa(key, public) => {
                let padding: &'static dyn rs::RsaEncoding = match public {
                    PublicKey::Rsa(_, true) => &rs::RSA_PSS_SHA512,
                    _ => &rs::RSA_PKCS1_SHA256,
                };
                let mut tag = vec![0; key.public().modulus_len()];
                let signed = key.sign(padding, &SystemRandom::new(), message, &mut tag);
                signed.map(|()| tag).map_err(|_| KeyError::NotAKey("RSA"))
            }
        }
    }
}

fn ecdsa_verifies(point: &[u8], fixed: bool, message: &[u8], tag: &[u8]) -> bool {
    let form = if fixed { &rs::ECDSA_P256_SHA256_FIXED } else { &rs::ECDSA_P256_SHA256_ASN1 };
    UnparsedPublicKey::new(form, point).verify(message, tag).is_ok()
}

fn ecdsa(key: &EcdsaKeyPair, message: &[u8]) -> Result<Vec<u8>, KeyError> {
    let tag = key.sign(&SystemRandom::new(), message);
    tag.map(|tag| tag.as_ref().to_vec()).map_err(|_| KeyError::NotAKey("ECDSA P-256"))
}

/// A key of this algorithm from its bytes: DER (SubjectPublicKeyInfo, PKCS#8), or for Ed25519 the bare 32 or 64 bytes, for
/// P-256 the bare point.
pub(super) fn read(algorithm: Algorithm, bytes: &[u8], half: Half, signs: bool) -> Result<Key, KeyError> {
    let key = match algorithm {
        Algorithm::Ed25519 => ed25519(bytes, half, signs)?,
        Algorithm::EcdsaP256 | Algorithm::EcdsaP256Raw => {
            p256(bytes, algorithm == Algorithm::EcdsaP256Raw).ok_or(KeyError::NotAKey("ECDSA P-256"))?
        }
        _ => rsa(bytes, algorithm == Algorithm::RsaPssSha512).ok_or(KeyError::NotAKey("RSA"))?,
    };
    if signs && matches!(key, Key::Public(_)) { Err(KeyError::PublicKeyCannotSign) } else { Ok(key) }
}

fn ed25519(bytes: &[u8], half: Half, signs: bool) -> Result<Key, KeyError> {
    let private = |key: SigningKey| {
        let public = PublicKey::Ed25519(key.verifying_key());
        Key::Private(Arc::new(PrivateKey::Ed25519(Box::new(key), public)))
    };
    let public = |bytes: &[u8; 32]| {
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::NotEd25519)?;
        Ok(Key::Public(Arc::new(PublicKey::Ed25519(key))))
    };
    if let Ok(pair) = <&[u8; 64]>::try_from(bytes) {
        let key = SigningKey::from_keypair_bytes(pair).map_err(|_| KeyError::NotEd25519)?;
        return if half == Half::Public { Err(length("public key", 32, 64)) } else { Ok(private(key)) };
    }
    if let Ok(key) = <&[u8; 32]>::try_from(bytes) {
        // Without a prefix 32 bytes are a seed for whoever signs and a public key for whoever verifies.
        let is_seed = half == Half::Private || (half == Half::Either && signs);
        return if is_seed { Ok(private(SigningKey::from_bytes(key))) } else { public(key) };
    }
    let named = Kind::named(bytes);
    if named == Some(Kind::Ed25519) {
        if let Some((_, key)) = spki(bytes) {
            return public(key.try_into().map_err(|_| KeyError::NotEd25519)?);
        }
        // PKCS#8: the seed is the OCTET STRING of 34 bytes, tag and length included.
        let seed = bytes.windows(36).find(|w| w.starts_with(&[0x04, 0x22, 0x04, 0x20]));
        let seed = seed.and_then(|w| <&[u8; 32]>::try_from(w.get(4..)?).ok());
        return seed.map(|seed| private(SigningKey::from_bytes(seed))).ok_or(KeyError::NotEd25519);
    }
    Err(match (named, half) {
        (Some(_), _) => KeyError::NotEd25519,
        (None, Half::Public) => length("public key", 32, bytes.len()),
        _ => KeyError::Ed25519Length(bytes.len()),
    })
}

const fn length(kind: &'static str, wanted: usize, found: usize) -> KeyError {
    KeyError::Length { kind, wanted, found }
}

fn p256(bytes: &[u8], raw: bool) -> Option<Key> {
    let point = |point: &[u8]| (point.len() == POINT && point.first() == Some(&4)).then(|| point.to_vec());
    if let Some(point) = point(bytes).or_else(|| point(spki(bytes)?.1)) {
        return Some(Key::Public(Arc::new(PublicKey::EcdsaP256(point, raw))));
    }
    let pair =
        |algorithm| EcdsaKeyPair::from_pkcs8(algorithm, bytes, &SystemRandom::new()).ok().map(Box::new);
    let der = pair(&rs::ECDSA_P256_SHA256_ASN1_SIGNING)?;
    let fixed = pair(&rs::ECDSA_P256_SHA256_FIXED_SIGNING)?;
    let public = PublicKey::EcdsaP256(der.public_key().as_ref().to_vec(), raw);
    Some(Key::Private(Arc::new(PrivateKey::Ecdsa(der, fixed, public))))
}

fn rsa(bytes: &[u8], pss: bool) -> Option<Key> {
    let pair = RsaKeyPair::from_pkcs8(bytes).or_else(|_| RsaKeyPair::from_der(bytes)).ok();
    if let Some(pair) = pair {
        let public = PublicKey::Rsa(pair.public_key().as_ref().to_vec(), pss);
        return Some(Key::Private(Arc::new(PrivateKey::Rsa(Box::new(pair), public))));
    }
    // PKCS#1 by itself is a sequence of two integers, inside a SubjectPublicKeyInfo the bit string.
    let key = spki(bytes).map_or(bytes, |(_, key)| key);
    let (inner, _) = element(key, 0x30)?;
    element(inner, 0x02)?;
    Some(Key::Public(Arc::new(PublicKey::Rsa(key.to_vec(), pss))))
}

/// A fresh P-256 pair as PKCS#8.
pub(super) fn new_p256() -> Option<Zeroizing<Vec<u8>>> {
    let pair =
        EcdsaKeyPair::generate_pkcs8(&rs::ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new()).ok()?;
    Some(Zeroizing::new(pair.as_ref().to_vec()))
}

/// Algorithm and key of a SubjectPublicKeyInfo (RFC 5280).
fn spki(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (inner, _) = element(der, 0x30)?;
    let (algorithm, rest) = element(inner, 0x30)?;
    let (bits, _) = element(rest, 0x03)?;
    bits.strip_prefix(&[0]).map(|key| (algorithm, key))
}

/// The content of the DER element with this tag that stands first, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let [first, length, rest @ ..] = der else { return None };
    if *first != tag {
        return None;
    }
    let (length, rest) = match *length {
        short @ ..=0x7f => (usize::from(short), rest),
        long @ 0x81..=0x83 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(long & 0x0f))?;
            (bytes.iter().fold(0, |n, b| n << 8 | usize::from(*b)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}
