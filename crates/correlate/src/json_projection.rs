//! The parts of a webhook's body that something asks for, read without building the rest.

use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;

/// So many lists and objects can be in one another, and be read.
const SHALLOW: usize = 100;

/// Which parts of a body are asked for, as a tree of JSON pointers.
#[derive(Debug, Clone, Default)]
pub struct JsonProjection {
    /// Everything from here on.
    whole: bool,
    below: BTreeMap<String, JsonProjection>,
    /// Of each item of a list.
    each: Option<Box<JsonProjection>>,
}

impl JsonProjection {
    /// Asks for what is at one JSON pointer.
    #[must_use]
    pub fn of(pointer: &str) -> Self {
        let mut one = Self::default();
        one.add(pointer);
        one
    }

    /// Asks for what is at a JSON pointer (RFC 6901), too.
    pub fn add(&mut self, pointer: &str) {
        // Every step asks for the same again.
        if !self.asks_for(pointer) {
            self.at(pointer).whole = true;
        }
    }

    /// Whether what is at a JSON pointer, none of whose names is escaped, is asked for by itself.
    fn asks_for(&self, pointer: &str) -> bool {
        let mut tokens = pointer.split('/').skip(1);
        tokens.try_fold(self, |at, token| at.below.get(token)).is_some_and(|at| at.whole)
            && !pointer.contains('~')
    }

    /// Asks for these parts of each item of the list at a JSON pointer, in place of what was asked for of each before.
    pub(crate) fn add_each(&mut self, pointer: &str, each: &Self) {
        self.at(pointer).each = Some(Box::new(each.clone()));
    }

    /// Whether everything is asked for.
    pub(crate) const fn is_whole(&self) -> bool {
        self.whole
    }

    fn at(&mut self, pointer: &str) -> &mut Self {
        let mut at = self;
        for token in pointer.split('/').skip(1) {
            let token = token.replace("~1", "/").replace("~0", "~");
            at = at.below.entry(token).or_default();
        }
        at
    }

    /// Reads a body: what was asked for stands where it stood, and little else is there. `None` when it is no JSON.
    pub fn read(&self, body: &str) -> Option<Value> {
        let mut json = serde_json::Deserializer::from_str(body);
        let value = self.deserialize(&mut json).ok()?;
        json.end().ok()?;
        Some(value)
    }
}

/// Whether a body that was read in parts can be read in all of them: what only shows to whoever reads a text or a value is an
/// escape that is half a character, deep nesting, and the name under which `serde_json` hands over a number.
pub(crate) fn hides_nothing(body: &str) -> bool {
    // Counted in bytes, many at once.
    let in_some = |some: &[u8]| some.iter().fold(0, |n: u8, byte| n + u8::from(matches!(byte, b'{' | b'[')));
    let begins: usize = body.as_bytes().chunks(128).map(|some| usize::from(in_some(some))).sum();
    begins < SHALLOW && !body.contains("\\u") && !body.contains("$serde_json")
}

/// What is at a JSON pointer (RFC 6901). Names without escapes, which nearly all are, are looked up as they stand.
pub(crate) fn at<'v>(value: &'v Value, pointer: &str) -> Option<&'v Value> {
    if !pointer.starts_with('/') || pointer.contains('~') {
        return value.pointer(pointer);
    }
    pointer.split('/').skip(1).try_fold(value, |at, name| match at {
        Value::Object(members) => members.get(name),
        Value::Array(_) => at.pointer(&format!("/{name}")),
        _ => None,
    })
}

impl<'de> DeserializeSeed<'de> for &JsonProjection {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        if self.whole { Value::deserialize(deserializer) } else { deserializer.deserialize_any(self) }
    }
}

