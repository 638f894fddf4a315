//! A receiver whose system clock is put right while it runs: signatures are judged by the time that it is.

use super::receiver::{SECRET, Webhook, status};
use chrono::{DateTime, TimeDelta, Utc};
use evidence::analysis::Recheck;
use record::{Header, Reader, Record, RetryContract, RunKind, Watch};
use serde_json::Value;
use signature::{Scheme, Secret};
use smoke::journal::{Rotation, Sync};
use smoke::receive::{Identity, Keep, Plan, Receiver};
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use wire::Clock;
use wire::http1::Limits;

/// How far the system's clock is from the true time, in ms.
static WRONG_BY: AtomicI64 = AtomicI64::new(0);

fn system() -> DateTime<Utc> {
    Utc::now() + TimeDelta::milliseconds(WRONG_BY.load(Ordering::Relaxed))
}

fn plan(journal: std::path::PathBuf) -> Plan {
    let identity = Identity {
        kind: RunKind::Receive,
        environment: "staging".to_owned(),
        target: String::new(),
        endpoint: String::new(),
        gates: (Value::Null, String::new()),
        scheme: Scheme::DeltacrownV2,
        sender: None,
        retry: RetryContract::default(),
        sender_timeout: Duration::from_secs(10),
        secret_chars: SECRET.len(),
        blind: false,
    };
    Plan {
        address: "127.0.0.1:0".parse().unwrap(),
        identity,
        more_paths: Vec::new(),
        path: "/webhooks/inbound".to_owned(),
        secret: Secret::new(SECRET),
        tls: None,
        limits: Limits::default(),
        connections: 16,
        connections_per_address: None,
        admin: None,
        keep: Keep::default(),
        drain: Duration::from_secs(1),
        forward: None,
        journal,
        sync: Sync::Kernel,
        rotation: Rotation::default(),
        token: None,
        witness: None,
        interceptor: None,
        faults: Vec::new(),
    }
}

fn talk(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(bytes).unwrap();
    super::receiver::read_all(&mut stream)
}

fn post(address: SocketAddr) -> Option<u16> {
    status(&talk(address, &Webhook::new().bytes("close")))
}

fn health(address: SocketAddr) -> String {
    talk(address, b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
}

/// The receiver starts an hour before the true time, as before NTP, and is put right; later its machine's clock is wrong again.
#[test]
fn signatures_are_judged_by_the_time_that_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("j.jsonl");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    WRONG_BY.store(-3_600_000, Ordering::Relaxed);
    let (stop, stopped) = watch::channel(false);
    let (address, served) = runtime.block_on(async {
        let receiver = Receiver::with_clock(plan(journal.clone()), Clock::start_with(system)).unwrap();
        (receiver.address(), tokio::spawn(receiver.serve(stopped)))
    });
    assert_eq!(post(address), Some(400), "an hour ahead of a clock that is an hour behind");
    assert!(!health(address).contains("clock"));
    WRONG_BY.store(0, Ordering::Relaxed);
    assert_eq!(post(address), Some(200), "the clock was put right");
    assert!(health(address).contains("+3600.0 s"), "{}", health(address));
    WRONG_BY.store(600_000, Ordering::Relaxed);
    assert_eq!(post(address), Some(400), "stale by a clock that is ten minutes ahead");
    stop.send(true).unwrap();
    runtime.block_on(served).unwrap().unwrap();

    let (header, mut reader): (Header, _) = Reader::open(&journal).unwrap();
    let mut recheck = Recheck::new(&header, &Secret::new(SECRET)).unwrap();
    let (mut parted, mut reasons, mut last) = (Vec::new(), Vec::new(), record::Tick(0));
    while let Some(record) = reader.next_record().unwrap() {
        recheck.take(&record);
        match &record {
            Record::Watch(Watch::WallClock(w)) => parted.push((w.ahead_ms + 30_000) / 60_000),
            Record::Attempt(a) => {
                reasons.push(a.verdict.reason.to_string());
                assert!(a.received >= last && a.received.0 < 60_000_000, "times stay monotonic");
                last = a.received;
            }
            _ => {}
        }
    }
    assert_eq!((parted, reasons), (vec![60, 70], vec!["future".into(), "valid".into(), "stale".into()]));
    assert_eq!((recheck.checked, recheck.disagreements), (3, 0), "whoever verifies again comes to the same");
}
