//! Entries that are spelled out, `{"name": "first_name", "value": "Anna"}`: the value stands under the key that its neighbour names. Forms,
//! attributes, custom fields and records of changes come so, pairs in lists, the rows of a table, and jCards.

use super::decode::card_property;
use super::document::{Document, Leaf, Name, Node, NodeId};

/// What the member with the value is called, in small letters and without `_`.
const VALUES: [&str; 7] = ["value", "val", "v", "answer", "values", "propertyvalue", "fieldvalue"];
/// What the members with the values before and after a change are called.
const CHANGED: [&str; 14] = [
    "old",
    "new",
    "oldvalue",
    "newvalue",
    "from",
    "to",
    "fromstring",
    "tostring",
    "fromvalue",
    "tovalue",
    "before",
    "after",
    "previousvalue",
    "currentvalue",
];
/// What the member with the key is called.
const KEYS: [&str; 16] = [
    "name",
    "title",
    "key",
    "field",
    "label",
    "type",
    "attribute",
    "property",
    "parameter",
    "question",
    "k",
    "id",
    "propertyname",
    "fieldname",
    "attributename",
    "column",
];
/// Those of [`KEYS`] that name what was changed: the type of a change is that of an event, `login`.
const FIELDS: [&str; 9] = [
    "key",
    "field",
    "attribute",
    "property",
    "parameter",
    "propertyname",
    "fieldname",
    "attributename",
    "column",
];
/// What members with the names of columns, and those with the rows below them, are called.
const COLUMNS: [&str; 8] = ["columns", "columnnames", "cols", "fields", "headers", "header", "heads", "keys"];
const ROWS: [&str; 6] = ["rows", "data", "values", "records", "items", "results"];
/// Longest key, in bytes, and longest name of a member with one or with a value.
const LONGEST: usize = 64;
const MEMBER: usize = 14;
/// So many nodes on either side are looked at.
const NEAR: usize = 16;
/// So many before rows for the names of their columns.
const BEFORE: usize = 128;

/// The key that another member of its object, or element of its list, names for the value at `id`, where one does that `tells` anything.
pub(super) fn named<'d>(
    document: &'d Document<'_>,
    id: NodeId,
    tells: impl Fn(&str) -> bool,
) -> Option<&'d str> {
    let nodes = document.nodes();
    let own = nodes.get(id)?;
    let key = match &own.name {
        Name::Key(key) => key.as_ref(),
        Name::Index(column) => return in_list(nodes, own, *column, tells),
        Name::Root => return None,
    };
    if matches!(key, "national_number" | "nationalNumber") {
        // As libphonenumber has it; alone it is the number of a nation's register.
        let near = nodes.get(id.saturating_sub(NEAR)..(id + NEAR).min(nodes.len()))?;
        let code = |name: &Name<'_>| matches!(name, Name::Key(key) if ["country_code", "countryCode"].contains(&key.as_ref()));
        return near
            .iter()
            .any(|node| node.parent == own.parent && code(&node.name))
            .then_some("phone_number");
    }
    if !may_have_value(key) {
        return None;
    }
    let value = is_one_of(&VALUES, key);
    if !value && !is_one_of(&CHANGED, key) {
        return None;
    }
    let near = nodes.get(id.saturating_sub(NEAR)..(id + NEAR).min(nodes.len()))?;
    let beside = || near.iter().filter(|node| node.parent == own.parent).filter_map(member);
    let named = if value { &KEYS[..] } else { &FIELDS[..] };
    let mut texts = beside().filter(|(name, _)| is_one_of(named, name)).map(|(_, text)| text);
    texts.find(|text| text.len() <= LONGEST && tells(text)).or_else(|| {
        // RFC 6902 section 4
        let is_patch = value && beside().any(|(name, _)| name == "op");
        let (_, path) = beside().filter(|_| is_patch).find(|(name, _)| *name == "path")?;
        path.rsplit('/')
            .find(|step| !step.is_empty() && *step != "-" && !step.bytes().all(|b| b.is_ascii_digit()))
    })
}

/// The name and text of a member.
fn member<'d>(node: &'d Node<'_>) -> Option<(&'d str, &'d str)> {
    match (&node.name, &node.leaf) {
        (Name::Key(name), Leaf::Text(text)) => Some((name, text)),
        _ => None,
    }
}

