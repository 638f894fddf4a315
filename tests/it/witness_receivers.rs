//! Receivers with a key, runs and loads that are read back from them, and what the gate says of both.

use crate::harness::{Ran, Smoke};
use crate::receiver::{Receiver, SECRET, TOKEN, Webhook, until};
use crate::witness::gate;
use record::{Reader, Record, Tick, journal_bytes};
use std::path::{Path, PathBuf};

/// A receiver with a key, and its public half.
fn start(dir: &Path, flags: &[&str]) -> (Receiver, String) {
    if !dir.join("key").exists() {
        let key = Smoke::new("key").args(&["--out"]).arg(dir.join("key")).run().exits(0);
        std::fs::write(dir.join("key.pub"), key.stdout).unwrap();
    }
    let receiver = Receiver::start(dir, "", &[flags, &["--witness-key", "key"]].concat());
    (receiver, dir.join("key.pub").display().to_string())
}

fn payments(receiver: &Receiver, args: &[&str]) -> Ran {
    let smoke = Smoke::new("payments").env("WEBHOOK_SECRET", SECRET).file("token", TOKEN).arg("--quiet");
    let url = format!("http://{}", receiver.address);
    smoke.args(&["--inbox", &url, "--token-file", "token"]).args(args).run()
}

fn folder(ran: &Ran) -> PathBuf {
    ran.dir().join("artifacts")
}

#[test]
fn a_receiver_registers_runs_and_remembers_them_over_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let (mut receiver, key) = start(dir.path(), &["--rotate-size", "64KiB"]);
    let with = |args: &[&'static str]| [&["--environment", "embedded", "--witness", &key][..], args].concat();
    let first = payments(&receiver, &[]).exits(0);
    let (code, text) = gate(&[&folder(&first)], &with(&["--trust", "witness", "--require", "payments"]));
    assert_eq!((code, text.contains("1 run was started, 1 is shown")), (0, true), "{text}");
    assert!(text.contains("flows that were played besides") && !text.contains("left out"), "{text}");
    // The journal gives the same artifact again, and no other key has signed it.
    let (code, text) =
        gate(&[&folder(&first)], &["--environment", "embedded", "--witness", &("00".repeat(31) + "05")]);
    assert_eq!((code, text.contains("witness_signature_not_valid")), (1, true), "{text}");
    receiver.kill();
    let (receiver, _) = start(dir.path(), &[]);
    receiver.hears("vouching for runs with key");
    let second = payments(&receiver, &["--flows", "3"]).exits(0);
    let (code, text) = gate(&[&folder(&second)], &with(&["--min-flows", "3"]));
    assert_eq!((code, text.contains("2 runs were started, 1 is shown")), (3, true), "{text}");
    let (code, text) = gate(&[&folder(&first), &folder(&second)], &with(&["--min-flows", "3"]));
    assert_eq!((code, text.contains("2 runs were started, 2 are shown")), (0, true), "{text}");
    // Whoever has no token registers nothing, and without a key there is nothing to register at.
    assert!(receiver.get("/_smoke/runs?run=x", None).starts_with("HTTP/1.1 401"));
    assert!(receiver.get("/_smoke/runs?run=x", Some(TOKEN)).starts_with("HTTP/1.1 405"));
    assert!(receiver.get("/_smoke/attempts?run=x", Some(TOKEN)).starts_with("HTTP/1.1 400"));
    let unknown = format!("/_smoke/attempts?since=0&run={}", uuid::Uuid::new_v4());
    assert!(receiver.get(&unknown, Some(TOKEN)).starts_with("HTTP/1.1 404"));
}

/// The receiver is killed in the middle of a window: what it had signed holds, and the new process goes on from its journal.
#[test]
fn a_window_over_a_restart_of_the_receiver_is_vouched_for() {
    let dir = tempfile::tempdir().unwrap();
    let (mut receiver, key) = start(dir.path(), &["--rotate-size", "64KiB"]);
    let url = format!("http://{}", receiver.address);
    let observe = Smoke::new("observe").env("WEBHOOK_SECRET", SECRET).file("token", TOKEN);
    let (mut child, run) =
        observe.args(&["--inbox", &url, "--token-file", "token", "--duration", "8s"]).spawn();
    let journal = run.path().join("artifacts/staging_observation_journal.jsonl");
    let seen = |text: &str| std::fs::read_to_string(&journal).is_ok_and(|all| all.contains(text));
    until(|| seen("{\"begin\":"), "the window has begun");
    let before = Webhook::new();
    assert_eq!(receiver.post(&before), Some(200));
    until(|| seen(&before.id), "it is read back");
    let address = receiver.address.to_string();
    receiver.kill();
    let (receiver, _) = start(dir.path(), &["--listen", &address]);
    let after = Webhook::new();
    assert_eq!(receiver.post(&after), Some(200));
    until(|| seen(&after.id), "it is read back from the new process");
    child.wait().unwrap();
    assert!(seen("\"gap\":{"), "what was posted while it was away has been seen by nobody");
    let (_, text) = gate(&[&run.path().join("artifacts")], &["--witness", &key, "--min-window", "1s"]);
    assert!(text.contains("2 of them webhook attempts") && !text.contains("contradictions"), "{text}");
    assert!(text.contains("witness: whoever runs the receiver"), "{text}");
}

