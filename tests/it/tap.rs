//! `smoke receive --forward` under requests that two readers may understand differently: what the real receiver sees is in the
//! journal, all of it.

use super::receiver::{Receiver, Webhook, read_all, status, until};
use axum::body::Bytes;
use axum::http::{Method, Uri};
use record::{Ending, Reader, Record, Watch};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Method, target and body of a request that a server has seen.
type Seen = (String, String, String);

const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
const FAST: [&str; 6] = ["--head-timeout", "400ms", "--body-timeout", "400ms", "--idle-timeout", "400ms"];

/// A head up to the lines in question, and what follows it.
fn with(lines: &str, body: &str) -> Vec<u8> {
    format!("{}{lines}\r\n\r\n{body}", Webhook::new().head()).into_bytes()
}

/// Requests in which a second one is hidden from whoever reads them the one way.
fn hostile() -> Vec<Vec<u8>> {
    let inside = format!("0\r\n\r\n{SMUGGLED}");
    let length = format!("Content-Length: {}", inside.len());
    let chunked = "Transfer-Encoding: chunked";
    let mut all = Vec::new();
    for end in [
        "\n", "\r", "\r\r\n", "\n\r\n", "\r\n\n", "\u{85}", "\u{2028}", "\0", "\u{b}", "\u{c}", "\r\n ",
        "\r\n\t",
    ] {
        all.push(with(&format!("X: y{end}{length}"), &inside));
        all.push(with(&format!("X: y{end}{chunked}"), &inside));
        all.push(with(&format!("{length}\r\nX: y{end}{chunked}"), &inside));
    }
    for blank in
        ["\t", "\u{b}", "\u{c}", "\u{a0}", "\u{2003}", "\u{3000}", "\u{85}", "\0", "\u{feff}", "\u{1f}", "+"]
    {
        for line in [&*length, chunked] {
            let (name, value) = line.split_once(": ").unwrap();
            all.push(with(&format!("{blank}{name}: {value}"), &inside));
            all.push(with(&format!("{name}{blank}: {value}"), &inside));
            all.push(with(&format!("{name}: {blank}{value}"), &inside));
            all.push(with(&format!("{name}: {value}{blank}"), &inside));
        }
    }
    all.extend(framed_twice(&inside));
    all.extend(other_lines(&inside));
    all
}

/// Lengths and codings that are said twice, or wrongly, or for this connection only.
fn framed_twice(inside: &str) -> Vec<Vec<u8>> {
    let (n, short) = (inside.len(), "5");
    let (length, chunked) = (format!("Content-Length: {n}"), "Transfer-Encoding: chunked");
    let mut all = Vec::new();
    for lines in [
        format!("{length}\r\n{chunked}"),
        format!("{chunked}\r\n{length}"),
        format!("{length}\r\n{length}"),
        format!("{length}\r\nContent-Length: {short}"),
        format!("Content-Length: {n}, {n}"),
        format!("Content-Length: {short}, {n}"),
        format!("Content-Length: -{n}"),
        format!("Content-Length: 0x{n:x}"),
        format!("Content-Length: {n}.0"),
        format!("Content-Length: \"{n}\""),
        format!("Content-Length: 00{n}"),
        format!("Content_Length: {n}"),
        "Content-Length: ".to_owned(),
        "Transfer_Encoding: chunked".to_owned(),
        "Transfer-Encoding: chunked, chunked".to_owned(),
        "Transfer-Encoding: gzip, chunked".to_owned(),
        "Transfer-Encoding: chunked, identity".to_owned(),
        "Transfer-Encoding: identity".to_owned(),
        "Transfer-Encoding: xchunked".to_owned(),
        "Transfer-Encoding: chunked;q=1".to_owned(),
        "Transfer-Encoding: \"chunked\"".to_owned(),
        format!("{chunked}\r\nTransfer-Encoding: x"),
        format!("Transfer-Encoding: x\r\n{chunked}"),
        format!(
            "{length}\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__"
        ),
        format!("{length}\r\nUpgrade: websocket\r\nConnection: Upgrade"),
        format!("{length}\r\nConnection: Content-Length"),
        format!("{length}\r\nConnection: X-Webhook-Signature, close"),
        format!("{length}\r\nExpect: 100-continue"),
        format!("{length}\r\nHost: other"),
    ] {
        all.push(with(&lines, inside));
    }
    for chunk in [
        "1;\n\r\nx",
        "1\nx",
        " 1\r\nx",
        "0x1\r\nx",
        "1 \r\nx",
        "1\r\nx\n",
        "-1\r\nx",
        "1;a\rb\r\nx",
        "1\r\nxx",
    ] {
        all.push(with(chunked, &format!("{chunk}\r\n0\r\n\r\n{SMUGGLED}")));
    }
    all
}