/// For each first letter the lengths, as bits, of the names of members with a value, with a `_` in them and without.
const LENGTHS: [u32; 26] = {
    let mut lengths = [0; 26];
    let mut at = 0;
    while at < VALUES.len() + CHANGED.len() {
        let name = if at < VALUES.len() { VALUES[at] } else { CHANGED[at - VALUES.len()] }.as_bytes();
        lengths[(name[0] - b'a') as usize] |= 3 << name.len();
        at += 1;
    }
    lengths
};

/// Whether a member of this name may have the value of an entry: most have not, by their first letter and length.
fn may_have_value(name: &str) -> bool {
    let letter = name.as_bytes().first().map(|b| usize::from((b | 0x20).wrapping_sub(b'a')));
    let lengths = letter.and_then(|letter| LENGTHS.get(letter));
    lengths.is_some_and(|lengths| name.len() <= MEMBER && lengths >> name.len() & 1 == 1)
}

/// Whether a name is in a list, in any case and with `_` or without.
fn is_one_of(list: &[&str], name: &str) -> bool {
    let first = name.as_bytes().first().map(|b| b | 0x20);
    let plain = || name.bytes().filter(|b| *b != b'_').map(|b| b.to_ascii_lowercase());
    name.len() <= MEMBER
        && list.iter().any(|one| one.as_bytes().first().copied() == first && plain().eq(one.bytes()))
}

/// The key of an element: of a pair in a list of pairs, `["username", "anna7"]`, of a row below the names of its columns, or of a jCard's
/// property (RFC 7095), `["fn", {}, "text", "Anna Smith"]`.
fn in_list<'d>(
    nodes: &'d [Node<'_>],
    own: &Node<'_>,
    column: usize,
    tells: impl Fn(&str) -> bool,
) -> Option<&'d str> {
    let row = own.parent;
    let element = |list: NodeId, n: usize| {
        let node = nodes.get(list + 1 + n).filter(|node| node.parent == list)?;
        matches!(node.name, Name::Index(at) if at == n).then_some(node)
    };
    let text = |list: NodeId, n: usize| match &element(list, n)?.leaf {
        Leaf::Text(text) if text.len() <= LONGEST => Some(text.as_ref()),
        _ => None,
    };
    if column >= 3 && matches!(element(row, 1)?.leaf, Leaf::Container) {
        return card_property(text(row, 0)?);
    }
    // Neither the first list nor one in an object.
    let Name::Index(at) = nodes.get(row)?.name else { return None };
    let table = nodes.get(row)?.parent;
    if let Some(name) = columns_of(nodes, table).and_then(|columns| column_name(nodes, columns, column)) {
        return tells(name).then_some(name);
    }
    let head = table + 1;
    // Names of headers begin with capitals.
    let headers =
        matches!(&nodes.get(table)?.name, Name::Key(key) if key.to_ascii_lowercase().ends_with("headers"));
    let is_name = |text: &str| headers || is_name(text);
    let pairs = || {
        let other =
            if at > 0 { text(head, 0) } else { text(row + 3, 0).filter(|_| element(row, 2).is_none()) };
        let two = element(head, 1).is_some() && element(head, 2).is_none();
        two && other.is_some_and(is_name)
            && text(head, 0).is_some_and(is_name)
            && !text(head, 1).is_some_and(&tells)
    };
    if column == 1
        && let Some(key) = text(row, 0).filter(|key| is_name(key) && tells(key))
        && pairs()
    {
        return Some(key);
    }
    let name = text(head, column).filter(|name| at > 0 && tells(name))?;
    let named =
        text(head, 0).is_some_and(is_name) && !(column == 0 && text(row, 0).is_some_and(is_name) && pairs());
    named.then_some(name)
}

