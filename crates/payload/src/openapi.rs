//! Where in an OpenAPI or AsyncAPI document the schema of a webhook stands, and its words that JSON Schema has not.

use serde_json::{Map, Value};

/// What a place in a document of an API leads to.
#[derive(Debug, PartialEq)]
pub(super) enum Step {
    Schema,
    /// The schema stands below, at these names.
    Below(Vec<String>),
    /// It holds several, and nothing says which.
    Several(Vec<String>),
}

/// Where to look on from a place: a path item, an operation, a callback, a request body, a message, a channel.
pub(super) fn step(node: &Value) -> Step {
    let Some(object) = node.as_object() else { return Step::Schema };
    let has = |name: &str| object.contains_key(name);
    let below = |names: &[&str]| Step::Below(names.iter().map(|name| (*name).to_owned()).collect());
    if has("requestBody") {
        return below(&["requestBody"]);
    }
    if let Some(method) = ["post", "put", "patch"].into_iter().find(|method| has(method)) {
        return below(&[method]);
    }
    if let Some(Value::Object(content)) = object.get("content") {
        let json = content.keys().find(|kind| is_json(kind)).or_else(|| content.keys().next());
        return json.map_or(Step::Schema, |kind| below(&["content", kind.as_str(), "schema"]));
    }
    if has("payload") {
        // AsyncAPI 3 wraps a schema in its format.
        let wrapped = object.get("payload").and_then(|payload| payload.get("schema")).is_some();
        return if wrapped { below(&["payload", "schema"]) } else { below(&["payload"]) };
    }
    for name in ["publish", "subscribe", "message"] {
        if has(name) {
            return below(&[name]);
        }
    }
    if let Some(Value::Object(messages)) = object.get("messages") {
        return one_of(messages, &["messages"]);
    }
    if let Some(Value::Array(messages)) = object.get("oneOf").filter(|_| is_message(node)) {
        return match messages.len() {
            1 => below(&["oneOf", "0"]),
            _ => Step::Several((0..messages.len()).map(|n| format!("oneOf/{n}")).collect()),
        };
    }
    // A callback: an expression, and what is sent there.
    let callback = object.values().all(|value| value.get("post").is_some() || value.get("put").is_some());
    if callback && !object.is_empty() { one_of(object, &[]) } else { Step::Schema }
}

fn one_of(object: &Map<String, Value>, before: &[&str]) -> Step {
    let mut names = object.keys();
    match (names.next(), names.next()) {
        (Some(only), None) => {
            Step::Below(before.iter().map(|name| (*name).to_owned()).chain([only.clone()]).collect())
        }
        _ => Step::Several(object.keys().cloned().collect()),
    }
}

fn is_json(kind: &str) -> bool {
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || kind.ends_with("+json")
}

/// Whether a `oneOf` is one of messages, and not of schemas.
fn is_message(node: &Value) -> bool {
    let list = node.get("oneOf").and_then(Value::as_array);
    list.is_some_and(|list| list.iter().all(|one| one.get("payload").is_some()))
}

/// A schema of OpenAPI 3.0 in the words of JSON Schema; what is below it is done by itself.
pub(super) fn modern(schema: &mut Map<String, Value>) {
    for (flag, limit) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
        if let Some(Value::Bool(exclusive)) = schema.get(flag).cloned() {
            schema.remove(flag);
            if let Some(value) = schema.get(limit).cloned().filter(|_| exclusive) {
                schema.remove(limit);
                schema.insert(flag.to_owned(), value);
            }
        }
    }
    let nullable = schema.remove("nullable").is_some_and(|nullable| nullable == Value::Bool(true));
    for word in ["example", "discriminator", "xml", "externalDocs"] {
        schema.remove(word);
    }
    if !nullable {
        return;
    }
    if let Some(Value::String(kind)) = schema.get("type").cloned() {
        schema.insert("type".to_owned(), Value::from(vec![kind, "null".to_owned()]));
        if let Some(Value::Array(values)) = schema.get_mut("enum") {
            values.push(Value::Null);
        }
    } else {
        let whole = Value::Object(std::mem::take(schema));
        schema.insert("anyOf".to_owned(), Value::Array(vec![serde_json::json!({ "type": "null" }), whole]));
    }
}
