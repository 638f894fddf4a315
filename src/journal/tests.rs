//! Tests of the journal: what is written is read again, and whatever is done to it is found.

use super::*;
use proptest::prelude::*;
use record::Tick;
use record::*;
use signature::Verdict;
use std::io::{BufReader, Cursor, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

pub(super) fn header() -> Header {
    Header {
        run_id: uuid::Uuid::from_u128(7),
        scenario: ScenarioRef {
            name: "x".into(),
            subject: SubjectKind::flow(),
            plural: None,
            sha256: "00".into(),
        },
        gates: serde_json::json!({}),
        gates_sha256: "00".into(),
        environment: "staging".into(),
        target: "http://127.0.0.1/".into(),
        flows: 1,
        concurrency: 1,
        seed: 1,
        webhook: WebhookConfig {
            endpoint: "http://127.0.0.1/".into(),
            timeout_ms: 10_000,
            max_attempts: 3,
            secret_configured: true,
            secret_length_chars: 64,
            secrets: 1,
        },
        pii_salt: "00".into(),
        ..Header::new(RunKind::Run, chrono::DateTime::from_timestamp_micros(1_763_044_200_123_456).unwrap())
            .unwrap()
    }
}

pub(super) fn note(n: u64) -> Record {
    Record::Note(Note { at: Tick(n), text: format!("note {n} \u{fc}\n\"") })
}

fn attempt(n: u64, body: Body) -> Record {
    Record::Attempt(Box::new(Attempt {
        attempt: n,
        first_byte: Tick(n),
        received: Tick(n + 1),
        peer: None,
        method: "POST".into(),
        target: "/w".into(),
        headers: vec![("Host".into(), "h".into())],
        body,
        verdict: Verdict::valid(),
        answer: Some(200),
        duplicate: false,
        elsewhere: false,
        fault: None,
        redirect: None,
        holds_secret: false,
    }))
}

/// A finished journal with `notes` notes.
fn written(notes: u64) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("j");
    let journal = Journal::create(&path, &header()).unwrap();
    (0..notes).for_each(|n| journal.append(&note(n)).unwrap());
    journal.finish(Tick(notes), true).unwrap();
    std::fs::read(&path).unwrap()
}

/// What is read one by one, which is what is read ahead.
fn read(bytes: &[u8]) -> Result<(Vec<Record>, Integrity), ReadError> {
    let one_by_one = one_by_one(bytes);
    let told = |read: &Result<_, ReadError>| read.as_ref().map_err(ToString::to_string).cloned();
    assert_eq!(told(&one_by_one), told(&ahead(bytes)));
    one_by_one
}

fn ahead(bytes: &[u8]) -> Result<(Vec<Record>, Integrity), ReadError> {
    let (header, reader) = Reader::new(Cursor::new(bytes.to_vec()))?;
    let mut records = vec![Record::Header(Box::new(header))];
    let mut lines = bytes.split(|b| *b == b'\n').skip(1);
    let watch = |_: &mut Record, line: &[u8]| assert_eq!(Some(line), lines.next());
    let integrity = reader.for_each_watched(watch, |record| records.push(record.clone()))?;
    Ok((records, integrity))
}

fn one_by_one(bytes: &[u8]) -> Result<(Vec<Record>, Integrity), ReadError> {
    let (header, mut reader) = Reader::new(Cursor::new(bytes.to_vec()))?;
    let mut records = vec![Record::Header(Box::new(header))];
    while let Some(record) = reader.next_record()? {
        records.push(record);
    }
    Ok((records, reader.integrity()))
}

fn lines(bytes: &[u8]) -> Vec<Vec<u8>> {
    bytes.split_inclusive(|b| *b == b'\n').map(<[u8]>::to_vec).collect()
}

/// Chains lines again: what somebody does who knows the format.
fn rechained(lines: &[Vec<u8>]) -> Vec<u8> {
    let mut prev = GENESIS.to_owned();
    let mut out = Vec::new();
    for line in lines {
        let mut value: serde_json::Value = serde_json::from_slice(line).unwrap();
        value["prev"] = prev.into();
        let line = serde_json::to_vec(&value).unwrap();
        prev = sha256_hex(&line);
        out.extend(line);
        out.push(b'\n');
    }
    out
}

