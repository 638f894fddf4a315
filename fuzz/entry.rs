//! Where bytes of strangers come in: one function for each way, which has to return whatever the bytes are.
//!
//! The fuzz targets call these, and `tests/it/fuzz_seeds.rs` does on the stable toolchain.

use chrono::{TimeDelta, Utc};
use evidence::approval::{Checkout, Demand, Request, judge};
use evidence::gate::{Gates, Verdict};
use evidence::logs::{Fold, Formats};
use pii::{Engine, Policy};
use record::Reader;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;
use wire::Clock;
use wire::http1::{Buffered, Connection, Limits, LongBody, read_response};

/// A name, and what takes the bytes.
pub type Entry = (&'static str, fn(&[u8]));

/// The entry points by the name of their corpus.
pub const ENTRIES: [Entry; 6] = [
    ("http", http),
    ("journal", journal),
    ("pii", pii),
    ("log_lines", log_lines),
    ("scenario", scenario),
    ("artifact", artifact),
];

/// HTTP/1.1 requests and answers off a connection that ends where the bytes end.
pub fn http(bytes: &[u8]) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_time().build() else { return };
    runtime.block_on(async {
        let peer = tokio::io::join(bytes, tokio::io::sink());
        let mut connection = Connection::new(peer, Clock::start(), Limits::default());
        let mut read = 0;
        while let Ok(request) = connection.read().await {
            read += request.body.len();
            assert!(read <= bytes.len(), "a body holds only what was sent");
        }
        let mut answers = Buffered::new(bytes);
        let mut read = 0;
        while let Ok(answer) = read_response(&mut answers, 1 << 20, LongBody::Refuse).await {
            read += answer.body.len();
            assert!(read <= bytes.len(), "a body holds only what was sent");
        }
    });
}

/// A journal as `smoke report`, `merge` and `gate` read it.
pub fn journal(bytes: &[u8]) {
    let Ok((_, mut reader)) = Reader::new(bytes) else { return };
    while let Ok(Some(_)) = reader.next_record() {}
    let _ = reader.integrity();
}

/// A webhook's body, an answer, a line of text: what the search for personal data undoes and looks at.
pub fn pii(bytes: &[u8]) {
    static ENGINE: OnceLock<Option<Engine>> = OnceLock::new();
    let engine = ENGINE.get_or_init(|| Engine::new(&Policy::default(), &[], b"salt").ok());
    let Some(engine) = engine else { return };
    let _ = engine.scan_response(bytes);
    let _ = engine.scan_line(bytes);
    let text = String::from_utf8_lossy(bytes);
    let _ = engine.scan_text(&text);
    let _ = engine.masked(&text);
}

/// The sender's log, as `smoke logs` reads it.
pub fn log_lines(bytes: &[u8]) {
    let Ok(formats) = Formats::built_in() else { return };
    let mut fold = Fold::new(&formats, None, None);
    for line in String::from_utf8_lossy(bytes).lines() {
        fold.take(Some(line));
    }
    let _ = fold.finish();
}

/// A scenario file.
pub fn scenario(bytes: &[u8]) {
    if let Err(error) = ::scenario::load_bytes(bytes, "fuzz.yaml", Path::new("/nonexistent")) {
        assert!(!error.to_string().is_empty(), "a mistake has words");
    }
}

/// An artifact without a journal, as `smoke gate` gets it: whatever is in it, it does not pass.
pub fn artifact(bytes: &[u8]) {
    let path = std::env::temp_dir().join(format!("smoke-fuzz-{}.json", std::process::id()));
    if std::fs::write(&path, bytes).is_err() {
        return;
    }
    let gates = Gates::default();
    let checkout = Checkout {
        gates_name: "built-in".into(),
        gates_sha256: String::new(),
        gates,
        scenarios: BTreeMap::new(),
    };
    let demand = Demand::default();
    let request = Request {
        now: Utc::now(),
        environment: "staging",
        max_age: TimeDelta::days(1),
        not_before: None,
        secret: None,
        staging_secret: None,
        public_key: None,
        witness: None,
        shown: &std::collections::BTreeSet::new(),
        checkout: &checkout,
        demand: &demand,
        by_hour: false,
    };
    let judgement = judge(&path, &request);
    let _ = std::fs::remove_file(&path);
    assert_ne!(judgement.verdict, Verdict::Pass, "an artifact without a journal passed");
}
