//! Candidate hashes: what senders compute instead of HMAC-SHA256.

use super::super::key::{finish, keyed};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

/// The digest of a key and a message.
type Hash = fn(&[u8], &[u8]) -> Option<Vec<u8>>;

/// Hash, with the clause about it.
pub(super) const HASHES: [(&str, Hash); 6] = [
    ("the sender uses HMAC-SHA1", |key, message| {
        let mac = Hmac::<Sha1>::new_from_slice(key).ok()?;
        Some(mac.chain_update(message).finalize().into_bytes().to_vec())
    }),
    ("the sender uses HMAC-SHA512", |key, message| {
        let mac = Hmac::<Sha512>::new_from_slice(key).ok()?;
        Some(mac.chain_update(message).finalize().into_bytes().to_vec())
    }),
    ("the sender uses plain SHA-256 of secret and message, not HMAC", |key, message| {
        Some(Sha256::new().chain_update(key).chain_update(message).finalize().to_vec())
    }),
    ("the sender uses plain SHA-256 of message and secret, not HMAC", |key, message| {
        Some(Sha256::new().chain_update(message).chain_update(key).finalize().to_vec())
    }),
    ("the sender uses plain SHA-256 without any secret, which everybody can forge", |_, message| {
        Some(Sha256::digest(message).to_vec())
    }),
    ("the sender swaps key and message", |key, message| Some(finish(&keyed(message), &[key]).to_vec())),
];
