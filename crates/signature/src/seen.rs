//! What the headers of a request say about its signature, before anything is believed.

use super::compiled::{Compiled, Version};
use super::labelled;
use super::spec::{Encoding, Form, TimestampSpec, Unit};
use super::verdict::Reason;
use serde_json::Value;
use std::borrow::Cow;

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

    pub(super) fn malformed(says: impl Into<String>) -> Self {
        Self::new(Reason::Malformed, says)
    }
}

/// The first value of a header without the blanks around it, which HTTP does not count as part of it.
pub(super) fn first<'h>(headers: &'h [(String, String)], name: &str) -> Option<&'h str> {
    headers
        .iter()
        .find(|(n, _)| n.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim_matches([' ', '\t']))
}

/// The first values of those of a sender's own headers that are read, from one pass over a request's.
#[derive(Default)]
struct Own<'h> {
    signature: Option<&'h str>,
    timestamp: Option<&'h str>,
    id: Option<&'h str>,
    /// The first of all own ones that appears twice, by its place among [`Compiled::own`].
    twice: Option<usize>,
}

impl<'h> Own<'h> {
    fn read(sender: &Compiled, headers: &'h [(String, String)]) -> Self {
        let (mut own, mut met) = (Self::default(), 0_u64);
        let places = &sender.places;
        for (name, value) in headers {
            // Most names are written as the profile has them, which is seen faster.
            let same =
                |own: &&str| own.len() == name.len() && (*own == name || own.eq_ignore_ascii_case(name));
            let Some(place) = sender.own.iter().position(same) else { continue };
            // A profile lists at most 32 headers, and names four at most in other places.
            let bit = 1_u64 << (place % 64);
            if met & bit != 0 {
                if sender.spec.signature.form == Form::MessageSignatures && is_list(name) {
                    continue;
                }
                own.twice = Some(own.twice.map_or(place, |before| before.min(place)));
                continue;
            }
            met |= bit;
            let value = Some(value.trim_matches([' ', '\t']));
            if places.signature == Some(place) {
                own.signature = value;
            }
            if places.timestamp == Some(place) {
                own.timestamp = value;
            }
            if places.id == Some(place) {
                own.id = value;
            }
        }
        own
    }
}

/// Whether the lines of a header of message signatures are one list (RFC 9421, sections 4.1 and 4.2; RFC 9530, section 2).
fn is_list(name: &str) -> bool {
    ["Signature-Input", "Signature", "Content-Digest"].iter().any(|list| list.eq_ignore_ascii_case(name))
}

/// What a header of pairs says beside its signatures.
#[derive(Debug, Default)]
struct Pairs<'h> {
    timestamp: Option<&'h str>,
    odd: Option<Odd>,
}

/// Why libraries read a header of pairs in different ways.
#[derive(Debug, Clone, Copy)]
enum Odd {
    /// A part is no pair, which Stripe's library for Go refuses.
    NoPair,
    /// A key that the sender's profile does not name, or a second `=`, which Paddle's library for Python refuses.
    OtherKey,
    /// A time that is text where the sender's has to be a number, which Linear's library refuses.
    TimeIsText,
    /// Of two times Stripe's library for Python takes the first, those for Go and Node the last.
    TwoTimes,
}

impl<'h> Pairs<'h> {
    fn read(value: &'h str, sender: &Compiled, timestamp: Option<&str>) -> Self {
        let mut pairs = Self::default();
        let only_keys = sender.spec.signature.only_keys;
        for part in Parts::of(value, sender.separator) {
            let Some((key, text)) = part.split_once('=') else {
                pairs.odd = Some(Odd::NoPair);
                continue;
            };
            let is_time = timestamp == Some(key);
            if only_keys && (text.contains('=') || !is_time && !sender.versions.iter().any(|v| v.key == key))
            {
                pairs.odd = pairs.odd.or(Some(Odd::OtherKey));
            }
            if !is_time {
                continue;
            }
            match pairs.timestamp {
                None => pairs.timestamp = Some(text),
                Some(first) if first != text => pairs.odd = pairs.odd.or(Some(Odd::TwoTimes)),
                Some(_) => {}
            }
        }
        pairs
    }
}

/// The signature headers as they stand; texts never leave this module's users, for they may hold anything.
#[derive(Debug)]
pub(super) struct Seen<'h> {
    sender: &'static Compiled,
    /// The whole text of the signature.
    pub(super) value: Option<Cow<'h, str>>,
    /// Timestamp text.
    pub(super) timestamp: Option<Cow<'h, str>>,
    /// Id text.
    pub(super) id: Option<Cow<'h, str>>,
    twice: Option<&'static str>,
    odd: Option<Odd>,
}

