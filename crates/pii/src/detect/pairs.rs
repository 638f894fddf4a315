//! Keys inside texts: query parameters, `key=value`, `key: value`, quoted pairs and elements of mark-up.

use super::{name, token, username};
use crate::category::Category;
use crate::field_name::{is_field, is_of_name, is_plain_name};
use crate::keys::{self, Says, Whose, among};
use crate::text;

/// One pair that a text holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pair<'t> {
    pub key: &'t str,
    pub value: &'t str,
    /// Where its `=` or `:` stands.
    pub at: usize,
    /// How surely it is one.
    pub bond: Bond,
    /// The value is a word of a sentence, such as `must`, which goes on in small letters.
    pub runs_on: bool,
}

/// The key of the braces or parentheses that the pair at `at` stands in: `setVenue(venue: {address: …})`.
pub(crate) fn enclosing(text: &str, at: usize) -> Option<&str> {
    let left = text::left_of(text, at, 240);
    let mut closed = 0;
    for (start, c) in left.char_indices().rev() {
        match c {
            '}' | ')' => closed += 1,
            '{' | '(' if closed > 0 => closed -= 1,
            '{' | '(' => {
                let front = left.get(..start)?.trim_end_matches([' ', ':', '=', '>', '"', '\'', '(']);
                let name =
                    front.rsplit(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))).next()?;
                return Some(name).filter(|n| !n.is_empty());
            }
            _ => {}
        }
    }
    None
}

/// What joins key and value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bond {
    /// `=`, quotes around the key, or mark-up.
    Tight,
    /// A colon, which prose has too.
    Loose,
}

/// Longest key and value looked at, in bytes.
const KEY: usize = 64;
const VALUE: usize = 512;

/// Calls `each` with every pair in `text` whose key `wanted` accepts.
pub(crate) fn pairs<'t>(text: &'t str, wanted: impl Fn(&str) -> bool, mut each: impl FnMut(Pair<'t>)) {
    let bytes = text.as_bytes();
    let mut until = 0;
    for at in memchr::memchr3_iter(b'=', b':', b'>', bytes) {
        if at < until {
            continue;
        }
        let (tagged, key) = match bytes.get(at) {
            Some(b'>') if is_arrow(bytes, at) => (false, key_of_arrow(text, at)),
            Some(b'>') => (true, tag(text, at)),
            _ => (false, name(text, at)),
        };
        if key.is_none() && is_tuple(bytes, at) {
            columns(text, at).filter(|pair| wanted(pair.key)).for_each(&mut each);
        }
        // The value is looked at for the few keys only that matter.
        let Some((key, bond)) = key.filter(|(k, _)| wanted(k)) else { continue };
        let value = if tagged { element(text, at) } else { value(text, at) };
        if let Some(value) = value {
            // A long value is not searched for pairs again at each of its bytes.
            until = if value.len() > 64 { at + value.len() } else { 0 };
            let quoted =
                text.as_bytes().get(at + 1..).is_some_and(|r| r.trim_ascii_start().starts_with(b"\""));
            let bond = if quoted { Bond::Tight } else { bond };
            each(Pair { key, value, at, bond, runs_on: runs_on(text, at, value) });
        }
    }
}

/// Whether the sign at `at` ends the arrow between a key and its value, with blanks around: `firstName -> Akosua`.
fn is_arrow(bytes: &[u8], at: usize) -> bool {
    at.checked_sub(2).and_then(|start| bytes.get(start..at + 2)) == Some(b" -> ")
}

/// The key before the arrow that ends at `at`. In prose one thing leads to another; in parentheses it is a map of Scala.
fn key_of_arrow(text: &str, at: usize) -> Option<(&str, Bond)> {
    let (key, bond) = name(text, at - 1)?;
    Some((key, if enclosing(text, at).is_some() { Bond::Tight } else { bond }))
}

/// The key before the `=` or `:` at `at`.
fn name(text: &str, at: usize) -> Option<(&str, Bond)> {
    let bytes = text.as_bytes();
    if matches!(bytes.get(at + 1..)?, [b'/', b'/', ..] | [b'=' | b':', ..]) {
        return None;
    }
    // What is looked for is ASCII: a character that this cuts ends it as a whole one does.
    let from = at.saturating_sub(KEY + 8);
    let left = bytes.get(from..at)?;
    let bare = without(left, |b| matches!(b, b' ' | b'\\'));
    let unquoted = without(bare, |b| matches!(b, b'"' | b'\'' | b'`'));
    let quoted = unquoted.len() < bare.len();
    let name = without(without(unquoted, |b| b == b'\\'), |b| matches!(b, b'[' | b']'));
    // `["last_name"]=>`
    let name = if name.len() < unquoted.len() { without(name, |b| matches!(b, b'"' | b'\'')) } else { name };
    let start = from + without(name, is_of_name).len();
    let key = text.get(start - qualifier(text, start, name)..from + name.len())?;
    // A name has letters; `2026-03-14T05` is the beginning of a time.
    let mut letters = key.bytes().filter(u8::is_ascii_alphabetic);
    letters.next()?;
    if key.as_bytes().first().is_some_and(u8::is_ascii_digit) {
        letters.next()?;
    }
    let equals = bytes.get(at) == Some(&b'=');
    Some((key, if equals || quoted { Bond::Tight } else { Bond::Loose }))
}

