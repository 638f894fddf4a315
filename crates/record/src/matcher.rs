//! Tests of one JSON value: equals, exists, absent, matches, type.

use crate::JsonSchema;
use crate::number::{is_whole, same_value};
use regex::Regex;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// A test of one value: `equals`, `exists`, `absent`, `matches` or `type`; a bare scalar means `equals`.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Matcher {
    /// Written as a mapping.
    Full(MatcherFields),
    /// Shorthand for `equals`.
    Equals(Value),
}

// Not derived: serde would read a list as the fields in their order, and `[]` as a matcher that tests nothing.
impl<'de> Deserialize<'de> for Matcher {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        if !value.is_object() {
            return Ok(Self::Equals(value));
        }
        Ok(MatcherFields::deserialize(&value).map_or(Self::Equals(value), Self::Full))
    }
}

/// A key that is there says something: an `Option` alone would take `equals: null` for a key that is absent, and so drop what
/// `type: null` and `matches:` are to test.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// The long form of a [`Matcher`]; every member that is given must hold.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MatcherFields {
    /// The value equals this JSON value; numbers by value.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub equals: Option<Value>,
    /// The value is there (`true`), null included.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub exists: Option<bool>,
    /// The value is not there (`true`).
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub absent: Option<bool>,
    /// The value's text matches this regular expression.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub matches: Option<String>,
    /// The value is of this JSON type.
    #[serde(default, rename = "type", deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub json_type: Option<JsonType>,
}

/// A JSON type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names of RFC 8259, with integer as in JSON Schema")]
pub enum JsonType {
    Null,
    Boolean,
    Integer,
    Number,
    String,
    Array,
    Object,
}

impl Matcher {
    /// The same with `change` made to the value that is to be equal.
    #[must_use]
    pub fn map_equals(self, change: impl FnOnce(Value) -> Value) -> Self {
        match self {
            Self::Equals(value) => Self::Equals(change(value)),
            Self::Full(fields) => Self::Full(MatcherFields { equals: fields.equals.map(change), ..fields }),
        }
    }

    /// Tests `value`, which is `None` when nothing is at the place; the error says what was wanted and what was there.
    ///
    /// # Errors
    /// A phrase such as `is "pending", not "verified"`.
    pub fn check(&self, value: Option<&Value>) -> Result<(), String> {
        match self {
            Self::Equals(wanted) => check_equals(wanted, value),
            Self::Full(fields) => fields.check(value),
        }
    }
}

impl Matcher {
    /// The value that this matcher compares with, when equality is all it asks for.
    #[must_use]
    pub const fn plain_value(&self) -> Option<&Value> {
        match self {
            Self::Equals(value)
            | Self::Full(MatcherFields {
                equals: Some(value),
                exists: None,
                absent: None,
                matches: None,
                json_type: None,
            }) => Some(value),
            Self::Full(_) => None,
        }
    }
}

impl MatcherFields {
    fn check(&self, value: Option<&Value>) -> Result<(), String> {
        match (self.exists, self.absent, value) {
            (Some(true), _, None) | (_, Some(false), None) => return Err("is absent".into()),
            (_, Some(true), Some(v)) | (Some(false), _, Some(v)) => {
                return Err(format!("is there: {}", brief(v)));
            }
            _ => {}
        }
        if let Some(wanted) = &self.equals {
            check_equals(wanted, value)?;
        }
        if let Some(wanted) = self.json_type {
            let found = value.ok_or("is absent")?;
            if !wanted.fits(found) {
                return Err(format!("is {}, not of type {}", brief(found), wanted.name()));
            }
        }
        if let Some(pattern) = &self.matches {
            check_matches(pattern, value.ok_or("is absent")?)?;
        }
        Ok(())
    }
}

fn check_equals(wanted: &Value, value: Option<&Value>) -> Result<(), String> {
    match value {
        None => Err(format!("is absent, not {}", brief(wanted))),
        Some(found) if same_value(found, wanted) => Ok(()),
        Some(found) => Err(format!("is {}, not {}", brief(found), brief(wanted))),
    }
}

fn check_matches(pattern: &str, found: &Value) -> Result<(), String> {
    let regex = Regex::new(pattern).map_err(|e| format!("cannot be matched: {e}"))?;
    let text = match found {
        Value::String(s) => s.clone(),
        other => other.to_string(),
    };
    if regex.is_match(&text) {
        Ok(())
    } else {
        Err(format!("is {}, which does not match {pattern}", brief(found)))
    }
}

/// A value as JSON, cut to 80 characters.
fn brief(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 80 { text } else { text.chars().take(79).chain(['…']).collect() }
}

impl JsonType {
    fn fits(self, value: &Value) -> bool {
        match self {
            Self::Null => value.is_null(),
            Self::Boolean => value.is_boolean(),
            Self::Integer => matches!(value, Value::Number(number) if is_whole(number)),
            Self::Number => value.is_number(),
            Self::String => value.is_string(),
            Self::Array => value.is_array(),
            Self::Object => value.is_object(),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::String => "string",
            Self::Array => "array",
            Self::Object => "object",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(matcher: Value, value: Option<&Value>) -> Result<(), String> {
        serde_json::from_value::<Matcher>(matcher).unwrap().check(value)
    }

    #[test]
    fn each_matcher_both_ways() {
        let ok = |m: Value, v: Value| assert_eq!(check(m, Some(&v)), Ok(()));
        let no =
            |m: Value, v: Option<Value>, why: &str| assert_eq!(check(m, v.as_ref()), Err(why.to_owned()));
        ok(json!("pending"), json!("pending"));
        no(json!("pending"), Some(json!("verified")), r#"is "verified", not "pending""#);
        no(json!("pending"), None, r#"is absent, not "pending""#);
        ok(json!({"equals": 1}), json!(1.0));
        ok(json!({"equals": {"a": [1, 2]}}), json!({"a": [1.0, 2]}));
        ok(json!({"exists": true}), json!(null));
        no(json!({"exists": true}), None, "is absent");
        no(json!({"absent": true}), Some(json!(3)), "is there: 3");
        assert_eq!(check(json!({"absent": true}), None), Ok(()));
        ok(json!({"matches": "^[0-9]{3}$"}), json!(123));
        no(json!({"matches": "^x"}), Some(json!("y")), r#"is "y", which does not match ^x"#);
        ok(json!({"type": "integer"}), json!(3));
        ok(json!([]), json!([]));
        no(json!([]), Some(json!([1])), "is [1], not []");
        no(json!(["a"]), Some(json!("a")), r#"is "a", not ["a"]"#);
        ok(json!({"equals": null}), json!(null));
        no(json!({"equals": null}), Some(json!(1)), "is 1, not null");
        no(json!({"type": "integer"}), Some(json!("3")), r#"is "3", not of type integer"#);
    }
}
