//! Follows a journal file while it grows, through rotation.

use super::Batch;
use super::segment::{LineRead, Segment, hash, read_line, successor};
use crate::journal::{Pulse, is_abandoned, lacks_records};
use record::{End, Header, Line, Record};
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Most records of one look, so that a look ends.
const MOST: usize = 20_000;

/// Why a journal cannot be followed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FollowError {
    /// It cannot be read.
    #[error("{}: {source}", path.display())]
    Io {
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line is not a journal line.
    #[error("{}: not a journal line: {why}", path.display())]
    Malformed {
        path: PathBuf,
        /// What the parser says.
        why: String,
    },
}

/// A journal that is being followed.
#[derive(Debug)]
pub(crate) struct GrowingJournal {
    path: PathBuf,
    segment: Segment,
    line: Vec<u8>,
    pulse: Pulse,
    /// How far the file was read, with the beginning of a line that is not whole yet.
    seen: u64,
    ended: bool,
    /// How far the receiver's system's wall time was ahead of its time line where the reading began, in ms.
    ahead_ms: i64,
}

/// What one look gave.
#[derive(Debug)]
pub(super) struct Look {
    /// What has come.
    pub batch: Batch,
    /// Why something before these records cannot have been seen, or cannot be trusted.
    pub missed: Option<String>,
    /// What there is to see beyond them.
    pub sight: Sight,
}

/// What there is to see beyond what was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sight {
    /// Perhaps more, at once.
    More,
    /// Nothing yet.
    Clear,
    /// Nothing, as long as this is so. Also seen for a moment while a journal is rotated.
    Dark(String),
}

impl GrowingJournal {
    /// Begins at the end of what is there.
    ///
    /// # Errors
    /// When the file cannot be read or begins with no header.
    pub(crate) fn at_end(path: &Path) -> Result<Self, FollowError> {
        let mut segment = Segment::open(path)?;
        let failed = |source| FollowError::Io { path: path.to_path_buf(), source };
        // The end may be in the middle of a line that is being written, which is ours.
        let end = segment.seek_to_last_line_end().map_err(failed)?;
        // What the next line is linked to was not read.
        segment.prev = None;
        let ahead_ms = segment.ahead_ms(end).map_err(failed)?;
        let (line, pulse) = (Vec::new(), Pulse::of(path));
        Ok(Self { path: path.to_path_buf(), segment, line, pulse, seen: end, ended: false, ahead_ms })
    }

    /// How far the receiver's system's wall time was ahead of its time line where the reading began, in ms.
    pub(super) const fn ahead_ms(&self) -> i64 {
        self.ahead_ms
    }

    /// The header of the file that is being read.
    pub(crate) const fn header(&self) -> &Header {
        &self.segment.header
    }

    /// What has come since the last look, as far as it stands in one file.
    ///
    /// # Errors
    /// When the file cannot be read; the next look goes on at the same place.
    pub(super) fn look(&mut self) -> Result<Look, FollowError> {
        self.look_on().map_err(|source| FollowError::Io { path: self.path.clone(), source })
    }

    fn look_on(&mut self) -> io::Result<Look> {
        let (mut records, mut missed) = (Vec::new(), None);
        let sight = loop {
            if records.len() >= MOST {
                break Sight::More;
            }
            match read_line(&mut self.segment.input, &mut self.line)? {
                LineRead::Whole => match self.whole_line() {
                    Ok((record, broken)) => {
                        missed = missed.or(broken);
                        records.push(record);
                    }
                    Err(why) => missed = missed.or(Some(why)),
                },
                LineRead::TooLong => {
                    self.segment.prev = None;
                    self.line.clear();
                    missed.get_or_insert_with(|| "a line is longer than any journal line".to_owned());
                }
                LineRead::End => {
                    self.seek_to_line_start()?;
                    // What was read is told before the file is left.
                    if !records.is_empty() {
                        break Sight::More;
                    }
                    match self.turn()? {
                        Turn::Stay(sight) => break sight,
                        Turn::On(lost) => missed = missed.or(lost),
                    }
                }
            }
        };
        let header = &self.segment.header;
        let (run_id, started, secrets) = (header.run_id, header.started, header.webhook.secrets);
        let batch = Batch { run_id, started, records, secrets, missed: None };
        Ok(Look { batch, missed, sight })
    }

