//! `smoke observe --log`: windows of a few seconds, in which a log of the sender is written.

use super::harness::log_time;
use super::observe::{begun, observe, report};
use super::observe_written::check;
use super::receiver::{Receiver, Webhook, until};
use super::window::Window;
use evidence::gate::Verdict;
use record::{LogCompared, LogErrors, LogFacts, LogLost, Reconciliation, Record, Tick, Watch};
use std::io::Write as _;
use std::time::Duration;

/// The application's own errors fail the window, quoted; a JSON log is read, and one that is not says nothing.
#[test]
fn errors_in_the_applications_log_fail_the_window() {
    let error = |path: &str| {
        format!(
            "ERROR NOW django.request Internal Server Error: {path}\nTraceback (most recent call last):\n  \
             File \"/app/views.py\", line 3, in verify\n    raise KeyError(\"amount\")\nKeyError: 'amount'\n"
        )
    };
    let json = "{\"time\": \"NOW\", \"level\": \"INFO\", \"logger\": \"django\", \"message\": \"started\"}\n";
    const LONG_AGO: &str = "ERROR 2025-11-13 14:30:15,123 apps.payments broken\n";
    for (lines, exit, verdict, says) in [
        (
            error("/api/1/verify/") + &error("/api/2/verify/"),
            1,
            "fail",
            "2 errors, 2 of them with a traceback",
        ),
        (
            "[NOW +0600] [7] [CRITICAL] WORKER TIMEOUT (pid:9)\n".to_owned(),
            1,
            "fail",
            "1 errors, 0 of them with a traceback",
        ),
        // A last line that nobody ended.
        (
            json.repeat(3) + "ERROR NOW apps.payments broken",
            1,
            "fail",
            "1 errors, 0 of them with a traceback",
        ),
        (json.repeat(3), 3, "pass", "0 errors"),
        // Of another time, as far as the log's clock is known.
        (json.repeat(3) + LONG_AGO, 3, "unproven", "1 errors are dated outside the window"),
        ("what nobody knows\n".repeat(9), 3, "unproven", "9 of 9 lines have no known format: --formats FILE"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let receiver = Receiver::start(dir.path(), "", &[]);
        let log = dir.path().join("django.log");
        std::fs::write(&log, error("/before/the/window/")).unwrap();
        let child = observe(dir.path(), &["--journal", "j.jsonl", "--duration", "2s", "--log", "django.log"]);
        begun(dir.path());
        (0..4).for_each(|_| assert_eq!(receiver.post(&Webhook::new()), Some(200)));
        let mut file = std::fs::OpenOptions::new().append(true).open(&log).unwrap();
        file.write_all(lines.replace("NOW", &log_time()).as_bytes()).unwrap();
        let done = child.wait_with_output().unwrap();
        let shown = String::from_utf8_lossy(&done.stdout).into_owned();
        assert_eq!(done.status.code(), Some(exit), "{shown}");
        let artifact = std::fs::read(dir.path().join("artifacts/staging_observation_output.json")).unwrap();
        let artifact: serde_json::Value = serde_json::from_slice(&artifact).unwrap();
        let checks = artifact["acceptance_gates"]["checks"].as_array().unwrap();
        let check = checks.iter().find(|c| c["id"] == "log_errors").unwrap();
        assert_eq!(check["verdict"], verdict, "{check}");
        assert!(check["text"].as_str().unwrap().contains(says), "{check}");
        let memo = std::fs::read_to_string(dir.path().join("artifacts/staging_observation_memo.md")).unwrap();
        assert_eq!(
            memo.contains("Internal Server Error: /api/1/verify/: KeyError: 'amount'"),
            verdict == "fail" && lines.contains("django.request"),
            "{memo}"
        );
        assert!(!memo.contains("/before/the/window/"), "{memo}");
        // What the log leaves out is no contradiction of a log that cannot be read.
        if verdict == "unproven" {
            let compared = checks.iter().find(|c| c["id"] == "sender_log").unwrap();
            assert_eq!(compared["verdict"], "unproven", "{compared}");
        }
    }
}

/// More than is read while the window lasts.
#[test]
fn a_log_that_has_grown_fast_is_read_to_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(dir.path(), "", &[]);
    let log = dir.path().join("django.log");
    std::fs::write(&log, "").unwrap();
    let child = observe(dir.path(), &["--journal", "j.jsonl", "--duration", "2s", "--log", "django.log"]);
    begun(dir.path());
    assert_eq!(receiver.post(&Webhook::new()), Some(200));
    let line = format!("INFO {} apps.views {}\n", log_time(), "nothing to see here ".repeat(200));
    let lines = 48 * 1024 * 1024 / line.len();
    let error = format!("ERROR {} apps.views broken\n", log_time());
    std::fs::write(&log, line.repeat(lines) + &error).unwrap();
    let done = child.wait_with_output().unwrap();
    let shown = String::from_utf8_lossy(&done.stdout).into_owned();
    assert_eq!(done.status.code(), Some(1), "{shown}");
    assert!(shown.contains(&format!("line {} of the window", lines + 1)), "{shown}");
}

