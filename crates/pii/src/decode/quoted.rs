//! Quoted-printable, with soft line ends, and the encoded words of mail headers.

use super::base64::decode_padded;

/// Undoes quoted-printable; `None` when nothing was encoded. Each `=` of such a text begins a code or ends a line, and the codes
/// are in upper case: `theme=dark` is none. Nobody encodes letters and digits alone: `expires_in=3600` is none either.
pub(super) fn quoted_printable(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let code = |rest: &[u8]| match rest {
        [high, low, ..] => {
            !high.is_ascii_lowercase() && !low.is_ascii_lowercase() && hex(*high, *low).is_some()
        }
        _ => false,
    };
    let blank = |rest: &[u8]| {
        let at = rest.iter().position(|b| !matches!(b, b' ' | b'\t' | b'\r'));
        at.is_none_or(|at| rest.get(at) == Some(&b'\n'))
    };
    let fits = |at: usize| bytes.get(at + 1..).is_some_and(|rest| code(rest) || blank(rest));
    if !memchr::memchr_iter(b'=', bytes).all(fits) {
        return None;
    }
    let tells = |at: usize| match bytes.get(at + 1..) {
        Some([high, low, ..]) => {
            hex(*high, *low).is_none_or(|byte| byte != 0 && !byte.is_ascii_alphanumeric())
        }
        _ => false,
    };
    if !memchr::memchr_iter(b'=', bytes).any(tells) {
        return None;
    }
    let mut out = Vec::with_capacity(bytes.len());
    let (mut at, mut changed) = (0, false);
    while let Some(b) = bytes.get(at) {
        let rest = bytes.get(at + 1..).unwrap_or(&[]);
        let blanks = rest.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
        match (b, rest) {
            (b'=', [high, low, ..]) if let Some(byte) = hex(*high, *low) => {
                out.push(byte);
                (at, changed) = (at + 3, true);
            }
            (b'=', _)
                if rest.get(blanks..).is_some_and(|r| r.starts_with(b"\n") || r.starts_with(b"\r\n")) =>
            {
                at += 1 + blanks + if rest.get(blanks) == Some(&b'\r') { 2 } else { 1 };
                changed = true;
            }
            _ => {
                out.push(*b);
                at += 1;
            }
        }
    }
    changed.then(|| String::from_utf8_lossy(&out).into_owned())
}

/// Two hex digits that are no control character, but for what stands between lines and between the letters of UTF-16.
fn hex(high: u8, low: u8) -> Option<u8> {
    let digit = |b: u8| match b {
        b'0'..=b'9' => Some(b - b'0'),
        b'A'..=b'F' => Some(b - b'A' + 10),
        b'a'..=b'f' => Some(b - b'a' + 10),
        _ => None,
    };
    let byte = digit(high)? << 4 | digit(low)?;
    (byte >= 0x20 || matches!(byte, 0 | b'\n' | b'\r' | b'\t')).then_some(byte)
}

/// Undoes `=?utf-8?B?…?=` and `=?utf-8?Q?…?=`; blanks between two words fall away (RFC 2047).
pub(super) fn encoded_words(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut after_word = false;
    let mut changed = false;
    while let Some(at) = rest.find("=?") {
        let before = rest.get(..at)?;
        let Some((word, used)) = word(rest.get(at..)?) else {
            out.push_str(rest.get(..at + 2)?);
            rest = rest.get(at + 2..)?;
            after_word = false;
            continue;
        };
        if !(after_word && before.trim().is_empty()) {
            out.push_str(before);
        }
        out.push_str(&word);
        rest = rest.get(at + used..)?;
        (after_word, changed) = (true, true);
    }
    out.push_str(rest);
    changed.then_some(out)
}

/// The text of the encoded word that `text` begins with, and the word's length.
fn word(text: &str) -> Option<(String, usize)> {
    let body = text.strip_prefix("=?")?;
    let (charset, rest) = body.split_once('?')?;
    let (coding, rest) = rest.split_once('?')?;
    let (data, _) = rest.split_once("?=")?;
    let used = 2 + charset.len() + 1 + coding.len() + 1 + data.len() + 2;
    let bytes = match coding {
        "b" | "B" => decode_padded(data)?,
        "q" | "Q" => {
            let mut out = Vec::with_capacity(data.len());
            let mut raw = data.bytes();
            while let Some(b) = raw.next() {
                out.push(match b {
                    b'_' => b' ',
                    b'=' => hex(raw.next()?, raw.next()?)?,
                    other => other,
                });
            }
            out
        }
        _ => return None,
    };
    let utf8 = charset.len() <= 40 && charset.to_ascii_lowercase().starts_with("utf");
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if utf8 => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        Err(error) => error.as_bytes().iter().map(|b| char::from(*b)).collect(),
    };
    Some((text, used))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_encodings_are_undone() {
        assert_eq!(quoted_printable("a=40b=\r\n.cd=3D1").as_deref(), Some("a@b.cd=1"));
        assert_eq!(quoted_printable("a = b"), None);
        assert_eq!(quoted_printable("bearer expires_in=3600 max=32"), None);
        assert_eq!(quoted_printable("=61=40=62").as_deref(), Some("a@b"));
        assert_eq!(quoted_printable("one=\ntwo").as_deref(), Some("onetwo"));
        assert_eq!(
            encoded_words("=?utf-8?B?cmFoaW0=?= =?UTF-8?Q?=40gmail.com?= x").as_deref(),
            Some("rahim@gmail.com x")
        );
        assert_eq!(encoded_words("a =? b"), None);
    }
}
