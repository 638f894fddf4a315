//! A journal that is taken away while it is written: nothing is answered 200 that nobody can read again.

use super::harness::Smoke;
use super::receiver::{Receiver, Webhook, status, until};
use record::{Reader, Record, Watch};
use std::path::Path;
use std::process::Command;

/// Whether the journal has a gap, and what it goes on from.
fn gap_and_link(journal: &Path) -> (bool, Option<record::Continues>) {
    let (_, mut reader) = Reader::open(journal).unwrap();
    let (mut gap, mut link) = (false, None);
    while let Ok(Some(record)) = reader.next_record() {
        match record {
            Record::Watch(Watch::Gap(g)) => gap |= g.why.contains("removed, replaced or changed"),
            Record::Watch(Watch::Continues(c)) => link = Some(c),
            _ => {}
        }
    }
    (gap, link)
}

fn recovers(receiver: &Receiver, journal: &Path) {
    until(|| journal.exists() && status(&receiver.get("/healthz", None)) == Some(200), "it writes again");
    assert_eq!(receiver.post(&Webhook::new()), Some(200));
    let (gap, link) = gap_and_link(journal);
    assert!(gap && link.is_some_and(|l| l.part >= 2));
}

#[test]
fn a_file_that_is_removed_replaced_or_cut_is_begun_anew_with_a_gap() {
    let cut_and_written_again = "echo line > j.jsonl";
    for change in [
        "rm j.jsonl",
        "mv j.jsonl away",
        "mv j.jsonl away; touch j.jsonl",
        ": > j.jsonl",
        cut_and_written_again,
    ] {
        let dir = tempfile::tempdir().unwrap();
        let receiver = Receiver::start(dir.path(), "", &[]);
        assert_eq!(receiver.post(&Webhook::new()), Some(200));
        assert!(Command::new("sh").args(["-c", change]).current_dir(dir.path()).status().unwrap().success());
        receiver.hears("the journal cannot be written");
        recovers(&receiver, &dir.path().join("j.jsonl"));
        receiver.hears("the journal can be written again");
        if change == cut_and_written_again {
            let aside = dir.path().join(".j.jsonl.cut.000001");
            // What was on its way to the file when it was cut may stand behind it.
            assert!(std::fs::read_to_string(aside).unwrap().starts_with("line\n"));
        }
    }
}

#[test]
fn without_its_folder_it_answers_503_until_that_is_back() {
    let dir = tempfile::tempdir().unwrap();
    let (folder, journal) = (dir.path().join("d"), dir.path().join("d/j.jsonl"));
    std::fs::create_dir(&folder).unwrap();
    let receiver = Receiver::start(dir.path(), "", &["--journal", "d/j.jsonl"]);
    assert_eq!(receiver.post(&Webhook::new()), Some(200));
    std::fs::rename(&folder, dir.path().join("away")).unwrap();
    until(|| status(&receiver.get("/healthz", None)) == Some(503), "it is not well");
    assert_eq!(receiver.post(&Webhook::new()), Some(503));
    std::fs::create_dir(&folder).unwrap();
    recovers(&receiver, &journal);
}

/// What is not ours is not touched.
#[test]
fn a_file_of_somebody_else_in_its_place_stays() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(dir.path(), "", &[]);
    let journal = dir.path().join("j.jsonl");
    std::fs::remove_file(&journal).unwrap();
    std::fs::write(&journal, "not a journal").unwrap();
    receiver.hears("the journal cannot be written");
    assert_eq!(receiver.post(&Webhook::new()), Some(503));
    assert_eq!(std::fs::read_to_string(&journal).unwrap(), "not a journal");
}

#[test]
fn a_load_whose_journal_is_removed_has_no_verdict() {
    let smoke = Smoke::new("load").args(&["payments", "--rate", "20/s", "--duration", "20s"]);
    let (child, dir) = smoke.spawn();
    let artifacts = dir.path().join("artifacts");
    let journal = || {
        let files = std::fs::read_dir(&artifacts).into_iter().flatten();
        files.map(|f| f.unwrap().path()).find(|p| p.to_string_lossy().ends_with("_journal.jsonl"))
    };
    until(|| journal().is_some_and(|j| j.metadata().is_ok_and(|m| m.len() > 4000)), "it is under way");
    std::fs::remove_file(journal().unwrap()).unwrap();
    let ran = super::harness::Ran::new(&child.wait_with_output().unwrap(), dir);
    ran.exits(4).says("removed, replaced or changed");
}

/// Where nothing is written for minutes it is noticed all the same: neither ends by itself within the time of a test.
#[test]
fn a_run_and_a_window_whose_journal_is_removed_end_at_once() {
    let run = ["--misbehave", "drop-webhook", "--within", "30m"];
    let window = ["--listen", "127.0.0.1:0", "--duration", "30m"];
    for (command, args, name, begun) in [
        ("payments", &run[..], "staging_payments", "flow_end"),
        ("observe", &window[..], "staging_observation", "\"begin\""),
    ] {
        let (child, dir) =
            Smoke::new(command).env("WEBHOOK_SECRET", super::receiver::SECRET).args(args).spawn();
        let journal = dir.path().join(format!("artifacts/{name}_journal.jsonl"));
        until(|| std::fs::read_to_string(&journal).is_ok_and(|text| text.contains(begun)), "it is under way");
        std::fs::remove_file(&journal).unwrap();
        let ran = super::harness::Ran::new(&child.wait_with_output().unwrap(), dir);
        ran.exits(4).says("removed, replaced or changed");
    }
}

#[test]
fn a_limit_on_file_sizes_is_an_error_and_no_death() {
    for command in ["payments --flows 10", "load payments --rate 20/s --duration 1s"] {
        let dir = tempfile::tempdir().unwrap();
        let script = format!("ulimit -f 2; exec \"$0\" {command}");
        let ran = Command::new("bash")
            .args(["-c", &script, env!("CARGO_BIN_EXE_smoke")])
            .current_dir(dir.path())
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&ran.stderr);
        assert_eq!(ran.status.code(), Some(4), "{command}: {stderr}");
        assert!(stderr.contains("File too large"), "{command}: {stderr}");
    }
}
