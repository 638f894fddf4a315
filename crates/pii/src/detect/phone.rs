//! Phone numbers: international with `+`, Bangladeshi mobiles in any spacing, national punctuation, and phone links.

use super::digits::{Before, Run, before};
use super::{Kind, View, phone_plans, phone_words};
use crate::category::Category;
use crate::hits::Hits;
use crate::keys::{Words, among};
use crate::text::{self, Classes};
use regex::Regex;
use std::sync::LazyLock;

pub(crate) static KIND: Kind = Kind {
    order: 90,
    least_number: 10_000_000,
    key: |words| is_key(words).then_some(0),
    judge: |keyed, hits| hits.keyed(Category::Phone, under_key(keyed.value)),
    hints: &[
        &[
            "tel:",
            "sms",
            "mms:",
            "callto:",
            "facetime:",
            "whatsapp",
            "wa.me",
            "phone=",
            "number=",
            "msisdn=",
            "viber:",
        ],
        phone_words::HINTS,
    ],
    number: Some(detect),
    find: Some(find),
    mask: |value| crate::mask::tail(value, 2),
    ..Kind::NONE
};

/// Keys of phones.
fn is_key(words: &Words<'_>) -> bool {
    let (last, prev) = (words.last, words.prev);
    let noun = |w: &str| {
        among(
            "phone mobile cell cellphone telephone tel msisdn whatsapp fax viber imo bkash nagad rocket upay \
hotline helpline landline handset smartphone gsm telefon telefonnummer telefonnr handynummer handynr mobilnummer mobiltelefon \
rufnummer telefono teléfono celular telefone telemovel telemóvel téléphone cellulare telefoon telefoonnummer mobiel puhelin \
puhelinnumero ফোন মোবাইল फ़ोन फोन मोबाइल телефон τηλέφωνο هاتف 电话 電話 電話番号 电话号码 手机 手机号 手机号码 전화 전화번호 휴대폰",
            w,
        )
    };
    let party = |w: &str| {
        among(
            "contact sender receiver recipient payer payee caller callee wallet agent from to emergency \
customer merchant dial sms whats wa subscriber mfs call",
            w,
        )
    };
    match last {
        "number" | "no" | "num" | "nr" | "account" | "wallet" => {
            noun(prev)
                || (party(prev) && last != "account" && last != "wallet")
                || (prev == "account" && words.all.iter().any(|w| party(w) || noun(w)))
        }
        "to" | "recipient" | "from" | "phone" if matches!(prev, "sms" | "call" | "text" | "dial") => true,
        "line" => prev == "calling",
        _ => noun(last),
    }
}

fn find(view: &View<'_>, hits: &mut Hits) {
    if view.digits < 6 {
        return;
    }
    if view.grouped && !view.joined && !view.is_opaque() {
        detect_national(view.text, hits);
    }
    if view.hints.has(Category::Phone, 0) {
        detect_links(view.text, hits);
    }
}

/// The length of the country calling code that international digits begin with.
pub(crate) fn country_code(digits: &str) -> Option<usize> {
    phone_plans::code_len(digits)
}

/// Adds every phone number in a run of digits that needs no national punctuation to be known.
fn detect(run: &Run<'_>, view: &View<'_>, hits: &mut Hits) {
    let opaque = view.joined || view.is_opaque();
    if opaque && !(run.has_plus(0) && !(view.joined && is_numbered(run, 0))) {
        return;
    }
    let worded = view.hints.has(Category::Phone, 1) || view.classes.has(Classes::WIDE);
    if worded
        && !run.has_plus(0)
        && let Some(last) = phone_words::told(run)
    {
        hits.likely(Category::Phone, run.written(0, last));
        return;
    }
    // Only behind a `+` or a word a number is shorter.
    if !run.has_plus(0) && run.digits_from(0).len() < BANGLADESHI {
        return;
    }
    for first in 0..run.groups() {
        if !run.group_is_free(first) {
            continue;
        }
        if run.has_plus(first) {
            if let Some(last) = international(run, first) {
                hits.shape(Category::Phone, run.written(first, last));
                return;
            }
            continue;
        }
        if let Some(last) = bangladeshi(run, first)
            && !is_numbered(run, first)
        {
            hits.shape(Category::Phone, run.written(first, last));
            return;
        }
    }
}

