//! Dates in any order, notation and language, and what only looks like one.

use crate::text;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

/// Names of months as people write them, one line for each; compared by their beginning.
const MONTHS: [&str; 12] = [
    "jan january janvier januar januari enero ene gennaio gen janeiro styczeń stycznia ocak ledna leden ianuarie tammi яnv янв января জানুয়ারি जनवरी يناير ม.ค. มกราคม ιαν",
    "feb february février févr fév februar februari febrero fevereiro febbraio luty lutego şubat února únor helmi фев февраля ফেব্রুয়ারি फरवरी فبراير ก.พ. กุมภาพันธ์ φεβ",
    "mar march mars märz marzo março marzec marca mart maret maart mrz března maalis мар марта মার্চ मार्च مارس มี.ค. มีนาคม μαρ",
    "apr april avril abril aprile avr abr kwiecień kwietnia nisan dubna huhti апр апреля এপ্রিল अप्रैल أبريل เม.ย. เมษายน απρ",
    "may mai mayo maio maggio mag maj maja mayıs mei května touko мая май মে मई مايو พ.ค. พฤษภาคม μαϊ",
    "jun june juin juni junio junho giugno giu czerwiec czerwca haziran června kesä июн июня জুন जून يونيو มิ.ย. มิถุนายน ιουν",
    "jul july juillet juil juli julio julho luglio lug lipiec lipca temmuz července heinä июл июля জুলাই जुलाई يوليو ก.ค. กรกฎาคม ιουλ",
    "aug august août aout agosto ago agustus augustus augusti sierpień sierpnia ağustos srpna elo авг августа আগস্ট अगस्त أغسطس ส.ค. สิงหาคม αυγ",
    "sep sept september septembre septiembre setembro settembre set wrzesień września eylül září syys сен сентября সেপ্টেম্বর सितंबर सितम्बर سبتمبر ก.ย. กันยายน σεπ",
    "oct october octobre oktober octubre outubro ottobre okt out ott październik października ekim října loka окт октября অক্টোবর अक्टूबर أكتوبر ต.ค. ตุลาคม οκτ",
    "nov november novembre noviembre novembro listopad listopada kasım listopadu marras ноя ноября নভেম্বর नवंबर नवम्बर نوفمبر พ.ย. พฤศจิกายน νοε",
    "dec december décembre déc dezember desember diciembre dezembro dicembre dic dez grudzień grudnia aralık prosince joulu дек декабря ডিসেম্বর दिसंबर दिसम्बर ديسمبر ธ.ค. ธันวาคม δεκ",
];

/// Words and letters that stand between the parts of a date.
const BETWEEN: &str = "of de del di du the st nd rd th er den d le el 年 月 日 년 월 일 г года a te";

/// The length of the full date that `text` begins with: day, month and year in any order.
pub(super) fn full_date(text: &str) -> Option<usize> {
    let window = text::right_of(text, 0, 64);
    if let Some(end) = solid(window) {
        return Some(end);
    }
    let mut parts: Vec<Part> = Vec::with_capacity(3);
    let mut rest = window;
    while parts.len() < 3 {
        let (part, length) = part(rest)?;
        if let Some(part) = part {
            parts.push(part);
        }
        rest = rest.get(length..)?;
        if parts.len() < 3 {
            rest = rest.trim_start_matches([' ', '-', '/', '.', ',', '\'', '\u{a0}', '_', ':']);
        }
    }
    let touched = rest.starts_with(|c: char| c.is_ascii_digit());
    (!touched && is_date(&parts)).then(|| window.len() - rest.len())
}

/// `19980312` or `12031998`, standing alone.
fn solid(text: &str) -> Option<usize> {
    let digits = text.get(..8)?;
    let all = digits.bytes().all(|b| b.is_ascii_digit());
    let alone = !text.as_bytes().get(8).is_some_and(u8::is_ascii_digit);
    let at = |from: usize, to: usize| digits.get(from..to).and_then(|d| d.parse::<u32>().ok()).unwrap_or(0);
    let fits = |y: u32, m: u32, d: u32| is_year(y) && (1..=12).contains(&m) && (1..=31).contains(&d);
    let date = fits(at(0, 4), at(4, 6), at(6, 8))
        || fits(at(4, 8), at(2, 4), at(0, 2))
        || fits(at(4, 8), at(0, 2), at(2, 4));
    (all && alone && date).then_some(8)
}

