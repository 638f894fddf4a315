//! `smoke receive` under clients that do all they can: each is answered or dropped within its limit, and good webhooks flow.

use super::receiver::{Receiver, Webhook, read_all, read_one, status};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

const FAST: [&str; 6] = ["--head-timeout", "300ms", "--body-timeout", "300ms", "--idle-timeout", "700ms"];

fn receiver(dir: &tempfile::TempDir) -> Receiver {
    Receiver::start(dir.path(), "", &FAST)
}

/// What comes back, and how long that took.
fn timed(receiver: &Receiver, bytes: &[u8]) -> (Option<u16>, Duration) {
    let begun = Instant::now();
    (status(&receiver.talk(bytes)), begun.elapsed())
}

#[test]
fn what_is_malformed_or_too_large_is_answered_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = receiver(&dir);
    let head = |more: &str| [b"POST /webhooks/inbound HTTP/1.1\r\nHost: x\r\n", more.as_bytes()].concat();
    let long = format!("X: {}\r\n\r\n", "a".repeat(40_000));
    let many: String = (0..200).map(|n| format!("X-{n}: 1\r\n")).collect();
    for (name, bytes, wanted) in [
        ("two lengths", head("Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"), 400),
        ("length and chunked", head("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400),
        ("length no number", head("Content-Length: +1\r\n\r\na"), 400),
        ("too large by its length", head("Content-Length: 1048577\r\n\r\n"), 413),
        ("too large by its chunks", head("Transfer-Encoding: chunked\r\n\r\n100001\r\n"), 413),
        ("head too long", head(&long), 431),
        ("too many headers", head(&format!("{many}\r\n")), 431),
        ("not HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".to_vec(), 400),
        ("chunk size no number", head("Transfer-Encoding: chunked\r\n\r\nzz\r\n"), 400),
    ] {
        let (status, took) = timed(&receiver, &bytes);
        assert_eq!(status, Some(wanted), "{name}");
        assert!(took < Duration::from_secs(2), "{name}: {took:?}");
    }
    assert_eq!(receiver.post(&Webhook::new()), Some(200));
}

#[test]
fn the_slow_are_dropped_within_their_limits_while_good_webhooks_flow() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = receiver(&dir);
    let webhook = Webhook::new();
    let short = format!("{}Content-Length: 500\r\n\r\n{{", webhook.head());
    std::thread::scope(|scope| {
        let loris = scope.spawn(|| {
            let (mut stream, begun) = (receiver.connect(), Instant::now());
            // One byte at a time, for ever; the receiver ends it.
            for byte in b"POST /webhooks/inbound HTTP/1.1\r\nX-A: ".iter().chain(std::iter::repeat(&b'a')) {
                if stream.write_all(&[*byte]).is_err() || begun.elapsed() > Duration::from_secs(5) {
                    break;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            begun.elapsed()
        });
        let slow_body = scope.spawn(|| timed(&receiver, short.as_bytes()));
        let idle = scope.spawn(|| timed(&receiver, b""));
        let flowing = Instant::now();
        let mut slowest = Duration::ZERO;
        while flowing.elapsed() < Duration::from_millis(900) {
            let begun = Instant::now();
            assert_eq!(receiver.post(&Webhook::new()), Some(200));
            slowest = slowest.max(begun.elapsed());
        }
        assert!(slowest < Duration::from_secs(1), "{slowest:?}");
        assert!(loris.join().unwrap() < Duration::from_secs(3));
        let (status, took) = slow_body.join().unwrap();
        assert_eq!(status, Some(408));
        assert!(took < Duration::from_secs(2), "{took:?}");
        let (status, took) = idle.join().unwrap();
        assert!(status.is_none() && took < Duration::from_secs(3), "{took:?}");
    });
}

#[test]
fn what_is_unusual_but_right_is_answered() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = receiver(&dir);
    // Pipelined: three webhooks in one write, three answers in order.
    let (a, b, c) = (Webhook::new(), Webhook::new(), Webhook::new());
    let all = receiver.talk(&[a.bytes("keep-alive"), b.bytes("keep-alive"), c.bytes("close")].concat());
    assert_eq!(all.matches("HTTP/1.1 200 OK").count(), 3, "{all}");
    // Half-closed: the sender has said all it has to say.
    let mut stream = receiver.connect();
    stream.write_all(&Webhook::new().bytes("keep-alive")).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(status(&read_all(&mut stream)), Some(200));
    // Chunked, with an extension and trailers.
    let webhook = Webhook::new();
    let (one, two) = webhook.body.split_at(10);
    let mut bytes =
        format!("{}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n", webhook.head()).into_bytes();
    bytes.extend(format!("a;x=y\r\n{}\r\n", String::from_utf8_lossy(one)).into_bytes());
    bytes.extend(
        format!("{:x}\r\n{}\r\n0\r\nX-T: 1\r\n\r\n", two.len(), String::from_utf8_lossy(two)).into_bytes(),
    );
    assert_eq!(status(&receiver.talk(&bytes)), Some(200));
    // A gzip bomb is the bytes it is: verified as such, never unpacked. 1000 zero bytes of deflate stand for a large file.
    let bomb = Webhook::with_body(&[0u8; 200_000]);
    let mut bytes = format!(
        "{}Content-Encoding: gzip\r\nContent-Length: 200000\r\nConnection: close\r\n\r\n",
        bomb.head()
    )
    .into_bytes();
    bytes.extend(&bomb.body);
    assert_eq!(status(&receiver.talk(&bytes)), Some(200));
    // A length that is too short: the rest is no request, and the webhook no whole one.
    let webhook = Webhook::new();
    let mut bytes = format!("{}Content-Length: 5\r\n\r\n", webhook.head()).into_bytes();
    bytes.extend(&webhook.body);
    let answer = receiver.talk(&bytes);
    assert!(answer.starts_with("HTTP/1.1 401") && answer.contains("HTTP/1.1 400"), "{answer}");
}

/// With 500 idle connections at a bound of 36 (100 descriptors less 64 for itself) the oldest are closed and every
/// webhook is answered; the same with all 10,000 where the machine lets this process have them.
#[test]
fn idle_connections_make_room() {
    for (ulimit, idle) in [("ulimit -n 100;", 500), ("", 10_000)] {
        let dir = tempfile::tempdir().unwrap();
        let receiver = Receiver::start(dir.path(), ulimit, &[]);
        let (mut open, mut slowest): (Vec<TcpStream>, _) = (Vec::new(), Duration::ZERO);
        for n in 0..idle {
            match TcpStream::connect(receiver.address) {
                Ok(stream) => open.push(stream),
                // This process, not the receiver, has no more descriptors.
                Err(e) if e.raw_os_error() == Some(24) => break,
                Err(e) => panic!("connection {n} was refused: {e}"),
            }
            if n % (idle / 20) == 0 {
                let begun = Instant::now();
                assert_eq!(receiver.post(&Webhook::new()), Some(200), "after {n} idle connections");
                slowest = slowest.max(begun.elapsed());
            }
        }
        assert!(open.len() > 400 && slowest < Duration::from_secs(2), "{} open, {slowest:?}", open.len());
        let mut oldest = open.swap_remove(0);
        oldest.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        assert_eq!(oldest.read(&mut [0]).ok(), Some(0), "the oldest was closed");
        assert!(receiver.resident_kib() < 200_000, "{} KiB", receiver.resident_kib());
    }
}

#[test]
fn keep_alive_serves_many_on_one_connection() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = receiver(&dir);
    let mut stream = receiver.connect();
    for _ in 0..50 {
        stream.write_all(&Webhook::new().bytes("keep-alive")).unwrap();
        assert_eq!(read_one(&mut stream), Some(200));
    }
}

