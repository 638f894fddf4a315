//! `smoke logs` as a user runs it: a log of the real sender against the journal of a real receiver.

use super::receiver::{Receiver, Webhook, until};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const NAME: &str = "apps.notifications.services.webhook_service";

fn logs(dir: &Path, args: &[&str], stdin: impl AsRef<[u8]>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_smoke"));
    command.arg("logs").args(args).current_dir(dir);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let _ = child.stdin.take().unwrap().write_all(stdin.as_ref());
    child.wait_with_output().unwrap()
}

/// A line of the sender, now, in its local time.
fn line(level: &str, message: &str) -> String {
    line_at(chrono::Utc::now(), level, message)
}

fn line_at(at: DateTime<Utc>, level: &str, message: &str) -> String {
    let at = at.with_timezone(&chrono::FixedOffset::east_opt(6 * 3600).unwrap());
    format!("{level} {} {NAME} {message}\n", at.format("%Y-%m-%d %H:%M:%S,%3f"))
}

/// The middle of the journal's time: whatever the clocks differ by, a line of then is of it.
fn middle(dir: &Path) -> DateTime<Utc> {
    let text = std::fs::read_to_string(dir.join("j.jsonl")).unwrap();
    let record = |line: Option<&str>| serde_json::from_str::<Value>(line.unwrap()).unwrap()["record"].take();
    let (header, end) = (record(text.lines().next()), record(text.lines().last()));
    let started: DateTime<Utc> = header["header"]["started"].as_str().unwrap().parse().unwrap();
    started + TimeDelta::microseconds(end["end"]["at"].as_i64().unwrap() / 2)
}

/// Moves the lines into the middle of the journal's time, in a log that begins long before it and ends long after it.
fn around(dir: &Path, lines: &str) -> String {
    let at = middle(dir);
    let all: String = lines
        .lines()
        .map(|line| {
            let [level, _, _, _, message] = line.splitn(5, ' ').collect::<Vec<_>>()[..] else {
                return format!("{line}\n");
            };
            line_at(at, level, message)
        })
        .collect();
    let apart = TimeDelta::minutes(1);
    line_at(at - apart, "INFO", "something else") + &all + &line_at(at + apart, "INFO", "something else")
}

fn delivered(id: &str) -> String {
    line(
        "INFO",
        &format!(
            "Webhook delivered successfully: event=payment_verified, status=200, attempt=1, webhook_id={id}"
        ),
    )
}

#[test]
fn sets_the_log_against_the_journal() {
    let dir = tempfile::tempdir().unwrap();
    let mut receiver = Receiver::start(dir.path(), "", &[]);
    let (said, unsaid) = (Webhook::new(), Webhook::new());
    let given_up =
        line("ERROR", "Webhook delivery failed after 3 attempts: event=e, endpoint=http://x/w, webhook_id=b");
    assert_eq!((receiver.post(&said), receiver.post(&unsaid)), (Some(200), Some(200)));
    receiver.terminate();
    receiver.wait();
    let text = delivered(&said.id) + "some\n" + &delivered("00000000-0000-4000-8000-000000000000");
    let text = around(dir.path(), &text);
    let done = logs(dir.path(), &["-", "--journal", "j.jsonl", "--format", "json"], &text);
    assert_eq!(done.status.code(), Some(1));
    let found: Value = serde_json::from_slice(&done.stdout).unwrap();
    let count = |pointer: &str| found.pointer(pointer).and_then(Value::as_u64);
    assert_eq!(count("/reconciliation/agreed"), Some(1));
    assert_eq!(count("/reconciliation/never_seen"), Some(1));
    assert_eq!(found["reconciliation"]["not_logged_first"][0], unsaid.id);
    assert_eq!(found["log"]["unreadable"], serde_json::json!({"count": 1, "first_lines": [3]}));
    let agreed = delivered(&said.id) + &delivered(&unsaid.id);
    // What was not compared is not said to be the same.
    let other = agreed.replace("payment_verified", "payment_refunded");
    let done = logs(dir.path(), &["-", "--journal", "j.jsonl"], &other);
    let shown = String::from_utf8_lossy(&done.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(done.status.code(), Some(0), "{shown}");
    assert!(shown.contains("have the same webhooks, by their ids alone"), "{shown}");
    let done = logs(dir.path(), &["-", "--journal", "j.jsonl"], around(dir.path(), &(agreed + &given_up)));
    let shown = String::from_utf8_lossy(&done.stdout).into_owned();
    assert_eq!(done.status.code(), Some(1), "{shown}");
    assert!(
        shown.contains("the log says that webhooks were lost")
            && shown.contains("first given up: b in line 4"),
        "{shown}"
    );
}

#[test]
fn a_log_in_another_format_proves_nothing_and_personal_data_fails() {
    let dir = tempfile::tempdir().unwrap();
    let other = "a line\nanother line\n".repeat(30);
    let done = logs(dir.path(), &["-"], &other);
    let shown = String::from_utf8_lossy(&done.stdout).into_owned();
    assert_eq!(done.status.code(), Some(3));
    assert!(shown.contains("60 lines have no known format, first 1, 2, 3"), "{shown}");
    let leak = line(
        "WARNING",
        "Webhook delivery failed: event=e, status=400, attempt=1/3, response=ask john@example.com",
    );
    let done = logs(dir.path(), &["-"], &leak);
    assert_eq!(done.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&done.stdout).contains("1 email"));
    assert_eq!(logs(dir.path(), &["no-such-file"], "").status.code(), Some(2));
}