impl<'h> Seen<'h> {
    /// Picks the sender's headers out of a request's; the body is looked into only where the sender puts its signature there.
    pub(super) fn read(sender: &'static Compiled, headers: &'h [(String, String)], body: &'h [u8]) -> Self {
        let s = &sender.spec.signature;
        let place = s.timestamp.as_ref();
        let needs_json = s.json.is_some()
            || place.is_some_and(|t| t.json.is_some())
            || (sender.needs_id && sender.spec.id.json.is_some());
        let json: Option<Value> = needs_json.then(|| serde_json::from_slice(body).ok()).flatten();
        let at = |pointer: &Option<String>| json_text(json.as_ref()?, pointer.as_deref()?).map(Cow::Owned);
        let own = Own::read(sender, headers);
        let value = own.signature.map(Cow::Borrowed).or_else(|| at(&s.json));
        let key = place.and_then(|t| t.key.as_deref());
        let (in_pairs, odd) = match &value {
            _ if s.form != Form::Pairs => (None, None),
            None => (None, None),
            Some(Cow::Borrowed(value)) => {
                let pairs = Pairs::read(value, sender, key);
                (pairs.timestamp.map(Cow::Borrowed), pairs.odd)
            }
            Some(Cow::Owned(value)) => {
                let pairs = Pairs::read(value, sender, key);
                (pairs.timestamp.map(|text| Cow::Owned(text.to_owned())), pairs.odd)
            }
        };
        let timestamp = own.timestamp.map(Cow::Borrowed).or(in_pairs);
        let timestamp = timestamp.or_else(|| place.and_then(|t| at(&t.json)));
        let id = own.id.map(Cow::Borrowed).or_else(|| at(&sender.spec.id.json));
        let is_text = |t: &&TimestampSpec| {
            let at = t.json.as_deref().and_then(|pointer| json.as_ref()?.pointer(pointer));
            t.number && at.is_some_and(Value::is_string)
        };
        let odd = odd.or(place.filter(is_text).map(|_| Odd::TimeIsText));
        let twice = own.twice.and_then(|place| sender.own.get(place).copied());
        Self { sender, value, timestamp, id, twice, odd }
    }

    /// That everything that the verification needs is there, once, and not empty.
    pub(super) fn complete(&self) -> Result<(), Problem> {
        let name = self.sender.signature_name();
        match self.value.as_deref() {
            None => return Err(Problem::new(Reason::Missing, missing(name))),
            Some("") => {
                let why = "a sender without a secret signs nothing";
                return Err(Problem::new(Reason::Missing, format!("{name} is empty: {why}")));
            }
            Some(_) => {}
        }
        let spec = self.sender.spec;
        let time = spec.signature.timestamp.as_ref().and_then(|t| t.header.as_deref().or(t.json.as_deref()));
        let id = spec.id.header.as_deref().or(spec.id.json.as_deref()).filter(|_| self.sender.needs_id);
        for (name, value) in [(time, self.timestamp.as_deref()), (id, self.id.as_deref())] {
            match (name, value) {
                (Some(name), None) => return Err(Problem::new(Reason::Missing, missing(name))),
                (Some(name), Some("")) => {
                    return Err(Problem::new(Reason::Missing, format!("the {name} header is empty")));
                }
                _ => {}
            }
        }
        self.once()
    }

    /// That none of the sender's own headers appears twice, and that libraries cannot read one in different ways.
    pub(super) fn once(&self) -> Result<(), Problem> {
        let name = self.sender.signature_name();
        match (self.twice, self.odd) {
            (None, None) => Ok(()),
            (Some(name), _) => Err(Problem::malformed(format!("{name} appears more than once"))),
            (None, Some(Odd::NoPair)) => Err(Problem::malformed(format!(
                "{name} has a part that is not `key=value`, which the strictest of the sender's libraries rejects"
            ))),
            (None, Some(Odd::OtherKey)) => Err(Problem::malformed(format!(
                "{name} has a key the profile does not name, or a second `=` in a pair, which the strictest of the \
                 sender's libraries rejects"
            ))),
            (None, Some(Odd::TimeIsText)) => {
                Err(Problem::malformed("the timestamp in the body is text, but this sender's is a number"))
            }
            (None, Some(Odd::TwoTimes)) => {
                let key = self.sender.spec.signature.timestamp.as_ref().and_then(|time| time.key.as_deref());
                Err(Problem::malformed(format!(
                    "{name} has `{}=` twice, and the sender's libraries disagree on which counts",
                    key.unwrap_or_default()
                )))
            }
        }
    }

