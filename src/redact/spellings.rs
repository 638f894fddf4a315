//! The spellings in which a secret can stand in a text that has no escapes any more: as it is, and as forms, base64, hex and UTF-16 write
//! it. Upper and lower case need none of their own, since the search does not tell them apart in ASCII.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::collections::BTreeSet;

/// Fewest characters of a spelling in base64 or hex: fewer could be ordinary text.
const FEWEST_CODED: usize = 8;

/// What stays as it is (RFC 3986, section 2.3).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Every spelling of a secret, the secret itself included.
pub(super) fn all(secret: &str) -> BTreeSet<String> {
    let mut found = plain(secret);
    for written in written(secret) {
        found.extend(coded(written.as_bytes()));
    }
    found.extend(utf16(secret));
    found
}

/// As it is, and as it stands in the JSON, the form or the URL that somebody codes as a whole: an echo of a request in base64.
fn written(secret: &str) -> BTreeSet<String> {
    let json = serde_json::Value::from(secret).to_string();
    let json = json.get(1..json.len().saturating_sub(1)).unwrap_or_default().to_owned();
    let path = utf8_percent_encode(secret, UNRESERVED).to_string();
    let form = path.replace("%20", "+");
    BTreeSet::from([secret.to_owned(), json, path, form])
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
