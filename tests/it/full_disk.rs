//! A receiver whose disk is full answers 503: whoever goes by its journal knows that not all is there.

use super::harness::{Ran, Smoke};
use super::observe::{begun, observe};
use super::receiver::{Receiver, SECRET, TOKEN, Webhook, status, until};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// 64 KiB for each file of the process, which it may be given more of.
const FULL: &str = "ulimit -S -f 64;";
const SAID: &str = "the receiver cannot write its journal";

/// Posts until some are refused; gives how many.
fn fill(receiver: &Receiver) -> usize {
    let refused = (0..120).filter(|_| receiver.post(&Webhook::new()) == Some(503)).count();
    assert!(refused > 20, "{refused} refused");
    refused
}

fn make_room(receiver: &Receiver) {
    let limit = format!("--fsize={}:", 1 << 30);
    let given = Command::new("prlimit").args(["--pid", &receiver.pid(), &limit]).status().unwrap();
    assert!(given.success());
}

/// The exit code of a window, the gaps in its artifact as JSON, and what it said.
fn ended(dir: &Path, window: Child) -> (Option<i32>, String, String) {
    let done = window.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
    let artifact = dir.join("artifacts/staging_observation_output.json");
    let artifact: Value =
        serde_json::from_slice(&std::fs::read(artifact).unwrap_or_else(|e| panic!("{e}: {said}"))).unwrap();
    (done.status.code(), artifact["observation"]["gaps"].to_string(), said)
}

/// The flags of a window over a receiver, by way of its journal and by way of its inbox.
fn windows(receiver: &Receiver, duration: &str) -> [Vec<String>; 2] {
    let inbox = format!("http://{}", receiver.address);
    let sources = [&["--journal", "j.jsonl"][..], &["--inbox", &inbox, "--token-file", "token"]];
    sources
        .map(|source| source.iter().chain(&["--duration", duration]).map(|flag| (*flag).to_owned()).collect())
}

/// Begins a window.
fn begin(dir: &Path, flags: &[String]) -> Child {
    let window = observe(dir, &flags.iter().map(String::as_str).collect::<Vec<_>>());
    begun(dir);
    window
}

#[test]
fn a_window_in_which_webhooks_are_refused_for_a_full_disk_is_unproven() {
    for source in 0..2 {
        let dir = tempfile::tempdir().unwrap();
        let receiver = Receiver::start(dir.path(), FULL, &[]);
        let flags = &windows(&receiver, "3s")[source];
        let window = begin(dir.path(), flags);
        fill(&receiver);
        let (code, gaps, said) = ended(dir.path(), window);
        assert_eq!(code, Some(3), "{flags:?}: {said}");
        assert!(gaps.contains(SAID), "{flags:?}: {gaps}");
        // A window that begins while that is so sees no more.
        let (code, gaps, said) = ended(dir.path(), begin(dir.path(), flags));
        assert_eq!(code, Some(3), "{flags:?}: {said}");
        assert!(gaps.contains(SAID), "{flags:?}: {gaps}");
        // Once the journal tells of it, a window that begins later is none the worse.
        make_room(&receiver);
        receiver.hears("can be written again");
        until(
            || {
                let asked = receiver.get("/_smoke/attempts?since=now", Some(TOKEN));
                !asked.contains("\"unwritten\"")
            },
            "the journal tells of it",
        );
        std::fs::remove_dir_all(dir.path().join("artifacts")).unwrap();
        let window = begin(dir.path(), flags);
        (0..10).for_each(|_| assert_eq!(receiver.post(&Webhook::new()), Some(200)));
        let (code, gaps, said) = ended(dir.path(), window);
        assert_eq!((code, gaps.as_str()), (Some(0), "[]"), "{flags:?}: {said}");
    }
}

#[test]
fn a_disk_that_has_room_again_within_the_window_leaves_the_receivers_own_gap() {
    for source in 0..2 {
        let dir = tempfile::tempdir().unwrap();
        let receiver = Receiver::start(dir.path(), FULL, &[]);
        let flags = &windows(&receiver, "6s")[source];
        let window = begin(dir.path(), flags);
        let refused = fill(&receiver);
        make_room(&receiver);
        receiver.hears("can be written again");
        let (code, gaps, said) = ended(dir.path(), window);
        assert_eq!(code, Some(3), "{flags:?}: {said}");
        let told = format!("{refused} webhooks were answered with 503");
        assert!(gaps.contains(&told), "{flags:?}: {told} is not in {gaps}");
    }
}

