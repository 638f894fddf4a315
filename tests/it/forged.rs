//! Forged evidence against the built binary: each contradiction is named, and nothing forged ever passes.

use crate::evidence_run::{Run, recent};
use crate::harness::unwrapped;
use crate::sample::{self, Sample};
use proptest::prelude::*;
use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// The exit code and all that was printed.
fn gate(path: &Path, args: &[&str]) -> (i32, String) {
    let mut smoke = Command::new(env!("CARGO_BIN_EXE_smoke"));
    smoke.arg("gate").arg(path).args(args).env_remove("WEBHOOK_SECRET").env_remove("GITHUB_ACTIONS");
    let out = smoke.output().expect("smoke runs");
    let text = unwrapped(&String::from_utf8([out.stdout, out.stderr].concat()).expect("UTF-8"));
    (out.status.code().expect("a code, not a signal"), text)
}

/// Does something to an honest run, and holds the gate's answer against a code and a text.
fn forged(name: &str, forge: impl FnOnce(&Run), args: &[&str], code: i32, says: &str) {
    let run = Run::new(&recent());
    let secret = run.file("secret").display().to_string();
    forge(&run);
    let (is, text) = gate(run.dir.path(), &[&["--trust", "runner", "--secret-file", &secret], args].concat());
    assert!(!text.contains("panicked"), "{name}: {text}");
    assert_eq!((is, text.contains(says)), (code, true), "{name} should say `{says}`:\n{text}");
}

fn replace(path: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(path).expect("a file");
    assert!(text.contains(from), "{from}");
    std::fs::write(path, text.replacen(from, to, 1)).expect("written");
}

fn lines(run: &Run, change: impl FnOnce(&mut Vec<String>)) {
    let text = std::fs::read_to_string(run.journal()).expect("a journal");
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    change(&mut lines);
    std::fs::write(run.journal(), lines.concat()).expect("written");
}

/// A file of two GB that takes no disk.
fn huge(path: &Path) {
    File::create(path).and_then(|f| f.set_len(2 << 30)).expect("a sparse file");
}

#[test]
fn forged_journals_are_named() {
    let lose = |run: &Run| lines(run, |l| drop(l.pop()));
    forged("truncated", lose, &[], 1, "journal_truncated");
    let torn = |run: &Run| lines(run, |l| l.last_mut().expect("a line").truncate(20));
    forged("torn", torn, &[], 1, "the last line is torn");
    let edited = |run: &Run| replace(&run.journal(), "Smoke Cup", "Smoke Cap");
    forged("edited", edited, &[], 1, "was changed after it was written");
    forged("re-ordered", |run| lines(run, |l| l.swap(3, 4)), &[], 1, "journal_reordered");
    forged("repeated", |run| lines(run, |l| l.insert(6, l[5].clone())), &[], 1, "journal_reordered");
    forged("cut out", |run| lines(run, |l| drop(l.drain(5..9))), &[], 1, "lines were removed or inserted");
    let twice = |run: &Run| lines(run, |l| l.extend_from_within(..));
    forged("put together", twice, &[], 1, "begins another journal");
    let foreign = |run: &Run| {
        sample::write(&run.journal(), &Sample { flows: 4, ..recent() });
    };
    forged("foreign", foreign, &[], 1, "artifact_differs");
    let headless = |run: &Run| lines(run, |l| drop(l.remove(0)));
    forged("headless", headless, &[], 1, "journal_chain_broken");
    let version = |run: &Run| replace(&run.journal(), "\"version\":2", "\"version\":7");
    forged("version", version, &[], 1, "format version 7");
    let binary = |run: &Run| std::fs::write(run.journal(), [0xff, 0xfe, b'\n']).expect("written");
    forged("binary", binary, &[], 1, "journal_malformed");
    let directory = |run: &Run| {
        std::fs::remove_file(run.journal()).expect("removed");
        std::fs::create_dir(run.journal()).expect("a directory");
    };
    forged("a directory", directory, &[], 1, "not a file");
}

