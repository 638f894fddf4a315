//! Base64 of both alphabets, padded or not, wherever it stands in a text.

use super::bytes::{self, Unpacked};
use super::inline::is_escape;
use crate::text;

/// Both base64 alphabets at once (RFC 4648 sections 4 and 5); 255 for bytes of neither.
static SEXTET: [u8; 256] = {
    let mut table = [255u8; 256];
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut i = 0;
    while i < 64 {
        table[alphabet[i] as usize] = i as u8;
        i += 1;
    }
    table[b'-' as usize] = 62;
    table[b'_' as usize] = 63;
    table
};

/// The shortest run that is tried as base64: 6 bytes.
const MIN_BASE64: usize = 8;

/// Calls `found` with every readable text that stands in `text` as base64 of either alphabet, padded or not.
pub(crate) fn base64_texts(text: &str, mut found: impl FnMut(Unpacked)) {
    let bytes = text.as_bytes();
    let first_slash = memchr::memchr(b'/', bytes).unwrap_or(bytes.len());
    text::runs(
        bytes,
        MIN_BASE64,
        |b| SEXTET[usize::from(b)] != 255,
        |start, end| {
            let run = bytes.get(start..end).unwrap_or_default();
            if let Some(mut decoded) = base64(run) {
                // What an escape cuts is read whole where that is undone.
                let goes_on = || text.get(end..).is_some_and(is_escape);
                decoded.unread = decoded.unread.filter(|_| !goes_on());
                found(decoded);
            } else if first_slash < end && run.contains(&b'/') {
                // A path: base64 may be one of its segments.
                run.split(|b| *b == b'/')
                    .filter(|s| s.len() >= MIN_BASE64)
                    .filter_map(base64)
                    .for_each(&mut found);
            }
        },
    );
}

/// The 6 bits of the byte at `at`, 255 at the end and for bytes of neither alphabet.
fn sextet(bytes: &[u8], at: usize) -> u8 {
    bytes.get(at).map_or(255, |b| SEXTET[usize::from(*b)])
}

/// Decodes a run without padding when it is readable: as UTF-8, as UTF-16, or packed.
fn base64(run: &[u8]) -> Option<Unpacked> {
    if run.len() % 4 == 1 || !looks_readable(run) {
        return None;
    }
    bytes::unpack(decode(run))
}

/// The bytes of a run that has letters of the alphabets only.
fn decode(run: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(run.len() * 3 / 4);
    for quad in run.chunks(4) {
        let mut bits = 0u32;
        for (i, b) in quad.iter().enumerate() {
            bits |= u32::from(SEXTET[usize::from(*b)] & 63) << (18 - 6 * i);
        }
        let [_, b0, b1, b2] = bits.to_be_bytes();
        out.extend([b0, b1, b2].iter().take(quad.len() - 1));
    }
    out
}

/// A whole text of base64 that hides a readable one.
pub(super) fn is_readable(text: &str) -> bool {
    let text = text.rsplit(',').next().unwrap_or(text);
    looks_readable(text.as_bytes()) && decode_padded(text).and_then(bytes::unpack).is_some()
}

/// The bytes of a whole text of base64 with its padding.
pub(super) fn decode_padded(text: &str) -> Option<Vec<u8>> {
    let run = text.trim_end_matches('=').as_bytes();
    (run.len() % 4 != 1 && (0..run.len()).all(|at| sextet(run, at) != 255)).then(|| decode(run))
}

/// Cheap test of the first six bytes: printable ASCII, white space, a UTF-8 sequence, UTF-16 units of one script, or packed.
fn looks_readable(run: &[u8]) -> bool {
    let first_two = run.first_chunk::<3>().map(|three| three.map(|b| SEXTET[usize::from(b)] & 63));
    first_two.is_none_or(|[a, b, c]| may_begin(a << 2 | b >> 4, b << 4 | c >> 2)) && begins_readable(run)
}

/// The same of all six, whatever the first two are.
fn begins_readable(run: &[u8]) -> bool {
    let quad = |at: usize| {
        let bits = |i| u32::from(sextet(run, at + i) & 63);
        (bits(0) << 18 | bits(1) << 12 | bits(2) << 6 | bits(3)).to_be_bytes()
    };
    let [_, first, second, third] = quad(0);
    // UTF-16 has the high bytes of one script in every other place.
    let [_, fourth, fifth, sixth] = if run.len() >= MIN_BASE64 { quad(4) } else { [b' '; 4] };
    let high = |b: u8| matches!(b, 0 | 0x03..=0x0e | 0x20);
    let wide = run.len() >= 16
        && (high(second) && high(fourth) && high(sixth) || high(first) && high(third) && high(fifth));
    let printable = |b: u8| matches!(b, 0x20..=0x7e);
    match (first, second) {
        (0x1f, 0x8b) | (0x78, 0x01 | 0x5e | 0x9c | 0xda) | (0xff, 0xfe) | (0xfe, 0xff) => true,
        (0xef, 0xbb) => third == 0xbf,
        (0, b) | (b, 0) if printable(b) => true,
        (0x03..=0x0e, _) | (_, 0x03..=0x0e) if wide => true,
        _ => begins_text(&[first, second, third, fourth, fifth, sixth]),
    }
}