#[test]
fn a_log_in_another_encoding_or_with_something_before_its_lines_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let clean = delivered("a");
    let leak = clean.clone() + "ask john@example.com\n";
    let zeros = "\0".repeat(64);
    for (log, code) in [
        (wide(&leak), 1),
        (wide(&format!("\u{feff}{leak}")), 1),
        (wide(&clean), 0),
        (format!("\u{feff}{clean}").into_bytes(), 0),
        (format!("{zeros}{clean}").into_bytes(), 0),
        (format!("\u{1b}[32m{}\u{1b}[0m\n", clean.trim_end()).into_bytes(), 0),
        ([clean.as_bytes(), clean.as_bytes(), &[0x81, 0x8f, 0xfe, 0x90, b'\n']].concat(), 3),
    ] {
        let done = logs(dir.path(), &["-"], &log);
        let shown = String::from_utf8_lossy(&done.stdout).into_owned();
        assert_eq!(done.status.code(), Some(code), "{:?}: {shown}", log.get(..40));
        assert!(!shown.contains("about webhooks                        0"), "{shown}");
    }
}

#[test]
fn json_lines_and_ids_in_another_spelling_say_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let mut receiver = Receiver::start(dir.path(), "", &[]);
    let webhooks = [Webhook::new(), Webhook::new()];
    webhooks.iter().for_each(|webhook| assert_eq!(receiver.post(webhook), Some(200)));
    receiver.terminate();
    receiver.wait();
    let all = |line: &dyn Fn(&str) -> String| webhooks.iter().map(|w| line(&w.id)).collect::<String>();
    let json = |id: &str, keys: [&str; 4]| {
        let text = delivered(id);
        let [level, day, time, logger, message] = text.trim_end().splitn(5, ' ').collect::<Vec<_>>()[..]
        else {
            panic!("{text}")
        };
        let [at, of, by, said] = keys;
        serde_json::json!({at: format!("{day} {time}"), of: level, by: logger, said: message}).to_string()
            + "\n"
    };
    let own = "utc_offset: '+06:00'\nlines: []\njson: [{name: own, time: [/at], level: [l], logger: [who], message: [said]}]\n\
               messages: [{kind: delivered, pattern: '^Webhook delivered'}]\n";
    std::fs::write(dir.path().join("own.yaml"), own).unwrap();
    let unreadable = "something else\n".repeat(30);
    for (log, flags, code) in [
        (all(&|id| json(id, ["time", "level", "logger", "message"])), &[][..], 0),
        (all(&|id| json(id, ["at", "l", "who", "said"])), &["--formats", "own.yaml"], 0),
        (all(&|id| delivered(&id.to_uppercase())), &[], 0),
        (all(&|id| delivered(&format!("\"{id}\""))), &[], 0),
        (all(&|id| delivered(&format!("'{id}'"))), &[], 0),
        // What is missing may stand in the lines that could not be read.
        (unreadable + &delivered(&webhooks[0].id), &[], 3),
        ("something\nelse\nagain\n".to_owned() + &around(dir.path(), &delivered(&webhooks[0].id)), &[], 3),
        (around(dir.path(), &delivered(&webhooks[0].id)), &[], 1),
        // The other one came before the log began.
        (delivered(&webhooks[0].id) + &line("INFO", "something else"), &[], 3),
    ] {
        let done = logs(dir.path(), &[&["-", "--journal", "j.jsonl"], flags].concat(), &log);
        let shown = String::from_utf8_lossy(&done.stdout).into_owned();
        assert_eq!(done.status.code(), Some(code), "{log}\n{shown}{}", String::from_utf8_lossy(&done.stderr));
    }
}

