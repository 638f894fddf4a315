//! Entries that are spelled out, `{"name": "first_name", "value": "Anna"}`: the value stands under the key that its neighbour names. Forms,
//! attributes and custom fields come so.

use super::document::{Document, Leaf, Name, NodeId};

/// What the member with the value is called.
const VALUES: [&str; 5] = ["value", "val", "v", "answer", "values"];
/// What the member with the key is called.
const KEYS: [&str; 11] =
    ["name", "key", "field", "label", "type", "attribute", "property", "parameter", "question", "k", "id"];
/// Longest key, in bytes.
const LONGEST: usize = 64;
/// So many nodes on either side are looked at.
const NEAR: usize = 16;

/// The key that another member of its object names for the value at `id`, where one does that `tells` anything.
pub(super) fn named<'d>(
    document: &'d Document<'_>,
    id: NodeId,
    tells: impl Fn(&str) -> bool,
) -> Option<&'d str> {
    let nodes = document.nodes();
    let own = nodes.get(id)?;
    let Name::Key(key) = &own.name else { return None };
    if !VALUES.contains(&key.as_ref()) {
        return None;
    }
    let near = nodes.get(id.saturating_sub(NEAR)..(id + NEAR).min(nodes.len()))?;
    let beside = near.iter().filter(|node| node.parent == own.parent);
    let mut texts = beside.filter_map(|node| match (&node.name, &node.leaf) {
        (Name::Key(name), Leaf::Text(text)) if KEYS.contains(&name.as_ref()) => Some(text.as_ref()),
        _ => None,
    });
    texts.find(|text| text.len() <= LONGEST && tells(text))
}

#[cfg(test)]
mod tests {
    use crate::{Category, Engine, Policy};
    use serde_json::{Value, json};

    fn found(body: &Value) -> Vec<(Category, String)> {
        let engine = Engine::new(&Policy::default(), &[], b"salt").unwrap();
        engine.scan_payload(body, &[]).findings.into_iter().map(|f| (f.category, f.place)).collect()
    }

    #[test]
    fn a_value_stands_under_the_key_that_its_entry_names() {
        for (body, category, place) in [
            (json!({"name": "username", "value": "anna7"}), Category::Username, "/value"),
            (
                json!({"fields": [{"value": "Anna Smith", "label": "Full name"}]}),
                Category::Name,
                "/fields/0/value",
            ),
            (json!({"key": "password", "value": "hunter2hunter2"}), Category::Token, "/value"),
            (json!({"name": "address", "values": ["12 High Street"]}), Category::PostalAddress, "/values/0"),
        ] {
            assert_eq!(found(&body), [(category, place.to_owned())], "{body}");
        }
        for clean in [
            json!({"name": "currency", "value": "BDT"}),
            json!({"label": "Name", "value": "Grand Final"}),
            json!({"name": "email_sent", "value": 4}),
            json!({"name": "username", "count": "anna7"}),
            json!({"fields": [{"name": "username"}, {"value": "anna7"}]}),
        ] {
            assert_eq!(found(&clean), [], "{clean}");
        }
    }
}