/// It is found when the window is over, as nobody has ended the line.
#[test]
fn a_trigger_in_the_logs_last_line_runs_the_command() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(dir.path(), "", &[]);
    let path = dir.path().join("django.log");
    std::fs::write(&path, "").unwrap();
    let hook = "echo \"$SMOKE_ROLLBACK_TRIGGER\" >> rolled-back";
    let flags = ["--journal", "j.jsonl", "--duration", "2s", "--log", "django.log", "--on-rollback", hook];
    let child = observe(dir.path(), &flags);
    begun(dir.path());
    assert_eq!(receiver.post(&Webhook::new()), Some(200));
    std::fs::write(&path, format!("INFO {} apps.users login john.doe@example.com", log_time())).unwrap();
    let done = child.wait_with_output().unwrap();
    let shown = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(1), "{shown}");
    assert!(shown.contains("ROLLBACK pii: "), "{shown}");
    assert_eq!(std::fs::read_to_string(dir.path().join("rolled-back")).unwrap(), "pii\n");
    let artifact = std::fs::read(dir.path().join("artifacts/staging_observation_output.json")).unwrap();
    assert_eq!(report(dir.path(), &[]), artifact);
    let artifact: serde_json::Value = serde_json::from_slice(&artifact).unwrap();
    let hooks = &artifact["observation"]["hooks"];
    assert!(hooks[0]["trigger"] == "pii" && hooks[0]["exit"] == 0, "{hooks}");
}

/// A line of the sender.
fn said(message: &str) -> String {
    format!("INFO {} apps.notifications.services.webhook_service {message}\n", log_time())
}

fn delivered(id: &str) -> String {
    said(&format!(
        "Webhook delivered successfully: event=payment_verified, status=200, attempt=1, webhook_id={id}"
    ))
}

#[test]
fn a_log_that_says_what_arrived_passes_and_one_that_is_gone_is_unproven() {
    for (gone, code, says) in [(false, 0, "- [x] Sender log vs arrivals"), (true, 3, "is gone")] {
        let dir = tempfile::tempdir().unwrap();
        let receiver = Receiver::start(dir.path(), "", &["--inject", "400@1"]);
        let log = dir.path().join("django.log");
        std::fs::write(&log, "").unwrap();
        let child = observe(dir.path(), &["--journal", "j.jsonl", "--log", "django.log", "--duration", "3s"]);
        begun(dir.path());
        let webhook = Webhook::new();
        // What the log says of it is judged as it came.
        assert_eq!(receiver.post(&Webhook::new()), Some(400));
        assert_eq!(receiver.post(&webhook), Some(200));
        let refused =
            said("Webhook delivery failed: event=e, status=503, attempt=3/3, response=```\u{1b}[2J");
        let aborted = said("Client error - aborting retries: status=400");
        std::fs::write(&log, refused + &aborted + &delivered(&webhook.id)).unwrap();
        let journal = dir.path().join("artifacts/staging_observation_journal.jsonl");
        until(|| std::fs::read_to_string(&journal).unwrap().contains("\"delivered\":1"), "the line is read");
        if gone {
            std::fs::remove_file(&log).unwrap();
        }
        let done = child.wait_with_output().unwrap();
        assert_eq!(done.status.code(), Some(code), "{}", String::from_utf8_lossy(&done.stdout));
        let memo = std::fs::read_to_string(dir.path().join("artifacts/staging_observation_memo.md")).unwrap();
        assert!(memo.contains("| logged as delivered, accepted here | 1 |") && memo.contains(says), "{memo}");
        let quoted = |section: &str, line: &str| {
            let section = memo.split(section).nth(1).unwrap().split("\n## ").next().unwrap();
            assert!(section.contains("Sender log lines") && section.contains(line), "{memo}");
        };
        // What only moves a cursor is not quoted, and a fence ends no block.
        quoted("## Retry behaviour", "status=503, attempt=3/3, response=");
        assert!(!memo.contains('\u{1b}') && !memo.contains("response=```"), "{memo}");
        quoted("## 4xx handling", "Client error - aborting retries: status=400\n```");
    }
}

