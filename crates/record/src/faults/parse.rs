//! Reads `FAULT[xN|x*][@SHARE%|@K]`.

use super::spec::{Fault, FaultSpec, Percent, Target, Times};
use crate::period::{Period, PeriodError};
use std::str::FromStr;

/// Most attempts that `xN` takes; `x*` takes all.
const MAX_TIMES: u32 = 1000;
/// Fastest drip, bytes per second: the answer is padded to last longer than the time-out, and is held in memory.
const MAX_RATE: u32 = 65_536;
/// Longest `Retry-After`, seconds: a day.
const MAX_RETRY_AFTER: u32 = 86_400;

/// All that a fault can be, for error texts.
const KNOWN: &str = "a status from 300 to 599 such as 503 or 429:retry-after=7, answer=2xx, delay=TIME, hang, reset, \
                     reset-after-head, close, truncate, garbage, drip=BYTES/s";

/// Why a text is no fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// Faults with commas between them.
    #[error("`{0}`: one fault at a time; give each one separately")]
    Several(String),
    /// No such fault.
    #[error("unknown fault `{0}`: it is one of {KNOWN}")]
    Unknown(String),
    /// A status that no fault sends.
    #[error("`{0}` is not a fault status: those run from 300 to 599 (write answer=206 for a 2xx)")]
    Status(String),
    /// A status after `answer=` that is none.
    #[error("`answer={0}` takes a status from 200 to 299 (write just {0} for a fault)")]
    Answer(String),
    /// `Retry-After` that is none.
    #[error("`{0}`: only :retry-after=SECONDS may follow a status, at most {MAX_RETRY_AFTER}")]
    RetryAfter(String),
    /// A time that is none.
    #[error("`{fault}`: {source}")]
    Time {
        fault: String,
        /// What is wrong with its time.
        source: PeriodError,
    },
    /// A time of nothing.
    #[error("`{0}`: the time must be more than 0")]
    NoTime(String),
    /// A rate that is none.
    #[error("`{0}`: give bytes per second, from 1/s to {MAX_RATE}/s")]
    Rate(String),
    /// `x` without a number of attempts.
    #[error("`{0}`: x takes a number of attempts from 1 to {MAX_TIMES}, or * for all")]
    Times(String),
    /// A share that is none.
    #[error("`@{0}`: a share must be above 0% and at most 100%")]
    Share(String),
    /// A delivery number that is none.
    #[error("`@{0}`: deliveries are numbered from 1; a share ends in %")]
    Number(String),
}

impl FromStr for Fault {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        fault(text)
    }
}

impl FromStr for FaultSpec {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        if text.contains(',') {
            return Err(SpecError::Several(cut(text)));
        }
        let (rest, target) = match text.rsplit_once('@') {
            None => (text, Target::Every),
            Some((rest, at)) => (rest, target(at)?),
        };
        let (name, times) = times(rest)?;
        Ok(Self { fault: fault(name)?, times, target })
    }
}

fn target(at: &str) -> Result<Target, SpecError> {
    if let Some(percent) = at.strip_suffix('%') {
        let share = plain_number(percent).then(|| percent.parse().ok()).flatten().and_then(Percent::new);
        return share.map(Target::Share).ok_or_else(|| SpecError::Share(cut(at)));
    }
    let number = digits(at).then(|| at.parse::<u64>().ok()).flatten().filter(|n| *n > 0);
    number.map(Target::Nth).ok_or_else(|| SpecError::Number(cut(at)))
}

/// Splits `xN` or `x*` off the end.
fn times(text: &str) -> Result<(&str, Times), SpecError> {
    let Some((name, tail)) = text.rsplit_once('x') else { return Ok((text, Times::First(1))) };
    if tail == "*" {
        return Ok((name, Times::All));
    }
    if !digits(tail) {
        // No count: the x belongs to the word, which is then no fault, unless it stands at the end of one.
        let ends_like_a_count = tail.is_empty() || tail.starts_with('-') || tail.contains('.');
        return if ends_like_a_count && fault(name).is_ok() {
            Err(SpecError::Times(cut(text)))
        } else {
            Ok((text, Times::First(1)))
        };
    }
    let count = tail.parse::<u32>().ok().filter(|n| (1..=MAX_TIMES).contains(n));
    count.map(|n| (name, Times::First(n))).ok_or_else(|| SpecError::Times(cut(text)))
}

