//! A log line that is a JSON object.

use super::errors::find_traceback;
use super::formats::JsonKeys;
use super::frame::PREFIX;
use super::level::Level;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use std::net::IpAddr;

/// Where Cloud Logging has what an application wrote as JSON.
const PAYLOAD: &str = "/jsonPayload";

/// What bunyan and pino call a warning, and Python an error.
const WARNING_OR_ERROR: i64 = 40;
/// Where Node has a stack.
const STACK: &str = "stack";
/// What Python writes of no exception.
const NO_EXCEPTION: &str = "NoneType: None";
/// Levels of an object that are searched for a traceback, and for the message said again.
const DEPTH: u32 = 5;
/// A text that is said again has as many bytes.
const REPEATED: usize = 12;

/// The object of a line.
pub(super) struct Object(Value);

impl Object {
    /// The object that a line is, or ends with.
    pub(super) fn find(line: &str) -> Option<Self> {
        let line = line.trim_end();
        let begin = line.find('{').filter(|begin| *begin <= PREFIX && line.ends_with('}'))?;
        let value: Value = serde_json::from_str(line.get(begin..)?).ok()?;
        value.is_object().then_some(Self(value))
    }

    fn get(&self, key: &str) -> Option<&Value> {
        let value = if key.starts_with('/') { self.0.pointer(key) } else { self.0.get(key) };
        value.filter(|value| !value.is_null())
    }

    /// The text, or the number as text, at the first of these keys that is there.
    pub(super) fn text(&self, keys: &[String]) -> Option<String> {
        let text = |value: &Value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Array(lines) => {
                let lines: Vec<&str> = lines.iter().filter_map(Value::as_str).collect();
                (!lines.is_empty()).then(|| lines.join("\n"))
            }
            _ => None,
        };
        keys.iter().find_map(|key| text(self.get(key)?))
    }

    /// The message: words, never a number.
    pub(super) fn words(&self, keys: &[String]) -> Option<String> {
        keys.iter().find_map(|key| self.get(key)?.as_str().map(str::to_owned))
    }

    /// The exception: what stands at the first of these keys that says anything, or a traceback anywhere else in it. A logger that was
    /// to write one where there is none writes [`NO_EXCEPTION`].
    pub(super) fn exception(&self, keys: &[String]) -> Option<String> {
        let is_one = |key: &str, text: &str| {
            let text = text.trim();
            // A stack may be one of servers, too, which has a name and no lines.
            !text.is_empty() && text != NO_EXCEPTION && (key != STACK || text.contains('\n'))
        };
        let text = |key: &String| self.text(std::slice::from_ref(key)).filter(|text| is_one(key, text));
        let named = keys.iter().find_map(text);
        named.or_else(|| traceback(&self.0, DEPTH))
    }

    /// The level: the word at the first of these keys that has one, or a number before it that says what it is.
    pub(super) fn level(&self, keys: &[String]) -> Level {
        let level = |key: &String| match self.get(key)? {
            Value::String(word) => Level::of_word(key, word),
            Value::Number(number) => {
                let level =
                    number.as_i64().map_or(Level::Unknown, |number| self.level_of_number(key, number));
                Some(level).filter(|level| *level != Level::Unknown)
            }
            _ => None,
        };
        keys.iter().find_map(level).unwrap_or_default()
    }

    fn level_of_number(&self, key: &str, number: i64) -> Level {
        let is_number = |name: &str| self.get(name).is_some_and(Value::is_number);
        // bunyan and pino write these into each line.
        let of_node =
            is_number("pid") && self.get("hostname").is_some() && (is_number("v") || is_number("time"));
        if number == WARNING_OR_ERROR && key == "level" && of_node {
            return Level::Mild;
        }
        Level::of_number(key, number)
    }

    /// Whether the level is a collector's, which stands around what the application wrote (Cloud Logging).
    pub(super) fn is_collected(&self, levels: &[String]) -> bool {
        let inner = |key: &&String| key.starts_with(PAYLOAD) && self.get(key).is_some();
        self.get(PAYLOAD).is_some_and(Value::is_object) && !levels.iter().any(|key| inner(&key))
    }

    /// A time: a text that `read` reads, or the seconds, ms, µs or ns since 1970 as a number.
    pub(super) fn time(
        &self,
        keys: &[String],
        read: impl Fn(&str) -> Option<DateTime<Utc>>,
    ) -> Option<DateTime<Utc>> {
        keys.iter().filter_map(|key| self.get(key)).find_map(|value| match value {
            Value::String(text) => read(text).or_else(|| since_1970(text.parse().ok()?)),
            _ => since_1970(value.as_f64()?),
        })
    }

    /// All that it says beside its message, time, level and logger, as JSON: whatever else an application writes there. A loopback
    /// address is the machine's own, and a text that says the message again (loguru's, a payload's) is looked at without that.
    pub(super) fn beside(&self, keys: &JsonKeys, message: &str) -> Option<String> {
        let known = |name: &str| {
            let lists = [&keys.message, &keys.time, &keys.level, &keys.logger];
            lists.into_iter().flatten().any(|key| key == name)
        };
        let is_loopback = |value: &Value| {
            value.as_str().is_some_and(|text| text.parse().is_ok_and(|ip: IpAddr| ip.is_loopback()))
        };
        let others = self.0.as_object()?.iter().filter(|(name, value)| {
            !known(name) && !is_loopback(value) && !value.is_null() && !value.is_boolean()
        });
        let others: Map<String, Value> = others.map(|(name, value)| (name.clone(), value.clone())).collect();
        if others.is_empty() {
            return None;
        }
        let mut others = Value::Object(others);
        take_out(&mut others, message, DEPTH);
        Some(others.to_string())
    }
}

