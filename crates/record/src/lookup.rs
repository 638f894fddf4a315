//! Looks for records of one kind in a journal without parsing the others.

use crate::line_reader::{LineReader, Next};
use crate::reader::AT_ONCE;
use crate::{GENESIS, Line, MAX_LINE, Record};
use std::io::{self, Read};

/// Where the record begins in a line: behind its link.
const RECORD_AT: usize = r#"{"prev":"","record":"#.len() + GENESIS.len();

/// The last record of a journal whose JSON begins with `begins`, such as `{"watch":{"offset":`; lines that are none of a
/// journal are passed over. What it says is checked by nobody: chain and signatures are the reader's business.
///
/// # Errors
/// When the input cannot be read, or has a line longer than any of a journal.
pub fn last_record(input: impl Read, begins: &str) -> io::Result<Option<Record>> {
    let (mut lines, mut last) = (LineReader::new(input, AT_ONCE), None);
    loop {
        let next = lines.advance(|_| {})?;
        if next == Next::TooLong {
            return Err(io::Error::other(format!("a line is longer than {MAX_LINE} bytes")));
        }
        let line = lines.line();
        if line.get(RECORD_AT..).is_some_and(|record| record.starts_with(begins.as_bytes())) {
            last = Line::parse(line).ok().map(|line| line.record).or(last);
        }
        if let Next::End(_) = next {
            return Ok(last);
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
}
