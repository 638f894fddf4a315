//! The one reader of JSON that comes from elsewhere, bodies of webhooks and answers of an API alike: RFC 8259 and nothing
//! beside it. What is no JSON is told why, and read once more without what is wrong, to say what it would have been.

use serde::de::IgnoredAny;
use serde_json::{Deserializer, Value};
use std::fmt;

/// Reads a whole text as JSON.
///
/// # Errors
/// When it is none; the error is a phrase such as `it starts with a byte order mark`.
pub fn read_json(text: &[u8]) -> Result<Value, NotJson> {
    serde_json::from_slice(text).map_err(|error| NotJson::of(text, &error))
}

/// Why a text is no JSON, as a phrase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotJson(String);

impl fmt::Display for NotJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl NotJson {
    fn of(text: &[u8], error: &serde_json::Error) -> Self {
        if text.trim_ascii().is_empty() {
            return Self("it is empty".to_owned());
        }
        if text.starts_with(&[0xff, 0xfe]) || text.starts_with(&[0xfe, 0xff]) || text.get(1) == Some(&0) {
            return Self("it is UTF-16, but JSON must be UTF-8".to_owned());
        }
        let mended = Mended::of(text);
        if mended.wrong.is_empty() { Self(error.to_string()) } else { Self(mended.wrong.join(", and ")) }
    }
}

/// The text without what senders put into JSON that does not belong there, and why it is no JSON; `None` when it is
/// JSON, or stays none.
#[must_use]
pub fn mended(text: &[u8]) -> Option<(Vec<u8>, NotJson)> {
    let Mended { text, wrong } = Mended::of(text);
    let is_json = !wrong.is_empty() && serde_json::from_slice::<IgnoredAny>(&text).is_ok();
    is_json.then(|| (text, NotJson(wrong.join(", and "))))
}

const BYTE_ORDER_MARK: &[u8] = &[0xef, 0xbb, 0xbf];
/// Numbers of JavaScript and Python that JSON does not have; the longer before the one that it ends with.
const NO_NUMBERS: [&str; 3] = ["-Infinity", "Infinity", "NaN"];

struct Mended {
    text: Vec<u8>,
    /// What was wrong, each once.
    wrong: Vec<String>,
}

impl Mended {
    fn of(text: &[u8]) -> Self {
        let mut mended = Self { text: Vec::with_capacity(text.len()), wrong: Vec::new() };
        let unicode = String::from_utf8_lossy(text);
        if let Err(error) = std::str::from_utf8(text) {
            let at = error.valid_up_to();
            let byte = text.get(at).copied().unwrap_or_default();
            mended.wrong.push(format!("byte {at} (0x{byte:02x}) is not valid UTF-8"));
        }
        let text = unicode.as_bytes();
        let mark = if text.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
        if mark > 0 {
            mended.wrong.push("it starts with a byte order mark".to_owned());
        }
        let rest = text.get(mark..).unwrap_or_default();
        let blank = |b: &u8| *b == 0 || b.is_ascii_whitespace();
        let end = rest.iter().rposition(|b| !blank(b)).map_or(0, |last| last + 1);
        let (body, tail) = rest.split_at(end);
        mended.take(body, mark);
        if tail.contains(&0) {
            mended.wrong.push("a NUL byte follows it".to_owned());
        }
        mended.leave_out_the_rest();
        mended
    }

    /// Takes a text of which `before` bytes are gone.
    fn take(&mut self, body: &[u8], before: usize) {
        let (mut in_text, mut escaped, mut at) = (false, false, 0);
        while let Some(&byte) = body.get(at) {
            let here = body.get(at..).unwrap_or_default();
            let no_number = NO_NUMBERS.iter().find(|word| !in_text && here.starts_with(word.as_bytes()));
            if let Some(word) = no_number {
                self.tell(
                    "is not a JSON number",
                    format!("{word} (byte {}) is not a JSON number", before + at),
                );
                self.text.extend_from_slice(b"null");
                at += word.len();
                continue;
            }
            if in_text && byte < b' ' {
                let what = format!(
                    "a string contains a raw control character (U+{byte:04X}) at byte {}",
                    before + at
                );
                self.tell("a raw control character", what);
                self.text.extend_from_slice(format!("\\u{byte:04x}").as_bytes());
            } else {
                self.text.push(byte);
                in_text ^= byte == b'"' && !escaped;
            }
            escaped = in_text && byte == b'\\' && !escaped;
            at += 1;
        }
    }

    /// Tells one of a kind.
    fn tell(&mut self, kind: &str, what: String) {
        if !self.wrong.iter().any(|told| told.contains(kind)) {
            self.wrong.push(what);
        }
    }

    /// What stands behind a whole value.
    fn leave_out_the_rest(&mut self) {
        let mut values = Deserializer::from_slice(&self.text).into_iter::<IgnoredAny>();
        if !matches!(values.next(), Some(Ok(_))) {
            return;
        }
        let end = values.byte_offset();
        if self.text.get(end..).is_some_and(|rest| !rest.trim_ascii().is_empty()) {
            self.wrong.push(format!("something follows it, from byte {end} on"));
            self.text.truncate(end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_spelling_that_is_no_json_is_named_and_mended() {
        let value = json!({"event": "paid", "n": 42});
        for (text, says) in [
            (&b"\xef\xbb\xbf{\"event\":\"paid\",\"n\":42}"[..], "it starts with a byte order mark"),
            (b"{\"event\":\"paid\",\"n\":42}\0\n\0", "a NUL byte follows it"),
            (b"{\"event\":\"paid\",\"n\":42}\n{}", "something follows it, from byte 23 on"),
            (
                b"\xef\xbb\xbf{\"event\":\"paid\",\"n\":42}\0",
                "it starts with a byte order mark, and a NUL byte follows",
            ),
        ] {
            let told = read_json(text).unwrap_err().to_string();
            assert!(told.contains(says), "{told}");
            let (mended, why) = mended(text).unwrap();
            assert_eq!((read_json(&mended).unwrap(), why.to_string()), (value.clone(), told));
        }
        let (latin, why) = mended(b"{\"a\":\"caf\xe9\"}").unwrap();
        assert_eq!(read_json(&latin).unwrap(), json!({"a": "caf\u{fffd}"}));
        assert_eq!(why.to_string(), "byte 9 (0xe9) is not valid UTF-8");
        let (text, why) =
            mended(b"{\"a\":\"x\x01\\\"\x02\",\"b\":NaN,\"c\":-Infinity,\"d\":\"NaN\"}").unwrap();
        assert_eq!(
            read_json(&text).unwrap(),
            json!({"a": "x\u{1}\"\u{2}", "b": null, "c": null, "d": "NaN"})
        );
        let wanted = "a string contains a raw control character (U+0001) at byte 7, and NaN (byte 17) is not a JSON number";
        assert_eq!(why.to_string(), wanted);
    }

    #[test]
    fn what_stays_no_json_is_told_by_line_and_column() {
        for (text, says) in [
            (&b""[..], "it is empty"),
            (b"\xff\xfe{\0}\0", "UTF-16"),
            (b"{\"a\":}", "line 1 column 6"),
            (b"id=7&x=1", "line 1 column 1"),
        ] {
            assert!(read_json(text).unwrap_err().to_string().contains(says), "{text:?}");
            assert!(mended(text).is_none());
        }
        assert!(mended(b"{\"a\":1}").is_none());
    }
}
