//! What is taken out of an answer or a webhook, under a name, for later steps.

use crate::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;

/// Where a captured value is: a JSON pointer (RFC 6901) into the body, or a mapping that says where else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Capture {
    /// JSON pointer into the body.
    Pointer(String),
    /// A header, a cookie, or a part of a text.
    From(CaptureFrom),
}

/// Where else a captured value is: exactly one of `json`, `header` and `cookie`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CaptureFrom {
    /// JSON pointer into the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<String>,
    /// Name of a header, such as `Location`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// Name of a cookie set by the response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cookie: Option<String>,
    /// Regular expression whose first group is captured, or the whole match if it has none: `/orders/([^/]+)$`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matches: Option<String>,
}

// Not derived: an untagged enum would say "did not match any variant" and lose the place of the mistake.
impl<'de> Deserialize<'de> for Capture {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PointerOrMapping;

        impl<'de> Visitor<'de> for PointerOrMapping {
            type Value = Capture;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a JSON pointer such as /id, or a mapping with `header`, `cookie` or `json`")
            }

            fn visit_str<E: de::Error>(self, pointer: &str) -> Result<Capture, E> {
                Ok(Capture::Pointer(pointer.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Capture, A::Error> {
                CaptureFrom::deserialize(MapAccessDeserializer::new(map)).map(Capture::From)
            }
        }

        deserializer.deserialize_any(PointerOrMapping)
    }
}

impl Capture {
    /// The JSON pointer, where it is one.
    #[must_use]
    pub fn pointer(&self) -> Option<&str> {
        match self {
            Self::Pointer(pointer) => Some(pointer),
            Self::From(from) => from.json.as_deref(),
        }
    }

    /// The value in a message: `body` as JSON, where it is that. `None` when there is none.
    #[must_use]
    pub fn take<'v>(
        &self,
        at: impl Fn(&str) -> Option<&'v Value>,
        headers: &[(String, String)],
    ) -> Option<Value> {
        let from = match self {
            Self::Pointer(pointer) => return at(pointer).cloned(),
            Self::From(from) => from,
        };
        let found = match (&from.json, &from.header, &from.cookie) {
            (Some(pointer), ..) => at(pointer)?.clone(),
            (_, Some(name), _) => header(headers, name)?.into(),
            (_, _, Some(name)) => cookie(headers, name)?.into(),
            _ => return None,
        };
        let Some(pattern) = &from.matches else { return Some(found) };
        let pattern = regex::Regex::new(pattern).ok()?;
        let text = super::template::as_text(&found);
        let groups = pattern.captures(&text)?;
        groups.get(1).or_else(|| groups.get(0)).map(|group| group.as_str().into())
    }
}

/// The first header of that name, compared without case.
pub(super) fn header<'h>(headers: &'h [(String, String)], name: &str) -> Option<&'h str> {
    headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// The value of a cookie that an answer sets.
fn cookie<'h>(headers: &'h [(String, String)], name: &str) -> Option<&'h str> {
    let set = headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case("set-cookie"));
    set.filter_map(|(_, value)| value.split(';').next()?.split_once('='))
        .find(|(n, _)| n.trim() == name)
        .map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn take(capture: Value) -> Option<Value> {
        let headers = [
            ("location".to_owned(), "https://api.example/v1/orders/or_7?x=1".to_owned()),
            ("Set-Cookie".to_owned(), "sid=s3ss; Path=/; HttpOnly".to_owned()),
        ];
        let body = json!({"id": 7, "href": "/orders/7"});
        serde_json::from_value::<Capture>(capture).unwrap().take(|pointer| body.pointer(pointer), &headers)
    }

    #[test]
    fn a_value_comes_from_body_header_or_cookie_whole_or_in_part() {
        assert_eq!(take(json!("/id")), Some(json!(7)));
        assert_eq!(take(json!({"json": "/href", "matches": "[0-9]+"})), Some(json!("7")));
        let part = json!({"header": "Location", "matches": "/orders/([^/?]+)"});
        assert_eq!(take(part), Some(json!("or_7")));
        assert_eq!(take(json!({"cookie": "sid"})), Some(json!("s3ss")));
        for nothing in [
            json!("/gone"),
            json!({"header": "X-Gone"}),
            json!({"cookie": "gone"}),
            json!({"json": "/id", "matches": "[a-z]"}),
        ] {
            assert_eq!(take(nothing), None);
        }
        assert!(
            serde_json::from_value::<Capture>(json!(7)).unwrap_err().to_string().contains("JSON pointer")
        );
    }
}
