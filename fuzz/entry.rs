//! Where bytes of strangers come in: one function for each way, which has to return whatever the bytes are.
//!
//! The fuzz targets call these, and `tests/it/fuzz_seeds.rs` does on the stable toolchain.

use chrono::{TimeDelta, Utc};
use evidence::approval::{Checkout, Demand, Request, judge};
use evidence::gate::{Gates, Verdict};
use evidence::logs::{Fold, Formats};
use http1::{Body, Framing};
use pii::{Engine, Policy};
use record::seal::{PublicKey, Statement, envelopes};
use record::{Reader, SenderProfile};
use signature::{Received, Secret, Verifier};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;
use wire::Clock;
use wire::http1::{Buffered, Connection, Limits, LongBody, read_response};

/// A name, and what takes the bytes.
pub type Entry = (&'static str, fn(&[u8]));

/// The entry points by the name of their corpus.
pub const ENTRIES: [Entry; 9] = [
    ("http", http),
    ("chunked", chunked),
    ("journal", journal),
    ("pii", pii),
    ("log_lines", log_lines),
    ("scenario", scenario),
    ("sender", sender),
    ("artifact", artifact),
    ("envelope", envelope),
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

/// A body in the chunked transfer coding. The first byte says in which pieces the rest comes: wherever the network cuts it,
/// the body is the same. The rest as content, put into chunks of that size, is read back as it was.
pub fn chunked(bytes: &[u8]) {
    let Some((piece, wire)) = bytes.split_first() else { return };
    let piece = usize::from(*piece).max(1);
    let whole = read_chunked(wire, wire.len().max(1));
    assert_eq!(whole, read_chunked(wire, piece), "cut into pieces of {piece}");
    assert_eq!(whole, read_chunked(wire, 1), "byte by byte");

    let mut coded = Vec::new();
    for content in wire.chunks(piece) {
        coded.extend_from_slice(format!("{:X};x=\"{piece}\"\r\n", content.len()).as_bytes());
        coded.extend_from_slice(content);
        coded.extend_from_slice(b"\r\n");
    }
    coded.extend_from_slice(b"0\r\nTrailer: t\r\n\r\n");
    let length = coded.len();
    coded.extend_from_slice(b"POST / HTTP/1.1\r\n");
    assert_eq!(read_chunked(&coded, piece), Some((wire.to_vec(), length)), "what was put into chunks");
}

/// The content of a body that came whole, and how many bytes it took on the wire; `None` when it is refused or cut off.
fn read_chunked(wire: &[u8], piece: usize) -> Option<(Vec<u8>, usize)> {
    /// No limit is in the way of what a fuzzer makes.
    const LIMITS: http1::Limits = http1::Limits { head: 1 << 16, body: 1 << 20, overhead: 1 << 24 };
    let mut body = Body::new(Framing::Chunked, LIMITS).ok()?;
    let (mut content, mut used, mut come) = (Vec::new(), 0, 0);
    while come < wire.len() && !body.is_done() {
        come = (come + piece).min(wire.len());
        used += body.feed(&wire[used..come], |bytes| content.extend_from_slice(bytes)).ok()?;
        assert!(used <= come && content.len() <= used, "a body holds only what was sent");
    }
    body.is_done().then_some((content, used))
}

/// A journal as `smoke report`, `merge` and `gate` read it.
pub fn journal(bytes: &[u8]) {
    let Ok((_, mut reader)) = Reader::new(std::io::Cursor::new(bytes.to_vec())) else { return };
    while let Ok(Some(_)) = reader.next_record() {}
    let _ = reader.integrity();
}

/// A webhook's body, an answer, a line of text: what the search for personal data undoes and looks at.
pub fn pii(bytes: &[u8]) {
    static ENGINE: OnceLock<Option<Engine>> = OnceLock::new();
    let engine = ENGINE.get_or_init(|| Engine::new(&Policy::default(), &[], b"salt").ok());
    let Some(engine) = engine else { return };
    let _ = engine.scan_response(bytes, None);
    let _ = engine.scan_line(bytes);
    let text = String::from_utf8_lossy(bytes);
    let _ = engine.scan_text(&text);
    let _ = engine.masked(&text);
}

/// The sender's log, as `smoke logs` reads it.
pub fn log_lines(bytes: &[u8]) {
    static FORMATS: OnceLock<Option<Formats>> = OnceLock::new();
    let Some(formats) = FORMATS.get_or_init(|| Formats::built_in().ok()) else { return };
    let mut fold = Fold::new(formats, None, None);
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

/// A sender profile. One that is taken is the same when it is read back from a journal, and whoever has no secret of it signs
/// nothing that is valid.
pub fn sender(bytes: &[u8]) {
    let profile = match ::scenario::sender_text(bytes, "fuzz.yaml") {
        Ok(profile) => profile,
        Err(error) => return assert!(!error.to_string().is_empty(), "a mistake has words"),
    };
    let Ok(kept) = serde_json::to_vec(&profile) else { panic!("a profile that no journal can hold") };
    let again: Result<SenderProfile, _> = serde_json::from_slice(&kept);
    assert_eq!(again.ok().as_ref(), Some(&profile), "the profile in the journal is the one of the file");
    let _ = profile.contract();
    // Schemes stay for the life of a process, which has one or two; a fuzzer would fill the memory with them.
    if kept.len() % 64 != 0 {
        return;
    }
    let Ok(scheme) = profile.scheme() else { panic!("a profile without problems has a scheme") };
    let Ok(verifier) = Verifier::new(scheme, &Secret::new("0123456789abcdef".repeat(4))) else { return };
    let headers: Vec<_> =
        scheme.own_headers().iter().map(|name| ((*name).to_owned(), "1".to_owned())).collect();
    let request = Received { method: "POST", url: "https://a.example/", headers: &headers, body: bytes };
    let (verdict, _) = verifier.check_request(&request, 0);
    assert!(!(scheme.is_signed() && verdict.valid), "a signature out of nothing");
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
    let journals = evidence::approval::Journals::default();
    let request = Request {
        now: Utc::now(),
        journals: &journals,
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
        stand_in_rows: None,
        by_hour: false,
    };
    let judgement = judge(&path, &request);
    let _ = std::fs::remove_file(&path);
    assert_ne!(judgement.verdict, Verdict::Pass, "an artifact without a journal passed");
}

/// A signature file beside an artifact. Nobody has the private half of the key that is asked for; it signed one statement, the
/// one in the corpus, so that whatever stands for another one is forged.
pub fn envelope(bytes: &[u8]) {
    const KEY: &str = "a578c838af546af53bd4783c05668c3422e59aa5b01af6d9a205f50d8db1ed55";
    static SIGNED: OnceLock<Option<Statement>> = OnceLock::new();
    let Ok(key) = KEY.parse::<PublicKey>() else { panic!("the key of the corpus") };
    let signed = SIGNED.get_or_init(|| {
        let file = envelopes(include_bytes!("corpus/envelope/signed")).ok()?;
        file.first()?.verify(&key).ok()
    });
    assert!(signed.is_some(), "the envelope of the corpus is signed");
    let all = match envelopes(bytes) {
        Ok(all) => all,
        Err(error) => return assert!(!error.to_string().is_empty(), "a mistake has words"),
    };
    for one in all {
        match one.verify(&key) {
            Ok(statement) => {
                assert_eq!(Some(&statement), signed.as_ref(), "a statement that was never signed");
            }
            Err(error) => assert!(!error.to_string().is_empty(), "a mistake has words"),
        }
    }
}
