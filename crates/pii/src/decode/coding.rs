//! Content codings (RFC 9110 section 8.4.1) undone within a limit: gzip, zlib and brotli.

use brotli_decompressor::Decompressor;
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use std::io::Read;

/// Bytes that the brotli decoder takes in at a time.
const BROTLI_BUFFER: usize = 4096;

/// A way in which a body was packed, and which can be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// RFC 1952, of one or several members.
    Gzip,
    /// RFC 1950; as a content coding it is called `deflate`.
    Zlib,
    /// RFC 7932, with a window of at most 16 MiB.
    Brotli,
}

/// What a packed body holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undone {
    /// The bytes, as far as they go.
    pub bytes: Vec<u8>,
    /// Why they are not all.
    pub end: UndoneEnd,
}

/// Where the undoing of a packed body ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UndoneEnd {
    /// At the end of the body.
    Whole,
    /// At the limit: there is more.
    Limit,
    /// At a place where the body is cut short or damaged.
    Damaged,
}

impl Coding {
    /// The coding with this name in `Content-Encoding`; none for `identity`, unknown ones and several at once.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name.trim().to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "deflate" => Some(Self::Zlib),
            "br" => Some(Self::Brotli),
            _ => None,
        }
    }

    /// What people call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zlib => "zlib",
            Self::Brotli => "brotli",
        }
    }

    /// The coding that the bytes themselves show; brotli has no mark.
    #[must_use]
    pub const fn shown_by(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0x1f, 0x8b, 8, ..] => Some(Self::Gzip),
            [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] => Some(Self::Zlib),
            _ => None,
        }
    }

    /// Undoes the coding; at most `limit` bytes come out.
    #[must_use]
    pub fn undo(self, bytes: &[u8], limit: usize) -> Undone {
        match self {
            Self::Gzip => read(MultiGzDecoder::new(bytes), limit),
            Self::Zlib => read(ZlibDecoder::new(bytes), limit),
            Self::Brotli if wants_a_larger_window(bytes) => {
                Undone { bytes: Vec::new(), end: UndoneEnd::Damaged }
            }
            Self::Brotli => read(Decompressor::new(bytes, BROTLI_BUFFER), limit),
        }
    }
}

/// Whether a brotli stream asks for a window of up to 1 GiB: the decoder gives it one, RFC 7932 section 9.1 has none.
fn wants_a_larger_window(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|first| first & 0x7f == 0x11)
}

fn read(mut packed: impl Read, limit: usize) -> Undone {
    let mut bytes = Vec::new();
    let whole = packed.by_ref().take(limit as u64 + 1).read_to_end(&mut bytes).is_ok();
    let end = if bytes.len() > limit {
        bytes.truncate(limit);
        UndoneEnd::Limit
    } else if whole {
        UndoneEnd::Whole
    } else {
        UndoneEnd::Damaged
    };
    Undone { bytes, end }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    /// `{"email":"a@example.org"}` by the package brotli 1.2.1 of PyPI.
    const BROTLI: &[u8] = b"\x0b\x0c\x80{\"email\":\"a@example.org\"}\x03";

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        packed.write_all(text).unwrap();
        packed.finish().unwrap()
    }

    #[test]
    fn several_members_of_gzip_are_one_text() {
        let packed = [gzip(b"{\"a\":"), gzip(b"1}")].concat();
        assert_eq!(Coding::shown_by(&packed), Some(Coding::Gzip));
        let whole = Undone { bytes: b"{\"a\":1}".to_vec(), end: UndoneEnd::Whole };
        assert_eq!(Coding::Gzip.undo(&packed, 100), whole);
    }

    #[test]
    fn brotli_is_undone_up_to_the_limit() {
        let text = br#"{"email":"a@example.org"}"#;
        assert_eq!(Coding::named(" BR "), Some(Coding::Brotli));
        let whole = Coding::Brotli.undo(BROTLI, text.len());
        assert_eq!(whole, Undone { bytes: text.to_vec(), end: UndoneEnd::Whole });
        assert_eq!(
            Coding::Brotli.undo(BROTLI, 5),
            Undone { bytes: text[..5].to_vec(), end: UndoneEnd::Limit }
        );
        assert_eq!(Coding::Brotli.undo(&BROTLI[..BROTLI.len() - 3], 100).end, UndoneEnd::Damaged);
    }

    #[test]
    fn a_window_beyond_16_mib_is_not_made() {
        assert_eq!(Coding::Brotli.undo(&[0x11, 0x1e, 0x00], 100).end, UndoneEnd::Damaged);
    }
}
