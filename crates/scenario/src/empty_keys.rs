//! That no key of a scenario or a profile may stand there with nothing behind it: each that the schemas know is tried.

use super::tree::{self, Kind, Node, Null, Seg};
use super::{check, error::At, mended};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

/// A scenario that has every key, even those that exclude each other.
const SCENARIO: &str = r#"name: all
description: every key
subject: { kind: order, plural: orders, id: "{{ flow }}", status: "{{ who }}" }
sender: github
scheme: github
flows: 2
concurrency: 1
vars: { who: admin }
secrets: [who]
data: { columns: [a], ranges: { b: 1 }, file: rows.csv, rows: [{ a: 1 }], reusable: true }
sessions:
  login:
    login: { method: POST, path: /l }
    token: /t
    refresh: { request: { method: POST, path: /r }, refresh_token: /r, token: /t }
    basic: { username: u, password: "{{ env.P }}" }
    bearer: "{{ env.B }}"
    api_key: { header: X-Key, query: key, value: "{{ env.K }}" }
    oauth2: { token_url: /o, client_id: c, client_secret: "{{ env.S }}", scope: s, audience: a, in_body: true }
    csrf: { cookie: c, header: X-C, field: f, page: /p }
    needs: rights
identities: [{ kind: username, value: "{{ who }}" }]
webhooks: { ours: { /id: "{{ who }}" } }
sender_settings: x
settle: 1s
faults: ["503"]
contract: [{ name: c, must: retry, faults: ["503"], why: because }]
listen: { paths: [/in], methods: [POST], tls: { certificate: c.pem, key: k.pem } }
pii:
  allow_paths: [/a]
  allow_domains: [a.example]
  allow_addresses: [a@b.example]
  extra_keys: { email: [contact] }
  extra_patterns: [{ regex: a, category: email }]
  disabled: [geo]
log_errors: [app]
steps:
  - name: make
    session: login
    request:
      method: POST
      path: /things
      headers: { X-Key: a }
      json: { n: null }
      form: { a: b }
      multipart: { f: { file: f.txt, content_type: text/plain } }
      text: t
      timeout: 5s
    expect:
      status: 201
      headers: { X-A: { equals: 1, exists: true, absent: false, matches: a, type: string } }
      json: { /id: { equals: 1, exists: true, absent: false, matches: a, type: string } }
    capture: { made: { json: /id, header: H, cookie: c, matches: a } }
    may_refuse: [409]
    used_up: [410]
    poll: { every: 1s, deadline: 2s }
    webhooks:
      - event: made
        match: { /id: { equals: 1, exists: true, absent: false, matches: a, type: string } }
        headers: { X-A: { equals: 1, exists: true, absent: false, matches: a, type: string } }
        capture: { seen: { json: /id, header: H, cookie: c, matches: a } }
        count: { at_least: 1 }
        after: other
        within: 5s
variants:
  - name: v
    of_every: 2
    last: 1
    after: make
    steps: [{ name: x, request: { method: GET, path: / } }]
"#;

/// The keys of a file that a schema knows.
#[derive(Default)]
struct Keys {
    /// Their places.
    places: Vec<Vec<Seg>>,
    /// Which of the schema's those are, and which are left out somewhere.
    tried: BTreeSet<String>,
    left_out: BTreeSet<String>,
}

impl Keys {
    /// All of them; each that the schema knows is in the file, once at least.
    fn of(tree: &Node, schema: &str) -> Self {
        let schema: Value = serde_json::from_str(schema).unwrap();
        let mut found = Self::default();
        keys(tree, &schema, &schema, &[], &mut found);
        let not_tried: Vec<_> = found.left_out.difference(&found.tried).collect();
        assert!(not_tried.is_empty(), "add to the file of this test: {not_tried:?}");
        found
    }
}

