//! Numbers behind a word or key for phones, in whatever groups a country writes them: `tel. 601 234 567`, `mobile=9123 4567`.

use super::date;
use super::digits::Run;
use crate::category::Category;
use crate::keys::{self, Says, among};
use crate::text;

/// What stands in ASCII texts that have such a word.
pub(super) const HINTS: &[&str] = &[
    "phone", "mobil", "telef", "telp", "tel ", "tel.", "tel:", "tel=", "tel_", "tel\"", "cell", "celul",
    "cel.", "cel:", "gsm", "handy", "whatsapp", "msisdn", "hotline", "helpline", "landline", "fax", "rufnum",
    "mob:", "mob.", "mob ", "ph:", "ph.", "viber", "movil", "simu", "hp:", "sdt",
];

/// Fewest and most digits of a number that such a word alone makes one (ITU-T E.164 allows 15; what is longer has its `+`).
const FEWEST: usize = 7;
const MOST: usize = 13;

/// The last group of the number that `run` begins with, when a word for phones stands right before it.
pub(super) fn told(run: &Run<'_>) -> Option<usize> {
    if run.digits_from(0).len() < FEWEST || !run.group_is_free(0) {
        return None;
    }
    let last = longest(run)?;
    let (start, _) = run.span(0, 0);
    is_behind_word(run.text(), start).then_some(last)
}

/// The longest number in groups as people write them that `run` begins with.
fn longest(run: &Run<'_>) -> Option<usize> {
    let (start, _) = run.span(0, 0);
    let marked = matches!(run.gap(0), "." | "/" | "-");
    // `5.0.1234.567`
    if run.gap(0) == "." && run.len_of(0) < 2 {
        return None;
    }
    if marked && run.text().get(start..).is_some_and(|rest| date::full_date(rest).is_some()) {
        return None;
    }
    let groups = 0..run.groups().min(7);
    let fits = |last: &usize| {
        let digits = run.digits_until(*last);
        // Neither the columns of a table nor a number in thousands.
        let grouped = digits.len() >= 2 * (last + 1);
        let thousands = *last > 0 && (1..=*last).all(|group| run.written(group, group) == "000");
        let apart = *last + 1 == run.groups() || run.gap(*last).starts_with(' ');
        (FEWEST..=MOST).contains(&digits.len())
            && (*last > 0 || digits.len() < MOST)
            && digits.bytes().any(|b| b != b'0')
            && grouped
            && !thousands
            && apart
            && ends(run, *last)
    };
    groups.take_while(|last| !run.is_date(*last)).filter(fits).last()
}

/// Nothing behind `last` makes it a share, a time or a decimal number.
fn ends(run: &Run<'_>, last: usize) -> bool {
    let (_, end) = run.span(last, last);
    let right = text::right_of(run.text(), end, 2).as_bytes();
    run.ends_freely(last) && !matches!(right, [b'%', ..] | [b':' | b'.' | b',', b'0'..=b'9'])
}

/// Whether the word or key right before `start` is one for phones.
fn is_behind_word(text: &str, start: usize) -> bool {
    const BETWEEN: &str = "no nr number num is numero número numéro nummer nomor n nº n° № on номер";
    let mut left = text::left_of(text, start, 48);
    for _ in 0..3 {
        left = left
            .trim_end_matches([' ', ':', '=', '(', '#', '.', '"', '\'', '-', '+', '`', '*', '\\', '>', '：']);
        let name = left.rsplit(|c: char| !(text::is_wordy(c) || matches!(c, '_' | '-'))).next().unwrap_or("");
        if name.is_empty() {
            return false;
        }
        let front = left.get(..left.len() - name.len()).unwrap_or("");
        if is_word(name) {
            return true;
        }
        if !among(BETWEEN, &name.to_lowercase()) {
            return false;
        }
        left = front;
    }
    false
}

/// A key of phones, or how people shorten it.
fn is_word(name: &str) -> bool {
    matches!(keys::classify(name).says, Says::Of(Category::Phone, _))
        || among(
            "mob ph telp telf cel mov handy hp sdt whatsapp wa dial móvil movil сот моб тел ტელ",
            &name.to_lowercase(),
        )
}
