//! `smoke probe`: bad targets, bad observers, what is kept, what is printed, and the gate.

use crate::harness::{Ran, Smoke};
use crate::tampering::{forged, records_of, smoke};
use serde_json::Value;
use signature::{Scheme, Secret};
use stand_in::{Flaw, Receiver};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

const SECRET: &str = "9f4c1e77b3a2d0586e1f90c4d7b8a3526c0e9d1f4b7a8352d6c1e0f94b7a8d35";
const OTHER: &str = "0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9";

/// A receiver in this process.
fn receiver(scheme: Scheme, flaw: Option<Flaw>) -> (Runtime, Receiver) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let receiver = runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        Receiver::start(listener, scheme, &Secret::new(SECRET), flaw).unwrap()
    });
    (runtime, receiver)
}

fn probe(url: &str) -> Smoke {
    Smoke::new("probe").arg(url).args(&["--secret-file", "secret"]).file("secret", SECRET)
}

fn case(artifact: &Value, id: &str) -> (String, String) {
    let case = artifact["cases"]
        .as_array()
        .unwrap()
        .iter()
        .find(|c| c["id"] == id)
        .unwrap_or_else(|| panic!("{id}"));
    let text = |key: &str| case[key].as_str().unwrap().to_owned();
    (text("verdict"), text("text"))
}

/// Answers each connection with `answer` and closes it.
fn talker(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hooks", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = [0; 4096];
            let _ = stream.read(&mut head);
            let _ = stream.write_all(answer);
        }
    });
    url
}

/// All else is unproven when a valid webhook is not taken.
fn proves_nothing(ran: &Ran, why: &str) {
    let artifact = ran.artifact("probe");
    let cases = artifact["cases"].as_array().unwrap();
    assert!(
        cases.len() > 50 && cases.iter().all(|c| c["verdict"] != "pass" && c["verdict"] != "fail"),
        "{artifact}"
    );
    let (verdict, text) = case(&artifact, "valid");
    assert_eq!(verdict, "unproven");
    assert!(text.contains(why), "{text}");
    assert_eq!(artifact["grades"]["overall"]["grade"], Value::Null);
}

