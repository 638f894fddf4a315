//! The spellings in which a secret can stand in a text: as it is, and as URLs, forms, JSON, HTML, base64, hex and UTF-16
//! write it. Upper and lower case need none of their own, since the search does not tell them apart in ASCII.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use pii::escaped;
use std::collections::BTreeSet;

/// All but the unreserved characters of RFC 3986, section 2.3.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// As a path with its slashes: what Python's `quote` leaves.
const PATH: &AsciiSet = &COMPONENT.remove(b'/');
/// What `encodeURI` and browsers' address bars leave.
const URI: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'%')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');
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
    // These stand in every writing for themselves.
    if secret.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b)) {
        return BTreeSet::from([secret.to_owned()]);
    }
    let mut found = BTreeSet::from([secret.to_owned(), secret.to_uppercase(), secret.to_lowercase()]);
    for set in [COMPONENT, PATH, URI] {
        found.insert(utf8_percent_encode(secret, set).to_string());
    }
    found.insert(url::form_urlencoded::byte_serialize(secret.as_bytes()).collect());
    found.insert(utf8_percent_encode(secret, COMPONENT).to_string().replace("%20", "+"));
    found.extend(json(secret));
    for (quote, apostrophe) in
        [("&quot;", "&#39;"), ("&quot;", "&#x27;"), ("&#34;", "&#39;"), ("&quot;", "&apos;"), ("\"", "'")]
    {
        let html = secret.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        found.insert(html.replace('"', quote).replace('\'', apostrophe));
    }
    found
}

/// As JSON text: plain, with slashes escaped (PHP), safe for HTML (Django, Go), and in ASCII only (Python).
fn json(secret: &str) -> Vec<String> {
    let quoted = serde_json::Value::from(secret).to_string();
    let bare = quoted.strip_prefix('"').and_then(|q| q.strip_suffix('"')).unwrap_or_default().to_owned();
    let html = |c: char| "<>&'".contains(c);
    let safe = escaped(&bare, html).into_owned();
    let ascii = escaped(&bare, |c| !c.is_ascii()).into_owned();
    let ascii_safe = escaped(&bare, |c| !c.is_ascii() || html(c)).into_owned();
    let php = |text: &str| text.replace('/', "\\/");
    let slashes = [&bare, &ascii].map(|text| php(text));
    let twice = serde_json::Value::from(bare.as_str()).to_string();
    let twice = twice.trim_matches('"').to_owned();
    [bare, safe, ascii, ascii_safe, twice].into_iter().chain(slashes).collect()
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
