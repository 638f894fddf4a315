//! `smoke load` and `smoke merge`: the built binary against real sockets.

use crate::harness::{Ran, Smoke};
use crate::reserved::Reserved;
use serde_json::Value;
use signature::Secret;
use signature::{Scheme, Verifier};
use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

pub(super) const SECRET: &str = "3f1c6a0e5b7d92c48e10fa63b5d7c9e2043a6f8b1d2e5c7096b8a4f3e1d0c2b5";

/// A request as it came.
pub struct Request {
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// What a receiver does with its n-th request: bytes to answer, and whether it goes on with the connection.
pub type Manners = fn(u64, &Request, &mut TcpStream) -> bool;

/// Listens on a free port and answers each connection in a thread of its own, for as long as the test runs.
pub fn receiver(manners: Manners) -> (String, Arc<Mutex<Vec<Request>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let (seen, count) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicU64::new(0)));
    let all = Arc::clone(&seen);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (seen, count) = (Arc::clone(&all), Arc::clone(&count));
            std::thread::spawn(move || serve(stream, manners, &seen, &count));
        }
    });
    (url, seen)
}

fn serve(mut stream: TcpStream, manners: Manners, seen: &Mutex<Vec<Request>>, count: &AtomicU64) {
    stream.set_nodelay(true).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    while let Some(request) = read(&mut reader) {
        let number = count.fetch_add(1, Ordering::SeqCst);
        let more = manners(number, &request, &mut stream);
        seen.lock().unwrap().push(request);
        if !more {
            return;
        }
    }
}

pub fn read(reader: &mut impl BufRead) -> Option<Request> {
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            line => headers.extend(line.split_once(": ").map(|(n, v)| (n.to_owned(), v.to_owned()))),
        }
    }
    let length = headers.iter().find(|(n, _)| n == "Content-Length")?.1.parse().ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request { headers, body })
}

fn answer(stream: &mut TcpStream, status: &str) -> bool {
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\nok").is_ok()
}

pub fn fine(_: u64, _: &Request, stream: &mut TcpStream) -> bool {
    answer(stream, "200 OK")
}

pub fn load(url: &str, args: &[&str]) -> Smoke {
    Smoke::new("load").args(&["webhooks", "--to", url]).args(args).env("WEBHOOK_SECRET", SECRET)
}

pub fn counters(ran: &Ran) -> Value {
    ran.artifact("load")["counters"].clone()
}

/// The URL of `--to` is what these sign, and headers alone do not make webhooks of the others.
#[test]
fn a_sender_that_signs_the_url_signs_that_of_the_load() {
    let (url, seen) = receiver(|_, _, stream| {
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
        true
    });
    let url = format!("{url}?tenant=7");
    let load = |sender: &str| {
        let args = ["webhooks", "--to", &url, "--rate", "20/s", "--duration", "200ms", "--secret-file", "s"];
        Smoke::new("load").args(&args).args(&["--sender", sender]).file("s", SECRET).run()
    };
    for (sender, scheme) in
        [("square", Scheme::Square), ("hubspot", Scheme::Hubspot), ("rfc9421", Scheme::Rfc9421)]
    {
        seen.lock().unwrap().clear();
        load(sender);
        let verifier = Verifier::new(scheme, &Secret::new(SECRET)).unwrap().with_url(&url);
        let seen = seen.lock().unwrap();
        assert!(!seen.is_empty(), "{sender}");
        for request in seen.iter() {
            let verdict =
                verifier.verify(&request.headers, &request.body, chrono::Utc::now().timestamp_millis());
            assert!(verdict.valid, "{sender}: {verdict:?}");
        }
    }
    seen.lock().unwrap().clear();
    for (sender, why) in [
        ("mailgun", "are not signed in a header"),
        ("adyen", "are not signed in a header"),
        ("linear", "carry their signing time in the body"),
        ("twilio", "sign the fields of a form"),
    ] {
        let ran = load(sender).exits(2);
        let wanted = format!("webhooks of {sender} {why}: smoke load webhooks cannot imitate them");
        assert!(ran.stderr.contains(&wanted), "{}", ran.stderr);
    }
    assert!(seen.lock().unwrap().is_empty(), "nothing was sent");
}