fn fault(text: &str) -> Result<Fault, SpecError> {
    let unknown = || SpecError::Unknown(cut(text));
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return status(text);
    }
    let (name, value) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)));
    match (name, value) {
        ("hang", None) => Ok(Fault::Hang(None)),
        ("hang", Some(time)) => Ok(Fault::Hang(Some(period(text, time)?))),
        ("delay", Some(time)) => Ok(Fault::Delay(period(text, time)?)),
        ("answer", Some(status)) => {
            let number = digits(status).then(|| status.parse().ok()).flatten();
            let number = number.filter(|s| (200..300).contains(s));
            let status = number.ok_or_else(|| SpecError::Answer(cut(status)))?;
            Ok(Fault::Status { status, retry_after: None })
        }
        ("drip", Some(rate)) => drip(text, rate),
        ("reset", None) => Ok(Fault::Reset),
        ("reset-after-head", None) => Ok(Fault::ResetAfterHead),
        ("close", None) => Ok(Fault::Close),
        ("truncate", None) => Ok(Fault::Truncate),
        ("garbage", None) => Ok(Fault::Garbage),
        _ => Err(unknown()),
    }
}

/// `503`, `503:retry-after=7`; also `503(retry-after=7)`, which a shell wants quoted.
fn status(text: &str) -> Result<Fault, SpecError> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, tail) = text.split_at(end);
    let status = number.parse().ok().filter(|s| (300..600).contains(s));
    let status = status.ok_or_else(|| SpecError::Status(cut(number)))?;
    let in_brackets = || tail.strip_prefix('(').and_then(|t| t.strip_suffix(')'));
    let option = match tail {
        "" => return Ok(Fault::Status { status, retry_after: None }),
        _ => tail.strip_prefix(':').or_else(in_brackets).and_then(|t| t.strip_prefix("retry-after=")),
    };
    let seconds = option.filter(|s| digits(s)).and_then(|s| s.parse().ok()).filter(|s| *s <= MAX_RETRY_AFTER);
    let retry_after = Some(seconds.ok_or_else(|| SpecError::RetryAfter(cut(text)))?);
    Ok(Fault::Status { status, retry_after })
}

fn period(fault: &str, time: &str) -> Result<Period, SpecError> {
    let period: Period = time.parse().map_err(|source| SpecError::Time { fault: cut(fault), source })?;
    if period.get().is_zero() { Err(SpecError::NoTime(cut(fault))) } else { Ok(period) }
}

