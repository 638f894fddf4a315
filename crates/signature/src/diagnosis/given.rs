//! The signature as it was given, brought to hex so that a right digest is known in any spelling.

use super::super::compare::same;
use super::super::spec::Encoding;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// Fewer matching hex digits than this are chance, not a cut-off signature.
const LEAST_DIGITS: usize = 16;

/// Parts of a header that are read: as many signatures as one may hold (32), each with its label, and a few that are none.
const MOST_PARTS: usize = 80;

/// One way to read the signature text.
#[derive(Debug)]
struct Reading {
    /// Lower-case hex of the digest it stands for.
    hex: String,
    /// What is wrong with the spelling; `None` for the scheme's own.
    clause: Option<String>,
}

/// The ways to read the signatures of one request.
#[derive(Debug)]
pub(super) struct Given(Vec<Reading>);

/// How a digest relates to what was given.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Likeness {
    /// What is wrong with the spelling of the signature, if anything.
    pub(super) clause: Option<String>,
    /// The digest itself.
    pub(super) digest: Vec<u8>,
}

impl Given {
    /// Reads the text of a signature; `prefix` is what the sender puts before the digest and `own` how it spells it.
    pub(super) fn read(value: &str, prefix: &str, own: Encoding) -> Self {
        let mut readings = Vec::new();
        for part in value.split([' ', ',', ';', '"']).filter(|p| !p.is_empty()).take(MOST_PARTS) {
            let (found, text) = split_prefix(part);
            // A list of `v1,tag` falls apart at its commas, so its label is never seen here.
            let label = match (found, own) {
                (_, Encoding::Base64 | Encoding::Base64url) => None,
                ("", _) if prefix.is_empty() || value.contains(prefix) || prefix == "sha256=" => None,
                (found, _) if found == prefix => None,
                ("", _) => Some(format!("the signature lacks its `{prefix}` prefix")),
                (found, _) => {
                    Some(format!("the signature has a `{found}` prefix that the scheme does not have"))
                }
            };
            readings.extend(spellings(text, own, label.as_deref()));
        }
        Self(readings)
    }

    /// Whether `digest` is what was given, whole or cut.
    pub(super) fn is(&self, digest: &[u8]) -> Option<Likeness> {
        let hex = hex::encode(digest);
        self.0.iter().find_map(|reading| {
            let given = reading.hex.as_str();
            let length = given.len().min(hex.len());
            let alike = length >= LEAST_DIGITS
                && same(given.as_bytes().get(..length)?, hex.as_bytes().get(..length)?);
            alike.then(|| Likeness {
                clause: with_length(reading.clause.as_deref(), given.len(), hex.len()),
                digest: digest.to_vec(),
            })
        })
    }

    /// The bytes that were given, each reading once, with what is wrong with its spelling.
    pub(super) fn bytes(&self) -> impl Iterator<Item = (Vec<u8>, Option<&str>)> {
        self.0.iter().filter_map(|reading| Some((hex::decode(&reading.hex).ok()?, reading.clause.as_deref())))
    }

    /// Takes out the readings that are one digit over and over; gives the digit when nothing else is left.
    pub(super) fn constant(&mut self) -> Option<char> {
        let of = |hex: &str| {
            hex.chars().next().filter(|first| hex.len() >= LEAST_DIGITS && hex.chars().all(|c| c == *first))
        };
        let digit = self.0.iter().find_map(|reading| of(&reading.hex))?;
        // Of a list another one may be the sender's. What is too short for a signature is none.
        self.0.retain(|reading| of(&reading.hex).is_none() && reading.hex.len() >= LEAST_DIGITS);
        self.0.is_empty().then_some(digit)
    }
}

fn split_prefix(part: &str) -> (&str, &str) {
    const PREFIXES: [&str; 10] =
        ["sha256=", "sha1=", "sha512=", "v1=", "v0=", "t=", "ts=", "h1=", "hmac-sha256=", "HMAC-SHA256="];
    PREFIXES.iter().find_map(|p| Some((*p, part.strip_prefix(p)?))).unwrap_or(("", part))
}

fn spellings(text: &str, own: Encoding, label: Option<&str>) -> Vec<Reading> {
    let join = |clause: Option<&str>| match (label, clause) {
        (Some(label), Some(clause)) => Some(format!("{label} and {clause}")),
        (label, clause) => label.or(clause).map(str::to_owned),
    };
    let mut readings = Vec::new();
    if text.bytes().all(|b| b.is_ascii_hexdigit()) {
        let lower = text.to_ascii_lowercase();
        let clause = match own {
            Encoding::Base64 | Encoding::Base64url => Some("the signature is hex instead of base64"),
            Encoding::Hex if lower == text => None,
            Encoding::Hex => Some("the digits are right except for being upper case"),
        };
        readings.push(Reading { hex: lower, clause: join(clause) });
        // Base64 of a digest that happens to be all hex digits does not happen.
        return readings;
    }
    let bare = text.trim_end_matches('=');
    let coded = [
        (STANDARD_NO_PAD.decode(bare), "the signature is base64 instead of hex"),
        (URL_SAFE_NO_PAD.decode(bare), "the signature is URL-safe base64"),
    ];
    for (bytes, clause) in coded {
        let Ok(bytes) = bytes else { continue };
        let is_url_safe = clause.starts_with("the signature is URL");
        let clause = Some(clause).filter(|_| match own {
            Encoding::Hex => true,
            Encoding::Base64 => is_url_safe,
            Encoding::Base64url => false,
        });
        // Base64 around the hex text instead of the bytes.
        if bytes.len() >= LEAST_DIGITS && bytes.iter().all(u8::is_ascii_hexdigit) {
            let hex = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
            readings.push(Reading { hex, clause: join(Some("the signature is base64 of its hex text")) });
        }
        readings.push(Reading { hex: hex::encode(bytes), clause: join(clause) });
    }
    readings
}

fn with_length(clause: Option<&str>, given: usize, whole: usize) -> Option<String> {
    let length = match given.cmp(&whole) {
        std::cmp::Ordering::Equal => None,
        std::cmp::Ordering::Less => Some(format!("the signature is cut off: {given} of {whole} hex digits")),
        std::cmp::Ordering::Greater => Some(format!("{} hex digits follow the right {whole}", given - whole)),
    };
    match (clause, length) {
        (Some(clause), Some(length)) => Some(format!("{clause} and {length}")),
        (clause, length) => length.or_else(|| clause.map(str::to_owned)),
    }
}