/// A client that asks and never reads: what it is answered fills its window, and then waits in the receiver.
fn asks_and_never_reads(receiver: &Receiver) -> TcpStream {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let stream = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        socket.connect(receiver.address).await.unwrap().into_std().unwrap()
    });
    stream.set_nonblocking(false).unwrap();
    stream.set_write_timeout(Some(Duration::from_millis(50))).unwrap();
    let _ = (&stream).write_all(&b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n".repeat(600));
    stream
}

/// Whoever holds every seat and reads nothing keeps no webhook out. Each would hold its place for the 10 s that writing may take.
fn make_room(seats: usize, webhooks: usize) {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(dir.path(), "", &["--connections", &seats.to_string()]);
    let deaf: Vec<TcpStream> = (0..seats).map(|_| asks_and_never_reads(&receiver)).collect();
    for n in 0..webhooks {
        let begun = Instant::now();
        assert_eq!(receiver.post(&Webhook::new()), Some(200), "webhook {n}");
        assert!(begun.elapsed() < Duration::from_secs(4), "webhook {n}: {:?}", begun.elapsed());
    }
    drop(deaf);
}

#[test]
fn connections_that_never_read_make_room() {
    make_room(8, 8);
}

#[test]
fn as_many_as_there_are_seats_that_never_read_keep_no_webhook_out() {
    make_room(256, 48);
}