impl<'de> Visitor<'de> for &JsonProjection {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut map = Map::with_capacity(self.below.len());
        while let Some(known) = members.next_key_seed(Key(&self.below))? {
            match known {
                Some((name, wanted)) => {
                    map.insert(name.to_owned(), members.next_value_seed(wanted)?);
                }
                None => {
                    members.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(Value::Object(map))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        loop {
            let wanted = match &self.each {
                Some(each) => Some(&**each),
                None => self.below.get(&list.len().to_string()),
            };
            let item = match wanted {
                Some(wanted) => items.next_element_seed(wanted)?,
                None => items.next_element::<IgnoredAny>()?.map(|_| Value::Null),
            };
            match item {
                Some(item) => list.push(item),
                None => return Ok(Value::Array(list)),
            }
        }
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
}

/// A member's name, looked up without being copied.
struct Key<'w>(&'w BTreeMap<String, JsonProjection>);

impl<'de, 'w> DeserializeSeed<'de> for Key<'w> {
    type Value = Option<(&'w str, &'w JsonProjection)>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'w> Visitor<'_> for Key<'w> {
    type Value = Option<(&'w str, &'w JsonProjection)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.get_key_value(name).map(|(name, wanted)| (name.as_str(), wanted)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn wanted(pointers: &[&str]) -> JsonProjection {
        let mut all = JsonProjection::default();
        pointers.iter().for_each(|pointer| all.add(pointer));
        all
    }

    #[test]
    fn only_what_is_asked_for_is_there() {
        let body = r#"{"event":"x","data":{"id":7,"note":"long","~/":[1,2]},"list":[{"a":1},{"a":2,"b":3}]}"#;
        let read = wanted(&["/data/id", "/data/~0~1", "/list/1/a", "/none"]).read(body).unwrap();
        assert_eq!(read, json!({"data": {"id": 7, "~/": [1, 2]}, "list": [null, {"a": 2}]}));
        assert_eq!(wanted(&[""]).read(body).unwrap(), serde_json::from_str::<Value>(body).unwrap());
        assert_eq!(wanted(&["/data", "/data/id"]).read(body).unwrap()["data"]["note"], "long");
    }

    proptest! {
        #[test]
        fn a_body_that_hides_nothing_is_readable_where_it_can_be_passed_over(
            value in "(\"([a\\\\un\"]|\\\\u[d0][89a]00|\\\\n|\\x01)*\"|-?[0-9]{0,3}\\.?[0-9eE+-]{0,5}|[\\[\\]{}]{0,9}|true|nul)",
        ) {
            let body = format!("{{\"event\":\"x\",\"data\":{value}}}");
            if hides_nothing(&body) && wanted(&["/event"]).read(&body).is_some() {
                prop_assert!(serde_json::from_str::<Value>(&body).is_ok(), "{}", body);
            }
        }
    }

    #[test]
    fn what_is_no_json_is_none() {
        for body in ["", "{", "{} {}", "id=7", "{\"a\":}"] {
            assert_eq!(wanted(&["/a"]).read(body), None, "{body:?}");
        }
        assert_eq!(wanted(&["/a"]).read("[1.5,\"x\",null,true]"), Some(json!([null, null, null, null])));
        assert_eq!(wanted(&["/a"]).read("-7"), Some(json!(-7)));
    }

    #[test]
    fn what_is_passed_over_unread_can_be_read_but_for_what_is_told() {
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(200), "]".repeat(200));
        for body in [r#"{"a":"\ud800"}"#, r#"{"a":{"$serde_json::private::Number":"x"}}"#, &deep] {
            assert!(wanted(&["/b"]).read(body).is_some() && wanted(&["/a"]).read(body).is_none(), "{body}");
            assert!(!hides_nothing(body), "{body}");
        }
        assert!(hides_nothing(r#"{"a":"x \" y","b":[1.5,{"c":null}]}"#));
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[a-c~/]{0,3}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map("[a-c~/]{0,2}", inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_pointer_finds_the_same_in_the_part_as_in_the_whole(
            body in any_json(), pointers in proptest::collection::vec("(/([a-c]|~0|~1|[0-3]){0,2}){0,3}", 0..4)
        ) {
            let all: Vec<&str> = pointers.iter().map(String::as_str).collect();
            let part = wanted(&all).read(&body.to_string()).unwrap();
            prop_assert_eq!(part.is_object(), body.is_object());
            for pointer in &all {
                prop_assert_eq!(part.pointer(pointer), body.pointer(pointer));
            }
        }
    }
}
