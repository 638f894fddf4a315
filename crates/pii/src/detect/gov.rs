//! Numbers given by a state: under such a key, or with `SSN`, `NID` or `passport` beside them.

use super::{Keyed, Kind};
use crate::category::Category;
use crate::hits::Hits;
use crate::keys::{Says, Words};
use crate::text;
use regex::Regex;
use std::sync::LazyLock;

/// `pan`: a tax number of India, or the number of a card.
const PAN: u8 = 1;

pub(crate) static KIND: Kind = Kind {
    order: 40,
    least_number: 0,
    key: |words| {
        let pan = words.last == "pan"
            || words.prev == "pan" && matches!(words.last, "number" | "no" | "card" | "id");
        if pan { Some(PAN) } else { is_key(words).then_some(0) }
    },
    own_digits: |grade| grade == 0,
    judge,
    hints: &[&["ssn", "social security", "nid", "national id", "passport"]],
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
    noun(prev, before) || matches!(prev, "identity" | "identification" | "national" | "citizen")
}

fn judge(keyed: &Keyed<'_>, hits: &mut Hits) {
    match keyed.grade {
        PAN if is_pan(keyed.value.trim()) => hits.keyed(Category::GovId, Some(keyed.value.trim())),
        PAN => super::card::judge(keyed.value, hits),
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

/// The names of such numbers followed by one.
static BESIDE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?xi)
        (?-u:\b)(?:ssn|social\x20security(?:\x20(?:number|no\.?))?)(?:\x20(?:number|no\.?|is|of|on\x20file))?[\x20:=\#\x22'(,-]{1,4}(?P<ssn>[0-9]{3}[-\x20]?[0-9]{2}[-\x20]?[0-9]{4})
        |(?-u:\b)(?:nid|national\x20id(?:entity)?)(?:\x20(?:card))?(?:\x20(?:number|no\.?|is))?[\x20:=\#\x22'-]{1,4}(?P<nid>[0-9]{10}|[0-9]{13}|[0-9]{17}|[0-9]{3}[\x20-][0-9]{3}[\x20-][0-9]{4})
        |(?-u:\b)passport(?:\x20(?:number|no\.?|is))?[\x20:=\#\x22'-]{1,4}(?P<pass>[a-z]{1,2}[0-9]{6,9}|[0-9]{9})
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
        let number = ["ssn", "nid", "pass", "front"].iter().find_map(|n| found.name(n));
        if let Some(number) = number.filter(|n| text::stands_alone(text, n.start(), n.end())) {
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
