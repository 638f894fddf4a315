//! How many webhooks of a kind a step fires: `2`, `at least 1`, or `{at_least: 1}`.

#[cfg(feature = "schema")]
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The most webhooks of one kind that a step may ask for.
const MOST: u32 = 1_000_000;

/// How many webhooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// So many, and no more; 0 forbids.
    Exactly(u32),
    /// So many or more; 0 lets them come.
    AtLeast(u32),
}

impl Count {
    /// How many must come.
    #[must_use]
    pub const fn least(self) -> u32 {
        match self {
            Self::Exactly(n) | Self::AtLeast(n) => n,
        }
    }

    /// Whether more may come.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::AtLeast(_))
    }

    /// Whether none may come.
    #[must_use]
    pub const fn forbids(self) -> bool {
        matches!(self, Self::Exactly(0))
    }
}

impl Default for Count {
    fn default() -> Self {
        Self::Exactly(1)
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(n) => write!(f, "{n}"),
            Self::AtLeast(n) => write!(f, "at least {n}"),
        }
    }
}

impl Serialize for Count {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Exactly(n) => serializer.serialize_u32(*n),
            Self::AtLeast(n) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("at_least", n)?;
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Written;

        impl<'de> Visitor<'de> for Written {
            type Value = Count;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("how many: 2, `at least 1`, or {at_least: 1}")
            }

            fn visit_u64<E: de::Error>(self, n: u64) -> Result<Count, E> {
                let n = u32::try_from(n).ok().filter(|n| *n <= MOST);
                n.map(Count::Exactly)
                    .ok_or_else(|| E::custom(format!("over {MOST}, the most a step may expect")))
            }

            fn visit_i64<E: de::Error>(self, n: i64) -> Result<Count, E> {
                let n =
                    u64::try_from(n).map_err(|_| E::custom(format!("`{n}` is not a number of webhooks")))?;
                self.visit_u64(n)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Count, E> {
                let words: Vec<&str> = text.split_whitespace().collect();
                let n = |word: &str| word.parse::<u32>().ok().filter(|n| *n <= MOST);
                let count = match words.as_slice() {
                    ["at", "least", word] => n(word).map(Count::AtLeast),
                    [word] => n(word).map(Count::Exactly),
                    _ => None,
                };
                let wrong = || {
                    let text: String = text.chars().take(40).collect();
                    E::custom(format!("`{text}` is not a count: write 2, `at least 1`, or {{at_least: 1}}"))
                };
                count.ok_or_else(wrong)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Count, A::Error> {
                let wrong = || de::Error::custom("a count has only the key `at_least`: {at_least: 1}");
                match map.next_key::<String>()?.as_deref() {
                    Some("at_least") => {}
                    _ => return Err(wrong()),
                }
                let least = map.next_value::<u32>()?;
                if map.next_key::<String>()?.is_some() || least > MOST {
                    return Err(wrong());
                }
                Ok(Count::AtLeast(least))
            }
        }

        deserializer.deserialize_any(Written)
    }
}

#[cfg(feature = "schema")]
impl JsonSchema for Count {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Count".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "How many: a number is exact, 0 forbids; `at least 1` and `{at_least: 1}` allow more.",
            "anyOf": [
                { "type": "integer", "minimum": 0, "maximum": MOST },
                { "type": "string", "pattern": "^(at least )?[0-9]+$" },
                {
                    "type": "object",
                    "properties": { "at_least": { "type": "integer", "minimum": 0, "maximum": MOST } },
                    "required": ["at_least"],
                    "additionalProperties": false,
                },
            ],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn counts_are_read_as_they_are_meant() {
        let read = |value: serde_json::Value| serde_json::from_value::<Count>(value);
        assert_eq!(read(json!(2)).unwrap(), Count::Exactly(2));
        assert_eq!(read(json!("at least 1")).unwrap(), Count::AtLeast(1));
        assert_eq!(read(json!({"at_least": 3})).unwrap(), Count::AtLeast(3));
        assert!(read(json!(0)).unwrap().forbids() && !read(json!("at least 0")).unwrap().forbids());
        for wrong in
            [json!(-1), json!("some"), json!("at most 1"), json!({"at_most": 1}), json!(1.5), json!({})]
        {
            assert!(read(wrong.clone()).is_err(), "{wrong}");
        }
        let told = read(json!("some")).unwrap_err().to_string();
        assert_eq!(told, "`some` is not a count: write 2, `at least 1`, or {at_least: 1}");
        for count in [Count::Exactly(2), Count::AtLeast(1)] {
            assert_eq!(read(serde_json::to_value(count).unwrap()).unwrap(), count);
        }
    }
}