#[test]
fn forged_artifacts_are_named() {
    let cases = [
        (
            "schema",
            "\"schema_version\": \"1.0\"",
            "\"schema_version\": \"2.0\"",
            "has schema version \"2.0\"",
        ),
        ("key", "\"pii_check\"", "\"pii_chick\"", "/pii_check/status is missing"),
        (
            "count",
            "\"webhooks_failed\": 0",
            "\"webhooks_failed\": 3",
            "10 successful and 3 failed webhooks do not add up to the 10",
        ),
        ("rate", "\"success_rate\": 100.0", "\"success_rate\": 99.0", "states 99 %"),
        ("signature", "\"X-Webhook-Signature\": \"", "\"X-Webhook-Signature\": \"a", "has 65 hex digits"),
        ("future", "\"timestamp\": \"20", "\"timestamp\": \"21", "which is in the future"),
        ("other run", "\"run_id\": \"8", "\"run_id\": \"9", "journal_of_another_run"),
    ];
    for (name, from, to, says) in cases {
        forged(name, |run| replace(&run.artifact(), from, to), &[], 1, says);
    }
    let cut = |run: &Run| {
        File::options().write(true).open(run.artifact()).and_then(|f| f.set_len(400)).expect("cut");
    };
    forged("truncated", cut, &[], 1, "not_json");
    let nested = |run: &Run| std::fs::write(run.artifact(), "[".repeat(100_000)).expect("written");
    forged("nested", nested, &[], 1, "not_json");
    // Every value under a long key: pointers to all of them would take terabytes.
    let long = |run: &Run| {
        let value = serde_json::json!({"k".repeat(4 << 20): vec![0; 500_000]});
        std::fs::write(run.artifact(), value.to_string()).expect("written");
    };
    forged("long keys", long, &[], 1, "not all were checked");
    let many = |run: &Run| {
        let value = serde_json::json!({"list": vec![-1; 1000]});
        std::fs::write(run.artifact(), value.to_string()).expect("written");
    };
    forged("many mistakes", many, &[], 1, "980 more of these");
}

#[test]
fn evidence_of_something_else_does_not_count() {
    forged(
        "embedded",
        |_| (),
        &["--environment", "embedded"],
        3,
        "a run against `staging` is not evidence about embedded",
    );
    forged("other environment", |_| (), &["--environment", "preprod"], 3, "not evidence about preprod");
    forged("too old", |_| (), &["--max-age", "1m"], 3, "too old");
    forged("missing", |_| (), &["--require", "payments,matches"], 3, "matches is required");
    let later = (chrono::Utc::now() - chrono::TimeDelta::minutes(1)).to_rfc3339();
    forged("before the commit", |_| (), &["--not-before", &later], 1, "before_the_commit");
    forged("unsigned", |_| (), &["--public-key", &("00".repeat(31) + "05")], 1, "signature_missing");
    let wrong = |run: &Run| std::fs::write(run.file("secret"), "ab".repeat(32)).expect("written");
    forged(
        "wrong secret",
        wrong,
        &[],
        3,
        "is this the right secret? every verdict changed from valid to mismatch",
    );
    let gates = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(gates.path(), "success_rate_min_percent: 5\n").expect("written");
    let gates = gates.path().display().to_string();
    forged("other gates", |_| (), &["--gates", &gates], 1, "the run was judged by gates with SHA-256");
    let scenario = tempfile::NamedTempFile::with_suffix(".yaml").expect("a file");
    let text = include_str!("../../scenarios/payments.yaml").to_owned() + "\n# another\n";
    std::fs::write(scenario.path(), text).expect("written");
    let scenario = scenario.path().display().to_string();
    forged("other scenario", |_| (), &["--scenario", &scenario], 1, "the run's payments has SHA-256");
}

/// Two GB in one line, wherever a file is read: an answer within seconds, and memory to match.
#[test]
fn two_gigabytes_in_one_line_are_not_read() {
    let began = Instant::now();
    forged("journal", |run| huge(&run.journal()), &[], 1, "journal_long_line");
    forged("artifact", |run| huge(&run.artifact()), &[], 1, "artifact_too_large");
    forged("memo", |run| huge(&run.file("staging_payments_memo.md")), &[], 1, "page_unreadable");
    let sealed = |run: &Run| huge(&run.file("staging_payments.intoto.jsonl"));
    forged("signature", sealed, &["--public-key", &("00".repeat(31) + "05")], 1, "signature_missing");
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("huge");
    huge(&file);
    let file = file.display().to_string();
    for (flag, says) in
        [("--gates", "larger than"), ("--scenario", "the limit"), ("--public-key", "larger than")]
    {
        forged(flag, |_| (), &[flag, &file], 2, says);
    }
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
}

