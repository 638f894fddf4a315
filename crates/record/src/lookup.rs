//! Looks for records of one kind in a journal without parsing the others.

use crate::line_reader::{LineReader, Next};
use crate::reader::AT_ONCE;
use crate::{GENESIS, Line, MAX_LINE, Record};
use std::io::{self, Read};
use std::ops::ControlFlow;

/// Where the record begins in a line: behind its link.
const RECORD_AT: usize = r#"{"prev":"","record":"#.len() + GENESIS.len();

/// The last record of a journal whose JSON begins with `begins`, such as `{"watch":{"offset":`; lines that are none of a
/// journal are passed over. What it says is checked by nobody: chain and signatures are the reader's business.
///
/// # Errors
/// When the input cannot be read, or has a line longer than any of a journal.
pub fn last_record(input: impl Read, begins: &str) -> io::Result<Option<Record>> {
    let mut last = None;
    each_line(input, |line, record| {
        if record.starts_with(begins.as_bytes()) {
            last = Line::parse(line).ok().map(|line| line.record).or_else(|| last.take());
        }
        ControlFlow::Continue(())
    })?;
    Ok(last)
}

/// Whether a record of a journal whose JSON begins with `begins` stands before the first one whose JSON begins with `other`. No more
/// is read than settles it.
///
/// # Errors
/// As for [`last_record`].
pub fn stands_before(input: impl Read, begins: &str, other: &str) -> io::Result<bool> {
    let mut found = false;
    each_line(input, |_, record| {
        found = record.starts_with(begins.as_bytes());
        if found || record.starts_with(other.as_bytes()) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })?;
    Ok(found)
}

/// Gives each line, and what stands in it from its record on, to `look`, until that has seen enough.
fn each_line(input: impl Read, mut look: impl FnMut(&[u8], &[u8]) -> ControlFlow<()>) -> io::Result<()> {
    let mut lines = LineReader::new(input, AT_ONCE);
    loop {
        let next = lines.advance(|_| {})?;
        if next == Next::TooLong {
            return Err(io::Error::other(format!("a line is longer than {MAX_LINE} bytes")));
        }
        let line = lines.line();
        let seen = look(line, line.get(RECORD_AT..).unwrap_or_default());
        if seen.is_break() || matches!(next, Next::End(_)) {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Header, Note, RunKind, Tick, journal_bytes};

    #[test]
    fn the_last_of_a_kind_is_found() {
        let header = Header::new(RunKind::Receive, chrono::DateTime::UNIX_EPOCH).unwrap();
        let note = |n: u64| Record::Note(Note { at: Tick(n), text: "{\"note\":".to_owned() });
        let bytes = journal_bytes(&header, &[note(1), note(2)], Some((Tick(3), true))).unwrap();
        assert_eq!(last_record(bytes.as_slice(), "{\"note\":").unwrap(), Some(note(2)));
        assert_eq!(last_record(bytes.as_slice(), "{\"step\":").unwrap(), None);
        assert_eq!(last_record(&b"garbage\n\n"[..], "{\"note\":").unwrap(), None);
    }
    #[test]
    fn which_of_two_comes_first_is_known_once_one_of_them_came() {
        let header = Header::new(RunKind::Receive, chrono::DateTime::UNIX_EPOCH).unwrap();
        let note = Record::Note(Note { at: Tick(1), text: "one".to_owned() });
        let bytes = journal_bytes(&header, &[note], Some((Tick(3), true))).unwrap();
        let before = |begins, other| stands_before(bytes.as_slice(), begins, other).unwrap();
        assert!(before("{\"note\":", "{\"end\":") && before("{\"note\":", "{\"step\":"));
        assert!(!before("{\"end\":", "{\"note\":") && !before("{\"step\":", "{\"flow_start\":"));
    }
}
