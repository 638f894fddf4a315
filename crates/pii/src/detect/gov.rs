//! Numbers given by a state: under such a key, or with their name beside them.

use super::check_digits::{Label, Number};
use super::digits::Run;
use super::{Keyed, Kind, View};
use crate::category::Category;
use crate::hits::Hits;
use crate::keys::{self, Says, Words};
use crate::text;
use regex::Regex;
use std::sync::LazyLock;

/// `pan`: a tax number of India, or the number of a card.
const PAN: u8 = 1;
/// Keys that have other meanings, too: the check digits decide.
const CHECKED: [(u8, Label); 5] =
    [(2, Label::Telling), (3, Label::Korea), (4, Label::Chile), (5, Label::Iberia), (6, Label::Canada)];

pub(crate) static KIND: Kind = Kind {
    order: 40,
    least_number: 0,
    key: |words| {
        let pan = words.last == "pan"
            || words.prev == "pan" && matches!(words.last, "number" | "no" | "card" | "id");
        let checked = || {
            let wanted = checked(words)?;
            CHECKED.iter().find(|(_, label)| *label == wanted).map(|(grade, _)| *grade)
        };
        if pan { Some(PAN) } else { is_key(words).then_some(0).or_else(checked) }
    },
    own_digits: |grade| grade == 0,
    judge,
    number: Some(beside),
    hints: &[&["ssn", "social security", "nid", "national id", "passport", "codice fiscale", "curp"]],
    find: Some(|view, hits| {
        let under_key = matches!(view.context.says, Says::Of(Category::GovId, _));
        if view.digits >= 6 && view.hints.has(Category::GovId, 0) && !under_key {
            detect(view.text, hits);
        }
    }),
    ..Kind::NONE
};

/// Keys of such numbers.
fn is_key(words: &Words<'_>) -> bool {
    let (last, prev) = (words.last, words.prev);
    let noun = |w: &str, p: &str| match w {
        "nid" | "ssn" | "passport" | "aadhaar" | "cnic" | "nric" | "cpf" | "curp" | "dni" | "aadhar"
        | "nino" | "pesel" | "bsn" | "nik" | "tin" | "itin" | "smartcard" => true,
        "id" | "identity" => matches!(
            p,
            "national"
                | "citizen"
                | "government"
                | "govt"
                | "gov"
                | "voter"
                | "tax"
                | "identity"
                | "state"
                | "citizenship"
        ),
        "security" | "insurance" => matches!(p, "social" | "national"),
        "certificate" | "registration" | "reg" | "cert" => p == "birth",
        "license" | "licence" | "permit" => matches!(p, "driving" | "driver" | "drivers" | "motor"),
        "dl" => true,
        "card" => matches!(p, "id" | "identity" | "nid"),
        _ => false,
    };
    if noun(last, prev) {
        return true;
    }
    if !matches!(last, "number" | "no" | "num" | "nr" | "id") {
        return false;
    }
    let before = words.all.len().checked_sub(3).and_then(|i| words.all.get(i)).map_or("", String::as_str);
    noun(prev, before)
        || matches!(prev, "identity" | "identification" | "national" | "citizen" | "ni" | "nhs")
}

/// What a key may stand for that has other meanings, too.
fn checked(words: &Words<'_>) -> Option<Label> {
    let numbered = matches!(words.last, "number" | "no" | "num" | "nr");
    match if numbered { words.prev } else { words.last } {
        "id" if numbered => Some(Label::Telling),
        "idno" | "idnumber" | "nir" | "nie" => Some(Label::Telling),
        "rrn" => Some(Label::Korea),
        "rut" => Some(Label::Chile),
        "nif" => Some(Label::Iberia),
        "sin" => Some(Label::Canada),
        _ => None,
    }
}

/// Which numbers a key or label of this grade stands for; none when their check digits are not asked for.
fn label(grade: u8) -> Option<Label> {
    CHECKED.iter().find(|(own, _)| *own == grade).map(|(_, label)| *label)
}

fn judge(keyed: &Keyed<'_>, hits: &mut Hits) {
    match keyed.grade {
        PAN if is_pan(keyed.value.trim()) => hits.keyed(Category::GovId, Some(keyed.value.trim())),
        PAN => super::card::judge(keyed.value, hits),
        grade if let Some(label) = label(grade) => {
            let value = keyed.value.trim();
            hits.keyed(Category::GovId, Some(value).filter(|value| is_checked(value, label)));
        }
        _ => hits.keyed(Category::GovId, under_key(keyed.value)),
    }
}

