//! Lines out of a buffered input.

use memchr::memchr;
use std::io::{self, BufRead, ErrorKind};

/// Appends the next line to `line`, with its line end, but no more than `most` bytes of it, and gives how many; none at the
/// end. [`BufRead::read_until`] does the same with a search that is several times slower.
pub fn read_line(input: &mut impl BufRead, most: usize, line: &mut Vec<u8>) -> io::Result<usize> {
    let mut read = 0;
    while read < most {
        let block = match input.fill_buf() {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            block => block?,
        };
        let block = block.get(..most - read).unwrap_or(block);
        let end = memchr(b'\n', block);
        let piece = end.and_then(|end| block.get(..=end)).unwrap_or(block);
        line.extend_from_slice(piece);
        let (n, is_last) = (piece.len(), end.is_some() || piece.is_empty());
        input.consume(n);
        read += n;
        if is_last {
            break;
        }
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufReader, Read};

    #[test]
    fn lines_are_cut_as_the_standard_library_cuts_them() {
        let text = b"one\n\nthree is longer\nfour";
        for (room, most) in [(1, 100), (3, 100), (64, 100), (5, 4), (64, 4)] {
            let (mut ours, mut std) = (BufReader::with_capacity(room, &text[..]), &text[..]);
            loop {
                let (mut line, mut wanted) = (Vec::new(), Vec::new());
                let read = read_line(&mut ours, most, &mut line).unwrap();
                let due = (&mut std).take(most as u64).read_until(b'\n', &mut wanted).unwrap();
                assert_eq!((read, line), (due, wanted), "{room} {most}");
                if read == 0 {
                    break;
                }
            }
        }
    }
}
