//! Keys inside texts: query parameters, `key=value`, `key: value`, quoted pairs and elements of mark-up.

use crate::pii::text;

/// One pair that a text holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::pii) struct Pair<'t> {
    pub key: &'t str,
    pub value: &'t str,
    /// How surely it is one.
    pub bond: Bond,
}

/// What joins key and value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::pii) enum Bond {
    /// `=`, quotes around the key, or mark-up.
    Tight,
    /// A colon, which prose has too.
    Loose,
}

/// Longest key and value looked at, in bytes.
const KEY: usize = 64;
const VALUE: usize = 512;

/// Calls `each` with every pair in `text`.
pub(in crate::pii) fn pairs<'t>(text: &'t str, mut each: impl FnMut(Pair<'t>)) {
    let bytes = text.as_bytes();
    for (at, b) in bytes.iter().enumerate() {
        let found = match b {
            b'=' | b':' => pair(text, at),
            b'>' => element(text, at),
            _ => None,
        };
        if let Some(pair) = found {
            each(pair);
        }
    }
}

/// The pair around the `=` or `:` at `at`.
fn pair(text: &str, at: usize) -> Option<Pair<'_>> {
    let left = text::left_of(text, at, KEY + 8);
    let right = text::right_of(text, at + 1, VALUE);
    let bare = left.trim_end_matches([' ', '\\']);
    let unquoted = bare.trim_end_matches(['"', '\'', '`']);
    let quoted_key = unquoted.len() < bare.len();
    let name = unquoted.trim_end_matches('\\').trim_end_matches(['[', ']']);
    let start = name
        .char_indices()
        .rev()
        .take_while(|(_, c)| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
        .last()
        .map_or(name.len(), |(i, _)| i);
    let key = name.get(start..)?;
    if key.is_empty() || !key.bytes().any(|b| b.is_ascii_alphabetic()) {
        return None;
    }
    let equals = text.as_bytes().get(at) == Some(&b'=');
    if right.starts_with("//") || right.starts_with('=') || right.starts_with(':') {
        return None;
    }
    let bond = if equals || quoted_key { Bond::Tight } else { Bond::Loose };
    Some(Pair { key, value: value(right)?, bond })
}

/// The value that `right` begins with: quoted, or up to a separator.
fn value(right: &str) -> Option<&str> {
    let right = right.trim_start_matches([' ', '\t']);
    let body = right.trim_start_matches('\\');
    if let Some(quote) = body.chars().next().filter(|c| matches!(c, '"' | '\'' | '`')) {
        let inner = body.get(1..)?;
        let end = inner.find(quote).unwrap_or(inner.len());
        return Some(inner.get(..end)?.trim_end_matches('\\'));
    }
    let end = right
        .find([' ', '\t', '\n', '\r', '&', ';', ',', '"', '\'', '<', '>', '|', ')', ']', '}'])
        .unwrap_or(right.len());
    Some(right.get(..end)?.trim_end_matches(['.', '!', '?', ':']))
}

/// `<key>value</key>`, seen from the `>` of the first tag.
fn element(text: &str, at: usize) -> Option<Pair<'_>> {
    let left = text::left_of(text, at, KEY);
    let key = left.get(left.rfind('<')? + 1..)?.split([' ', '\n']).next()?;
    let right = text::right_of(text, at + 1, VALUE);
    let end = right.find("</")?;
    let named = !key.is_empty()
        && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b':' | b'.'));
    named.then_some(Pair { key, value: right.get(..end)?.trim(), bond: Bond::Tight })
}
