//! Figures in running text: `98.5% (197/200 webhooks)`, `1.2s`, `< 500 ms`, `14:30 - 15:00 UTC`.

use super::labels::Unit;
use chrono::{NaiveDate, NaiveTime};
use regex::Regex;
use serde_json::{Number, Value};
use std::sync::LazyLock;

/// A figure, and by how much it may have been rounded.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Figure {
    pub value: Value,
    /// Half a unit of the last digit that is written, in the figure's unit.
    pub rounding: f64,
}

#[expect(clippy::expect_used, reason = "constant patterns, which the tests compile")]
fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a constant pattern")
}

/// The first figure of `unit` in a text that is no limit.
pub(super) fn figure(text: &str, unit: Unit) -> Option<Figure> {
    static FIGURE: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"(?i)(?:^|[^\w.])(?P<limit>[<>≤≥]=?\s*)?(?P<number>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d{1,15}(?:\.\d{1,9})?)\s*(?P<unit>%|percent\b|ms\b|milliseconds\b|s\b|sec\b|seconds?\b)?",
        )
    });
    let captures = FIGURE
        .captures_iter(text)
        .find(|c| c.name("limit").is_none() && fits(c.name("unit").map(|m| m.as_str()), unit))?;
    let digits = captures.name("number")?.as_str().replace(',', "");
    let decimals = digits.split_once('.').map_or(0, |(_, d)| d.len());
    let half = 0.5 * 10f64.powi(-i32::try_from(decimals).unwrap_or(9));
    let written: Number = serde_json::from_str(&digits).ok()?;
    let seconds = captures.name("unit").is_some_and(|u| u.as_str().to_lowercase().starts_with('s'));
    match unit {
        Unit::Count if decimals > 0 => None,
        Unit::Latency if seconds => {
            let ms = written.as_f64()? * 1000.0;
            Some(Figure { value: ((ms * 1e6).round() / 1e6).into(), rounding: half * 1000.0 })
        }
        _ => Some(Figure { value: Value::Number(written), rounding: half }),
    }
}

fn fits(written: Option<&str>, unit: Unit) -> bool {
    let share = written.is_some_and(|u| u == "%" || u.eq_ignore_ascii_case("percent"));
    match unit {
        Unit::Share => share,
        Unit::Latency => !share,
        Unit::Count => written.is_none(),
    }
}

/// `197/200`, `197 of 200`.
pub(super) fn ratio(text: &str) -> Option<(u64, u64)> {
    static RATIO: LazyLock<Regex> = LazyLock::new(|| {
        pattern(r"(?:^|[^\w./])(\d[\d,]{0,18})\s*(?:/|of|out of)\s*(\d[\d,]{0,18})(?:[^\w/]|$)")
    });
    let captures = RATIO.captures(text)?;
    let part = |i: usize| captures.get(i)?.as_str().replace(',', "").parse().ok();
    Some((part(1)?, part(2)?))
}

/// The limit in a text: `(target ≥95%)`, `<2s`.
pub(super) fn limit(text: &str) -> Option<String> {
    static LIMIT: LazyLock<Regex> = LazyLock::new(|| pattern(r"[<>≤≥]=?\s*\d+(?:\.\d+)?\s*(?:%|ms\b|s\b)?"));
    LIMIT.find(text).map(|m| m.as_str().trim().to_owned())
}

/// Two times of day: `14:30 - 15:00`.
pub(super) fn span(text: &str) -> Option<(NaiveTime, NaiveTime)> {
    static SPAN: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"\b(\d{1,2}:\d\d(?::\d\d)?)\s*(?:UTC|Z)?\s*(?:-|–|—|to|until|→)\s*(\d{1,2}:\d\d(?::\d\d)?)\b",
        )
    });
    let captures = SPAN.captures(text)?;
    let time = |i: usize| {
        let text = captures.get(i)?.as_str();
        ["%H:%M:%S", "%H:%M"].iter().find_map(|form| NaiveTime::parse_from_str(text, form).ok())
    };
    Some((time(1)?, time(2)?))
}

/// A date: `2025-11-13`, `13 November 2025`, `November 13, 2025`.
pub(super) fn date(text: &str) -> Option<NaiveDate> {
    static ISO: LazyLock<Regex> = LazyLock::new(|| pattern(r"\b\d{4}-\d\d-\d\d"));
    if let Some(found) = ISO.find(text) {
        return NaiveDate::parse_from_str(found.as_str(), "%Y-%m-%d").ok();
    }
    let text = text.replace(',', " ");
    let words: Vec<&str> = text.split_whitespace().take(3).collect();
    let text = words.join(" ");
    ["%B %d %Y", "%d %B %Y", "%b %d %Y", "%d %b %Y"]
        .iter()
        .find_map(|form| NaiveDate::parse_from_str(&text, form).ok())
}

/// A length in minutes: `30 minutes`, `30-minute`, `30 min`.
pub(super) fn minutes(text: &str) -> Option<i64> {
    static MINUTES: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)\b(\d{1,4})[ -]?min(?:ute)?s?\b"));
    MINUTES.captures(text)?.get(1)?.as_str().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn figures_are_read_and_limits_are_not() {
        let of = |text, unit| figure(text, unit).map(|f| f.value);
        assert_eq!(of("98.5% (197/200 webhooks)", Unit::Share), Some(json!(98.5)));
        assert_eq!(of("1.2s (including retries)", Unit::Latency), Some(json!(1200.0)));
        assert_eq!(of("142ms", Unit::Latency), Some(json!(142)));
        assert_eq!(of("1,204 ms", Unit::Latency), Some(json!(1204)));
        assert_eq!(of("<2s", Unit::Latency), None);
        assert_eq!(of("0 (grep clean across all payloads)", Unit::Count), Some(json!(0)));
        assert_eq!(of("p95", Unit::Latency), None);
        assert_eq!(of("-", Unit::Count), None);
        assert_eq!(figure("1.2 s", Unit::Latency).map(|f| f.rounding), Some(50.0));
    }

    #[test]
    fn ratios_spans_dates_and_limits_are_read() {
        assert_eq!(ratio("12% (24/200 had 5xx)"), Some((24, 200)));
        assert_eq!(ratio("10 of 10 attempts valid"), Some((10, 10)));
        assert_eq!(ratio("2025/11/13"), None);
        let time = |h, m| NaiveTime::from_hms_opt(h, m, 0).unwrap();
        assert_eq!(span("14:30 - 15:00 UTC"), Some((time(14, 30), time(15, 0))));
        assert_eq!(date("November 13, 2025"), NaiveDate::from_ymd_opt(2025, 11, 13));
        assert_eq!(date("2025-11-13T14:30:00Z"), NaiveDate::from_ymd_opt(2025, 11, 13));
        assert_eq!(limit("98.5% (target ≥95%)"), Some("≥95%".to_owned()));
        assert_eq!(minutes("30-Minute Observation Summary"), Some(30));
    }
}