/// The length of the words, with their blanks, that say which `name` it is before which they stand, or whose `address`: `First name: Kofi`,
/// `Venue address: 12 Rowan Lane`.
fn qualifier(text: &str, start: usize, name: &[u8]) -> usize {
    // Most keys are others.
    let addressed = match name.last() {
        Some(b'e' | b'E')
            if name.last_chunk().is_some_and(|end: &[u8; 5]| end.eq_ignore_ascii_case(b" name")) =>
        {
            false
        }
        Some(b's' | b'S')
            if name.last_chunk().is_some_and(|end: &[u8; 8]| end.eq_ignore_ascii_case(b" address")) =>
        {
            true
        }
        _ => return 0,
    };
    let front = text.get(..start).and_then(|front| front.strip_suffix(' ')).unwrap_or("");
    let front = text::left_of(front, front.len(), 24);
    if addressed {
        let phrase =
            front.rsplit(|c: char| !c.is_ascii_alphabetic() && !matches!(c, ' ' | '\'')).next().unwrap_or("");
        let words = phrase
            .rfind(' ')
            .map_or(0, |last| phrase.get(..last).and_then(|p| p.rfind(' ')).map_or(0, |at| at + 1));
        let phrase = phrase.get(words..).unwrap_or("");
        return if keys::classify(phrase).whose == Whose::Place { phrase.len() + 1 } else { 0 };
    }
    let word = front.rsplit(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or("");
    let known = among("full first last given family legal real middle user", &word.to_ascii_lowercase());
    if known { word.len() + 1 } else { 0 }
}

/// Whether the sign at `at` is the `=` of `(id, username)=(3, nadia_k)`, as PostgreSQL writes which row an error is about.
fn is_tuple(bytes: &[u8], at: usize) -> bool {
    bytes.get(at.saturating_sub(1)..).is_some_and(|around| around.starts_with(b")=("))
}

/// The columns of the tuple around the `=` at `at`, and their values; none when it is not clear which belong together.
fn columns(text: &str, at: usize) -> impl Iterator<Item = Pair<'_>> {
    let names = names(text::left_of(text, at, 240));
    let right = text::right_of(text, at + 2, VALUE);
    // A value may have parentheses of its own; words follow the last one then.
    let first = right.find(['(', ')']).filter(|at| right.as_bytes().get(*at) == Some(&b')'));
    let words = [") already ", ") is ", ") conflicts "];
    let end = first.or_else(|| words.iter().filter_map(|words| right.find(words)).min());
    let values = end.and_then(|end| right.get(..end)).unwrap_or("");
    let single = names.map_or(0, |names| names.split(',').count()) == 1;
    let values: Vec<&str> = if single { vec![values] } else { values.split(", ").collect() };
    let names: Vec<&str> = names.map_or_else(Vec::new, |names| names.split(',').map(column).collect());
    let clear = names.len() == values.len() && !values.iter().any(|value| is_pattern(value));
    let both = names.into_iter().zip(values).filter(move |_| clear);
    both.map(move |(key, value)| Pair { key, value, at, bond: Bond::Tight, runs_on: false })
}

/// What stands between the parentheses that `left` ends with.
fn names(left: &str) -> Option<&str> {
    let mut closed = 0;
    for (start, c) in left.char_indices().rev() {
        match c {
            ')' => closed += 1,
            '(' if closed > 1 => closed -= 1,
            '(' => return left.get(start + 1..left.len() - 1),
            _ => {}
        }
    }
    None
}

/// The column of an expression: `username`, `lower(username::text)`.
fn column(expression: &str) -> &str {
    let inner = expression.rsplit('(').next().unwrap_or("").trim_start_matches([' ', '"']);
    inner.get(..inner.bytes().take_while(|b| is_of_name(*b)).count()).unwrap_or("")
}

