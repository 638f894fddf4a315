//! Strict keys: a line holds what smoke writes, and nothing that a reader would take for something else.

use super::Contradictions;
use record::{EncodedRecord, Line, Record};
use serde_json::Value;
use signature::check_unique_keys;

/// Holds the text of a line against the record that it was read as, which is `encoded` for that.
pub(super) fn check(
    number: u64,
    line: &[u8],
    (record, encoded): (&Record, &mut EncodedRecord),
    found: &mut Contradictions,
) {
    if encoded.encode(record).is_err() {
        return;
    }
    // As smoke writes it: nothing more to look at.
    if line.strip_suffix(b"}").is_some_and(|rest| rest.ends_with(encoded.bytes())) {
        return;
    }
    if let Err(error) = check_unique_keys(line) {
        found.add("duplicate_key", format!("line {number}: {error}"));
        return;
    }
    let Ok(raw) = serde_json::from_slice::<Line<Value>>(line) else { return };
    let Ok(read) = serde_json::from_slice::<Value>(encoded.bytes()) else { return };
    if let Some(difference) = difference(&raw.record, &read, "") {
        found.add("unknown_key", format!("line {number}: {difference}"));
    }
}

/// The first place at which `raw` holds something that smoke does not write there, be it the default; what smoke fills in is none.
pub(super) fn difference(raw: &Value, read: &Value, at: &str) -> Option<String> {
    match (raw, read) {
        (Value::Object(raw), Value::Object(read)) => raw.iter().find_map(|(key, value)| {
            let at = format!("{at}/{key}");
            match read.get(key) {
                Some(read) => difference(value, read, &at),
                None => Some(format!("`{at}` is not a key that smoke writes there")),
            }
        }),
        (Value::Array(raw), Value::Array(read)) if raw.len() == read.len() => (0..)
            .zip(raw.iter().zip(read))
            .find_map(|(n, (raw, read))| difference(raw, read, &format!("{at}/{n}"))),
        (Value::Number(a), Value::Number(b)) if a.as_f64() == b.as_f64() => None,
        (raw, read) if raw == read => None,
        _ => Some(format!("`{at}` is not written as smoke writes it")),
    }
}
