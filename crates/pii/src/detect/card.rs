//! Payment cards: 13 to 19 digits in one of the usual groupings, a known issuer, and a Luhn sum that holds.

use super::digits::{Before, Run, before};
use super::{Kind, View, phone};
use crate::category::Category;
use crate::hits::Hits;
use crate::keys::{Says, Words};
use crate::text;

/// A card under a key that says so.
pub(crate) const CARD: Says = Says::Of(Category::Card, 0);

pub(crate) static KIND: Kind = Kind {
    order: 80,
    least_number: 0,
    key: |words| is_key(words).then_some(0),
    judge: |keyed, hits| judge(keyed.value, hits),
    number: Some(detect),
    mask: |value| crate::mask::tail(value, 4),
    ..Kind::NONE
};

/// Keys of cards.
fn is_key(words: &Words<'_>) -> bool {
    let (last, prev) = (words.last, words.prev);
    match last {
        "card" => {
            words.len() == 1
                || matches!(
                    prev,
                    "credit" | "debit" | "bank" | "payment" | "billing" | "x" | "saved" | "visa" | "prepaid"
                )
        }
        "pan" | "cc" | "ccn" => words.len() == 1 || matches!(prev, "card" | "primary" | "payment"),
        "number" | "no" | "num" | "nr" => {
            matches!(prev, "card" | "cc" | "pan")
                && !words.all.iter().any(|w| matches!(w.as_str(), "score" | "report" | "sim"))
        }
        _ => false,
    }
}

/// A card in any grouping.
pub(super) fn judge(value: &str, hits: &mut Hits) {
    let plain = value.bytes().all(|b| b.is_ascii_digit() || matches!(b, b' ' | b'-' | b'.' | b'/'));
    let digits: String = value.chars().filter(char::is_ascii_digit).collect();
    if plain && value.len() <= 40 && is_card(&digits) {
        hits.keyed(Category::Card, Some(&digits));
    }
}

/// Groupings that cards are printed in (ISO/IEC 7812 lengths): 4-4-4-4, Amex 4-6-5, Diners 4-6-4, and longer ones.
const SHAPES: [&[usize]; 10] = [
    &[4, 4, 4, 4],
    &[4, 6, 5],
    &[4, 6, 4],
    &[4, 4, 4, 4, 3],
    &[4, 4, 4, 4, 2],
    &[4, 4, 4, 1],
    &[6, 13],
    &[4, 4, 4, 4, 1],
    &[4, 4, 4, 3],
    &[4, 4, 4, 2],
];

/// Digits of the shortest card, and of the longest phone number (E.164).
const SHORTEST: usize = 13;
const LONGEST_PHONE: usize = 15;

/// Adds every card in a run of digits.
fn detect(run: &Run<'_>, view: &View<'_>, hits: &mut Hits) {
    if view.joined || view.is_opaque() {
        return;
    }
    // What its key calls a phone number is one, if it can be.
    let phone = matches!(view.context.says, Says::Of(Category::Phone, _));
    for first in 0..run.groups() {
        let len = run.len_of(first);
        if run.digits_from(first).len() < SHORTEST {
            return;
        }
        if run.has_plus(first) {
            continue;
        }
        if (SHORTEST..=19).contains(&len)
            && !(phone && len <= LONGEST_PHONE)
            && free(run, first, first)
            && is_card(run.digits(first, first))
            && !numbered(run, first, true)
        {
            hits.shape(Category::Card, run.written(first, first));
        } else if len == 4 || len == 6 {
            grouped(run, first, hits);
        }
    }
}

/// Adds the card that begins at group `first`, if one does.
fn grouped(run: &Run<'_>, first: usize, hits: &mut Hits) {
    for shape in SHAPES {
        let last = first + shape.len() - 1;
        let gap = run.gap(first);
        let fits = last < run.groups()
            && matches!(gap, " " | "-" | "  " | " - ")
            && shape.iter().enumerate().all(|(i, n)| run.len_of(first + i) == *n)
            && (first..last).all(|g| run.gap(g) == gap);
        if fits
            && free(run, first, last)
            && !continues(run, first, last)
            && is_card(run.digits(first, last))
            && !numbered(run, first, false)
        {
            hits.shape(Category::Card, run.written(first, last));
            return;
        }
    }
}