/// The pages that people look at are held against the journal too.
#[test]
fn a_forged_page_beside_an_honest_artifact_is_named() {
    let run = Run::new(&recent());
    let secret = run.file("secret").display().to_string();
    let file = |end: &str| run.file(&format!("staging_payments_{end}")).display().to_string();
    let mut report = Command::new(env!("CARGO_BIN_EXE_smoke"));
    report.arg("report").arg(run.journal()).args([
        "--html",
        &file("report.html"),
        "--junit",
        &file("junit.xml"),
    ]);
    assert!(report.args(["--markdown", &file("memo.md")]).status().expect("smoke runs").success());
    let (code, text) = gate(run.dir.path(), &["--trust", "runner", "--secret-file", &secret]);
    assert_eq!((code, text.contains("Accompanying pages")), (0, true), "{text}");
    // A journal that was carried here under another name: the pages are of the artifact that is written beside them.
    let carried = run.file("carried.jsonl");
    std::fs::copy(run.journal(), &carried).expect("copied");
    let mut report = Command::new(env!("CARGO_BIN_EXE_smoke"));
    report.arg("report").arg(&carried).args(["--html", &file("report.html"), "--markdown", &file("memo.md")]);
    assert!(report.args(["--output", &file("output.json")]).status().expect("smoke runs").success());
    let (code, text) = gate(run.dir.path(), &["--trust", "runner", "--secret-file", &secret]);
    assert_eq!((code, text.contains("Accompanying pages")), (0, true), "{text}");
    std::fs::remove_file(carried).expect("removed");
    for (page, from, to) in [
        ("memo.md", "| Failed | 0 |", "| Failed | 1 |"),
        ("report.html", "PASS", "PAST"),
        ("junit.xml", "failures=\"0\"", "failures=\"1\""),
    ] {
        let path = run.file(&format!("staging_payments_{page}"));
        let honest = std::fs::read(&path).expect("a page");
        replace(&path, from, to);
        let (code, text) = gate(run.dir.path(), &["--secret-file", &secret]);
        assert_eq!((code, text.contains("page_differs")), (1, true), "{page}: {text}");
        // Named by itself, a memo is judged with its artifact.
        if page == "memo.md" {
            assert_eq!(gate(&path, &["--secret-file", &secret]).0, 1);
        }
        std::fs::write(&path, honest).expect("written");
    }
    // Without its journal an honest memo has no contradictions, and proves nothing.
    std::fs::remove_file(run.journal()).expect("removed");
    let memo = run.file("staging_payments_memo.md");
    let (code, text) = gate(&memo, &[]);
    assert_eq!((code, text.contains("contradiction")), (3, false), "{text}");
}