/// Whether a value is a pattern of a program that looks for values: `[^&]+`, `\\S+`.
fn is_pattern(value: &str) -> bool {
    value.contains('\\') || value.starts_with(['[', '?', '.', '$', '%'])
}

/// The column that the value right behind `left` is in, which stands in such a tuple.
pub(super) fn column_before(left: &str) -> Option<&str> {
    let (front, values) = left.rsplit_once(")=(")?;
    // The parenthesis that closes the names is theirs.
    let names = names(left.get(..front.len() + 1)?)?;
    let open = !values.contains(')');
    names.split(',').nth(values.matches(", ").count()).map(column).filter(|_| open)
}

/// The text without the bytes at its end that `ends` names.
#[inline]
fn without(mut text: &[u8], ends: impl Fn(u8) -> bool) -> &[u8] {
    while let Some((_, rest)) = text.split_last().filter(|(last, _)| ends(**last)) {
        text = rest;
    }
    text
}

/// The value behind the `=` or `:` at `at`: quoted, or up to a separator.
fn value(text: &str, at: usize) -> Option<&str> {
    let given = text::right_of(text, at + 1, VALUE);
    if let Some(given) = given.strip_prefix('>') {
        return behind_arrow(given);
    }
    let right = given.trim_start_matches([' ', '\t']);
    if right.len() < given.len() && text.as_bytes().get(at) == Some(&b'=') && is_bare(text, at, right) {
        return Some("");
    }
    let right = without_emphasis(right);
    let body = right.trim_start_matches('\\');
    if let Some(quote) = body.chars().next().filter(|c| matches!(c, '"' | '\'' | '`')) {
        let inner = body.get(1..)?;
        let end = inner.find(quote).unwrap_or(inner.len());
        return Some(inner.get(..end)?.trim_end_matches('\\'));
    }
    let end = right
        .find([' ', '\t', '\n', '\r', '&', ';', ',', '"', '\'', '<', '>', '|', ')', ']', '}'])
        .unwrap_or(right.len());
    let end = decimal_pair(right, end).unwrap_or(end);
    let word = right.get(..end)?;
    // `os.environ["WEBHOOK_SECRET"]`, an expression of a program.
    if word.ends_with('[') && right.get(end..)?.starts_with(['"', '\'']) {
        return Some("");
    }
    let field = right.len() < given.len() && text.as_bytes().get(at) == Some(&b':') && is_field(word);
    if field && text::before(text, at).is_some_and(char::is_alphanumeric) {
        return Some("");
    }
    Some(word.trim_end_matches(['.', '!', '?', ':']))
}

/// The value behind `=>`, which no call is: Ruby's and Perl's, PHP's `print_r`, and its `var_dump` with the type before it,
/// `string(6) "Santos"`.
fn behind_arrow(given: &str) -> Option<&str> {
    let right = given.trim_start_matches([' ', '\t', '\n', '\r']);
    let typed = right.strip_prefix("string(").and_then(|rest| rest.split_once(") ")).map(|(_, rest)| rest);
    let right = typed.unwrap_or(right);
    if let Some(quote) = right.chars().next().filter(|c| matches!(c, '"' | '\'')) {
        let inner = right.get(1..)?;
        return inner.get(..inner.find(quote).unwrap_or(inner.len()));
    }
    let end = right.find([' ', '\n', '\r', ',', ';', '&', '"', '\'', ')', ']', '}']).unwrap_or(right.len());
    let word = right.get(..end)?;
    Some(if word.contains(['(', '{', '$', '<']) { "" } else { word })
}

/// The text without the tags it begins with that only say how it looks: `Username: <b>nadia_k</b>`, `<b>Username:</b> nadia_k`.
pub(super) fn without_emphasis(text: &str) -> &str {
    const LOOKS: &str = "b strong i em u code span tt kbd mark small";
    let mut rest = text;
    while let Some((tag, behind)) = rest.strip_prefix('<').and_then(|body| body.split_once('>')) {
        if !among(LOOKS, tag.trim_start_matches('/').split(' ').next().unwrap_or("")) {
            break;
        }
        rest = behind.trim_start_matches([' ', '\t']);
    }
    rest
}

/// Whether nothing is given behind the `=` at `at`, although `next` stands behind blanks: blanks end a parameter of a query, and what is a
/// pair itself, or goes on with a sentence, is no value.
fn is_bare(text: &str, at: usize, next: &str) -> bool {
    let is_blank = |c: char| c.is_ascii_whitespace();
    let (word, rest) = next.split_at(next.find(is_blank).unwrap_or(next.len()));
    // `username = d = 2`, but `password = hunter=2`.
    if text::before(text, at).is_some_and(is_blank) {
        let rest = rest.trim_start_matches(is_blank);
        return is_plain_name(word) && rest.starts_with('=') && !rest.starts_with("==");
    }
    let left = text::left_of(text, at, KEY);
    let name = without(left.as_bytes(), is_of_name).len();
    let queried = name < left.len() && matches!(text::before(left, name), Some('?' | '&'));
    queried || is_prose(word) || is_pair(word)
}