/// Nothing touches the number: no letter, digit, decimal point, or hyphen to further characters.
fn free(run: &Run<'_>, first: usize, last: usize) -> bool {
    let (start, end) = run.span(first, last);
    let text = run.text();
    if !text::is_unjoined(text, start, end) {
        return false;
    }
    let dashed = |c: Option<char>, next: Option<char>| {
        matches!(c, Some('-' | '.' | '_')) && next.is_some_and(|n| n.is_ascii_alphanumeric())
    };
    let left = text::left_of(text, start, 2);
    let right = text::right_of(text, end, 2);
    let is_code =
        dashed(left.chars().next_back(), left.chars().rev().nth(1).filter(|_| !left.ends_with('_')))
            || dashed(
                right.chars().next().filter(|c| *c != '.'),
                right.chars().nth(1).filter(char::is_ascii_digit),
            )
            || matches!(right.as_bytes(), [b'.', d] if d.is_ascii_digit());
    !is_code
}

/// The groups go on before or after in the same way: part of a longer number.
fn continues(run: &Run<'_>, first: usize, last: usize) -> bool {
    let gap = run.gap(first);
    let before = first > 0 && run.gap(first - 1) == gap && run.len_of(first - 1) == 4;
    let after =
        run.gap(last) == gap && last + 1 < run.groups() && run.len_of(last + 1) == 4 && run.len_of(last) == 4;
    before || after
}

/// The text before says that this numbers something else.
fn numbered(run: &Run<'_>, first: usize, solid: bool) -> bool {
    let (start, _) = run.span(first, first);
    if phone::is_link_before(run.text(), start) {
        return true;
    }
    match before(run.text(), start) {
        Before::Key(says) => matches!(says, Says::Opaque | Says::Id | Says::Version),
        Before::Thing => solid,
        Before::Code => solid && !run.text().get(..start).is_some_and(|t| t.ends_with('#')),
        Before::Open => false,
    }
}

/// Whether digits (without punctuation) are a card number.
fn is_card(digits: &str) -> bool {
    has_issuer(digits) && luhn(digits) && digits.bytes().any(|b| Some(b) != digits.bytes().next())
}

/// The Luhn sum (ISO/IEC 7812-1 annex B) is a multiple of ten.
pub(super) fn luhn(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(i, b)| {
            let d = u32::from(b.wrapping_sub(b'0'));
            if i % 2 == 0 {
                d
            } else if d > 4 {
                d * 2 - 9
            } else {
                d * 2
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// A prefix and length that an issuer uses (public ranges of the card schemes).
fn has_issuer(digits: &str) -> bool {
    let len = digits.len();
    let head = |n: usize| digits.get(..n).and_then(|h| h.parse::<u32>().ok()).unwrap_or(0);
    let (two, three, four) = (head(2), head(3), head(4));
    match digits.as_bytes().first() {
        // Visa
        Some(b'4') => matches!(len, 13 | 16 | 19),
        // Mastercard
        Some(b'5') if (51..=55).contains(&two) => len == 16,
        // Maestro, Dankort, Verve, RuPay
        Some(b'5') => matches!(two, 50 | 56..=58) && (13..=19).contains(&len),
        // Mastercard 2-series, Mir, and JCB of 15 digits
        Some(b'2') => {
            (2221..=2720).contains(&four) && len == 16
                || (2200..=2204).contains(&four) && (16..=19).contains(&len)
                || four == 2131 && len == 15
        }
        Some(b'3') => match two {
            // American Express
            34 | 37 => len == 15,
            // Diners Club
            36 | 38 | 39 => (14..=19).contains(&len),
            30 => (matches!(three, 300..=305) || four == 3095) && (14..=19).contains(&len),
            // JCB
            35 => (3528..=3589).contains(&four) && (16..=19).contains(&len),
            _ => false,
        },
        // Discover, UnionPay, Maestro, RuPay, InstaPayment
        Some(b'6') => match two {
            62 | 65 => (16..=19).contains(&len),
            60 | 64 => {
                (four == 6011 || (644..=649).contains(&three) || two == 60) && (16..=19).contains(&len)
            }
            63 | 67 | 61 | 66 | 68 | 69 => {
                (13..=19).contains(&len)
                    && matches!(four, 6304 | 6759 | 6761..=6763 | 6370..=6399 | 6709 | 6771 | 6766 | 6333)
            }
            _ => false,
        },
        // RuPay and UnionPay 81, 82; JCB of 15 digits; Troy
        Some(b'8') => matches!(two, 81 | 82) && len == 16,
        Some(b'1') => four == 1800 && len == 15,
        Some(b'9') => four == 9792 && len == 16,
        _ => false,
    }
}
