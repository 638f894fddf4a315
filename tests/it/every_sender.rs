//! Every built-in profile through every command that takes `--sender`: none panics, none is accused of what it does right, and none
//! is spoken of as another system.

use crate::receiver::Receiver;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The words of the one system whose scenarios are built in.
const ANOTHER_S: [&str; 3] = ["deltacrown", "notifications_webhook", "tournament"];

/// Calls `work` for every built-in profile, so many at a time, and gives what each says is wrong.
pub fn each(at_once: usize, work: impl Fn(&str) -> Vec<String> + Sync) -> Vec<String> {
    let names: Vec<&str> = signature::Scheme::ALL.iter().map(|scheme| scheme.sender()).collect();
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut wrong = Vec::new();
        while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
            wrong.extend(work(name).into_iter().map(|what| format!("{name}: {what}")));
        }
        wrong
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..at_once).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().flat_map(|one| one.join().expect("a worker")).collect()
    })
}

/// A secret as this sender's are.
fn key_of(name: &str) -> String {
    let scheme: signature::Scheme = name.parse().expect("built in");
    scheme.generate_secret().expect("a key").expose().to_owned()
}

/// The exit code and all that was said.
fn smoke(dir: &Path, args: &[&str], stdin: &str) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_smoke"));
    for name in
        ["STAGING_URL", "WEBHOOK_SECRET", "WEBHOOK_ENDPOINT", "WEBHOOK_TIMEOUT", "WEBHOOK_MAX_RETRIES"]
    {
        command.env_remove(name);
    }
    let input = dir.join("stdin");
    std::fs::write(&input, stdin).expect("written");
    command
        .args(args)
        .current_dir(dir)
        .stdin(std::fs::File::open(&input).expect("a file"))
        .stderr(Stdio::piped());
    let out = command.output().expect("smoke runs");
    (out.status.code(), String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned())
}

/// What a command must not say, or end with.
fn judged(
    args: &[&str],
    (code, said): &(Option<i32>, String),
    right: &[i32],
    words: &[&str],
) -> Option<String> {
    let low = said.to_lowercase();
    let word = words.iter().chain(&["panicked", "contradiction"]).find(|word| low.contains(**word));
    let is_right = code.is_some_and(|code| right.contains(&code));
    (!is_right || word.is_some()).then(|| format!("{args:?}: exit {code:?}, {word:?}\n{said}"))
}

/// What does not depend on a system: its own words are all that may be said of a sender.
fn of_a_sender(name: &str, dir: &Path) -> Vec<String> {
    let words: &[&str] = if name.starts_with("deltacrown") { &[] } else { &ANOTHER_S };
    let now = chrono::Utc::now().timestamp_millis();
    let body = &*format!(r#"{{"event":"paid","type":"paid","id":"1","webhookTimestamp":{now}}}"#);
    let mut wrong = Vec::new();
    let mut tried = |args: &[&str], stdin: &str, right: &[i32]| {
        let ran = smoke(dir, args, stdin);
        wrong.extend(judged(args, &ran, right, words));
        ran
    };
    tried(&["senders", name], "", &[0]);
    let secret = ["--secret-file", "secret", "--url", "http://127.0.0.1/in"];
    // Some put their signature into the body, or sign nothing: exit 2 says so.
    let (code, said) =
        tried(&[&["sign", "--sender", name, "--event", "paid"], &secret[..]].concat(), body, &[0, 2]);
    if code == Some(0) {
        let headers: Vec<String> = said.lines().filter(|l| l.contains(": ")).map(str::to_owned).collect();
        let headers: Vec<&str> = headers.iter().flat_map(|header| ["--header", header]).collect();
        tried(&[&["verify", "--sender", name], &secret[..], &headers].concat(), body, &[0]);
        tried(&[&["verify", "--sender", name], &secret[..], &headers].concat(), "{}", &[0, 1]);
    }
    tried(&["init", "orders", "--sender", name], "", &[0]);
    tried(&["check", "./orders.yaml", "--sender", name], "", &[0, 2]);
    let unreachable = ["--secret-file", "secret", "http://127.0.0.1:9/in"];
    tried(&[&["probe", "--sender", name], &unreachable[..]].concat(), "", &[2, 3, 4]);
    tried(
        &[
            "observe",
            "--duration",
            "1s",
            "--listen",
            "127.0.0.1:0",
            "--sender",
            name,
            "--secret-file",
            "secret",
            "--quiet",
        ],
        "",
        &[0, 3],
    );
    wrong
}

/// A run of the built-in payments by a stand-in that plays this sender, and what is made of its journal.
fn of_a_run(name: &str, dir: &Path) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut tried =
        |args: &[&str], right: &[i32]| wrong.extend(judged(args, &smoke(dir, args, ""), right, &[]));
    let journal = "artifacts/staging_payments_journal.jsonl";
    tried(&["payments", "--flows", "4", "--sender", name, "--quiet", "--settle", "100ms"], &[0]);
    tried(&["gate", "artifacts", "--environment", "embedded"], &[0, 3]);
    // The stand-in's bodies have a text at /event, so that nothing stands inside of it.
    let profile = scenario::built_in_sender(name).expect("built in");
    let is_inside = profile.event.json.as_ref().is_some_and(|pointer| pointer.starts_with("/event/"));
    // Nobody has the secret that the stand-in made for itself, nor did an attempt fail that could be retried.
    let against = if is_inside { 1 } else { 3 };
    tried(&["learn", journal, "--against", name], &[against]);
    tried(&["learn", journal], &[0]);
    tried(&["drift", journal, "--sender", name], &[0, 2]);
    tried(&["load", "payments", "--sender", name, "--rate", "2/s", "--duration", "1s", "--quiet"], &[0, 3]);
    wrong
}

#[test]
fn every_command_takes_every_built_in_sender() {
    let wrong = each(4, |name| {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::write(dir.path().join("secret"), key_of(name)).expect("written");
        let mut wrong = of_a_sender(name, dir.path());
        wrong.extend(of_a_run(name, dir.path()));
        wrong
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn a_receiver_begins_and_ends_for_every_built_in_sender() {
    let wrong = each(4, |name| {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::write(dir.path().join("own"), key_of(name)).expect("written");
        let mut receiver = Receiver::start(dir.path(), "", &["--sender", name, "--secret-file", "own"]);
        receiver.terminate();
        let (status, said) = (receiver.wait(), receiver.said());
        let mut wrong = Vec::new();
        let words: &[&str] = if name.starts_with("deltacrown") { &[] } else { &ANOTHER_S };
        wrong.extend(judged(&["receive"], &(status.code(), said), &[0], words));
        wrong
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
