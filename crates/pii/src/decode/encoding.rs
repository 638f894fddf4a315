//! Which encoding a text is in, by its first bytes, and the text of a stream in any of them.

use std::io::{self, Read};

/// As many bytes show the encoding of a stream, or its first line.
const START: usize = 4096;
/// Read from a stream at once.
const PIECE: usize = 64 * 1024;
/// The highest block of scripts that UTF-16 without a mark is known by, and the least share of its bytes in percent.
const HIGHEST: u8 = 0x30;
const SHARE: usize = 45;
/// So many bytes show that a text with a mark of UTF-16 is none: words of Chinese are of ASCII bytes by chance.
const PLAIN: usize = 16;

/// The Unicode encoding of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8, and whatever is none of the others.
    Utf8,
    /// UTF-16, low byte first.
    Utf16Le,
    /// UTF-16, high byte first.
    Utf16Be,
    /// UTF-32, low byte first.
    Utf32Le,
    /// UTF-32, high byte first.
    Utf32Be,
}

impl Encoding {
    /// What the first bytes of a text show: its byte order mark, or where its zero and equal bytes are.
    #[must_use]
    pub fn of(start: &[u8]) -> Self {
        match start {
            [0xff, 0xfe, 0, 0, ..] => return Self::Utf32Le,
            [0, 0, 0xfe, 0xff, ..] => return Self::Utf32Be,
            [0xff, 0xfe, rest @ ..] if !is_plain(rest, 1) => return Self::Utf16Le,
            [0xfe, 0xff, rest @ ..] if !is_plain(rest, 0) => return Self::Utf16Be,
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => return Self::Utf8,
            [0, 0, 0, b, ..] if *b != 0 => return Self::Utf32Be,
            [b, 0, 0, 0, ..] if *b != 0 => return Self::Utf32Le,
            _ => {}
        }
        if start.len() < 8 || is_utf8(start) && !start.contains(&0) {
            return Self::Utf8;
        }
        // The high bytes of one script are few, and those of its blanks and digits are zero: most bytes of no encoding fail
        // at once.
        let low = |odd: usize| start.iter().skip(odd).step_by(2).filter(|b| **b <= HIGHEST).count();
        if low(0).max(low(1)) * 100 < start.len() / 2 * SHARE {
            return Self::Utf8;
        }
        match (script(start, 1), script(start, 0)) {
            (Some(little), Some(big)) if little >= big => Self::Utf16Le,
            (Some(_), None) => Self::Utf16Le,
            (_, Some(_)) => Self::Utf16Be,
            _ => Self::Utf8,
        }
    }

    /// Bytes of one unit.
    #[must_use]
    pub const fn unit(self) -> usize {
        match self {
            Self::Utf8 => 1,
            Self::Utf16Le | Self::Utf16Be => 2,
            Self::Utf32Le | Self::Utf32Be => 4,
        }
    }

    /// The text of whole units, without byte order marks; what is none is U+FFFD.
    #[must_use]
    pub fn text(self, bytes: &[u8]) -> String {
        let text = match self {
            Self::Utf8 => String::from_utf8_lossy(bytes).into_owned(),
            Self::Utf16Le => utf16(bytes, u16::from_le_bytes),
            Self::Utf16Be => utf16(bytes, u16::from_be_bytes),
            Self::Utf32Le => utf32(bytes, u32::from_le_bytes),
            Self::Utf32Be => utf32(bytes, u32::from_be_bytes),
        };
        if text.starts_with('\u{feff}') { text.trim_start_matches('\u{feff}').to_owned() } else { text }
    }

    /// Takes the text off the front of `bytes`; what may be half a character stays.
    pub fn take(self, bytes: &mut Vec<u8>) -> String {
        let mut end = bytes.len() - bytes.len() % self.unit();
        let high = match (self, bytes.get(end.saturating_sub(2)..end)) {
            (Self::Utf16Le, Some([_, high])) | (Self::Utf16Be, Some([high, _])) => *high,
            _ => 0,
        };
        // The first half of a surrogate pair.
        if (0xd8..0xdc).contains(&high) {
            end -= 2;
        }
        let rest = bytes.split_off(end);
        self.text(&std::mem::replace(bytes, rest))
    }
}

