//! A receiver whose system clock is put right while it runs: signatures are judged by the time that it is.

use super::honest_windows::{folder, is_not_contradicted, parts};
use super::receiver::{SECRET, TOKEN, Webhook, status, until};
use chrono::{DateTime, TimeDelta, Utc};
use evidence::analysis::Recheck;
use record::{Header, Reader, Record, RetryContract, RunKind, Watch};
use signature::{Scheme, Secret};
use smoke::journal::{Rotation, Sync};
use smoke::receive::{Identity, Keep, Plan, Receiver, Token};
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
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
        gates: (serde_json::json!({}), String::new()),
        scheme: Scheme::DeltacrownV2,
        sender: None,
        retry: RetryContract::default(),
        sender_timeout: Duration::from_secs(10),
        secret_chars: SECRET.len(),
        secrets: 1,
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

/// A receiver that goes by this clock, and what ends it.
fn start(plan: Plan, clock: Clock) -> (SocketAddr, impl FnOnce()) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (stop, stopped) = watch::channel(false);
    let (address, served) = runtime.block_on(async {
        let receiver = Receiver::with_clock(plan, clock).unwrap();
        (receiver.address(), tokio::spawn(receiver.serve(stopped)))
    });
    let end = move || {
        stop.send(true).unwrap();
        runtime.block_on(served).unwrap().unwrap();
    };
    (address, end)
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
    WRONG_BY.store(-3_600_000, Ordering::Relaxed);
    let (address, end) = start(plan(journal.clone()), Clock::start_with(system));
    assert_eq!(post(address), Some(400), "an hour ahead of a clock that is an hour behind");
    assert!(!health(address).contains("clock"));
    WRONG_BY.store(0, Ordering::Relaxed);
    assert_eq!(post(address), Some(200), "the clock was put right");
    assert!(health(address).contains("+3600.0 s"), "{}", health(address));
    WRONG_BY.store(600_000, Ordering::Relaxed);
    assert_eq!(post(address), Some(400), "stale by a clock that is ten minutes ahead");
    end();

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

/// How far the clock of a receiver is wrong that windows are kept over, in ms.
static WATCHED_WRONG_BY: AtomicI64 = AtomicI64::new(0);

fn watched_system() -> DateTime<Utc> {
    Utc::now() + TimeDelta::milliseconds(WATCHED_WRONG_BY.load(Ordering::Relaxed))
}

/// What the gate says of a window that is read from `source` over a receiver whose clock is off by so many seconds when it starts,
/// when the window begins, and in its middle.
fn watch_over(source: &str, [started, begun, stepped]: [i64; 3]) -> String {
    let is_off = |seconds: i64| WATCHED_WRONG_BY.store(seconds * 1000, Ordering::Relaxed);
    let dir = folder();
    let token = Token::new(Secret::new(TOKEN));
    let rotation = Rotation { bytes: Some(4096), every: None };
    is_off(started);
    let plan = Plan { token, rotation, ..plan(dir.path().join("j.jsonl")) };
    let (address, end) = start(plan, Clock::start_with(watched_system));
    let post_all = |n| (0..n).for_each(|_| assert!(post(address).is_some()));
    post_all(2);
    is_off(begun);
    post_all(6);
    let url = format!("http://{address}");
    let source = match source {
        "inbox" => vec!["--inbox", &url, "--token-file", "token"],
        _ => vec!["--journal", "j.jsonl"],
    };
    let mut window = Command::new(env!("CARGO_BIN_EXE_smoke"));
    window
        .args(["observe", "--duration", "1s", "--keep-going", "--quiet"])
        .args(source)
        .current_dir(dir.path());
    window
        .env_remove("WEBHOOK_SECRET")
        .env_remove("WEBHOOK_ENDPOINT")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut window = window.spawn().unwrap();
    let journal = dir.path().join("artifacts/staging_observation_journal.jsonl");
    let has_begun = || std::fs::read_to_string(&journal).is_ok_and(|text| text.contains("\"begin\""));
    until(has_begun, "the window has begun");
    post_all(6);
    is_off(stepped);
    post_all(6);
    window.wait().unwrap();
    end();
    let what = format!("{started} s, {begun} s, {stepped} s");
    let files = parts(dir.path());
    assert!(files.len() > 3, "{what}: {} files", files.len());
    for part in files {
        is_not_contradicted(&what, dir.path(), &part);
    }
    is_not_contradicted(&what, dir.path(), &journal)
}

/// Whatever the receiver's clock does, its verdicts are verified again by it: nobody is accused, and what hangs on a clock that is
/// off is unproven.
#[test]
fn a_window_over_a_receiver_whose_clock_is_wrong_is_not_contradicted() {
    for source in ["inbox", "journal"] {
        let said = watch_over(source, [-700, 0, 0]);
        assert!(said.contains("12 of 12 valid, each as recorded"), "{source}: {said}");
    }
    for (source, offs, by_theirs) in
        [("journal", [700; 3], 12), ("inbox", [0, 0, -700], 6), ("inbox", [-700, -700, 700], 12)]
    {
        let said = watch_over(source, offs);
        let unproven = format!("{by_theirs} of 12 verdicts are right by the clock of the receiver");
        assert!(said.contains(&unproven), "{source}, {offs:?}: {said}");
    }
}
