//! Candidate hashes: what senders compute instead of their own.

use super::super::key::{finish, keyed};
use super::super::spec::Algorithm;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

/// The digest of a key and a message.
type Hash = fn(&[u8], &[u8]) -> Option<Vec<u8>>;

/// The clause about a hash, the algorithm of which it is the right one, and the hash.
pub(super) const HASHES: [(&str, Option<Algorithm>, Hash); 7] = [
    ("the sender uses HMAC-SHA1", Some(Algorithm::HmacSha1), |key, message| {
        let mac = Hmac::<Sha1>::new_from_slice(key).ok()?;
        Some(mac.chain_update(message).finalize().into_bytes().to_vec())
    }),
    ("the sender uses HMAC-SHA256", Some(Algorithm::HmacSha256), |key, message| {
        Some(finish(&keyed(key), &[message]).to_vec())
    }),
    ("the sender uses HMAC-SHA512", Some(Algorithm::HmacSha512), |key, message| {
        let mac = Hmac::<Sha512>::new_from_slice(key).ok()?;
        Some(mac.chain_update(message).finalize().into_bytes().to_vec())
    }),
    ("the sender uses plain SHA-256 of secret and message, not HMAC", None, |key, message| {
        Some(Sha256::new().chain_update(key).chain_update(message).finalize().to_vec())
    }),
    ("the sender uses plain SHA-256 of message and secret, not HMAC", None, |key, message| {
        Some(Sha256::new().chain_update(message).chain_update(key).finalize().to_vec())
    }),
    ("the sender uses plain SHA-256 without any secret, which anyone can forge", None, |_, message| {
        Some(Sha256::digest(message).to_vec())
    }),
    ("the sender swaps key and message", None, |key, message| Some(finish(&keyed(message), &[key]).to_vec())),
];
