//! `smoke observe`: real windows of a few seconds.

use super::receiver::{Receiver, TOKEN, Webhook, until};
use super::reserved::Reserved;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

#[test]
fn what_cannot_be_watched_is_said_before_the_window() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("token"), TOKEN).unwrap();
    let exits = |flags: &[&str], code: i32, said: &str| {
        let done = observe(dir.path(), flags).wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(code), "{flags:?}: {text}");
        assert!(text.contains(said), "{flags:?}: {text}");
    };
    exits(&["--listen", "127.0.0.1:0", "--probe", "notaurl"], 2, "--probe notaurl");
    exits(&["--listen", "127.0.0.1:0", "--duration", "0s"], 2, "--duration 0s");
    exits(&["--listen", "127.0.0.1:0", "--stage", "7"], 2, "5, 25, 50 or 100");
    exits(&["--listen", "127.0.0.1:0", "--stage", "5%%"], 2, "such as 25%");
    let reserved = Reserved::new();
    let url = format!("http://{}", reserved.address);
    exits(&["--inbox", &url, "--token-file", "token"], 4, "the inbox does not respond");
}

pub(crate) fn observe(dir: &Path, flags: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_smoke"));
    command.arg("observe").args(flags).current_dir(dir);
    command.env_remove("WEBHOOK_SECRET").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

pub(crate) fn begun(dir: &Path) {
    let journal = dir.join("artifacts/staging_observation_journal.jsonl");
    let has = || std::fs::read_to_string(&journal).is_ok_and(|t| t.contains("\"begin\""));
    until(has, "the window has begun");
}

pub(crate) fn report(dir: &Path, flags: &[&str]) -> Vec<u8> {
    let journal = "artifacts/staging_observation_journal.jsonl";
    let mut command = Command::new(env!("CARGO_BIN_EXE_smoke"));
    command.args(["report", journal]).args(flags).current_dir(dir).output().unwrap().stdout
}

#[test]
fn a_good_window_passes_and_its_files_are_written_again_from_the_journal() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(dir.path(), "", &[]);
    let before = Webhook::new();
    assert_eq!(receiver.post(&before), Some(200));
    let probe = format!("http://{}/healthz", receiver.address);
    let child = observe(
        dir.path(),
        &["--journal", "j.jsonl", "--duration", "2s", "--probe", &probe, "--stage", "5%"],
    );
    begun(dir.path());
    (0..10).for_each(|_| assert_eq!(receiver.post(&Webhook::new()), Some(200)));
    let done = child.wait_with_output().unwrap();
    let shown = String::from_utf8_lossy(&done.stdout).into_owned();
    assert_eq!(done.status.code(), Some(0), "{shown}{}", String::from_utf8_lossy(&done.stderr));
    let artifacts = dir.path().join("artifacts");
    let artifact = std::fs::read(artifacts.join("staging_observation_output.json")).unwrap();
    let memo = std::fs::read_to_string(artifacts.join("staging_observation_memo.md")).unwrap();
    assert_eq!(report(dir.path(), &[]), artifact);
    report(dir.path(), &["--markdown", "again.md"]);
    assert_eq!(std::fs::read_to_string(dir.path().join("again.md")).unwrap(), memo);
    for part in [
        "webhooks arrived | 10 |",
        "canary stage 5 %",
        "- [x] Rollback triggers",
        "- [ ] Retries off schedule",
        "No sender log was given",
    ] {
        assert!(memo.contains(part), "{part} is not in {memo}");
    }
    // The next window in the same place costs nothing of this one.
    let next = observe(dir.path(), &["--journal", "j.jsonl", "--duration", "1s"]).wait_with_output().unwrap();
    assert!(String::from_utf8_lossy(&next.stderr).contains("moved earlier staging evidence to artifacts/"));
    let contents = |end: &str| {
        let files = std::fs::read_dir(&artifacts).unwrap().map(|entry| entry.unwrap().path());
        let of = files.filter(|path| path.to_string_lossy().ends_with(end));
        of.map(|path| std::fs::read(path).unwrap()).collect::<Vec<_>>()
    };
    assert!(contents("_output.json").len() == 2 && contents("_output.json").contains(&artifact));
    assert!(contents("_journal.jsonl").len() == 2 && contents("_memo.md").contains(&memo.into_bytes()));
}

/// A webhook as the sender's, signed with another secret.
fn imitated() -> Webhook {
    let mut forged = Webhook::new();
    forged.body.push(b' ');
    forged
}