#[test]
fn every_webhook_is_unique_and_its_signature_verifies() {
    let (url, seen) = receiver(fine);
    let ran = load(&url, &["--rate", "100/s", "--duration", "1s", "--report", "html,junit"]).run().exits(0);
    assert!(ran.stdout.contains("PASS"), "{}", ran.stdout);
    assert_eq!(counters(&ran)["statuses"]["200"], 100);
    // Where the system tells it, the generator knows what it waited for.
    assert_eq!(counters(&ran)["generator_waited"].is_number(), cfg!(target_os = "linux"));
    for file in
        ["staging_load_report.html", "staging_load_junit.xml", "latency.hlog", "staging_load_journal.jsonl"]
    {
        assert!(ran.file(file).is_file(), "{file}");
    }
    let verifier = Verifier::new(Scheme::DeltacrownV2, &Secret::new(SECRET)).unwrap();
    let now = chrono::Utc::now().timestamp_millis();
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 100);
    let mut unique = HashSet::new();
    for request in seen.iter() {
        let verdict = verifier.verify(&request.headers, &request.body, now);
        assert!(verdict.valid, "{verdict:?}");
        let id = request.headers.iter().find(|(n, _)| n == "X-Webhook-Id").unwrap();
        assert!(unique.insert(id.1.clone().into_bytes()) && unique.insert(request.body.clone()));
    }
}

#[test]
fn threads_share_one_schedule_and_its_connections() {
    let (url, seen) = receiver(fine);
    let schedule = ["--stages", "0-60/s:1s,30/s:1s", "--seed", "7"];
    let made = |threads: &str| {
        let ran = load(&url, &schedule).args(&["--threads", threads, "--connections", "7"]).run().exits(0);
        let artifact = ran.artifact("load");
        assert_eq!(artifact["load"]["threads"].to_string(), threads);
        assert_eq!(artifact["load"]["connections"], 7);
        let (counters, latency) = (&artifact["counters"], &artifact["latency_ms"]);
        assert_eq!((counters["started"].as_u64(), counters["ok"].as_u64()), (Some(60), Some(60)));
        assert_eq!(counters["dropped"], 0);
        for series in ["response", "service", "lag", "own_lag"] {
            assert_eq!(latency[series]["samples"], 60, "{series}: {artifact}");
        }
        let bodies: HashSet<Vec<u8>> = seen.lock().unwrap().drain(..).map(|request| request.body).collect();
        assert_eq!(bodies.len(), 60, "every webhook of the schedule once");
        bodies
    };
    assert_eq!(made("3"), made("1"), "the seed alone says what is sent");
}

#[test]
fn a_load_leaves_a_core_to_a_target_beside_it_and_one_of_flows_has_a_single_thread() {
    let (url, _) = receiver(fine);
    let cores = std::thread::available_parallelism().unwrap().get().min(64);
    let closed = load(&url, &["--rate", "max", "--duration", "1s"]).run();
    assert_eq!(closed.artifact("load")["load"]["threads"].as_u64(), Some((cores.min(32) - 1).max(1) as u64));
    let asked = load(&url, &["--rate", "max", "--duration", "1s", "--threads", "2"]).run();
    assert_eq!(asked.artifact("load")["load"]["threads"], 2);
    let flows = Smoke::new("load").args(&["payments", "--rate", "5/s", "--duration", "1s"]).run().exits(0);
    assert_eq!(flows.artifact("load")["load"]["threads"], 1);
    let flows = Smoke::new("load")
        .args(&["payments", "--rate", "5/s", "--duration", "1s", "--threads", "2"])
        .run()
        .exits(0);
    assert_eq!(flows.artifact("load")["load"]["threads"], 2);
}

#[test]
fn the_same_journal_gives_the_same_artifact() {
    let (url, _) = receiver(fine);
    let ran = load(&url, &["--rate", "50/s", "--duration", "1s"]).run().exits(0);
    let first = std::fs::read(ran.file("staging_load_output.json")).unwrap();
    let again = Smoke::new("merge")
        .arg(ran.file("staging_load_journal.jsonl"))
        .args(&["--format", "json"])
        .run()
        .exits(0);
    assert_eq!(again.stdout.as_bytes(), first);
    let again = Smoke::new("report").arg(ran.file("staging_load_journal.jsonl")).run().exits(0);
    assert_eq!(again.stdout.as_bytes(), first);
    let gate = Smoke::new("gate").arg(ran.file("staging_load_output.json")).run().exits(3);
    assert!(gate.shown().contains("bytes, all equal"), "{}", gate.stdout);
}

