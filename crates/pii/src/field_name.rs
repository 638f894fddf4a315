//! Names of fields, as programs write them into texts.

#[inline]
pub(crate) fn is_of_name(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.')
}

/// Whether a word may be the name of a field: it begins with a letter, and has no capitals if it has digits.
pub(crate) fn is_plain_name(word: &str) -> bool {
    let digits = word.bytes().any(|b| b.is_ascii_digit());
    word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && word.bytes().all(is_of_name)
        && !(digits && word.bytes().any(|b| b.is_ascii_uppercase()))
}

/// Whether a word is the next field of a structure that Go prints (`%+v`), so that the one before it is empty: `Username: Email: Phone:`.
pub(crate) fn is_field(word: &str) -> bool {
    let Some((name, value)) = word.split_once(':') else { return false };
    name.starts_with(|c: char| c.is_ascii_uppercase()) && is_plain_name(name) && !value.starts_with("//")
}
