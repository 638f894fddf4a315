//! Candidate keys: what senders make of the secret by mistake.

use crate::Secret;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use super::super::compiled::Version;
use super::super::key::decoded;
use super::super::spec::KeyEncoding;

/// The guide's example, which everybody has.
const PUBLIC_EXAMPLE: &[u8] = b"a1b2c3d4e5f6789012345678901234567890abcdef1234567890abcdef123456";

/// The whole clause about a key, and its bytes.
pub(super) type Candidate = (&'static str, Zeroizing<Vec<u8>>);

/// One reading of the secret's text; `None` where it does not apply.
type Reading = fn(&str) -> Option<Vec<u8>>;

const READINGS: [(&str, Reading); 14] = [
    ("the sender hex-decoded the secret (its characters are the key as text)", |s| {
        hex::decode(s.trim()).ok()
    }),
    ("the sender base64-decoded the secret (its characters are the key as text)", |s| base64_of(s)),
    ("the sender's secret ends in a newline", |s| Some(format!("{s}\n").into())),
    ("the sender's secret ends in a carriage return and newline", |s| Some(format!("{s}\r\n").into())),
    ("the sender's secret ends in a space", |s| Some(format!("{s} ").into())),
    ("the sender's secret begins with a space", |s| Some(format!(" {s}").into())),
    ("the secret here has spaces or a newline around it that the sender's does not have", |s| {
        Some(s.trim().into())
    }),
    ("the sender's secret is in upper case", |s| Some(s.to_uppercase().into())),
    ("the sender's secret is in lower case", |s| Some(s.to_lowercase().into())),
    ("the sender's secret has double quotes around it", |s| Some(format!("\"{s}\"").into())),
    ("the sender's secret has single quotes around it", |s| Some(format!("'{s}'").into())),
    ("the sender left the whsec_ prefix off the secret", |s| s.strip_prefix("whsec_").map(Into::into)),
    ("the sender base64-encoded the secret", |s| Some(STANDARD.encode(s).into())),
    ("the sender hex-encoded the secret", |s| Some(hex::encode(s).into())),
];

fn base64_of(text: &str) -> Option<Vec<u8>> {
    let text = text.trim().trim_end_matches('=');
    let text = text.strip_prefix("whsec_").unwrap_or(text);
    STANDARD_NO_PAD.decode(text).or_else(|_| URL_SAFE_NO_PAD.decode(text)).ok()
}

/// The secret without what the profile puts before it.
fn bare<'s>(version: &Version, text: &'s str) -> &'s str {
    text.strip_prefix(version.secret.prefix.as_str()).unwrap_or(text)
}

/// The key that the sender wants, as bytes; `None` when the secret is none.
pub(super) fn exact(version: &Version, secret: &Secret) -> Option<Zeroizing<Vec<u8>>> {
    decoded(version.secret.encoding, bare(version, secret.expose())).ok()
}

/// Every other key that a sender may have used, the most likely first, each once.
pub(super) fn mistaken(version: &Version, secret: &Secret) -> Vec<Candidate> {
    let text = secret.expose();
    let mut found: Vec<Candidate> = vec![
        ("the sender signs with an empty secret, which anyone can use", Zeroizing::new(Vec::new())),
        (
            "the sender signs with the public example secret from the staging guide",
            Zeroizing::new(PUBLIC_EXAMPLE.to_vec()),
        ),
    ];
    let as_text = match version.secret.encoding {
        KeyEncoding::Text => None,
        KeyEncoding::Hex => {
            Some("the sender uses the text of the secret as the key (the scheme hex-decodes it)")
        }
        KeyEncoding::Base64 => {
            Some("the sender uses the text of the secret as the key (the scheme base64-decodes it)")
        }
    };
    if let Some(clause) = as_text {
        found.push((clause, Zeroizing::new(text.as_bytes().to_vec())));
    }
    found.extend(READINGS.iter().filter_map(|(clause, read)| Some((*clause, Zeroizing::new(read(text)?)))));
    let exact = exact(version, secret);
    let mut unique: Vec<Candidate> = Vec::with_capacity(found.len());
    for candidate in found {
        let known = |key: &Zeroizing<Vec<u8>>| **key == *candidate.1;
        if !exact.as_ref().is_some_and(known) && !unique.iter().any(|(_, key)| known(key)) {
            unique.push(candidate);
        }
    }
    unique
}