/// Takes a message out of the texts in a value that say it again.
fn take_out(value: &mut Value, message: &str, depth: u32) {
    let Some(depth) = depth.checked_sub(1) else { return };
    match value {
        Value::String(text) if message.len() >= REPEATED && text.contains(message) => {
            *text = text.replace(message, "");
        }
        Value::Array(all) => all.iter_mut().for_each(|value| take_out(value, message, depth)),
        Value::Object(all) => all.values_mut().for_each(|value| take_out(value, message, depth)),
        _ => {}
    }
}

/// The first text in a value of which a line begins as a traceback does.
fn traceback(value: &Value, depth: u32) -> Option<String> {
    let depth = depth.checked_sub(1)?;
    match value {
        Value::String(text) => {
            let at = find_traceback(text)?;
            let begins = text.get(..at)?.chars().next_back().is_none_or(|before| before == '\n');
            begins.then(|| text.get(at..).map(str::to_owned))?
        }
        Value::Array(all) => all.iter().find_map(|value| traceback(value, depth)),
        Value::Object(all) => all.values().find_map(|value| traceback(value, depth)),
        _ => None,
    }
}

/// A number this small is none of a time, but of a duration or a line: seconds until the year 1973.
const NO_TIME: f64 = 1e8;
/// A number this large is none of seconds, but of ms; a thousand times as much of µs, and so on: until the year 5138.
const NOT_SECONDS: f64 = 1e11;

#[expect(clippy::cast_possible_truncation, reason = "µs of a time within the range of years that chrono has")]
fn since_1970(number: f64) -> Option<DateTime<Utc>> {
    let mut seconds = number;
    while seconds.is_finite() && seconds.abs() >= NOT_SECONDS {
        seconds /= 1000.0;
    }
    (seconds.is_finite() && seconds.abs() >= NO_TIME)
        .then(|| DateTime::from_timestamp_micros((seconds * 1e6).round() as i64))?
}

#[cfg(test)]
mod tests {
    use super::super::Formats;
    use super::*;
    use serde_json::json;

    #[test]
    fn a_number_that_libraries_differ_about_is_read_by_what_stands_beside_it() {
        let formats = Formats::built_in().unwrap();
        let level = |line: Value| formats.read(&line.to_string()).unwrap().level;
        for (line, expected) in [
            (
                json!({"level": 40, "msg": "x", "time": 1_763_022_615_500_u64, "pid": 1, "hostname": "h"}),
                Level::Mild,
            ),
            (
                json!({"level": 40, "msg": "x", "time": "2025-11-13T08:30:15Z", "pid": 1, "hostname": "h", "v": 0}),
                Level::Mild,
            ),
            (
                json!({"level": 50, "msg": "x", "time": 1_763_022_615_500_u64, "pid": 1, "hostname": "h"}),
                Level::Severe,
            ),
            (json!({"level": 40, "levelname": "ERROR", "message": "x"}), Level::Severe),
            (json!({"level": 40, "level_number": 40, "event": "x"}), Level::Severe),
            (json!({"level": 40, "message": "x"}), Level::Unknown),
            // A word decides, whatever else there is.
            (json!({"level": "audit", "message": "x", "status": "error"}), Level::Unknown),
            (json!({"status": 500, "level": "info", "message": "x"}), Level::Mild),
        ] {
            assert_eq!(level(line.clone()), expected, "{line}");
        }
    }

    #[test]
    fn a_time_is_the_first_that_can_be_read() {
        let formats = Formats::built_in().unwrap();
        let at = |line: Value| formats.read(&line.to_string()).unwrap().at.map(|at| at.timestamp());
        for (line, expected) in [
            (
                json!({"message": "x", "timestamp": {"seconds": 1_763_022_615, "nanos": 5}}),
                Some(1_763_022_615),
            ),
            (json!({"message": "x", "timeUnixNano": "1763022615500000000"}), Some(1_763_022_615)),
            (json!({"message": "x", "time": "soon", "ts": 1_763_022_615.5}), Some(1_763_022_615)),
            // How long something took.
            (json!({"message": "x", "t": 0.25}), None),
        ] {
            assert_eq!(at(line.clone()), expected, "{line}");
        }
    }
}
