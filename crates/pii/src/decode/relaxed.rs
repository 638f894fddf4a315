//! Objects in notations that are nearly JSON: GraphQL arguments, JavaScript, Python, Ruby, flow YAML, text of protocol buffers.

use super::inline::escapes;
use super::string::closing;
use super::{Outer, Piece};
use crate::field_name::is_field;
use crate::text;
use std::borrow::Cow;

/// Longest key, and how deep objects may lie in each other.
const KEY: usize = 48;
const DEEPEST: usize = 32;

/// Yields `key: value`, `key => value` and `key = value` in braces, brackets and parentheses.
pub(super) fn decode<'t>(text: &'t str, out: &mut Vec<Piece<'t>>) -> Outer {
    let start = out.len();
    let mut reader = Reader { text, at: 0, key: None, open: Vec::new(), pairs: 0, out };
    while let Some(c) = text.get(reader.at..).and_then(|rest| rest.chars().next()) {
        match c {
            '{' | '(' | '[' if reader.open.len() < DEEPEST => {
                // Go: `map[first_name:Kofi tier:2]`
                let map = c == '[' && text.get(..reader.at).is_some_and(|front| front.ends_with("map"));
                reader.open.push(if map { '{' } else { c });
                let key = reader.key.take();
                reader.out.push(Piece::Open(key.map(Into::into)));
                reader.at += 1;
            }
            '}' | ')' | ']' => {
                if reader.open.pop().is_some() {
                    reader.out.push(Piece::Close);
                }
                reader.key = None;
                reader.at += 1;
            }
            '"' | '\'' | '`' => reader.quoted(c),
            c if is_part(c) => reader.word(),
            other => {
                if other == ',' {
                    reader.key = None;
                }
                reader.at += other.len_utf8();
            }
        }
    }
    let (open, pairs) = (reader.open.len(), reader.pairs);
    out.extend(std::iter::repeat_with(|| Piece::Close).take(open));
    if pairs == 0 {
        out.truncate(start);
    }
    Outer::Stays
}

/// A letter, digit or mark of a bare word.
fn is_part(c: char) -> bool {
    text::is_wordy(c) || matches!(c, '_' | '-' | '+' | '@' | '$' | ':')
}

/// Where the reading is.
struct Reader<'t, 'o> {
    text: &'t str,
    at: usize,
    /// The key whose value comes next.
    key: Option<&'t str>,
    /// The marks that are open.
    open: Vec<char>,
    pairs: usize,
    out: &'o mut Vec<Piece<'t>>,
}