#[test]
fn failures_are_counted_by_kind_and_never_hang() {
    let cases: [(Manners, &str, &str); 5] = [
        (|_, _, _| false, "errors", "closed"),
        (
            |_, _, stream| {
                // Unread bytes in the receive buffer make the kernel send a reset on close.
                let _ = stream.set_linger_zero();
                false
            },
            "errors",
            "reset",
        ),
        (
            |_, _, stream| {
                std::thread::sleep(Duration::from_secs(3));
                answer(stream, "200 OK")
            },
            "errors",
            "timeout",
        ),
        (|_, _, stream| stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").is_ok(), "errors", "malformed"),
        (|_, _, stream| answer(stream, "503 No"), "statuses", "503"),
    ];
    for (manners, group, name) in cases {
        let (url, _) = receiver(manners);
        let begun = Instant::now();
        let ran = load(&url, &["--rate", "20/s", "--duration", "1s", "--timeout", "300ms"]).run().exits(1);
        assert_eq!(counters(&ran)[group][name], 20, "{}", counters(&ran));
        assert!(begun.elapsed() < Duration::from_secs(10), "{name}");
        assert!(!ran.artifact("load")["failures"].as_array().unwrap().is_empty());
    }
}

/// Resets on close, which std cannot ask for on stable Rust: closing with unread bytes does the same on Linux.
trait Reset {
    fn set_linger_zero(&self) -> std::io::Result<()>;
}

impl Reset for TcpStream {
    fn set_linger_zero(&self) -> std::io::Result<()> {
        tokio::net::TcpSocket::from_std_stream(self.try_clone()?).set_zero_linger()
    }
}

#[test]
fn throttling_is_told_apart() {
    let (url, _) = receiver(|n, _, stream| {
        let head = if n < 10 { "200 OK" } else { "429 Too Many Requests\r\nRetry-After: 3595" };
        answer(stream, head)
    });
    let ran = load(&url, &["--rate", "40/s", "--duration", "1s"]).run().exits(1);
    let counters = counters(&ran);
    assert_eq!((counters["throttled"].as_u64(), counters["retry_after_s"].as_u64()), (Some(30), Some(3595)));
    assert!(ran.stdout.contains("Retry-After up to 3595 s"), "{}", ran.stdout);
}

#[test]
fn a_target_that_goes_away_in_the_middle_is_refused_connections() {
    let reserved = Reserved::new();
    let listener = TcpListener::bind(reserved.address).unwrap();
    let url = format!("http://{}/", reserved.address);
    std::thread::spawn(move || {
        // The first connection shows that it is there; the second carries five webhooks; then nobody listens.
        drop(listener.accept());
        let (mut stream, _) = listener.accept().unwrap();
        drop(listener);
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        for _ in 0..5 {
            read(&mut reader);
            answer(&mut stream, "200 OK");
        }
    });
    let ran = load(&url, &["--rate", "20/s", "--duration", "2s", "--connections", "1"]).run().exits(1);
    let counters = counters(&ran);
    assert_eq!(counters["ok"], 5);
    assert!(counters["errors"]["refused"].as_u64().unwrap() >= 30, "{counters}");
}

#[test]
fn bad_command_lines_are_usage_errors_that_say_what_is_wrong() {
    let (url, seen) = receiver(fine);
    for (args, says) in [
        (&["--rate", "0/s", "--duration", "1s"][..], "starts nothing"),
        (&["--rate", "2000000/s", "--duration", "1s"], "above 1000000/s"),
        (&["--rate", "fast", "--duration", "1s"], "'fast' is not a rate"),
        (&["--rate", "5/s", "--duration", "0s"], "out of range"),
        (&["--rate", "5/s"], "--duration"),
        (&["--stages", "0-10:10s,oops"], "stage 2 'oops'"),
        (&["--stages", "1/s:1s", "--rate", "1/s"], "cannot be used with"),
        (&["--rate", "5/s", "--duration", "1s", "--shard", "8/8"], "the last one is 7/8"),
        (&["--rate", "5/s", "--duration", "1s", "--event", "a b"], "not an event name"),
        (&["--rate", "5/s", "--duration", "1s", "--connections", "0"], "--connections"),
        (&["--rate", "5/s", "--duration", "1s", "--gates", "none.yaml"], "none.yaml"),
        (&["--rate", "5/s", "--duration", "1s", "--start-at", "noon"], "RFC 3339"),
        (&["--rate", "5/s", "--duration", "1s", "--shards", "3"], "but not this shard's index"),
        (&["--rate", "-1/s", "--duration", "1s"], "'-1/s' is not a rate"),
        (&["--rate", "5/s", "--duration", "-1s"], "'-1s' is not a duration"),
        (&["--rate", "5/s", "--duration", "1s", "--timeout", "-1s"], "'-1s' is not a duration"),
        (&["--rate", "5/s", "--duration", "1s", "--connections", "-1"], "from 1 to 100000"),
        (&["--rate", "5/s", "--duration", "1s", "--shard", "-1/2"], "'-1/2' is not a shard"),
        (&["--rate", "5/s", "--duration", "1s", "--start-at", "-5s"], "RFC 3339"),
        (&["--stages", "-5/s:1s"], "stage 1"),
        (&["--rate", "1e9/s", "--duration", "1s"], "above 1000000/s"),
        (&["--rate", "0.0000001/s", "--duration", "2s"], "the schedule starts nothing"),
        (&["--rate", "5/s", "--duration", "1s", "--misbehave", "slow"], "--misbehave"),
        (&["--rate", "5/s", "--duration", "1s", "--inject", "503"], "unexpected argument '--inject'"),
        (&["--rate", "5/s", "--duration", "1s", "--report", "markdown"], "possible values: html, junit"),
        (&["--rate", "5/s", "--duration", "1s", "--cacert", "/nonexistent"], "--cacert"),
        (&["--rate", "5/s", "--duration", "1s", "--threads", "0"], "from 1 to 64"),
        (&["--rate", "5/s", "--duration", "1s", "--threads", "65"], "from 1 to 64"),
        (&["--rate", "5/s", "--duration", "1s", "--threads", "many"], "--threads"),
        (
            &["--rate", "max", "--duration", "1s", "--threads", "5", "--connections", "4"],
            "give --connections 5 or more",
        ),
    ] {
        load(&url, args).run().exits(2).says(says);
    }
    load("http://me:hunter22@127.0.0.1:1/", &["--rate", "5/s", "--duration", "1s"])
        .run()
        .exits(2)
        .says("credentials");
    let example = "a1b2c3d4e5f6789012345678901234567890abcdef1234567890abcdef123456";
    let public = load(&url, &["--rate", "5/s", "--duration", "1s"]).env("WEBHOOK_SECRET", example);
    public.run().exits(2).says("public example");
    load("ftp://127.0.0.1/", &["--rate", "5/s", "--duration", "1s"]).run().exits(2).says("http://");
    assert!(seen.lock().unwrap().is_empty(), "nothing was sent");
}

#[test]
fn production_and_very_high_rates_take_a_second_word() {
    let refused = |url: &str, rate: &str| load(url, &["--rate", rate, "--duration", "1s"]).run().exits(2);
    refused("http://www.example.com/", "1/s").says("looks like production");
    refused("http://api.example.com/", "1/s").says("--i-own-this-target");
    refused("http://192.0.2.1/", "10001/s").says("--i-own-this-target");
    refused("http://192.0.2.1/", "max").says("as fast as responses arrive");
}

#[test]
fn what_this_machine_cannot_do_is_an_environment_error() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let rate = ["--rate", "5/s", "--duration", "1s"];
    load(&format!("http://{nobody}/"), &rate).run().exits(4).says("cannot be reached");
    let (url, _) = receiver(fine);
    load(&url, &rate).args(&["--connections", "100000"]).run().exits(4).says("file descriptors");
    load(&url, &rate).args(&["--artifacts", "/proc/nowhere"]).run().exits(4).says("cannot be written");
}