/// Other methods, targets and versions than those of a webhook.
fn other_lines(inside: &str) -> Vec<Vec<u8>> {
    let (length, chunked) = (format!("Content-Length: {}", inside.len()), "Transfer-Encoding: chunked");
    let mut all = Vec::new();
    for line in [
        "GET http://x/smuggled HTTP/1.1",
        "POST http://x/webhooks/inbound HTTP/1.1",
        "CONNECT x:80 HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        "POST //x/webhooks/inbound HTTP/1.1",
        "POST /webhooks/inbound/../smuggled HTTP/1.1",
        "POST /webhooks/inbound%2f HTTP/1.1",
        "GET /webhooks/inbound/elsewhere HTTP/1.1",
        "DELETE /webhooks/inbound/elsewhere HTTP/1.1",
        "DELETE /webhooks/inbound HTTP/1.1",
        "POST /webhooks/inbound HTTP/1.0",
        "POST /webhooks/inbound HTTP/1.1 HTTP/1.1",
        "POST\t/webhooks/inbound\tHTTP/1.1",
        "POST /webhooks/inbound\u{a0}HTTP/1.1",
        "POST /webhooks/inbound?a=b#c HTTP/1.1",
        "GET /smuggled",
    ] {
        all.push(format!("{line}\r\nHost: x\r\n{length}\r\n\r\n{inside}").into_bytes());
        all.push(format!("{line}\r\nHost: x\r\n{chunked}\r\n\r\n{inside}").into_bytes());
    }
    all
}

/// Sends all of them through a tap, some good ones between, and compares what came out of it with what is in its journal.
fn holds_for(real: &str, seen: impl Fn() -> Vec<Seen>) {
    let dir = tempfile::tempdir().unwrap();
    let mut receiver = Receiver::start(dir.path(), "", &[&["--forward", real], &FAST[..]].concat());
    let hostile = hostile();
    assert_eq!(hostile.len(), 194, "docs/security.md says how many");
    let refused = Mutex::new(0);
    std::thread::scope(|scope| {
        for some in hostile.chunks(hostile.len().div_ceil(16)) {
            let (receiver, refused) = (&receiver, &refused);
            scope.spawn(move || {
                for bytes in some {
                    let answer = receiver.talk(bytes);
                    *refused.lock().unwrap() += usize::from(status(&answer) == Some(400));
                }
                assert_eq!(receiver.post(&Webhook::new()), Some(200));
            });
        }
    });
    receiver.terminate();
    assert!(receiver.wait().success());
    let (mut seen, mut recorded) = (seen(), attempts(&dir.path().join("j.jsonl")));
    seen.sort();
    recorded.sort();
    let smuggled: Vec<_> = seen.iter().filter(|(_, target, _)| target.contains("smuggled")).collect();
    assert!(smuggled.is_empty(), "{smuggled:?}");
    let only = |some: &[Seen], others: &[Seen]| -> Vec<Seen> {
        some.iter().filter(|one| !others.contains(one)).cloned().collect()
    };
    let apart = (only(&seen, &recorded), only(&recorded, &seen));
    assert_eq!((apart, seen.len()), ((vec![], vec![]), recorded.len()), "it has seen what is in the journal");
    assert!(seen.len() >= 16 && *refused.lock().unwrap() >= 100, "{} seen, {refused:?} refused", seen.len());
}

fn attempts(journal: &Path) -> Vec<Seen> {
    let (_, mut reader) = Reader::open(journal).unwrap();
    let mut all = Vec::new();
    while let Some(record) = reader.next_record().unwrap() {
        if let Record::Attempt(a) = record {
            all.push((a.method, a.target, String::from_utf8_lossy(&a.body.bytes()).into_owned()));
        }
    }
    all
}

