//! `smoke receive` as a process: nothing that was answered is lost, whatever happens to it.

use super::receiver::{Receiver, SECRET, TOKEN, Webhook, read_all, read_one, status, until};
use record::Ending;
use record::{Reader, Record, Watch};
use std::collections::{BTreeSet, HashSet};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The files of a journal, oldest first.
fn parts(dir: &Path) -> Vec<PathBuf> {
    let names = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path());
    let mut parts: Vec<_> =
        names.filter(|p| p.file_name().unwrap().to_string_lossy().starts_with("j.jsonl")).collect();
    parts.sort();
    // The one without a number is the newest.
    let newest_first = parts.first().is_some_and(|p| p.ends_with("j.jsonl"));
    parts.rotate_left(usize::from(newest_first));
    parts
}

/// All records of a journal; every file's chain is checked, and the links between them.
fn records(dir: &Path) -> Vec<Record> {
    let (mut all, mut before) = (Vec::new(), None);
    for part in parts(dir) {
        let (_, mut reader) = Reader::open(&part).unwrap();
        let mut link = None;
        while let Some(record) = reader.next_record().unwrap_or_else(|e| panic!("{}: {e}", part.display())) {
            if let Record::Watch(Watch::Continues(c)) = &record {
                link = Some(c.sha256.clone());
            }
            all.push(record);
        }
        assert_eq!(link, before, "{} continues the file before it", part.display());
        before = Some(record::sha256_hex(&std::fs::read(&part).unwrap()));
    }
    all
}

fn ids(records: &[Record]) -> HashSet<String> {
    let id = |r: &Record| match r {
        Record::Attempt(a) => a.header("X-Webhook-Id").map(str::to_owned),
        _ => None,
    };
    records.iter().filter_map(id).collect()
}

/// A webhook of GitHub's that is signed with this secret, posted to a path.
fn push(receiver: &Receiver, secret: &str, path: &str) -> Option<u16> {
    let signer = signature::Signer::new(signature::Scheme::Github, &signature::Secret::new(secret)).unwrap();
    let out = signature::Outgoing { event: "push", id: "1", timestamp_ms: 0, body: b"{}" };
    let own: String = signer.sign(&out).iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let framing = "Content-Length: 2\r\nConnection: close\r\n\r\n{}";
    status(&receiver.talk(format!("POST {path} HTTP/1.1\r\nHost: x\r\n{own}{framing}").as_bytes()))
}

