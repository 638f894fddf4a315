//! Figures as people read them.

use crate::gate::Check;

/// A check's figure with its unit; `-` when there is none.
pub(super) fn actual(check: &Check) -> String {
    match (check.actual, check.unit.as_str()) {
        (None, _) => "-".to_owned(),
        (Some(x), "%") => format!("{x:.1} %"),
        (Some(x), "ms") => milliseconds(x),
        (Some(x), _) => format!("{x}"),
    }
}

/// A time given in ms with three digits that count: `0.02 ms`, `5.91 ms`, `153 ms`, `3.01 s`.
pub(super) fn milliseconds(ms: f64) -> String {
    match ms {
        ms if ms < 9.995 => format!("{ms:.2} ms"),
        ms if ms < 99.95 => format!("{ms:.1} ms"),
        ms if ms < 999.5 => format!("{ms:.0} ms"),
        ms => format!("{:.2} s", ms / 1000.0),
    }
}

/// `1 webhook`, `2 webhooks`, `1 match`, `2 matches`, `1 delivery`, `2 deliveries`.
pub(super) fn counted(n: u64, things: &str) -> String {
    format!("{n} {}", if n == 1 { singular(things) } else { things.to_owned() })
}

fn singular(things: &str) -> String {
    let ended = |end: &str, by: &str| things.strip_suffix(end).map(|stem| format!("{stem}{by}"));
    ended("ies", "y")
        .or_else(|| ended("ches", "ch"))
        .or_else(|| ended("s", ""))
        .unwrap_or_else(|| things.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_the_unit_and_the_digits_that_people_want() {
        let said = [0.02, 5.91, 9.999, 42.0, 153.2, 999.9, 3009.3].map(milliseconds);
        assert_eq!(said, ["0.02 ms", "5.91 ms", "10.0 ms", "42.0 ms", "153 ms", "1.00 s", "3.01 s"]);
    }

    #[test]
    fn one_thing_is_singular() {
        let said = ["webhooks", "matches", "deliveries"].map(|things| counted(1, things));
        assert_eq!(said, ["1 webhook", "1 match", "1 delivery"]);
        assert_eq!(counted(0, "webhooks"), "0 webhooks");
    }
}
