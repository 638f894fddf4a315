//! One line of an input that goes on behind it, however long: no more than a bound of it is kept.

use std::io::{self, BufRead, ErrorKind};

/// What was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineRead {
    /// A line with its line end, but for a last one that has none.
    Whole,
    /// A line that is longer than the bound. It is passed over.
    TooLong,
    /// Nothing: the input has ended.
    End,
}

/// Appends the next line, line end included, to `to` unless it is longer than `most` bytes without it.
///
/// # Errors
/// When the input fails; then `to` may have a part of the line.
pub fn read_line(input: &mut impl BufRead, most: usize, to: &mut Vec<u8>) -> io::Result<LineRead> {
    let start = to.len();
    let mut read = LineRead::End;
    loop {
        let there = match input.fill_buf() {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            there => there?,
        };
        if there.is_empty() {
            return Ok(read);
        }
        let end = memchr::memchr(b'\n', there);
        let (piece, of_line) = end.map_or((there, there.len()), |at| (there.split_at(at + 1).0, at));
        if read != LineRead::TooLong {
            if to.len() - start + of_line > most {
                to.truncate(start);
                read = LineRead::TooLong;
            } else {
                to.extend_from_slice(piece);
                read = LineRead::Whole;
            }
        }
        let used = piece.len();
        input.consume(used);
        if end.is_some() {
            return Ok(read);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::BufReader;

    proptest! {
        #[test]
        fn lines_are_those_of_a_split(text in "[ab\n]{0,40}", at_once in 1usize..9, most in 0usize..9) {
            let mut input = BufReader::with_capacity(at_once, text.as_bytes());
            for line in text.split_inclusive('\n') {
                let mut to = b"before".to_vec();
                let read = read_line(&mut input, most, &mut to).unwrap();
                let fits = line.trim_end_matches('\n').len() <= most;
                let (wanted, kept) = if fits { (LineRead::Whole, line) } else { (LineRead::TooLong, "") };
                prop_assert_eq!((read, to), (wanted, format!("before{kept}").into_bytes()), "{}", line);
            }
            prop_assert_eq!(read_line(&mut input, most, &mut Vec::new()).unwrap(), LineRead::End);
        }
    }
}
