//! Windows and receivers that nobody changed are never contradicted, whatever happens to them while they last.

use crate::harness::unwrapped;
use crate::receiver::{Receiver, SECRET, TOKEN, Webhook, read_all, until};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// What happens while a window lasts: to the receiver, in its folder.
type Play = fn(&mut Receiver, &Path);

fn signal(receiver: &Receiver, name: &str) {
    assert!(Command::new("kill").args([name, &receiver.pid()]).status().unwrap().success());
}

fn good(receiver: &Receiver, n: usize) {
    for _ in 0..n {
        receiver.post(&Webhook::new());
    }
}

/// Twice under one id, with a wrong signature, to a wrong path, by a stranger, and too late to be fresh.
fn odd(receiver: &mut Receiver, _: &Path) {
    good(receiver, 4);
    let again = Webhook::new();
    for _ in 0..2 {
        receiver.post(&again);
    }
    let mut wrong = Webhook::new();
    wrong.body = b"{}".to_vec();
    receiver.post(&wrong);
    receiver.talk(b"POST /elsewhere HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    receiver.talk(
        b"POST /webhooks/inbound HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
    );
    good(receiver, 4);
}

/// A file that is full, one that a signal ends, and a connection that breaks off in the middle.
fn rotated(receiver: &mut Receiver, dir: &Path) {
    good(receiver, 6);
    signal(receiver, "-HUP");
    until(|| dir.join("j.jsonl.000001").exists(), "the next file is begun");
    good(receiver, 6);
    let whole = Webhook::new().bytes("close");
    drop(std::io::Write::write_all(&mut receiver.connect(), &whole[..whole.len() / 2]));
    good(receiver, 2);
}

/// One that is never answered, and whose sender goes on waiting when the window ends.
fn awaited(receiver: &mut Receiver, _: &Path) {
    let mut waiting = receiver.connect();
    std::io::Write::write_all(&mut waiting, &Webhook::new().bytes("close")).unwrap();
    std::thread::spawn(move || read_all(&mut waiting));
}

/// Killed, and started anew with the same journal.
fn killed(receiver: &mut Receiver, dir: &Path) {
    good(receiver, 4);
    receiver.kill();
    *receiver = Receiver::start(dir, "", &[]);
    good(receiver, 4);
}

fn smoke(dir: &Path, args: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_smoke"));
    command.args(args).current_dir(dir).env_remove("WEBHOOK_SECRET").env_remove("GITHUB_ACTIONS");
    let out = command.output().unwrap();
    (out.status.code(), unwrapped(&String::from_utf8_lossy(&[out.stdout, out.stderr].concat())))
}

/// The journal is reported, and judged under the right secret, a wrong one and none; what is said under the right one.
pub(crate) fn is_not_contradicted(what: &str, dir: &Path, journal: &Path) -> String {
    let journal = journal.display().to_string();
    let (_, said) = smoke(dir, &["report", &journal, "--output", "judged.json", "--quiet"]);
    assert!(dir.join("judged.json").exists(), "{what}: {said}");
    let is_window = std::fs::read_to_string(&journal).unwrap().contains("\"kind\":\"observe\"");
    let least: &[&str] = if is_window { &["--min-window", "1s"] } else { &[] };
    let judged = [&["--secret-file", "secret"][..], &["--secret-file", "wrong"], &[]].map(|secret| {
        let asked = ["gate", "judged.json", &journal, "--trust", "runner"];
        let (_, said) = smoke(dir, &[&asked[..], least, secret].concat());
        assert!(
            said.contains("Recomputed byte for byte") && !said.contains("Contradictions"),
            "{what}, {journal} under {secret:?}:\n{said}"
        );
        said
    });
    std::fs::remove_file(dir.join("judged.json")).unwrap();
    let [right, ..] = judged;
    right
}

/// A folder with secrets, a token and a log.
pub(crate) fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    file("secret", SECRET);
    file("wrong", &SECRET.replace('f', "e"));
    file("token", TOKEN);
    file("app.log", "");
    dir
}