#[test]
fn several_secrets_are_valid_while_they_are_rotated_and_several_paths_are_taken() {
    let dir = tempfile::tempdir().unwrap();
    let secrets = ["old", "new", "another"].map(|name| record::sha256_hex(name.as_bytes()));
    let [old, new, other] = &secrets;
    for (file, secret) in [("old.txt", old), ("new.txt", new)] {
        std::fs::write(dir.path().join(file), format!("{secret}\n")).unwrap();
    }
    let flags = ["--sender", "github", "--secret-file", "new.txt", "--secret-file", "old.txt"];
    let paths = ["--path", "/hooks/a", "--path", "/hooks/b"];
    let mut receiver = Receiver::start(dir.path(), "", &[&flags[..], &paths[..]].concat());
    assert_eq!(push(&receiver, new, "/hooks/a"), Some(200));
    assert_eq!(push(&receiver, old, "/hooks/b"), Some(200));
    assert_eq!(push(&receiver, other, "/hooks/a"), Some(401));
    assert_eq!(push(&receiver, new, "/webhooks/inbound"), Some(404));
    assert_eq!(push(&receiver, new, "/hooks/a/ines%40example.org"), Some(404));
    receiver.terminate();
    receiver.wait();
    drop(receiver);
    let journal = std::fs::read_to_string(dir.path().join("j.jsonl")).unwrap();
    for shown in
        [r#"\"POST /webhooks/inbound\", but"#, r#"\"POST /hooks/a/ines…\", but webhooks go to /hooks/a"#]
    {
        assert!(journal.contains(shown), "{shown}:\n{journal}");
    }
    assert!(!journal.contains(old.as_str()) && !journal.contains(new.as_str()));
    let gate = |files: &[&str]| {
        let flags = files.iter().flat_map(|file| ["--secret-file", *file]);
        let out = Command::new(env!("CARGO_BIN_EXE_smoke"))
            .args(["report", "j.jsonl"])
            .args(flags)
            .current_dir(dir.path())
            .output()
            .unwrap();
        let said = [out.stdout, out.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(!said.contains(old.as_str()) && !said.contains(new.as_str()), "{said}");
        said
    };
    let both = gate(&["new.txt", "old.txt"]);
    let one = gate(&["new.txt"]);
    assert!(both != one, "with one secret the other's webhook is not valid:\n{both}");
}

#[test]
fn report_and_gate_take_a_journal_whatever_it_is_called() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let receive = |journal: &str, webhooks: usize| {
        let mut receiver = Receiver::start(dir.path(), "", &["--journal", journal]);
        for _ in 0..webhooks {
            assert_eq!(receiver.post(&Webhook::new()), Some(200));
        }
        receiver.terminate();
        receiver.wait();
    };
    receive("hooks.jsonl", 3);
    std::fs::write(at("secret"), SECRET).unwrap();
    std::fs::create_dir(at("out")).unwrap();
    let smoke = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_smoke"));
        command.args(args).current_dir(dir.path()).env_remove("WEBHOOK_SECRET").env_remove("GITHUB_ACTIONS");
        let out = command.output().unwrap();
        (out.status.code(), String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned())
    };
    let report = |to: &str, page: &str| smoke(&["report", "hooks.jsonl", "-o", to, "--html", page]);
    let gate = |files: &[&str]| {
        let asked = ["--environment", "staging", "--trust", "runner", "--secret-file", "secret"];
        let (code, said) = smoke(&[&["gate"], files, &asked].concat());
        assert!(
            !said.contains("nothing can be recomputed") && !said.contains("Contradictions"),
            "{files:?}\n{said}"
        );
        assert!(
            said.contains("Recomputed byte for byte") && said.contains("3 of 3 valid"),
            "{files:?}\n{said}"
        );
        assert_ne!(code, Some(1), "{files:?}\n{said}");
    };
    assert!(!report("any.json", "any_report.html").1.contains("elsewhere"));
    for files in [&["any.json"][..], &["."], &["hooks.jsonl"], &["any.json", "hooks.jsonl"]] {
        gate(files);
    }
    let told = report("out/other.json", "out/other_report.html").1;
    assert!(told.contains("smoke gate out/other.json hooks.jsonl"), "{told}");
    gate(&["out/other.json", "hooks.jsonl"]);
    let (_, said) = smoke(&["gate", "out/other.json", "--secret-file", "secret"]);
    assert!(said.contains("smoke gate ARTIFACT JOURNAL"), "{said}");
    // A journal of another run is not taken for its own.
    receive("out/another.jsonl", 1);
    let (code, said) = smoke(&["gate", "out/other.json", "--secret-file", "secret"]);
    assert!(code == Some(3) && said.contains("nothing can be recomputed"), "{said}");
}