/// Five letters, four digits, a letter.
fn is_pan(value: &str) -> bool {
    value.len() == 10
        && value.bytes().enumerate().all(|(i, b)| match i {
            5..=8 => b.is_ascii_digit(),
            _ => b.is_ascii_alphabetic(),
        })
}

/// Whether a whole value is a number with the check digits that `label` asks for.
fn is_checked(value: &str, label: Label) -> bool {
    let plain: String = value.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '/')).collect();
    let Some((front, rest)) =
        plain.find(|c: char| c.is_ascii_digit()).and_then(|at| plain.split_at_checked(at))
    else {
        return false;
    };
    let letter = rest.bytes().last().filter(u8::is_ascii_alphabetic).map(|b| b.to_ascii_uppercase());
    let digits = rest.get(..rest.len() - usize::from(letter.is_some())).unwrap_or("");
    value.len() <= 32 && Number { front: &front.to_ascii_uppercase(), digits, letter }.fits(label)
}

/// Longest label before a number, in bytes, and most words of it.
const LABEL: usize = 48;
const WORDS: usize = 4;

/// Adds a number whose check digits are right behind its label, which needs no mark then: `Aadhaar 9999 4105 7058`.
fn beside(run: &Run<'_>, view: &View<'_>, hits: &mut Hits) {
    let text = run.text();
    let (start, _) = run.span(0, 0);
    let left = text::left_of(text, start, LABEL);
    // Most runs stand behind nothing, or under a key that says what they are.
    let named = left.trim_end_matches(is_between).ends_with(char::is_alphabetic);
    if !named || matches!(view.context.says, Says::Of(Category::GovId, _)) {
        return;
    }
    let own = letters_before(left);
    let lengths = (0..run.groups()).map(|last| (last, run.digits_until(last).len()));
    for (last, _) in lengths.skip_while(|(_, length)| *length < 6).take_while(|(_, length)| *length <= 18) {
        let (_, end) = run.span(0, last);
        for (front, (letter, end)) in
            [("", (None, end)), ("", letter_behind(text, end)), (own, letter_behind(text, end))]
        {
            let digits = run.digits_until(last);
            let number = Number { front: front.trim_end_matches([' ', '-']), digits, letter };
            // Whether any label asks for it is looked at first: that takes the least time.
            let from = start - front.len();
            let free = || text::is_unjoined(text, from, end);
            if !number.fits(Label::State) && !number.fits(Label::Chile) || !free() {
                continue;
            }
            hits.worked(LABEL);
            if label_before(text::left_of(text, from, LABEL)).is_some_and(|label| number.fits(label)) {
                let value = text.get(from..end).unwrap_or("");
                hits.disown(&[Category::Phone, Category::Card], value);
                hits.likely(Category::GovId, value);
                return;
            }
        }
    }
}

/// What stands between a label and its number.
fn is_between(c: char) -> bool {
    matches!(c, ' ' | ':' | '=' | '#' | '"' | '\'' | '(' | '-' | '.' | '°' | 'º' | '№')
}

/// One or two capitals at the end of `left` that belong to the number behind them, with a blank or hyphen between.
fn letters_before(left: &str) -> &str {
    let bare = left.strip_suffix([' ', '-']).unwrap_or(left);
    let letters = bare.bytes().rev().take_while(u8::is_ascii_uppercase).count();
    let (before, _) = bare.split_at(bare.len() - letters);
    let own = (1..=2).contains(&letters) && !before.ends_with(text::is_wordy);
    if own { left.get(before.len()..).unwrap_or("") } else { "" }
}

/// The letter that belongs to the number ending at `end`, and where it ends then.
fn letter_behind(text: &str, end: usize) -> (Option<u8>, usize) {
    let right = text.as_bytes().get(end..).unwrap_or_default();
    let free = |at: usize| !text::after(text, end + at).is_some_and(text::is_joining);
    match right {
        [letter, ..] if letter.is_ascii_alphabetic() && free(1) => {
            (Some(letter.to_ascii_uppercase()), end + 1)
        }
        [b'-' | b' ', letter, ..] if letter.is_ascii_uppercase() && free(2) => (Some(*letter), end + 2),
        _ => (None, end),
    }
}

