//! Reads rates, durations and stages as they are typed: `20/s`, `90s`, `0-100/s:30s,100/s:2m`.

use super::schedule::Stage;
use record::period::time_span;
use std::time::Duration;

/// The highest rate that is taken, in starts per second; above it a number is a slip of the finger.
pub(crate) const MAX_PER_SECOND: f64 = 1_000_000.0;
/// The longest run that is taken: 30 days.
pub(crate) const MAX_DURATION: Duration = Duration::from_secs(30 * 24 * 3600);
/// The most stages that are taken.
pub(crate) const MAX_STAGES: usize = 1000;

/// Why a rate, a duration or a list of stages is refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum RateError {
    /// Not a rate.
    #[error("'{0}' is not a rate: write starts per time, as in 20/s, 0.5/s, 90/m or 500/10s (or max)")]
    Rate(String),
    /// Zero starts.
    #[error("the rate '{0}' starts nothing: it must be above zero")]
    Zero(String),
    /// Above [`MAX_PER_SECOND`].
    #[error("the rate '{0}' is above 1000000/s, more than any single target can take")]
    Absurd(String),
    /// Not a duration.
    #[error("'{0}' is not a duration: write a number and ms, s, m, h or d, as in 500ms, 30s or 1m30s")]
    Duration(String),
    /// Zero, or above [`MAX_DURATION`].
    #[error("the duration '{0}' is out of range: it must be above zero and at most 30 days")]
    DurationRange(String),
    #[error(
        "stage {number} '{text}' does not parse: {why}; write RATE:DURATION or FROM-TO/s:DURATION, as in 0-100/s:30s"
    )]
    Stage {
        /// Number of the stage, from 1.
        number: usize,
        /// As typed.
        text: String,
        /// What is wrong.
        why: String,
    },
    /// No stages, or too many.
    #[error("there must be 1 to {MAX_STAGES} stages, not {0}")]
    Count(usize),
    /// Stages of which none starts anything.
    #[error("the stages start nothing: at least one rate must be above zero")]
    Nothing,
}

/// Starts per second, from `20/s`, `90/m`, `500/10s` or a bare number; above zero and at most [`MAX_PER_SECOND`].
///
/// # Errors
/// When the text is no rate, is zero or absurd.
pub(crate) fn rate(text: &str) -> Result<f64, RateError> {
    match rate_or_zero(text)? {
        zero if zero <= 0.0 => Err(RateError::Zero(text.trim().to_owned())),
        rate => Ok(rate),
    }
}

fn rate_or_zero(text: &str) -> Result<f64, RateError> {
    let text = text.trim();
    let (count, per) = text.split_once('/').unwrap_or((text, "s"));
    let wrong = || RateError::Rate(text.to_owned());
    let per = per_seconds(per).ok_or_else(wrong)?;
    // Written with an exponent it is no rate, but where it is far too high that is what is to be said.
    let huge = || count.trim().parse().ok().filter(|n: &f64| n.is_finite() && *n > MAX_PER_SECOND);
    let rate = number(count).or_else(huge).ok_or_else(wrong)? / per;
    if rate > MAX_PER_SECOND { Err(RateError::Absurd(text.to_owned())) } else { Ok(rate) }
}

/// Seconds of the part behind the slash: a unit alone is one of it.
fn per_seconds(text: &str) -> Option<f64> {
    let alone = text.chars().all(char::is_alphabetic).then(|| format!("1{text}"));
    let per = time_span(alone.as_deref().unwrap_or(text)).ok()?.as_secs_f64();
    (per > 0.0).then_some(per)
}