#[test]
fn an_interrupt_keeps_what_was_measured() {
    let (url, _) = receiver(fine);
    let (child, dir) = load(&url, &["--rate", "50/s", "--duration", "60s"]).spawn();
    let journal = dir.path().join("artifacts/staging_load_journal.jsonl");
    let deadline = Instant::now() + Duration::from_secs(20);
    while !std::fs::read_to_string(&journal).is_ok_and(|text| text.contains("\"interval\"")) {
        assert!(Instant::now() < deadline, "no second was recorded");
        std::thread::sleep(Duration::from_millis(20));
    }
    let killed = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let ran = Ran::new(&child.wait_with_output().unwrap(), dir).exits(130);
    let artifact = ran.artifact("load");
    assert_eq!(artifact["acceptance_gates"]["verdict"], "unproven");
    assert!(artifact["counters"]["ok"].as_u64().unwrap() >= 40);
}

fn wait_until(what: &str, mut is: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn an_interrupt_before_the_beginning_leaves_unproven_evidence() {
    let (url, _) = receiver(fine);
    let later = ["--rate", "5/s", "--duration", "1s", "--start-at", "+60s"];
    for command in [load(&url, &later), Smoke::new("load").args(&["payments", "-q"]).args(&later)] {
        let pages = [
            ("artifacts/staging_load_output.json", "old"),
            ("artifacts/staging_load_report.html", "old"),
            ("artifacts/staging_load_junit.xml", "old"),
        ];
        let command = pages.iter().fold(command, |command, (name, text)| command.file(name, text));
        let (child, dir) = command.spawn();
        let output = dir.path().join("artifacts/staging_load_output.json");
        // The first artifact stands there before anything is driven: it is what a killed process leaves.
        wait_until("no first artifact", || {
            std::fs::read_to_string(&output).is_ok_and(|text| text.contains("\"unproven\""))
        });
        assert!(!dir.path().join("artifacts/staging_load_junit.xml").exists(), "a stale page");
        let killed = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
        assert!(killed.unwrap().success());
        let ran = Ran::new(&child.wait_with_output().unwrap(), dir).exits(130);
        let artifact = ran.artifact("load");
        let quiet = artifact["load"]["subject"] == "payments";
        assert!(!quiet || ran.stderr.is_empty(), "{}", ran.stderr);
        assert_eq!(artifact["acceptance_gates"]["verdict"], "unproven");
        assert!(artifact["notes"].to_string().contains("before the load began"), "{}", artifact["notes"]);
        let again = Smoke::new("report").arg(ran.file("staging_load_journal.jsonl")).run().exits(0);
        assert_eq!(again.stdout.as_bytes(), std::fs::read(ran.file("staging_load_output.json")).unwrap());
    }
}

#[test]
fn a_killed_load_leaves_no_pass_of_an_earlier_one() {
    let (url, _) = receiver(fine);
    let command = load(&url, &["--rate", "20/s", "--duration", "60s"]);
    let command = command.file("artifacts/staging_load_output.json", "{\"verdict\":\"pass\"}");
    let (mut child, dir) = command.spawn();
    let journal = dir.path().join("artifacts/staging_load_journal.jsonl");
    wait_until("no second was recorded", || {
        std::fs::read_to_string(&journal).is_ok_and(|text| text.contains("\"interval\""))
    });
    child.kill().unwrap();
    let ran = Ran::new(&child.wait_with_output().unwrap(), dir);
    assert_eq!(ran.artifact("load")["acceptance_gates"]["verdict"], "unproven");
}

#[test]
fn the_help_lists_the_reports_that_a_load_has() {
    let help = Smoke::new("help").arg("load").run().exits(0).stdout;
    assert!(help.contains("html, junit [default: html]") && !help.contains("markdown"), "{help}");
}

#[test]
fn the_gate_recomputes_artifact_and_pages_of_a_load_and_checks_its_signature() {
    let (url, _seen) = receiver(fine);
    let key = Smoke::new("key").args(&["--out", "key"]).run().exits(0);
    let private = key.dir().join("key").display().to_string();
    let args = ["--rate", "50/s", "--duration", "1s", "--report", "html,junit", "--sign", &private];
    let ran = load(&url, &args).run().exits(0);
    let public = key.stdout.trim().to_owned();
    let artifact = ran.file("staging_load_output.json");
    let gate = || Smoke::new("gate").arg(&artifact).args(&["--public-key", &public]).run();
    // Loopback is no evidence about staging; everything else holds, and nothing that a load has not got is asked for.
    let judged = gate().exits(3);
    for line in ["Recomputed byte for byte", "Accompanying pages", "Signed statement"] {
        let found = judged
            .stdout
            .lines()
            .find(|l| l.contains(line))
            .unwrap_or_else(|| panic!("{line}: {}", judged.stdout));
        assert!(found.trim_start().starts_with("pass"), "{found}");
    }
    assert!(judged.shown().contains("Not proven: Environment."), "{}", judged.stdout);
    // `smoke report` writes the same again.
    let journal = ran.file("staging_load_journal.jsonl");
    let again = Smoke::new("report").arg(&journal);
    let again = again.args(&["--html", "r.html", "--junit", "r.xml", "--output", "r.json"]).run().exits(0);
    for (ours, theirs) in [
        ("r.html", "staging_load_report.html"),
        ("r.xml", "staging_load_junit.xml"),
        ("r.json", "staging_load_output.json"),
    ] {
        assert!(
            std::fs::read(again.dir().join(ours)).unwrap() == std::fs::read(ran.file(theirs)).unwrap(),
            "{ours}"
        );
    }
    let page = ran.file("staging_load_report.html");
    let text = std::fs::read_to_string(&page).unwrap();
    std::fs::write(&page, text.replacen("</title>", " </title>", 1)).unwrap();
    assert!(gate().exits(1).stdout.contains("page_differs"));
}
