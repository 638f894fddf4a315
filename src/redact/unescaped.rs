//! Texts in which characters are written as codes (`%50`, `\u0050`, `&#80;`, `&amp;`), read as what they stand for, with the place where each
//! was written: whoever escapes may choose any of the characters, so no list of spellings has them all.

use std::ops::Range;

/// How many kinds of escapes may lie on each other, such as JSON in JSON, or a URL in HTML.
const MAX_LAYERS: usize = 2;

/// The kinds of escapes. Each is undone by itself, since what looks like another's may be the text's own.
const KINDS: [Kind; 3] = [
    // RFC 3986, section 2.1.
    Kind { mark: b'%', read: percent },
    // RFC 8259, section 7, and the literals of most languages.
    Kind { mark: b'\\', read: backslash },
    // HTML, section 13.5.
    Kind { mark: b'&', read: reference },
];

/// The references of HTML that stand for a character which must be escaped.
const NAMED: [(&[u8], char); 5] =
    [(b"&amp;", '&'), (b"&lt;", '<'), (b"&gt;", '>'), (b"&quot;", '"'), (b"&apos;", '\'')];
/// Longest reference by number: `&#x10FFFF;`.
const LONGEST_REFERENCE: usize = 10;

struct Kind {
    /// What each escape begins with.
    mark: u8,
    /// The escape at the very beginning of a text: how long it is, and what it stands for.
    read: fn(&[u8]) -> Option<(usize, Stands)>,
}

/// What an escape stands for.
enum Stands {
    Byte(u8),
    Char(char),
}

/// A text without one kind of escapes.
struct Layer {
    text: Vec<u8>,
    /// Where each byte was written in the text around, and where that ends.
    places: Vec<usize>,
}

impl Layer {
    fn place(&self, range: &Range<usize>) -> Option<Range<usize>> {
        Some(*self.places.get(range.start)?..*self.places.get(range.end)?)
    }
}

/// What `find` finds in a text and in everything that it says when escapes are undone; the ranges are those of the text, in no order.
pub(super) fn find_in_all(text: &[u8], find: &impl Fn(&[u8]) -> Vec<Range<usize>>) -> Vec<Range<usize>> {
    layers(text, find, MAX_LAYERS)
}

fn layers(text: &[u8], find: &impl Fn(&[u8]) -> Vec<Range<usize>>, deeper: usize) -> Vec<Range<usize>> {
    let mut found = find(text);
    if deeper > 0 {
        for layer in KINDS.iter().filter_map(|kind| kind.undone(text)) {
            let inside = layers(&layer.text, find, deeper - 1);
            found.extend(inside.iter().filter_map(|range| layer.place(range)));
        }
    }
    found
}

impl Kind {
    /// `text` without the escapes of this kind; `None` where it has none.
    fn undone(&self, text: &[u8]) -> Option<Layer> {
        let first = memchr::memchr(self.mark, text)?;
        let (mut layer, mut at, mut any) =
            (Layer { text: Vec::with_capacity(text.len()), places: Vec::new() }, first, false);
        layer.text.extend_from_slice(text.get(..first)?);
        layer.places.reserve(text.len() + 1);
        layer.places.extend(0..first);
        while let Some(byte) = text.get(at) {
            let read = if *byte == self.mark { (self.read)(text.get(at..)?) } else { None };
            any |= read.is_some();
            let (length, stands) = read.unwrap_or((1, Stands::Byte(*byte)));
            match stands {
                Stands::Byte(byte) => layer.text.push(byte),
                Stands::Char(c) => layer.text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
            layer.places.resize(layer.text.len(), at);
            at += length;
        }
        layer.places.push(text.len());
        any.then_some(layer)
    }
}

fn percent(text: &[u8]) -> Option<(usize, Stands)> {
    Some((3, Stands::Byte(u8::try_from(number(text.get(1..3)?, 16)?).ok()?)))
}

fn backslash(text: &[u8]) -> Option<(usize, Stands)> {
    let stands = match text.get(1)? {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 8,
        b'f' => 12,
        b'x' => return Some((4, Stands::Byte(u8::try_from(number(text.get(2..4)?, 16)?).ok()?))),
        b'u' => return unit(text),
        other @ (b'"' | b'\'' | b'\\' | b'/') => *other,
        _ => return None,
    };
    Some((2, Stands::Byte(stands)))
}

/// `\u` and four hex digits, or two of them that are one character (RFC 8259, section 7).
fn unit(text: &[u8]) -> Option<(usize, Stands)> {
    let first = number(text.get(2..6)?, 16)?;
    if let Some(c) = char::from_u32(first) {
        return Some((6, Stands::Char(c)));
    }
    let second = text.get(6..)?.strip_prefix(br"\u")?.get(..4)?;
    let pair = [u16::try_from(first).ok()?, u16::try_from(number(second, 16)?).ok()?];
    let c = char::decode_utf16(pair).next()?.ok()?;
    Some((12, Stands::Char(c)))
}

fn reference(text: &[u8]) -> Option<(usize, Stands)> {
    if let Some((name, c)) = NAMED.iter().find(|(name, _)| text.starts_with(name)) {
        return Some((name.len(), Stands::Char(*c)));
    }
    let digits = text.strip_prefix(b"&#")?;
    let end = digits.iter().take(LONGEST_REFERENCE).position(|byte| *byte == b';')?;
    let code = match digits.get(..end)? {
        [b'x' | b'X', hex @ ..] => number(hex, 16)?,
        decimal => number(decimal, 10)?,
    };
    Some((b"&#;".len() + end, Stands::Char(char::from_u32(code)?)))
}

/// A number that is written in digits alone.
fn number(digits: &[u8], radix: u32) -> Option<u32> {
    let digit = |byte: &u8| char::from(*byte).to_digit(radix);
    let add = |all: u32, byte: &u8| all.checked_mul(radix)?.checked_add(digit(byte)?);
    if digits.is_empty() { None } else { digits.iter().try_fold(0, add) }
}
