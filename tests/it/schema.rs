//! `smoke schema` as a user runs it.

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
