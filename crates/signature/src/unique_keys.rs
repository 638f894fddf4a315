//! A check of JSON: an object with the same key twice means two things to two readers.

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;

/// An object with more keys than this is looked up, and not searched.
const FEW: usize = 16;
/// Longest pointer that is told, in characters: keys are as long as a body.
const LONGEST: usize = 200;

/// Why a body should not be signed as JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UniqueKeysError {
    /// A key stands twice in one object; line and column (from 1) say where the second one ends.
    #[error(
        "a key appears twice in one JSON object, {pointer:?} (line {line}, column {column}): receivers differ on which one counts"
    )]
    Duplicate {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// The key as a JSON pointer (RFC 6901), its first 200 characters.
        pointer: String,
    },
    /// Not JSON at all, or nested deeper than 128 levels.
    #[error("not JSON (line {line}, column {column})")]
    NotJson {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
}

/// Reads all of `body` as JSON and refuses an object, at any depth, that has the same key twice.
///
/// # Errors
/// See [`UniqueKeysError`].
pub fn check_unique_keys(body: &[u8]) -> Result<(), UniqueKeysError> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let twice = RefCell::default();
    let unique = Unique { path: None, twice: &twice };
    unique.deserialize(&mut json).and_then(|()| json.end()).map_err(|e| {
        let (line, column) = (e.line(), e.column());
        match twice.take() {
            Some(pointer) => UniqueKeysError::Duplicate { line, column, pointer },
            None => UniqueKeysError::NotJson { line, column },
        }
    })
}

/// The first key that stands twice in one object of `body`, as a JSON pointer; `None` of what is no JSON, too. Most bodies are told
/// by a glance.
#[must_use]
pub fn repeated_key(body: &[u8]) -> Option<String> {
    if !may_repeat_a_key(body) {
        return None;
    }
    match check_unique_keys(body) {
        Err(UniqueKeysError::Duplicate { pointer, .. }) => Some(pointer),
        _ => None,
    }
}

/// Whether [`check_unique_keys`] may find a key that stands twice: a glance over the bytes of what has none. `true` where only
/// that can tell: for escapes in keys, objects with many of them, and what is no JSON.
// By itself: where it is asked it would be compiled for size.
#[inline(never)]
fn may_repeat_a_key(body: &[u8]) -> bool {
    let mut keys: Vec<&[u8]> = Vec::with_capacity(FEW);
    // Of each container that is open where its keys begin; `None` for a list.
    let mut open: Vec<Option<usize>> = Vec::with_capacity(FEW);
    let (mut rest, mut is_key) = (body, false);
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'"' => {
                let Some(end) = end_of_text(after) else { return true };
                let (text, behind) = after.split_at(end);
                rest = behind.get(1..).unwrap_or_default();
                if is_key {
                    let own = open.last().copied().flatten().and_then(|begin| keys.get(begin..));
                    let unclear = |own: &[&[u8]]| own.len() >= FEW || own.contains(&text);
                    if text.contains(&b'\\') || own.is_none_or(unclear) {
                        return true;
                    }
                    keys.push(text);
                }
                is_key = false;
            }
            b'{' => {
                open.push(Some(keys.len()));
                is_key = true;
            }
            b'[' => open.push(None),
            b'}' | b']' => match open.pop() {
                Some(begin) => keys.truncate(begin.unwrap_or(keys.len())),
                None => return true,
            },
            b',' => is_key = open.last().is_some_and(Option::is_some),
            _ => {}
        }
    }
    false
}

/// Where a text ends of which the rest begins behind its quote.
fn end_of_text(rest: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr::memchr2(b'"', b'\\', rest.get(at..)?)?;
        if rest.get(at) == Some(&b'"') {
            return Some(at);
        }
        at += 2;
    }
}

/// Where in a document something stands.
#[derive(Clone, Copy)]
struct Path<'p> {
    before: Option<&'p Self>,
    step: Step<'p>,
}

#[derive(Clone, Copy)]
enum Step<'p> {
    Key(&'p str),
    Item(usize),
}

impl Path<'_> {
    fn pointer(&self) -> String {
        let mut text = self.before.map(Path::pointer).unwrap_or_default();
        text.push('/');
        match self.step {
            Step::Key(key) => {
                let short: String = key.chars().take(LONGEST).collect();
                text.push_str(&short.replace('~', "~0").replace('/', "~1"));
            }
            Step::Item(number) => text.push_str(&number.to_string()),
        }
        text.chars().take(LONGEST).collect()
    }
}

#[derive(Clone, Copy)]
struct Unique<'p> {
    path: Option<&'p Path<'p>>,
    /// The key that appears twice.
    twice: &'p RefCell<Option<String>>,
}

