//! Sets of HTTP statuses, as profiles write them: `[200-299, 429]`.

#[cfg(feature = "schema")]
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{self, SeqAccess, Visitor};
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// The most ranges of a set.
const MAX_RANGES: usize = 64;

/// A set of statuses, as ranges that include both ends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StatusSet(Vec<(u16, u16)>);

impl StatusSet {
    /// The statuses from `first` to `last`.
    #[must_use]
    pub fn range(first: u16, last: u16) -> Self {
        Self(vec![(first, last)])
    }

    /// Whether a status is in it.
    #[must_use]
    pub fn contains(&self, status: u16) -> bool {
        self.0.iter().any(|(first, last)| (*first..=*last).contains(&status))
    }

    /// The statuses that are listed by themselves, and not in a range.
    pub(crate) fn listed(&self) -> impl Iterator<Item = u16> {
        self.0.iter().filter(|(first, last)| first == last).map(|(status, _)| *status)
    }

    /// Whether it holds no status.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for StatusSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (first, last)) in self.0.iter().enumerate() {
            let gap = if i == 0 { "" } else { ", " };
            if first == last { write!(f, "{gap}{first}")? } else { write!(f, "{gap}{first}-{last}")? }
        }
        Ok(())
    }
}

/// A status, or `first-last`.
fn parse(text: &str) -> Option<(u16, u16)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let status = |text: &str| text.trim().parse::<u16>().ok().filter(|s| (100..=599).contains(s));
    let (first, last) = (status(first)?, status(last)?);
    (first <= last).then_some((first, last))
}

impl Serialize for StatusSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.0.len()))?;
        for (first, last) in &self.0 {
            if first == last {
                list.serialize_element(first)?;
            } else {
                list.serialize_element(&format!("{first}-{last}"))?;
            }
        }
        list.end()
    }
}

/// One entry of the list.
struct Entry((u16, u16));

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct One;
        impl Visitor<'_> for One {
            type Value = Entry;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a status from 100 to 599, or a range such as 500-599")
            }

            fn visit_u64<E: de::Error>(self, status: u64) -> Result<Entry, E> {
                self.visit_str(&status.to_string())
            }

            fn visit_i64<E: de::Error>(self, status: i64) -> Result<Entry, E> {
                self.visit_str(&status.to_string())
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Entry, E> {
                parse(text).map(Entry).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(One)
    }
}

impl<'de> Deserialize<'de> for StatusSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;
        impl<'de> Visitor<'de> for All {
            type Value = StatusSet;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of statuses and ranges, such as [200-299, 429]")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<StatusSet, A::Error> {
                let mut ranges = Vec::new();
                while let Some(Entry(range)) = list.next_element()? {
                    if ranges.len() == MAX_RANGES {
                        return Err(de::Error::custom(format!("more than {MAX_RANGES} ranges of statuses")));
                    }
                    ranges.push(range);
                }
                Ok(StatusSet(ranges))
            }
        }
        deserializer.deserialize_any(All)
    }
}

#[cfg(feature = "schema")]
impl JsonSchema for StatusSet {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "StatusSet".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({
            "description": "Statuses and ranges of them, such as [\"200-299\", 429].",
            "type": "array",
            "maxItems": 64,
            "items": { "anyOf": [
                { "type": "integer", "minimum": 100, "maximum": 599 },
                { "type": "string", "pattern": "^[1-5][0-9][0-9](-[1-5][0-9][0-9])?$" },
            ] },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_read_written_and_asked() {
        let set: StatusSet = serde_json::from_str(r#"["400-407", 409, "410-499"]"#).unwrap();
        assert!(set.contains(400) && set.contains(409) && !set.contains(408) && !set.contains(500));
        assert_eq!(set.to_string(), "400-407, 409, 410-499");
        assert_eq!(serde_json::to_string(&set).unwrap(), r#"["400-407",409,"410-499"]"#);
        for bad in ["[99]", r#"["500-400"]"#, r#"["x"]"#, "[600]", "400"] {
            assert!(serde_json::from_str::<StatusSet>(bad).is_err(), "{bad}");
        }
    }
}