#[test]
fn what_is_written_is_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("j");
    let journal = Journal::create(&path, &header()).unwrap();
    let raw = vec![0xff, 0x00, b'"', b'\n'];
    let facts = [
        note(1),
        attempt(0, Body::from_bytes(raw.clone())),
        attempt(1, Body::Text("{\"a\":\"\u{1}\"}".into())),
    ];
    facts.iter().for_each(|fact| journal.append(fact).unwrap());
    let sealed = journal.finish(Tick(9), true).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let (records, integrity) = read(&bytes).unwrap();
    assert_eq!(records[1..4], facts);
    assert_eq!(records[4], Record::End(End { at: Tick(9), records: 4, complete: true }));
    assert_eq!(integrity, Integrity { sha256: sealed.sha256, records: 5, ended: true, torn_bytes: 0 });
    let Record::Attempt(read) = &records[2] else { panic!("an attempt") };
    assert_eq!(read.body.bytes(), raw);
    assert_eq!(integrity.sha256, sha256_hex(&bytes));
}

#[test]
fn more_records_than_are_handed_over_at_once_are_read_in_order() {
    let (records, _) = read(&written(1_000)).unwrap();
    assert_eq!(records[1..1_001], (0..1_000).map(note).collect::<Vec<_>>());
}

#[test]
fn only_its_owner_may_read_it_even_where_an_open_file_was() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("j");
    std::fs::write(&path, "old").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
    let elsewhere = dir.path().join("elsewhere");
    std::fs::write(&elsewhere, "kept").unwrap();
    let link = dir.path().join("link");
    std::os::unix::fs::symlink(&elsewhere, &link).unwrap();
    for path in [&path, &link] {
        Journal::create(path, &header()).unwrap();
        assert_eq!(std::fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777, 0o600);
    }
    assert_eq!(std::fs::read_to_string(elsewhere).unwrap(), "kept", "a link is replaced, not followed");
}

#[test]
fn a_finished_journal_takes_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::create(&dir.path().join("j"), &header()).unwrap();
    journal.finish(Tick(1), true).unwrap();
    assert!(journal.append(&note(1)).unwrap_err().to_string().contains("finished"));
    assert!(journal.finish(Tick(2), true).is_err());
}

#[test]
fn a_line_that_no_reader_takes_is_not_written() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("j");
    let journal = Journal::create(&path, &header()).unwrap();
    let before = std::fs::read(&path).unwrap();
    assert!(journal.append(&attempt(0, Body::Text("x".repeat(MAX_LINE)))).is_err());
    assert_eq!(std::fs::read(&path).unwrap(), before);
    journal.append(&note(1)).unwrap();
    journal.finish(Tick(2), true).unwrap();
    assert_eq!(read(&std::fs::read(&path).unwrap()).unwrap().0.len(), 3);
}

#[test]
fn appends_of_many_threads_make_one_chain() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("j");
    let journal = Journal::create(&path, &header()).unwrap();
    std::thread::scope(|scope| {
        for t in 0..8 {
            let journal = journal.clone();
            scope.spawn(move || (0..100).for_each(|n| journal.append(&note(t * 1000 + n)).unwrap()));
        }
    });
    journal.finish(Tick(9), true).unwrap();
    let (records, integrity) = read(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!((records.len(), integrity.ended), (802, true));
}

#[test]
fn a_torn_tail_is_told_and_what_stands_before_it_is_read() {
    let whole = written(3);
    let all = lines(&whole);
    let tail = all.last().unwrap().len();
    for cut in 1..tail {
        let (records, integrity) = read(&whole[..whole.len() - cut]).unwrap();
        assert_eq!((records.len(), integrity.ended, integrity.torn_bytes), (4, false, tail - cut));
    }
    let (records, integrity) = read(&whole[..whole.len() - tail]).unwrap();
    assert_eq!((records.len(), integrity.ended, integrity.torn_bytes), (4, false, 0));
}

