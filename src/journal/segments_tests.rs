//! Tests of journals in parts: many writers, what is there already, and who else writes.

use super::tests::{header, note};
use super::*;
use record::{Reader, Record, Watch, sha256_hex};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use wire::Clock;

fn options(bytes: Option<u64>) -> Options {
    let rotation = Rotation { bytes, every: None };
    Options { rotation, sync: Sync::Kernel, pace: Pace::Together, clock: Clock::start() }
}

fn open(path: &Path) -> std::io::Result<Journal> {
    Journal::create_in_segments(path, &header(), options(None))
}

fn files(path: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        (1..1000).map(|n| segment_path(path, n)).take_while(|p| p.exists()).collect();
    files.push(path.to_path_buf());
    files
}

/// The texts of all notes, each file read to its end, and its links to the one before held against it.
fn notes(path: &Path) -> Vec<String> {
    let (mut notes, mut before) = (Vec::new(), None);
    for file in files(path) {
        let (_, mut reader) = Reader::open(&file).unwrap();
        while let Some(record) = reader.next_record().unwrap() {
            match record {
                Record::Note(note) => notes.push(note.text),
                Record::Watch(Watch::Continues(continues)) => assert_eq!(Some(continues.sha256), before),
                _ => {}
            }
        }
        before = Some(sha256_hex(&std::fs::read(&file).unwrap()));
    }
    notes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_waited_for_is_there_once_over_all_parts() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("j");
    let journal = Journal::create_in_segments(&path, &header(), options(Some(4096))).unwrap();
    let mut writers = tokio::task::JoinSet::new();
    for t in 0..16u64 {
        let journal = journal.clone();
        writers.spawn(async move {
            for n in 0..50 {
                journal.append_durably(&note(t * 1000 + n)).unwrap().wait().await.unwrap();
                journal.append_soon(&note(1_000_000 + t * 1000 + n)).unwrap();
            }
        });
    }
    while let Some(ended) = writers.join_next().await {
        ended.unwrap();
    }
    journal.finish(record::Tick(9), true).unwrap();
    let all = notes(&path);
    assert_eq!((all.len(), all.iter().collect::<BTreeSet<_>>().len()), (1600, 1600));
    assert!(files(&path).len() > 10, "{} files", files(&path).len());
}

#[test]
fn what_is_no_journal_stays_where_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let (folder, text, link) = (dir.path().join("d"), dir.path().join("t"), dir.path().join("l"));
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(&text, "notes\n").unwrap();
    std::os::unix::fs::symlink(&text, &link).unwrap();
    for path in [&folder, &text, &link] {
        let error = open(path).unwrap_err().to_string();
        assert!(error.contains("not a smoke journal"), "{error}");
        assert!(!segment_path(path, 1).exists());
    }
    assert!(folder.is_dir() && link.is_symlink());
    assert_eq!(std::fs::read_to_string(&text).unwrap(), "notes\n");
}

#[test]
fn one_process_writes_at_a_time_and_an_empty_file_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("j");
    std::fs::write(&path, "").unwrap();
    let first = open(&path).unwrap();
    let error = open(&path).unwrap_err().to_string();
    assert!(error.contains("another smoke process"), "{error}");
    drop(first);
    open(&path).unwrap();
    assert_eq!(files(&path).len(), 2);
}

#[test]
fn a_neighbour_with_a_similar_name_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (path, neighbour) = (dir.path().join("j.jsonl"), dir.path().join("j.next"));
    std::fs::write(&neighbour, "mine").unwrap();
    let journal = Journal::create_in_segments(&path, &header(), options(Some(1))).unwrap();
    (0..3).for_each(|n| journal.append(&note(n)).unwrap());
    assert_eq!(std::fs::read_to_string(&neighbour).unwrap(), "mine");
    assert!(files(&path).len() > 3);
}

#[test]
fn a_rotation_that_was_cut_off_is_ended() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("j");
    let journal = Journal::create_in_segments(&path, &header(), options(Some(1))).unwrap();
    journal.append(&note(1)).unwrap();
    drop(journal);
    // As a kill between the two renames leaves it.
    std::fs::rename(&path, segments::next_path(&path)).unwrap();
    let journal = open(&path).unwrap();
    journal.append(&note(2)).unwrap();
    journal.finish(record::Tick(9), true).unwrap();
    assert_eq!((notes(&path).len(), files(&path).len()), (2, 3));
}
