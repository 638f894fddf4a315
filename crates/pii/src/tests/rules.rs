//! Every row of the rules, both ways: tests/data/pii_rules.txt.

use crate::Identity;
use crate::{Engine, Policy, Scan};
use std::collections::BTreeSet;

const RULES: [(&str, usize); 5] = [
    (include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/pii_rules.txt")), 400),
    (include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/pii_rules2.txt")), 200),
    (include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/pii_rules3.txt")), 25),
    (include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/pii_rules4.txt")), 14),
    (include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/pii_rules5.txt")), 50),
];

/// `kind=value,kind=value`
fn canaries(list: &str) -> Vec<Identity> {
    list.split(',')
        .filter(|c| !c.trim().is_empty())
        .map(|c| {
            let (kind, value) = c.split_once('=').unwrap();
            serde_json::from_value(serde_json::json!({"kind": kind.trim(), "value": value.trim()})).unwrap()
        })
        .collect()
}

fn scan(engine: &Engine, input: &str) -> Scan {
    if let Some(header) = input.strip_prefix("H ") {
        let (name, value) = header.split_once(": ").unwrap();
        engine.scan_payload(&serde_json::json!({}), &[(name.into(), value.into())])
    } else if let Some(text) = input.strip_prefix("T ") {
        engine.scan_text(text)
    } else {
        engine.scan_payload(&serde_json::from_str(input).unwrap(), &[])
    }
}

#[test]
fn every_row_of_the_rules_holds() {
    for (rules, least) in RULES {
        check(rules, least);
    }
}

fn check(rules: &str, least: usize) {
    let mut wrong = Vec::new();
    let mut rows = 0;
    for (number, row) in
        rules.lines().enumerate().filter(|(_, r)| !r.trim().is_empty() && !r.starts_with('#'))
    {
        rows += 1;
        let parts: Vec<&str> = row.splitn(3, ";;").map(str::trim).collect();
        let engine = Engine::new(&Policy::default(), &canaries(parts[1]), b"salt").unwrap();
        let scan = scan(&engine, parts[2]);
        let (expected, tolerated) = parts[0].split_once('(').unwrap_or((parts[0], ""));
        let set = |list: &str| -> BTreeSet<String> {
            list.trim_end_matches(')')
                .split(',')
                .map(|c| c.trim().to_owned())
                .filter(|c| !c.is_empty() && c != "clean")
                .collect()
        };
        let (expected, tolerated) = (set(expected), set(tolerated));
        let found: BTreeSet<String> = scan.findings.iter().map(|f| f.category.name().to_owned()).collect();
        let missing: Vec<_> = expected.difference(&found).collect();
        let extra: Vec<_> =
            found.iter().filter(|f| !expected.contains(*f) && !tolerated.contains(*f)).collect();
        if !missing.is_empty() || !extra.is_empty() {
            wrong.push(format!("line {}: missing {missing:?} extra {extra:?}: {}", number + 1, parts[2]));
        }
    }
    assert!(rows > least, "{rows} rows");
    assert!(wrong.is_empty(), "{} of {rows}:\n{}", wrong.len(), wrong.join("\n"));
}