#[test]
fn errors_of_the_application_are_counted_and_quoted() {
    let dir = tempfile::tempdir().unwrap();
    let failed = delivered("a")
        .replace(NAME, "django.request")
        .replace("INFO", "ERROR")
        .replace("Webhook delivered successfully", "Internal Server Error");
    let trace = "Traceback (most recent call last):\n  File \"x.py\", line 3, in view\nValueError: ask john@example.com\n";
    let done = logs(dir.path(), &["-", "--format", "json"], delivered("a") + &failed + trace);
    let found: Value = serde_json::from_slice(&done.stdout).unwrap();
    let errors = &found["log"]["errors"];
    assert_eq!(
        (&errors["count"], &errors["tracebacks"], &found["log"]["unreadable"]["count"]),
        (&1.into(), &1.into(), &0.into())
    );
    let quote = errors["first"][0][1].as_str().unwrap();
    assert!(
        quote.contains(" Internal Server Error") && quote.contains("ValueError") && !quote.contains("john@"),
        "{quote}"
    );
}

#[test]
fn the_receiver_counts_personal_data_and_plays_faults() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(dir.path(), "", &["--inject", "503@1"]);
    let webhook =
        Webhook::with_body(br#"{"event":"payment_verified","data":{"body":"call john@example.com"}}"#);
    assert_eq!((receiver.post(&webhook), receiver.post(&webhook)), (Some(503), Some(200)));
    let counted =
        || receiver.get("/metrics", None).contains("webhook_pii_findings_total{category=\"email\"} 2");
    until(counted, "two attempts with an address are counted");
}

#[test]
fn promotion_asks_for_a_window_of_the_stage_before() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("artifacts")).unwrap();
    std::fs::write(dir.path().join("artifacts/x_output.json"), "{}").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_smoke"));
    let done = command.args(["gate", "--promote", "25%"]).current_dir(dir.path()).output().unwrap();
    assert_eq!(done.status.code(), Some(3), "{}", String::from_utf8_lossy(&done.stderr));
    assert!(String::from_utf8_lossy(&done.stdout).contains("unproven"));
}

#[test]
fn what_was_not_compared_or_not_read_is_unproven() {
    let dir = tempfile::tempdir().unwrap();
    let mut receiver = Receiver::start(dir.path(), "", &[]);
    receiver.terminate();
    receiver.wait();
    let elsewhen = delivered("a").replace(" 20", " 19");
    let done = logs(dir.path(), &["-", "--journal", "j.jsonl"], &elsewhen);
    assert_eq!(done.status.code(), Some(3), "{}", String::from_utf8_lossy(&done.stdout));
    let done = logs(dir.path(), &["-"], &(delivered("a") + &"no log line\n".repeat(9)));
    assert_eq!(done.status.code(), Some(3));
    let warning = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(warning.contains("warning: 9 of 10 lines have no known format"), "{warning}");
    assert_eq!(logs(dir.path(), &["-"], delivered("a")).status.code(), Some(0));
    std::fs::write(dir.path().join("x.gz"), [0x1f, 0x8b, 8, 0]).unwrap();
    let packed = logs(dir.path(), &["x.gz"], "");
    let hint = String::from_utf8_lossy(&packed.stderr).into_owned();
    assert!(packed.status.code() == Some(2) && hint.contains("zcat x.gz | smoke logs -"), "{hint}");
    assert_eq!(logs(dir.path(), &["."], "").status.code(), Some(2));
}