/// The last group of the international number that begins at `first`, after a `+`.
fn international(run: &Run<'_>, first: usize) -> Option<usize> {
    let (start, _) = run.span(first, first);
    // A decimal number with a sign, such as a coordinate.
    let decimal = run.gap(first) == "."
        && run.len_of(first) <= 3
        && run.len_of(first + 1) >= 4
        && run.gap(first + 1) != ".";
    // A sum with a sign, `+35236450.60`.
    let sum = run.gap(first) == "." && run.groups() == first + 2 && run.len_of(first + 1) <= 2;
    if sum || decimal && !text::left_of(run.text(), start, 1).ends_with('(') {
        return None;
    }
    (first..run.groups())
        .take(7)
        .take_while(|last| run.digits(first, *last).len() <= 16)
        .filter(|last| {
            run.ends_freely(*last)
                && (phone_plans::is_international(run.digits(first, *last))
                    || has_trunk_zero(run, first, *last))
        })
        .last()
}

/// Whether a number has the zero that is dialled inside its country in brackets behind its code: `+254 (0)712 345 678`.
fn has_trunk_zero(run: &Run<'_>, first: usize, last: usize) -> bool {
    let zero = first + 1;
    let bracketed = last > zero
        && run.written(zero, zero) == "0"
        && run.gap(first).ends_with('(')
        && run.gap(zero).starts_with(')');
    bracketed
        && phone_plans::is_international(&[run.digits(first, first), run.digits(zero + 1, last)].concat())
}

/// The last group of the Bangladeshi mobile number that begins at `first`: `01[3-9]` and 8 digits, `880` before or not.
fn bangladeshi(run: &Run<'_>, first: usize) -> Option<usize> {
    let digits = run.digits_from(first);
    if digits.len() < BANGLADESHI || !digits.starts_with(['0', '8']) {
        return None;
    }
    (first..run.groups()).take(11).take_while(|last| run.digits(first, *last).len() <= 16).find(|last| {
        run.ends_freely(*last)
            && is_bangladeshi(run.digits(first, *last))
            && !in_decimal(run, first, *last)
            && !(first..=*last).any(|group| run.is_date(group))
            && !is_of_columns(run, first, *last)
    })
}

/// Whether groups with blanks between them stand among others, as the numbers of a table do: `081111 013322 17524`.
fn is_of_columns(run: &Run<'_>, first: usize, last: usize) -> bool {
    let blank = |gap: &str| !gap.is_empty() && gap.bytes().all(|b| b == b' ');
    let long = |group: usize| run.len_of(group) >= 4;
    let before = first > 0 && blank(run.gap(first - 1)) && long(first - 1);
    let behind = last + 1 < run.groups() && blank(run.gap(last)) && long(last + 1);
    (before || behind) && (first..last).all(|group| blank(run.gap(group))) && first < last
}

/// Digits of the shortest form of a Bangladeshi mobile number.
const BANGLADESHI: usize = 11;

/// Whether digits are a Bangladeshi mobile number in any of its lengths.
fn is_bangladeshi(digits: &str) -> bool {
    let national = digits
        .strip_prefix("00880")
        .or_else(|| digits.strip_prefix("880"))
        .map(|d| d.strip_prefix('0').unwrap_or(d))
        .or_else(|| digits.strip_prefix('0'));
    national.is_some_and(|n| n.len() == 10 && matches!(n.as_bytes(), [b'1', b'3'..=b'9', ..]))
}

/// The number is the fraction of a decimal number, or its groups are dots and slashes of something else.
fn in_decimal(run: &Run<'_>, first: usize, last: usize) -> bool {
    let (start, end) = run.span(first, last);
    let left = text::left_of(run.text(), start, 2);
    let touches = left.ends_with('.') && left.as_bytes().first().is_some_and(u8::is_ascii_digit);
    let right = text::right_of(run.text(), end, 2);
    touches
        || matches!(right.as_bytes(), [b'.' | b'-', d] if d.is_ascii_digit())
        || left.len() == 2 && left.ends_with('-') && left.as_bytes().first().is_some_and(u8::is_ascii_digit)
}