#[test]
fn hyper_sees_what_is_in_the_journal() {
    let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let heard = Arc::clone(&seen);
    let app = axum::Router::new().fallback(move |method: Method, uri: Uri, body: Bytes| async move {
        let body = String::from_utf8_lossy(&body).into_owned();
        heard.lock().unwrap().push((method.to_string(), uri.to_string(), body));
        "ok"
    });
    runtime.spawn(async { axum::serve(listener, app).await });
    holds_for(&url, || seen.lock().unwrap().clone());
}

/// Tells each request that it has parsed in a line of JSON. Whatever is left of a body is the next request to it, as to any
/// server that keeps connections.
const PYTHON: &str = r#"
import json, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
LOCK = threading.Lock()
class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 2
    def log_message(self, *_): pass
    def parse_request(self):
        if not super().parse_request(): return False
        try: length = int(self.headers.get("Content-Length") or 0)
        except ValueError: length = 0
        body = self.rfile.read(length).decode("utf-8", "replace")
        with LOCK: print(json.dumps([self.command, self.path, body]), flush=True)
        self.send_response(200); self.send_header("Content-Length", "2"); self.end_headers(); self.wfile.write(b"ok")
        self.close_connection = self.headers.get("Connection", "").lower() == "close"
        return False
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
"#;

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn python_sees_what_is_in_the_journal() {
    let started = Command::new("python3").args(["-c", PYTHON]).stdout(Stdio::piped()).spawn();
    // Where there is no Python there is nothing to compare with; hyper is compared with in any case.
    let Ok(mut child) = started else { return };
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let _killed = Killed(child);
    let port = lines.next().unwrap().unwrap();
    let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
    let heard = Arc::clone(&seen);
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            heard.lock().unwrap().push(serde_json::from_str(&line).unwrap());
        }
    });
    holds_for(&format!("http://127.0.0.1:{port}"), || {
        // Its lines come through a pipe: the last of them is this one.
        let mut mark = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
        mark.write_all(b"GET /mark HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let is_mark = |(_, target, _): &Seen| target == "/mark";
        until(|| seen.lock().unwrap().iter().any(is_mark), "the mark is seen");
        seen.lock().unwrap().iter().filter(|one| !is_mark(one)).cloned().collect()
    });
}

#[test]
fn a_tap_that_leads_to_itself_is_refused_at_the_start() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for (listen, forward) in [
        (format!("127.0.0.1:{port}"), format!("http://127.0.0.1:{port}/webhooks/inbound")),
        (format!("0.0.0.0:{port}"), format!("http://localhost:{port}/other")),
    ] {
        let smoke = super::harness::Smoke::new("receive").env("WEBHOOK_SECRET", super::receiver::SECRET);
        let ran = smoke.args(&["--listen", &listen, "--forward", &forward]).run();
        ran.exits(2).says("is this receiver itself");
    }
}

/// Through a port that leads back, which cannot be seen at the start.
#[test]
fn a_loop_ends_after_one_round() {
    let dir = tempfile::tempdir().unwrap();
    let relay = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", relay.local_addr().unwrap());
    let receiver = Receiver::start(dir.path(), "", &["--forward", &url]);
    let back = receiver.address;
    std::thread::spawn(move || {
        for from in relay.incoming() {
            let (mut from, mut to) = (from.unwrap(), TcpStream::connect(back).unwrap());
            let (mut from_copy, mut to_copy) = (from.try_clone().unwrap(), to.try_clone().unwrap());
            std::thread::spawn(move || std::io::copy(&mut from_copy, &mut to_copy));
            let _ = std::io::copy(&mut to, &mut from);
            let _ = from.shutdown(std::net::Shutdown::Both);
        }
    });
    assert_eq!(receiver.post(&Webhook::new()), Some(508));
    let text = std::fs::read_to_string(dir.path().join("j.jsonl")).unwrap();
    assert_eq!(
        (text.matches("\"attempt\":{").count(), text.matches("\"status\":508").count()),
        (1, 2),
        "{text}"
    );
}

