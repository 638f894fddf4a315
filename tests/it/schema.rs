//! `smoke schema` as a user runs it.

use super::harness::Smoke;
use serde_json::Value;
use std::process::{Command, Output};

fn schema(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_smoke")).arg("schema").args(args).output().expect("smoke runs")
}

#[test]
fn the_schema_of_scenarios_is_printed_where_none_is_named() {
    let out = schema(&[]);
    assert!(out.status.success());
    let schema: Value = serde_json::from_slice(&out.stdout).expect("JSON");
    assert_eq!(schema["title"], "Scenario");
}

#[test]
fn the_journal_has_a_schema_too() {
    let out = schema(&["journal"]);
    let schema: Value = serde_json::from_slice(&out.stdout).expect("JSON");
    assert_eq!(schema["title"], "Line");
    assert!(schema["$defs"]["Attempt"].is_object());
}

#[test]
fn an_unknown_schema_is_a_usage_error() {
    let out = schema(&["jurnal"]);
    assert_eq!(out.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&out.stderr).contains("journal"));
}

/// What `value` has that `schema` does not allow, as far as types, constants and required properties go.
fn violations(root: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(name) = schema["$ref"].as_str() {
        let place = name.strip_prefix('#').expect("a place in the same schema");
        found.extend(violations(root, root.pointer(place).expect("a definition"), value, at));
    }
    let types = schema["type"].as_array().cloned().unwrap_or_else(|| vec![schema["type"].clone()]);
    if !schema["type"].is_null() && !types.iter().any(|name| is_a(name.as_str().expect("a name"), value)) {
        found.push(format!("{at}: {value} is no {}", schema["type"]));
    }
    let is_other = |wanted: &Value| !wanted.is_null() && wanted != value;
    if is_other(&schema["const"]) || schema["enum"].as_array().is_some_and(|all| !all.contains(value)) {
        found.push(format!("{at}: {value} is none of those that it may be"));
    }
    for key in ["anyOf", "oneOf"] {
        let ways = schema[key].as_array().into_iter().flatten();
        let of: Vec<_> = ways.map(|way| violations(root, way, value, at)).collect();
        // The way that is meant is wrong further down, if at all.
        let here =
            |found: &&Vec<String>| found.iter().filter(|text| text.starts_with(&format!("{at}: "))).count();
        found.extend(of.iter().min_by_key(here).into_iter().flatten().cloned());
    }
    for way in schema["allOf"].as_array().into_iter().flatten() {
        found.extend(violations(root, way, value, at));
    }
    if let Some(object) = value.as_object() {
        let by_pattern =
            schema["patternProperties"].as_object().and_then(|patterns| patterns.values().next());
        let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        found.extend(
            required.filter(|name| !object.contains_key(*name)).map(|name| format!("{at}: no {name}")),
        );
        for (name, value) in object {
            let known =
                schema["properties"].get(name).or(by_pattern).unwrap_or(&schema["additionalProperties"]);
            if known == &Value::Bool(false) {
                found.push(format!("{at}: {name} is unknown"));
            }
            found.extend(violations(root, known, value, &format!("{at}/{name}")));
        }
    }
    for (i, value) in value.as_array().into_iter().flatten().enumerate() {
        found.extend(violations(root, &schema["items"], value, &format!("{at}/{i}")));
    }
    found
}

fn is_a(name: &str, value: &Value) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64(),
        "string" => value.is_string(),
        _ => panic!("no type {name}"),
    }
}

/// What smoke writes is what its schemas say: of a run with nothing wrong and of one with cases of every kind, of a load, a
/// probe and a judgement.
#[test]
fn what_smoke_writes_satisfies_its_schemas() {
    let key = Smoke::new("key").args(&["--out", "key"]).run().exits(0);
    let key = key.dir().join("key").display().to_string();
    let run = |args: &[&str]| Smoke::new(args[0]).args(&args[1..]).arg("--quiet").run();
    let load = ["load", "payments", "--rate", "5/s", "--duration", "1s"];
    let clean = run(&["payments", "--sign", &key]);
    let approval =
        Smoke::new("gate").args(&["--environment", "embedded", "--format", "json"]).arg(clean.file("")).run();
    for (ran, files) in [
        (
            &clean,
            vec![("artifact", "staging_payments_output.json"), ("journal", "staging_payments_journal.jsonl")],
        ),
        (&clean, vec![("signature", "staging_payments.intoto.jsonl")]),
        (
            &run(&[
                "payments",
                "--within",
                "2s",
                "--misbehave",
                "drop-webhook@1",
                "--misbehave",
                "email-in-body@2",
                "--inject",
                "503@3",
            ]),
            vec![("artifact", "staging_payments_output.json"), ("journal", "staging_payments_journal.jsonl")],
        ),
        (&run(&load), vec![("load", "staging_load_output.json"), ("journal", "staging_load_journal.jsonl")]),
        (&run(&["probe", "--receiver"]), vec![("probe", "staging_probe_output.json")]),
    ] {
        for (name, file) in files {
            let text = std::fs::read_to_string(ran.file(file))
                .unwrap_or_else(|e| panic!("{file}: {e}: {}{}", ran.stdout, ran.stderr));
            satisfies(name, &text, file);
        }
    }
    satisfies("approval", &approval.stdout, "approval");
}

/// Holds a file against its schema: one document, or one on each line.
fn satisfies(name: &str, text: &str, file: &str) {
    let printed: Value = serde_json::from_slice(&schema(&[name]).stdout).expect("JSON");
    let documents = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    for (i, document) in documents.enumerate() {
        let found = violations(&printed, &printed, &document.expect("JSON"), "");
        assert!(found.is_empty(), "{file}, document {i}: {found:#?}");
    }
}
