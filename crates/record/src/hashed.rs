//! An input that is hashed as it is read.

use sha2::{Digest, Sha256};
use std::io::{self, BufRead, Read};

/// Bytes that are hashed at once, as far as they are ready: line by line takes longer.
const PIECE: usize = 16 * 1024;

/// Hashes what is read of `input`, and a little ahead of that.
#[derive(Debug)]
pub struct Hashed<R> {
    input: R,
    digest: Sha256,
    /// How many of the bytes that are ready are in the digest by now.
    ahead: usize,
}

impl<R> Hashed<R> {
    pub fn new(input: R) -> Self {
        Self { input, digest: Sha256::new(), ahead: 0 }
    }

    /// SHA-256 of all that the input held, once it has been read to its end.
    pub fn finish(self) -> [u8; 32] {
        self.digest.finalize().into()
    }
}

impl<R: BufRead> BufRead for Hashed<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.input.fill_buf()
    }

    fn consume(&mut self, n: usize) {
        // What is consumed is ready, so that nothing is read here.
        if n > self.ahead
            && let Ok(ready) = self.input.fill_buf()
        {
            let end = ready.len().min(n.max(PIECE));
            self.digest.update(ready.get(self.ahead..end).unwrap_or_default());
            self.ahead = end;
        }
        self.ahead = self.ahead.saturating_sub(n);
        self.input.consume(n);
    }
}

impl<R: BufRead> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.fill_buf()?.read(buffer)?;
        self.consume(n);
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sha256_hex;
    use std::io::BufReader;

    #[test]
    fn whatever_the_pieces_are_each_byte_is_hashed_once() {
        let text: Vec<u8> = (0..=255).cycle().take(50_000).collect();
        for (room, piece) in [(1, 1), (7, 3), (64, 1000), (1000, 10), (PIECE, 10), (50_000, PIECE + 1)] {
            let mut input = Hashed::new(BufReader::with_capacity(room, text.as_slice()));
            let mut buffer = vec![0; piece];
            let mut read = Vec::new();
            loop {
                let n = input.read(&mut buffer).unwrap();
                if n == 0 {
                    break;
                }
                read.extend_from_slice(&buffer[..n]);
            }
            assert_eq!((hex::encode(input.finish()), read), (sha256_hex(&text), text.clone()));
        }
    }
}
