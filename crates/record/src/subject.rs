//! What a flow is about.

#[cfg(feature = "schema")]
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserializer};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Longest word, in characters: it becomes part of a key of the artifact.
const LONGEST: usize = 40;

/// What one flow is about, in a word: `payment`, `order`. Names the counters and the sample of the artifact
/// (`total_orders`, `sample_order`). Small letters, digits and `_`, a letter first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct SubjectKind(String);

impl SubjectKind {
    /// Takes a word.
    ///
    /// # Errors
    /// When it is none, with what would be right.
    pub fn new(word: &str) -> Result<Self, String> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let begins = word.starts_with(|c: char| c.is_ascii_lowercase());
        if !begins || !word.chars().all(plain) || word.len() > LONGEST {
            return Err(format!(
                "`{}` is not a word for a subject: use 1 to {LONGEST} small letters, digits and `_`, a letter first, as in order",
                word.chars().take(LONGEST).collect::<String>()
            ));
        }
        Ok(Self(word.to_owned()))
    }

    /// Where nothing says what a flow is about.
    #[must_use]
    pub fn flow() -> Self {
        Self("flow".to_owned())
    }

    /// The word for one.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The usual word for many: `orders`, `matches`, `entries`.
    #[must_use]
    pub fn plural(&self) -> String {
        let word = self.0.as_str();
        let before_y = word.strip_suffix('y').filter(|stem| !stem.ends_with(['a', 'e', 'i', 'o', 'u']));
        match before_y {
            Some(stem) => format!("{stem}ies"),
            None if ["s", "x", "z", "ch", "sh"].iter().any(|end| word.ends_with(end)) => format!("{word}es"),
            None => format!("{word}s"),
        }
    }
}

impl fmt::Display for SubjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for SubjectKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

#[cfg(feature = "schema")]
impl JsonSchema for SubjectKind {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "SubjectKind".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "What one flow is about, in a word: `payment`, `order`. Names the counters and the sample of the \
                            artifact (`total_orders`, `sample_order`).",
            "type": "string",
            "pattern": "^[a-z][a-z0-9_]{0,39}$",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_a_word_with_its_plural() {
        let plural = |word: &str| SubjectKind::new(word).unwrap().plural();
        for (one, many) in [
            ("payment", "payments"),
            ("match", "matches"),
            ("flow", "flows"),
            ("entry", "entries"),
            ("day", "days"),
            ("box", "boxes"),
            ("invoice_line", "invoice_lines"),
        ] {
            assert_eq!(plural(one), many);
        }
        for wrong in ["", "Order", "9lives", "a b", "a-b", &"x".repeat(41)] {
            assert!(SubjectKind::new(wrong).unwrap_err().contains("small letters"), "{wrong}");
        }
        assert!(serde_json::from_str::<SubjectKind>("\"a/b\"").is_err());
    }
}