#[derive(Clone, Copy)]
enum Part {
    /// Its value, and how many digits it has.
    Number(u32, usize),
    Month,
}

/// The number, the name of a month or the word between two of them that `text` begins with.
fn part(text: &str) -> Option<(Option<Part>, usize)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if digits > 0 {
        let value = text.get(..digits).filter(|d| d.len() <= 4)?.parse().ok()?;
        return Some((Some(Part::Number(value, digits)), digits));
    }
    let length = text.find(|c: char| !text::is_wordy(c) || c.is_ascii_digit()).unwrap_or(text.len());
    let word = text.get(..length).filter(|w| !w.is_empty())?.to_lowercase();
    let bare = word.trim_start_matches("de ");
    if month(bare).is_some() {
        return Some((Some(Part::Month), length));
    }
    BETWEEN.split(' ').any(|w| w == word).then_some((None, length))
}

/// The month of a name.
pub(super) fn month(word: &str) -> Option<usize> {
    /// The number of a month by its names, without their full stop and folded.
    static NUMBERS: LazyLock<HashMap<Cow<'_, str>, usize>> = LazyLock::new(|| {
        let names = (1..).zip(MONTHS).flat_map(|(number, line)| line.split(' ').map(move |m| (m, number)));
        let mut numbers = HashMap::new();
        for (name, number) in names {
            for written in [name.trim_end_matches('.').into(), text::fold(name)] {
                numbers.entry(written).or_insert(number);
            }
        }
        numbers
    });
    let word = word.trim_end_matches('.').to_lowercase();
    NUMBERS.get(word.as_str()).or_else(|| NUMBERS.get(&text::fold(&word))).copied()
}

/// Whether three parts are day, month and year in some order.
fn is_date(parts: &[Part]) -> bool {
    let year = |n: u32, digits: usize| digits == 4 && is_year(n) || digits == 2;
    let day = |n: u32| (1..=31).contains(&n);
    let month = |n: u32| (1..=12).contains(&n);
    match *parts {
        [Part::Number(a, la), Part::Number(b, lb), Part::Number(c, lc)] => {
            let small = la <= 2 && lb <= 2;
            la == 4 && is_year(a) && lb <= 2 && lc <= 2 && month(b) && day(c)
                || small && year(c, lc) && (day(a) && month(b) || month(a) && day(b))
                || la == 2 && lb <= 2 && lc <= 2 && month(b) && day(c)
        }
        [Part::Number(d, _), Part::Month, Part::Number(y, ly)]
        | [Part::Month, Part::Number(d, _), Part::Number(y, ly)] => {
            day(d) && year(y, ly) || is_year(d) && day(y) && ly <= 2
        }
        [Part::Number(y, ly), Part::Number(d, _), Part::Month] => year(y, ly) && day(d),
        _ => false,
    }
}

/// A year in which somebody alive may be born, also of the Buddhist and Solar Hijri eras.
pub(super) fn is_year(year: u32) -> bool {
    (1900..=2035).contains(&year) || (2443..=2578).contains(&year) || (1279..=1410).contains(&year)
}

/// What loggers write before the time of a line.
const LEVELS: [&str; 9] =
    ["TRACE", "DEBUG", "INFO", "NOTICE", "WARN", "WARNING", "ERROR", "CRITICAL", "FATAL"];

/// A value that is a date and time of RFC 3339 and nothing else.
pub(crate) fn is_instant(value: &str) -> bool {
    instant(value) == Some(value.len())
}