#[test]
fn a_window_that_receives_by_itself_knows_what_it_could_not_write() {
    let dir = tempfile::tempdir().unwrap();
    let script = "ulimit -S -f 40; exec \"$0\" observe --listen 127.0.0.1:0 --duration 3s";
    let mut command = Command::new("bash");
    command.args(["-c", script, env!("CARGO_BIN_EXE_smoke")]).current_dir(dir.path());
    let command = command.env("WEBHOOK_SECRET", SECRET).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut window = command.spawn().unwrap();
    let mut lines = BufReader::new(window.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("receiving on") {
        line.clear();
        assert!(lines.read_line(&mut line).unwrap() > 0, "it does not say where it receives");
    }
    let address = line.split("://").nth(1).and_then(|t| t.split('/').next()).unwrap().to_owned();
    begun(dir.path());
    let post = |webhook: Webhook| {
        let mut stream = std::net::TcpStream::connect(&address).unwrap();
        std::io::Write::write_all(&mut stream, &webhook.bytes("close")).unwrap();
        status(&super::receiver::read_all(&mut stream))
    };
    assert_eq!(post(Webhook::new()), Some(200));
    // There is room for everything but this one.
    let long = format!(r#"{{"event":"payment_verified","data":{{"body":"{}"}}}}"#, "x".repeat(40 * 1024));
    assert_eq!(post(Webhook::with_body(long.as_bytes())), Some(503));
    let mut said = String::new();
    lines.read_to_string(&mut said).unwrap();
    let (code, gaps, _) = ended(dir.path(), window);
    assert_eq!(code, Some(3), "{said}");
    assert!(gaps.contains(SAID), "{gaps}");
}

/// `smoke payments` with the stand-in posting to `receiver`.
fn run(receiver: &Receiver, more: &[&str]) -> Ran {
    let inbox = format!("http://{}", receiver.address);
    let smoke = Smoke::new("payments").env("WEBHOOK_SECRET", SECRET).file("token", TOKEN);
    let smoke = smoke.args(&["--inbox", &inbox, "--token-file", "token", "--flows", "2"]);
    smoke.args(more).run()
}

#[test]
fn a_sender_is_not_blamed_for_what_the_receiver_could_not_write() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(dir.path(), FULL, &[]);
    fill(&receiver);
    let ran = run(&receiver, &["--within", "2s"]).exits(3);
    assert_eq!(ran.gate("payments", "lost"), "unproven", "{}", ran.shown());
    assert!(ran.shown().contains(SAID), "{}", ran.shown());
    assert!(!ran.shown().contains("before they reached this receiver"), "{}", ran.shown());
    // With room again it is the sender's own again.
    make_room(&receiver);
    receiver.hears("can be written again");
    run(&receiver, &[]).exits(0);
    let lost = ["--misbehave", "drop-webhook@1", "--within", "300ms"];
    assert_eq!(run(&receiver, &lost).exits(1).gate("payments", "lost"), "fail");
}

#[test]
fn whoever_reads_back_is_told_and_no_end_of_a_run_is_vouched_for() {
    let dir = tempfile::tempdir().unwrap();
    let key = Command::new(env!("CARGO_BIN_EXE_smoke"))
        .args(["key", "--out", "key"])
        .current_dir(dir.path())
        .output()
        .unwrap();
    assert!(key.status.success(), "{}", String::from_utf8_lossy(&key.stderr));
    let receiver = Receiver::start(dir.path(), FULL, &["--witness-key", "key"]);
    let register = |run: &str| {
        let target = format!("/_smoke/runs?run={run}&kind=observe&scenario=observe");
        let head = format!("POST {target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n");
        let text = receiver.talk(format!("{head}Content-Length: 0\r\nConnection: close\r\n\r\n").as_bytes());
        assert_eq!(status(&text), Some(200), "{text}");
        meta(&text)["next"].as_str().unwrap().to_owned()
    };
    let close = |run: &str, since: &str| {
        let target = format!("/_smoke/attempts?since={since}&run={run}&close=1");
        let text = receiver.get(&target, Some(TOKEN));
        assert_eq!(status(&text), Some(200), "{text}");
        let meta = meta(&text);
        let signed = meta["witness"]["checkpoint"].clone();
        let signed: record::seal::SignedCheckpoint = serde_json::from_value(signed).unwrap();
        (meta["unwritten"].clone(), signed.unverified().unwrap().closed)
    };
    let [one, two] = ["4960b1c5-318e-4f87-b6c4-62792d82faa3", "4960b1c5-318e-4f87-b6c4-62792d82faa4"];
    let since = register(one);
    assert_eq!(close(one, &since), (Value::Null, true));
    let since = register(two);
    let refused = fill(&receiver);
    let (unwritten, is_closed) = close(two, &since);
    assert_eq!((unwritten["webhooks"].as_u64(), is_closed), (Some(refused as u64), false), "{unwritten}");
    assert!(unwritten["since"].as_str().unwrap().contains('T'), "{unwritten}");
}

/// What the receiver says of an answer, in its first line.
fn meta(answer: &str) -> Value {
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    serde_json::from_str::<Value>(body.lines().next().unwrap()).unwrap()["smoke"].clone()
}