/// What the sender lost never came, so that nothing but its log tells of it.
#[test]
fn a_log_that_says_that_webhooks_were_lost_fails_the_window() {
    for (line, code, says) in [
        (
            "Webhook delivery failed after 3 attempts: event=e, endpoint=http://x/w, webhook_id=ghost",
            1,
            "given up: ghost",
        ),
        ("WEBHOOK_ENDPOINT not configured - skipping delivery", 1, "skipped, no endpoint configured"),
        ("Circuit breaker OPENED - 5 failures in 30s", 3, "the circuit breaker opened"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let receiver = Receiver::start(dir.path(), "", &[]);
        let log = dir.path().join("django.log");
        std::fs::write(&log, "").unwrap();
        let child = observe(dir.path(), &["--journal", "j.jsonl", "--log", "django.log", "--duration", "3s"]);
        begun(dir.path());
        let webhook = Webhook::new();
        assert_eq!(receiver.post(&webhook), Some(200));
        // A window has no edge in which nothing can be said of this but its first tenth.
        std::thread::sleep(Duration::from_millis(600));
        std::fs::write(&log, delivered(&webhook.id) + &said(line)).unwrap();
        let done = child.wait_with_output().unwrap();
        let shown = String::from_utf8_lossy(&done.stdout).into_owned();
        assert_eq!(done.status.code(), Some(code), "{shown}");
        let artifact = std::fs::read(dir.path().join("artifacts/staging_observation_output.json")).unwrap();
        assert_eq!(report(dir.path(), &[]), artifact);
        let artifact: serde_json::Value = serde_json::from_slice(&artifact).unwrap();
        let checks = artifact["acceptance_gates"]["checks"].as_array().unwrap();
        let check = checks.iter().find(|c| c["id"] == "log_lost").unwrap();
        let text = check["text"].as_str().unwrap();
        assert!(text.contains("line 2 of the window: ") && text.contains(says), "{check}");
        let others = checks.iter().filter(|c| c["id"] != "log_lost" && c["verdict"] == "fail");
        assert_eq!(others.count(), 0, "{checks:#?}");
    }
}

#[test]
fn a_log_that_claims_webhooks_that_never_came_fails_the_window() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(dir.path(), "", &[]);
    let path = dir.path().join("django.log");
    std::fs::write(&path, "").unwrap();
    let flags = ["--journal", "j.jsonl", "--log", "django.log", "--duration", "11s"];
    let mut child = observe(dir.path(), &flags);
    begun(dir.path());
    assert_eq!(receiver.post(&Webhook::new()), Some(200));
    // All through the window, so that some of it is in the middle, where a claim can be held against the arrivals.
    let mut claims = 0;
    until(
        || {
            use std::io::Write;
            claims += 1;
            let mut log = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
            log.write_all(delivered(&format!("ghost-{claims}")).as_bytes()).unwrap();
            child.try_wait().unwrap().is_some()
        },
        "the window ends",
    );
    let done = child.wait_with_output().unwrap();
    assert_eq!(done.status.code(), Some(1), "{}", String::from_utf8_lossy(&done.stdout));
    let artifacts = dir.path().join("artifacts");
    let artifact = std::fs::read(artifacts.join("staging_observation_output.json")).unwrap();
    assert_eq!(report(dir.path(), &[]), artifact);
    let artifact: serde_json::Value = serde_json::from_slice(&artifact).unwrap();
    let found = &artifact["observation"]["log_compared"]["found"];
    assert!(found["never_seen"].as_u64().unwrap() > 0 && found["outside"].as_u64().unwrap() > 0, "{found}");
    let memo = std::fs::read_to_string(artifacts.join("staging_observation_memo.md")).unwrap();
    assert!(memo.contains("- [ ] Sender log vs arrivals") && memo.contains("(first ghost-"), "{memo}");
}

/// Two processes have the log open when it is renamed, and one of them only gets to know later.
#[test]
fn what_is_still_written_to_a_renamed_log_is_of_the_window() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(dir.path(), "", &[]);
    let path = dir.path().join("django.log");
    std::fs::write(&path, "").unwrap();
    let child = observe(dir.path(), &["--journal", "j.jsonl", "--log", "django.log", "--duration", "4s"]);
    begun(dir.path());
    let webhook = Webhook::new();
    assert_eq!(receiver.post(&webhook), Some(200));
    let mut old = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    std::fs::rename(&path, dir.path().join("django.log.1")).unwrap();
    std::fs::write(&path, delivered(&webhook.id)).unwrap();
    let journal = dir.path().join("artifacts/staging_observation_journal.jsonl");
    until(|| std::fs::read_to_string(&journal).unwrap().contains("\"delivered\":1"), "the new file is read");
    old.write_all(format!("ERROR {} django.request Internal Server Error: /pay/\n", log_time()).as_bytes())
        .unwrap();
    let done = child.wait_with_output().unwrap();
    let shown = String::from_utf8_lossy(&done.stdout).into_owned();
    assert_eq!(done.status.code(), Some(1), "{shown}");
    assert!(shown.contains("line 2 of the window") && shown.contains("/pay/"), "{shown}");
}

