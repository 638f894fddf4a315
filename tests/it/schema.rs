//! `smoke schema` as a user runs it.

use serde_json::Value;
use std::process::{Command, Output};

fn schema(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_smoke")).arg("schema").args(args).output().expect("smoke runs")
}

#[test]
fn the_scenario_schema_is_the_committed_file_byte_for_byte() {
    let out = schema(&[]);
    assert!(out.status.success());
    let committed = include_bytes!("../../scenarios/schema/scenario.schema.json");
    assert_eq!(out.stdout, committed, "run: smoke schema > scenarios/schema/scenario.schema.json");
}

#[test]
fn the_journal_has_a_schema_too() {
    let out = schema(&["journal"]);
    let schema: Value = serde_json::from_slice(&out.stdout).expect("JSON");
    assert_eq!(schema["title"], "Line");
    assert!(schema["$defs"]["Attempt"].is_object());
}

#[test]
fn the_schemas_of_evidence_are_the_committed_files_byte_for_byte() {
    let committed: [(&str, &[u8]); 8] = [
        ("journal", include_bytes!("../../docs/schema/journal.schema.json")),
        ("artifact", include_bytes!("../../docs/schema/artifact.schema.json")),
        ("load", include_bytes!("../../docs/schema/load.schema.json")),
        ("probe", include_bytes!("../../docs/schema/probe.schema.json")),
        ("gates", include_bytes!("../../docs/schema/gates.schema.json")),
        ("policy", include_bytes!("../../docs/schema/policy.schema.json")),
        ("signature", include_bytes!("../../docs/schema/signature.schema.json")),
        ("approval", include_bytes!("../../docs/schema/approval.schema.json")),
    ];
    for (format, bytes) in committed {
        let out = schema(&[format]);
        assert_eq!(
            String::from_utf8_lossy(&out.stdout),
            String::from_utf8_lossy(bytes),
            "run: smoke schema {format} > docs/schema/{format}.schema.json"
        );
    }
}

#[test]
fn an_unknown_schema_is_a_usage_error() {
    let out = schema(&["jurnal"]);
    assert_eq!(out.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&out.stderr).contains("journal"));
}