/// A page of an earlier run, or one that names no run and began at another time, is stale and proves nothing.
#[test]
fn a_stale_page_is_told_as_stale() {
    let (run, earlier) = (Run::new(&recent()), Run::new(&recent()));
    let secret = run.file("secret").display().to_string();
    let mut all = std::fs::read_to_string(earlier.journal()).expect("a journal");
    let (header, _) = all.split_once('\n').expect("lines");
    let id = serde_json::from_str::<serde_json::Value>(header).expect("JSON")["record"]["header"]["run_id"]
        .to_string();
    let other = all.replace(id.trim_matches('"'), &uuid::Uuid::new_v4().to_string());
    all.clear();
    let mut prev = "0".repeat(64);
    for line in other.lines() {
        let record = serde_json::from_str::<serde_json::Value>(line).expect("JSON")["record"].clone();
        let line = format!(r#"{{"prev":"{prev}","record":{record}}}"#);
        prev = record::sha256_hex(line.as_bytes());
        all += &(line + "\n");
    }
    std::fs::write(earlier.journal(), all).expect("written");
    for (flag, page) in [("--html", "report.html"), ("--junit", "junit.xml"), ("--markdown", "memo.md")] {
        let path = run.file(&format!("staging_payments_{page}"));
        let mut report = Command::new(env!("CARGO_BIN_EXE_smoke"));
        let report = report.arg("report").arg(earlier.journal()).arg(flag).arg(&path).arg("--output");
        assert!(report.arg(earlier.file("again.json")).status().expect("smoke runs").success());
        let stale = |says: &str| {
            let (code, text) = gate(run.dir.path(), &["--trust", "runner", "--secret-file", &secret]);
            assert_eq!((code, text.contains(says)), (3, true), "{page}: {text}");
            assert!(!text.contains("differs") && !text.contains("Do not approve"), "{page}: {text}");
        };
        stale(&format!("staging_payments_{page}: stale, from another run"));
        std::fs::remove_file(path).expect("removed");
    }
    // As it was written before it named its run.
    let page = "<testsuites name=\"smoke payments against staging\" timestamp=\"2026-01-01T00:00:00Z\"></testsuites>";
    std::fs::write(run.file("staging_payments_junit.xml"), page).expect("written");
    let (code, text) = gate(run.dir.path(), &["--trust", "runner", "--secret-file", &secret]);
    assert_eq!((code, text.contains("stale, from another run")), (3, true), "{text}");
}

/// Files that the guide's scripts would have written, each with one thing that cannot be.
#[test]
fn what_cannot_be_so_in_a_file_of_the_guides_shape_is_named() {
    let honest = serde_json::json!({
        "test_run": {"timestamp": chrono::Utc::now().to_rfc3339(), "environment": "staging", "total_payments": 10,
            "webhooks_sent": 10, "webhooks_success": 10, "webhooks_failed": 0, "success_rate": 100.0, "duration_seconds": 30},
        "sample_payment": {"id": 1, "status": "verified", "webhook_response": {"status_code": 200, "body": {"event": "payment_verified"}}},
        "performance_metrics": {"p50_latency_ms": 100, "p95_latency_ms": 190, "max_latency_ms": 200},
        "pii_check": {"emails_found": 0, "usernames_found": 0, "ip_addresses_found": 0, "status": "PASS"}
    });
    let cases = [
        ("", "/test_run/total_payments", serde_json::json!(10)),
        ("add up to the 10", "/test_run/webhooks_failed", serde_json::json!(2)),
        ("states 97 %", "/test_run/success_rate", serde_json::json!(97)),
        ("not a possible share", "/test_run/success_rate", serde_json::json!(120)),
        ("cannot be 190 ms", "/performance_metrics/max_latency_ms", serde_json::json!(20_000)),
        ("is above p95", "/performance_metrics/p50_latency_ms", serde_json::json!(195)),
        ("in a run of 30 s", "/performance_metrics/max_latency_ms", serde_json::json!(45_000)),
        ("in the future", "/test_run/timestamp", serde_json::json!("2099-01-01T00:00:00Z")),
        ("not an RFC 3339 time", "/test_run/timestamp", serde_json::json!("this morning")),
        ("a count is a whole number", "/test_run/webhooks_sent", serde_json::json!("20")),
        (
            "holds email",
            "/sample_payment/webhook_response/body",
            serde_json::json!({"email": "ann.lee@example.org"}),
        ),
        ("yet 10 webhooks succeeded", "/sample_payment/status", serde_json::json!("failed")),
        ("PASS with 1", "/pii_check/emails_found", serde_json::json!(1)),
        ("FAIL but counts no findings", "/pii_check/status", serde_json::json!("FAIL")),
    ];
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("staging_payments_output.json");
    for (says, pointer, value) in cases {
        let mut artifact = honest.clone();
        *artifact.pointer_mut(pointer).expect("a place") = value;
        std::fs::write(&path, artifact.to_string()).expect("written");
        let (code, text) = gate(&path, &[]);
        let wanted = if says.is_empty() { 3 } else { 1 };
        assert_eq!((code, text.contains(says)), (wanted, true), "{pointer} `{says}`:\n{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// The built binary under the same flips as the library: fail, and never a crash.
    #[test]
    fn the_binary_passes_no_flipped_byte(in_journal: bool, at in any::<prop::sample::Index>(), bit in 0u8..8) {
        let run = Run::new(&Sample { flows: 2, injected_every: 2, ..recent() });
        let path = if in_journal { run.journal() } else { run.artifact() };
        let mut bytes = std::fs::read(&path).expect("a file");
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        std::fs::write(&path, &bytes).expect("written");
        let secret = run.file("secret").display().to_string();
        let (code, text) = gate(run.dir.path(), &["--secret-file", &secret]);
        prop_assert_eq!(code, 1, "{}", text);
    }

    /// A memo is text from anybody.
    #[test]
    fn no_memo_passes(text in "(\\*\\*|\\||- |[a-z0-9%<>:/ .]|Success Rate: |p95|```|\n|✅){0,200}") {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("staging_observation_memo.md");
        std::fs::write(&path, text).expect("written");
        let (code, text) = gate(&path, &[]);
        prop_assert!(code == 1 || code == 3, "{}", text);
    }
}