/// The text before says that this numbers something else.
fn is_numbered(run: &Run<'_>, first: usize) -> bool {
    let (start, _) = run.span(first, first);
    match before(run.text(), start) {
        Before::Key(says) => says.numbers_other() || says == super::card::CARD,
        Before::Thing | Before::Code => true,
        Before::Open => false,
    }
}

/// Numbers in national punctuation, without `+`. Boundaries are checked after the match.
static NATIONAL: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?x)
        (?:1[-.\x20])?\([2-9][0-9]{2}\)\x20?[2-9][0-9]{2}[-.\x20][0-9]{4}     # (415) 555-2671
        |(?:(?:001|1)[-.\x20])?[2-9][0-9]{2}-[2-9][0-9]{2}-[0-9]{4}            # 415-555-2671
        |(?:(?:001|1)\.)?[2-9][0-9]{2}\.[2-9][0-9]{2}\.[0-9]{4}                # 415.555.2671
        |(?:1\x20)?[2-9][0-9]{2}\x20[2-9][0-9]{2}[\x20-][0-9]{4}               # 415 555 2671
        |\(0[0-9]{1,4}\)[\x20-]?[0-9]{2,4}(?:[\x20-]?[0-9]{2,4}){1,3}          # (020) 7946 0958
        |\([0-9]{2}\)\x20?9?[0-9]{4}[-\x20][0-9]{4}                            # (11) 91234-5678
        |0[1-9][0-9]{0,3}/[0-9]{5,8}                                        # 0171/1234567
        |0[1-9](?:[\x20.-][0-9]{2}){4}                                   # 06 12 34 56 78
        |0[1-9][0-9]{1,4}[\x20-][0-9]{5,8}                                  # 07700 900123, 030 1234567
        |0[1-9][0-9]{0,4}[\x20-][0-9]{3,4}[\x20-][0-9]{3,4}                    # 020 7946 0958, 03-1234-5678, 0412 345 678
        |0[1-9][0-9]{1,3}[\x20-][0-9]{3}\x20[0-9]{2}\x20[0-9]{2}                  # 044 668 18 00, 070-123 45 67
        |04[0-9]{2}[\x20/][0-9]{2}\x20[0-9]{2}\x20[0-9]{2}                        # 0470 12 34 56
        |06[\x20-][0-9]{8}                                               # 06-12345678
        |06\x20[0-9]{2}\x20[0-9]{3}[\x20-][0-9]{4}                             # 06 20 123 4567
        |02-[2-9][0-9]{7}                                                # 02-55012345
        |0\x20?\([2-5][0-9]{2}\)\x20?[0-9]{3}\x20[0-9]{2}\x20[0-9]{2}              # 0 (532) 123 45 67
        |8\x20?\([0-9]{3}\)\x20?[0-9]{3}-[0-9]{2}-[0-9]{2}                        # 8 (912) 345-67-89
        |8[\x20-][0-9]{3}[\x20-][0-9]{3}-[0-9]{2}-[0-9]{2}                        # 8 912 345-67-89
        |1[3-9][0-9](?:-[0-9]{4}-[0-9]{4}|\x20[0-9]{4}\x20[0-9]{4})                  # 138-1234-5678
        |[6-9][0-9]{4}\x20[0-9]{5}                                          # 98676 19604
        |00[1-9][0-9]{0,2}[\x20-]?\(?[0-9]{1,5}\)?(?:[\x20-]?[0-9]{2,8}){1,4}  # 0044 20 7946 0958
        |[679][0-9]{2}\x20[0-9]{2}\x20[0-9]{2}\x20[0-9]{2}                        # 612 34 56 78
        ",
    )
    .ok()
});