    /// Goes back to where a line begins that is not whole: its receiver takes it back when the disk is full, and writes another one
    /// there.
    fn seek_to_line_start(&mut self) -> io::Result<()> {
        self.seen = self.segment.input.stream_position()?;
        let start = self.seen.saturating_sub(self.line.len() as u64);
        self.line.clear();
        // Not within what is buffered: that may be another line by then.
        self.segment.input.seek(SeekFrom::Start(start)).map(drop)
    }

    /// The record of the line that was read, and what is wrong with its place.
    fn whole_line(&mut self) -> Result<(Record, Option<String>), String> {
        let parsed = Line::parse(&self.line);
        let link = hash(&self.line);
        self.line.clear();
        match parsed {
            Ok(line) => {
                let holds = self.segment.prev.replace(link).is_none_or(|prev| prev == line.prev);
                self.ended = matches!(line.record, Record::End(End { .. }));
                Ok((line.record, (!holds).then(|| "the hash chain of the journal breaks here".to_owned())))
            }
            Err(error) => {
                self.segment.prev = None;
                Err(format!("a line of the journal is not a journal line: {error}"))
            }
        }
    }

    /// At the end of the file: whether another one goes on.
    fn turn(&mut self) -> io::Result<Turn> {
        // Looked at first: what was missing before is told in what is written by now.
        let lacks_records = lacks_records(&self.path);
        let now = match std::fs::metadata(&self.path) {
            Ok(now) => now,
            Err(error) => return Ok(Turn::Stay(Sight::Dark(format!("{}: {error}", self.path.display())))),
        };
        let next = if now.ino() != self.segment.inode {
            successor(&self.path, &self.segment)
        } else if now.len() < self.segment.input.stream_position()? {
            self.segment
                .again(&self.path)
                .map(|segment| (segment, Some("the journal was cut in place".to_owned())))
        } else if self.ended {
            let why = "the receiver has ended its journal".to_owned();
            return Ok(Turn::Stay(Sight::Dark(why)));
        } else if is_abandoned(&self.path) {
            let why = "the receiver is gone: no process has its journal open".to_owned();
            return Ok(Turn::Stay(Sight::Dark(why)));
        } else if lacks_records {
            let why = "the receiver cannot write its journal: webhooks are answered with 503".to_owned();
            return Ok(Turn::Stay(Sight::Dark(why)));
        } else if self.pulse.has_stopped() {
            let why = "the receiver does not run: it hangs or was stopped".to_owned();
            return Ok(Turn::Stay(Sight::Dark(why)));
        } else if now.len() > self.seen {
            return Ok(Turn::Stay(Sight::More));
        } else {
            return Ok(Turn::Stay(Sight::Clear));
        };
        Ok(match next {
            Ok((segment, lost)) => {
                // What a killed receiver has left of a line was never answered.
                (self.segment, self.ended) = (segment, false);
                Turn::On(lost)
            }
            Err(error) => Turn::Stay(Sight::Dark(error.to_string())),
        })
    }
}

/// What the end of a file means.
enum Turn {
    /// It is still the file to read.
    Stay(Sight),
    /// Another one is; and what is missing between them.
    On(Option<String>),
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::journal::{IntactMark, Journal, Options, Pace, Rotation, Sync};
    use crate::receive::{Identity, header};
    use record::Note;
    use record::{Tick, WallClock};
    use wire::Clock;