/// Every metric, and every value that a label is compared with, in `deploy/grafana/` is in what the receiver says.
fn dashboard_and_alerts_ask_for_what_there_is(metrics: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let wanted = regex::Regex::new(r#"webhook_[a-z_]+(\{[a-z]+="[^"]*"\})?"#).unwrap();
    let mut asked = BTreeSet::new();
    for file in ["deploy/grafana/webhooks.json", "deploy/grafana/alerts.yaml"] {
        let text = std::fs::read_to_string(root.join(file)).unwrap().replace("\\\"", "\"");
        asked.extend(wanted.find_iter(&text).map(|found| found.as_str().to_owned()));
    }
    assert!(asked.len() >= 9, "{asked:?}");
    for name in &asked {
        let there =
            metrics.lines().any(|l| l.strip_prefix(name.as_str()).is_some_and(|l| l.starts_with([' ', '{'])));
        assert!(there, "{name} is in deploy/grafana and not in /metrics:\n{metrics}");
    }
}

#[test]
fn answers_records_and_reads_back_with_the_token_only() {
    let dir = tempfile::tempdir().unwrap();
    let mut receiver = Receiver::start(dir.path(), "", &[]);
    let webhook = Webhook::new();
    assert_eq!(receiver.post(&webhook), Some(200));
    assert_eq!(receiver.post(&webhook), Some(200));
    let mut forged = Webhook::new();
    forged.body.push(b' ');
    assert_eq!(receiver.post(&forged), Some(401));
    let metrics = receiver.get("/metrics", None);
    for line in [
        "webhook_deliveries_total{status=\"success\"} 1",
        "webhook_signature_failures_total{reason=\"mismatch\"} 1",
        "webhook_delivery_attempts_total{code=\"200\"} 2",
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
    dashboard_and_alerts_ask_for_what_there_is(&metrics);
    assert_eq!(status(&receiver.get("/healthz", None)), Some(200));
    assert_eq!(status(&receiver.get("/_smoke/attempts", None)), Some(401));
    assert_eq!(status(&receiver.get("/_smoke/anything", Some("wrong-token-0123456789"))), Some(401));
    let metrics = receiver.get("/metrics", None);
    assert!(metrics.contains("webhook_token_failures_total 2\n"), "{metrics}");
    let back = receiver.get("/_smoke/attempts?since=0", Some(TOKEN));
    assert_eq!(back.matches("{\"attempt\":{").count(), 3, "{back}");
    assert_eq!(back.matches(&webhook.id).count(), 2);
    let next = back.lines().find_map(|l| l.strip_prefix("X-Smoke-Next: ")).unwrap().trim().to_owned();
    let later = receiver.get(&format!("/_smoke/attempts?since={next}"), Some(TOKEN));
    assert_eq!(later.matches("{\"attempt\":{").count(), 0, "{later}");
    receiver.terminate();
    assert!(receiver.wait().success());
    assert!(matches!(records(dir.path()).last(), Some(Record::End(end)) if end.complete));
}

#[test]
fn ten_kills_under_load_lose_nothing_that_was_answered() {
    let dir = tempfile::tempdir().unwrap();
    let answered = Arc::new(Mutex::new(Vec::new()));
    for round in 0..10 {
        let flags: &[&str] = if round % 2 == 0 { &["--rotate-size", "64KiB"] } else { &["--fsync"] };
        let mut receiver = Receiver::start(dir.path(), "", flags);
        let stop = AtomicBool::new(false);
        let before = answered.lock().unwrap().len();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                let (answered, stop, receiver) = (&answered, &stop, &receiver);
                let mut stream = receiver.connect();
                scope.spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        let webhook = Webhook::new();
                        let sent = stream.write_all(&webhook.bytes("keep-alive")).is_ok();
                        match sent.then(|| read_one(&mut stream)).flatten() {
                            Some(200) => answered.lock().unwrap().push(webhook.id),
                            Some(other) => panic!("answered {other}"),
                            None => return,
                        }
                    }
                });
            }
            until(|| answered.lock().unwrap().len() >= before + 120, "120 webhooks are answered");
            std::process::Command::new("kill").args(["-KILL", &receiver.pid()]).status().unwrap();
            stop.store(true, Ordering::Relaxed);
        });
        receiver.kill();
    }
    let answered = answered.lock().unwrap();
    let found = ids(&records(dir.path()));
    let lost: Vec<_> = answered.iter().filter(|id| !found.contains(*id)).collect();
    assert!(answered.len() >= 1200 && parts(dir.path()).len() > 10);
    assert!(lost.is_empty(), "{} of {} answered webhooks are lost", lost.len(), answered.len());
}

