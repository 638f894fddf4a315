//! Text out of bytes: UTF-8, UTF-16 and UTF-32 with or without a mark, packed ones up to a limit.

use super::coding::{Coding, Undone, UndoneEnd};
use super::encoding::Encoding;
use std::borrow::Cow;

/// Most bytes that one packed value may unpack to.
const LARGEST: usize = 1 << 20;
/// Most bytes per packed byte; what unpacks to more is a bomb.
const RATIO: usize = 100;

/// The text of a value that was packed or encoded.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unpacked {
    pub text: String,
    /// It was compressed, so that it may be much longer than what it came in.
    pub inflated: bool,
    /// Why there is more that was not read.
    pub unread: Option<&'static str>,
}

/// The text in the bytes of a body or file, and why not all of it could be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readable<'b> {
    /// The text, as far as it goes.
    pub text: Cow<'b, str>,
    /// Why there may be more: an unknown encoding, a compressed text larger than the limit.
    pub unread: Option<&'static str>,
}

/// Reads bytes as text: UTF-8, UTF-16 and UTF-32 with or without a byte order mark, gzip and zlib of these (up to 1 MiB and 100
/// bytes for each packed byte). Single bytes that fit no encoding become U+FFFD; when they are many, `unread` says so.
#[must_use]
pub fn readable(bytes: &[u8]) -> Readable<'_> {
    readable_as(bytes, None)
}

/// The same of bytes that are said to be packed by `coding`, which brotli does not show itself.
pub(crate) fn readable_as(bytes: &[u8], coding: Option<Coding>) -> Readable<'_> {
    if let Some((inner, unread)) = inflate(bytes, coding) {
        let inner = plain(&inner);
        return Readable { text: Cow::Owned(inner.text.into_owned()), unread: unread.or(inner.unread) };
    }
    plain(bytes)
}

/// Bytes that are not compressed.
fn plain(bytes: &[u8]) -> Readable<'_> {
    let read = std::str::from_utf8(bytes);
    if let Ok(text) = read
        && is_plain(bytes)
    {
        return Readable { text: Cow::Borrowed(text), unread: None };
    }
    let has_zeros = memchr::memchr(0, bytes).is_some();
    let text = match read {
        Ok(text) if !has_zeros => Cow::Borrowed(text.strip_prefix('\u{feff}').unwrap_or(text)),
        _ => match wide(bytes) {
            Some(text) => Cow::Owned(text),
            None => String::from_utf8_lossy(bytes),
        },
    };
    let unread = if text.contains('\u{fffd}') || has_zeros {
        let odd = text.chars().filter(|c| *c == '\u{fffd}' || c.is_control() && !c.is_whitespace()).count();
        (odd * 10 > text.chars().count()).then_some("the bytes are no text in a known encoding")
    } else {
        None
    };
    Readable { text, unread }
}

/// Whether all bytes are ASCII and none is zero: eight at a time by hand, as `dist` is linked for size and makes no such loops.
fn is_plain(bytes: &[u8]) -> bool {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    let (eights, rest) = bytes.as_chunks::<8>();
    // The high bit of a byte: it is no ASCII, or it is zero and a one is taken from it. No other byte borrows from the next.
    let eights = eights.iter().map(|eight| u64::from_le_bytes(*eight));
    let odd = eights.fold(0, |odd, eight| odd | eight | eight.wrapping_sub(ONES));
    odd & (ONES << 7) == 0 && rest.iter().all(|b| matches!(b, 1..=0x7f))
}

/// What a decoded run of base64 holds, when it is a readable text.
pub(super) fn unpack(bytes: Vec<u8>) -> Option<Unpacked> {
    if let Some((inner, unread)) = inflate(&bytes, None) {
        let text = plain(&inner);
        let readable = text.unread.is_none() && (unread.is_some() || is_readable(&text.text));
        return readable.then(|| Unpacked { text: text.text.into_owned(), inflated: true, unread });
    }
    let text = match String::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => text,
        Ok(text) => wide(text.as_bytes())?,
        Err(error) => wide(error.as_bytes())?,
    };
    is_readable(&text).then_some(Unpacked { text, inflated: false, unread: None })
}

fn is_readable(text: &str) -> bool {
    text.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t'))
}

/// What is packed, undone as far as the limits go.
fn inflate(bytes: &[u8], said: Option<Coding>) -> Option<(Vec<u8>, Option<&'static str>)> {
    let coding = Coding::shown_by(bytes).or(said.filter(|coding| *coding == Coding::Brotli))?;
    let Undone { bytes: out, end } = coding.undo(bytes, LARGEST.min(bytes.len().saturating_mul(RATIO)));
    match end {
        UndoneEnd::Whole => Some((out, None)),
        UndoneEnd::Limit => {
            Some((out, Some("a compressed text is larger than 1 MiB or 100 times its packed size")))
        }
        // Cut short or damaged: what came out is read all the same.
        UndoneEnd::Damaged if out.is_empty() || coding == Coding::Zlib => None,
        UndoneEnd::Damaged => Some((out, Some("a compressed text is cut short or damaged"))),
    }
}

/// The text of UTF-32 or UTF-16; none where the bytes are neither.
fn wide(bytes: &[u8]) -> Option<String> {
    let encoding = Encoding::of(bytes);
    if encoding == Encoding::Utf8 {
        return None;
    }
    let text = encoding.text(bytes);
    let odd = text.chars().filter(|c| c.is_control() && !c.is_whitespace() || *c == '\u{fffd}').count();
    (odd * 20 <= text.chars().count()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn eight_bytes_at_a_time_are_as_one_by_one(
            bytes in proptest::collection::vec(prop_oneof![40 => 1..=0x7fu8, 1 => 0..=2u8, 1 => 0x7e..=0x82u8, 1 => 0xfe..=0xffu8], 0..40)
        ) {
            prop_assert_eq!(is_plain(&bytes), bytes.iter().all(|b| matches!(b, 1..=0x7f)));
        }
    }
}
