//! `smoke probe` against receivers that are written here: each does one thing wrong that no built-in one does.

use crate::harness::Smoke;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};

const SECRET: &str = "9f4c1e77b3a2d0586e1f90c4d7b8a3526c0e9d1f4b7a8352d6c1e0f94b7a8d35";

/// A request as it came.
struct Webhook {
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Webhook {
    /// Reads one; its body has a length.
    fn read(stream: &mut TcpStream) -> Option<Self> {
        let mut from = BufReader::new(stream);
        let mut line = String::new();
        from.read_line(&mut line).ok().filter(|n| *n > 0)?;
        let mut headers = Vec::new();
        loop {
            line.clear();
            from.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut webhook = Self { headers, body: Vec::new() };
        webhook.body = vec![0; webhook.header("content-length").parse().unwrap_or_default()];
        from.read_exact(&mut webhook.body).ok()?;
        Some(webhook)
    }

    fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
    }

    /// The signature that it has, and the one that it should have.
    fn signatures(&self) -> (&str, String) {
        let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
        mac.update(format!("{}.", self.header("x-webhook-timestamp")).as_bytes());
        mac.update(&self.body);
        (self.header("x-webhook-signature"), hex::encode(mac.finalize().into_bytes()))
    }
}

/// A receiver that answers each request with a status.
fn receiver(answer: impl Fn(&Webhook) -> u16 + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hooks", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            // Whether it is there is asked with a connection alone.
            let Some(webhook) = Webhook::read(&mut stream) else { continue };
            let status = answer(&webhook);
            let _ = write!(stream, "HTTP/1.1 {status} S\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
    });
    url
}

/// Exit code, verdict and words of a case.
fn case(url: &str, id: &str, more: &[&str]) -> (Option<i32>, String, String) {
    let ran = Smoke::new("probe")
        .arg(url)
        .args(&["--secret-file", "secret", "--case", id, "--format", "json"])
        .args(more)
        .file("secret", SECRET)
        .run();
    let artifact: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{e}\n{}", ran.stderr));
    let case = artifact["cases"].as_array().unwrap().iter().find(|c| c["id"] == id).unwrap();
    let text = |key: &str| case[key].as_str().unwrap().to_owned();
    (ran.code, text("verdict"), text("text"))
}

#[test]
fn a_receiver_that_compares_a_part_of_the_signature_fails() {
    type Compare = fn(&str, &str) -> bool;
    let parts: [(Compare, &str); 5] = [
        (|given, right| given[..8] == right[..8], "all but the first 8 characters wrong"),
        (|given, right| given[..32] == right[..32], "the second half wrong"),
        (|given, right| given[..63] == right[..63], "the last character wrong"),
        (|given, right| given[32..] == right[32..], "the first half wrong"),
        (|given, right| given[1..] == right[1..], "the first character wrong"),
    ];
    for (compare, label) in parts {
        let url = receiver(move |webhook| {
            let (given, right) = webhook.signatures();
            if given.len() == right.len() && compare(given, &right) { 200 } else { 401 }
        });
        let (code, verdict, text) = case(&url, "partly-right-signature", &[]);
        assert_eq!((code, verdict.as_str()), (Some(1), "fail"), "{label}: {text}");
        assert!(text.contains("accepted (200)"), "{label}: {text}");
    }
    let right = receiver(|webhook| {
        let (given, right) = webhook.signatures();
        if given == right { 200 } else { 401 }
    });
    assert_eq!(case(&right, "partly-right-signature", &[]).1, "pass");
}

/// A receiver that processes before it verifies, and a command that says how many webhooks that were.
fn processes_first(dir: &Path) -> (String, String) {
    let number = dir.join("n");
    let observer = format!("cat {}", number.display());
    std::fs::write(&number, "0").unwrap();
    let processed = AtomicI64::new(0);
    let url = receiver(move |webhook| {
        let n = processed.fetch_add(1, Ordering::SeqCst) + 1;
        // Moved into place, so that nobody reads half of it.
        let new = number.with_extension("new");
        std::fs::write(&new, n.to_string()).unwrap();
        std::fs::rename(&new, &number).unwrap();
        let (given, right) = webhook.signatures();
        if given == right { 200 } else { 401 }
    });
    (url, observer)
}

#[test]
fn a_receiver_that_processes_before_it_verifies_fails_where_that_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let (url, observer) = processes_first(dir.path());
    let (code, verdict, text) = case(&url, "wrong-key", &["--observe", &observer]);
    assert_eq!((code, verdict.as_str()), (Some(1), "fail"), "{text}");
    assert_eq!(text, "answered 401, but the observed number went up by 1: it was processed");
    assert_eq!(case(&url, "wrong-key", &[]).1, "pass", "nobody counts");
    // A number that others move all the time.
    let others = "test -f m || echo 0 > m; n=$(cat m); echo $((n + 1)) > m; echo $n";
    let (code, verdict, text) = case(&url, "wrong-key", &["--observe", others]);
    assert_eq!((code, verdict.as_str()), (Some(3), "unproven"), "{text}");
    assert!(text.contains("does not stand still"), "{text}");
}

#[test]
fn an_observer_that_takes_its_time_is_asked_about_several_forged_cases_together() {
    let dir = tempfile::tempdir().unwrap();
    let (url, observer) = processes_first(dir.path());
    let ran = Smoke::new("probe")
        .arg(url)
        .args(&[
            "--secret-file",
            "secret",
            "--only",
            "forgery",
            "--observe",
            &format!("sleep 0.3; {observer}"),
        ])
        .file("secret", SECRET)
        .run()
        .exits(1);
    let artifact = ran.artifact("probe");
    let text = |id: &str| {
        let case = artifact["cases"].as_array().unwrap().iter().find(|c| c["id"] == id).unwrap();
        format!("{}: {}", case["verdict"].as_str().unwrap(), case["text"].as_str().unwrap())
    };
    for id in ["no-signature", "partly-right-signature", "wrong-case"] {
        assert!(
            text(id).starts_with("fail: answered 401, but the observed number went up by "),
            "{}",
            text(id)
        );
        assert!(text(id).contains(" from no-signature to wrong-case: it was processed"), "{}", text(id));
    }
    assert_eq!(text("valid-among-broken"), "pass: 401", "its own requests may be processed");
}

#[test]
fn a_receiver_that_takes_one_request_after_the_other_fails() {
    let (code, verdict, text) = case(&receiver(|_| 200), "slow-beside-fast", &[]);
    assert_eq!((code, verdict.as_str()), (Some(1), "fail"), "{text}");
    assert!(text.starts_with("a fast request waited for the slow one: 200 after "), "{text}");
}
