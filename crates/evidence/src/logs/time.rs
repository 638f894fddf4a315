//! Times of log lines, as loggers write them.

use super::formats::Formats;
use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, Offset, Utc};
use std::time::Duration;

impl Formats {
    /// A time as the log writes it, to the millisecond.
    pub(super) fn local(&self, at: DateTime<Utc>) -> String {
        at.with_timezone(&self.offset).format("%Y-%m-%d %H:%M:%S,%3f").to_string()
    }

    /// `2025-11-13 14:30:15,123`, with `/`, `T` and a point as well, and with an offset; without one it is the formats' own.
    pub(super) fn time(&self, text: &str) -> Option<DateTime<Utc>> {
        match text.as_bytes().get(2) {
            Some(b'/') => return self.web_server_time(text),
            _ if text.len() == SHORT.len() => return self.short_time(text),
            _ => {}
        }
        let (day, rest) = text.split_at_checked(DATE)?;
        let (clock, fraction) = rest.get(1..)?.split_at_checked(TIME_OF_DAY)?;
        let ends = |b: u8| matches!(b, b'Z' | b'z' | b'+' | b'-' | b' ');
        let end = fraction.bytes().position(ends).unwrap_or(fraction.len());
        let (fraction, offset) = fraction.split_at(end);
        let offset = self.offset_of(offset)?;
        let mark = if day.as_bytes().contains(&b'/') { '/' } else { '-' };
        let [year, month, day] = numbers(day, mark)?;
        let [hour, minute, second] = numbers(clock, ':')?;
        let time = NaiveTime::from_hms_nano_opt(hour, minute, second, nanoseconds(fraction)?)?;
        let local = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?.and_time(time);
        local.checked_sub_offset(offset).map(|at| at.and_utc())
    }

    /// `261126 12:00:00`, as Tornado writes it, in this century.
    fn short_time(&self, text: &str) -> Option<DateTime<Utc>> {
        let local = NaiveDateTime::parse_from_str(&format!("20{text}"), "%Y%m%d %H:%M:%S").ok()?;
        local.checked_sub_offset(self.offset).map(|at| at.and_utc())
    }

    fn offset_of(&self, text: &str) -> Option<FixedOffset> {
        match text.trim() {
            "" => Some(self.offset),
            "Z" | "z" | "UTC" => Some(Utc.fix()),
            given => given.parse().ok(),
        }
    }

    /// `28/Nov/2026:12:00:00 +0600`, with a blank before the time of day as well.
    fn web_server_time(&self, text: &str) -> Option<DateTime<Utc>> {
        let (time, offset) = text.split_at_checked(WEB_SERVER.len())?;
        let (day, clock) = (time.get(..WEB_SERVER_DATE)?, time.get(WEB_SERVER_DATE + 1..)?);
        let day = NaiveDate::parse_from_str(day, "%d/%b/%Y").ok()?;
        let local = day.and_time(NaiveTime::parse_from_str(clock, "%H:%M:%S").ok()?);
        local.checked_sub_offset(self.offset_of(offset)?).map(|at| at.and_utc())
    }
}

/// The length of a time as web servers write it, without its offset, and of the date in it.
pub(super) fn web_server_length(text: &str) -> Option<usize> {
    let fits = |(b, form): (&u8, &u8)| match form {
        b'0' => b.is_ascii_digit(),
        b'a' => b.is_ascii_alphabetic(),
        b' ' => matches!(b, b' ' | b':'),
        form => b == form,
    };
    let time = text.as_bytes().get(..WEB_SERVER.len())?;
    time.iter().zip(WEB_SERVER).all(fits).then_some(WEB_SERVER.len())
}

/// The length of a time of six digits and a time of day, if a text begins with one.
pub(super) fn short_length(text: &str) -> Option<usize> {
    let fits = |(b, form): (&u8, &u8)| if *form == b'0' { b.is_ascii_digit() } else { b == form };
    let time = text.as_bytes().get(..SHORT.len())?;
    time.iter().zip(SHORT).all(fits).then_some(SHORT.len())
}

