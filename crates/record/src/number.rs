//! JSON numbers by their exact value. They are compared digit by digit, since a double holds no whole number beyond 2^53
//! and no 64-bit integer holds all that JSON may say (RFC 8259, section 6).

use serde_json::{Number, Value};

/// The most zeros that are written out in [`canonical`] text; beyond that the exponent stands.
const MOST_ZEROS: i64 = 40;

/// A number without any freedom of spelling: `digits` (no zero at either end, none for zero) times ten to the `exponent`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Exact {
    negative: bool,
    digits: String,
    exponent: i64,
}

impl Exact {
    /// `None` when the exponent is beyond any use (more than 18 digits).
    fn of(number: &Number) -> Option<Self> {
        let text = number.as_str();
        let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.trim_start_matches('+').parse::<i64>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = [whole, fraction].concat();
        let digits = all.trim_end_matches('0');
        let zeros = i64::try_from(all.len() - digits.len()).ok()?;
        let fraction = i64::try_from(fraction.len()).ok()?;
        let exponent = exponent.checked_sub(fraction)?.checked_add(zeros)?;
        let digits = digits.trim_start_matches('0');
        if digits.is_empty() {
            return Some(Self { negative: false, digits: String::new(), exponent: 0 });
        }
        Some(Self { negative, digits: digits.to_owned(), exponent })
    }

    fn text(&self) -> String {
        let sign = if self.negative { "-" } else { "" };
        match usize::try_from(self.exponent) {
            _ if self.digits.is_empty() => "0".to_owned(),
            Ok(zeros) if self.exponent <= MOST_ZEROS => format!("{sign}{}{}", self.digits, "0".repeat(zeros)),
            _ => format!("{sign}{}e{}", self.digits, self.exponent),
        }
    }
}

/// Whether two numbers have the same value, however they are written: 1, 1.0 and 10e-1 do.
#[must_use]
pub fn same_number(a: &Number, b: &Number) -> bool {
    a.as_str() == b.as_str() || Exact::of(a).is_some_and(|exact| Some(exact) == Exact::of(b))
}

/// Whether a number is whole: 3, 3.0 and 3e2 are.
#[must_use]
pub fn is_whole(number: &Number) -> bool {
    Exact::of(number).is_some_and(|exact| exact.exponent >= 0)
}

/// Whether a number is written in the way that [`canonical`] would write it: nearly all of them are.
fn is_plain(number: &Number) -> bool {
    let text = number.as_str();
    text.len() <= 20 && text.bytes().all(|b| b.is_ascii_digit())
}

/// Whether two JSON values are equal, numbers by their value.
#[must_use]
pub fn same_value(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => same_number(x, y),
        (Value::Array(x), Value::Array(y)) => {
            x.len() == y.len() && x.iter().zip(y).all(|(x, y)| same_value(x, y))
        }
        (Value::Object(x), Value::Object(y)) => {
            x.len() == y.len() && x.iter().all(|(k, v)| y.get(k).is_some_and(|w| same_value(v, w)))
        }
        _ => a == b,
    }
}

/// A value as text that is equal for equal values.
#[must_use]
pub fn canonical(value: &Value) -> String {
    match value {
        Value::Number(number) if is_plain(number) => number.to_string(),
        Value::Number(number) => Exact::of(number).map_or_else(|| number.to_string(), |exact| exact.text()),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(canonical).collect();
            format!("[{}]", items.join(","))
        }
        Value::Object(members) => {
            let mut members: Vec<(&String, &Value)> = members.iter().collect();
            members.sort_by_key(|(name, _)| *name);
            let members =
                members.into_iter().map(|(k, v)| format!("{}:{}", Value::from(k.as_str()), canonical(v)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number(text: &str) -> Number {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn numbers_are_equal_by_value_and_by_nothing_else() {
        for (a, b) in [("1", "1.0"), ("0", "-0.0"), ("100", "1e2"), ("1.50", "15e-1"), ("1e400", "10E+399")] {
            assert!(same_number(&number(a), &number(b)), "{a} {b}");
            assert_eq!(canonical(&number(a).into()), canonical(&number(b).into()));
        }
        for (a, b) in [
            ("9007199254740993", "9007199254740992"),
            ("18446744073709551617", "18446744073709551616"),
            ("1.0000000000000000001", "1"),
            ("1", "-1"),
            ("1e99999999999999999999", "2e99999999999999999999"),
        ] {
            assert!(!same_number(&number(a), &number(b)), "{a} {b}");
            assert_ne!(canonical(&number(a).into()), canonical(&number(b).into()));
        }
    }

    #[test]
    fn whole_numbers() {
        for (text, whole) in
            [("3", true), ("3.0", true), ("0.0", true), ("3e2", true), ("3.5", false), ("5e-1", false)]
        {
            assert_eq!(is_whole(&number(text)), whole, "{text}");
        }
    }

    #[test]
    fn members_in_another_order_are_the_same() {
        let (a, b): (Value, Value) = (
            serde_json::from_str(r#"{"a":1,"b":[2.0]}"#).unwrap(),
            serde_json::from_str(r#"{"b":[2],"a":1.0}"#).unwrap(),
        );
        assert!(same_value(&a, &b));
        assert_eq!(canonical(&a), canonical(&b));
    }

    proptest! {
        #[test]
        fn integers_are_equal_only_to_themselves(a: u128, b: u128) {
            let (x, y) = (number(&a.to_string()), number(&b.to_string()));
            prop_assert_eq!(same_number(&x, &y), a == b);
            let spelled = number(&format!("{a}.00"));
            prop_assert!(same_number(&x, &spelled));
        }
    }
}