impl<'p> Unique<'p> {
    /// The same, of what stands there.
    const fn below<'b>(self, path: &'b Path<'b>) -> Unique<'b>
    where
        'p: 'b,
    {
        Unique { path: Some(path), twice: self.twice }
    }
}

/// The keys of an object so far.
#[derive(Default)]
struct Keys<'de> {
    few: Vec<Cow<'de, str>>,
    many: HashSet<Cow<'de, str>>,
}

impl<'de> Keys<'de> {
    fn has(&self, key: &str) -> bool {
        self.few.iter().any(|known| known == key) || self.many.contains(key)
    }

    fn add(&mut self, key: Cow<'de, str>) {
        if self.few.len() < FEW {
            self.few.push(key);
        } else {
            self.many.insert(key);
        }
    }
}

/// A key, borrowed where it stands in the text as it is.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, key: D) -> Result<Self::Value, D::Error> {
        key.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}

impl<'de> DeserializeSeed<'de> for Unique<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Unique<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let mut number = 0;
        loop {
            let path = Path { before: self.path, step: Step::Item(number) };
            if items.next_element_seed(self.below(&path))?.is_none() {
                return Ok(());
            }
            number += 1;
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let mut keys = Keys::default();
        while let Some(key) = entries.next_key_seed(Name)? {
            let path = Path { before: self.path, step: Step::Key(&key) };
            if keys.has(&key) {
                self.twice.replace(Some(path.pointer()));
                return Err(A::Error::custom("duplicate key"));
            }
            entries.next_value_seed(self.below(&path))?;
            keys.add(key);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_json() -> impl Strategy<Value = String> {
        let leaf = prop_oneof!["[0-9]{1,2}", "true|null", r#""[a,:{}\[\]]{0,3}""#, r#""(\\\\|\\"|a){0,3}""#];
        leaf.prop_recursive(4, 30, 4, |inner| {
            let key = prop_oneof![4 => r#""[a-c]""#, 1 => r#""\\u006[1-3]""#];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4)
                    .prop_map(|items| format!("[{}]", items.join(" , "))),
                prop::collection::vec((key, inner), 0..4).prop_map(|members| {
                    let members: Vec<String> =
                        members.iter().map(|(key, value)| format!("{key} : {value}")).collect();
                    format!("{{{}}}", members.join(","))
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_passed_over_repeats_no_key(json in any_json(), cut in 0usize..200) {
            for text in [&json, json.get(..cut).unwrap_or(&json)] {
                let repeats = matches!(check_unique_keys(text.as_bytes()), Err(UniqueKeysError::Duplicate { .. }));
                prop_assert!(!repeats || may_repeat_a_key(text.as_bytes()), "{text}");
            }
        }
    }

    #[test]
    fn a_usual_body_is_passed_over() {
        assert!(!may_repeat_a_key(br#"{"a":{"b":1,"a":"\"a\",{"},"c":[{"b":1},{"b":2}]}"#));
        assert!(!may_repeat_a_key(b"[[1,\"a\",\"a\"]]"));
        assert!(may_repeat_a_key(br#"{"a":[{}],"a":1}"#));
    }

    #[test]
    fn duplicates_are_found_at_any_depth_and_in_any_spelling() {
        assert_eq!(check_unique_keys(br#"{"a":{"b":1},"c":[{"b":1},{"b":2}]}"#), Ok(()));
        let many: String = (0..40).map(|n| format!("\"k{n}\":{n},")).collect();
        for (body, twice) in [
            (r#"{"a":1,"a":2}"#.to_owned(), "/a"),
            (r#"[{"x":{"a":1,"\u0061":2}}]"#.to_owned(), "/0/x/a"),
            (r#"[1,{"a/b":[],"~":{"x":1.5},"a/b":2}]"#.to_owned(), "/1/a~1b"),
            (format!("{{{many}\"k39\":1}}"), "/k39"),
            (format!("{{{many}\"k3\":1}}"), "/k3"),
        ] {
            match check_unique_keys(body.as_bytes()).unwrap_err() {
                UniqueKeysError::Duplicate { line: 1, pointer, .. } => assert_eq!(pointer, twice),
                other => panic!("{other}"),
            }
        }
        let long = format!("{{\"{0}\":1,\"{0}\":1}}", "x".repeat(10_000));
        assert!(check_unique_keys(long.as_bytes()).unwrap_err().to_string().len() < 400);
        for body in ["", "{", "{} {}", &"[".repeat(10_000)] {
            assert!(matches!(check_unique_keys(body.as_bytes()), Err(UniqueKeysError::NotJson { .. })));
        }
    }
}