#[test]
fn a_target_that_is_not_there_is_the_environment() {
    // Bound, so that nobody else gets the port, and not listening.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let address = socket.local_addr().unwrap();
    probe(&format!("http://{address}/x")).run().exits(4).says("cannot be reached").says("refused");
    let plain = talker(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    probe(&plain.replace("http:", "https:")).run().exits(4).says("TLS");
}

#[test]
fn nothing_is_sent_to_a_target_that_is_not_spelled_out_or_looks_like_production() {
    Smoke::new("probe").run().exits(2).says("give the URL of a receiver, or --receiver");
    probe("http://prod.example.com/webhooks").run().exits(2).says("--i-own-this-target");
    probe("ftp://127.0.0.1/").run().exits(2).says("http");
    probe("http://127.0.0.1:1/").args(&["--receiver"]).run().exits(2).says("cannot be used with");
    probe("http://127.0.0.1:1/").args(&["--sender", "nobody"]).run().exits(2).says("no sender `nobody`");
    probe("http://127.0.0.1:1/").args(&["--only", "some"]).run().exits(2).says("known: baseline, forgery");
    probe("http://127.0.0.1:1/").args(&["--case", "none"]).run().exits(2).says("known: valid, ");
    let ran = Smoke::new("probe").args(&["--receiver", "list-not-parsed", "--sender", "github"]).run();
    ran.exits(2).says("give --sender standard-webhooks or stripe");
    probe("http://127.0.0.1:1/")
        .args(&["--body", "list"])
        .file("list", "[1]")
        .run()
        .exits(2)
        .says("JSON object");
}

#[test]
fn a_target_that_hangs_resets_or_speaks_something_else_is_named_and_never_passes() {
    let hanging = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hooks", hanging.local_addr().unwrap());
    let ran = probe(&url).args(&["--budget", "2s"]).run().exits(3);
    proves_nothing(&ran, "hangs: no complete response within 1 s");
    let ran = probe(&talker(b"SSH-2.0-OpenSSH_9.2p1\r\n")).run().exits(3);
    proves_nothing(&ran, "does not speak HTTP/1.1");
    let ran = probe(&talker(b"")).run().exits(3);
    proves_nothing(&ran, "closed the connection without a response");
    let ran = probe(&talker(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"))
        .run()
        .exits(3);
    proves_nothing(&ran, "nothing accepts webhooks at this path");
}

#[test]
fn a_wrong_secret_and_a_wrong_sender_are_diagnosed() {
    let (_runtime, deltacrown) = receiver(Scheme::DeltacrownV2, None);
    let ran = Smoke::new("probe")
        .arg(deltacrown.url())
        .args(&["--secret-file", "s"])
        .file("s", OTHER)
        .run()
        .exits(3);
    proves_nothing(&ran, "wrong secret");
    let ran = probe(&deltacrown.url()).args(&["--sender", "stripe"]).run().exits(3);
    proves_nothing(&ran, "give --sender deltacrown-5.6");
}

#[test]
fn without_an_observer_effects_are_unproven_and_said_so() {
    let (_runtime, right) = receiver(Scheme::DeltacrownV2, None);
    let ran = probe(&right.url()).args(&["--only", "behaviour"]).run().exits(0);
    let artifact = ran.artifact("probe");
    let (verdict, text) = case(&artifact, "same-delivery-twice");
    assert_eq!(verdict, "not_exercised");
    assert!(text.starts_with("same response (200); effect unproven"), "{text}");
    assert!(ran.stdout.contains("effects are unproven"), "{}", ran.stdout);
}

#[test]
fn an_observer_counts_and_one_that_fails_or_goes_back_is_named() {
    let (_runtime, right) = receiver(Scheme::DeltacrownV2, None);
    let behaviour = |observe: &str| {
        let ran = probe(&right.url()).args(&[
            "--case",
            "same-delivery-twice",
            "--format",
            "json",
            "--observe",
            observe,
        ]);
        let ran = ran.run();
        let artifact: Value = serde_json::from_str(&ran.stdout).unwrap();
        (ran.code, case(&artifact, "same-delivery-twice"))
    };
    let (code, (verdict, text)) = behaviour(&right.processed_url());
    assert_eq!((code, verdict.as_str()), (Some(0), "pass"), "{text}");
    assert!(text.contains("processed exactly once"), "{text}");
    let (code, (_, text)) = behaviour("exit 3");
    assert_eq!(code, Some(3), "{text}");
    assert!(text.contains("the observer failed: it ended with exit code 3"), "{text}");
    let back = "test -f n || echo 1000 > n; n=$(cat n); echo $n; echo $((n - 1)) > n";
    let (code, (_, text)) = behaviour(back);
    assert_eq!(code, Some(3), "{text}");
    assert!(text.contains("not monotonic"), "{text}");
}

#[test]
fn what_was_sent_is_kept_marked_and_free_of_the_secret() {
    let (_runtime, leaking) = receiver(Scheme::DeltacrownV2, Some(Flaw::LeaksSecret));
    let ran =
        probe(&leaking.url()).args(&["--report", "html,junit", "--only", "forgery,behaviour"]).run().exits(1);
    let mut all = format!("{}{}", ran.stdout, ran.stderr);
    for end in ["output.json", "journal.jsonl", "report.html", "junit.xml"] {
        all.push_str(&std::fs::read_to_string(ran.file(&format!("staging_probe_{end}"))).unwrap());
    }
    assert!(
        !all.contains(SECRET) && all.contains("[redacted]"),
        "the secret that the receiver tells stays out"
    );
    let (verdict, text) = case(&ran.artifact("probe"), "no-secret-in-answer");
    assert_eq!(verdict, "fail");
    assert!(text.contains("holds the secret"), "{text}");
    let canary = ran.artifact("probe")["test_run"]["canary"].as_str().unwrap().to_owned();
    let journal = std::fs::read_to_string(ran.file("staging_probe_journal.jsonl")).unwrap();
    let sent: Vec<&str> = journal.lines().filter(|line| line.contains("\"sent\":{")).collect();
    assert!(sent.len() > 30 && sent.iter().all(|line| line.contains(&canary)), "every request is marked");
    let junit = std::fs::read_to_string(ran.file("staging_probe_junit.xml")).unwrap();
    assert!(
        junit.contains("<testcase name=\"no-secret-in-answer\" classname=\"probe.behaviour\""),
        "{junit}"
    );
}

#[test]
fn a_case_is_sent_again_and_printed_as_a_command() {
    let (_runtime, right) = receiver(Scheme::DeltacrownV2, None);
    let ran = probe(&right.url()).args(&["--case", "empty-key", "--quiet"]).run().exits(0);
    let command =
        ran.stdout.lines().find(|line| line.starts_with("curl ")).unwrap_or_else(|| panic!("{}", ran.stdout));
    assert!(command.contains("-H 'X-Webhook-Signature: ") && command.contains("smoke-probe-"), "{command}");
    assert!(!ran.stdout.contains(SECRET) && !ran.file("staging_probe_output.json").exists());
    let ran = probe(&right.url()).args(&["--case", "no-server-error"]).run().exits(2);
    ran.says("no requests of its own");
}

#[test]
fn the_gate_takes_a_whole_probe_and_no_part_or_forgery_of_one() {
    let gate = |dir: &std::path::Path, more: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_smoke"))
            .args(["gate", "artifacts", "--environment", "embedded", "--require", "probe"])
            .args(more)
            .current_dir(dir)
            .env_remove("WEBHOOK_SECRET")
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let ran = Smoke::new("probe").args(&["--receiver", "--report", "html,junit"]).run().exits(0);
    let (code, said) = gate(ran.dir(), &[]);
    assert_eq!(code, Some(0), "{said}");
    let path = ran.file("staging_probe_output.json");
    let forged = std::fs::read_to_string(&path).unwrap().replacen("\"pass\"", "\"fail\"", 1);
    std::fs::write(&path, forged).unwrap();
    let (code, said) = gate(ran.dir(), &[]);
    assert_eq!(code, Some(1), "{said}");
    let part = Smoke::new("probe").args(&["--receiver", "--only", "forgery"]).run().exits(0);
    let (code, said) = gate(part.dir(), &[]);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("the others were left out"), "{said}");
    std::fs::remove_dir_all(part.file("")).unwrap();
    std::fs::create_dir(part.file("")).unwrap();
    assert_eq!(gate(part.dir(), &[]).0, Some(3), "none is there");
    let flawed =
        Smoke::new("probe").args(&["--receiver", "empty-key-accepted", "--only", "forgery"]).run().exits(1);
    assert_eq!(gate(flawed.dir(), &[]).0, Some(1));
    let again = Command::new(env!("CARGO_BIN_EXE_smoke"))
        .args(["report", "artifacts/staging_probe_journal.jsonl", "--quiet"])
        .current_dir(flawed.dir())
        .output()
        .unwrap();
    assert_eq!(again.stdout, std::fs::read(flawed.file("staging_probe_output.json")).unwrap());
}

/// A profile of one's own is a sender as well, and its probe counts where the approver has the profile, too.
#[test]
fn a_profile_of_a_file_is_probed_and_has_to_be_the_approvers() {
    let profile = "name: mine\nsignature:\n  algorithm: hmac-sha256\n  message: \"{timestamp}.{body}\"\n  header: X-Mine\n  prefix: sha256=\n  \
                   timestamp: { header: X-Mine-Time }\nevent: { header: X-Mine-Topic }\nid: { header: X-Mine-Id }\n";
    let scenario = "name: own\nsubject: { kind: look, id: one, status: seen }\nsender: ./mine.yaml\nsteps:\n  - { name: look, request: { method: GET, path: / }, expect: { status: 200 } }\n";
    let smoke = Smoke::new("probe").file("mine.yaml", profile).file("own.yaml", scenario);
    let ran = smoke.args(&["--receiver", "--sender", "./mine.yaml"]).run().exits(0);
    let gate = |more: &[&str]| {
        let args = ["gate", "artifacts", "--environment", "embedded", "--require", "probe"];
        let mut gate = Command::new(env!("CARGO_BIN_EXE_smoke"));
        let gate = gate.args(args).args(more).current_dir(ran.dir()).env_remove("WEBHOOK_SECRET");
        let output = gate.output().unwrap();
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stdout).split_whitespace().collect::<Vec<_>>().join(" "),
        )
    };
    let (code, said) = gate(&[]);
    assert_eq!(code, Some(3), "{said}");
    assert!(
        said.contains("the profile mine, by which the receiver was probed, came with the probe"),
        "{said}"
    );
    let (code, said) = gate(&["--scenario", "own.yaml"]);
    assert_eq!(code, Some(0), "{said}");
    let weaker = profile.replace("\"{timestamp}.{body}\"", "\"{body}\"");
    std::fs::write(ran.dir().join("mine.yaml"), weaker).unwrap();
    assert_eq!(gate(&["--scenario", "own.yaml"]).0, Some(3));
}

