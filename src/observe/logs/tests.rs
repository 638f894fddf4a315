use super::*;
use std::io::Write;
use std::time::SystemTime;
use tempfile::TempDir;

/// The longest line that is read whole.
const LONGEST: usize = 64 * 1024;

/// A log that holds `text` already, followed from its end.
fn followed(text: &str) -> (TempDir, PathBuf, LogFollow) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    std::fs::write(&path, text).unwrap();
    let follow = LogFollow::at_end(&path, LONGEST).unwrap();
    (dir, path, follow)
}

fn look(follow: &mut LogFollow) -> Vec<String> {
    follow.look().unwrap().into_iter().map(|line| line.unwrap_or_else(|| "(no text)".to_owned())).collect()
}

#[test]
fn lines_come_through_rotation_and_half_lines_wait() {
    let (dir, path, mut follow) = followed("before\n");
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(b"one\ntw").unwrap();
    assert_eq!(look(&mut follow), ["one"]);
    file.write_all(b"o\n").unwrap();
    std::fs::rename(&path, dir.path().join("log.1")).unwrap();
    std::fs::write(&path, "three\n").unwrap();
    assert_eq!(look(&mut follow), ["two", "three"]);
    assert_eq!(follow.lost(), None);
    std::fs::remove_file(&path).unwrap();
    assert!(follow.lost().unwrap().contains("is gone"));
}

/// A process that had it open writes on in the file that was renamed.
#[test]
fn the_old_file_is_read_on_to_the_end_of_the_window() {
    let (dir, path, mut follow) = followed("");
    let mut old = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    std::fs::rename(&path, dir.path().join("log.1")).unwrap();
    std::fs::write(&path, "").unwrap();
    assert!(look(&mut follow).is_empty());
    old.write_all(b"late\nunfin").unwrap();
    assert_eq!(look(&mut follow), ["late"]);
    std::fs::write(&path, "new\n").unwrap();
    assert_eq!(look(&mut follow), ["new"]);
    old.write_all(b"ished\nlast").unwrap();
    std::fs::remove_file(dir.path().join("log.1")).unwrap();
    follow.end();
    assert_eq!((follow.left(), look(&mut follow)), (10, vec!["unfinished".to_owned()]));
    assert_eq!(follow.rests().into_iter().map(|(text, _)| text.unwrap()).collect::<Vec<_>>(), ["last"]);
    assert_eq!(follow.lost(), None);
}

#[test]
fn a_file_that_was_the_log_between_two_looks_is_read_or_said_to_be_missing() {
    let rotate = |path: &Path, times: usize, keep: usize| {
        for n in 1..=times {
            for number in (1..keep).rev() {
                let _ = std::fs::rename(
                    path.with_extension(number.to_string()),
                    path.with_extension((number + 1).to_string()),
                );
            }
            std::fs::rename(path, path.with_extension("1")).unwrap();
            std::fs::write(path, format!("{n}\n")).unwrap();
        }
    };
    let (_dir, path, _) = followed("before\n");
    std::fs::write(path.with_extension("1"), "long before\n").unwrap();
    std::fs::write(path.with_extension("9"), "no log of the window, but beside it\n").unwrap();
    let mut follow = LogFollow::at_end(&path, LONGEST).unwrap();
    rotate(&path, 3, 9);
    let mut lines = look(&mut follow);
    lines.sort();
    assert_eq!((lines, follow.lost()), (vec!["1".to_owned(), "2".to_owned(), "3".to_owned()], None));
    // Between the one that was read, which is gone, and the oldest that is there, there may have been others.
    let (_dir, path, mut gone) = followed("");
    rotate(&path, 3, 1);
    assert_eq!(look(&mut gone), ["2", "3"]);
    assert!(
        gone.lost().unwrap().contains("rotated more than once within half a second"),
        "{:?}",
        gone.lost()
    );
}

#[test]
fn what_was_skipped_in_another_folder_is_read_and_what_is_older_there_is_not() {
    let (dir, path, mut follow) = followed("before\n");
    let at = |name: &str| dir.path().join("old").join(name);
    std::fs::create_dir(dir.path().join("old")).unwrap();
    std::fs::write(at("log.3"), "of another day\n").unwrap();
    let yesterday = SystemTime::now() - Duration::from_secs(86400);
    File::options().append(true).open(at("log.3")).unwrap().set_modified(yesterday).unwrap();
    std::fs::rename(&path, at("log.2")).unwrap();
    std::fs::write(at("log.1"), "between\n").unwrap();
    std::fs::write(&path, "now\n").unwrap();
    let lines = look(&mut follow);
    assert_eq!((lines, follow.lost()), (vec!["between".to_owned(), "now".to_owned()], None));
}

#[test]
fn a_file_that_was_compressed_at_once_is_missed_unless_it_was_read() {
    let (dir, path, mut follow) = followed("");
    let at = |name: &str| dir.path().join(name);
    // The one that is being read is compressed when the next one has its name.
    std::fs::rename(&path, at("log.1")).unwrap();
    std::fs::write(at("log.1.gz"), "packed").unwrap();
    std::fs::remove_file(at("log.1")).unwrap();
    std::fs::write(&path, "one\n").unwrap();
    assert_eq!((look(&mut follow), follow.lost()), (vec!["one".to_owned()], None));
    for name in ["log.2.gz", "log.3.gz"] {
        std::fs::write(at(name), "packed").unwrap();
    }
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "four\n").unwrap();
    assert_eq!(look(&mut follow), ["four"]);
    assert!(follow.lost().unwrap().contains("not all of the files are there"), "{:?}", follow.lost());
}

