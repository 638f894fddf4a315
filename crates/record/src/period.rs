//! A length of time as people write it: `500ms`, `2s`, `1m30s`.

#[cfg(feature = "schema")]
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::{Serialize, Serializer};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// The longest time that a scenario may ask for.
const MAX: Duration = Duration::from_secs(24 * 3600);

/// A length of time, at most 24 h. Written as numbers with units: `h`, `m`, `s`, `ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period(Duration);

impl Period {
    #[must_use]
    pub const fn from_millis(ms: u64) -> Self {
        Self(Duration::from_millis(ms))
    }

    /// As a standard duration.
    #[must_use]
    pub const fn get(self) -> Duration {
        self.0
    }

    /// In milliseconds, rounded down.
    #[must_use]
    pub fn as_millis(self) -> u64 {
        u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX)
    }
}

/// Why a text is not a length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeriodError {
    /// A number alone.
    #[error("`{0}` has no unit: write {0}s or {0}ms")]
    NoUnit(String),
    /// Something else.
    #[error("`{0}` is not a duration: write for example 500ms, 2s or 1m30s")]
    Malformed(String),
    /// Over 24 h.
    #[error("`{0}` is over 24h, the longest allowed")]
    TooLong(String),
}

impl FromStr for Period {
    type Err = PeriodError;

    fn from_str(text: &str) -> Result<Self, PeriodError> {
        match read(text, millis)? {
            span if span > MAX => Err(PeriodError::TooLong(text.to_owned())),
            span => Ok(Self(span)),
        }
    }
}

/// Reads a length of time that may be longer than a [`Period`]: with days, and `sec` and `min` too.
///
/// # Errors
/// When the text is none.
pub fn time_span(text: &str) -> Result<Duration, PeriodError> {
    read(text, |unit| match unit {
        "d" => Some(24.0 * 3600e3),
        "min" => millis("m"),
        "sec" => millis("s"),
        unit => millis(unit),
    })
}

/// Milliseconds of a unit.
fn millis(unit: &str) -> Option<f64> {
    match unit {
        "ms" => Some(1.0),
        "s" => Some(1e3),
        "m" => Some(60e3),
        "h" => Some(3600e3),
        _ => None,
    }
}

/// The sum of numbers with units, of which `unit` gives the milliseconds.
fn read(text: &str, unit: impl Fn(&str) -> Option<f64>) -> Result<Duration, PeriodError> {
    if !text.is_empty() && text.parse::<f64>().is_ok() {
        return Err(PeriodError::NoUnit(text.to_owned()));
    }
    let malformed = || PeriodError::Malformed(text.chars().take(40).collect());
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let split = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(malformed)?;
        let (number, tail) = rest.split_at(split);
        let end = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (name, tail) = tail.split_at(end);
        let millis = unit(name).ok_or_else(malformed)?;
        let number: f64 = number.parse().map_err(|_| malformed())?;
        let part =
            Duration::try_from_secs_f64((number * millis * 1e3).round() / 1e6).map_err(|_| malformed())?;
        total = total.saturating_add(part);
        rest = tail;
    }
    if text.is_empty() { Err(malformed()) } else { Ok(total) }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.as_micros();
        if micros.is_multiple_of(1_000_000) {
            write!(f, "{}s", micros / 1_000_000)
        } else if micros.is_multiple_of(1000) {
            write!(f, "{}ms", micros / 1000)
        } else {
            write!(f, "{}.{:03}ms", micros / 1000, micros % 1000)
        }
    }
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl Visitor<'_> for Text {
            type Value = Period;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a duration such as 500ms, 2s or 1m30s")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Period, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Period, E> {
                Err(E::custom(PeriodError::NoUnit(number.to_string())))
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Period, E> {
                Err(E::custom(PeriodError::NoUnit(number.to_string())))
            }
        }

        deserializer.deserialize_any(Text)
    }
}

#[cfg(feature = "schema")]
impl JsonSchema for Period {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Period".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A duration, at most 24 h: `500ms`, `2s`, `1m30s`.",
            "pattern": r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$",
            "examples": ["500ms", "2s", "1m"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn units() {
        for (text, ms) in
            [("500ms", 500), ("2s", 2000), ("1.5s", 1500), ("1m30s", 90_000), ("24h", 86_400_000)]
        {
            assert_eq!(text.parse(), Ok(Period::from_millis(ms)), "{text}");
        }
    }

    #[test]
    fn errors_say_what_would_be_right() {
        let error = |text: &str| text.parse::<Period>().unwrap_err().to_string();
        assert_eq!(error("5"), "`5` has no unit: write 5s or 5ms");
        assert_eq!(error("5 s"), "`5 s` is not a duration: write for example 500ms, 2s or 1m30s");
        assert_eq!(error(""), "`` is not a duration: write for example 500ms, 2s or 1m30s");
        assert_eq!(error("25h"), "`25h` is over 24h, the longest allowed");
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_again(micros in 0u64..86_400_000_000) {
            let period = Period(Duration::from_micros(micros));
            prop_assert_eq!(period.to_string().parse(), Ok(period));
        }

        #[test]
        fn never_panics(text in ".*") {
            let _ = text.parse::<Period>();
        }
    }
}
