//! Fingerprints: the first 8 bytes of a SHA-256, equal for equal content.

use crate::journal::Attempt;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The fingerprint of some bytes.
pub(super) fn print(bytes: &[u8]) -> u64 {
    print_of([bytes])
}

/// The fingerprint of several pieces; where one ends and the next begins counts too.
pub(super) fn print_of<'p>(parts: impl IntoIterator<Item = &'p [u8]>) -> u64 {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().iter().take(8).fold(0, |n, &b| n << 8 | u64::from(b))
}

/// One fingerprint over the signature headers, id and timestamp included.
pub(super) fn signature_print(attempt: &Attempt, own_headers: &[&str]) -> u64 {
    print_of(own_headers.iter().map(|name| attempt.header(name).unwrap_or_default().as_bytes()))
}

/// A value as text that is equal for equal values: whole floats are written as integers.
pub(super) fn canonical(value: &Value) -> String {
    match value.as_f64() {
        Some(f) if !value.is_i64() && !value.is_u64() && f.fract() == 0.0 && f.abs() < 9e15 => {
            format!("{f:.0}")
        }
        _ => value.to_string(),
    }
}