/// What the words that `left` ends with say: the nearest of them that are a label.
fn label_before(left: &str) -> Option<Label> {
    const MORE: &str = "number no num nr is was card of n nummer numer numero número";
    let mut label = left.trim_end_matches(is_between);
    for _ in 0..3 {
        let starts = label.char_indices().rev().filter(|(at, _)| {
            !label.get(..*at).unwrap_or("").ends_with(|c: char| text::is_wordy(c) && c != '_')
        });
        let says = |start: usize| match keys::classify(label.get(start..)?).says {
            Says::Of(Category::GovId, grade) => Some(grade),
            _ => None,
        };
        let mut words = starts.filter(|(_, c)| c.is_alphanumeric()).take(WORDS);
        if let Some((start, grade)) = words.find_map(|(start, _)| Some((start, says(start)?))) {
            return of_label(label.get(start..)?, grade);
        }
        let (front, last) = label.rsplit_once([' ', '-'])?;
        if !keys::among(MORE, &last.to_ascii_lowercase()) {
            return None;
        }
        label = front.trim_end_matches(is_between);
    }
    None
}

/// What a label asks for. A tax number may be that of a company, and `sin` in small letters is a word.
fn of_label(written: &str, grade: u8) -> Option<Label> {
    let lower = written.to_ascii_lowercase();
    match label(grade) {
        Some(Label::Canada) if !written.starts_with("SIN") => None,
        Some(label) => Some(label),
        None if grade == PAN => None,
        None if lower.contains("tax") || lower.starts_with("tin") => Some(Label::Telling),
        None => Some(Label::State),
    }
}

/// The names of such numbers followed by one.
static BESIDE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?xi)
        (?-u:\b)(?:ssn|social\x20security(?:\x20(?:number|no\.?))?)(?:\x20(?:number|no\.?|is|of|on\x20file))?[\x20:=\#\x22'(,-]{1,4}(?P<ssn>[0-9]{3}[-\x20]?[0-9]{2}[-\x20]?[0-9]{4})
        |(?-u:\b)(?:nid|national\x20id(?:entity)?)(?:\x20(?:card))?(?:\x20(?:number|no\.?|is))?[\x20:=\#\x22'-]{1,4}(?P<nid>[0-9]{10}|[0-9]{13}|[0-9]{17}|[0-9]{3}[\x20-][0-9]{3}[\x20-][0-9]{4})
        |(?-u:\b)passport(?:\x20(?:number|no\.?|is))?[\x20:=\#\x22'-]{1,4}(?P<pass>[a-z]{1,2}[0-9]{6,9}|[0-9]{9})
        |(?-u:\b)codice\x20fiscale[\x20:=\#\x22'-]{1,4}(?P<fiscale>[a-z]{6}[0-9]{2}[abcdehlmprst][0-9]{2}[a-z][0-9]{3}[a-z])
        |(?-u:\b)curp[\x20:=\#\x22'-]{1,4}(?P<curp>[a-z]{4}[0-9]{6}[hmx][a-z]{5}[0-9a-z][0-9])
        |(?P<front>[0-9]{3}-[0-9]{2}-[0-9]{4})\x20?\(?ssn(?-u:\b)
        ",
    )
    .ok()
});

/// Adds numbers that stand beside their name.
fn detect(text: &str, hits: &mut Hits) {
    let Some(pattern) = BESIDE.as_ref() else { return };
    hits.worked(text.len());
    for found in pattern.captures_iter(text) {
        let number = ["ssn", "nid", "pass", "fiscale", "curp", "front"].iter().find_map(|n| found.name(n));
        if let Some(number) = number.filter(|n| text::is_unjoined(text, n.start(), n.end())) {
            hits.likely(Category::GovId, number.as_str());
        }
    }
}

/// The number of a value that stands under such a key: letters, digits and separators with 5 digits and more.
fn under_key(value: &str) -> Option<&str> {
    let value = value.trim();
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    let letters = value.bytes().filter(u8::is_ascii_alphabetic).count();
    let shape = value.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, ' ' | '-' | '/' | '.'));
    let hidden = text::is_masked(value) || value.contains("xx") || value.contains("XX");
    // A British driving licence has up to ten letters, all of them capitals and in one piece.
    let solid = letters <= 11 && value.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase());
    (shape && !hidden && (5..=24).contains(&digits) && (letters <= 6 || solid) && value.len() <= 32)
        .then_some(value)
}