#[test]
fn a_full_disk_is_answered_503_and_said_and_nothing_answered_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    // 64 KiB for each file of the process, which it may be given more of.
    let receiver = Receiver::start(dir.path(), "ulimit -S -f 64;", &[]);
    let (mut accepted, mut refused) = (Vec::new(), 0);
    for _ in 0..120 {
        let webhook = Webhook::new();
        match receiver.post(&webhook) {
            Some(200) => accepted.push(webhook.id),
            Some(503) => refused += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(accepted.len() > 20 && refused > 20, "{} accepted, {refused} refused", accepted.len());
    receiver.hears("cannot be written");
    assert_eq!(status(&receiver.get("/healthz", None)), Some(503));
    let metrics = receiver.get("/metrics", None);
    for (name, n) in [
        ("webhook_journal_writable", 0),
        ("webhook_delivery_attempts_total{code=\"503\"}", refused),
        ("webhook_delivery_errors_total{class=\"5xx\"}", refused),
        ("webhook_signature_checks_total{result=\"valid\"}", accepted.len()),
    ] {
        let line = format!("{name} {n}");
        assert!(metrics.lines().any(|l| l == line), "{line} is not in\n{metrics}");
    }
    // With room again it is healthy without a webhook that shows it.
    let limit = format!("--fsize={}:", 1 << 30);
    let given = Command::new("prlimit").args(["--pid", &receiver.pid(), &limit]).status().unwrap();
    assert!(given.success());
    until(|| status(&receiver.get("/healthz", None)) == Some(200), "it is healthy again");
    receiver.hears("can be written again");
    // Whoever reads the journal learns what is not in it.
    let told = format!("{refused} webhooks were answered with 503");
    let is_told = |r: &Record| matches!(r, Record::Watch(Watch::Gap(gap)) if gap.why.contains(&told));
    until(|| records(dir.path()).iter().any(is_told), "the journal has the gap");
    let webhook = Webhook::new();
    assert_eq!(receiver.post(&webhook), Some(200));
    accepted.push(webhook.id);
    drop(receiver);
    let found = ids(&records(dir.path()));
    assert!(accepted.iter().all(|id| found.contains(id)), "{} found", found.len());
    assert_eq!(found.len(), accepted.len(), "what was refused is not recorded as received");
}

#[test]
fn a_restart_continues_the_journal_and_the_reading_back() {
    let dir = tempfile::tempdir().unwrap();
    let first = Webhook::new();
    let mut receiver = Receiver::start(dir.path(), "", &[]);
    assert_eq!(receiver.post(&first), Some(200));
    let back = receiver.get("/_smoke/attempts?since=0", Some(TOKEN));
    let next = back.lines().find_map(|l| l.strip_prefix("X-Smoke-Next: ")).unwrap().trim().to_owned();
    receiver.kill();
    let receiver = Receiver::start(dir.path(), "", &[]);
    let second = Webhook::new();
    assert_eq!(receiver.post(&second), Some(200));
    // The rest of the old file first, then the new one; the client follows `next`.
    let mut at = next;
    let mut seen = String::new();
    for _ in 0..3 {
        let back = receiver.get(&format!("/_smoke/attempts?since={at}"), Some(TOKEN));
        at = back.lines().find_map(|l| l.strip_prefix("X-Smoke-Next: ")).unwrap().trim().to_owned();
        seen.push_str(&back);
    }
    assert_eq!((seen.matches(&first.id).count(), seen.matches(&second.id).count()), (0, 1), "{seen}");
    drop(receiver);
    assert_eq!(ids(&records(dir.path())).len(), 2);
}

#[test]
fn sigterm_lets_a_request_that_has_begun_end() {
    let dir = tempfile::tempdir().unwrap();
    let mut receiver = Receiver::start(dir.path(), "", &[]);
    let webhook = Webhook::new();
    let mut stream = receiver.connect();
    let framing =
        format!("Content-Length: {}\r\nExpect: 100-continue\r\nConnection: close", webhook.body.len());
    stream.write_all(format!("{}{framing}\r\n\r\n", webhook.head()).as_bytes()).unwrap();
    // The head has been read by then.
    let mut goes_on = *b"HTTP/1.1 100 Continue\r\n\r\n";
    stream.read_exact(&mut goes_on).unwrap();
    assert_eq!(&goes_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    receiver.terminate();
    receiver.hears("stopping");
    stream.write_all(&webhook.body).unwrap();
    assert_eq!(status(&read_all(&mut stream)), Some(200));
    assert!(receiver.wait().success());
    assert!(TcpStream::connect(receiver.address).is_err());
    assert!(ids(&records(dir.path())).contains(&webhook.id));
}

#[test]
fn a_tap_passes_bytes_both_ways_and_records_the_real_status() {
    let real = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", real.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = real.accept().unwrap();
        let mut got = Vec::new();
        let mut piece = [0u8; 4096];
        while !got.ends_with(b"}}") {
            let n = stream.read(&mut piece).unwrap();
            got.extend_from_slice(&piece[..n]);
        }
        stream.write_all(b"HTTP/1.1 418 Teapot\r\nX-Real: yes\r\nContent-Length: 5\r\n\r\nshort").unwrap();
        got
    });
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(dir.path(), "", &["--forward", &url]);
    let webhook = Webhook::new();
    let sent = webhook.bytes("close");
    let answer = receiver.talk(&sent);
    // All as it came but for the mark by which a loop is known.
    let got = String::from_utf8(server.join().unwrap()).unwrap();
    let (hop, rest): (Vec<&str>, Vec<&str>) = got.split("\r\n").partition(|l| l.starts_with("X-Smoke-Hop: "));
    assert_eq!((hop.len(), rest.join("\r\n")), (1, String::from_utf8(sent).unwrap()));
    assert!(
        answer.starts_with("HTTP/1.1 418") && answer.contains("X-Real: yes") && answer.ends_with("short")
    );
    // The real receiver is gone now: the sender hears 502 and will come again.
    assert_eq!(receiver.post(&Webhook::new()), Some(502));
    drop(receiver);
    let forwarded = |r: &Record| match r {
        Record::Watch(Watch::Forwarded(f)) => Some((f.attempt, f.status, f.answered >= f.sent)),
        _ => None,
    };
    let all: Vec<_> = records(dir.path()).iter().filter_map(forwarded).collect();
    assert_eq!(all, [(0, 418, true), (1, 502, true)]);
}

