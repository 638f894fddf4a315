//! What the headers of a request say about its signature, before anything is believed.

use super::compiled::{Compiled, Version};
use super::key::{Tags, decode};
use super::spec::{Encoding, Form, Unit};
use super::verdict::Reason;
use serde_json::Value;
use std::borrow::Cow;
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

/// The sender's own headers that are looked up in one pass; further ones are looked for one by one.
const IN_ONE_PASS: usize = 8;

/// The first values of a sender's own headers, by their place among [`Compiled::own`].
struct Own<'h> {
    values: [Option<&'h str>; IN_ONE_PASS],
    /// The first of them that stands twice.
    twice: Option<usize>,
}

impl<'h> Own<'h> {
    fn read(sender: &Compiled, headers: &'h [(String, String)]) -> Self {
        let (mut values, mut twice, mut seen) = ([None; IN_ONE_PASS], None, 0_u64);
        for (name, value) in headers {
            let same = |own: &&str| own.len() == name.len() && own.eq_ignore_ascii_case(name);
            let Some(place) = sender.own.iter().position(same) else { continue };
            // A profile lists 32 headers at most.
            let bit = 1_u64 << (place % 64);
            if seen & bit != 0 {
                twice = Some(twice.map_or(place, |before: usize| before.min(place)));
            } else if let Some(first) = values.get_mut(place) {
                *first = Some(value.trim_matches([' ', '\t']));
            }
            seen |= bit;
        }
        Self { values, twice }
    }

    /// The header `name`, which is the sender's own at `place`.
    fn value(
        &self,
        headers: &'h [(String, String)],
        (place, name): (Option<usize>, &Option<String>),
    ) -> Option<Cow<'h, str>> {
        let name = name.as_deref()?;
        match place.and_then(|place| self.values.get(place)) {
            Some(value) => value.map(Cow::Borrowed),
            None => first(headers, name).map(Cow::Borrowed),
        }
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
        let [of_value, of_time, of_id] = sender.places;
        let value = own.value(headers, (of_value, &s.header)).or_else(|| at(&s.json));
        let timestamp = place.and_then(|t| {
            let from_pairs = || {
                let key = t.key.as_deref()?;
                let Some(Cow::Borrowed(whole)) = &value else { return None };
                pairs(whole, sender.separator, key).next().map(Cow::Borrowed)
            };
            own.value(headers, (of_time, &t.header)).or_else(from_pairs).or_else(|| at(&t.json))
        });
        let id = own.value(headers, (of_id, &sender.spec.id.header)).or_else(|| at(&sender.spec.id.json));
        let twice = own.twice.and_then(|place| sender.own.get(place).copied());
        Self { sender, value, timestamp, id, twice }
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

    /// That none of the sender's own headers stands twice.
    pub(super) fn once(&self) -> Result<(), Problem> {
        match self.twice {
            Some(name) => Err(Problem::malformed(format!("{name} is given more than once"))),
            None => self.pairs_are_sound(),
        }
    }

    /// That libraries cannot read a header of pairs in different ways: Stripe's for Go refuses a part that is no pair, and of two
    /// times the one for Python takes the first and those for Go and Node the last.
    fn pairs_are_sound(&self) -> Result<(), Problem> {
        let signature = &self.sender.spec.signature;
        let value = self.value.as_deref().filter(|value| !value.is_empty());
        let Some(value) = value.filter(|_| signature.form == Form::Pairs) else { return Ok(()) };
        let name = self.sender.signature_name();
        if Parts::of(value, self.sender.separator).any(|item| !item.contains('=')) {
            let why = "a part that is no `key=value`, which the strictest of the sender's libraries refuses";
            return Err(Problem::malformed(format!("{name} holds {why}")));
        }
        let key = signature.timestamp.as_ref().and_then(|time| time.key.as_deref());
        let differ = |key: &&str| {
            let mut times = pairs(value, self.sender.separator, key);
            let first = times.next();
            times.any(|time| Some(time) != first)
        };
        match key.filter(differ) {
            Some(key) => Err(Problem::malformed(format!(
                "{name} holds `{key}=` with two times, of which the sender's libraries take different ones"
            ))),
            None => Ok(()),
        }
    }

    /// The texts of the signatures of a version, without what stands before each.
    fn entries(&self, version: &Version) -> Result<Vec<&str>, Problem> {
        let value = self.value.as_deref().unwrap_or_default();
        let bare = |text| bare(version, text);
        let found: Vec<&str> = match self.sender.spec.signature.form {
            Form::Plain | Form::MessageSignatures => bare(value).into_iter().collect(),
            Form::List => self.listed(value).take(MAX_TAGS + 1).filter_map(bare).collect(),
            Form::Pairs => {
                pairs(value, self.sender.separator, version.key).take(MAX_TAGS + 1).filter_map(bare).collect()
            }
        };
        let all = match self.sender.spec.signature.form {
            Form::List => self.listed(value).count(),
            _ => found.len(),
        };
        if all > MAX_TAGS {
            let name = self.sender.signature_name();
            return Err(Problem::malformed(format!("{name} holds more than {MAX_TAGS} signatures")));
        }
        Ok(found)
    }

