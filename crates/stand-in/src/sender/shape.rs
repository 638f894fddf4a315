//! The body of a webhook in the form that a sender's profile says: alone, in a batch, as a form.

use serde_json::{Map, Value};
use signature::{BodyFormat, Scheme};

/// The body as the sender writes it, with event and id where its profile has them.
pub(super) fn shaped(scheme: Scheme, json: Vec<u8>, event: &str, id: &str) -> Vec<u8> {
    let spec = scheme.spec();
    let is_form = spec.body.format == BodyFormat::Form;
    if spec.body.batch.is_none() && !is_form {
        return json;
    }
    let Ok(mut webhook) = serde_json::from_slice::<Value>(&json) else { return json };
    for (pointer, text) in [(&spec.event.json, event), (&spec.id.json, id)] {
        if let Some(pointer) = pointer {
            put(&mut webhook, pointer, Value::from(text));
        }
    }
    let whole = match &spec.body.batch {
        Some(batch) => within(batch.trim_end_matches("/*"), webhook),
        None => webhook,
    };
    match (&spec.body.field, is_form) {
        (_, false) => whole.to_string().into_bytes(),
        (Some(field), true) => form(&[(field.clone(), whole.to_string())]),
        (None, true) => {
            let mut fields = Vec::new();
            flatten(String::new(), &whole, &mut fields);
            form(&fields)
        }
    }
}

/// Puts a value where a pointer says, with the objects that lead there.
fn put(whole: &mut Value, pointer: &str, value: Value) {
    let mut at = whole;
    for key in pointer.split('/').skip(1) {
        if !at.is_object() {
            *at = Value::Object(Map::new());
        }
        let Value::Object(members) = at else { return };
        at = members.entry(key).or_insert(Value::Null);
    }
    *at = value;
}

/// A list of one webhook at the place of the batch.
fn within(pointer: &str, webhook: Value) -> Value {
    let mut whole = Value::Null;
    put(&mut whole, pointer, Value::Array(vec![webhook]));
    whole
}

/// The fields of a form: `data[tournament_id]` for what is inside of an object.
fn flatten(name: String, value: &Value, into: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                let inner = if name.is_empty() { key.clone() } else { format!("{name}[{key}]") };
                flatten(inner, value, into);
            }
        }
        Value::Null => {}
        Value::String(text) => into.push((name, text.clone())),
        other => into.push((name, other.to_string())),
    }
}

fn form(fields: &[(String, String)]) -> Vec<u8> {
    let mut text = url::form_urlencoded::Serializer::new(String::new());
    text.extend_pairs(fields);
    text.finish().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn scheme(body: &Value) -> Scheme {
        let spec = serde_json::from_value(json!({
            "signature": { "algorithm": "none" }, "body": body, "event": { "json": "/kind" }, "id": { "json": "/meta/id" },
        }));
        Scheme::of("mine", spec.unwrap()).unwrap()
    }

    fn text(body: &Value) -> String {
        String::from_utf8(shaped(scheme(body), br#"{"data":{"n":1}}"#.to_vec(), "paid", "x 1")).unwrap()
    }

    #[test]
    fn a_body_has_the_form_of_its_profile() {
        assert_eq!(text(&json!({})), r#"{"data":{"n":1}}"#);
        let one = json!({ "data": { "n": 1 }, "kind": "paid", "meta": { "id": "x 1" } });
        let read = |body: &Value| serde_json::from_str::<Value>(&text(body)).unwrap();
        assert_eq!(read(&json!({ "batch": "/*" })), json!([one]));
        assert_eq!(read(&json!({ "batch": "/a/b/*" })), json!({ "a": { "b": [one] } }));
        assert_eq!(text(&json!({ "format": "form" })), "data%5Bn%5D=1&kind=paid&meta%5Bid%5D=x+1");
        assert!(text(&json!({ "format": "form", "field": "p" })).starts_with("p=%7B%22data%22"));
    }
}