#[test]
fn a_status_that_does_not_exist_is_no_answer() {
    for answer in [
        "HTTP/1.1 600 X\r\n\r\n",
        "HTTP/1.1 999 X\r\n\r\n",
        "HTTP/1.1 101 Switching\r\n\r\n",
        "HTTP/1.1 099 X\r\n\r\n",
    ] {
        let (url, server) = answers_once(answer);
        let dir = tempfile::tempdir().unwrap();
        let receiver = Receiver::start(dir.path(), "", &["--forward", &url]);
        let mut stream = receiver.connect();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(&Webhook::new().bytes("close")).unwrap();
        assert_eq!(status(&read_all(&mut stream)), Some(502), "{answer}");
        server.join().unwrap();
    }
}

/// A real receiver that answers once, with these bytes.
fn answers_once(answer: &'static str) -> (String, std::thread::JoinHandle<()>) {
    let real = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", real.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = real.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(answer.as_bytes());
    });
    (url, server)
}

/// A sender that has run out of patience counts the pause before its retry from then on, not from the real receiver's answer.
#[test]
fn an_attempt_ends_when_its_sender_leaves() {
    let real = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", real.local_addr().unwrap());
    let (asked, is_asked) = channel();
    let (answer, may_answer) = channel();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = real.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]);
        asked.send(()).unwrap();
        may_answer.recv().unwrap();
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    });
    let dir = tempfile::tempdir().unwrap();
    let mut receiver = Receiver::start(dir.path(), "", &["--forward", &url]);
    let mut stream = receiver.connect();
    stream.write_all(&Webhook::new().bytes("keep-alive")).unwrap();
    is_asked.recv().unwrap();
    drop(stream);
    // Each of its threads has looked at its connections once these are answered.
    for _ in 0..16 {
        assert!(receiver.get("/healthz", None).contains("200"));
    }
    answer.send(()).unwrap();
    server.join().unwrap();
    receiver.terminate();
    assert!(receiver.wait().success());
    let (_, mut reader) = Reader::open(&dir.path().join("j.jsonl")).unwrap();
    let (mut forwarded, mut ended) = (None, None);
    while let Some(record) = reader.next_record().unwrap() {
        match record {
            Record::Watch(Watch::Forwarded(one)) => forwarded = Some(one.answered),
            Record::Answered(one) => ended = Some((one.how, one.end)),
            _ => {}
        }
    }
    let (how, end) = ended.unwrap();
    assert!(how == Ending::SenderClosed && end < forwarded.unwrap(), "{how:?} {end:?} {forwarded:?}");
}

/// RFC 9110 section 8.6: the length of the body that a GET would bring, which only the real receiver knows.
#[test]
fn the_answer_to_a_head_has_the_real_receivers_length() {
    for (method, length) in [("HEAD", "Content-Length: 10"), ("GET", "Content-Length: 0")] {
        let (url, server) = answers_once(match method {
            "HEAD" => "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n",
            _ => "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        });
        let dir = tempfile::tempdir().unwrap();
        let receiver = Receiver::start(dir.path(), "", &["--forward", &url]);
        let request = format!("{method} /webhooks/inbound HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let answer = receiver.talk(request.as_bytes());
        let lengths: Vec<&str> =
            answer.lines().filter(|line| line.to_ascii_lowercase().starts_with("content-length:")).collect();
        assert_eq!((status(&answer), lengths), (Some(200), vec![length]), "{answer}");
        assert!(answer.ends_with("\r\n\r\n"), "{answer}");
        server.join().unwrap();
    }
}

/// RFC 9112 section 3.2.
#[test]
fn a_webhook_without_a_host_is_refused_and_not_passed_on() {
    let real = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", real.local_addr().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(dir.path(), "", &["--forward", &url]);
    let webhook = String::from_utf8(Webhook::new().bytes("close")).unwrap();
    assert_eq!(status(&receiver.talk(webhook.replace("Host: x\r\n", "").as_bytes())), Some(400));
    real.set_nonblocking(true).unwrap();
    assert!(real.accept().is_err(), "nobody connects to the real receiver");
    assert!(attempts(&dir.path().join("j.jsonl")).is_empty());
}
