//! Figures as people read them.

use crate::gate::Check;

/// A check's figure with its unit; `-` when there is none.
#[must_use]
pub fn actual(check: &Check) -> String {
    match (check.actual, check.unit.as_str()) {
        (None, _) => "-".to_owned(),
        (Some(x), "%") => format!("{x:.1} %"),
        (Some(x), "ms") => milliseconds(x),
        (Some(x), "s") => format!("{x} s"),
        (Some(x), _) => format!("{x}"),
    }
}

/// Where something was found, which may be data itself: `at /data/email`; a whole body has no pointer.
#[must_use]
pub fn at_place(place: &str) -> String {
    if place.is_empty() { "in the body".to_owned() } else { format!("at {}", pii::shown(place)) }
}

/// A time given in ms with three digits that count: `0.02 ms`, `5.91 ms`, `153 ms`, `3.01 s`.
#[must_use]
pub fn milliseconds(ms: f64) -> String {
    match ms {
        ms if ms < 9.995 => format!("{ms:.2} ms"),
        ms if ms < 99.95 => format!("{ms:.1} ms"),
        ms if ms < 999.5 => format!("{ms:.0} ms"),
        ms => format!("{:.2} s", ms / 1000.0),
    }
}

/// A span given in seconds as people say it: `0.4 s`, `12.3 s`, `95 s`, `31 min 48 s`, `2 h 5 min`.
pub(crate) fn span(seconds: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a span that was watched")]
    let whole = seconds.max(0.0).round() as u64;
    let (minutes, rest) = (whole / 60, whole % 60);
    match whole {
        0..60 => format!("{seconds:.1} s"),
        60..120 => format!("{whole} s"),
        120..7200 if rest == 0 => format!("{minutes} min"),
        120..7200 => format!("{minutes} min {rest} s"),
        _ => format!("{} h {} min", minutes / 60, minutes % 60),
    }
}

/// Whether `n` samples carry this percentile: at least one of them lies beyond it.
pub(crate) fn carries(n: u64, percent: f64) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "counts below 2^52")]
    let beyond = n as f64 * (100.0 - percent) / 100.0;
    beyond >= 1.0 - 1e-9
}

/// `1 webhook`, `2 webhooks`, `1 match`, `2 matches`, `1 delivery`, `2 deliveries`.
#[must_use]
pub fn counted(n: u64, things: &str) -> String {
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
    fn a_span_has_two_units_at_most() {
        let said = [0.42, 12.3, 95.0, 1908.4, 120.0, 7500.0].map(span);
        assert_eq!(said, ["0.4 s", "12.3 s", "95 s", "31 min 48 s", "2 min", "2 h 5 min"]);
    }

    #[test]
    fn a_percentile_needs_a_sample_beyond_it() {
        assert!(carries(100, 99.0) && carries(20, 95.0) && carries(10_000, 99.99));
        assert!(!carries(99, 99.0) && !carries(160, 99.99) && !carries(0, 50.0));
    }

    #[test]
    fn one_thing_is_singular() {
        let said = ["webhooks", "matches", "deliveries"].map(|things| counted(1, things));
        assert_eq!(said, ["1 webhook", "1 match", "1 delivery"]);
        assert_eq!(counted(0, "webhooks"), "0 webhooks");
    }
}
