//! Percent-encoding, HTML entities, literal escapes, and `+` for a blank. One call is one layer.

/// A text whose encoding was undone.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Decoded {
    pub text: String,
    /// Percent-encoding or entities hid what stands around its values; escapes leave it in sight.
    pub veiled: bool,
}

/// Undoes percent-encoding, HTML entities and literal backslash escapes once each. `None` when nothing was encoded.
pub(super) fn inline(text: &str) -> Option<Decoded> {
    // What is a carrier below has entities and escapes of its own, which the next layer undoes in their place: a line end among
    // them would break a string of JSON or a row of a table. In the same way the fields of a form are percent-encoded below
    // the entities between them.
    let percent = if text.contains("&amp;") { None } else { percent(text) };
    let under = percent.as_deref().unwrap_or(text);
    let entities = if percent.is_some() && is_carrier(under) { percent } else { entities(under).or(percent) };
    let veiled = entities.is_some();
    let under = entities.as_deref().unwrap_or(text);
    let decoded = if veiled && is_carrier(under) { entities } else { escapes(under).or(entities) }?;
    (decoded != text).then_some(Decoded { text: decoded, veiled })
}

/// Mark-up, JSON, or something of several lines, such as a table or mail.
fn is_carrier(text: &str) -> bool {
    text.contains(['<', '{', '[', '\n'])
}

/// Whether an escape that [`inline`] undoes stands at the beginning of `text`.
pub(super) fn is_escape(text: &str) -> bool {
    let Some((mark, tail)) = text.split_at_checked(1) else { return false };
    match mark {
        "%" => hex_value(tail.as_bytes(), 0, 2).is_some(),
        "&" => entity(tail).is_some(),
        "\\" => escape(tail).is_some(),
        _ => false,
    }
}

/// Undoes `+` for a blank, as forms write it, where it stands between two words of a query or of a text without blanks.
/// `None` when there is no such `+`.
pub(super) fn form(text: &str) -> Option<String> {
    let solid = !text.contains(char::is_whitespace);
    let mut out = String::with_capacity(text.len());
    for token in text.split_inclusive(char::is_whitespace) {
        if is_base64_with_plus(token) {
            out.push_str(token);
        } else if token.contains(['=', '%']) || token.contains("://") || solid && is_worded(token) {
            token.split_inclusive(['&', '?', '#']).for_each(|field| unfold_field(field, &mut out));
        } else if solid {
            // Punctuation and `+` may begin an international number here.
            unfold(token, ")", &mut out);
        } else {
            out.push_str(token);
        }
    }
    (out != text).then_some(out)
}

/// Unfolds a field of a form or query, with the mark that ends it, but for a value that is base64.
fn unfold_field(field: &str, out: &mut String) {
    let (name, value) = field.split_once('=').unwrap_or(("", field));
    if is_base64_with_plus(value.trim_end_matches(['&', '?', '#'])) {
        unfold(name, MARKS, out);
        out.push_str(field.get(name.len()..).unwrap_or(""));
    } else {
        unfold(field, MARKS, out);
    }
}

/// Punctuation that a word may end in before a `+` that stands for a blank.
const MARKS: &str = ").]}%,:;!?\"'";

/// Whether a `+` of a value is a letter of base64, which its sender did not percent-encode, and no blank.
pub(super) fn is_base64_with_plus(value: &str) -> bool {
    let value = value.trim_end();
    let readable = |text: &str| super::base64::is_readable(text);
    value.len() >= 16
        && value.contains('+')
        && percent(value).map_or_else(|| readable(value), |text| readable(&text))
}

/// A `+` joins two words, which it does not in a list of international numbers.
fn is_worded(token: &str) -> bool {
    let mut pieces = token.split('+');
    let mut left = pieces.next().unwrap_or("");
    pieces.any(|right| {
        let joins = left.ends_with(char::is_alphanumeric) && right.starts_with(char::is_alphanumeric);
        left = right;
        joins
    })
}