/// Whether every other byte, from the first or the second one on, is the high byte of a script: how many say so, or `None`.
fn script(text: &[u8], odd: usize) -> Option<usize> {
    let mut counts = [0usize; 256];
    let half = text.iter().skip(odd).step_by(2);
    let total = half.clone().count().max(1);
    half.for_each(|b| counts[usize::from(*b)] += 1);
    let low = counts.iter().take(usize::from(HIGHEST) + 1);
    let most = low.max().copied().unwrap_or(0);
    let distinct = counts.iter().filter(|n| **n > 0).count();
    (most * 100 / total >= SHARE && distinct <= 12).then_some(counts[0] + most)
}

/// Whether what stands behind a mark of UTF-16 is text of another encoding all the same: it is UTF-8, or nearly all of it is ASCII, there
/// is none of the zeros that blanks and line ends have in UTF-16, and the bytes that would be the high ones, `odd` as in [`script`], are
/// of no script. Too little text shows nothing.
fn is_plain(text: &[u8], odd: usize) -> bool {
    if text.len() < PLAIN || text.contains(&0) {
        return false;
    }
    let printed = |b: &&u8| matches!(b, b'\t' | b'\n' | b'\r' | b' '..=b'~');
    let ascii = || text.iter().filter(printed).count() * 100 >= text.len() * 90;
    (is_utf8(text) || ascii()) && script(text, odd).is_none()
}

