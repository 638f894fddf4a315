//! Values of several words behind a key that no quotes hold together: `passport_no: AB 1234567`, `home_address: 12 High Street, Leeds`.

use super::pairs::{Pair, is_prose, without_emphasis};
use super::streets::{Bar, is_street_line};
use super::token;
use crate::category::Category;
use crate::field_name::is_plain_name;
use crate::text;

/// Longest value looked at, in bytes, and most words of it.
const LONGEST: usize = 160;
const WORDS: usize = 10;

/// What the value of `pair` may be when it goes on behind its first word, the likeliest first; none for kinds whose values have no
/// blanks, or that are known by their form wherever they stand.
pub(crate) fn read_on<'t>(text: &'t str, pair: &Pair<'t>, category: Category) -> Vec<&'t str> {
    if category == Category::Token {
        return credential(text, pair).into_iter().collect();
    }
    if !matches!(category, Category::GovId | Category::PostalAddress | Category::BirthDate) {
        return Vec::new();
    }
    let right = text::right_of(text, pair.at + 1, LONGEST).trim_start_matches([' ', '\t', '>']);
    let right = without_emphasis(right);
    let goes_on = right.strip_prefix(pair.value).is_some_and(|rest| rest.starts_with([' ', ',']));
    if pair.value.is_empty() || !goes_on {
        return Vec::new();
    }
    let end = right.find(['\n', '\r', '\t', ';', '|', '"', '<', '{', '}', ']']).unwrap_or(right.len());
    let line = right.get(..end).unwrap_or("");
    let part = |word: &str| match category {
        Category::GovId => is_of_number(word),
        Category::PostalAddress => !is_prose(word),
        _ => true,
    };
    let mut ends: Vec<&str> = Vec::new();
    let mut at = 0;
    for word in line.split(' ').take(WORDS) {
        if is_next(word) || !word.is_empty() && !part(word) {
            break;
        }
        at += word.len() + 1;
        ends.push(line.get(..at - 1).unwrap_or("").trim_end_matches([',', '.', ' ']));
    }
    // The first is what stands before the first blank, which was judged already.
    let longer = ends.into_iter().skip(1);
    match category {
        Category::BirthDate => longer.collect(),
        Category::GovId => longer.rev().collect(),
        _ => longer.rev().filter(|line| is_street_line(line, Bar::Prose)).collect(),
    }
}

/// `Authorization: Token 5f6c…`: a scheme and what a machine made.
fn credential<'t>(text: &'t str, pair: &Pair<'t>) -> Option<&'t str> {
    let named =
        pair.key.len() >= 13 && pair.key.get(pair.key.len() - 13..)?.eq_ignore_ascii_case("authorization");
    let scheme = !pair.value.is_empty() && pair.value.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-');
    let right = text::right_of(text, pair.at + 1, 4 * LONGEST).trim_start_matches(' ');
    let secret = right.strip_prefix(pair.value).filter(|_| named && scheme)?.strip_prefix(' ')?;
    let secret = secret.split([' ', '"', '\'', '\n', '\r', ',', ';', '<']).next().unwrap_or("");
    let whole = right.get(..pair.value.len() + 1 + secret.len())?;
    token::is_random(secret).then_some(whole)
}

/// Whether a word begins the next pair: `qty=2`, `ok:`.
fn is_next(word: &str) -> bool {
    word.split_once(['=', ':']).is_some_and(|(name, _)| is_plain_name(name))
}

/// Whether a word may be a part of a number of a state: it has digits, or is a few capitals.
fn is_of_number(word: &str) -> bool {
    let bare = word.trim_end_matches([',', '.']);
    bare.bytes().any(|b| b.is_ascii_digit())
        || (1..=5).contains(&bare.len()) && bare.bytes().all(|b| b.is_ascii_uppercase())
}