#[test]
fn a_trigger_ends_the_window_and_runs_the_command() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(dir.path(), "", &[]);
    let hook = "echo \"$SMOKE_ROLLBACK_TRIGGER $SMOKE_ROLLBACK_REASON\" > rolled-back";
    let child = observe(dir.path(), &["--journal", "j.jsonl", "--duration", "60s", "--on-rollback", hook]);
    begun(dir.path());
    let mut forged = Webhook::new();
    forged.body.push(b' ');
    // Anybody can do it once or twice.
    assert_eq!(receiver.post(&imitated()), Some(401));
    (0..2).for_each(|_| assert_eq!(receiver.post(&imitated()), Some(401)));
    let done = child.wait_with_output().unwrap();
    assert_eq!(done.status.code(), Some(1), "{}", String::from_utf8_lossy(&done.stderr));
    let reason = std::fs::read_to_string(dir.path().join("rolled-back")).unwrap();
    assert!(reason.starts_with("signature_failures 3 of 3 attempts"), "{reason}");
}

/// A proxy in front of the receiver says the sender's own address each time; users have their own.
#[test]
fn the_word_of_a_proxy_is_unproven_and_rolls_nothing_back() {
    let window = |addresses: &[&str]| {
        let dir = tempfile::tempdir().unwrap();
        let receiver = Receiver::start(dir.path(), "", &[]);
        let flags = ["--journal", "j.jsonl", "--duration", "2s", "--on-rollback", "touch rolled-back"];
        let child = observe(dir.path(), &flags);
        begun(dir.path());
        for address in addresses {
            let mut webhook = Webhook::new();
            webhook.headers.push(("X-Forwarded-For", format!("{address}, 10.0.0.3")));
            assert_eq!(receiver.post(&webhook), Some(200));
        }
        let done = child.wait_with_output().unwrap();
        let shown = String::from_utf8_lossy(&done.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
        (done.status.code(), dir.path().join("rolled-back").exists(), shown)
    };
    let (code, rolled_back, shown) = window(&["198.51.100.7"; 4]);
    assert_eq!((code, rolled_back), (Some(3), false), "{shown}");
    assert!(shown.contains("X-Forwarded-For says 198.51.100.7 in all 4 webhooks"), "{shown}");
    let (code, rolled_back, shown) = window(&["198.51.100.7", "198.51.100.8"]);
    assert_eq!((code, rolled_back), (Some(1), true), "{shown}");
}

/// Their signatures are right, and nobody can say what they are.
#[test]
fn signed_webhooks_that_cannot_be_read_leave_a_window_unproven() {
    for (body, why) in [
        (&b"hello"[..], "its body is not JSON"),
        (b"", "its body is not JSON"),
        (b"\xef\xbb\xbf{}", "it starts with a byte order mark"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let receiver = Receiver::start(dir.path(), "", &[]);
        let child = observe(dir.path(), &["--journal", "j.jsonl", "--duration", "2s"]);
        begun(dir.path());
        (0..3).for_each(|_| assert_eq!(receiver.post(&Webhook::with_body(body)), Some(200)));
        let done = child.wait_with_output().unwrap();
        let shown = String::from_utf8_lossy(&done.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(done.status.code(), Some(3), "{shown}");
        assert!(shown.contains("unproven Unreadable webhooks 3") && shown.contains(why), "{shown}");
    }
}

#[test]
fn a_webhook_that_breaks_off_leaves_a_window_unproven() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(dir.path(), "", &[]);
    let child = observe(dir.path(), &["--journal", "j.jsonl", "--duration", "2s"]);
    begun(dir.path());
    (0..10).for_each(|_| assert_eq!(receiver.post(&Webhook::new()), Some(200)));
    let mut broken = std::net::TcpStream::connect(receiver.address).unwrap();
    broken
        .write_all(b"POST /webhooks/inbound HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\n{\"event")
        .unwrap();
    drop(broken);
    let done = child.wait_with_output().unwrap();
    assert_eq!(done.status.code(), Some(3), "{}", String::from_utf8_lossy(&done.stdout));
    let journal = std::fs::read_to_string(dir.path().join("j.jsonl")).unwrap();
    assert!(journal.contains("the connection ended in the middle of a request"), "{journal}");
}

#[test]
fn an_interrupt_waits_for_no_command_and_kills_none() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(dir.path(), "", &[]);
    let hook = "echo $$ > begun; while [ ! -e go ]; do sleep 0.05; done; touch done";
    let child = observe(dir.path(), &["--journal", "j.jsonl", "--duration", "60s", "--on-rollback", hook]);
    begun(dir.path());
    assert_eq!(receiver.post(&imitated()), Some(401));
    (0..2).for_each(|_| assert_eq!(receiver.post(&imitated()), Some(401)));
    until(|| dir.path().join("begun").exists(), "the command has begun");
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    // Its stderr is the command's too, so that the pipe ends with both.
    let pid = child.id();
    let ended = std::thread::spawn(move || child.wait_with_output().unwrap());
    let state = || std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    until(|| state().is_empty() || state().contains(") Z "), "the observation ends");
    assert!(dir.path().join("artifacts/staging_observation_memo.md").exists());
    std::fs::write(dir.path().join("go"), "").unwrap();
    until(|| dir.path().join("done").exists(), "the command ends by itself");
    // The trigger had ended the window by then.
    assert_eq!(ended.join().unwrap().status.code(), Some(1));
}

#[test]
fn an_inbox_that_goes_away_and_comes_back_leaves_a_gap_that_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let reserved = Reserved::new();
    let listen = reserved.address.to_string();
    let mut receiver = Receiver::start(dir.path(), "", &["--listen", &listen]);
    let url = format!("http://{listen}");
    let child = observe(dir.path(), &["--inbox", &url, "--token-file", "token", "--duration", "6s"]);
    begun(dir.path());
    let seen = |n: usize| {
        let journal = dir.path().join("artifacts/staging_observation_journal.jsonl");
        until(|| std::fs::read_to_string(&journal).unwrap().matches("{\"attempt\":{").count() >= n, "seen");
    };
    assert_eq!(TOKEN.len(), 28);
    std::thread::sleep(Duration::from_millis(700));
    assert_eq!(receiver.post(&Webhook::new()), Some(200));
    seen(1);
    receiver.kill();
    std::thread::sleep(Duration::from_millis(1200));
    let receiver = Receiver::start(dir.path(), "", &["--listen", &listen]);
    assert_eq!(receiver.post(&Webhook::new()), Some(200));
    seen(2);
    let done = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(done.status.code(), Some(3), "{}{said}", String::from_utf8_lossy(&done.stdout));
    assert!(said.contains("nothing can be seen: the inbox does not respond"), "{said}");
    let memo = std::fs::read_to_string(dir.path().join("artifacts/staging_observation_memo.md")).unwrap();
    assert!(memo.contains("Not seen for") && memo.contains("round trips"), "{memo}");
}