/// A grade is that of requests that were sent, each as its case has it.
#[test]
fn a_probe_whose_requests_are_not_those_of_its_cases_is_no_evidence() {
    let ran = Smoke::new("probe").args(&["--receiver"]).run().exits(0);
    let records = records_of(&ran.file("staging_probe_journal.jsonl"));
    let dir = tempfile::tempdir().unwrap();
    let judged = |change: &dyn Fn(&mut Vec<Value>)| {
        let mut all = records.clone();
        change(&mut all);
        let journal = dir.path().join("staging_probe_journal.jsonl");
        std::fs::write(&journal, forged(all.iter().map(Value::to_string).collect())).unwrap();
        let artifact = dir.path().join("staging_probe_output.json");
        let _ = std::fs::remove_file(&artifact);
        smoke(&["report"], &journal, &["--output", artifact.to_str().unwrap(), "--quiet"]);
        smoke(&["gate"], &artifact, &["--environment", "embedded"])
    };
    let of = |code: i32, says: &str, change: &dyn Fn(&mut Vec<Value>)| {
        let (is, text) = judged(change);
        assert_eq!((is, text.contains(says)), (code, true), "should say `{says}`:\n{text}");
    };
    let sent = |all: &mut Vec<Value>, case: &str| {
        all.iter().position(|record| record["probe"]["sent"]["case"] == case).unwrap()
    };
    let cases = records[1]["probe"]["begin"]["cases"].as_array().unwrap().len();
    of(0, &format!("All cases probed {cases} cases"), &|_| ());
    of(3, "not there: no-signature", &|all| {
        all[1]["probe"]["begin"]["cases"].as_array_mut().unwrap().retain(|case| case != "no-signature");
        all.retain(|record| record["probe"]["sent"]["case"] != "no-signature");
    });
    of(3, "is no request of it here", &|all| {
        let at = sent(all, "no-signature");
        all[at]["probe"]["sent"]["right"] = "handled".into();
    });
    of(1, "probe_request_differs", &|all| {
        let (valid, forged) = (sent(all, "valid"), sent(all, "no-signature"));
        all[forged]["probe"]["sent"]["request"] = all[valid]["probe"]["sent"]["request"].clone();
    });
    of(1, "ends_before_it_starts", &|all| {
        let at = sent(all, "no-signature");
        all[at]["probe"]["sent"]["ended"] = all[at]["probe"]["sent"]["started"].clone();
    });
    of(1, "times_out_of_order", &|all| all.last_mut().unwrap()["end"]["at"] = 1000.into());
}