/// Whether it is UTF-8; a piece of a file may end within a character.
fn is_utf8(text: &[u8]) -> bool {
    std::str::from_utf8(text).map_or_else(|e| e.error_len().is_none(), |_| true)
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

fn utf32(bytes: &[u8], unit: fn([u8; 4]) -> u32) -> String {
    let units = bytes.chunks_exact(4).map(|quad| unit([quad[0], quad[1], quad[2], quad[3]]));
    units.map(|unit| char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// A stream in any encoding, read as UTF-8 without its byte order mark. Memory does not grow with it.
#[derive(Debug)]
pub struct Utf8Reader<R> {
    input: R,
    /// Known once the first line or enough of it has come.
    encoding: Option<Encoding>,
    raw: Vec<u8>,
    /// Read on to here in `text`.
    at: usize,
    text: Vec<u8>,
}

impl<R: Read> Utf8Reader<R> {
    /// The text of `input`.
    pub const fn new(input: R) -> Self {
        Self { input, encoding: None, raw: Vec::new(), at: 0, text: Vec::new() }
    }

    /// The next piece of text; false at the end.
    fn fill(&mut self) -> io::Result<bool> {
        self.at = 0;
        self.text.clear();
        while self.text.is_empty() {
            let read = self.input.by_ref().take(PIECE as u64).read_some(&mut self.raw)?;
            let enough = read == 0 || self.raw.len() >= START || self.raw.contains(&b'\n');
            let Some(encoding) = self.encoding.or_else(|| enough.then(|| shown(&mut self.raw))) else {
                continue;
            };
            self.encoding = Some(encoding);
            if encoding == Encoding::Utf8 {
                self.text.append(&mut self.raw);
            } else {
                self.text.extend(encoding.take(&mut self.raw).into_bytes());
                if read == 0 && !self.raw.is_empty() {
                    self.raw.clear();
                    self.text.extend("\u{fffd}".bytes());
                }
            }
            if read == 0 {
                break;
            }
        }
        Ok(!self.text.is_empty())
    }
}

/// The encoding of what begins so; a mark of UTF-8 is taken off, and NULs that a truncated file begins with are passed over.
fn shown(start: &mut Vec<u8>) -> Encoding {
    let zeros = start.iter().take_while(|b| **b == 0).count();
    let encoding = Encoding::of(start.get(zeros - zeros % 4..).unwrap_or_default());
    if start.starts_with("\u{feff}".as_bytes()) {
        start.drain(.."\u{feff}".len());
    }
    encoding
}

/// One read, appended.
trait ReadSome {
    fn read_some(&mut self, to: &mut Vec<u8>) -> io::Result<usize>;
}

impl<R: Read> ReadSome for R {
    fn read_some(&mut self, to: &mut Vec<u8>) -> io::Result<usize> {
        let before = to.len();
        to.resize(before + PIECE, 0);
        let read = loop {
            match self.read(to.get_mut(before..).unwrap_or_default()) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        to.truncate(before + read.as_ref().copied().unwrap_or(0));
        read
    }
}

impl<R: Read> Read for Utf8Reader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.text.len() {
            if self.encoding == Some(Encoding::Utf8) && self.raw.is_empty() {
                return self.input.read(buffer);
            }
            if !self.fill()? {
                return Ok(0);
            }
        }
        let read = self.text.get(self.at..).unwrap_or_default().read(buffer)?;
        self.at += read;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "one@example.org \u{1f600}\nzwei \u{e9}\n";

    fn encoded(encoding: Encoding, text: &str) -> Vec<u8> {
        match encoding {
            Encoding::Utf8 => text.bytes().collect(),
            Encoding::Utf16Le => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            Encoding::Utf16Be => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
            Encoding::Utf32Le => text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect(),
            Encoding::Utf32Be => text.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect(),
        }
    }

    /// Gives one byte at a time, as a slow pipe may.
    struct Slow<'b>(&'b [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Some((buffer, _)) = buffer.split_first_chunk_mut::<1>() else { return Ok(0) };
            self.0.read(buffer)
        }
    }

    fn all(input: impl Read) -> String {
        io::read_to_string(Utf8Reader::new(input)).unwrap()
    }

    #[test]
    fn every_encoding_is_read_with_and_without_a_mark_however_slowly() {
        use Encoding::{Utf8, Utf16Be, Utf16Le, Utf32Be, Utf32Le};
        for encoding in [Utf8, Utf16Le, Utf16Be, Utf32Le, Utf32Be] {
            for mark in ["", "\u{feff}"] {
                let bytes = encoded(encoding, &format!("{mark}{TEXT}"));
                assert_eq!(all(bytes.as_slice()), TEXT, "{encoding:?} {mark:?}");
                assert_eq!(all(Slow(&bytes)), TEXT, "{encoding:?} {mark:?}, slowly");
            }
            let long = TEXT.repeat(10_000);
            assert_eq!(all(encoded(encoding, &long).as_slice()), long, "{encoding:?}");
        }
        assert_eq!(all(&b""[..]), "");
    }

    #[test]
    fn a_mark_of_utf_16_before_a_text_that_is_none_hides_nothing() {
        for mark in [[0xff, 0xfe], [0xfe, 0xff]] {
            let text =
                [&mark[..], b"A user john.doe@gmail.com, plain; caf\xe9\nuser john.doe@gmail.com\n"].concat();
            assert_eq!(Encoding::of(&text), Encoding::Utf8);
            let mut read = Vec::new();
            Utf8Reader::new(text.as_slice()).read_to_end(&mut read).unwrap();
            assert_eq!(read, text);
        }
        for text in [
            "\u{4e41}\u{4f50}\u{5020}\u{4e2d}",
            "\u{928}\u{92e}\u{938}\u{924}".repeat(9).as_str(),
            "abc",
            "a b c d e f g h i j",
        ] {
            for encoding in [Encoding::Utf16Le, Encoding::Utf16Be] {
                let bytes = encoded(encoding, &format!("\u{feff}{text}"));
                assert_eq!((Encoding::of(&bytes), all(bytes.as_slice())), (encoding, text.to_owned()));
            }
        }
    }

    #[test]
    fn half_a_character_at_the_end_is_said() {
        let bytes = encoded(Encoding::Utf16Le, "\u{feff}ab\u{1f600}");
        assert_eq!(all(bytes.get(..bytes.len() - 2).unwrap()), "ab\u{fffd}");
    }

    #[test]
    fn nuls_before_a_text_are_no_encoding() {
        let zeros = "\0".repeat(6000);
        assert_eq!(all(format!("{zeros}{TEXT}").as_bytes()), format!("{zeros}{TEXT}"));
    }
}
