//! What strangers send is never evidence about the sender: real receivers and runs, with requests of nobody's in between.

use super::harness::{Ran, Smoke};
use super::receiver::{Receiver, TOKEN, Webhook, read_all, status, until};
use super::reserved::Reserved;
use serde_json::Value;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// What somebody with a script posts, knowing much: event, form of a signature, an id, what webhooks are about.
fn forged(body: &str, agent: &str, more: &str) -> Vec<u8> {
    format!(
        "POST /webhooks/inbound HTTP/1.1\r\nHost: x\r\nUser-Agent: {agent}\r\nContent-Type: application/json\r\n{more}\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

const LEAK: &str = r#"{"email":"john.doe@example.com","phone":"+1 415 555 2671"}"#;
const IMITATED: &str =
    r#"{"event":"payment_verified","data":{"event":"payment_verified","tournament_id":1},"metadata":{}}"#;

fn signed_headers() -> String {
    let signature = "0".repeat(64);
    format!(
        "X-Webhook-Signature: {signature}\r\nX-Webhook-Event: payment_verified\r\nX-Webhook-Timestamp: 1763044215123\r\n\
         X-Webhook-Id: 7b6c2f9e-1111-4000-8000-000000000000\r\n"
    )
}

fn send(address: SocketAddr, bytes: &[u8]) -> Option<u16> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    stream.write_all(bytes).ok()?;
    status(&read_all(&mut stream))
}

/// Somebody who knows all that can be known without the secret: the user agent, the form of the headers, events, and which
/// tournaments there are. One request for each of the first ones, each with an id of its own.
fn copies() -> Vec<Vec<u8>> {
    let copy = |n: u64| {
        let (tournament, id) = (101 + n % 10, 1000 + n);
        let body = IMITATED.replace("\"tournament_id\":1", &format!("\"tournament_id\":{tournament}"));
        let headers = signed_headers().replace("-1111-", &format!("-{id:04}-"));
        forged(&body, "DeltaCrown-Webhook/1.0", &headers)
    };
    (0..40).map(copy).collect()
}

/// A run of payments, beside which strangers post from before its first webhook to its end.
fn among_strangers(args: &[&str]) -> (Ran, u64) {
    let all = vec![
        forged(LEAK, "curl/8.5.0", ""),
        forged(IMITATED, "python-requests/2.32", &signed_headers()),
        forged("no JSON at all", "x", ""),
    ];
    among(args, all)
}

fn among(args: &[&str], all: Vec<Vec<u8>>) -> (Ran, u64) {
    let reserved = Reserved::new();
    let listen = reserved.address.to_string();
    let (child, dir) = Smoke::new("payments").args(&["--listen", &listen]).args(args).spawn();
    let address = reserved.address;
    let strangers = std::thread::spawn(move || {
        until(|| send(address, &all[0]).is_some(), "the run listens");
        let answered = |n: &usize| send(address, &all[n % all.len()]).is_some();
        1 + (0..200).take_while(answered).count() as u64
    });
    let output = child.wait_with_output().expect("it ends");
    (Ran::new(&output, dir), strangers.join().expect("strangers"))
}

fn finding(artifact: &Value) -> (u64, String) {
    let found = &artifact["outcomes"]["unauthenticated"];
    (found["requests"].as_u64().unwrap(), found["finding"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn a_run_passes_among_strangers_who_are_a_finding_of_their_own() {
    let (ran, sent) = among_strangers(&["--flows", "10"]);
    let ran = ran.exits(0);
    let artifact = ran.artifact("payments");
    let (requests, said) = finding(&artifact);
    assert!(requests >= 1 && requests <= sent, "{requests} of {sent}");
    assert!(said.ends_with("from 1 address"), "{said}");
    assert!(ran.stdout.contains(&said), "{}", ran.stdout);
    assert_eq!(artifact["pii_check"]["findings_total"], 0);
    assert_eq!(artifact["outcomes"]["organic"]["client_errors"], 0);
    assert_eq!(artifact["outcomes"]["organic"]["deliveries"], 10);
    assert_eq!(artifact["hmac_signature_validation"]["invalid"], 0);
    let journal = std::fs::read_to_string(ran.file("staging_payments_journal.jsonl")).unwrap();
    assert!(journal.contains(r#""peer":"127.0.0.1""#), "the address is in the journal");
}

#[test]
fn a_run_passes_among_those_who_copy_the_sender() {
    let (ran, sent) = among(&["--flows", "10"], copies());
    let ran = ran.exits(0);
    let artifact = ran.artifact("payments");
    let (requests, said) = finding(&artifact);
    assert!(requests >= 1 && requests <= sent, "{requests} of {sent}");
    assert!(ran.stdout.contains(&said), "{}", ran.stdout);
    let shown = ran.shown();
    assert!(shown.contains("like the sender's in everything but the signature"), "{shown}");
    assert!(!shown.contains("somebody else's"), "{shown}");
    assert_eq!(artifact["hmac_signature_validation"]["invalid"], 0);
    assert_eq!(artifact["outcomes"]["organic"]["deliveries"], 10);
    assert_eq!(artifact["outcomes"]["organic"]["client_errors"], 0);
    for gate in ["signatures", "unexpected", "duplicates", "lost", "client_error_rate"] {
        assert_eq!(ran.gate("payments", gate), "pass", "{gate}");
    }
}

#[test]
fn one_webhook_that_is_signed_wrong_is_still_the_senders() {
    let ran = Smoke::new("payments")
        .args(&["--flows", "4", "--misbehave", "wrong-secret@3", "--within", "2s"])
        .run();
    let ran = ran.exits(1);
    let artifact = ran.artifact("payments");
    assert_eq!(ran.gate("payments", "success_rate"), "fail");
    assert_eq!(ran.gate("payments", "signatures"), "fail");
    assert_eq!(artifact["hmac_signature_validation"]["invalid"], 1);
}

#[test]
fn a_sender_with_the_wrong_secret_fails_a_run_among_strangers_too() {
    let (ran, _) = among_strangers(&["--flows", "4", "--misbehave", "wrong-secret"]);
    let ran = ran.exits(1);
    assert_eq!(ran.gate("payments", "signatures"), "fail");
    assert_eq!(ran.artifact("payments")["hmac_signature_validation"]["invalid"], 4);
    let shown = ran.shown();
    assert!(shown.contains("all of them look signed with a different secret"), "{shown}");
    assert!(shown.contains("smoke secret --fingerprint"), "{shown}");
}

#[test]
fn faults_meet_the_senders_webhooks_and_no_strangers() {
    let (ran, _) = among_strangers(&["--flows", "4", "--inject", "503x1"]);
    let artifact = ran.exits(3).artifact("payments");
    assert_eq!(artifact["outcomes"]["injected"]["deliveries"], 4);
}

fn observe(dir: &Path, flags: &[&str]) -> std::process::Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_smoke"));
    command.args(["observe", "--journal", "j.jsonl"]).args(flags).current_dir(dir);
    command.env_remove("WEBHOOK_SECRET").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn begun(dir: &Path) {
    let journal = dir.join("artifacts/staging_observation_journal.jsonl");
    let has = || std::fs::read_to_string(&journal).is_ok_and(|t| t.contains("\"begin\""));
    until(has, "the window has begun");
}

#[test]
fn a_stranger_ends_no_window_and_rolls_nothing_back() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(dir.path(), "", &[]);
    let child = observe(dir.path(), &["--duration", "4s", "--on-rollback", "touch rolled-back"]);
    begun(dir.path());
    // The very first of the window, and more of them than the sender sends.
    for _ in 0..5 {
        assert_eq!(send(receiver.address, &forged(LEAK, "curl/8.5.0", "")), Some(400));
        assert_eq!(send(receiver.address, &forged(IMITATED, "curl/8.5.0", &signed_headers())), Some(401));
    }
    (0..5).for_each(|_| assert_eq!(receiver.post(&Webhook::new()), Some(200)));
    let done = child.wait_with_output().unwrap();
    let shown = String::from_utf8_lossy(&done.stdout).into_owned();
    assert_eq!(done.status.code(), Some(0), "{shown}{}", String::from_utf8_lossy(&done.stderr));
    assert!(!dir.path().join("rolled-back").exists());
    assert!(shown.contains("10 unauthenticated requests from 1 address"), "{shown}");
    let memo = std::fs::read_to_string(dir.path().join("artifacts/staging_observation_memo.md")).unwrap();
    assert!(memo.contains("10 unauthenticated requests from 1 address"), "{memo}");
    let metrics = receiver.get("/metrics", None);
    for line in
        ["webhook_unauthenticated_requests_total 10", "webhook_pii_findings_total{category=\"email\"} 0"]
    {
        assert!(metrics.lines().any(|l| l == line), "{line} is not in\n{metrics}");
    }
}

/// The same webhook, spoilt in a way that leaves its signature right.
fn spoilt(webhook: &Webhook, how: &str) -> Webhook {
    let mut headers = webhook.headers.clone();
    match how {
        "no id" => headers.retain(|(name, _)| *name != "X-Webhook-Id"),
        "upper case" => headers
            .iter_mut()
            .filter(|(name, _)| *name == "X-Webhook-Signature")
            .for_each(|(_, value)| value.make_ascii_uppercase()),
        other => panic!("{other}"),
    }
    Webhook { headers, id: webhook.id.clone(), body: webhook.body.clone() }
}

#[test]
fn what_only_the_secret_can_sign_is_the_senders_own_and_a_copy_is_not() {
    let window = |own: bool| {
        let dir = tempfile::tempdir().unwrap();
        let receiver = Receiver::start(dir.path(), "", &[]);
        let child = observe(dir.path(), &["--duration", "4s"]);
        begun(dir.path());
        let valid = Webhook::new();
        assert_eq!(receiver.post(&valid), Some(200));
        for how in ["no id", "upper case"] {
            let mut one = Webhook::new();
            if !own {
                let id = |(name, value): &(&'static str, String)| match *name {
                    "X-Webhook-Id" => (*name, one.id.clone()),
                    _ => (*name, value.clone()),
                };
                let headers = valid.headers.iter().map(id).collect();
                one = Webhook { headers, id: one.id, body: valid.body.clone() };
            }
            assert!(matches!(receiver.post(&spoilt(&one, how)), Some(400 | 401)), "{how}");
        }
        let done = child.wait_with_output().unwrap();
        (done.status.code(), super::harness::unwrapped(&String::from_utf8_lossy(&done.stdout)))
    };
    let (code, shown) = window(true);
    assert_eq!((code, shown.contains("33.3 %")), (Some(1), true), "{shown}");
    assert!(shown.contains("of which 1 signed with the secret"), "{shown}");
    let (code, shown) = window(false);
    assert!(code != Some(1) && !shown.contains("signed with the secret"), "{shown}");
}

#[test]
fn the_command_of_a_rollback_gets_no_secret_of_ours() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(dir.path(), "", &[]);
    std::fs::write(dir.path().join("token"), TOKEN).unwrap();
    let url = format!("http://{}", receiver.address);
    let mut command = Command::new(env!("CARGO_BIN_EXE_smoke"));
    command.args(["observe", "--inbox", &url, "--token-file", "token", "--duration", "60s"]);
    command.args(["--on-rollback", "env > child"]).current_dir(dir.path());
    for (name, value) in [
        ("WEBHOOK_SECRET", "s3cret-of-the-webhooks"),
        ("STAFF_PASSWORD", "pa55word-of-staff"),
        ("USER_PASSWORD", "pa55word-of-users"),
        ("DATABASE", "postgres://staff:pa55word-of-staff@db/x"),
        ("READ_BACK", TOKEN),
        ("KEPT_FOR_THE_COMMAND", "kubernetes"),
    ] {
        command.env(name, value);
    }
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    begun(dir.path());
    for _ in 0..3 {
        let mut imitated = Webhook::new();
        imitated.body.push(b' ');
        assert_eq!(receiver.post(&imitated), Some(401));
    }
    let done = child.wait_with_output().unwrap();
    assert_eq!(done.status.code(), Some(1), "{}", String::from_utf8_lossy(&done.stderr));
    let given = std::fs::read_to_string(dir.path().join("child")).unwrap();
    assert!(
        given.contains("KEPT_FOR_THE_COMMAND=kubernetes") && given.contains("SMOKE_ROLLBACK_TRIGGER="),
        "{given}"
    );
    for secret in ["s3cret-of", "pa55word-of", TOKEN] {
        assert!(!given.contains(secret), "{secret} is in {given}");
    }
}

#[test]
fn of_a_long_body_that_nobody_signed_the_beginning_is_kept_and_control_characters_take_no_sixfold_room() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(dir.path(), "", &[]);
    let long = "x".repeat(200_000);
    assert_eq!(send(receiver.address, &forged(&long, "curl/8.5.0", "")), Some(400));
    assert_eq!(send(receiver.address, &forged(&"\u{1}".repeat(4000), "curl/8.5.0", "")), Some(400));
    let mut imitated = Webhook::with_body(&[b"{\"event\":\"x\",\"a\":\"", long.as_bytes(), b"\"}"].concat());
    imitated.body.push(b' ');
    assert_eq!(receiver.post(&imitated), Some(401));
    let whole = Webhook::with_body(&[b"{\"event\":\"x\",\"a\":\"", long.as_bytes(), b"\"}"].concat());
    assert_eq!(receiver.post(&whole), Some(200));
    let journal = dir.path().join("j.jsonl");
    let lines = || std::fs::read_to_string(&journal).unwrap();
    until(|| lines().matches("{\"attempt\":{").count() == 4, "all are written");
    let attempts: Vec<String> =
        lines().lines().filter(|l| l.contains("{\"attempt\":{")).map(str::to_owned).collect();
    let cut: Vec<bool> = attempts.iter().map(|l| l.contains("\"cut\":{\"bytes\":200")).collect();
    assert_eq!(cut, [true, false, true, false]);
    assert!(attempts[0].len() < 7000 && attempts[1].len() < 7000 && attempts[2].len() < 7000);
    assert!(attempts[1].contains("\"base64\"") && attempts[3].len() > 200_000);
}
