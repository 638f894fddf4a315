//! `smoke scan` as a user runs it.

use serde_json::{Value, json};
use std::io::Write;
use std::process::{Command, Output, Stdio};

const SAMPLE: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/crates/pii/tests/data/pii_sample.jsonl"));

fn scan(args: &[&str], stdin: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_smoke"))
        .arg("scan")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("smoke starts");
    let mut pipe = child.stdin.take().expect("a pipe");
    let input = stdin.to_vec();
    let writer = std::thread::spawn(move || {
        // A command that refuses its flags does not read its stdin.
        let _ = pipe.write_all(&input);
    });
    let output = child.wait_with_output().expect("smoke ends");
    writer.join().expect("the writer ends");
    output
}

fn rows(output: &Output) -> Vec<Value> {
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|l| serde_json::from_str(l).expect("JSON lines"))
        .collect()
}

#[test]
fn every_line_of_the_sample_has_one_line_of_output() {
    let output = scan(&[], SAMPLE.as_bytes());
    assert_eq!(output.status.code(), Some(1));
    let rows = rows(&output);
    let ids: Vec<&Value> = rows.iter().map(|r| &r["id"]).collect();
    let lines: Vec<Value> = SAMPLE.lines().map(|l| serde_json::from_str(l).expect("JSON")).collect();
    assert_eq!(ids, lines.iter().map(|l| &l["id"]).collect::<Vec<_>>());
    let first = &rows[0]["findings"][0];
    assert_eq!((&first["category"], &first["where"]), (&json!("ip_address"), &json!("/metadata/peer")));
    assert_eq!((&first["detector"], &first["certainty"]), (&json!("pattern"), &json!("certain")));
    assert_eq!(first["value_sha256"].as_str().map(str::len), Some(64));
    assert!(!String::from_utf8_lossy(&output.stdout).contains("192.0.2.7"), "a value in the output");
}

#[test]
fn a_clean_stream_exits_0_and_findings_exit_1() {
    let clean = scan(&[], b"{\"id\": 1, \"payload\": {\"email_sent\": 4}}\n\n");
    assert_eq!(clean.status.code(), Some(0));
    assert_eq!(rows(&clean), [json!({"id": 1, "findings": []})]);
    let leak = scan(&[], b"{\"id\": \"a\", \"payload\": {\"email\": \"a@b.cd\"}}");
    assert_eq!(leak.status.code(), Some(1));
    assert_eq!(scan(&[], b"").status.code(), Some(0));
}

#[test]
fn unreadable_lines_are_named_and_the_others_scanned() {
    let output =
        scan(&[], b"{\"id\": 1, \"payload\": \"a@b.cd\"}\n{oops\n\xff\xfe\n{\"id\": 4, \"payload\": 1}\n");
    assert_eq!(output.status.code(), Some(2));
    let rows = rows(&output);
    assert_eq!(rows.len(), 4, "a line that could not be scanned has a row too");
    assert_eq!(rows[1]["line"], 2);
    assert!(rows[1]["error"].is_string() && rows[1].get("findings").is_none(), "{}", rows[1]);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        errors.contains("line 2:") && errors.contains("line 3:") && errors.contains("2 of 4 lines"),
        "{errors}"
    );
}

#[test]
fn a_line_over_the_limit_is_named_and_skipped() {
    let mut input = vec![b'x'; (16 << 20) + 10];
    input.extend_from_slice(b"\nmail a@b.cd\n");
    let output = scan(&["--text"], &input);
    assert_eq!(output.status.code(), Some(2));
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(errors.contains("line 1: longer than 16777216 bytes"), "{errors}");
    assert!(rows(&output)[0]["error"].is_string());
    assert_eq!(rows(&output)[1]["line"], 2);
}

#[test]
fn log_lines_are_scanned_as_text() {
    let log = b"10:15:30 ok\n10:15:31 sent to=rahim@gmail.com from 203.0.113.9\n10:15:32 ok\n";
    let output = scan(&["--text"], log);
    assert_eq!(output.status.code(), Some(1));
    let rows = rows(&output);
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["line"], 2);
    assert_eq!(rows[0]["findings"].as_array().map(Vec::len), Some(2));
}

#[test]
fn a_policy_in_yaml_or_json_is_read_and_a_wrong_one_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path.to_string_lossy().into_owned()
    };
    let line = b"{\"id\": 1, \"payload\": {\"body\": \"ask support@deltacrown.gg\"}}";
    for policy in [
        write("policy.yaml", "allow_domains: [deltacrown.gg]\n"),
        write("policy.json", "{\"allow_addresses\": [\"support@deltacrown.gg\"]}"),
        write("off.yaml", "disabled: [email]\n"),
    ] {
        assert_eq!(scan(&["--policy", &policy], line).status.code(), Some(0), "{policy}");
    }
    assert_eq!(scan(&[], line).status.code(), Some(1));
    let wrong = scan(&["--policy", &write("wrong.yaml", "allow_domain: [x]\n")], line);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("allow_domain"));
    assert_eq!(scan(&["--policy", "/nowhere/policy.yaml"], line).status.code(), Some(2));
}

#[test]
fn the_same_salt_gives_the_same_hashes() {
    let line = b"{\"id\": 1, \"payload\": \"a@b.cd\"}";
    let hash = |args: &[&str]| rows(&scan(args, line))[0]["findings"][0]["value_sha256"].clone();
    assert_eq!(hash(&["--salt", "x"]), hash(&["--salt", "x"]));
    assert_ne!(hash(&[]), hash(&[]));
}
