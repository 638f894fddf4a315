//! Words about fields: values that are the name of their field in some language, or its state, and keys of objects of such values.

use super::classify::{Says, classify, says_abroad};
use super::words::among;
use crate::category::Category;

/// Whether the object under a key has something to say about fields instead of their values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Describes {
    /// No.
    Nothing,
    /// Perhaps: captions are `labels`, but so is what somebody sticks on things.
    Perhaps,
    /// Yes, as long as none of the values is one.
    Fields,
}

/// What an object under a key of these words describes.
pub(crate) fn describes(words: &[String]) -> Describes {
    const SURE: &str = "translations translation errors visibility privacy ddl validations";
    const ASIDE: &str = "placeholders placeholder tooltips tooltip help hints";
    const PERHAPS: &str = "label labels caption captions mapping mappings field fields column columns header headers scope scopes \
permission permissions verification validation check checks schema types strings locale locales hint required rule rules \
sharing consent consents mask masks masking error diff similarity source sources";
    // `i18n` is cut at its digits.
    if matches!(words, [i, n] if n == "n" && matches!(i.as_str(), "i" | "l")) {
        return Describes::Fields;
    }
    match words.last() {
        Some(last) if among(SURE, last) || words.iter().any(|word| among(ASIDE, word)) => Describes::Fields,
        Some(_) if words.iter().any(|word| among(PERHAPS, word)) => Describes::Perhaps,
        _ => Describes::Nothing,
    }
}

/// Whether a value names the field that it stands in: `First name`, `LNAME`, `Vorname`, the key itself.
pub(crate) fn names_field(value: &str, category: Category) -> bool {
    // What is no such name is not remembered with the keys: there are as many values as people.
    let english = || value.as_bytes().windows(4).any(|four| four.eq_ignore_ascii_case(b"name"));
    if value.len() > 48 {
        return false;
    }
    let says = if english() { classify(value).says } else { says_abroad(value) };
    matches!(says, Says::Of(of, _) if of == category)
}

/// Whether a value is the state of a field: who may see or change it, whether it is there, right, or the same as another.
pub(crate) fn is_state(value: &str) -> bool {
    const STATES: &str = "public private hidden visible everyone nobody friends only_me friends_only members_only required optional \
mandatory nullable readonly read_only editable read write readwrite read_write exact partial fuzzy match matched mismatch mismatched \
unmatched no_match verified unverified pending invalid missing absent present taken available unavailable too_long too_short too_many \
added removed modified updated changed unchanged unverifiable granted denied encrypted hashed masked redacted sensitive asc desc \
ascending descending citext varchar";
    value.len() <= 12 && value.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') && among(STATES, value)
}