fn drip(fault: &str, rate: &str) -> Result<Fault, SpecError> {
    let number = rate.strip_suffix("B/s").or_else(|| rate.strip_suffix("/s")).unwrap_or(rate);
    let rate = digits(number).then(|| number.parse().ok()).flatten();
    let rate = rate.filter(|n| (1..=MAX_RATE).contains(n));
    rate.map(Fault::Drip).ok_or_else(|| SpecError::Rate(cut(fault)))
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// Digits with at most one point: no exponent, no sign, no `inf`.
fn plain_number(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

/// What was typed, short enough for an error.
fn cut(text: &str) -> String {
    text.chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> FaultSpec {
        text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    fn error(text: &str) -> String {
        text.parse::<FaultSpec>().map_or_else(|e| e.to_string(), |spec| panic!("{text} is {spec:?}"))
    }

    #[test]
    fn every_form_is_read_and_shown_again() {
        for text in [
            "503",
            "503x2",
            "503x*",
            "503x2@20%",
            "400@3",
            "302@0.5%",
            "503:retry-after=7x2@1",
            "answer=206",
            "delay=1500ms",
            "hang",
            "hang=11s",
            "hangx*@4",
            "reset",
            "reset-after-headx2",
            "close",
            "truncate",
            "garbage@100%",
            "drip=10/sx3",
        ] {
            assert_eq!(read(text).to_string(), text);
        }
        assert_eq!(read("503(retry-after=7)x2"), read("503:retry-after=7x2"));
        assert_eq!(read("drip=10"), read("drip=10B/s"));
        assert_eq!(read("503x1"), read("503"));
    }

    #[test]
    fn mistakes_are_named() {
        for (text, says) in [
            ("", "unknown fault ``: it is one of a status"),
            ("explode", "unknown fault `explode`"),
            ("resett", "unknown fault `resett`"),
            ("hang=", "is not a duration"),
            ("reset=3", "unknown fault `reset=3`"),
            ("200", "`200` is not a fault status"),
            ("999", "`999` is not a fault status"),
            ("5033333333", "is not a fault status"),
            ("503x2,400", "one fault at a time"),
            ("503b", "may follow a status"),
            ("503:retry-after=x", "may follow a status"),
            ("answer=503", "a status from 200 to 299"),
            ("delay=5", "has no unit"),
            ("delay=0s", "more than 0"),
            ("drip=0/s", "bytes per second"),
            ("drip", "unknown fault"),
            ("503x0", "x takes a number"),
            ("503x", "x takes a number"),
            ("503x-1", "x takes a number"),
            ("503x2.5", "x takes a number"),
            ("503@101%", "at most 100%"),
            ("503@0%", "above 0%"),
            ("503@-5%", "above 0%"),
            ("503@nan%", "above 0%"),
            ("503@0", "are numbered from 1"),
            ("503@-1", "are numbered from 1"),
            ("503@3x2", "are numbered from 1"),
            ("503@", "are numbered from 1"),
        ] {
            assert!(error(text).contains(says), "{text}: {}", error(text));
        }
    }

    fn fault() -> impl Strategy<Value = Fault> {
        let period = (1u64..100_000_000)
            .prop_map(Period::from_millis)
            .prop_filter("24h", |p| p.as_millis() < 86_400_000);
        prop_oneof![
            (300u16..600, proptest::option::of(0..=MAX_RETRY_AFTER))
                .prop_map(|(status, retry_after)| Fault::Status { status, retry_after }),
            (200u16..300).prop_map(|status| Fault::Status { status, retry_after: None }),
            period.clone().prop_map(Fault::Delay),
            proptest::option::of(period).prop_map(Fault::Hang),
            Just(Fault::Reset),
            Just(Fault::ResetAfterHead),
            Just(Fault::Close),
            Just(Fault::Truncate),
            Just(Fault::Garbage),
            (1..=MAX_RATE).prop_map(Fault::Drip),
        ]
    }

    fn spec() -> impl Strategy<Value = FaultSpec> {
        let times = prop_oneof![(1..=MAX_TIMES).prop_map(Times::First), Just(Times::All)];
        let share = (1u32..=1_000_000).prop_filter_map("share", |n| Percent::new(f64::from(n) / 10_000.0));
        let target =
            prop_oneof![Just(Target::Every), share.prop_map(Target::Share), (1u64..).prop_map(Target::Nth)];
        (fault(), times, target).prop_map(|(fault, times, target)| FaultSpec { fault, times, target })
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_again(spec in spec()) {
            prop_assert_eq!(spec.to_string().parse(), Ok(spec));
        }

        #[test]
        fn a_journal_holds_a_fault_as_it_is_typed(fault in fault()) {
            let json = serde_json::to_string(&fault).unwrap();
            prop_assert_eq!(&json, &format!("\"{fault}\""));
            prop_assert_eq!(serde_json::from_str::<Fault>(&json).unwrap(), fault);
        }

        #[test]
        fn never_panics(text in ".*") {
            let _ = text.parse::<FaultSpec>();
        }

        #[test]
        fn near_misses_never_panic(text in "[0-9a-z=:@%x*/.-]{0,20}") {
            let _ = text.parse::<FaultSpec>();
        }
    }
}
