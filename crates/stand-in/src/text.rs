//! Text as the real system writes it: Python's JSON, and times in Asia/Dhaka.

use chrono::{DateTime, FixedOffset, Utc};
use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter};
use std::io::{self, Write};

/// Which separators Python's `json.dumps` puts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Separators {
    /// `separators=(",", ":")`.
    Compact,
    /// The default: `", "` and `": "`.
    Spaced,
}

/// JSON bytes as `json.dumps(…, ensure_ascii=True)` gives them: everything outside ` ` to `~` is escaped.
pub(super) fn python_json<T: Serialize>(value: &T, separators: Separators) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(384);
    let mut out = serde_json::Serializer::with_formatter(&mut bytes, Python(separators));
    // Writing plain data into a Vec cannot fail; an empty body would be seen at once.
    let _ = value.serialize(&mut out);
    bytes
}

struct Python(Separators);

impl Python {
    fn separate<W: ?Sized + Write>(&self, w: &mut W, mark: &[u8]) -> io::Result<()> {
        w.write_all(mark)?;
        if self.0 == Separators::Spaced { w.write_all(b" ") } else { Ok(()) }
    }
}

impl Formatter for Python {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, w: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(|c: char| !(' '..='~').contains(&c)) {
            let (plain, odd) = rest.split_at(at);
            w.write_all(plain.as_bytes())?;
            let mut chars = odd.chars();
            let mut units = [0u16; 2];
            for unit in chars.next().map_or(&[][..], |c| c.encode_utf16(&mut units)) {
                write!(w, "\\u{unit:04x}")?;
            }
            rest = chars.as_str();
        }
        w.write_all(rest.as_bytes())
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, w: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { self.separate(w, b",") }
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, w: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { self.separate(w, b",") }
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, w: &mut W) -> io::Result<()> {
        self.separate(w, b":")
    }

    fn begin_object<W: ?Sized + Write>(&mut self, w: &mut W) -> io::Result<()> {
        CompactFormatter.begin_object(w)
    }
}

/// Asia/Dhaka, which has no daylight saving.
fn dhaka(at: DateTime<Utc>) -> DateTime<FixedOffset> {
    FixedOffset::east_opt(6 * 3600).map_or_else(|| at.fixed_offset(), |zone| at.with_timezone(&zone))
}

/// A time as the API writes it: ISO 8601 with microseconds and +06:00.
pub(super) fn api_time(at: DateTime<Utc>) -> String {
    dhaka(at).format("%Y-%m-%dT%H:%M:%S%.6f%:z").to_string()
}

/// A time as Python's logging writes it by default (`asctime`).
pub(super) fn log_time(at: DateTime<Utc>) -> String {
    dhaka(at).format("%Y-%m-%d %H:%M:%S,%3f").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn json_is_what_python_writes() {
        let value = json!({"a": "Ü\u{7f}\n\"\\😀", "b": [1, null, {"c": true}]});
        let compact = String::from_utf8(python_json(&value, Separators::Compact)).unwrap();
        assert_eq!(compact, r#"{"a":"\u00dc\u007f\n\"\\\ud83d\ude00","b":[1,null,{"c":true}]}"#);
        let spaced = String::from_utf8(python_json(&value, Separators::Spaced)).unwrap();
        assert_eq!(spaced, r#"{"a": "\u00dc\u007f\n\"\\\ud83d\ude00", "b": [1, null, {"c": true}]}"#);
    }

    #[test]
    fn times_are_those_of_dhaka() {
        let at = DateTime::from_timestamp(1_795_438_932, 150_007_000).unwrap();
        assert_eq!(api_time(at), "2026-11-23T19:02:12.150007+06:00");
        assert_eq!(log_time(at), "2026-11-23 19:02:12,150");
    }
}