#[test]
fn lines_that_are_moved_removed_doubled_or_put_in_break_the_chain() {
    let all = lines(&written(4));
    let of = |order: &[usize]| -> Vec<u8> { order.iter().flat_map(|i| all[*i].clone()).collect() };
    let broken_at = |order: &[usize]| match read(&of(order)) {
        Err(ReadError::Chain { line }) => line,
        other => panic!("{order:?}: {other:?}"),
    };
    assert_eq!(broken_at(&[0, 2, 1, 3, 4, 5]), 2);
    assert_eq!(broken_at(&[0, 1, 3, 4, 5]), 3);
    assert_eq!(broken_at(&[0, 1, 1, 2, 3, 4, 5]), 3);
    assert_eq!(broken_at(&[0, 1, 2, 3, 4, 5, 1]), 7);
    let mut other = header();
    other.run_id = uuid::Uuid::from_u128(8);
    let spliced = [lines(&written(4))[..3].concat(), all[4..].concat()].concat();
    assert!(matches!(read(&spliced), Err(ReadError::Chain { line: 4 })));
}

#[test]
fn whoever_chains_again_still_cannot_join_or_cut() {
    let all = lines(&written(2));
    let structure = |lines: &[Vec<u8>]| match read(&rechained(lines)) {
        Err(ReadError::Structure { line, what }) => (line, what),
        other => panic!("{other:?}"),
    };
    let twice: Vec<_> = all.iter().take(3).chain(&all).cloned().collect();
    assert!(structure(&twice).1.contains("second header"));
    let after: Vec<_> = all.iter().chain(&all[1..2]).cloned().collect();
    assert!(structure(&after).1.contains("after the end"));
    let cut: Vec<_> = all.iter().take(1).chain(&all[2..]).cloned().collect();
    assert!(structure(&cut).1.contains("count does not match the records"));
    assert!(matches!(read(&rechained(&all[1..])), Err(ReadError::NoHeader)));
}

#[test]
fn other_versions_and_other_files_are_named() {
    let all = lines(&written(0));
    let newer = String::from_utf8(all[0].clone()).unwrap().replace("\"version\":2", "\"version\":3");
    assert!(matches!(read(newer.as_bytes()), Err(ReadError::Version(3))));
    let old = br#"{"prev":"00","record":{"header":{"version":1,"command":"payments"}}}"#;
    assert!(matches!(read(&[&old[..], b"\n"].concat()), Err(ReadError::Version(1))));
    assert!(matches!(read(b""), Err(ReadError::Empty { torn: 0 })));
    assert!(matches!(read(b"half a line"), Err(ReadError::Empty { torn: 11 })));
    assert!(read(b"half a line").unwrap_err().to_string().contains("cut off within its first line"));
    assert!(matches!(read(b"{\n  \"gates\": []\n}\n"), Err(ReadError::Artifact)));
    assert!(matches!(read(b"{\"a\":1}\n"), Err(ReadError::Malformed { line: 1, .. })));
    assert!(matches!(read(b"\n"), Err(ReadError::Malformed { line: 1, .. })));
    assert!(matches!(read(&[0xff, 0xfe, b'\n']), Err(ReadError::Malformed { line: 1, .. })));
    assert!(Reader::open(Path::new("/nonexistent")).is_err());
    let why = read(b"{\"prev\":1}\n").unwrap_err().to_string();
    assert!(why.starts_with("line 1: not a journal record:"), "{why}");
}

/// A line of 2 GB is refused after a bounded part of it; nobody holds it in memory.
#[test]
fn an_endless_line_is_refused() {
    let endless = BufReader::new(std::io::repeat(b'x').take(2_000_000_000));
    let error = Reader::new(endless).map(|_| ()).unwrap_err();
    assert!(matches!(error, ReadError::LongLine { line: 1 }), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Any flipped bit before the last line is an error; in the last line, an error or another SHA-256 of the file.
    #[test]
    fn any_flipped_bit_is_found(at in 0usize..10_000, bit in 0u8..8) {
        static WRITTEN: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| written(3));
        let mut bytes = WRITTEN.clone();
        let before = read(&bytes).unwrap().1;
        let at = at % bytes.len();
        let last = bytes.len() - lines(&bytes).last().unwrap().len();
        bytes[at] ^= 1 << bit;
        match read(&bytes) {
            Err(_) => {}
            Ok((_, after)) => {
                prop_assert!(at >= last, "a change of byte {at} before the last line went unnoticed");
                prop_assert_ne!(after.sha256, before.sha256);
            }
        }
    }

    /// Nothing that is called a journal makes the reader panic.
    #[test]
    fn noise_is_an_error(noise in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(read(&noise).is_err());
    }
}