#[test]
fn ctrl_c_leaves_a_memo_of_what_was_seen() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(dir.path(), "", &[]);
    let child = observe(dir.path(), &["--journal", "j.jsonl", "--duration", "60s"]);
    begun(dir.path());
    assert_eq!(receiver.post(&Webhook::new()), Some(200));
    let journal = dir.path().join("artifacts/staging_observation_journal.jsonl");
    until(|| std::fs::read_to_string(&journal).unwrap().contains("\"answered\""), "the webhook is seen");
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let done = child.wait_with_output().unwrap();
    assert_eq!(done.status.code(), Some(130), "{}", String::from_utf8_lossy(&done.stderr));
    let memo = std::fs::read_to_string(dir.path().join("artifacts/staging_observation_memo.md")).unwrap();
    assert!(memo.contains("**Verdict**: UNPROVEN") && memo.contains("webhooks arrived | 1 |"), "{memo}");
}

/// What stands in the folder is about the latest window, also when that did not come to its end.
#[test]
fn a_window_that_is_killed_leaves_an_unproven_artifact() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(dir.path(), "", &[]);
    let child = observe(dir.path(), &["--journal", "j.jsonl", "--duration", "1s"]);
    begun(dir.path());
    assert_eq!(receiver.post(&Webhook::new()), Some(200));
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
    let mut child = observe(dir.path(), &["--journal", "j.jsonl", "--duration", "60s"]);
    let output = dir.path().join("artifacts/staging_observation_output.json");
    let is_next = || std::fs::read_to_string(&output).is_ok_and(|text| text.contains("unproven"));
    until(is_next, "the first artifact of the second window is there");
    child.kill().unwrap();
    child.wait().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_smoke"));
    command.args([
        "gate",
        "artifacts",
        "--trust",
        "runner",
        "--min-window",
        "1s",
        "--require",
        "observation",
    ]);
    command.args(["--secret-file", "secret"]).current_dir(dir.path());
    std::fs::write(dir.path().join("secret"), super::receiver::SECRET).unwrap();
    let done = command.output().unwrap();
    let shown = String::from_utf8_lossy(&done.stdout).into_owned();
    assert_ne!(done.status.code(), Some(0), "{shown}{}", String::from_utf8_lossy(&done.stderr));
    assert!(shown.contains("staging_observation_output.json: UNPROVEN"), "{shown}");
}