/// A plain decimal number: digits with at most one point. No sign, no exponent, no `inf`.
fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    let plain =
        text.bytes().all(|b| b.is_ascii_digit() || b == b'.') && text.bytes().any(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// A duration such as `500ms`, `30s` or `1m30s`; above zero and at most [`MAX_DURATION`].
///
/// # Errors
/// When the text is no duration or is out of range.
pub(crate) fn duration(text: &str) -> Result<Duration, RateError> {
    let text = text.trim();
    let duration = time_span(text).map_err(|_| RateError::Duration(text.to_owned()))?;
    if duration.is_zero() || duration > MAX_DURATION {
        Err(RateError::DurationRange(text.to_owned()))
    } else {
        Ok(duration)
    }
}

/// Stages such as `0-100/s:30s,100/s:2m,100-0/s:10s`. A single rate stays; `FROM-TO/s` goes evenly from one to the other.
///
/// # Errors
/// When a stage does not parse, and when no stage starts anything.
pub(crate) fn stages(text: &str) -> Result<Vec<Stage>, RateError> {
    let parts: Vec<&str> = text.split(',').collect();
    if text.trim().is_empty() || parts.len() > MAX_STAGES {
        return Err(RateError::Count(if text.trim().is_empty() { 0 } else { parts.len() }));
    }
    let stages: Vec<Stage> =
        parts.iter().enumerate().map(|(i, part)| stage(i + 1, part.trim())).collect::<Result<_, _>>()?;
    let total: Duration = stages.iter().map(|s| s.lasts).sum();
    if total > MAX_DURATION {
        return Err(RateError::DurationRange(text.to_owned()));
    }
    if stages.iter().all(|s| s.from <= 0.0 && s.to <= 0.0) {
        return Err(RateError::Nothing);
    }
    Ok(stages)
}

fn stage(index: usize, text: &str) -> Result<Stage, RateError> {
    let wrong = |why: String| RateError::Stage { number: index, text: text.to_owned(), why };
    let (rates, lasts) =
        text.split_once(':').ok_or_else(|| wrong("a ':' and a duration are missing".into()))?;
    let lasts = duration(lasts).map_err(|e| wrong(e.to_string()))?;
    let (count, per) = rates.split_once('/').map_or((rates, "/s".to_owned()), |(c, p)| (c, format!("/{p}")));
    let one = |count: &str| rate_or_zero(&format!("{}{per}", count.trim())).map_err(|e| wrong(e.to_string()));
    let (from, to) = match count.split_once('-') {
        Some((from, to)) => (one(from)?, one(to)?),
        None => (one(count)?, one(count)?),
    };
    Ok(Stage { from, to, lasts })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_parse() {
        for (text, per_second) in [
            ("20/s", 20.0),
            ("5000/s", 5000.0),
            ("1/m", 1.0 / 60.0),
            ("500/10s", 50.0),
            ("0.5/s", 0.5),
            ("7", 7.0),
        ] {
            assert_eq!(rate(text), Ok(per_second), "{text}");
        }
    }

    #[test]
    fn bad_rates_say_what_is_wrong() {
        for text in ["", "/s", "20/", "x/s", "20/x", "-1/s", "1e3/s", "inf/s", "NaN", "20/0s", "1.2.3/s", "."]
        {
            assert!(matches!(rate(text), Err(RateError::Rate(_))), "{text}: {:?}", rate(text));
        }
        assert_eq!(rate("0/s"), Err(RateError::Zero("0/s".into())));
        assert!(matches!(rate("1000001/s"), Err(RateError::Absurd(_))));
        assert!(matches!(rate("1e9/s"), Err(RateError::Absurd(_))));
        assert!(matches!(rate("99999999999999999999999999/s"), Err(RateError::Absurd(_))));
    }

    #[test]
    fn durations_parse_and_have_a_range() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("1m30s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("2h"), Ok(Duration::from_secs(7200)));
        assert!(matches!(duration("30"), Err(RateError::Duration(_))));
        assert!(matches!(duration("s"), Err(RateError::Duration(_))));
        assert!(matches!(duration("0s"), Err(RateError::DurationRange(_))));
        assert!(matches!(duration("31d"), Err(RateError::DurationRange(_))));
    }

    #[test]
    fn stages_parse() {
        let stages = stages("0-100/s:30s, 100/s:2m,100-0/s:10s").unwrap();
        let flat: Vec<_> = stages.iter().map(|s| (s.from, s.to, s.lasts.as_secs())).collect();
        assert_eq!(flat, [(0.0, 100.0, 30), (100.0, 100.0, 120), (100.0, 0.0, 10)]);
    }

    #[test]
    fn bad_stages_name_the_stage() {
        let text = |s: &str| stages(s).unwrap_err().to_string();
        assert!(text("10/s:30s,oops").starts_with("stage 2 'oops' does not parse: a ':'"));
        assert!(text("10/s:0s").contains("stage 1"));
        assert!(text("10-/s:1s").contains("stage 1"));
        assert!(text("1-2-3/s:1s").contains("stage 1"));
        assert!(text("10/s:1s,").contains("stage 2 ''"));
        assert!(text("2000000/s:1s").contains("above 1000000/s"));
        assert_eq!(stages("0/s:10s"), Err(RateError::Nothing));
        assert_eq!(stages(" "), Err(RateError::Count(0)));
    }
}
