//! The cause in words: why a webhook is missing, on the terminal, in the artifact, on the page, in the memo and in JUnit.

use super::harness::{Ran, Smoke};
use super::origin::{Answer, Origin, Seen};
use super::receiver::{SECRET, Webhook, read_all};
use super::reserved::Reserved;
use serde_json::Value;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

const REPORTS: [&str; 3] = ["report.html", "memo.md", "junit.xml"];

/// Posts a signed webhook to an inbox.
fn post(to: SocketAddr, body: &[u8]) {
    send(to, &Webhook::with_body(body).bytes("close"));
}

fn send(to: SocketAddr, bytes: &[u8]) {
    let mut stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.write_all(bytes).unwrap();
    read_all(&mut stream);
}

/// Drives one flow whose step asks for a webhook about 42; `fire` is what staging does in that step.
fn drive(fire: impl Fn(SocketAddr) + Send + Sync + 'static) -> Ran {
    let inbox = Reserved::new();
    let address = inbox.address;
    let origin = Origin::start(move |request: &Seen, _| {
        if request.path() == "/fire" {
            fire(address);
        }
        Answer::json("200 OK", "{}")
    });
    let scenario = "name: t\nsubject: { kind: payment, id: \"7\" }\nflows: 1\nsettle: 10ms\nsteps:\n  - name: look\n    \
                    request: { method: GET, path: /look }\n  - name: verify\n    request: { method: POST, path: /fire, json: {} }\n    \
                    webhooks: [{ event: payment_verified, match: { /data/tournament_id: 42 }, within: 1s }]\n";
    let gates = "retry_contract: { backoff_ms: [0, 300, 600] }\n";
    let smoke = Smoke::new("run").file("s.yaml", scenario).file("gates.yaml", gates);
    let smoke = smoke.args(&["s.yaml", "--staging", &origin.url, "--listen", &address.to_string()]);
    let smoke = smoke.args(&["--settle", "10ms", "--gates", "gates.yaml", "--report", "html,junit,markdown"]);
    smoke.env("WEBHOOK_SECRET", SECRET).run().exits(1)
}

