//! JSON Schemas as editors want them: yaml-language-server offers no key whose default is null, and a pointer without its `/`
//! is worth a wavy line before anything runs.

use schemars::Schema;
use serde_json::{Value, json};

/// A JSON pointer (RFC 6901) that is not the whole document.
const POINTER: &str = "^/";

/// The schema without defaults of null, and with the shape of JSON pointers: a property is one, or has them as its keys, when its
/// description begins with `JSON pointer`; its values are some, when it says `by JSON pointer`.
#[must_use]
pub(crate) fn for_editors(schema: Schema) -> Schema {
    let mut value = schema.to_value();
    shape(&mut value);
    Schema::try_from(value).unwrap_or_default()
}

/// The schema of a file in which a key has a value or is left out: what may be left out is not null.
#[must_use]
pub(crate) fn without_null(schema: Schema) -> Schema {
    let mut value = schema.to_value();
    no_null(&mut value);
    Schema::try_from(value).unwrap_or_default()
}

fn no_null(value: &mut Value) {
    match value {
        Value::Object(map) => {
            if let Some(Value::Object(properties)) = map.get_mut("properties") {
                properties.values_mut().for_each(not_null);
            }
            map.values_mut().for_each(no_null);
        }
        Value::Array(items) => items.iter_mut().for_each(no_null),
        _ => {}
    }
}

fn not_null(property: &mut Value) {
    if let Some(Value::Array(types)) = property.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [one] = types.as_slice() {
            property["type"] = one.clone();
        }
    }
    if let Some(Value::Array(ways)) = property.get_mut("anyOf") {
        ways.retain(|way| way.get("type") != Some(&json!("null")));
        if let [Value::Object(one)] = ways.as_slice() {
            let one = one.clone();
            if let Some(map) = property.as_object_mut() {
                map.remove("anyOf");
                map.extend(one);
            }
        }
    }
}

fn shape(value: &mut Value) {
    match value {
        Value::Object(map) => {
            if map.get("default").is_some_and(Value::is_null) && is_schema(map) {
                map.remove("default");
            }
            if let Some(Value::Object(default)) = map.get_mut("default") {
                default.retain(|_, value| !value.is_null());
            }
            let said = map.get("description").and_then(Value::as_str).unwrap_or_default();
            let (is_one, has_some) = (said.starts_with("JSON pointer"), said.contains("by JSON pointer"));
            if let Some(of) = map.get_mut("additionalProperties").filter(|of| of.is_object()) {
                if has_some && of.get("type") == Some(&json!("string")) {
                    of["pattern"] = json!(POINTER);
                }
                if is_one {
                    map.insert("propertyNames".to_owned(), json!({ "pattern": POINTER }));
                }
            } else if is_one && takes_text(map) {
                map.insert("pattern".to_owned(), json!(POINTER));
            }
            if let Some(Value::Array(ways)) = map.get_mut("anyOf") {
                short_forms(ways);
            }
            map.values_mut().for_each(shape);
        }
        Value::Array(items) => items.iter_mut().for_each(shape),
        _ => {}
    }
}

/// Beside a mapping with known keys a short form that takes anything takes all but mappings: an editor would offer none of the
/// keys, and find a mistyped one right.
fn short_forms(ways: &mut [Value]) {
    let is_mapping = |way: &Value| way.get("$ref").is_some();
    let is_anything = |way: &Value| {
        way.as_object().is_some_and(|way| !way.is_empty() && way.keys().all(|key| key == "description"))
    };
    if ways.iter().any(is_mapping) {
        for way in ways.iter_mut().filter(|way| is_anything(way)) {
            way["type"] = json!(["string", "number", "boolean", "null", "array"]);
        }
    }
}

/// Whether an object is a schema, and not a mapping of names to schemas in which one is called `default`.
fn is_schema(map: &serde_json::Map<String, Value>) -> bool {
    ["type", "$ref", "anyOf", "oneOf", "description"].iter().any(|key| map.contains_key(*key))
}

fn takes_text(map: &serde_json::Map<String, Value>) -> bool {
    match map.get("type") {
        Some(Value::String(one)) => one == "string",
        Some(Value::Array(many)) => many.contains(&json!("string")),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_left_out_is_not_null() {
        let schema = without_null(schemars::schema_for!(scenario::Scenario)).to_value();
        let step = &schema["$defs"]["Step"]["properties"];
        assert_eq!(
            (&step["session"]["type"], &step["poll"]["$ref"]),
            (&json!("string"), &json!("#/$defs/Poll"))
        );
        assert!(!step["poll"]["description"].is_null());
    }

    #[test]
    fn no_default_is_null_and_a_pointer_begins_with_a_slash() {
        let text = for_editors(schemars::schema_for!(scenario::Scenario)).to_value().to_string();
        assert!(!text.contains(r#""default":null"#));
        let schema = for_editors(schemars::schema_for!(scenario::Scenario)).to_value();
        let steps = &schema["$defs"]["Expect"]["properties"]["json"];
        assert_eq!(steps["propertyNames"]["pattern"], "^/", "{steps}");
        assert!(text.matches(r#""pattern":"^/""#).count() >= 5, "{text}");
        // Else the keys of the long form are not offered.
        let short = &schema["$defs"]["Matcher"]["anyOf"][1];
        assert_eq!(short["type"], json!(["string", "number", "boolean", "null", "array"]), "{short}");
    }
}
