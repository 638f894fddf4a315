//! `smoke scan` as a user runs it.

use serde_json::{Value, json};
use std::io::Write;
use std::process::{Command, Output, Stdio};

const SAMPLE: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/crates/pii/tests/data/pii_sample.jsonl"));

/// The beginning of a gzip, in base64.
const CUT: &str = "H4sIAAAAAAACAx2QQW5YQQxCr8LVjMF2ValRq1TN8cN08Rfjb+DhzzN+//3RP8E/H/9+YT6+0DTvbsWr3TqLU1Wo1RZ0B410rgXbHCxkH7Kq3R4ML3+wc3Xl7YZKgBYzyYuu36tuIOzNTgFZVicbLvLpZPbka6NjP3eM2WzmfmrVdvW9dJziOltulUm71x1iXT/soVbH";

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
    // What the sample says about a line is no part of what is scanned.
    let own = |line: &str| {
        let whole: Value = serde_json::from_str(line).expect("JSON");
        let member = |name: &str| (name.to_owned(), whole.get(name).cloned().unwrap_or_default());
        let own: serde_json::Map<_, _> =
            ["id", "payload", "headers", "identities"].map(member).into_iter().collect();
        Value::Object(own).to_string() + "\n"
    };
    let sample: String = SAMPLE.lines().map(own).collect();
    let output = scan(&[], sample.as_bytes());
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

#[test]
fn what_could_not_be_read_is_neither_clean_nor_hidden() {
    let wide = |text: &str| text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<u8>>();
    assert_eq!(scan(&["--text"], &wide("someone@example.org\n")).status.code(), Some(1));
    assert_eq!(scan(&[], &wide("{\"id\": 1, \"payload\": \"a@b.cd\"}\n")).status.code(), Some(1));
    let binary = scan(&["--text"], &[0x81, 0x8f, 0xfe, 0x90, b'\n']);
    assert_eq!(binary.status.code(), Some(3));
    assert!(rows(&binary)[0]["unread"][0]["why"].is_string());
    // A gzip of which the end is missing.
    let line = format!("{{\"id\": 1, \"payload\": {{\"log\": \"{CUT}\"}}}}");
    let cut = scan(&[], line.as_bytes());
    assert_eq!((cut.status.code(), &rows(&cut)[0]["unread"][0]["where"]), (Some(3), &json!("/log")));
}

#[test]
fn each_decision_is_explained_when_asked_for() {
    let line = br#"{"id": 1, "headers": {"X-Mail": "x@y.example"}, "identities": [{"kind": "username", "value": "Canary.Bird"}],
        "payload": {"dob": "[hidden]", "mail": "a@b.cd", "note": "canary.bird was here", "player": {"lat": 23.81034, "lng": 90.41251}}}"#;
    let line: Vec<u8> = line.iter().copied().filter(|b| *b != b'\n').collect();
    let output = scan(&["--explain"], &line);
    assert_eq!(output.status.code(), Some(1));
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    let row = &rows(&output)[0];
    let explained = row["explained"].as_array().expect("a list");
    let of = |place: &str| {
        explained.iter().find(|e| e["where"] == place).unwrap_or_else(|| panic!("{place}: {shown}"))
    };
    for (place, category, speaks_for) in [
        ("/mail", "email", true),
        ("X-Mail", "email", true),
        ("/note", "username", true),
        ("/dob", "birth_date", false),
    ] {
        let reason = &of(place)["reasons"][0];
        assert_eq!(
            (&reason["category"], &reason["speaks_for"]),
            (&json!(category), &json!(speaks_for)),
            "{shown}"
        );
        assert!(reason["why"].as_str().is_some_and(|why| why.len() > 5), "{shown}");
    }
    for finding in row["findings"].as_array().expect("a list") {
        assert!(
            explained.iter().any(|e| e["where"] == finding["where"]),
            "{finding} is not explained: {shown}"
        );
    }
    assert!(!shown.contains("a@b.cd") && !shown.contains("23.81034"), "a value in the output: {shown}");
    assert!(rows(&scan(&[], &line))[0].get("explained").is_none());
    let text = scan(&["--text", "--explain"], b"from 203.0.113.9\n");
    assert_eq!(rows(&text)[0]["explained"][0]["reasons"][0]["category"], "ip_address");
}

#[test]
fn nothing_that_was_read_is_nothing_that_is_clean() {
    for args in [&[][..], &["--text"]] {
        for (input, says) in [(&b""[..], "standard input is empty"), (b"\n \r\n", "all lines are empty")] {
            let output = scan(args, input);
            let told = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(3), "{told}");
            assert!(told.contains("nothing was read") && told.contains(says), "{told}");
        }
        assert_eq!(scan(args, b"{\"event\":\"paid\"}\n").status.code(), Some(0));
    }
}