#[test]
fn an_interrupt_ends_it_at_once() {
    // It never answers, so that the probe is under way for as long as its time-out.
    let hanging = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hooks", hanging.local_addr().unwrap());
    let (mut child, dir) = probe(&url).spawn();
    let (stream, _) = hanging.accept().unwrap();
    drop(stream);
    // The first connection shows that it is there, the second one is the first request.
    let (_open, _) = hanging.accept().unwrap();
    let began = Instant::now();
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(began.elapsed() < Duration::from_secs(8), "not the whole time-out of a request");
    let artifact = std::fs::read_to_string(dir.path().join("artifacts/staging_probe_output.json")).unwrap();
    let artifact: Value = serde_json::from_str(&artifact).unwrap();
    assert_eq!(artifact["acceptance_gates"]["verdict"], "unproven");
    assert_eq!(artifact["provenance"]["complete"], false);
}

#[test]
fn a_receiver_that_goes_away_proves_no_more() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hooks", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        // The first shows that it is there.
        let _ = listener.accept();
        for status in ["204 No Content", "401 Unauthorized", "401 Unauthorized"] {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    let ran = probe(&url).args(&["--only", "forgery"]).run().exits(3);
    let artifact = ran.artifact("probe");
    assert_eq!(case(&artifact, "valid").0, "pass");
    let (verdict, text) = case(&artifact, "timestamp-text");
    assert_eq!(verdict, "unproven");
    assert!(text.contains("it has been unreachable since"), "{text}");
}
