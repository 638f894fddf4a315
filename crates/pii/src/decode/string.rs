//! Strings in quotes: where they end, and what they say.

use super::inline::{self, escape};
use std::borrow::Cow;

/// Where a string ends in which a backslash stands before a quote of its own.
pub(super) fn closing(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            '\\' => escaped = !escaped,
            c if c == quote && !escaped => return Some(at),
            _ => escaped = false,
        }
    }
    None
}

/// Where a string ends in which a quote of its own is doubled, as in CSV (RFC 4180 section 2), SQL and YAML.
pub(super) fn closing_doubled(text: &str, quote: char) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + text.get(from..)?.find(quote)?;
        if !text.get(at + 1..)?.starts_with(quote) {
            return Some(at);
        }
        from = at + 2;
    }
}

/// What a string says whose quotes of its own are doubled.
pub(super) fn undoubled(inner: &str, quote: char) -> Cow<'_, str> {
    if !inner.contains(quote) {
        return inner.into();
    }
    inner.replace(&format!("{quote}{quote}"), &quote.to_string()).into()
}

/// What a string says that has the escapes of YAML (1.2.2 section 5.7), among which are those of JSON and TOML. What is no escape
/// stays, as in `C:\Users`.
fn unescaped(inner: &str) -> Cow<'_, str> {
    let of_yaml = |tail: &str| {
        let c = match tail.chars().next()? {
            '0' => '\0',
            'a' => '\u{7}',
            'b' => '\u{8}',
            't' | '\t' => '\t',
            'v' => '\u{b}',
            'f' => '\u{c}',
            'r' => '\r',
            'e' => '\u{1b}',
            ' ' => ' ',
            'N' => '\u{85}',
            '_' => '\u{a0}',
            'L' => '\u{2028}',
            'P' => '\u{2029}',
            _ => return escape(tail),
        };
        Some((c, 1))
    };
    inline::unescaped(inner, of_yaml).map_or(Cow::Borrowed(inner), Cow::Owned)
}

/// What the string in double or single quotes says that `text` begins with, and what stands behind it; as YAML writes them.
pub(super) fn of_yaml(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let inner = text.get(1..)?;
    let (end, read): (_, fn(&str) -> Cow<'_, str>) = match text.chars().next()? {
        '"' => (closing(inner, '"')?, unescaped),
        '\'' => (closing_doubled(inner, '\'')?, |inner| undoubled(inner, '\'')),
        _ => return None,
    };
    Some((read(inner.get(..end)?), inner.get(end + 1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_ends_at_its_own_quote_and_says_what_is_escaped_in_it() {
        let read = |text| of_yaml(text).map(|(value, rest)| (value.into_owned(), rest));
        let both = |value: &str, rest| Some((value.to_owned(), rest));
        assert_eq!(read(r#""a \"b\" c" # d"#), both("a \"b\" c", " # d"));
        assert_eq!(read(r#""a\tb\x41\u0042\U00000043\_d\\" "#), both("a\tbABC\u{a0}d\\", " "));
        assert_eq!(read(r#""C:\Users\ine" "#), both(r"C:\Users\ine", " "));
        assert_eq!(read("'it''s \\' x"), both("it's \\", " x"));
        for none in ["", "a", "\"a", "\"a\\\"", "'a''"] {
            assert_eq!(read(none), None, "{none}");
        }
        assert_eq!(undoubled("a \"\"b\"\"", '"'), "a \"b\"");
        assert_eq!(undoubled("a\"\"\"\"b", '"'), "a\"\"b");
    }
}