/// Whether something readable may begin with these two bytes, which most words do not: it is no UTF-8, and neither packed nor UTF-16.
const fn may_begin(first: u8, second: u8) -> bool {
    match first {
        // Deflate, gzip and UTF-16 have beginnings of their own.
        0..=0x20 | 0x78 | 0xfe | 0xff => true,
        0x21..=0x7f => !matches!(second, 0x0f..=0x1f | 0x80..=0xc1 | 0xf5..=0xff),
        0x80..=0xc1 | 0xf5..=0xfd => matches!(second, 0x03..=0x0e),
        0xc2..=0xf4 => matches!(second, 0x03..=0x0e | 0x80..=0xbf),
    }
}

/// Whether bytes are the beginning of a text in UTF-8, with no control character but white space.
fn begins_text(bytes: &[u8; 6]) -> bool {
    let control = |b: &u8| *b < 0x20 && !matches!(b, b'\t' | b'\n' | b'\r');
    // Its last character may go on.
    let begins = |error: std::str::Utf8Error| error.error_len().is_none();
    // The first byte beyond ASCII tells of most that they are none.
    let is_text = match bytes.iter().find(|b| !b.is_ascii()) {
        None => true,
        Some(0xc2..=0xf4) => std::str::from_utf8(bytes).map_or_else(begins, |_| true),
        Some(_) => false,
    };
    is_text && !bytes.iter().any(control)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn b64(text: &str) -> Vec<String> {
        let mut all = Vec::new();
        base64_texts(text, |t| all.push(t.text));
        all
    }

    #[test]
    fn base64_is_found_inside_text() {
        assert_eq!(b64("Z2FtYmxlc2hhcm9uQGRoYWthZ2FtZXJzLmNvbS5iZA=="), ["gamblesharon@dhakagamers.com.bd"]);
        assert_eq!(b64("see YWJjZGVmZw now"), ["abcdefg"]);
        assert_eq!(b64("/x/YWJjZGVmZw/y"), ["abcdefg"]);
        assert!(b64("The tournament continues tomorrow").is_empty());
        assert!(b64("c638dc9c1b7a89d4777fa4fa1ab9879d93cee57134d624e4f838af86eb5f5f09").is_empty());
    }

    proptest! {
        #[test]
        fn text_begins_as_utf8_does(bytes in any::<[u8; 6]>(), begin in "\\PC{6}") {
            let begin: [u8; 6] = begin.as_bytes().first_chunk().copied().unwrap_or(bytes);
            for bytes in [bytes, begin] {
                let control = bytes.iter().any(|b| *b < 0x20 && !matches!(b, b'\t' | b'\n' | b'\r'));
                let is_text = std::str::from_utf8(&bytes).map_or_else(|e| e.error_len().is_none(), |_| true);
                prop_assert_eq!(begins_text(&bytes), is_text && !control, "{:?}", bytes);
            }
        }

        #[test]
        fn two_bytes_rule_out_nothing_readable(first: [u8; 2], rest: [u8; 10], kind in 0..4) {
            use base64::Engine as _;
            let mut bytes = [&first[..], &rest].concat();
            // Random bytes are seldom readable.
            bytes.iter_mut().skip(2).enumerate().for_each(|(n, b)| *b = match kind {
                0 => *b,
                1 => 0x20 + *b % 0x5f,
                2 => 0x80 + *b % 0x40,
                _ => if n % 2 == 0 { first[0] % 0x0f } else { first[1] % 0x0f },
            });
            let run = base64::engine::general_purpose::STANDARD_NO_PAD.encode(&bytes);
            prop_assert_eq!(looks_readable(run.as_bytes()), begins_readable(run.as_bytes()), "{:?}", bytes);
        }

        #[test]
        fn decoders_never_panic(text in "\\PC{0,60}") {
            base64_texts(&text, drop);
        }

        #[test]
        fn base64_of_readable_text_comes_back(text in "[a-z@. ]{6,40}") {
            use base64::Engine as _;
            let url = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&text);
            prop_assert!(b64(&url).contains(&text));
            let std = base64::engine::general_purpose::STANDARD.encode(&text);
            prop_assert!(b64(&std).contains(&text));
        }
    }
}