/// Whether a run may have a number that [`NATIONAL`] fits and [`is_free`] leaves: with nothing between its digits only `00` begins one,
/// what is written like a day and an hour is one only behind a zero, and where single marks join the groups all of them are the
/// number, and nothing touches it.
pub(crate) fn may_be_national(run: &Run<'_>) -> bool {
    let digits = run.digits_from(0);
    let last = run.groups().saturating_sub(1);
    let begins = || {
        if last == 0 { digits.starts_with("00") } else { digits.starts_with('0') || !run.is_day_and_hour() }
    };
    let joined = || (0..last).all(|group| matches!(run.gap(group), "-" | "." | "/" | " "));
    let (start, end) = run.span(0, last);
    let whole = || digits.len() <= MOST_DIGITS && is_free(run.text(), start, end);
    digits.len() >= FEWEST_DIGITS && begins() && (!joined() || whole())
}

/// Fewest and most digits of a number in national punctuation.
const FEWEST_DIGITS: usize = 9;
const MOST_DIGITS: usize = 15;

/// Adds phone numbers in national punctuation.
fn detect_national(text: &str, hits: &mut Hits) {
    let Some(pattern) = NATIONAL.as_ref() else { return };
    hits.worked(text.len());
    for found in pattern.find_iter(text) {
        let digits = found.as_str().bytes().filter(u8::is_ascii_digit).count();
        if !(FEWEST_DIGITS..=MOST_DIGITS).contains(&digits)
            || !is_free(text, found.start(), found.end())
            || is_other(found.as_str())
            || is_stamp(text, (found.start(), found.as_str()))
        {
            continue;
        }
        if found.as_str().starts_with("00") && !is_abroad(found.as_str()) {
            continue;
        }
        match before(text, found.start()) {
            Before::Open => hits.likely(Category::Phone, found.as_str()),
            Before::Key(says)
                if !says.numbers_other() && says != super::card::CARD && says != super::ip::IP =>
            {
                hits.likely(Category::Phone, found.as_str());
            }
            _ => {}
        }
    }
}

/// No further letters, digits or joined digit groups at either end.
fn is_free(text: &str, start: usize, end: usize) -> bool {
    let joins = |c: char| matches!(c, '-' | '.' | '/' | ',' | ':' | '#' | '+' | '_');
    let left = text::left_of(text, start, 2);
    let right = text::right_of(text, end, 2);
    // Further numbers in a row, however far apart its columns are.
    let near = |text: &[u8]| text.first().is_some_and(u8::is_ascii_digit);
    let row = (left.ends_with("  ") || right.starts_with("  "))
        && (near(text.as_bytes().get(end..).unwrap_or_default().trim_ascii_start())
            || text
                .as_bytes()
                .get(..start)
                .unwrap_or_default()
                .trim_ascii_end()
                .last()
                .is_some_and(u8::is_ascii_digit));
    if row {
        return false;
    }
    let mut l = left.chars().rev();
    let mut r = right.chars();
    let (l1, l2, r1, r2) = (l.next(), l.next(), r.next(), r.next());
    let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    let extension = matches!((r1, r2), (Some('x'), Some(d)) if d.is_ascii_digit());
    let goes_on = |near: Option<char>, far| near.is_some_and(|c| c == ' ' || joins(c)) && digit(far);
    let touched = l1.is_some_and(text::is_joining) || !extension && r1.is_some_and(text::is_joining);
    !touched && !goes_on(l1, l2) && !goes_on(r1, r2)
}

/// Shapes of dates and social security numbers that national punctuation would also fit.
fn is_other(written: &str) -> bool {
    let groups: Vec<usize> =
        written.split(|c: char| !c.is_ascii_digit()).map(str::len).filter(|n| *n > 0).collect();
    matches!(groups.as_slice(), [3, 2, 4] | [2, 2, 4] | [4, 2, 2])
}

/// A day and a time that a log begins with: `[0701/114930:WARNING`.
fn is_stamp(text: &str, (start, written): (usize, &str)) -> bool {
    let Some((day, time)) = written.split_once('/').filter(|(day, time)| (day.len(), time.len()) == (4, 6))
    else {
        return false;
    };
    let two = |text: &str, at: usize| text.get(at..at + 2).and_then(|two| two.parse().ok()).unwrap_or(99);
    matches!(text::before(text, start), Some('[' | ':'))
        && matches!((two(day, 0), two(day, 2)), (1..=12, 1..=31))
        && two(time, 0) < 24
        && two(time, 2) < 60
        && two(time, 4) <= 60
}