/// What the terminal shows, without its line ends.
fn shown(ran: &Ran) -> String {
    ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The sentence stands everywhere in which a reader may look for it.
fn is_told_everywhere(ran: &Ran, sentence: &str) {
    assert!(shown(ran).contains(sentence), "`{sentence}` is not in\n{}", ran.stdout);
    let artifact = ran.artifact("t").to_string();
    let in_json = serde_json::to_string(sentence).unwrap();
    assert!(artifact.contains(in_json.trim_matches('"')), "`{sentence}` is not in {artifact}");
    let in_markup = sentence.replace('"', "&quot;");
    for report in REPORTS {
        let text = std::fs::read_to_string(ran.file(&format!("staging_t_{report}"))).unwrap();
        assert!(
            text.contains(sentence) || text.contains(&in_markup),
            "`{sentence}` is not in {report}: {text}"
        );
    }
}

#[test]
fn a_webhook_that_is_spelled_otherwise_is_lost_and_it_is_said_why() {
    let plain = r#"{"event":"payment_verified","data":{"tournament_id":42}}"#;
    for (body, says) in [
        (plain.replace("42", "\"42\""), "its /data/tournament_id is \"42\" (text), expected 42 (number)"),
        (format!("\u{feff}{plain}"), "its body is not JSON: it starts with a byte order mark"),
        (format!("{plain}\0"), "its body is not JSON: a NUL byte follows it"),
        (plain.replace("42", "42,\"n\":NaN"), "its body is not JSON: NaN (byte 59) is not a JSON number"),
        (
            plain.replace("42", "42,\"n\":\"a\u{1}\""),
            "its body is not JSON: a string contains a raw control character (U+0001)",
        ),
        (plain.replace("verified", "approved"), "its event is payment_approved, expected payment_verified"),
    ] {
        let ran = drive(move |inbox| post(inbox, body.as_bytes()));
        assert_eq!(
            (ran.gate("t", "lost"), ran.gate("t", "unexpected")),
            ("fail".to_owned(), "fail".to_owned())
        );
        is_told_everywhere(&ran, says);
        is_told_everywhere(&ran, "1 webhook arrived that differs only slightly from a missing one");
        assert!(
            !shown(&ran).contains("tried nothing") && !shown(&ran).contains("does not send it"),
            "{}",
            ran.stdout
        );
        assert!(
            shown(&ran).contains("never arrived, due by")
                && shown(&ran).contains("; a webhook with event payment_"),
            "{}",
            ran.stdout
        );
        assert!(shown(&ran).contains("almost matches flow 0, step verify"), "{}", ran.stdout);
        let case = ran.artifact("t")["cases"]["lost"]["first"][0].clone();
        assert_eq!((&case["subject"], &case["step"]), (&"7".into(), &"verify".into()));
    }
}

#[test]
fn an_answer_of_the_api_is_read_by_the_same_reader() {
    for (body, says) in [
        ("\u{feff}{\"ok\":true}", "it starts with a byte order mark"),
        ("{\"ok\":true}\0", "a NUL byte follows it"),
        ("{\"ok\":true,\"n\":NaN}", "NaN (byte 15) is not a JSON number"),
    ] {
        let origin = Origin::start(move |_: &Seen, _| Answer::json("200 OK", body));
        let step = "name: t\nsubject: { kind: flow, id: \"1\" }\nflows: 1\nsteps:\n  - name: a\n    request: { method: GET, path: /a }\n    \
                    expect: { json: { /ok: true } }\n";
        let smoke = Smoke::new("run").file("s.yaml", step).env("WEBHOOK_SECRET", SECRET);
        smoke
            .args(&["s.yaml", "--staging", &origin.url, "--listen", "127.0.0.1:0"])
            .run()
            .exits(1)
            .says(says);
    }
}

#[test]
fn requests_to_another_path_are_told_with_the_endpoint_to_set() {
    let ran = drive(|inbox| {
        send(
            inbox,
            b"POST /webhook/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}",
        );
    });
    is_told_everywhere(
        &ran,
        "1 request arrived at another path or with another method, first 404: \"POST /webhook/\"",
    );
    let shown = shown(&ran);
    assert!(shown.contains("set its endpoint to http://127.0.0.1:"), "{shown}");
    // What contradicts it is not told as if it were as likely.
    assert!(shown.contains("cause: or, if those requests were not from the sender: "), "{shown}");
    assert!(!shown.contains("cause: 1 step took"), "{shown}");
}

#[test]
fn a_step_as_long_as_a_retry_schedule_points_to_another_address() {
    // What the pauses of the schedule take, and a little more.
    let ran = drive(|_| std::thread::park_timeout(Duration::from_millis(950)));
    is_told_everywhere(
        &ran,
        "as long as a whole retry schedule (0.9 s of pauses): the sender tried, but not here",
    );
    assert!(!shown(&ran).contains("switched off"), "{}", ran.stdout);
}

#[test]
fn a_step_as_short_as_one_without_a_webhook_points_to_a_switch() {
    let ran = drive(|_| ());
    is_told_everywhere(
        &ran,
        "the sender made no attempt in it: webhooks are switched off, no endpoint is set (set http://127.0.0.1:",
    );
    is_told_everywhere(
        &ran,
        "payment_verified never arrived from its only step that returned 200: the sender does not send it",
    );
}

#[test]
fn an_event_that_never_comes_while_others_do_is_not_sent() {
    let matches = include_str!("../../scenarios/matches.yaml");
    let started = matches.lines().find(|line| line.contains("event: match_started")).expect("a webhook");
    let both = format!("{started}\n{}", started.replace("match_started", "match_begun"));
    let text = matches.replacen(started, &both, 1);
    let ran =
        Smoke::new("run").file("mine.yaml", &text).args(&["mine.yaml", "--within", "500ms"]).run().exits(1);
    let says =
        "match_begun never arrived from any of 5 steps that all returned 200: the sender does not send it; ";
    let artifact = ran.artifact("matches");
    let causes = artifact["cases"]["lost"]["causes"].as_array().expect("causes").clone();
    assert!(causes.iter().filter_map(Value::as_str).any(|cause| cause.starts_with(says)), "{causes:?}");
}

/// A redirect that was followed is told with its address and with what came there, which is no webhook and has no signature.
#[test]
fn what_follows_a_redirect_is_told_and_is_no_webhook() {
    let follow = |fault: &str| {
        let args = ["--quiet", "--flows", "2", "--inject", fault, "--misbehave", "follow-redirects"];
        let ran = Smoke::new("payments").args(&args).run().exits(1);
        let artifact = ran.artifact("payments");
        let checks = artifact["acceptance_gates"]["checks"].as_array().unwrap().clone();
        let check = checks.into_iter().find(|c| c["id"] == "redirects").unwrap();
        (
            check["text"].as_str().unwrap().to_owned(),
            artifact["hmac_signature_validation"]["diagnoses"].clone(),
        )
    };
    let (text, diagnoses) = follow("302@1");
    let says = "delivery 1: followed a redirect (the 302, Location /webhooks/inbound/elsewhere/";
    assert!(
        text.starts_with(says) && text.contains("a GET arrived there, without a body: no longer a webhook"),
        "{text}"
    );
    assert_eq!(diagnoses, serde_json::json!([]));
    let (text, _) = follow("307@1");
    assert!(text.contains("a POST arrived there, with the body"), "{text}");
}

/// Two processes behind one address: requests go to both, so that what one breaker holds back the other lets through. Each
/// delivery takes its pause of 100 ms, so that what follows the opening is told from what was already under way.
#[test]
fn a_breaker_of_each_process_is_seen_through() {
    let gates = "retry_contract:\n  backoff_ms: [0, 100]\n  breaker: { failures: 5, window_ms: 60000, open_ms: 60000 }\n";
    let run = |more: &[&str]| {
        let smoke = Smoke::new("payments").file("gates.yaml", gates).args(&[
            "--quiet",
            "--gates",
            "gates.yaml",
            "--within",
            "300ms",
        ]);
        let smoke = smoke.args(&["--flows", "24", "--concurrency", "1", "--no-pause", "--inject", "503x*"]);
        let ran = smoke.args(more).run();
        let artifact = ran.artifact("payments");
        let checks = artifact["acceptance_gates"]["checks"].as_array().unwrap().clone();
        checks.into_iter().find(|c| c["id"] == "circuit_breaker").unwrap()
    };
    let apart = run(&["--misbehave", "breaker-per-process"]);
    let text = apart["text"].as_str().unwrap();
    assert_eq!(apart["verdict"], "fail", "{text}");
    assert!(text.starts_with("opened after 5 here but not there: the breaker is per process"), "{text}");
    assert_eq!(run(&[])["verdict"], "pass");
}