    /// The entries of the header that may be signatures of a version: of pairs, those under its key. Blanks are part of a key,
    /// as Stripe's libraries for Python and Node have it: `t=1, v1=…` has no `v1`.
    fn entries<'s>(&'s self, version: &'s Version) -> impl Iterator<Item = &'s str> {
        let form = self.sender.spec.signature.form;
        let value = self.value.as_deref().unwrap_or_default();
        Parts::of(value, self.sender.separator).filter_map(move |part| match form {
            Form::Pairs => part.strip_prefix(version.key)?.strip_prefix('='),
            Form::List => (self.sender.labelled || !part.is_empty()).then_some(part),
            Form::Plain | Form::MessageSignatures => Some(part),
        })
    }

    /// Whether one of the signatures of a version is right: `is_right` is asked of each, without what stands before it.
    ///
    /// # Errors
    /// There are too many, or one that makes a library refuse all of them.
    pub(super) fn any(
        &self,
        version: &Version,
        mut is_right: impl FnMut(&str) -> bool,
    ) -> Result<bool, Problem> {
        let (mut right, mut last) = (false, false);
        for (count, entry) in self.entries(version).enumerate() {
            if count == MAX_TAGS {
                let name = self.sender.signature_name();
                return Err(Problem::malformed(format!("{name} holds more than {MAX_TAGS} signatures")));
            }
            let tag = bare(version, entry);
            last = tag.is_some_and(&mut is_right);
            if self.sender.labelled
                && !right
                && !last
                && let Some(what) = labelled::unreadable(entry, tag)
            {
                return Err(self.unreadable(what));
            }
            right |= last;
        }
        Ok(if self.sender.spec.signature.last_only { last } else { right })
    }

    fn unreadable(&self, what: &str) -> Problem {
        let name = self.sender.signature_name();
        Problem::malformed(format!(
            "{name} holds an entry that {what}, for which the strictest of the sender's libraries rejects the whole header"
        ))
    }

    /// What it is called that none of the signatures is right; nothing where no more is known than that.
    pub(super) fn mismatch(&self, version: &Version) -> Problem {
        let several = self.sender.spec.signature.last_only && self.entries(version).nth(1).is_some();
        let says =
            || format!("of several `{}=` one of the sender's libraries only takes the last", version.key);
        Problem { reason: Reason::Mismatch, says: several.then(says) }
    }

    /// What a missing signature is called.
    pub(super) fn none(&self, version: &Version) -> Problem {
        let name = self.sender.signature_name();
        if self.sender.spec.signature.form == Form::Pairs {
            let key = version.key;
            let value = self.value.as_deref().unwrap_or_default();
            let loose =
                Parts::of(value, self.sender.separator).filter_map(|item| item.trim().split_once('='));
            if loose.clone().any(|(k, _)| k.trim() == key) {
                return Problem::malformed(format!(
                    "{name} has spaces around its `{key}=`, which the sender's own libraries reject"
                ));
            }
            return Problem::malformed(format!("{name} holds no `{key}=` signature"));
        }
        Problem::malformed(format!("{name} holds no `{}` signature", version.prefix))
    }

    /// What it is called that no signature can be decoded; `length`: how many bytes each must have.
    pub(super) fn no_coded(&self, version: &Version, length: Option<usize>) -> Problem {
        let any = self.entries(version).any(|entry| bare(version, entry).is_some());
        if !any && self.sender.spec.signature.form == Form::Pairs {
            return self.none(version);
        }
        let name = self.sender.signature_name();
        let coded = match version.encoding {
            Encoding::Hex => "hex",
            Encoding::Base64 => "base64",
            Encoding::Base64url => "base64url",
        };
        let label = if version.prefix.is_empty() { String::new() } else { format!("`{}` ", version.prefix) };
        let bytes = length.map(|n| format!(" of {n} {coded}-coded bytes"));
        let bytes = bytes.unwrap_or_else(|| format!(" in {coded}"));
        Problem::malformed(format!("{name} holds no {label}signature{bytes}"))
    }

    /// What it is called that no signature is so many lower-case hex digits.
    pub(super) fn no_hex(&self, version: &Version, digits: usize) -> Problem {
        // Of several the one that comes nearest to a signature is told: anything may stand beside it.
        let tags = self.entries(version).filter_map(|entry| bare(version, entry));
        match tags.map(|tag| hex_problem(tag, digits)).min_by_key(|problem| problem.0) {
            Some((_, what)) => Problem::malformed(format!("{} {what}", self.sender.signature_name())),
            None => self.none(version),
        }
    }

