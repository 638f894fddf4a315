//! Numbers given by a state: under such a key, or with `SSN`, `NID` or `passport` beside them.

use crate::category::Category;
use crate::hits::Hits;
use crate::text;
use regex::Regex;
use std::sync::LazyLock;

/// The names of such numbers followed by one.
static BESIDE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?xi)
        \b(?:ssn|social\x20security(?:\x20(?:number|no\.?))?)(?:\x20(?:number|no\.?|is|of|on\x20file))?[\x20:=\#\x22'(,-]{1,4}(?P<ssn>\d{3}[-\x20]?\d{2}[-\x20]?\d{4})
        |\b(?:nid|national\x20id(?:entity)?)(?:\x20(?:card))?(?:\x20(?:number|no\.?|is))?[\x20:=\#\x22'-]{1,4}(?P<nid>\d{10}|\d{13}|\d{17}|\d{3}[\x20-]\d{3}[\x20-]\d{4})
        |\bpassport(?:\x20(?:number|no\.?|is))?[\x20:=\#\x22'-]{1,4}(?P<pass>[a-z]{1,2}\d{6,9}|\d{9})
        |(?P<front>\d{3}-\d{2}-\d{4})\x20?\(?ssn\b
        ",
    )
    .ok()
});

/// Adds numbers that stand beside their name.
pub(crate) fn detect(text: &str, hits: &mut Hits) {
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
pub(crate) fn under_key(value: &str) -> Option<&str> {
    let value = value.trim();
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    let letters = value.bytes().filter(u8::is_ascii_alphabetic).count();
    let shape = value.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, ' ' | '-' | '/' | '.'));
    let hidden = text::is_masked(value) || value.contains("xx") || value.contains("XX");
    (shape && !hidden && (5..=24).contains(&digits) && letters <= 6 && value.len() <= 32).then_some(value)
}