/// Appends `token` with a blank for each `+` that joins words, which may end in one of `marks`.
fn unfold(token: &str, marks: &str, out: &mut String) {
    let opens = |piece: &str| {
        piece.starts_with(|c: char| {
            c.is_alphanumeric() || matches!(c, '(' | '%' | '"' | '\'' | '{' | '[' | '@')
        })
    };
    let closes = |text: &str| text.ends_with(|c: char| c.is_alphanumeric() || marks.contains(c));
    for (index, piece) in token.split('+').enumerate() {
        if index > 0 {
            let joins = closes(out) && opens(piece) && !is_tag(piece) && !is_zone(piece);
            out.push(if joins { ' ' } else { '+' });
        }
        out.push_str(piece);
    }
}

/// The tag of an e-mail address: `t1@gmail.com`.
fn is_tag(piece: &str) -> bool {
    let end = piece.find('@').into_iter().chain(piece.find("%40")).min();
    end.and_then(|at| piece.get(..at)).is_some_and(|tag| {
        tag.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-')) && !tag.is_empty()
    })
}

/// The offset of a time: `06:00`.
fn is_zone(piece: &str) -> bool {
    matches!(piece.as_bytes(), [b'0' | b'1', a, b':', b, c, ..] if [a, b, c].iter().all(|d| d.is_ascii_digit()))
}

/// What a `data:` URL holds that is percent-encoded (RFC 2397); base64 is read where it stands.
pub(super) fn data_url(text: &str) -> Option<String> {
    let (head, data) = text.strip_prefix("data:")?.split_once(',')?;
    let plain = head.len() <= 128 && !head.ends_with(";base64") && !head.contains(char::is_whitespace);
    percent(data).filter(|_| plain)
}

/// `%40`, and `%u0040` as `escape()` of JavaScript writes it. Bytes that are no UTF-8 become U+FFFD.
pub(crate) fn percent(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let first = memchr(b'%', bytes, 0)?;
    let mut out: Vec<u8> = Vec::with_capacity(bytes.len());
    let (mut at, mut changed) = (0, false);
    let mut next = Some(first);
    while let Some(found) = next {
        out.extend_from_slice(bytes.get(at..found)?);
        if let Some(b) = hex_value(bytes, found + 1, 2) {
            out.push(u8::try_from(b).ok()?);
            (at, changed) = (found + 3, true);
        } else if let (Some(b'u' | b'U'), Some(code)) = (bytes.get(found + 1), hex_value(bytes, found + 2, 4))
        {
            let c = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            (at, changed) = (found + 6, true);
        } else {
            out.push(b'%');
            at = found + 1;
        }
        next = memchr(b'%', bytes, at);
    }
    out.extend_from_slice(bytes.get(at..)?);
    changed.then(|| {
        String::from_utf8(out).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned())
    })
}

/// The position of `needle` from `from` on.
fn memchr(needle: u8, hay: &[u8], from: usize) -> Option<usize> {
    memchr::memchr(needle, hay.get(from..)?).map(|at| at + from)
}

/// The value of exactly `digits` hex digits at `at`.
fn hex_value(bytes: &[u8], at: usize, digits: usize) -> Option<u32> {
    let mut value = 0;
    for b in bytes.get(at..at + digits)? {
        value = value * 16 + char::from(*b).to_digit(16)?;
    }
    Some(value)
}

/// `&#64;`, `&#x40;`, `&commat;`; the semicolon may be missing after a number, as browsers allow.
pub(crate) fn entities(text: &str) -> Option<String> {
    let mut rest = text;
    let mut out = String::new();
    let mut changed = false;
    while let Some(at) = rest.find('&') {
        out.push_str(rest.get(..at)?);
        let tail = rest.get(at + 1..)?;
        if let Some((c, used)) = entity(tail) {
            out.push(c);
            rest = tail.get(used..)?;
            changed = true;
        } else {
            out.push('&');
            rest = tail;
        }
    }
    if !changed {
        return None;
    }
    out.push_str(rest);
    Some(out)
}

/// The character of the entity after an `&`, and the length of the rest of the reference.
fn entity(tail: &str) -> Option<(char, usize)> {
    let bytes = tail.as_bytes();
    if bytes.first() == Some(&b'#') {
        let hex = matches!(bytes.get(1), Some(b'x' | b'X'));
        let start = if hex { 2 } else { 1 };
        let radix = if hex { 16 } else { 10 };
        let (mut value, mut at) = (0u32, start);
        while let Some(d) = bytes.get(at).and_then(|b| char::from(*b).to_digit(radix)) {
            value = value.saturating_mul(radix).saturating_add(d);
            at += 1;
            if at > start + 8 {
                return None;
            }
        }
        if at == start {
            return None;
        }
        let used = at + usize::from(bytes.get(at) == Some(&b';'));
        return Some((char::from_u32(value)?, used));
    }
    let end = bytes.iter().take(12).position(|b| *b == b';')?;
    Some((named(tail.get(..end)?)?, end + 1))
}

