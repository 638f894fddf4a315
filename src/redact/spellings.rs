//! The spellings in which a secret can stand in a text that has no escapes any more: as it is, and as forms, base64, hex and UTF-16 write
//! it. Upper and lower case need none of their own, since the search does not tell them apart in ASCII.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use std::collections::BTreeSet;

/// Fewest characters of a spelling in base64 or hex: fewer could be ordinary text.
const FEWEST_CODED: usize = 8;

/// Every spelling of a secret, the secret itself included.
pub(super) fn all(secret: &str) -> BTreeSet<String> {
    let mut found = plain(secret);
    found.extend(coded(secret.as_bytes()));
    found.extend(utf16(secret));
    found
}

/// The spellings in which its characters still show.
pub(super) fn plain(secret: &str) -> BTreeSet<String> {
    // Forms write a space as a plus, and the plus as a code.
    [secret, &secret.to_uppercase(), &secret.to_lowercase()]
        .into_iter()
        .flat_map(|text| [text.to_owned(), text.replace(' ', "+")])
        .collect()
}

/// In hex, and in base64 wherever it begins in what is coded, as in the `user:password` of a Basic header.
fn coded(secret: &[u8]) -> Vec<String> {
    let mut found = vec![hex::encode(secret)];
    for before in 0..3usize {
        let bytes = [vec![0; before], secret.to_vec()].concat();
        // The first characters hold bits of what stands before, the last one of what stands behind.
        let first = (before * 8).div_ceil(6);
        let last = bytes.len() * 8 / 6;
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            found.extend(engine.encode(&bytes).get(first..last).map(str::to_owned));
        }
    }
    found.retain(|text| text.len() >= FEWEST_CODED);
    found
}

/// In UTF-16 that was read as UTF-8, as bodies are.
fn utf16(secret: &str) -> [String; 2] {
    let read = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).trim_matches('\0').to_owned();
    let little = secret.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big = secret.encode_utf16().flat_map(u16::to_be_bytes).collect();
    [read(little), read(big)]
}