/// Whether a word is a name, `=` and perhaps a value: `d=2`, `email=`, but not `Hj82=kLq0` or base64 with its `=` at the end.
fn is_pair(word: &str) -> bool {
    let Some((name, value)) = word.split_once('=') else { return false };
    let padding = value.bytes().all(|b| b == b'=') && token::is_random(name);
    is_plain_name(name) && !value.starts_with('=') && !padding
}

/// Where two decimal numbers with a comma between them end, the first of which ends at `end`.
fn decimal_pair(right: &str, end: usize) -> Option<usize> {
    let is_decimal = |text: &str| text.contains('.') && text.parse::<f64>().is_ok();
    let rest = right.get(end..)?.strip_prefix(',')?;
    let length = rest.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '-'))).unwrap_or(rest.len());
    (is_decimal(right.get(..end)?) && is_decimal(rest.get(..length)?)).then_some(end + 1 + length)
}

/// The name of the tag that ends with the `>` at `at`.
fn tag(text: &str, at: usize) -> Option<(&str, Bond)> {
    let left = text::left_of(text, at, KEY);
    let key = left.get(left.rfind('<')? + 1..)?.split([' ', '\n']).next()?;
    let named = !key.is_empty()
        && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b':' | b'.'));
    named.then_some((key, Bond::Tight))
}

/// The text of the element whose tag ends at `at`.
fn element(text: &str, at: usize) -> Option<&str> {
    let right = text::right_of(text, at + 1, VALUE);
    Some(right.get(..right.find("</")?)?.trim())
}

/// Whether `value`, which stands after `at`, goes on as prose.
fn runs_on(text: &str, at: usize, value: &str) -> bool {
    let rest = text::right_of(text, at + 1, VALUE + 8);
    let after = rest.find(value).and_then(|i| rest.get(i + value.len()..)).unwrap_or("");
    let small = |s: &str| s.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
    is_prose(value) && after.strip_prefix(' ').is_some_and(small)
}

/// Words that go on with what is said about a key, and are no value of it.
pub(super) fn is_prose(word: &str) -> bool {
    "it he she we you they must is not can should cannot may might will would the a an and or your my his her our their its this that these \
those required taken invalid already too very only just please choose pick enter type use uses used using with without \
for from in on at of to by as be been was were are has have had if when where which who what why how than then so but no \
yes some any all each every new old same first last next least most more less up out off over under letters digits \
characters lowercase uppercase between minimum maximum min max length missing needed optional exists existing expired \
unique available unavailable reserved blocked banned allowed forbidden hidden shown changed set unset empty blank wrong someone \
unknown found cannot contains contain starts start ends longer shorter case"
        .split_ascii_whitespace()
        .any(|w| w == word)
}

/// Whether a pair in prose is one: after a colon come words, too.
pub(crate) fn fits(says: Says, pair: Pair<'_>, value: &str) -> bool {
    let tight = pair.bond == Bond::Tight;
    let marked = value.bytes().any(|b| b.is_ascii_digit() || matches!(b, b'_' | b'#'));
    match says {
        _ if value.is_empty() => false,
        // A statement of a program: `user.username = form.username`.
        _ if value.rsplit_once('.').is_some_and(|(_, last)| pair.key.rsplit('.').next() == Some(last)) => {
            false
        }
        username::NAME if !tight => {
            let explicit = pair.key.to_ascii_lowercase().replace(['_', '-', ' '], "").contains("username");
            username::plausible(value).is_some_and(|u| u.chars().nth(2).is_some())
                && (marked || explicit && !pair.runs_on)
        }
        username::SOCIAL if !tight => value.starts_with('@'),
        // `Full name: Tariq Aziz`
        name::PERSON if !tight => {
            let lower = value.to_ascii_lowercase();
            let named = pair.key.contains(' ') && value.starts_with(char::is_uppercase);
            named && !keys::is_state(&lower) && !is_prose(&lower)
        }
        name::PERSON | name::DISPLAY | username::USER => tight,
        Says::Of(Category::Token, 0 | 1 | 4) => tight || token::is_random(value),
        Says::Of(Category::AccountId | Category::GovId, _) => tight || marked,
        _ => true,
    }
}