const SHORT: &[u8] = b"000000 00:00:00";
const WEB_SERVER: &[u8] = b"00/aaa/0000 00:00:00";
const WEB_SERVER_DATE: usize = "00/aaa/0000".len();

/// Three numbers with a mark between them.
fn numbers(text: &str, mark: char) -> Option<[u32; 3]> {
    plain_numbers(text.as_bytes(), mark as u8).or_else(|| any_numbers(text, mark))
}

/// The same where all but the first have two digits, as in nearly all times, at a tenth of the cost.
fn plain_numbers(text: &[u8], mark: u8) -> Option<[u32; 3]> {
    let (first, rest) = text.split_at_checked(text.len().checked_sub(6)?)?;
    let [m1, a, b, m2, c, d] = *rest.first_chunk()?;
    let number = |digits: &[u8]| {
        let add = |sum: u32, b: &u8| b.is_ascii_digit().then(|| sum * 10 + u32::from(b - b'0'));
        digits.iter().try_fold(0, add)
    };
    let marked = (m1, m2) == (mark, mark) && !first.is_empty();
    Some([number(first).filter(|_| marked)?, number(&[a, b])?, number(&[c, d])?])
}

fn any_numbers(text: &str, mark: char) -> Option<[u32; 3]> {
    let mut parts = text.split(mark).map(|part| part.parse().ok());
    let numbers = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(numbers)
}

/// A fraction of a second with its mark, or nothing; what is finer than nanoseconds is left out.
fn nanoseconds(fraction: &str) -> Option<u32> {
    let Some(digits) = fraction.strip_prefix(['.', ',']) else { return fraction.is_empty().then_some(0) };
    let digits = digits.get(..digits.len().min(9))?;
    let scale = 10u32.pow(9 - u32::try_from(digits.len()).ok()?);
    digits.parse::<u32>().ok()?.checked_mul(scale)
}

/// `2s`, `0.5s` or `2`, in ms; nothing of a day or more.
pub(super) fn milliseconds(text: &str) -> Option<u64> {
    let seconds: f64 = text.trim_end_matches('s').parse().ok()?;
    Duration::try_from_secs_f64(seconds)
        .ok()
        .map(|period| period.as_millis())?
        .try_into()
        .ok()
        .filter(|ms| *ms < DAY_MS)
}

/// A day, ms.
const DAY_MS: u64 = 24 * 3600 * 1000;
/// Length of a date.
const DATE: usize = "2025-11-13".len();
/// Length of a time of day up to its seconds.
const TIME_OF_DAY: usize = "14:30:15".len();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_in_every_writing() {
        let formats = Formats::built_in().unwrap();
        let at = |text: &str| formats.time(text).map(|at| at.to_rfc3339());
        for (text, expected) in [
            ("2025-11-13 14:30:15", "2025-11-13T08:30:15+00:00"),
            ("251113 14:30:15", "2025-11-13T08:30:15+00:00"),
            ("13/Nov/2025:14:30:15", "2025-11-13T08:30:15+00:00"),
            ("13/Nov/2025 14:30:15 +0000", "2025-11-13T14:30:15+00:00"),
            ("2025-11-13 14:30:15,5", "2025-11-13T08:30:15.500+00:00"),
            ("2025-11-13T14:30:15.1234567891Z", "2025-11-13T14:30:15.123456789+00:00"),
            ("2025-11-13 14:30:15+02:00", "2025-11-13T12:30:15+00:00"),
            ("2025-11-13 14:30:15.25-0130", "2025-11-13T16:00:15.250+00:00"),
        ] {
            assert_eq!(at(text).as_deref(), Some(expected), "{text}");
        }
        for none in [
            "",
            "2025-11-13",
            "13/Foo/2025 14:30:15",
            "2025-13-13 14:30:15",
            "251313 14:30:15",
            "2025-11-13 24:30:15",
            "2025-11-13 14:30:15x",
            "2025-11-13 14:30:15,x",
            "ü025-11-13 14:30:15",
            "2025-11-13 14:30:15+ab:cd",
        ] {
            assert_eq!(at(none), None, "{none}");
        }
    }
}
