//! `smoke probe` against receivers that are written here: each does one thing wrong that no built-in one does.

use crate::harness::Smoke;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

const SECRET: &str = "9f4c1e77b3a2d0586e1f90c4d7b8a3526c0e9d1f4b7a8352d6c1e0f94b7a8d35";

/// A request as it came.
struct Webhook {
    method: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Webhook {
    /// Reads one; its body has a length.
    fn read(stream: &mut TcpStream) -> Option<Self> {
        let mut from = BufReader::new(stream);
        let mut line = String::new();
        from.read_line(&mut line).ok().filter(|n| *n > 0)?;
        let method = line.split(' ').next().unwrap_or_default().to_owned();
        let mut headers = Vec::new();
        loop {
            line.clear();
            from.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut webhook = Self { method, headers, body: Vec::new() };
        webhook.body = vec![0; webhook.header("content-length").parse().unwrap_or_default()];
        from.read_exact(&mut webhook.body).ok()?;
        Some(webhook)
    }

    fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
    }

    /// The signature that it has, and the one that it should have.
    fn signatures(&self) -> (&str, String) {
        (self.header("x-webhook-signature"), hmac(SECRET.as_bytes(), &self.message(&self.body)))
    }

    /// What is signed where the body is this.
    fn message(&self, body: &[u8]) -> Vec<u8> {
        [self.header("x-webhook-timestamp").as_bytes(), b".", body].concat()
    }

    fn is_signed_as(&self, key: &[u8], body: &[u8]) -> bool {
        self.header("x-webhook-signature") == hmac(key, &self.message(body))
    }

    fn is_signed(&self) -> bool {
        let (given, right) = self.signatures();
        given == right
    }
}

fn hmac(key: &[u8], message: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(message);
    hex::encode(mac.finalize().into_bytes())
}

/// A receiver that answers each request with a status.
fn receiver(answer: impl Fn(&Webhook) -> u16 + Send + 'static) -> String {
    talker(move |webhook| (answer(webhook), String::new(), String::new()))
}

/// One that answers each request, one after the other, with a status, further header lines and a body.
fn talker(answer: impl Fn(&Webhook) -> (u16, String, String) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hooks", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            // Whether it is there is asked with a connection alone.
            let Some(webhook) = Webhook::read(&mut stream) else { continue };
            let (status, lines, body) = answer(&webhook);
            let length = body.len();
            let _ = write!(
                stream,
                "HTTP/1.1 {status} S\r\n{lines}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
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
    let right = receiver(|webhook| if webhook.is_signed() { 200 } else { 401 });
    assert_eq!(case(&right, "partly-right-signature", &[]).1, "pass");
}

#[test]
fn a_receiver_that_takes_what_was_not_signed_as_it_came_fails() {
    type Takes = fn(&Webhook) -> bool;
    let wrong: [(&str, &str, Takes); 5] = [
        ("guessable-key", "`None`", |webhook| webhook.is_signed_as(b"None", &webhook.body)),
        ("guessable-key", "`changeme`", |webhook| webhook.is_signed_as(b"changeme", &webhook.body)),
        ("respelt-body", "a newline added", |webhook| {
            webhook.is_signed_as(SECRET.as_bytes(), webhook.body.trim_ascii())
        }),
        ("respelt-body", "blanks added", |webhook| {
            let without = webhook.body.iter().copied().filter(|b| !b.is_ascii_whitespace());
            webhook.is_signed_as(SECRET.as_bytes(), &without.collect::<Vec<_>>())
        }),
        ("respelt-signature", "after another one and a comma", |webhook| {
            let (given, right) = webhook.signatures();
            given.split(',').any(|one| one == right)
        }),
    ];
    for (id, label, takes) in wrong {
        let url = receiver(move |webhook| if webhook.is_signed() || takes(webhook) { 200 } else { 401 });
        let (code, verdict, text) = case(&url, id, &[]);
        assert_eq!((code, verdict.as_str()), (Some(1), "fail"), "{id}: {text}");
        assert!(text.contains(&format!("{label}: accepted (200)")), "{id}: {text}");
    }
    // The first timestamp is the one that is looked at, and the last one the one that is signed.
    let fresh = |webhook: &Webhook| {
        let first = webhook.headers.iter().find(|(name, _)| name == "x-webhook-timestamp");
        let sent: i64 = first.and_then(|(_, ms)| ms.parse().ok()).unwrap_or_default();
        (chrono::Utc::now().timestamp_millis() - sent).abs() < 30_000
    };
    let last_signed = |webhook: &Webhook| {
        let last = webhook.headers.iter().rev().find(|(name, _)| name == "x-webhook-timestamp");
        let message = [last.map_or("", |(_, ms)| ms).as_bytes(), b".", &webhook.body].concat();
        webhook.header("x-webhook-signature") == hmac(SECRET.as_bytes(), &message)
    };
    let url = receiver(move |webhook| if fresh(webhook) && last_signed(webhook) { 200 } else { 401 });
    let (code, verdict, text) = case(&url, "timestamp-twice", &[]);
    assert_eq!(
        (code, verdict.as_str(), text.as_str()),
        (Some(1), "fail", "the fresh one first: accepted (200)")
    );
    let right = receiver(move |webhook| if fresh(webhook) && webhook.is_signed() { 200 } else { 401 });
    for id in ["guessable-key", "respelt-body", "respelt-signature", "timestamp-twice"] {
        assert_eq!(case(&right, id, &[]).1, "pass", "{id}");
    }
}

/// What is signed, or says that it need not be, and is not as it is expected.
#[test]
fn a_receiver_that_falls_over_what_it_does_not_expect_fails() {
    let has = |webhook: &Webhook, text: &str| String::from_utf8_lossy(&webhook.body).contains(text);
    type Falls = Box<dyn Fn(&Webhook) -> bool + Send>;
    let falls: [(&str, &str, Falls); 4] = [
        ("body-odd-text", "a NUL", Box::new(move |webhook| has(webhook, "\\u0000"))),
        ("body-odd-text", "half of a surrogate pair", Box::new(move |webhook| has(webhook, "\\ud800"))),
        ("body-long", "70 KiB", Box::new(|webhook| webhook.body.len() > 65535)),
        (
            "header-missing",
            "no X-Webhook-Event",
            Box::new(|webhook| webhook.header("x-webhook-event").is_empty()),
        ),
    ];
    for (id, label, falls) in falls {
        let url = receiver(move |webhook| match webhook.is_signed() {
            false => 401,
            true if falls(webhook) => 500,
            true => 204,
        });
        let (code, verdict, text) = case(&url, id, &[]);
        assert_eq!((code, verdict.as_str()), (Some(1), "fail"), "{id}: {text}");
        assert!(text.contains(&format!("{label}: 500")), "{id}: {text}");
    }
    // Content may be refused, and so may what is too long.
    let right = receiver(|webhook| match webhook.is_signed() {
        false => 401,
        true if webhook.body.len() > 65535 => 413,
        true if webhook.header("x-webhook-event").is_empty() => 422,
        true => 204,
    });
    for id in ["body-odd-text", "body-long", "header-missing"] {
        assert_eq!(case(&right, id, &[]).1, "pass", "{id}");
    }
}

#[test]
fn a_receiver_that_lets_the_request_say_that_it_need_not_be_signed_fails() {
    let from_here = |webhook: &Webhook| webhook.header("x-forwarded-for") == "127.0.0.1";
    let url = receiver(move |webhook| if webhook.is_signed() || from_here(webhook) { 200 } else { 401 });
    let (code, verdict, text) = case(&url, "trusted-origin", &[]);
    assert_eq!((code, verdict.as_str()), (Some(1), "fail"), "{text}");
    assert!(text.contains("from 127.0.0.1, not signed: accepted (200)"), "{text}");
    let github = &["--sender", "github"];
    let given = |webhook: &Webhook| webhook.header("x-hub-signature-256").to_owned();
    let right = |webhook: &Webhook| format!("sha256={}", hmac(SECRET.as_bytes(), &webhook.body));
    let none = receiver(move |webhook| {
        if given(webhook) == right(webhook) || given(webhook).starts_with("none=") { 200 } else { 401 }
    });
    let (code, verdict, text) = case(&none, "no-algorithm", github);
    assert_eq!((code, verdict.as_str()), (Some(1), "fail"), "{text}");
    assert!(text.contains("`none=`: accepted (200)"), "{text}");
    let right = receiver(move |webhook| if given(webhook) == right(webhook) { 200 } else { 401 });
    for id in ["trusted-origin", "no-algorithm"] {
        assert_eq!(case(&right, id, github).1, "pass", "{id}");
    }
}

/// How many webhooks a receiver has processed, in a file that an observer prints.
struct Counter {
    n: AtomicI64,
    file: PathBuf,
}

impl Counter {
    fn new(dir: &Path) -> (Arc<Self>, String) {
        let file = dir.join("n");
        std::fs::write(&file, "0").unwrap();
        let observer = format!("cat {}", file.display());
        (Arc::new(Self { n: AtomicI64::new(0), file }), observer)
    }

    fn add(&self, more: i64) {
        let n = self.n.fetch_add(more, Ordering::SeqCst) + more;
        // Moved into place, so that nobody reads half of it.
        let new = self.file.with_extension("new");
        std::fs::write(&new, n.to_string()).unwrap();
        std::fs::rename(&new, &self.file).unwrap();
    }
}

/// A receiver that processes before it verifies, and a command that says how many webhooks that were.
fn processes_first(dir: &Path) -> (String, String) {
    let (counter, observer) = Counter::new(dir);
    let url = receiver(move |webhook| {
        counter.add(1);
        if webhook.is_signed() { 200 } else { 401 }
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

/// A receiver that verifies POST alone and does what any PUT says, and a page for GET, which does nothing.
#[test]
fn another_method_is_no_way_around_the_signature() {
    let dir = tempfile::tempdir().unwrap();
    let (counter, observer) = Counter::new(dir.path());
    let url = receiver(move |webhook| match webhook.method.as_str() {
        "GET" | "OPTIONS" => 200,
        "PATCH" => 405,
        "POST" if !webhook.is_signed() => 401,
        _ => {
            counter.add(1);
            200
        }
    });
    let (code, verdict, text) = case(&url, "method-put", &[]);
    assert_eq!((code, verdict.as_str(), text.as_str()), (Some(1), "fail", "PUT: accepted (200)"));
    assert_eq!(case(&url, "method-options", &[]).1, "pass");
    let (_, verdict, text) = case(&url, "method-get", &[]);
    assert_eq!(verdict, "not_exercised", "{text}");
    let (_, verdict, text) = case(&url, "method-get", &["--observe", &observer]);
    assert_eq!((verdict.as_str(), text.as_str()), ("pass", "200; not processed"));
}

#[test]
fn a_receiver_that_processes_each_webhook_twice_fails() {
    let dir = tempfile::tempdir().unwrap();
    let (counter, observer) = Counter::new(dir.path());
    let known = AtomicBool::new(false);
    let url = receiver(move |webhook| {
        // The valid webhook and each first delivery; the second one is known.
        let again =
            webhook.body.windows(5).any(|part| part == b"twice") && known.swap(true, Ordering::SeqCst);
        counter.add(if again { 0 } else { 2 });
        200
    });
    let (code, verdict, text) = case(&url, "same-delivery-twice", &["--observe", &observer]);
    assert_eq!((code, verdict.as_str()), (Some(1), "fail"), "{text}");
    assert!(text.contains("processed 2 times (the valid webhook, sent once, 2 times)"), "{text}");
}

/// One worker for all of them, half a second each, and no memory of ids.
#[test]
fn a_second_effect_that_comes_as_late_as_the_first_is_seen() {
    let dir = tempfile::tempdir().unwrap();
    let (counter, observer) = Counter::new(dir.path());
    let (jobs, work) = mpsc::channel::<()>();
    std::thread::spawn(move || {
        for () in work {
            std::thread::sleep(Duration::from_millis(600));
            counter.add(1);
        }
    });
    let url = receiver(move |_| {
        jobs.send(()).unwrap();
        200
    });
    let (code, verdict, text) = case(&url, "same-delivery-twice", &["--observe", &observer]);
    assert_eq!((code, verdict.as_str()), (Some(1), "fail"), "{text}");
    assert_eq!(text, "same response (200); processed 2 times");
    let (_, verdict, text) = case(&url, "same-delivery-at-once", &["--observe", &observer]);
    assert_eq!((verdict.as_str(), text.as_str()), ("fail", "same response (200); processed 5 times"));
}

#[test]
fn a_receiver_that_repeats_the_headers_it_got_gives_nothing_away() {
    let echo = |webhook: &Webhook| format!("not valid: {:?}", webhook.headers);
    let url = talker(move |webhook| match webhook.is_signed() {
        true => (200, String::new(), String::new()),
        false => (401, String::new(), echo(webhook)),
    });
    let whole = ["--only", "baseline,forgery,behaviour"];
    let of = |url: &str| {
        let ran = Smoke::new("probe").arg(url).args(&["--secret-file", "secret"]).args(&whole);
        let artifact = ran.file("secret", SECRET).run().artifact("probe");
        let cases = artifact["cases"].as_array().unwrap().clone();
        cases.into_iter().find(|c| c["id"] == "no-secret-in-answer").unwrap()
    };
    assert_eq!(of(&url)["verdict"], "pass", "{}", of(&url)["text"]);
    let url = talker(move |webhook| match webhook.is_signed() {
        true => (200, String::new(), String::new()),
        false => (401, String::new(), format!("expected {}", webhook.signatures().1.to_uppercase())),
    });
    assert_eq!(of(&url)["verdict"], "fail");
}

#[test]
fn a_receiver_that_says_with_a_date_when_to_come_back_is_waited_for() {
    let limited = AtomicBool::new(false);
    let url = talker(move |webhook| {
        let unknown = webhook.body.windows(13).any(|part| part == b"unknown-event");
        if !unknown || limited.swap(true, Ordering::SeqCst) {
            return (200, String::new(), String::new());
        }
        // By its own clock, which is an hour off.
        let date =
            |s: i64| (chrono::Utc::now() + chrono::Duration::seconds(s)).format("%a, %d %b %Y %H:%M:%S GMT");
        (429, format!("Date: {}\r\nRetry-After: {}\r\n", date(3600), date(3602)), String::new())
    });
    assert_eq!(case(&url, "unknown-event", &[]), (Some(0), "pass".to_owned(), "200".to_owned()));
}

#[test]
fn a_receiver_that_takes_one_request_after_the_other_fails() {
    let (code, verdict, text) = case(&receiver(|_| 200), "slow-beside-fast", &[]);
    assert_eq!((code, verdict.as_str()), (Some(1), "fail"), "{text}");
    assert!(text.starts_with("a fast request waited for the slow one: 200 after "), "{text}");
}