/// The list with the names of the columns, where it stands as a member before the one with the rows:
/// `{"columns": ["id", "first_name"], "rows": [[7, "Anna"]]}`.
fn columns_of(nodes: &[Node<'_>], rows: NodeId) -> Option<NodeId> {
    let own = nodes.get(rows)?;
    let is_called = |node: &Node<'_>, list| matches!(&node.name, Name::Key(key) if is_one_of(list, key));
    if !is_called(own, &ROWS) {
        return None;
    }
    let is_it = |id: &NodeId| {
        nodes.get(*id).is_some_and(|node| {
            node.parent == own.parent && matches!(node.leaf, Leaf::Container) && is_called(node, &COLUMNS)
        })
    };
    (rows.saturating_sub(BEFORE)..rows).rev().find(is_it)
}

/// The name of a column in such a list: a text, or an object with it.
fn column_name<'d>(nodes: &'d [Node<'_>], columns: NodeId, column: usize) -> Option<&'d str> {
    let after = nodes.get(columns + 1..(columns + BEFORE).min(nodes.len()))?;
    let is_it =
        |node: &Node<'_>| node.parent == columns && matches!(node.name, Name::Index(at) if at == column);
    let at = after.iter().position(is_it)?;
    let id = columns + 1 + at;
    match &after.get(at)?.leaf {
        Leaf::Text(text) => Some(text.as_ref()).filter(|text| text.len() <= LONGEST),
        Leaf::Container => {
            let mut members = after.iter().skip(at + 1).filter(|node| node.parent == id).filter_map(member);
            members.find(|(name, text)| is_one_of(&KEYS, name) && text.len() <= LONGEST).map(|(_, text)| text)
        }
        _ => None,
    }
}

/// Whether a text is the name of a field or header: no capitalised word, as names of people are.
fn is_name(text: &str) -> bool {
    let of_name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    let small = text.starts_with(|c: char| c.is_ascii_lowercase());
    text.bytes().all(of_name) && (small || text.contains(['-', '_']))
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
            (json!({"Name": "PhoneNumber", "Value": 254_708_374_149_u64}), Category::Phone, "/Value"),
            (
                json!({"propertyName": "firstname", "propertyValue": "Ottilie"}),
                Category::Name,
                "/propertyValue",
            ),
            (json!({"attribute": "last_name", "new_value": "Nagy"}), Category::Name, "/new_value"),
            (json!({"field": "username", "fromString": "old.otti"}), Category::Username, "/fromString"),
            (
                json!({"op": "add", "path": "/users/0/username", "value": "otti"}),
                Category::Username,
                "/value",
            ),
            (json!([["username", "kaia.n"], ["plan", "gold"]]), Category::Username, "/0/1"),
            (json!([["plan", "gold"], ["username", "kaia.n"]]), Category::Username, "/1/1"),
            (
                json!({"headers": [["Accept", "x"], ["X-Api-Key", "93kd72LmQpXz01RtYw55"]]}),
                Category::Token,
                "/headers/1/1",
            ),
            (json!([["first_name", "plan"], ["Nomsa", "gold"]]), Category::Name, "/1/0"),
            (json!([["id", "last_name", "plan"], [7, "Dube", "gold"]]), Category::Name, "/1/1"),
            (json!({"columns": ["id", "first_name"], "rows": [[7, "Anna"]]}), Category::Name, "/rows/0/1"),
            (
                json!({"fields": [{"id": 1, "name": "plan"}, {"name": "username"}], "data": [["gold", "anna7"]]}),
                Category::Username,
                "/data/0/1",
            ),
            (
                json!(["vcard", [["version", {}, "text", "4.0"], ["fn", {}, "text", "Branimir Kos"]]]),
                Category::Name,
                "/1/1/3",
            ),
        ] {
            assert_eq!(found(&body), [(category, place.to_owned())], "{body}");
        }
        for clean in [
            json!({"name": "currency", "value": "BDT"}),
            json!({"label": "Name", "value": "Grand Final"}),
            json!({"name": "email_sent", "value": 4}),
            json!({"name": "username", "count": "anna7"}),
            json!({"fields": [{"name": "username"}, {"value": "anna7"}]}),
            json!({"type": "login", "from": "web", "to": "app"}),
            json!({"op": "test", "path": "/version", "value": "10.1.1.4"}),
            json!({"path": "/login", "value": "mobile_web"}),
            json!(["username", "kaia.n"]),
            json!({"columns": ["first_name", "plan"]}),
            json!([["username", "plan"]]),
            json!([["stage", "username"], ["final", 4]]),
            json!([["name", {"x": 1}, "text", "final"]]),
            json!({"columns": ["plan", "first_name"], "rows": [["gold", null]]}),
            json!({"columns": ["stage", "seats"], "rows": [["username", 4]]}),
            json!([{"columns": ["first_name", "plan"]}, {"rows": [["gold", "annual"]]}]),
        ] {
            assert_eq!(found(&clean), [], "{clean}");
        }
    }
}
