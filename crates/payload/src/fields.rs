//! The fields that a schema declares, and those that webhooks have: what drifts apart.

use super::says::escaped;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// How deep is looked.
const MAX_DEPTH: usize = 24;
/// The most fields that are told apart.
const MAX_FIELDS: usize = 10_000;

/// Fields by JSON pointer, with `*` for the items of a list and for names that anybody chooses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields {
    declared: BTreeSet<String>,
    /// Places below which a schema lets anything stand.
    open: BTreeSet<String>,
    /// How many webhooks had each.
    seen: BTreeMap<String, u64>,
    webhooks: u64,
}

impl Fields {
    /// Those that the schema of an event declares; `None` for an event that has none.
    #[must_use]
    pub fn declared(bundle: &Value, event: &str) -> Option<Self> {
        let number = bundle.get("events")?.get(event)?.as_u64()?;
        let mut fields = Self::default();
        let schemas = bundle.get("schemas")?;
        fields.declare(schemas, schemas.get(number.to_string())?, "", 0);
        Some(fields)
    }

    fn declare(&mut self, schemas: &Value, schema: &Value, at: &str, depth: usize) {
        if depth > MAX_DEPTH || self.declared.len() > MAX_FIELDS {
            self.open.insert(at.to_owned());
            return;
        }
        let before = self.declared.len();
        let mut says_what = false;
        let reference = schema.get("$ref").and_then(Value::as_str).and_then(|r| r.strip_prefix("#/$defs/"));
        if let Some(further) = reference.and_then(|number| schemas.get(number)) {
            self.declare(schemas, further, at, depth + 1);
            says_what = true;
        }
        for (name, below) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let place = format!("{at}/{}", escaped(name));
            self.declared.insert(place.clone());
            self.declare(schemas, below, &place, depth + 1);
            says_what = true;
        }
        let named = schema.get("patternProperties").and_then(Value::as_object).into_iter().flatten();
        let others = schema.get("additionalProperties").filter(|others| others.is_object());
        for below in named.map(|(_, below)| below).chain(others) {
            let place = format!("{at}/*");
            self.declared.insert(place.clone());
            self.declare(schemas, below, &place, depth + 1);
            says_what = true;
        }
        for below in ["items", "contains"].iter().filter_map(|word| schema.get(*word)) {
            self.declare(schemas, below, &format!("{at}/*"), depth + 1);
            says_what = true;
        }
        for word in ["allOf", "anyOf", "oneOf", "prefixItems"] {
            let place = if word == "prefixItems" { format!("{at}/*") } else { at.to_owned() };
            for below in schema.get(word).and_then(Value::as_array).into_iter().flatten() {
                self.declare(schemas, below, &place, depth + 1);
                says_what = true;
            }
        }
        for below in ["if", "then", "else"].iter().filter_map(|word| schema.get(*word)) {
            self.declare(schemas, below, at, depth + 1);
        }
        // An object of which nothing is said may hold anything.
        let kind = schema.get("type");
        let may_be = |name: &str| {
            kind.is_none_or(|kind| {
                kind == name || kind.as_array().is_some_and(|k| k.iter().any(|k| k == name))
            })
        };
        let closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
        if !says_what && before == self.declared.len() && !closed && (may_be("object") || may_be("array")) {
            self.open.insert(at.to_owned());
        }
    }

    /// Takes in a webhook.
    pub fn see(&mut self, webhook: &Value) {
        self.webhooks += 1;
        let mut found = BTreeSet::new();
        places(webhook, "", 0, &mut found);
        for place in found {
            if self.seen.len() < MAX_FIELDS || self.seen.contains_key(&place) {
                *self.seen.entry(place).or_default() += 1;
            }
        }
    }

    /// How many webhooks were taken in.
    #[must_use]
    pub const fn webhooks(&self) -> u64 {
        self.webhooks
    }

    /// Fields that webhooks have and the schema does not declare, and in how many; of what stands below one, the one alone.
    #[must_use]
    pub fn undeclared(&self) -> Vec<(&str, u64)> {
        let is_new = |place: &str| {
            !self.is_declared(place) && above(place).is_none_or(|above| self.is_declared(above))
        };
        let new = self.seen.iter().filter(|(place, _)| is_new(place));
        new.map(|(place, times)| (place.as_str(), *times)).collect()
    }

    /// Fields that the schema declares and no webhook had.
    #[must_use]
    pub fn never_seen(&self) -> Vec<&str> {
        // A list has no place of its own for its items: it has come where one of them has a field.
        let came = |place: &str| {
            let list = place.strip_suffix("/*").unwrap_or(place);
            self.seen.keys().any(|seen| fits(seen, place) || fits(seen, list))
        };
        let missing = |place: &&String| {
            !came(place) && above(place).is_none_or(|above| above.is_empty() || came(above))
        };
        self.declared.iter().filter(missing).map(String::as_str).collect()
    }

    fn is_declared(&self, place: &str) -> bool {
        place.is_empty()
            || self.declared.iter().any(|declared| fits(place, declared))
            || self.open.iter().any(|open| is_below(place, open))
            || place.ends_with("/*")
    }
}

/// The place that one stands in.
fn above(place: &str) -> Option<&str> {
    place.rsplit_once('/').map(|(above, _)| above)
}

/// Whether a place is one that is declared, where `*` stands for any name.
fn fits(place: &str, declared: &str) -> bool {
    let (mut ours, mut theirs) = (place.split('/'), declared.split('/'));
    loop {
        match (ours.next(), theirs.next()) {
            (None, None) => return true,
            (Some(a), Some(b)) if a == b || b == "*" => {}
            _ => return false,
        }
    }
}

fn is_below(place: &str, open: &str) -> bool {
    let depth = open.split('/').count();
    let cut: Vec<&str> = place.split('/').take(depth).collect();
    place.split('/').count() > depth && fits(&cut.join("/"), open)
}

fn places(value: &Value, at: &str, depth: usize, found: &mut BTreeSet<String>) {
    if depth > MAX_DEPTH || found.len() > MAX_FIELDS {
        return;
    }
    match value {
        Value::Object(object) => {
            for (name, below) in object {
                let place = format!("{at}/{}", escaped(name));
                places(below, &place, depth + 1, found);
                found.insert(place);
            }
        }
        Value::Array(list) => {
            let place = format!("{at}/*");
            list.iter().for_each(|below| places(below, &place, depth + 1, found));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_drifts_is_named_once_and_what_is_open_is_not() {
        let bundle = json!({
            "events": {"paid": 0},
            "schemas": {
                "0": {"type": "object", "properties": {
                    "id": {"type": "integer"}, "note": {"type": "string"}, "meta": {"type": "object"},
                    "items": {"type": "array", "items": {"$ref": "#/$defs/1"}},
                }},
                "1": {"properties": {"sku": {"type": "string"}, "n": {"type": "integer"}}},
            },
        });
        let mut fields = Fields::declared(&bundle, "paid").unwrap();
        fields.see(&json!({"id": 1, "meta": {"x": 1}, "items": [{"sku": "a", "colour": "red"}], "extra": {"deep": 1}}));
        fields.see(&json!({"id": 1, "items": []}));
        assert_eq!(fields.undeclared(), [("/extra", 1), ("/items/*/colour", 1)]);
        assert_eq!(fields.never_seen(), ["/items/*/n", "/note"]);
        assert_eq!(fields.webhooks(), 2);
        assert!(Fields::declared(&bundle, "other").is_none());
    }
}