    /// The timestamp in Unix milliseconds; `None` for a sender without one.
    pub(super) fn time(&self) -> Result<Option<i64>, Problem> {
        use Unit::{Milliseconds, Rfc3339, Seconds};
        let Some(place) = &self.sender.spec.signature.timestamp else { return Ok(None) };
        let unit = place.unit;
        let text = self.timestamp.as_deref().unwrap_or_default();
        // Libraries that read a number and write it again sign another text.
        let padded = text.len() > 1 && text.starts_with('0');
        if let Some(ms) = unit.parse(text).filter(|_| !padded) {
            return Ok(Some(ms));
        }
        if padded && unit != Rfc3339 {
            return Err(Problem::malformed(
                "timestamp begins with a zero, which the sender's libraries strip".to_owned(),
            ));
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
            (Rfc3339, _, _) => "the timestamp is not RFC 3339".to_owned(),
        };
        Err(Problem::malformed(says))
    }

    /// That the id has the form that the profile says.
    pub(super) fn id_form(&self) -> Result<(), Problem> {
        let place = &self.sender.spec.id;
        let is_uuid = |id: &str| id.len() == 36 && uuid::Uuid::try_parse(id).is_ok();
        match self.id.as_deref().filter(|_| place.uuid) {
            Some(id) if !is_uuid(id) => {
                let name = place.header.as_deref().or(place.json.as_deref()).unwrap_or_default();
                Err(Problem::malformed(format!("{name} is not a UUID (8-4-4-4-12 hex digits)")))
            }
            _ => Ok(()),
        }
    }
}

/// A signature without what stands before it; `None` where it has to and does not.
fn bare<'t>(version: &Version, text: &'t str) -> Option<&'t str> {
    text.strip_prefix(version.prefix).or_else(|| version.prefix_optional.then_some(text))
}

fn missing(name: &str) -> String {
    if name.starts_with('/') {
        format!("the body has nothing at {name}")
    } else {
        format!("no {name} header")
    }
}

/// The text at a place of a body: a string as it is, a number in its digits.
pub(super) fn json_text(json: &Value, pointer: &str) -> Option<String> {
    match json.pointer(pointer)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// What stands between the separators of a header, as `str::split` has it; all of it where there is none. A separator of one
/// character is looked for as that: making ready to search for a text takes longer than such a header.
#[derive(Clone)]
struct Parts<'h> {
    rest: Option<&'h str>,
    separator: &'h str,
}

impl<'h> Parts<'h> {
    const fn of(value: &'h str, separator: &'h str) -> Self {
        Self { rest: Some(value), separator }
    }
}

impl<'h> Iterator for Parts<'h> {
    type Item = &'h str;

    fn next(&mut self) -> Option<&'h str> {
        let rest = self.rest?;
        let at = match self.separator.as_bytes() {
            [] => None,
            [byte] => rest.find(char::from(*byte)),
            _ => rest.find(self.separator),
        };
        let cut = at.and_then(|at| Some((rest.get(..at)?, rest.get(at + self.separator.len()..)?)));
        self.rest = cut.map(|(_, after)| after);
        Some(cut.map_or(rest, |(part, _)| part))
    }
}

/// How far a text is from a signature in hex, the nearest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Distance {
    UpperCase,
    OtherLength,
    NotHex,
}

/// Whether a text is so many lower-case hex digits.
pub(super) fn is_lower_hex(tag: &str, digits: usize) -> bool {
    let lower = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    // Not `all`: looking at each is faster than stopping early.
    tag.len() == digits && tag.bytes().fold(true, |all, b| all & lower(b))
}

/// What keeps `tag`, which is none, from being so many lower-case hex digits.
fn hex_problem(tag: &str, digits: usize) -> (Distance, String) {
    if !tag.bytes().all(|b| b.is_ascii_hexdigit()) {
        let length = tag.chars().count();
        let what = format!("is not {digits} hex digits: {length} characters, not all of them hex digits");
        (Distance::NotHex, what)
    } else if tag.len() != digits {
        (Distance::OtherLength, format!("has {} hex digits, not {digits}", tag.len()))
    } else {
        let what = "is in upper case: signatures are compared case-sensitively and are lower-case hex";
        (Distance::UpperCase, what.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::Parts;

    #[test]
    fn parts_are_those_of_a_split() {
        for value in ["", ",", "a", "a,b", ",a,,b,", "é,ü", "t=1, v1=2"] {
            for separator in [",", ", ", " ", "é"] {
                let parts: Vec<&str> = Parts::of(value, separator).collect();
                assert_eq!(parts, value.split(separator).collect::<Vec<_>>(), "{value:?} by {separator:?}");
            }
            assert_eq!(Parts::of(value, "").collect::<Vec<_>>(), [value]);
        }
    }
}