/// All files of the receiver's journal.
pub(crate) fn parts(dir: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("j.jsonl")).collect()
}

/// One window over a receiver with these flags, read from this source, while `play` lasts; what is said of it.
fn watch(what: &str, flags: &[&str], source: &[&str], play: Play) -> String {
    let dir = folder();
    let dir = dir.path();
    let mut receiver = Receiver::start(dir, "", flags);
    good(&receiver, 2);
    let url = format!("http://{}", receiver.address);
    let source = source.iter().map(|arg| if *arg == "URL" { &*url } else { *arg });
    let health = format!("{url}/healthz");
    let mut command = Command::new(env!("CARGO_BIN_EXE_smoke"));
    command.args(["observe", "--duration", "3s", "--probe", &health, "--log", "app.log", "--quiet"]);
    command.args(source).current_dir(dir).env_remove("WEBHOOK_SECRET").env_remove("WEBHOOK_ENDPOINT");
    let mut window = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let journal = dir.join("artifacts/staging_observation_journal.jsonl");
    let read = || std::fs::read_to_string(&journal).unwrap_or_default();
    until(|| read().contains("\"begin\""), "the window has begun");
    play(&mut receiver, dir);
    window.wait().unwrap();
    receiver.terminate();
    receiver.wait();
    for part in parts(dir) {
        is_not_contradicted(what, dir, &part);
    }
    is_not_contradicted(what, dir, &journal)
}

#[test]
fn honest_windows_and_receivers_are_never_contradicted() {
    let cases: [(&str, &[&str], Play); 6] = [
        ("plain", &[], |receiver, _| good(receiver, 8)),
        ("odd", &[], odd),
        ("rotated", &["--rotate-size", "1MiB"], rotated),
        ("killed", &[], killed),
        ("broken on purpose", &["--inject", "503@2", "--inject", "reset@3"], |receiver, _| good(receiver, 8)),
        ("nothing", &[], |_, _| ()),
    ];
    let sources = [&["--journal", "j.jsonl"][..], &["--inbox", "URL", "--token-file", "token"]];
    std::thread::scope(|all| {
        for (what, flags, play) in cases {
            for source in sources {
                all.spawn(move || watch(what, flags, source, play));
            }
        }
    });
}

#[test]
fn an_attempt_that_is_under_way_at_the_end_of_a_window_stopped_no_receiver() {
    let said = watch("awaited", &["--inject", "hang@3", "--drain", "1s"], &["--journal", "j.jsonl"], awaited);
    assert!(said.contains("1 of 1 attempts have none: they were still waiting for a response"), "{said}");
}

/// Who ends a window ends what is driven beside it, in the middle of its flows.
#[test]
fn what_was_driven_in_a_window_that_ended_early_is_not_contradicted() {
    let dir = folder();
    let dir = dir.path();
    let mut command = Command::new(env!("CARGO_BIN_EXE_smoke"));
    command.args(["observe", "--listen", "127.0.0.1:0", "--drive", "payments=60/m", "--duration", "60s"]);
    command.args(["--secret-file", "secret"]).current_dir(dir).env_remove("WEBHOOK_ENDPOINT");
    let mut window = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let file = |name: &str| dir.join("artifacts").join(name);
    let read = || std::fs::read_to_string(file("staging_observation_journal.jsonl")).unwrap_or_default();
    until(|| read().contains("\"flow_end\""), "a flow was driven");
    assert!(Command::new("kill").args(["-INT", &window.id().to_string()]).status().unwrap().success());
    window.wait().unwrap();
    for name in ["drive_payments_journal.jsonl", "staging_observation_journal.jsonl"] {
        is_not_contradicted("interrupted", dir, &file(name));
    }
}