impl<'t> Reader<'t, '_> {
    /// Takes `word` for a key if the mark of one follows.
    fn is_key(&mut self, word: &'t str) -> bool {
        let listed = self.open.last() == Some(&'[');
        let used = bond(self.text.get(self.at..).unwrap_or(""));
        let Some(used) = used.filter(|_| self.key.is_none() && word.len() <= KEY && !listed) else {
            return false;
        };
        self.key = Some(word);
        self.at += used;
        true
    }

    /// A text in quotes: a key, a value, or an element of a list.
    fn quoted(&mut self, quote: char) {
        let inner = self.text.get(self.at + 1..).unwrap_or("");
        let end = closing(inner, quote).unwrap_or(inner.len());
        let value = inner.get(..end).unwrap_or("");
        let front = self.text.get(..self.at).unwrap_or("");
        self.at += 1 + end + 1;
        if self.is_first_of_two(front, value) {
            self.key = Some(value);
            // Its comma, which ends no value.
            self.at += 1;
            return;
        }
        if !self.is_key(value) && !self.open.is_empty() && (self.key.is_some() || !value.is_empty()) {
            self.pairs += usize::from(self.key.is_some());
            let value = escapes(value).map_or(Cow::Borrowed(value), Cow::Owned);
            self.out.push(Piece::Pair(self.key.take().map(Into::into), value));
        }
    }

    /// Whether `value`, which stands behind `front`, is the first element of a pair in a list: `[('first_name', 'Kwaku')]`.
    fn is_first_of_two(&self, front: &str, value: &str) -> bool {
        let name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
        let is_name = || !value.is_empty() && value.len() <= KEY && value.bytes().all(name);
        if self.key.is_some() || !self.open.ends_with(&['[', '(']) || !front.ends_with('(') || !is_name() {
            return false;
        }
        let rest =
            self.text.get(self.at..).and_then(|rest| rest.strip_prefix(',')).unwrap_or("").trim_start();
        let other = match rest.chars().next() {
            Some(quote @ ('"' | '\'')) => {
                let inner = rest.get(1..).unwrap_or("");
                closing(inner, quote).and_then(|end| inner.get(end + 1..)).unwrap_or("")
            }
            _ => rest.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+')),
        };
        other.len() < rest.len() && other.trim_start().starts_with(')')
    }

    /// Whether `word` is the next field of what Go prints, so that the key before it has no value.
    fn is_past_empty(&self, word: &str) -> bool {
        let key = self.key.is_some_and(|key| key.starts_with(char::is_uppercase));
        key && is_field(word) && self.text.get(..self.at).is_some_and(|front| front.ends_with(' '))
    }

    /// A bare word. In parentheses it is prose, unless it is a number: `(username: lowercase only)`.
    fn word(&mut self) {
        let rest = self.text.get(self.at..).unwrap_or("");
        let end = rest.find(|c: char| !(is_part(c) || matches!(c, '.' | '/' | '#'))).unwrap_or(rest.len());
        // A key ends at its colon; a value may have some.
        let colon = rest.get(1..end).and_then(|w| w.find(':')).filter(|_| self.key.is_none());
        let end = colon.map_or(end, |at| at + 1);
        let word = rest.get(..end).unwrap_or("").trim_start_matches([':', '$']);
        if self.is_past_empty(word) {
            self.key = None;
            return self.word();
        }
        self.at += end.max(1);
        let after = self.text.get(self.at..).unwrap_or("").trim_start_matches([' ', ':', '=']);
        // What stands before a mark names what is in it: `venue: {…}`, `updateUser(…)`.
        let bonded =
            || self.text.get(self.at..).is_some_and(|rest| rest.trim_start().starts_with([':', '=']));
        let opens =
            after.starts_with(['{', '(']) || after.starts_with('[') && (bonded() || word.ends_with(':'));
        let opens = opens && self.open.last() != Some(&'[') && self.key.is_none();
        if opens && word.contains(char::is_alphabetic) {
            self.key = Some(word).filter(|w| w.len() <= KEY);
            self.at = self.text.len() - after.len();
            return;
        }
        // Clojure: `{:username "dugong9"}`
        if rest.starts_with(':')
            && self.key.is_none()
            && self.open.last() == Some(&'{')
            && after.starts_with('"')
        {
            self.key = Some(word).filter(|w| w.len() <= KEY);
            return;
        }
        let named = !self.open.is_empty() && self.is_key(word);
        if !named && self.key.is_some() && word.contains(char::is_alphanumeric) {
            let number = word.starts_with(|c: char| c.is_ascii_digit() || c == '-');
            let told = number || self.open.last() == Some(&'{');
            if let Some(key) = self.key.take().filter(|_| told) {
                self.pairs += 1;
                self.out.push(Piece::Pair(Some(key.into()), word.into()));
            }
        }
    }
}

/// The length of `:`, `=>` or `=` with the blanks around it.
fn bond(text: &str) -> Option<usize> {
    let body = text.trim_start_matches(' ');
    let mark = ["=>", ":", "="].iter().find(|mark| body.starts_with(**mark))?;
    let rest = body.get(mark.len()..)?;
    (!rest.starts_with([':', '=', '/'])).then(|| text.len() - rest.len())
}
