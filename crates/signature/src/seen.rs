//! What the headers of a request say about its signature, before anything is believed.

use super::scheme::Scheme;
use super::verdict::Reason;
use subtle::ConstantTimeEq;

/// More signatures than this in one header are refused unread; key rotation needs two.
const MAX_TAGS: usize = 32;

/// Why a request is not valid.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) reason: Reason,
    pub(super) says: Option<String>,
}

impl Problem {
    pub(super) fn new(reason: Reason, says: impl Into<String>) -> Self {
        Self { reason, says: Some(says.into()) }
    }

    fn malformed(says: impl Into<String>) -> Self {
        Self::new(Reason::Malformed, says)
    }
}

/// The signature headers as they stand; texts never leave this module's users, for they may hold anything.
#[derive(Debug)]
pub(super) struct Seen<'h> {
    scheme: Scheme,
    /// The whole value of the signature header.
    pub(super) value: Option<&'h str>,
    /// Timestamp text.
    pub(super) timestamp: Option<&'h str>,
    /// Id text.
    pub(super) id: Option<&'h str>,
    twice: Option<&'static str>,
}

impl<'h> Seen<'h> {
    /// The first value of a header without the blanks around it, which HTTP does not count as part of it.
    pub(super) fn first(headers: &'h [(String, String)], name: &str) -> Option<&'h str> {
        headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim_matches([' ', '\t']))
    }