    /// The entries of a list.
    fn listed<'v>(&self, value: &'v str) -> impl Iterator<Item = &'v str> {
        Parts::of(value, self.sender.separator).filter(|entry| !entry.is_empty())
    }

    /// The one signature of a version, where there is one.
    fn only(&self, version: &Version) -> Option<&str> {
        let value = self.value.as_deref()?;
        match self.sender.spec.signature.form {
            Form::Plain => bare(version, value),
            Form::Pairs => {
                let mut found =
                    pairs(value, self.sender.separator, version.key).filter_map(|text| bare(version, text));
                let first = found.next()?;
                found.next().is_none().then_some(first)
            }
            Form::List | Form::MessageSignatures => None,
        }
    }

    /// What a missing signature is called.
    fn none(&self, version: &Version) -> Problem {
        let name = self.sender.signature_name();
        if self.sender.spec.signature.form == Form::Pairs {
            let key = version.key;
            let value = self.value.as_deref().unwrap_or_default();
            let loose =
                Parts::of(value, self.sender.separator).filter_map(|item| item.trim().split_once('='));
            if loose.clone().any(|(k, _)| k.trim() == key) {
                return Problem::malformed(format!(
                    "{name} has blanks around its `{key}=`, which the sender's own libraries refuse"
                ));
            }
            return Problem::malformed(format!("{name} holds no `{key}=` signature"));
        }
        Problem::malformed(format!("{name} holds no `{}` signature", version.prefix))
    }

    /// The texts of the signatures as they are, for tokens.
    pub(super) fn texts(&self, version: &Version) -> Result<Vec<Cow<'_, [u8]>>, Problem> {
        let found = self.entries(version)?;
        if found.is_empty() {
            return Err(self.none(version));
        }
        Ok(found.into_iter().map(|text| Cow::Borrowed(text.as_bytes())).collect())
    }

    /// The signatures decoded; `length`: how many bytes each must have.
    pub(super) fn coded_tags(
        &self,
        version: &Version,
        length: Option<usize>,
    ) -> Result<Vec<Cow<'_, [u8]>>, Problem> {
        let entries = self.entries(version)?;
        let any = !entries.is_empty();
        let tags: Vec<Cow<'_, [u8]>> = entries
            .into_iter()
            .filter_map(|text| decode(version.encoding, text))
            .filter(|bytes| length.is_none_or(|length| bytes.len() == length) && !bytes.is_empty())
            .map(Cow::Owned)
            .collect();
        if !tags.is_empty() {
            return Ok(tags);
        }
        if !any && self.sender.spec.signature.form == Form::Pairs {
            return Err(self.none(version));
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
        Err(Problem::malformed(format!("{name} holds no {label}signature{bytes}")))
    }

    /// The signatures, lower-case hex of so many bytes each.
    pub(super) fn hex_tags(&self, version: &Version, bytes: usize) -> Result<Tags<'_>, Problem> {
        let digits = 2 * bytes;
        // Nothing is allocated for the usual case.
        if let Some(tag) = self.only(version).filter(|tag| hex_problem(tag, digits).is_none()) {
            return Ok(Tags::One(tag));
        }
        let tags = self.entries(version)?;
        let right: Vec<&str> =
            tags.iter().copied().filter(|tag| hex_problem(tag, digits).is_none()).collect();
        if !right.is_empty() {
            return Ok(Tags::Hex(right));
        }
        // Of several the one that comes nearest to a signature is told: anything may stand beside it.
        let problems = tags.iter().filter_map(|tag| hex_problem(tag, digits));
        Err(match problems.min_by_key(|problem| problem.0) {
            Some((_, what)) => Problem::malformed(format!("{} {what}", self.sender.signature_name())),
            None => self.none(version),
        })
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
                "timestamp begins with a zero, which the sender's libraries take away".to_owned(),
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
            (Rfc3339, _, _) => "timestamp is no moment in the form of RFC 3339".to_owned(),
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

/// The values of `key` in `t=…,v1=…,v1=…`. Blanks are part of a key, as Stripe's libraries for Python and Node
/// have it: `t=1, v1=…` has no `v1`.
fn pairs<'h>(value: &'h str, separator: &'h str, key: &'h str) -> impl Iterator<Item = &'h str> {
    Parts::of(value, separator)
        .filter_map(move |item| item.split_once('=').filter(|(k, _)| *k == key).map(|(_, v)| v))
}

/// What stands between the separators of a header, as `str::split` has it. A separator of one byte is looked for as a byte: making
/// ready to search for a text takes longer than such a header.
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
            [byte] => rest.bytes().position(|b| b == *byte),
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

/// What keeps `tag` from being so many lower-case hex digits.
fn hex_problem(tag: &str, digits: usize) -> Option<(Distance, String)> {
    let lower = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    // Not `all`: looking at each is faster than stopping early.
    if tag.len() == digits && tag.bytes().fold(true, |all, b| all & lower(b)) {
        None
    } else if !tag.bytes().all(|b| b.is_ascii_hexdigit()) {
        let length = tag.chars().count();
        let what = format!("is not {digits} hex digits: {length} characters, not all of them hex digits");
        Some((Distance::NotHex, what))
    } else if tag.len() != digits {
        Some((Distance::OtherLength, format!("has {} hex digits, not {digits}", tag.len())))
    } else {
        let what = "is in upper case: signatures are compared case-sensitively and are lower-case hex";
        Some((Distance::UpperCase, what.to_owned()))
    }
}

/// Whether two byte strings are equal, in a time that depends on their lengths only.
pub(super) fn same(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
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
