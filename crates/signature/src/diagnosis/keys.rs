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
pub(super) type Candidate = (String, Zeroizing<Vec<u8>>);

/// One reading of the secret's text; `None` where it does not apply.
type Reading = fn(&str) -> Option<Vec<u8>>;

/// What the secret's text is decoded from.
const DECODED: [(&str, Reading); 2] =
    [("hex-decoded", |s| hex::decode(s.trim()).ok()), ("base64-decoded", |s| base64_of(s))];

/// What else may be the key, as text.
const TEXTS: [(&str, Reading); 12] = [
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

/// Whether anybody has this key.
pub(super) fn is_anybodys(key: &[u8]) -> bool {
    key.is_empty() || key == PUBLIC_EXAMPLE
}

/// Every other key that a sender may have used, the most likely first, each once.
pub(super) fn mistaken(version: &Version, secret: &Secret) -> Vec<Candidate> {
    let (text, bare) = (secret.expose(), bare(version, secret.expose()));
    let (decodes, scheme) = match version.secret.encoding {
        KeyEncoding::Text => (false, "its characters are the key as text"),
        KeyEncoding::Hex => (true, "the scheme hex-decodes it"),
        KeyEncoding::Base64 => (true, "the scheme base64-decodes it"),
    };
    let mut found: Vec<Candidate> = Vec::new();
    let mut add = |clause: String, key: &[u8]| found.push((clause, Zeroizing::new(key.to_vec())));
    add("the sender signs with an empty secret, which anyone can use".to_owned(), b"");
    add("the sender signs with the public example secret from the staging guide".to_owned(), PUBLIC_EXAMPLE);
    if decodes {
        add(format!("the sender uses the text of the secret as the key ({scheme})"), text.as_bytes());
        let prefix = &version.secret.prefix;
        add(
            format!("the sender uses the text of the secret without its `{prefix}` as the key ({scheme})"),
            bare.as_bytes(),
        );
    }
    for (how, read) in DECODED {
        if let Some(key) = read(bare).map(Zeroizing::new) {
            add(format!("the sender {how} the secret ({scheme})"), &key);
        }
    }
    for (clause, read) in TEXTS {
        let Some(key) = read(text).map(Zeroizing::new) else { continue };
        let more = if decodes { format!(", and its text is the key ({scheme})") } else { String::new() };
        add(format!("{clause}{more}"), &key);
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scheme;

    /// The clause about a key, of a scheme that decodes its secrets.
    fn clause(scheme: Scheme, secret: &str, key: &[u8]) -> String {
        let version = scheme.compiled().versions.first().unwrap();
        let found = mistaken(version, &Secret::new(secret));
        found.into_iter().find(|(_, other)| **other == key).map(|(clause, _)| clause).unwrap_or_default()
    }

    #[test]
    fn a_key_that_was_not_decoded_is_told_as_that() {
        let (coded, digits) = ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "44782def547aaa06c910c43932b1eb0c");
        let whsec = format!("whsec_{coded}");
        let standard = |key: &[u8]| clause(Scheme::StandardWebhooks, &whsec, key);
        assert_eq!(
            standard(coded.as_bytes()),
            "the sender uses the text of the secret without its `whsec_` as the key (the scheme base64-decodes it)"
        );
        assert_eq!(
            standard(whsec.as_bytes()),
            "the sender uses the text of the secret as the key (the scheme base64-decodes it)"
        );
        assert_eq!(
            standard(format!("{whsec}\n").as_bytes()),
            "the sender's secret ends in a newline, and its text is the key (the scheme base64-decodes it)"
        );
        assert_eq!(
            clause(Scheme::Adyen, digits, digits.as_bytes()),
            "the sender uses the text of the secret as the key (the scheme hex-decodes it)"
        );
        assert_eq!(
            clause(Scheme::Adyen, digits, &STANDARD.decode(digits).unwrap()),
            "the sender base64-decoded the secret (the scheme hex-decodes it)"
        );
        // Where the characters are the key, it is the prefix that is missing.
        let left_off = clause(Scheme::Stripe, &whsec, coded.as_bytes());
        assert_eq!(left_off, "the sender left the whsec_ prefix off the secret");
    }
}
