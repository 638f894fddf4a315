//! `smoke load webhooks --sender`: what an answer means is what the sender promises, in the load and at the gate.

use crate::harness::{Ran, Smoke};
use crate::load::{Manners, Request, SECRET, counters, receiver};
use std::collections::BTreeMap;
use std::io::Write;
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

/// A profile of somebody else's sender, but for how it retries.
fn profile(retry: &str) -> String {
    format!(
        "name: mine\nsignature:\n  algorithm: hmac-sha256\n  message: \"{{timestamp}}.{{body}}\"\n  header: X-Webhook-Signature\n  \
         timestamp: {{ header: X-Webhook-Timestamp, unit: ms, back_seconds: 300, ahead_seconds: 30 }}\n\
         event: {{ header: X-Webhook-Event }}\nid: {{ header: X-Webhook-Id }}\nlimits: {{ timeout: 10s }}\nretry: {retry}\n"
    )
}

fn load(retry: &str, manners: Manners, args: &[&str]) -> (Ran, Arc<Mutex<Vec<Request>>>) {
    let (url, seen) = receiver(manners);
    let ran = Smoke::new("load")
        .args(&["webhooks", "--to", &url, "--rate", "20/s", "--duration", "500ms", "--secret-file", "s"])
        .args(&["--sender", "./mine.yaml"])
        .args(args)
        .file("s", SECRET)
        .file("mine.yaml", &profile(retry))
        .run();
    (ran, seen)
}

fn gate(ran: &Ran) -> Ran {
    let artifact = ran.file("staging_load_output.json").display().to_string();
    Smoke::new("gate").args(&[&artifact, "--environment", "loopback", "--trust", "runner"]).run()
}

fn says(stream: &mut TcpStream, status: u16) -> bool {
    write!(stream, "HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n").is_ok()
}

fn accepted(_: u64, _: &Request, stream: &mut TcpStream) -> bool {
    says(stream, 202)
}

fn partial(_: u64, _: &Request, stream: &mut TcpStream) -> bool {
    says(stream, 206)
}

fn busy_once(number: u64, _: &Request, stream: &mut TcpStream) -> bool {
    says(stream, if number == 3 { 503 } else { 200 })
}

#[test]
fn a_status_is_a_success_where_the_sender_takes_it_for_one() {
    for (retry, manners, ok, verdict) in [
        ("{ schedule: [0s, 1s], success: [200] }", accepted as Manners, 0, "fail"),
        ("{ schedule: [0s, 1s] }", partial, 10, "pass"),
    ] {
        let ran = load(retry, manners, &[]).0;
        assert_eq!((&counters(&ran)["ok"], &counters(&ran)["done"]), (&ok.into(), &10.into()), "{retry}");
        assert_eq!(ran.gate("load", "success_rate"), verdict, "{retry}");
        let judged = gate(&ran);
        assert!(!judged.stdout.contains("contradiction"), "{}", judged.stdout);
        assert_eq!(judged.code == Some(1), verdict == "fail", "{}", judged.stdout);
    }
}

/// A profile that came with the run may be as strict as it likes.
#[test]
fn an_error_that_a_profile_takes_for_a_success_proves_nothing() {
    let error: Manners = |_, _, stream| says(stream, 302);
    let ran = load("{ schedule: [0s, 1s], success: [200-399] }", error, &[]).0;
    let judged = gate(&ran).exits(3);
    assert!(judged.stdout.contains("300 counts as delivered by the profile mine"), "{}", judged.stdout);
}

#[test]
fn a_status_that_aborts_is_not_tried_again() {
    let ran = load("{ schedule: [0s, 1s], abort: [400-499, 503] }", busy_once, &["--retry"]).0;
    assert_eq!((&counters(&ran)["ok"], &counters(&ran)["attempts"]), (&9.into(), &10.into()));
    let ran = load("{ schedule: [0s, 1s] }", busy_once, &["--retry"]).0;
    assert_eq!((&counters(&ran)["ok"], &counters(&ran)["attempts"]), (&10.into(), &11.into()));
}

#[test]
fn a_retry_has_a_timestamp_of_its_own_where_the_sender_makes_one() {
    for (identity, times) in [("same", 1), ("timestamp_per_attempt", 2)] {
        let retry = format!("{{ schedule: [0s, 1s], identity: {identity} }}");
        let seen = load(&retry, busy_once, &["--retry"]).1;
        let mut by_id: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for request in seen.lock().unwrap().iter() {
            let header = |name: &str| request.headers.iter().find(|(n, _)| n == name).unwrap().1.clone();
            by_id.entry(header("X-Webhook-Id")).or_default().push(header("X-Webhook-Timestamp"));
        }
        let mut retried = by_id.into_values().find(|times| times.len() == 2).unwrap();
        retried.dedup();
        assert_eq!(retried.len(), times, "{identity}");
    }
}

#[test]
fn retries_that_may_go_on_for_hours_are_told_before() {
    let fine: Manners = crate::load::fine;
    let told = |retry| load(retry, fine, &["--retry"]).0.stderr.contains("is in flight for up to 2 h 1 min");
    assert!(told("{ schedule: [0s, 1h, 1h] }"));
    assert!(!told("{ schedule: [0s, 1s, 4s] }"));
}
