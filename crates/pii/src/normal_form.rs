//! The normal form of a text, in which values are looked for, and the one in which canaries are compared.

use std::borrow::Cow;
use unicode_normalization::UnicodeNormalization;

/// NFKC with every decimal digit in ASCII, dashes as hyphens, a visarga behind a word as a colon, and invisible characters left out.
pub(super) fn normalise(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let mut rest = text.nfkc().peekable();
    let mut out = String::with_capacity(text.len());
    while let Some(c) = rest.next() {
        // Bengali writes its visarga for a colon: `ফোনঃ ০১৭…`.
        let colon = c == '\u{983}' && !rest.peek().is_some_and(|next| next.is_alphabetic());
        out.extend(if colon { Some(':') } else { plain(c) });
    }
    Cow::Owned(out)
}

/// One character of the normal form.
fn plain(c: char) -> Option<char> {
    match c {
        '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{ad}' | '\u{202a}'..='\u{202e}' => None,
        '\u{2010}'..='\u{2015}' | '\u{2212}' => Some('-'),
        '\u{3002}' => Some('.'),
        '\u{2028}' | '\u{2029}' => Some('\n'),
        _ => Some(decimal(c).unwrap_or(c)),
    }
}

/// The ASCII digit of a decimal digit of any script.
fn decimal(c: char) -> Option<char> {
    // Where the digits of a script begin (Unicode category Nd; NFKC takes care of the mathematical ones).
    const ZEROS: [u32; 61] = [
        0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6, 0xe50,
        0xed0, 0xf20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0, 0x1c40,
        0x1c50, 0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0x104a0, 0x10d30, 0x11066, 0x110f0,
        0x11136, 0x111d0, 0x112f0, 0x11450, 0x114d0, 0x11650, 0x116c0, 0x11730, 0x118e0, 0x11950, 0x11c50,
        0x11d50, 0x11da0, 0x11f50, 0x16a60, 0x16ac0, 0x16b50, 0x1e140, 0x1e2f0, 0x1e4f0, 0x1e950, 0x1fbf0,
    ];
    let code = u32::from(c);
    let at = ZEROS.partition_point(|zero| *zero <= code).checked_sub(1)?;
    char::from_digit(code - ZEROS.get(at)?, 10)
}

/// The form canaries are compared in: the normal form, case-folded.
pub(super) fn fold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        if text.bytes().any(|b| b.is_ascii_uppercase()) {
            return Cow::Owned(text.to_ascii_lowercase());
        }
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for c in normalise(text).chars() {
        match c {
            'ß' | 'ẞ' => out.push_str("ss"),
            'ς' => out.push('σ'),
            'İ' => out.push('i'),
            _ => out.extend(c.to_lowercase()),
        }
    }
    Cow::Owned(out.nfkc().collect())
}