/// The named references that stand for characters of names, addresses and markup (HTML 5, section 13.5).
fn named(name: &str) -> Option<char> {
    Some(match name {
        "amp" | "AMP" => '&',
        "lt" | "LT" => '<',
        "gt" | "GT" => '>',
        "quot" | "QUOT" => '"',
        "apos" => '\'',
        "nbsp" | "NonBreakingSpace" | "ensp" | "emsp" | "thinsp" | "Tab" | "NewLine" => ' ',
        "commat" => '@',
        "period" => '.',
        "plus" => '+',
        "minus" | "hyphen" | "dash" | "ndash" | "mdash" => '-',
        "lowbar" | "UnderBar" => '_',
        "colon" => ':',
        "semi" => ';',
        "comma" => ',',
        "num" => '#',
        "sol" => '/',
        "bsol" => '\\',
        "percnt" => '%',
        "equals" => '=',
        "quest" => '?',
        "excl" => '!',
        "dollar" => '$',
        "ast" | "midast" => '*',
        "lpar" => '(',
        "rpar" => ')',
        "lsqb" | "lbrack" => '[',
        "rsqb" | "rbrack" => ']',
        "lcub" | "lbrace" => '{',
        "rcub" | "rbrace" => '}',
        "verbar" | "vert" | "VerticalLine" => '|',
        "grave" | "DiacriticalGrave" => '`',
        "Hat" => '^',
        "tilde" => '˜',
        "shy" | "ZeroWidthSpace" | "zwj" | "zwnj" => '\u{ad}',
        "szlig" => 'ß',
        "aelig" => 'æ',
        "AElig" => 'Æ',
        "oslash" => 'ø',
        "Oslash" => 'Ø',
        "eth" => 'ð',
        "ETH" => 'Ð',
        "thorn" => 'þ',
        "THORN" => 'Þ',
        _ => return accented(name),
    })
}

/// `eacute`, `Uuml` and the like: a letter and the name of its accent.
fn accented(name: &str) -> Option<char> {
    let letter = name.chars().next().filter(char::is_ascii_alphabetic)?;
    let mark = match name.get(1..)? {
        "grave" => '\u{300}',
        "acute" => '\u{301}',
        "circ" => '\u{302}',
        "tilde" => '\u{303}',
        "macr" => '\u{304}',
        "breve" => '\u{306}',
        "dot" => '\u{307}',
        "uml" => '\u{308}',
        "ring" => '\u{30a}',
        "dblac" => '\u{30b}',
        "caron" => '\u{30c}',
        "cedil" => '\u{327}',
        "ogon" => '\u{328}',
        _ => return None,
    };
    unicode_normalization::char::compose(letter, mark)
}

/// `\u0040` (with surrogate pairs), `\u{40}`, `\U00000040`, `\x40`, `\"`, `\/`, `\\`, `\n` left over as literal text.
pub(super) fn escapes(text: &str) -> Option<String> {
    unescaped(text, escape)
}

/// The text without its escapes, of which `escape` gives the character after a backslash and the length of the rest; `None` when there
/// is none.
pub(super) fn unescaped(text: &str, escape: impl Fn(&str) -> Option<(char, usize)>) -> Option<String> {
    let mut rest = text;
    let mut out = String::new();
    let mut changed = false;
    while let Some(at) = rest.find('\\') {
        out.push_str(rest.get(..at)?);
        if let Some((word, used)) = byte_escapes(rest.get(at..)?) {
            out.push_str(&word);
            rest = rest.get(at + used..)?;
            changed = true;
            continue;
        }
        let tail = rest.get(at + 1..)?;
        if let Some((c, used)) = escape(tail) {
            out.push(c);
            rest = tail.get(used..)?;
            changed = true;
        } else {
            out.push('\\');
            rest = tail;
        }
    }
    if !changed {
        return None;
    }
    out.push_str(rest);
    Some(out)
}

