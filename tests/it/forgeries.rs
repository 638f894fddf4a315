//! Forged webhooks in large numbers: good ones are answered as if there were none, and the forgeries are still explained.

use super::receiver::{Receiver, SECRET, Webhook, read_one, until};
use record::{Reader, Record, Watch};
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Attempts, and diagnoses by the attempt's number.
fn read(journal: &Path) -> (Vec<record::Attempt>, Vec<(u64, String)>) {
    let (_, mut reader) = Reader::open(journal).unwrap();
    let (mut attempts, mut diagnoses) = (Vec::new(), Vec::new());
    while let Some(record) = reader.next_record().unwrap() {
        match record {
            Record::Attempt(attempt) => attempts.push(*attempt),
            Record::Watch(Watch::Diagnosed(found)) => diagnoses.push((found.attempt, found.text)),
            _ => {}
        }
    }
    (attempts, diagnoses)
}

/// A webhook of 57 KB whose signature is nobody's, made so that every candidate body is another one.
fn forged() -> Webhook {
    let item = r#"{"id":17,"name":"a ü b","note":"<i>/x</i>"},"#.repeat(1_300);
    let mut webhook = Webhook::with_body(format!(r#"{{"z":[{item}1],"a":2}}"#).as_bytes());
    webhook.body.push(b' ');
    webhook
}

/// CPU seconds that a process has used.
fn cpu(receiver: &Receiver) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", receiver.pid())).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    // Fields 14 and 15 of proc(5), in hundredths of a second on Linux.
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

#[test]
fn good_webhooks_are_answered_beside_a_flood_of_forged_ones() {
    let dir = tempfile::tempdir().unwrap();
    let mut receiver = Receiver::start(dir.path(), "", &[]);
    let (stop, floods) = (AtomicBool::new(false), AtomicU64::new(0));
    let (mut slowest, mut good) = (Duration::ZERO, 0u64);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            let (receiver, stop, floods) = (&receiver, &stop, &floods);
            scope.spawn(move || {
                let (mut stream, bytes) = (receiver.connect(), forged().bytes("keep-alive"));
                while !stop.load(Ordering::Relaxed) {
                    stream.write_all(&bytes).unwrap();
                    assert_eq!(read_one(&mut stream), Some(401));
                    floods.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let mut stream = receiver.connect();
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(3) {
            let asked = Instant::now();
            stream.write_all(&Webhook::new().bytes("keep-alive")).unwrap();
            assert_eq!(read_one(&mut stream), Some(200));
            slowest = slowest.max(asked.elapsed());
            good += 1;
        }
        stop.store(true, Ordering::Relaxed);
    });
    let floods = floods.load(Ordering::Relaxed);
    // A diagnosis in front of the answer takes over a second in this build: neither of these would hold.
    assert!(floods > 30 && good > 30, "{floods} forged and {good} good ones were answered in 3 s");
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    receiver.terminate();
    assert!(receiver.wait().success());
    let (attempts, _) = read(&dir.path().join("j.jsonl"));
    assert_eq!(attempts.len() as u64, floods + good, "every one of them is recorded");
    assert!(attempts.iter().all(|a| a.verdict.valid || a.verdict.diagnosis.is_none()));
}

#[test]
fn when_the_flood_is_over_nothing_is_left_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(dir.path(), "", &[]);
    let (forged, mut stream) = (forged().bytes("keep-alive"), receiver.connect());
    for _ in 0..300 {
        stream.write_all(&forged).unwrap();
        assert_eq!(read_one(&mut stream), Some(401));
    }
    // More than wait are skipped, and that is counted.
    let skipped = || {
        let metrics = receiver.get("/metrics", None);
        let line = metrics.lines().find_map(|l| l.strip_prefix("webhook_diagnoses_skipped_total "));
        line.and_then(|n| n.parse::<u64>().ok()).unwrap()
    };
    assert!(skipped() > 100, "{}", skipped());
    // A sixteenth of a core is little of the second that is looked at; a tenth leaves room for the rest of the process.
    let (before, begun) = (cpu(&receiver), Instant::now());
    until(|| begun.elapsed() > Duration::from_secs(2), "two seconds have passed");
    let share = (cpu(&receiver) - before) / begun.elapsed().as_secs_f64();
    assert!(share < 0.15, "{share} of a core");
}

#[test]
fn a_known_mistake_is_explained_after_its_answer() {
    let dir = tempfile::tempdir().unwrap();
    let mut receiver = Receiver::start(dir.path(), "", &[]);
    assert_eq!(receiver.post(&Webhook::new()), Some(200));
    let mut mistaken = Webhook::new();
    let key = signature::Secret::new(format!("{SECRET}\n"));
    let signer = signature::Signer::new(signature::Scheme::DeltacrownV2, &key).unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    let outgoing = signature::Outgoing {
        event: "payment_verified",
        id: &mistaken.id,
        timestamp_ms: i64::try_from(now).unwrap(),
        body: &mistaken.body,
    };
    mistaken.headers = signer.sign(&outgoing);
    assert_eq!(receiver.post(&mistaken), Some(401));
    receiver.terminate();
    assert!(receiver.wait().success());
    let (attempts, diagnoses) = read(&dir.path().join("j.jsonl"));
    assert!(attempts.iter().all(|a| a.verdict.diagnosis.is_none()));
    assert_eq!(diagnoses, [(1, "the sender's secret ends in a newline".to_owned())]);
}