    pub(in crate::record_source) fn receiver(path: &Path) -> Journal {
        let identity = Identity {
            kind: record::RunKind::Observe,
            environment: "staging".to_owned(),
            target: String::new(),
            endpoint: String::new(),
            gates: (serde_json::json!({}), String::new()),
            scheme: signature::Scheme::DeltacrownV2,
            sender: None,
            retry: record::RetryContract::default(),
            sender_timeout: std::time::Duration::from_secs(10),
            secret_chars: 64,
            secrets: 1,
            blind: false,
        };
        let clock = Clock::start();
        let rotation = Rotation { bytes: Some(4096), every: None };
        let options = Options { rotation, sync: Sync::Kernel, pace: Pace::Each, clock };
        Journal::create_in_segments(path, &header(&identity, clock).unwrap(), options).unwrap()
    }

    pub(in crate::record_source) fn notes(journal: &Journal, n: u64) {
        for at in 0..n {
            let text = "x".repeat(200);
            journal.append(&Record::Note(Note { at: Tick(at), text })).unwrap();
        }
    }

    /// How many notes come until there is no more, the first thing missed, and how it ended.
    fn all(follow: &mut GrowingJournal) -> (usize, Option<String>, Sight) {
        let (mut n, mut missed) = (0, None);
        loop {
            let look = follow.look().unwrap();
            n += look.batch.records.iter().filter(|r| matches!(r, Record::Note(_))).count();
            missed = missed.or(look.missed);
            if look.sight != Sight::More {
                return (n, missed, look.sight);
            }
        }
    }