/// What a line of a log says behind its time, which is nobody's: `INFO 2025-11-13 08:30:00,009 message`, with the level or without.
/// Texts that begin otherwise are given whole.
pub(crate) fn behind_time(text: &str) -> &str {
    let time = match text.as_bytes().first() {
        Some(b'0'..=b'9') => text,
        Some(b'A'..=b'Z') => match text.split_once(' ') {
            Some((level, rest)) if LEVELS.contains(&level) => rest.trim_start_matches(' '),
            _ => return text,
        },
        _ => return text,
    };
    let rest = instant(time).and_then(|end| time.get(end..));
    rest.and_then(|rest| rest.strip_prefix(' ')).unwrap_or(text)
}

/// The length of the date and time of RFC 3339 that `text` begins with; a blank may stand for its `T`, a comma for the point of
/// its fraction, and its offset may be missing or have no minutes.
fn instant(text: &str) -> Option<usize> {
    const FORM: &[u8; 19] = b"0000-00-00T00:00:00";
    let (time, rest) = text.as_bytes().split_first_chunk::<19>()?;
    let fits = time.iter().zip(FORM).all(|(b, form)| match form {
        b'0' => b.is_ascii_digit(),
        b'T' => matches!(b, b'T' | b't' | b' '),
        mark => b == mark,
    });
    if !fits {
        return None;
    }
    let digits = |bytes: &[u8]| bytes.iter().take_while(|b| b.is_ascii_digit()).count();
    let fraction = match rest {
        [b'.' | b',', rest @ ..] => digits(rest),
        _ => 0,
    };
    let rest = if fraction > 0 { rest.get(1 + fraction..)? } else { rest };
    let offset = match rest {
        [b'Z' | b'z', ..] => 1,
        [b'+' | b'-', rest @ ..] => match (digits(rest), rest.get(2)) {
            (2, Some(b':')) if rest.get(3..).map(digits) == Some(2) => 6,
            (hours @ (2 | 4), _) => 1 + hours,
            _ => 0,
        },
        _ => 0,
    };
    (fraction <= 9).then_some(text.len() - rest.len() + offset)
}

/// A time such as `2025-10-21T10:00:00Z`.
pub(crate) fn is_moment(value: &str) -> bool {
    let b = value.as_bytes();
    b.len() >= 10
        && b.get(4) == Some(&b'-')
        && b.get(7) == Some(&b'-')
        && b.get(..4).is_some_and(|y| y.iter().all(u8::is_ascii_digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_something_behind_its_time() {
        for (line, said) in [
            ("INFO 2025-11-13 08:30:00,009 apps.x paid", "apps.x paid"),
            ("WARNING  2025-11-13T08:30:00.123456+06:00 paid", "paid"),
            ("2025-11-13 08:30:00+06 paid", "paid"),
            ("2025-11-13T08:30:00Z paid", "paid"),
            // What may be of the value behind the time stays with it.
            ("2025-11-13 08:30:00 +8801712345678", "+8801712345678"),
            ("2025-11-13 08:30:00 +44 7911 123456", "+44 7911 123456"),
        ] {
            assert_eq!(behind_time(line), said, "{line}");
        }
        for whole in [
            "BORN 1998-03-12 00:00:00 in Dhaka",
            "1998-03-12 paid",
            "2025-11-13 08:30:00,01712345678 paid",
            "2025-11-13 08:30:00,nadia",
            "2025-11-13 08:30:00+01712345678 paid",
            "2025-11-13 08:30:00",
            "INFO paid",
        ] {
            assert_eq!(behind_time(whole), whole);
        }
    }

    #[test]
    fn instants_are_dates_and_times_and_nothing_else() {
        for value in
            ["2025-10-21T10:00:00Z", "2025-10-21 10:00:00.123456789+06:00", "2025-10-21t10:00:00,5-0600"]
        {
            assert!(is_instant(value), "{value}");
        }
        for value in [
            "2025-10-21",
            "2025-10-21T10:00:00 paid",
            "2025-10-21T10:00:00+8801712345678",
            "é2025-10-21T10:00:00",
        ] {
            assert!(!is_instant(value), "{value}");
        }
    }
}