#[test]
fn the_parts_of_a_journal_are_held_against_their_links() {
    let dir = tempfile::tempdir().unwrap();
    let mut said = String::new();
    // Each start continues the file before it.
    for _ in 0..3 {
        let mut receiver = Receiver::start(dir.path(), "", &[]);
        let webhook = Webhook::new();
        assert_eq!(receiver.post(&webhook), Some(200));
        said += &delivered(&webhook.id);
        receiver.terminate();
        receiver.wait();
    }
    let of = |parts: &[&str]| {
        let mut args = vec!["-"];
        parts.iter().for_each(|part| args.extend(["--journal", part]));
        let done = logs(dir.path(), &args, &said);
        (done.status.code(), String::from_utf8_lossy(&done.stderr).into_owned())
    };
    let (first, second, last) = ("j.jsonl.000001", "j.jsonl.000002", "j.jsonl");
    assert_eq!(of(&[first, second, last]), (Some(0), String::new()));
    let (code, text) = of(&[first, last]);
    assert!(code == Some(2) && text.contains("j.jsonl: part 3 continues j.jsonl.000002"), "{text}");
    // A middle part that is whole in itself, and another.
    std::fs::copy(dir.path().join(first), dir.path().join(second)).unwrap();
    let (code, text) = of(&[first, second, last]);
    assert!(code == Some(2) && text.contains("oldest first"), "{text}");
    let (code, text) = of(&[second, last]);
    assert!(code == Some(2) && text.contains("j.jsonl.000002") && text.contains("it was altered"), "{text}");
}

#[test]
fn the_report_of_a_receivers_journal_expects_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut receiver = Receiver::start(dir.path(), "", &[]);
    (0..3).for_each(|_| assert_eq!(receiver.post(&Webhook::new()), Some(200)));
    receiver.terminate();
    receiver.wait();
    let mut command = Command::new(env!("CARGO_BIN_EXE_smoke"));
    let done = command.args(["report", "j.jsonl"]).current_dir(dir.path()).output().unwrap();
    let artifact: Value = serde_json::from_slice(&done.stdout).unwrap();
    let checks = artifact["acceptance_gates"]["checks"].as_array().unwrap();
    let verdict = |id: &str| checks.iter().find(|c| c["id"] == id).map(|c| c["verdict"].clone());
    for id in ["lost", "late", "unexpected", "steps"] {
        assert_eq!(verdict(id), None, "{id} is asked of nobody who asks for nothing");
    }
    assert_eq!(verdict("success_rate").unwrap(), "pass");
    assert!(checks.iter().all(|c| c["verdict"] != "fail"), "{checks:#?}");
    // No flow ended: nobody makes a run pass by calling it a receiver's.
    assert_eq!(artifact["acceptance_gates"]["verdict"], "unproven");
    let run = &artifact["test_run"];
    assert_eq!((&run["webhooks_success"], &run["webhooks_failed"]), (&3.into(), &0.into()));
    assert_eq!(run["webhooks_unexpected"], 0, "nobody asked for any");
    // The product's own report is no contradiction to the gate.
    std::fs::copy(dir.path().join("j.jsonl"), dir.path().join("r_journal.jsonl")).unwrap();
    let output = dir.path().join("r_output.json");
    std::fs::write(&output, &done.stdout).unwrap();
    assert_eq!(super::evidence_run::judged_under(&output, super::receiver::SECRET).contradictions, []);
}

#[test]
fn a_log_without_ids_is_compared_by_number() {
    let dir = tempfile::tempdir().unwrap();
    let mut receiver = Receiver::start(dir.path(), "", &[]);
    (0..3).for_each(|_| assert_eq!(receiver.post(&Webhook::new()), Some(200)));
    receiver.terminate();
    receiver.wait();
    // Written when they came, however long a busy machine takes to read them.
    let line = delivered("").replace(", webhook_id=", "");
    let of = |lines: usize| {
        let text = around(dir.path(), &line.repeat(lines));
        let done = logs(dir.path(), &["-", "--journal", "j.jsonl"], &text);
        (done.status.code(), String::from_utf8_lossy(&done.stdout).into_owned())
    };
    assert_eq!(of(3).0, Some(0), "{}", of(3).1);
    let (code, text) = of(5);
    assert!(code == Some(1) && text.contains("5 logged as delivered, 3 accepted"), "{text}");
    let (code, text) = of(2);
    assert!(code == Some(1) && text.contains("accepted, not in the log                   0"), "{text}");
}