fn keys(node: &Node, schema: &Value, root: &Value, path: &[Seg], found: &mut Keys) {
    let reference = schema["$ref"].as_str().and_then(|to| root.pointer(to.trim_start_matches('#')));
    if let Some(meant) = reference {
        return keys(node, meant, root, path, found);
    }
    if let Some(ways) = schema["anyOf"].as_array() {
        return ways.iter().for_each(|way| {
            let is_object = |way: &Value| way["$ref"].is_string() || way["type"] == "object";
            if is_object(way) {
                keys(node, way, root, path, found);
            }
        });
    }
    let below = |seg: Seg| path.iter().cloned().chain([seg]).collect::<Vec<_>>();
    match &node.kind {
        Kind::Map(entries) if schema["properties"].is_object() => {
            for (name, of) in schema["properties"].as_object().unwrap() {
                let known = format!("{name}: {of}");
                let Some((.., value)) = entries.iter().find(|(key, ..)| key == name) else {
                    found.left_out.insert(known);
                    continue;
                };
                found.tried.insert(known);
                let path = below(name.as_str().into());
                found.places.push(path.clone());
                keys(value, of, root, &path, found);
            }
        }
        Kind::Map(entries) if schema["additionalProperties"].is_object() => {
            for (name, _, value) in entries {
                keys(value, &schema["additionalProperties"], root, &below(name.as_str().into()), found);
            }
        }
        Kind::List(items) if schema["items"].is_object() => {
            for (index, item) in items.iter().enumerate() {
                keys(item, &schema["items"], root, &below(index.into()), found);
            }
        }
        _ => {}
    }
}

/// The tree with nothing behind one of its keys, and the place of that.
fn emptied(tree: &Node, path: &[Seg]) -> (Node, At) {
    let mut tree = tree.clone();
    let place = tree.value_at(path);
    let node = path.iter().fold(&mut tree, |node, seg| match (&mut node.kind, seg) {
        (Kind::Map(entries), Seg::Key(name)) => {
            entries.iter_mut().find(|(key, ..)| key == name).map(|(.., value)| value).unwrap()
        }
        (Kind::List(items), Seg::Index(index)) => &mut items[*index],
        _ => panic!("{path:?}"),
    });
    node.kind = Kind::Null(Null::Missing);
    (tree, place)
}

#[test]
fn every_key_of_a_scenario_with_nothing_behind_it_is_told() {
    let tree = tree::parse(SCENARIO).unwrap();
    let found = Keys::of(&tree, include_str!("../../../scenarios/schema/scenario.schema.json"));
    assert!(found.places.len() > 100, "{}", found.places.len());
    let mut silent = Vec::new();
    for path in &found.places {
        let (tree, place) = emptied(&tree, path);
        let read = mended::read_on::<super::Scenario>(&tree);
        let mut problems = read.problems;
        if let Some(scenario) = read.value.filter(|_| problems.is_empty()) {
            problems = check::check(&scenario, &tree, SCENARIO, Path::new("/nonexistent"));
        }
        let key = tree.key_at(path);
        if !problems.iter().any(|problem| problem.at == place || problem.at == key) {
            silent.push(path);
        }
    }
    assert!(silent.is_empty(), "{silent:?}");
}

const SENDER: &str = include_str!("empty_keys_sender.yaml");

#[test]
fn every_key_of_a_profile_with_nothing_behind_it_is_told() {
    let mut tree = tree::parse(SENDER).unwrap();
    tree.null_means_none();
    let found = Keys::of(&tree, include_str!("../../../scenarios/schema/sender.schema.json"));
    assert!(found.places.len() > 60, "{}", found.places.len());
    let is_silent = |path: &&Vec<Seg>| {
        let (tree, place) = emptied(&tree, path);
        let read = mended::read_on::<record::SenderProfile>(&tree);
        !read.problems.iter().any(|problem| problem.at == place)
    };
    let silent: Vec<&Vec<Seg>> = found.places.iter().filter(is_silent).collect();
    assert!(silent.is_empty(), "{silent:?}");
}