/// Flows begin at an even pace, also where the sender waits for the receiver so long that more than a run's ten are under way.
#[test]
fn what_is_driven_against_a_slow_sender_is_not_contradicted() {
    let dir = folder();
    let dir = dir.path();
    let receiver = Receiver::start(dir, "", &["--inject", "delay=2s"]);
    let url = format!("http://{}/webhooks/inbound", receiver.address);
    let mut staging = Command::new(env!("CARGO_BIN_EXE_smoke"));
    staging.args(["staging", "--listen", "127.0.0.1:0", "--payments", "16", "--write-data", "data"]);
    staging.args(["--ready-file", "ready", "--secret-file", "secret", "--webhook-url", &url]);
    let mut staging = staging.current_dir(dir).stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    let ready = || std::fs::read_to_string(dir.join("ready")).unwrap_or_default();
    until(|| ready().contains("http"), "the stand-in listens");
    let (base, ready) = (["observe", "--journal", "j.jsonl", "--duration", "2s"], ready());
    let data = ["--data", "payments=data/payments.csv", "--env-file", "data/staff.env"];
    let drive = ["--drive", "payments=8/s", "--staging", ready.trim(), "--secret-file", "secret"];
    let (_, said) = smoke(dir, &[&base[..], &drive, &data].concat());
    staging.kill().unwrap();
    staging.wait().unwrap();
    let journal = dir.join("artifacts/drive_payments_journal.jsonl");
    assert!(journal.exists(), "{said}");
    is_not_contradicted("slow", dir, &journal);
}

/// Some retry more often than the sender of the guide can be told to; and a load is judged by nobody's retries.
#[test]
fn a_receiver_judges_by_the_contract_of_its_profile_and_a_load_by_none() {
    for name in ["stripe", "paddle"] {
        let dir = folder();
        let dir = dir.path();
        let mut receiver = Receiver::start(dir, "", &["--sender", name]);
        let to = format!("http://{}/webhooks/inbound", receiver.address);
        let load = ["load", "webhooks", "--rate", "10/s", "--duration", "1s", "--secret-file", "secret"];
        smoke(dir, &[&load[..], &["--to", &to, "--sender", name]].concat());
        receiver.terminate();
        receiver.wait();
        let differs = "which differs from what";
        let load = dir.join("artifacts/staging_load_journal.jsonl");
        for journal in [dir.join("j.jsonl"), load] {
            let said = is_not_contradicted(name, dir, &journal);
            assert!(!said.contains(differs), "{name}, {}:\n{said}", journal.display());
        }
    }
}

/// While secrets are rotated a receiver has two. Whoever has one of them cannot judge what is signed with the other, and accuses
/// nobody.
#[test]
fn a_receiver_that_had_two_secrets_is_not_contradicted_by_one() {
    let dir = folder();
    let dir = dir.path();
    let second = SECRET.replace('f', "e");
    let secrets = ["--secret-file", "secret", "--secret-file", "wrong"];
    let mut receiver = Receiver::start(dir, "", &secrets);
    for n in 0..12 {
        let secret = if n % 3 == 0 { &second } else { SECRET };
        assert_eq!(receiver.post(&Webhook::signed(b"{}", secret, Duration::ZERO)), Some(200));
    }
    receiver.terminate();
    receiver.wait();
    let said = is_not_contradicted("one of two secrets", dir, &dir.join("j.jsonl"));
    let says =
        "4 of 12 webhooks are signed with another secret: 1 of those that the receiver had were not given";
    assert!(said.contains(says), "{said}");
    let (code, said) = smoke(dir, &["report", "j.jsonl", "--output", "r.json", "--secret-file", "secret"]);
    assert!(code == Some(3) && said.contains("4 of 12 webhooks are signed with another secret"), "{said}");
    std::fs::write(dir.join("third"), SECRET.replace('f', "d")).unwrap();
    let (code, said) = smoke(dir, &["report", "j.jsonl", "--output", "r.json", "--secret-file", "third"]);
    assert!(code == Some(3) && said.contains("is this the right secret?"), "{said}");
    let (_, said) = smoke(dir, &[&["gate", "r.json", "j.jsonl", "--trust", "runner"], &secrets[..]].concat());
    assert!(said.contains("12 of 12 valid, each as recorded"), "{said}");
}
