//! Looks for records of one kind in a journal without parsing the others.

use crate::{GENESIS, Line, MAX_LINE, Record};
use std::io::{self, BufRead, BufReader, Read};

/// Where the record begins in a line: behind its link.
const RECORD_AT: usize = r#"{"prev":"","record":"#.len() + GENESIS.len();

/// The last record of a journal whose JSON begins with `begins`, such as `{"watch":{"offset":`; lines that are none of a
/// journal are passed over. What it says is checked by nobody: chain and signatures are the reader's business.
///
/// # Errors
/// When the input cannot be read, or has a line longer than any of a journal.
pub fn last_record(input: impl Read, begins: &str) -> io::Result<Option<Record>> {
    let mut input = BufReader::with_capacity(256 * 1024, input);
    let (mut line, mut last) = (Vec::new(), None);
    loop {
        line.clear();
        let read = input.by_ref().take(MAX_LINE as u64 + 1).read_until(b'\n', &mut line)?;
        if read > MAX_LINE {
            return Err(io::Error::other(format!("a line is longer than {MAX_LINE} bytes")));
        }
        if read == 0 {
            return Ok(last);
        }
        if line.get(RECORD_AT..).is_some_and(|record| record.starts_with(begins.as_bytes())) {
            last = Line::parse(&line).ok().map(|line| line.record).or(last);
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