/// What a collector brings late, of an hour in which another window was open.
#[test]
fn lines_of_another_time_are_not_of_the_window() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(dir.path(), "", &[]);
    let path = dir.path().join("django.log");
    std::fs::write(&path, "").unwrap();
    let child = observe(dir.path(), &["--journal", "j.jsonl", "--log", "django.log", "--duration", "3s"]);
    begun(dir.path());
    let mut log = delivered("ghost").replacen(&log_time()[..10], "2025-11-13", 1);
    log += "ERROR 2025-11-13 14:30:15,123 django.request Internal Server Error: /before/\n";
    // Enough of them, so that it is known how far the log's clock is from the receiver's.
    std::thread::sleep(Duration::from_millis(600));
    for _ in 0..3 {
        let webhook = Webhook::new();
        assert_eq!(receiver.post(&webhook), Some(200));
        log += &delivered(&webhook.id);
    }
    std::fs::write(&path, log).unwrap();
    let done = child.wait_with_output().unwrap();
    let shown = String::from_utf8_lossy(&done.stdout).into_owned();
    assert_eq!(done.status.code(), Some(0), "{shown}");
    let artifact = std::fs::read(dir.path().join("artifacts/staging_observation_output.json")).unwrap();
    assert_eq!(report(dir.path(), &[]), artifact);
    let artifact: serde_json::Value = serde_json::from_slice(&artifact).unwrap();
    let compared = &artifact["observation"]["log_compared"];
    assert_eq!(
        (&compared["found"]["outside"], &compared["errors"]["outside"]),
        (&1.into(), &1.into()),
        "{compared}"
    );
}

#[test]
fn errors_that_are_dated_outside_the_window_do_not_fail_it() {
    let errors = |count: u64, outside: u64, unclear: u64| {
        let mut window = Window::new();
        window.analysis.watched.begin.as_mut().unwrap().logs = vec!["django.log".to_owned()];
        let first: Vec<_> = (1..=count).map(|line| (line, format!("error {line}"))).collect();
        let summary = serde_json::json!({"lines": 9, "errors": {"count": count, "first": first}});
        window.analysis.take(&Record::Watch(Watch::Log(Box::new(LogFacts { at: Tick(1), summary }))));
        let errors = LogErrors { outside, unclear, first: (1..=outside + unclear).collect() };
        let found = Reconciliation::default();
        let compared = LogCompared { at: Tick(1), gone: Vec::new(), not_kept: 0, found, errors };
        window.analysis.take(&Record::Watch(Watch::Compared(Box::new(compared))));
        check(&window, "log_errors")
    };
    let (fails, text) = errors(3, 1, 1);
    assert!(fails == Verdict::Fail && text.contains("; line 3 of the window: error 3"), "{text}");
    assert!(!text.contains("error 1") && text.contains("1 errors, 1 dated outside the window"), "{text}");
    assert_eq!((errors(1, 1, 0).0, errors(1, 0, 1).0), (Verdict::Pass, Verdict::Unproven));
}

/// What stands in lines that could not be read may be anything, where it seems to be about webhooks.
#[test]
fn unreadable_lines_that_seem_to_be_about_webhooks_leave_the_window_unproven() {
    let lost = |about: u64| {
        let mut window = Window::new();
        window.analysis.watched.begin.as_mut().unwrap().logs = vec!["django.log".to_owned()];
        let unreadable = serde_json::json!({"count": 9, "first_lines": [1], "about_webhooks": about});
        let summary = serde_json::json!({"lines": 90, "webhook_lines": 5, "unreadable": unreadable});
        window.analysis.take(&Record::Watch(Watch::Log(Box::new(LogFacts { at: Tick(1), summary }))));
        let found = Reconciliation { agreed: 5, lost: Some(LogLost::default()), ..Reconciliation::default() };
        let compared =
            LogCompared { at: Tick(1), gone: Vec::new(), not_kept: 0, found, errors: LogErrors::default() };
        window.analysis.take(&Record::Watch(Watch::Compared(Box::new(compared))));
        [check(&window, "log_lost"), check(&window, "sender_log")]
    };
    assert!(lost(3).iter().all(|(verdict, _)| *verdict == Verdict::Pass), "{:?}", lost(3));
    for (verdict, text) in lost(4) {
        assert!(
            verdict == Verdict::Unproven && text.contains("4 lines that seem to be about webhooks"),
            "{text}"
        );
    }
}
