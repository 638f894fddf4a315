//! Whether what a reference leads to says anything of a webhook: a whole document of an API, a sample, or a schema that refers to
//! itself would let everything pass.

use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Places that are told.
const TOLD: usize = 8;

/// The words of JSON Schema and OpenAPI that check something.
const CHECKS: [&str; 46] = [
    "$ref",
    "$dynamicRef",
    "$recursiveRef",
    "type",
    "enum",
    "const",
    "properties",
    "patternProperties",
    "additionalProperties",
    "unevaluatedProperties",
    "propertyNames",
    "required",
    "minProperties",
    "maxProperties",
    "dependentRequired",
    "dependentSchemas",
    "dependencies",
    "items",
    "prefixItems",
    "additionalItems",
    "unevaluatedItems",
    "contains",
    "minContains",
    "maxContains",
    "minItems",
    "maxItems",
    "uniqueItems",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "if",
    "then",
    "else",
    "multipleOf",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minLength",
    "maxLength",
    "pattern",
    "format",
    "nullable",
    "contentMediaType",
    "contentEncoding",
];
/// Words whose schemas hold for the same value as the one that they stand in.
const IN_PLACE: [&str; 7] = ["allOf", "anyOf", "oneOf", "not", "if", "then", "else"];

/// Whether a value is a schema that checks something, or is meant to let everything pass: `true` and `{}`.
pub(super) fn checks(node: &Value) -> bool {
    match node {
        Value::Object(object) => object.is_empty() || CHECKS.iter().any(|word| object.contains_key(*word)),
        // What is no schema by its type is told as that.
        _ => true,
    }
}

/// Whether a place is in what an API takes and answers, and in no callback.
pub(super) fn is_of_the_api(pointer: &str) -> bool {
    (pointer == "/paths" || pointer.starts_with("/paths/")) && !pointer.contains("/callbacks/")
}

/// The places of webhooks in a document of an API, or of definitions in a schema: JSON pointers with `#`, as a text.
pub(super) fn places(file: &str, root: &Value) -> String {
    let mut found: Vec<String> = Vec::new();
    for at in
        ["/webhooks", "/components/callbacks", "/channels", "/components/messages", "/definitions", "/$defs"]
    {
        found.extend(names(root, at).map(|name| format!("{at}/{}", escaped(name))));
    }
    for path in names(root, "/paths") {
        let path = format!("/paths/{}", escaped(path));
        for method in names(root, &path) {
            let callbacks = format!("{path}/{}/callbacks", escaped(method));
            found.extend(names(root, &callbacks).map(|name| format!("{callbacks}/{}", escaped(name))));
        }
    }
    if found.is_empty() {
        return format!("{file} has none");
    }
    let more = found.len().saturating_sub(TOLD);
    let told: Vec<String> = found.iter().take(TOLD).map(|pointer| format!("{file}#{pointer}")).collect();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("write one of {}{more}", told.join(", "))
}

fn names<'a>(root: &'a Value, pointer: &str) -> impl Iterator<Item = &'a str> + use<'a> {
    root.pointer(pointer).and_then(Value::as_object).into_iter().flat_map(Map::keys).map(String::as_str)
}

pub(super) fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Whether a schema of a bundle (`number`) refers to itself for the same value, which checks nothing.
pub(super) fn is_circular(schemas: &Map<String, Value>, number: usize) -> bool {
    let mut seen = BTreeSet::new();
    let mut waiting = refers_to(schemas, number);
    while let Some(next) = waiting.pop() {
        if next == number {
            return true;
        }
        if seen.insert(next) {
            waiting.extend(refers_to(schemas, next));
        }
    }
    false
}

/// The schemas that one refers to for the same value.
fn refers_to(schemas: &Map<String, Value>, number: usize) -> Vec<usize> {
    let mut found = Vec::new();
    let mut waiting: Vec<&Value> = schemas.get(&number.to_string()).into_iter().collect();
    while let Some(schema) = waiting.pop() {
        let reference = schema.get("$ref").and_then(Value::as_str);
        found.extend(reference.and_then(|text| text.rsplit('/').next()?.parse::<usize>().ok()));
        for word in IN_PLACE {
            match schema.get(word) {
                Some(Value::Array(all)) => waiting.extend(all),
                Some(one) => waiting.push(one),
                None => {}
            }
        }
    }
    found
}
