//! The labelled sample: precision and recall are 1 in every category, counted as the published scorer counts.

use crate::{Category, Engine, Policy};
use serde_json::Value;
use std::collections::BTreeSet;

const SAMPLES: [(&str, usize); 2] = [
    (include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/pii_sample.jsonl")), 88),
    (include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/pii_sample2.jsonl")), 190),
];

/// Places are compared as pointers, header names without case.
fn norm(place: &str) -> String {
    if place.is_empty() || place.starts_with('/') {
        place.to_owned()
    } else {
        format!("H:{}", place.to_lowercase())
    }
}

/// Whether `place` is `root` or below it.
fn below(place: &str, root: &str) -> bool {
    place == root || place.strip_prefix(root).is_some_and(|r| r.starts_with(['/', '#']))
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

#[test]
fn precision_and_recall_are_one_in_every_category() {
    for (sample, labels) in SAMPLES {
        check(sample, labels);
    }
}

fn check(sample: &str, labels: usize) {
    let least = labels;
    let engine = Engine::new(&Policy::default(), &[], b"salt").unwrap();
    let mut wrong = Vec::new();
    let mut labels_seen = 0;
    for line in sample.lines() {
        let gold: Value = serde_json::from_str(line).unwrap();
        // What the sample says about a line is no part of what is scanned.
        let member = |name: &str| (name.to_owned(), gold.get(name).cloned().unwrap_or_default());
        let own: serde_json::Map<_, _> =
            ["id", "payload", "headers", "identities"].map(member).into_iter().collect();
        let scan = engine.scan_line(Value::Object(own).to_string().as_bytes()).unwrap();
        assert_eq!(scan.id, gold["id"]);
        let found: BTreeSet<(Category, String)> =
            scan.findings.iter().map(|f| (f.category, norm(&f.place))).collect();
        let labels: Vec<&Value> = gold["labels"].as_array().unwrap().iter().collect();
        labels_seen += labels.len();
        let fits = |label: &Value, (category, place): &(Category, String)| {
            let at = norm(text(label, "where"));
            text(label, "category") == category.name()
                && (*place == at
                    || label["alt"].as_str().is_some_and(|alt| norm(alt) == *place)
                    || label["nested"] == true && below(place, &at))
        };
        for label in &labels {
            if !found.iter().any(|f| fits(label, f)) {
                wrong.push(format!("{}: missing {label}", gold["id"]));
            }
        }
        for finding in &found {
            let tolerated = gold["tolerated"].as_array().unwrap().iter().any(|t| {
                text(t, "category") == finding.0.name() && below(&finding.1, &norm(text(t, "where")))
            });
            if !tolerated && !labels.iter().any(|l| fits(l, finding)) {
                wrong.push(format!("{}: extra {finding:?}", gold["id"]));
            }
        }
    }
    assert!(labels_seen >= least, "{labels_seen}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