/// Posts a webhook over TLS, trusting this certificate.
fn post_tls(receiver: &Receiver, trusted: &rustls::pki_types::CertificateDer<'static>) -> Option<u16> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
    let mut session = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let mut tcp = receiver.connect();
    let mut tls = rustls::Stream::new(&mut session, &mut tcp);
    tls.write_all(&Webhook::new().bytes("keep-alive")).unwrap();
    read_one(&mut tls)
}

#[test]
fn speaks_tls() {
    let dir = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(dir.path().join("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(dir.path().join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    let receiver = Receiver::start(dir.path(), "", &["--tls-cert", "cert.pem", "--tls-key", "key.pem"]);
    assert_eq!(post_tls(&receiver, made.cert.der()), Some(200));
    assert!(receiver.said().is_empty(), "{}", receiver.said());
}

/// A real receiver that answers each connection with `answer` once it has seen a whole webhook.
fn real_receiver(answer: Vec<u8>) -> String {
    let real = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", real.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in real.incoming() {
            let (mut stream, mut got, mut piece) = (stream.unwrap(), Vec::new(), [0u8; 4096]);
            while !got.ends_with(b"}}") {
                match stream.read(&mut piece) {
                    Ok(n @ 1..) => got.extend_from_slice(&piece[..n]),
                    _ => return,
                }
            }
            let _ = stream.write_all(&answer);
        }
    });
    url
}

#[test]
fn a_tap_keeps_what_comes_while_it_waits_and_a_status_with_a_long_body() {
    let body = "x".repeat(5 << 20);
    let long = format!("HTTP/1.1 201 Made It\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let dir = tempfile::tempdir().unwrap();
    let mut receiver = Receiver::start(dir.path(), "", &["--forward", &real_receiver(long.into_bytes())]);
    let mut stream = receiver.connect();
    // One after the other, and then the end of this side: all are answered.
    for n in 0..3 {
        stream.write_all(&Webhook::new().bytes(if n == 2 { "close" } else { "keep-alive" })).unwrap();
    }
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let answers = read_all(&mut stream);
    assert_eq!(answers.matches("HTTP/1.1 201 Made It\r\n").count(), 3, "{answers}");
    receiver.terminate();
    assert!(receiver.wait().success());
    let sent = |r: &&Record| matches!(r, Record::Answered(a) if a.how == Ending::Sent);
    assert_eq!(records(dir.path()).iter().filter(sent).count(), 3);
}

#[test]
fn metrics_come_in_the_format_that_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(dir.path(), "", &[]);
    let plain = receiver.get("/metrics", None);
    assert!(plain.contains("Content-Type: text/plain; version=0.0.4"));
    assert!(plain.contains("# TYPE webhook_deliveries_total counter\n") && !plain.contains("# EOF"));
    let asked = "Accept: application/openmetrics-text; version=1.0.0, text/plain;q=0.5";
    let open = receiver
        .talk(format!("GET /metrics HTTP/1.1\r\nHost: x\r\n{asked}\r\nConnection: close\r\n\r\n").as_bytes());
    assert!(open.contains("# TYPE webhook_deliveries counter\n") && open.ends_with("# EOF\n"));
    let head = receiver.talk(b"HEAD http://x/healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert!(status(&head) == Some(200) && head.ends_with("\r\n\r\n"), "{head}");
}

#[test]
fn silent_handshakes_make_room_for_good_webhooks() {
    let dir = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(dir.path().join("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(dir.path().join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    let flags =
        ["--tls-cert", "cert.pem", "--tls-key", "key.pem", "--connections", "20", "--head-timeout", "60s"];
    let receiver = Receiver::start(dir.path(), "", &flags);
    let silent: Vec<TcpStream> = (0..20).map(|_| receiver.connect()).collect();
    let begun = Instant::now();
    assert_eq!(post_tls(&receiver, made.cert.der()), Some(200));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    drop(silent);
}