#[test]
fn of_many_rotated_files_the_last_are_read_on() {
    let (dir, path, mut follow) = followed("");
    std::fs::write(&path, "not ended").unwrap();
    assert!(look(&mut follow).is_empty());
    for n in 0..KEPT {
        std::fs::rename(&path, dir.path().join(format!("log.{n}"))).unwrap();
        std::fs::write(&path, "").unwrap();
        assert!(look(&mut follow).is_empty());
    }
    std::fs::rename(&path, dir.path().join(format!("log.{KEPT}"))).unwrap();
    std::fs::write(&path, "").unwrap();
    assert_eq!(look(&mut follow), ["not ended"]);
    assert_eq!(follow.old.len(), KEPT);
    assert!(follow.lost().unwrap().contains("more than 8 times within a minute"), "{:?}", follow.lost());
    // Where that took its time, only what comes to the first one is not read.
    follow.unread = None;
    assert_eq!(follow.lost(), None);
    std::fs::write(dir.path().join("log.0"), "not ended, late\n").unwrap();
    assert!(follow.lost().unwrap().contains("written to again"), "{:?}", follow.lost());
}

#[test]
fn what_stood_in_a_log_that_was_cut_is_read_from_its_copy_and_the_rest_is_unknown() {
    let (dir, path, mut follow) = followed("before\n");
    let append = |text: &str| {
        std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(text.as_bytes()).unwrap();
    };
    append("one\n");
    assert_eq!(look(&mut follow), ["one"]);
    append("two\n");
    std::fs::write(dir.path().join("log.9"), "an older one that is longer than all of the others\n").unwrap();
    std::fs::copy(&path, dir.path().join("log.1")).unwrap();
    append("between the copy and the truncation\n");
    // It has more in it again than it had, so that its length shows nothing.
    let longer = "three, which is longer than all that stood there before it was truncated";
    std::fs::write(&path, format!("{longer}\n")).unwrap();
    assert_eq!(look(&mut follow), ["two", longer]);
    assert!(follow.lost().unwrap().contains("between the copy and the truncation"), "{:?}", follow.lost());
    let (_dir, path, mut follow) = followed("before\n");
    std::fs::write(&path, "five\n").unwrap();
    assert_eq!(look(&mut follow), ["five"]);
    assert!(follow.lost().unwrap().contains("with no copy next to it"), "{:?}", follow.lost());
}

#[test]
fn a_line_is_read_whole_or_told_not_to_be() {
    let (_dir, path, mut follow) = followed("");
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    // However slowly it is written.
    let (begin, end) = ("a".repeat(LONGEST - 10), "b".repeat(9));
    file.write_all(begin.as_bytes()).unwrap();
    assert!(look(&mut follow).is_empty());
    file.write_all(format!("{end}\n").as_bytes()).unwrap();
    assert_eq!(look(&mut follow), [begin + &end]);
    // One that is too long, at once or not.
    let long = "c".repeat(LONGEST + 5);
    file.write_all(format!("{long}\nnext\n").as_bytes()).unwrap();
    let cut = || vec!["c".repeat(LONGEST), "(no text)".to_owned()];
    assert_eq!(look(&mut follow), [cut(), vec!["next".to_owned()]].concat());
    file.write_all(long.as_bytes()).unwrap();
    assert_eq!(look(&mut follow), cut());
    file.write_all(long.as_bytes()).unwrap();
    assert!(look(&mut follow).is_empty());
    file.write_all(b"d\nafter\n").unwrap();
    assert_eq!(look(&mut follow), ["after"]);
    assert!(follow.rests().is_empty());
}

#[test]
fn what_stood_there_when_the_window_ended_is_read_or_said_to_be_left() {
    let (dir, path, mut follow) = followed("");
    let line = format!("{}\n", "a".repeat(1023));
    std::fs::write(&path, line.repeat(5 * 1024)).unwrap();
    std::fs::rename(&path, dir.path().join("log.1")).unwrap();
    std::fs::write(&path, "next\n").unwrap();
    follow.end();
    assert_eq!(follow.left(), 5 * 1024 * 1024 + 5);
    assert_eq!(look(&mut follow).len(), 4 * 1024);
    assert!(follow.lost().unwrap().contains("not read to its end: 1048581 bytes"), "{:?}", follow.lost());
    assert_eq!(look(&mut follow).len(), 1025);
    assert_eq!((look(&mut follow).len(), follow.left(), follow.lost()), (0, 0, None));
}

#[test]
fn a_last_line_without_an_end_is_the_rest() {
    let (_dir, path, mut follow) = followed("");
    assert!(follow.rests().is_empty());
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(b"one\nERROR tw").unwrap();
    assert_eq!(look(&mut follow), ["one"]);
    file.write_all(b"o").unwrap();
    assert!(look(&mut follow).is_empty());
    let (text, _) = follow.rests().remove(0);
    assert_eq!(text.as_deref(), Some("ERROR two"));
    assert!(follow.rests().is_empty());
}

#[test]
fn a_log_in_utf_16_is_followed() {
    let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let (_dir, path, mut follow) = followed("");
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(&wide("\u{feff}one \u{1f600}\ntw")).unwrap();
    assert_eq!(look(&mut follow), ["one \u{1f600}"]);
    let mut later = LogFollow::at_end(&path, LONGEST).unwrap();
    file.write_all(&wide("o\n")).unwrap();
    assert_eq!((look(&mut follow), look(&mut later)), (vec!["two".to_owned()], vec!["o".to_owned()]));
    // Another program writes to the same file.
    file.write_all(&[0, 0xdc, 0, 0xdc, 0x0a, 0]).unwrap();
    assert_eq!(look(&mut follow), ["(no text)"]);
}

#[test]
fn only_a_file_is_a_log() {
    let dir = tempfile::tempdir().unwrap();
    assert!(LogFollow::at_end(dir.path(), LONGEST).unwrap_err().to_string().contains("not a file"));
}