/// Drives a load of flows that is read back from the receiver; how fast the machine is says nothing here.
fn load(receiver: &Receiver, into: &Path, args: &[&str]) {
    let smoke = Smoke::new("load").env("WEBHOOK_SECRET", SECRET).file("token", TOKEN);
    let url = format!("http://{}", receiver.address);
    let smoke = smoke.args(&["payments", "--rate", "20/s", "--duration", "1s", "--inbox", &url]);
    smoke.args(&["--token-file", "token"]).args(args).args(&["--artifacts"]).arg(into).run();
}

/// The gate's answer to what is in a folder, of which no record was made up.
fn vouched(dir: &Path, key: &str, args: &[&str]) -> String {
    let with = [&["--environment", "embedded", "--witness", key, "--trust", "witness"], args].concat();
    let (_, text) = gate(&[dir], &with);
    assert!(!text.contains("contradiction") && text.contains("witness: whoever runs the receiver"), "{text}");
    text
}

/// Changes the records of a load, writes its artifact again, and gives the gate's answer.
fn cooked(dir: &Path, honest: &[u8], key: &str, change: &dyn Fn(&mut Record)) -> (i32, String) {
    let journal = dir.join("staging_load_journal.jsonl");
    std::fs::write(&journal, honest).unwrap();
    let (header, mut reader) = Reader::open(&journal).unwrap();
    let (mut records, mut end) = (Vec::new(), Tick(0));
    while let Some(mut record) = reader.next_record().unwrap() {
        change(&mut record);
        match record {
            Record::End(last) => end = last.at,
            record => records.push(record),
        }
    }
    std::fs::write(&journal, journal_bytes(&header, &records, Some((end, true))).unwrap()).unwrap();
    let output = dir.join("staging_load_output.json");
    Smoke::new("report").arg(&journal).args(&["--output"]).arg(&output).run();
    gate(&[dir], &["--environment", "embedded", "--witness", key, "--trust", "witness"])
}

/// A load keeps no webhooks: the receiver's account of what came is held against what the load counts.
#[test]
fn a_load_is_vouched_for_by_the_number_of_its_attempts() {
    let dir = tempfile::tempdir().unwrap();
    let (receiver, key) = start(dir.path(), &[]);
    let alone = tempfile::tempdir().unwrap();
    load(&receiver, alone.path(), &[]);
    assert!(vouched(alone.path(), &key, &[]).contains("20 webhook attempts arrived from"));
    let honest = std::fs::read(alone.path().join("staging_load_journal.jsonl")).unwrap();
    let of = |change: &dyn Fn(&mut Record), says: &str| {
        let (code, text) = cooked(alone.path(), &honest, &key, change);
        assert!(text.contains(says), "{says}: {text}");
        code
    };
    let sums = |change: fn(&mut record::RunStats), says: &str| {
        let change = |record: &mut Record| {
            if let Record::RunStats(sums) = record {
                change(sums);
            }
        };
        of(&change, says)
    };
    let second = |change: fn(&mut record::Interval), says: &str| {
        let change = |record: &mut Record| {
            if let Record::Interval(second) = record {
                change(second);
            }
        };
        of(&change, says)
    };
    assert_eq!(sums(|s| s.came.values_mut().for_each(|n| *n += 1), "witness_counts_differ"), 1);
    assert_eq!(sums(|s| s.organic.reasons.values_mut().for_each(|n| *n += 1), "load_does_not_add_up"), 1);
    // As loads of earlier versions are.
    assert_ne!(sums(|s| s.came.clear(), "the load does not say what arrived"), 0);
    assert_eq!(second(|s| s.response.clone_from(&s.own_lag), "a response took"), 1);
    let fewer = |s: &mut record::Interval| {
        (s.started, s.done) = (s.started.saturating_sub(1), s.done.saturating_sub(1));
    };
    assert_eq!(second(fewer, "starts were made or dropped"), 1);
}

/// Shards that are merged are vouched for one by one, and shown together.
#[test]
fn shards_are_vouched_for_together() {
    let dir = tempfile::tempdir().unwrap();
    let (receiver, key) = start(dir.path(), &[]);
    let shards = tempfile::tempdir().unwrap();
    let begin = (chrono::Utc::now() + chrono::TimeDelta::seconds(3)).to_rfc3339();
    std::thread::scope(|scope| {
        for shard in ["0/2", "1/2"] {
            let (receiver, into, begin) = (&receiver, shards.path(), &begin);
            scope.spawn(move || load(receiver, into, &["--shard", shard, "--start-at", begin]));
        }
    });
    let merged = Smoke::new("merge").arg(shards.path()).run();
    let text = vouched(&folder(&merged), &key, &[]);
    assert!(text.contains("2 runs were started, 2 are shown"), "{text}");
}