    #[test]
    fn many_rotations_between_two_looks_lose_nothing_and_a_part_that_is_gone_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("j.jsonl");
        let journal = receiver(&path);
        let mut follow = GrowingJournal::at_end(&path).unwrap();
        notes(&journal, 200);
        assert!(journal.part().1 > 5);
        assert_eq!(all(&mut follow), (200, None, Sight::Clear));
        let next = journal.part().1 + 1;
        notes(&journal, 200);
        std::fs::remove_file(crate::journal::segment_path(&path, next)).unwrap();
        let (n, missed, sight) = all(&mut follow);
        assert!(n < 200 && n > 100 && sight == Sight::Clear, "{n} {sight:?}");
        assert!(missed.unwrap().contains("a part of the journal is missing"));
    }

    #[test]
    fn a_receiver_that_ends_or_a_journal_that_goes_away_is_dark_until_another_one_comes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("j.jsonl");
        let journal = receiver(&path);
        let mut follow = GrowingJournal::at_end(&path).unwrap();
        notes(&journal, 2);
        journal.finish(Tick(9), true).unwrap();
        let ended = Sight::Dark("the receiver has ended its journal".to_owned());
        assert_eq!(all(&mut follow), (2, None, ended));
        let journal = receiver(&path);
        notes(&journal, 3);
        let (n, missed, sight) = all(&mut follow);
        assert_eq!((n, missed.as_deref(), sight), (3, Some("the receiver was restarted"), Sight::Clear));
        std::fs::rename(&path, dir.path().join("away")).unwrap();
        assert!(matches!(all(&mut follow).2, Sight::Dark(_)));
        std::fs::rename(dir.path().join("away"), &path).unwrap();
        std::fs::write(&path, "").unwrap();
        assert!(matches!(all(&mut follow).2, Sight::Dark(_)), "cut in place");
    }

    #[test]
    fn a_journal_that_lacks_records_is_dark_until_it_tells_of_them() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("j.jsonl");
        let journal = receiver(&path);
        let mark = IntactMark::set(&path).unwrap();
        let mut follow = GrowingJournal::at_end(&path).unwrap();
        notes(&journal, 2);
        assert_eq!(all(&mut follow), (2, None, Sight::Clear));
        mark.remove();
        notes(&journal, 3);
        let (n, missed, sight) = all(&mut follow);
        assert_eq!((n, missed), (3, None), "what is there is read");
        assert!(matches!(sight, Sight::Dark(why) if why.contains("cannot write its journal")));
        notes(&journal, 1);
        assert!(mark.restore());
        assert_eq!(all(&mut follow), (1, None, Sight::Clear));
    }

    /// As a receiver leaves it whose disk is full: a piece of what it writes, of which nothing stays.
    #[test]
    fn what_a_full_disk_has_cut_is_taken_back_and_nothing_is_read_twice() {
        use std::io::Write as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("j.jsonl");
        let journal = receiver(&path);
        notes(&journal, 2);
        let whole = std::fs::metadata(&path).unwrap().len();
        let file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
        (&file).write_all(b"{\"prev\":\"ab").unwrap();
        let mut follow = GrowingJournal::at_end(&path).unwrap();
        file.set_len(whole).unwrap();
        assert_eq!(all(&mut follow), (0, None, Sight::Clear), "what was there before is not ours");
        (&file).write_all(b"{\"prev\":\"ab").unwrap();
        assert_eq!(all(&mut follow), (0, None, Sight::Clear), "a line that is not whole");
        file.set_len(whole).unwrap();
        notes(&journal, 1);
        assert_eq!(all(&mut follow), (1, None, Sight::Clear));
        // Lines that are whole are taken back with it: they were read, and are not there.
        let whole = std::fs::metadata(&path).unwrap().len();
        notes(&journal, 1);
        assert_eq!(all(&mut follow), (1, None, Sight::Clear));
        file.set_len(whole).unwrap();
        let cut = Some("the journal was cut in place".to_owned());
        assert_eq!(all(&mut follow), (0, cut, Sight::Clear));
    }

    #[test]
    fn where_the_reading_begins_it_is_known_how_far_the_receivers_clock_was_stepped() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("j.jsonl");
        let journal = receiver(&path);
        let ahead_ms = || GrowingJournal::at_end(&path).unwrap().ahead_ms();
        assert_eq!(ahead_ms(), 0);
        for stepped in [-700_000, 5_000] {
            journal.append_wall_clock(WallClock { at: Tick(1), ahead_ms: stepped }).unwrap();
            notes(&journal, 2);
            assert_eq!(ahead_ms(), stepped);
            journal.begin_next().unwrap();
            notes(&journal, 1);
            assert_eq!(ahead_ms(), stepped, "in the next file");
        }
    }

    #[test]
    fn a_receiver_that_was_killed_is_dark() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("j.jsonl");
        let journal = receiver(&path);
        let mut follow = GrowingJournal::at_end(&path).unwrap();
        notes(&journal, 2);
        assert_eq!(all(&mut follow), (2, None, Sight::Clear));
        // The kernel drops the lock of a process that is killed.
        drop(journal);
        let gone = Sight::Dark("the receiver is gone: no process has its journal open".to_owned());
        assert_eq!(all(&mut follow), (0, None, gone));
        // Where there is no lock nobody knows.
        std::fs::remove_file(crate::journal::hidden_beside(&path, "lock")).unwrap();
        assert_eq!(all(&mut follow).2, Sight::Clear);
    }

    #[test]
    fn a_line_that_is_none_costs_no_other_and_a_broken_chain_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("j.jsonl");
        let journal = receiver(&path);
        let mut follow = GrowingJournal::at_end(&path).unwrap();
        notes(&journal, 2);
        let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
        std::io::Write::write_all(&mut file, b"garbage\n").unwrap();
        notes(&journal, 2);
        let (n, missed, _) = all(&mut follow);
        assert_eq!(n, 4);
        assert!(missed.unwrap().contains("is not a journal line"));
        let line =
            Line { prev: "1".repeat(64), record: Record::Note(Note { at: Tick(1), text: String::new() }) };
        let line = format!("{}\n", serde_json::to_string(&line).unwrap());
        std::io::Write::write_all(&mut file, line.as_bytes()).unwrap();
        let (n, missed, _) = all(&mut follow);
        assert_eq!((n, missed.as_deref()), (1, Some("the hash chain of the journal breaks here")));
    }
}