    /// Picks the scheme's headers out of a request's.
    pub(super) fn read(scheme: Scheme, headers: &'h [(String, String)]) -> Self {
        let layout = scheme.layout();
        let value = Self::first(headers, layout.signature);
        let timestamp = match scheme {
            Scheme::Stripe => value.and_then(|v| stripe_items(v, "t").next()),
            _ => layout.timestamp.and_then(|name| Self::first(headers, name)),
        };
        let count = |name: &str| headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).count();
        Self {
            scheme,
            value,
            timestamp,
            id: layout.id.and_then(|name| Self::first(headers, name)),
            twice: layout.own.iter().copied().find(|name| count(name) > 1),
        }
    }

    /// That every header that the verification needs is there, once, and not empty.
    pub(super) fn complete(&self) -> Result<(), Problem> {
        let layout = self.scheme.layout();
        let missing = |name: &str| Problem::new(Reason::Missing, format!("no {name} header"));
        let empty = |name: &str| Problem::new(Reason::Missing, format!("the {name} header is empty"));
        match self.value {
            None => return Err(missing(layout.signature)),
            Some("") => {
                let why = "a sender without a secret signs nothing";
                return Err(Problem::new(Reason::Missing, format!("{} is empty: {why}", layout.signature)));
            }
            Some(_) => {}
        }
        // GitHub's delivery id is outside the MAC and nobody verifies it.
        let id = layout.id.filter(|_| self.scheme != Scheme::Github);
        for (name, value) in [(layout.timestamp, self.timestamp), (id, self.id)] {
            match (name, value) {
                (Some(name), None) => return Err(missing(name)),
                (Some(name), Some("")) => return Err(empty(name)),
                _ => {}
            }
        }
        match self.twice {
            Some(name) => Err(Problem::malformed(format!("{name} is given more than once"))),
            None => Ok(()),
        }
    }

    /// The signatures in the header under this version label of Standard Webhooks, decoded to `length` bytes each.
    pub(super) fn base64_tags(&self, label: &str, length: usize) -> Result<Vec<Vec<u8>>, Problem> {
        use base64::Engine;
        let entries = self.value.unwrap_or_default().split(' ').filter(|e| !e.is_empty());
        if entries.clone().count() > MAX_TAGS {
            return Err(self.too_many());
        }
        let tags: Vec<Vec<u8>> = entries
            .filter_map(|entry| entry.split_once(',').filter(|(l, _)| *l == label))
            .filter_map(|(_, text)| base64::engine::general_purpose::STANDARD.decode(text).ok())
            .filter(|bytes| bytes.len() == length)
            .collect();
        if tags.is_empty() {
            let name = self.scheme.layout().signature;
            let what = format!("{name} holds no `{label},` signature of {length} base64-coded bytes");
            return Err(Problem::malformed(what));
        }
        Ok(tags)
    }

    /// The signatures in the header, 64 lower-case hex digits each.
    pub(super) fn hex_tags(&self) -> Result<Vec<&'h str>, Problem> {
        let layout = self.scheme.layout();
        let value = self.value.unwrap_or_default();
        let tags: Vec<&str> = match self.scheme {
            Scheme::Stripe => stripe_items(value, "v1").collect(),
            Scheme::Timestamped => vec![value.strip_prefix(layout.prefix).unwrap_or(value)],
            _ => value.strip_prefix(layout.prefix).into_iter().collect(),
        };
        if tags.len() > MAX_TAGS {
            return Err(self.too_many());
        }
        let right: Vec<&str> = tags.iter().copied().filter(|t| hex_problem(t).is_none()).collect();
        match (right.is_empty(), tags.first()) {
            (false, _) => Ok(right),
            (true, Some(tag)) => {
                let what = hex_problem(tag).unwrap_or_default();
                Err(Problem::malformed(format!("{} {what}", layout.signature)))
            }
            (true, None) => {
                let what = format!("{} holds no `{}` signature", layout.signature, layout.prefix);
                Err(Problem::malformed(what))
            }
        }
    }

    fn too_many(&self) -> Problem {
        let name = self.scheme.layout().signature;
        Problem::malformed(format!("{name} holds more than {MAX_TAGS} signatures"))
    }

    /// The timestamp in Unix milliseconds; `None` for a scheme without one.
    pub(super) fn time(&self) -> Result<Option<i64>, Problem> {
        use super::scheme::Unit::{Milliseconds, Seconds};
        let Some(unit) = self.scheme.layout().unit else { return Ok(None) };
        let text = self.timestamp.unwrap_or_default();
        if let Some(ms) = unit.parse(text) {
            return Ok(Some(ms));
        }
        let digits = text.bytes().all(|b| b.is_ascii_digit());
        let says = match (unit, digits, text.len()) {
            (_, _, 0) => "there is no timestamp in the signature header".to_owned(),
            (Milliseconds, true, 9 | 10) => {
                "timestamp is in seconds, the scheme says milliseconds".to_owned()
            }
            (Seconds, true, 12 | 13) => "timestamp is in milliseconds, the scheme says seconds".to_owned(),
            (Milliseconds, true, n) => format!("timestamp has {n} digits, not 13 (Unix milliseconds)"),
            (Seconds, true, n) => format!("timestamp has {n} digits, which cannot be Unix seconds"),
            (Milliseconds, false, _) => "timestamp is not a 13-digit number (Unix milliseconds)".to_owned(),
            (Seconds, false, _) => "timestamp is not a number (Unix seconds)".to_owned(),
        };
        Err(Problem::malformed(says))
    }

    /// That the id has the form of the scheme.
    pub(super) fn id_form(&self) -> Result<(), Problem> {
        let is_uuid = |id: &str| id.len() == 36 && uuid::Uuid::try_parse(id).is_ok();
        match (self.scheme, self.id) {
            (Scheme::DeltacrownV2, Some(id)) if !is_uuid(id) => {
                Err(Problem::malformed("X-Webhook-Id is not a UUID (8-4-4-4-12 hex digits)"))
            }
            _ => Ok(()),
        }
    }
}

/// The values of `key` in Stripe's `t=…,v1=…,v1=…`.
fn stripe_items<'h>(value: &'h str, key: &'static str) -> impl Iterator<Item = &'h str> {
    value
        .split(',')
        .filter_map(move |item| item.trim().split_once('=').filter(|(k, _)| *k == key).map(|(_, v)| v))
}

/// What keeps `tag` from being 64 lower-case hex digits.
fn hex_problem(tag: &str) -> Option<String> {
    let lower = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    // Not `all`: looking at each of the 64 is faster than stopping early.
    if tag.len() == 64 && tag.bytes().fold(true, |all, b| all & lower(b)) {
        None
    } else if !tag.bytes().all(|b| b.is_ascii_hexdigit()) {
        Some(format!("is not 64 hex digits: {} characters, not all of them hex digits", tag.chars().count()))
    } else if tag.len() != 64 {
        Some(format!("has {} hex digits, not 64", tag.len()))
    } else {
        Some("is in upper case: signatures are compared case-sensitively and are lower-case hex".to_owned())
    }
}

/// Whether two byte strings are equal, in a time that depends on their lengths only.
pub(super) fn same(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}
