//! A check before signing: a JSON object with the same key twice means two things to two readers.

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use std::collections::HashSet;
use std::fmt;

/// Why a body should not be signed as JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UniqueKeysError {
    /// A key stands twice in one object; line and column (from 1) say where the second one ends.
    #[error(
        "a key stands twice in one JSON object (line {line}, column {column}): receivers differ on which one counts"
    )]
    Duplicate {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
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
    Unique.deserialize(&mut json).and_then(|()| json.end()).map_err(|e| {
        let (line, column) = (e.line(), e.column());
        if e.is_data() {
            UniqueKeysError::Duplicate { line, column }
        } else {
            UniqueKeysError::NotJson { line, column }
        }
    })
}

struct Unique;

impl<'de> DeserializeSeed<'de> for Unique {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Unique {
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
        while items.next_element_seed(Self)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let mut seen = HashSet::new();
        while let Some(key) = entries.next_key::<String>()? {
            if !seen.insert(key) {
                return Err(serde::de::Error::custom("duplicate key"));
            }
            entries.next_value_seed(Self)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicates_are_found_at_any_depth_and_in_any_spelling() {
        assert_eq!(check_unique_keys(br#"{"a":{"b":1},"c":[{"b":1},{"b":2}]}"#), Ok(()));
        for body in [r#"{"a":1,"a":2}"#, r#"[{"x":{"a":1,"\u0061":2}}]"#] {
            let error = check_unique_keys(body.as_bytes()).unwrap_err();
            assert!(matches!(error, UniqueKeysError::Duplicate { line: 1, .. }), "{error}");
        }
        for body in ["", "{", "{} {}", &"[".repeat(10_000)] {
            assert!(matches!(check_unique_keys(body.as_bytes()), Err(UniqueKeysError::NotJson { .. })));
        }
    }
}