/// The text of `\\xNN` one after another that are the bytes of a character beyond ASCII, and how long they are.
fn byte_escapes(text: &str) -> Option<(String, usize)> {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::new(), 0);
    while bytes.get(at..at + 2) == Some(b"\\x") {
        let Some(byte) =
            hex_value(bytes, at + 2, 2).and_then(|b| u8::try_from(b).ok()).filter(|b| *b >= 0x80)
        else {
            break;
        };
        out.push(byte);
        at += 4;
    }
    (at > 4).then(|| Some((String::from_utf8(out).ok()?, at)))?
}

/// The character of the escape after a backslash, and the length of the rest of the escape.
pub(super) fn escape(tail: &str) -> Option<(char, usize)> {
    let bytes = tail.as_bytes();
    match bytes.first()? {
        b'u' | b'U' if bytes.get(1) == Some(&b'{') => {
            let end = bytes.iter().take(10).position(|b| *b == b'}')?;
            let code = u32::from_str_radix(tail.get(2..end)?, 16).ok()?;
            Some((char::from_u32(code)?, end + 1))
        }
        b'u' => {
            let high = hex_value(bytes, 1, 4)?;
            if (0xd800..0xdc00).contains(&high) && bytes.get(5..7) == Some(b"\\u") {
                let low = hex_value(bytes, 7, 4).filter(|l| (0xdc00..0xe000).contains(l))?;
                return Some((char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00))?, 11));
            }
            Some((char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER), 5))
        }
        b'U' => Some((char::from_u32(hex_value(bytes, 1, 8)?)?, 9)),
        b'x' => Some((char::from_u32(hex_value(bytes, 1, 2)?)?, 3)),
        b'"' => Some(('"', 1)),
        b'\'' => Some(('\'', 1)),
        b'/' => Some(('/', 1)),
        b'\\' => Some(('\\', 1)),
        b'n' => Some(('\n', 1)),
        b'r' | b't' => Some((' ', 1)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_encoding_is_undone() {
        assert_eq!(percent("a%40b.cd").as_deref(), Some("a@b.cd"));
        assert_eq!(percent("a%2540b.cd").as_deref(), Some("a%40b.cd"));
        assert_eq!(percent("100% sure %zz"), None);
        assert_eq!(percent("%u0040").as_deref(), Some("@"));
        assert_eq!(entities("a&#64;b&#x40;c&commat;d&#64e").as_deref(), Some("a@b@c@d@e"));
        assert_eq!(entities("Zo&euml; &Ouml;"), Some("Zoë Ö".into()));
        assert_eq!(entities("Q&A; R&D"), None);
        assert_eq!(escapes(r"a\u0040b \uD83D\uDE00 \x41 \u{42}").as_deref(), Some("a@b 😀 A B"));
        assert_eq!(inline("plain"), None);
        assert_eq!(inline("a%26%2364%3Bb"), Some(Decoded { text: "a@b".into(), veiled: true }));
        assert_eq!(inline("a\\x40b"), Some(Decoded { text: "a@b".into(), veiled: false }));
    }

    #[test]
    fn what_is_below_a_carrier_is_left_for_the_next_layer() {
        let undone = |text: &str| inline(text).map(|decoded| decoded.text);
        assert_eq!(undone("%7B%22k%22%3A%22a%26%2310%3Bb%22%7D").as_deref(), Some(r#"{"k":"a&#10;b"}"#));
        assert_eq!(undone("id%2Cv%0A7%2Ca%5Cnb").as_deref(), Some("id,v\n7,a\\nb"));
        assert_eq!(undone("/x?n=1&amp;v=a%26b").as_deref(), Some("/x?n=1&v=a%26b"));
    }

    #[test]
    fn plus_is_a_blank_between_words() {
        assert_eq!(form("/x?d=%2B880+1712-345678").as_deref(), Some("/x?d=%2B880 1712-345678"));
        assert_eq!(form("GET /x?d=a+(b) HTTP").as_deref(), Some("GET /x?d=a (b) HTTP"));
        for same in
            ["rahim+t1@x.com", "m=rahim+t1%40x.com", "1 + 1", "C++", "5+5 is 10", "10:00:00+06:00", "+8801"]
        {
            assert_eq!(form(same), None, "{same}");
        }
    }

    proptest! {
        #[test]
        fn decoders_never_panic(text in "\\PC{0,60}") {
            let _ = inline(&text);
        }
    }
}