/// Whether `00` and digits are an international number.
fn is_abroad(written: &str) -> bool {
    let digits: String = written.chars().filter(char::is_ascii_digit).collect();
    digits.strip_prefix("00").is_some_and(phone_plans::is_international)
}

/// Links that hold a phone number: `tel:`, `sms:`, `wa.me/`, `send?phone=`.
static LINK: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)(?:\b(?:tel|sms|smsto|callto|facetime|whatsapp|mms):(?://)?|\bwa\.me/|[?&](?:phone|number|msisdn)=)(\+?\(?[0-9][0-9 ().\-]{4,22}[0-9])").ok()
});

/// Whether the number that begins at `start` is that of a link, whatever else its digits would be.
pub(super) fn is_link_before(text: &str, start: usize) -> bool {
    let left = text::left_of(text, start, 10).trim_end_matches('+');
    // Most numbers stand behind a blank.
    left.ends_with([':', '/', '='])
        && ["tel:", "sms:", "wa.me/", "phone=", "msisdn="].iter().any(|front| {
            left.len()
                .checked_sub(front.len())
                .and_then(|at| left.get(at..))
                .is_some_and(|end| end.eq_ignore_ascii_case(front))
        })
}

/// Adds phone numbers of links.
fn detect_links(text: &str, hits: &mut Hits) {
    let Some(pattern) = LINK.as_ref() else { return };
    hits.worked(text.len());
    for found in pattern.captures_iter(text) {
        if let Some(number) = found.get(1) {
            let digits = number.as_str().bytes().filter(u8::is_ascii_digit).count();
            if (6..=16).contains(&digits) && !text::after(text, number.end()).is_some_and(text::is_joining) {
                hits.shape(Category::Phone, number.as_str());
            }
        }
    }
}

/// The phone number of a value that stands under a phone key: any layout of 6 to 16 digits.
fn under_key(value: &str) -> Option<&str> {
    if value.len() > 80
        || text::is_masked(value)
        || value.contains(['*', '•', '@'])
        || value.contains("xx")
        || value.contains("XX")
        // A pointer of a program.
        || value.starts_with("0x")
    {
        return None;
    }
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    if !value.bytes().any(|b| matches!(b, b'1'..=b'9')) {
        return None;
    }
    let letters = value.chars().filter(|c| c.is_alphabetic()).count();
    // Times and dates are written with digits too.
    let date = value.len() >= 10
        && matches!(value.as_bytes().get(..10), Some(&[a, b, c, d, b'-', e, f, b'-', g, h]) if [a, b, c, d, e, f, g, h].iter().all(u8::is_ascii_digit));
    let grouped =
        value.split(|c: char| c.is_alphabetic()).any(|p| p.bytes().filter(u8::is_ascii_digit).count() >= 6);
    ((6..=20).contains(&digits) && letters <= 16 && grouped && !date && !value.contains("://"))
        .then_some(value)
}

#[cfg(test)]
mod tests {
    use super::super::digits;
    use super::*;
    use proptest::prelude::*;

    /// Digits in groups, most of them as dates, times and phone numbers have them.
    fn numbers() -> impl Strategy<Value = String> {
        let group = prop_oneof!["[0-9]{2}", "[0-9]{4}", "0[0-9]{1,4}", "00[0-9]{2,9}", "[0-9]{1,11}"];
        let gap =
            proptest::sample::select(&["-", "-", " ", " ", ".", "/", "(", ") ", "-(", ", ", ":", "x"][..]);
        proptest::collection::vec((gap, group), 1..9)
            .prop_map(|list| list.into_iter().map(|(gap, group)| format!("{gap}{group}")).collect())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

        #[test]
        fn where_no_run_may_be_national_none_is_found(text in prop_oneof![numbers(), "[12][0-9]{3}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}"]) {
            let mut may_be = false;
            digits::runs(&text, &digits::groups(&text, 0), 6, |run| may_be |= may_be_national(run));
            let mut hits = Hits::default();
            detect_national(&text, &mut hits);
            prop_assert!(may_be || hits.list.is_empty(), "{text}: {:?}", hits.list);
        }
    }
}
