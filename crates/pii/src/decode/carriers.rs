//! Carriers of a few lines each: vCards and calendars, HTTP messages, multipart and URL-encoded forms, SQL, logs.

use super::string::{closing_doubled, undoubled};
use super::{Outer, Piece, component, fields};
use crate::text;
use regex::Regex;
use std::borrow::Cow;
use std::sync::LazyLock;

/// Properties of vCards (RFC 6350) and calendars (RFC 5545), and the keys that say the same.
const PROPERTIES: [(&str, &str); 10] = [
    ("FN", "full_name"),
    ("N", "full_name"),
    ("NICKNAME", "nickname"),
    ("TEL", "phone"),
    ("EMAIL", "email"),
    ("ADR", "home_address"),
    ("LABEL", "home_address"),
    ("BDAY", "birthday"),
    ("GEO", "home_location"),
    ("X-TELEGRAM", "telegram"),
];

/// The key that says the same as a property of a vCard.
pub(crate) fn card_property(name: &str) -> Option<&'static str> {
    PROPERTIES.iter().find(|(property, _)| name.eq_ignore_ascii_case(property)).map(|(_, key)| *key)
}

/// Whether a text begins as a card, an HTTP message, a multipart form or a statement of SQL does.
pub(super) fn begins(text: &str) -> bool {
    let start = text.trim_start();
    let statement = || {
        let brace = text.find('{').unwrap_or(text.len());
        INTO.iter().filter_map(|word| text.find(word)).min().is_some_and(|at| at < brace)
            && INSERT.as_ref().and_then(|insert| insert.find(text)).is_some_and(|found| found.start() < brace)
    };
    let headed = match start.as_bytes().first() {
        Some(b'B' | b'b') => start.get(..7).is_some_and(|head| head.eq_ignore_ascii_case("BEGIN:V")),
        Some(b'-') => start.starts_with("--") && start.contains("form-data"),
        Some(b'G' | b'P' | b'D' | b'H' | b'O') => is_message(start.lines().next().unwrap_or("")),
        _ => false,
    };
    headed || memchr::memchr(b'(', text.as_bytes()).is_some() && statement()
}

/// Whether this is the first line of a request or response.
fn is_message(first: &str) -> bool {
    let method = first.split(' ').next().unwrap_or("");
    first.starts_with("HTTP/")
        || matches!(method, "GET" | "POST" | "PUT" | "PATCH" | "DELETE" | "HEAD" | "OPTIONS")
            && first.contains(" HTTP/")
}

/// vCards and iCalendar: long lines are folded, values have escaped commas, addresses have parts.
pub(super) fn cards<'t>(text: &'t str, out: &mut Vec<Piece<'t>>) -> Outer {
    let upper = |needle: &str| text.contains(needle) || text.contains(&needle.to_lowercase());
    let card = upper("BEGIN:VCARD");
    if !card && !upper("BEGIN:VCALENDAR") && !upper("BEGIN:VEVENT") {
        return Outer::Stays;
    }
    let unfolded = text.replace("\r\n ", "").replace("\n ", "").replace("\n\t", "");
    for line in unfolded.lines().map(str::trim).filter(|l| !l.is_empty()) {
        let Some((head, value)) = line.split_once(':') else {
            out.push(Piece::Text(line.to_owned().into()));
            continue;
        };
        let name = head.split(';').next().unwrap_or("");
        let name = name.rsplit('.').next().unwrap_or(name);
        let known = PROPERTIES
            .iter()
            .find(|(p, _)| name.eq_ignore_ascii_case(p))
            .filter(|(p, _)| card || *p != "GEO");
        let value = value.replace("\\,", ",").replace("\\;", ";").replace("\\n", ", ");
        let key = known.map_or(name, |(_, key)| key);
        match key {
            // Box, extension, street, town, region, code, country.
            "home_address" if value.contains(';') => {
                for part in value.split(';').take(3).filter(|p| !p.is_empty()) {
                    out.push(Piece::Pair(Some(key.to_owned().into()), part.to_owned().into()));
                }
            }
            "full_name" => out.push(Piece::Pair(
                Some(key.to_owned().into()),
                value.replace(';', " ").trim().to_owned().into(),
            )),
            "home_location" => {
                out.push(Piece::Pair(Some(key.to_owned().into()), value.replace(';', ",").into()));
            }
            _ => out.push(Piece::Pair(Some(key.to_owned().into()), value.into())),
        }
        // Parameters such as `X-ADDRESS="…"`.
        if head.len() > name.len() {
            out.push(Piece::Text(head.to_owned().into()));
        }
    }
    Outer::Gone
}

/// A request or response as it goes over the wire: its line, headers, and body.
pub(super) fn http<'t>(text: &'t str, out: &mut Vec<Piece<'t>>) -> Outer {
    let first = text.lines().next().unwrap_or("");
    if !is_message(first) {
        return Outer::Stays;
    }
    let rest = text.get(first.len()..).unwrap_or("").trim_start_matches(['\r', '\n']);
    let (head, body) = rest.split_once("\r\n\r\n").or_else(|| rest.split_once("\n\n")).unwrap_or((rest, ""));
    // A target that was decoded may have blanks, which end none of its parameters.
    let target = first
        .split_once(' ')
        .and_then(|(_, rest)| rest.rsplit_once(" HTTP/"))
        .filter(|(t, _)| t.contains(' '));
    out.push(Piece::Text(target.map_or(first.into(), |(target, _)| target.replace(' ', "%20").into())));
    for line in head.lines() {
        match line.split_once(':') {
            Some((name, value)) => out.push(Piece::Pair(Some(name.trim().into()), value.trim().into())),
            None => out.push(Piece::Text(line.into())),
        }
    }
    if !body.trim().is_empty() {
        out.push(Piece::Text(body.into()));
    }
    Outer::Gone
}

/// `multipart/form-data`: each part has a name.
pub(super) fn multipart<'t>(text: &'t str, out: &mut Vec<Piece<'t>>) -> Outer {
    // With the quotes of its names still encoded it is read one layer further down.
    if !text.contains("form-data") || !text.contains("name=") || text.contains("name=&") {
        return Outer::Stays;
    }
    let mut list = Vec::new();
    for part in text.split("\n--").flat_map(|p| p.split("\r\n--")) {
        let (head, body) =
            part.split_once("\r\n\r\n").or_else(|| part.split_once("\n\n")).unwrap_or(("", part));
        let named = head.split([';', '\n']).map(str::trim).find_map(|p| p.strip_prefix("name="));
        match named.map(|n| n.trim_matches('"')) {
            Some(name) => list.push((name.into(), body.trim().into())),
            None => out.push(Piece::Text(part.into())),
        }
    }
    if list.is_empty() {
        out.clear();
        return Outer::Stays;
    }
    fields::nest(list, out);
    Outer::Gone
}

/// Longest list of names of columns, in characters. As a limit in the pattern it would be copied as often.
const COLUMNS: usize = 2000;

/// The names of an `INSERT` before its rows of values.
static INSERT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"(?i)(?-u:\b)(?:insert|replace)\s+(?:or\s+[A-Za-z]+\s+|ignore\s+)?into\s+[^\s(]+\s*\(([^()]+)\)\s*(?:output\s[^()]*)?values\s*"#).ok()
});

/// A word of each such statement, which is looked for before the pattern is tried.
const INTO: [&str; 2] = ["nto ", "NTO "];

/// `INSERT INTO t (a, b) VALUES (1, 'x'), …`.
pub(super) fn sql<'t>(text: &'t str, out: &mut Vec<Piece<'t>>) -> Outer {
    if !INTO.iter().any(|word| text.contains(word)) {
        return Outer::Stays;
    }
    let Some(pattern) = INSERT.as_ref() else { return Outer::Stays };
    let mut rows = 0;
    let mut done = 0;
    for found in pattern.captures_iter(text) {
        let Some((whole, names)) =
            found.get(0).zip(found.get(1).filter(|n| n.as_str().chars().nth(COLUMNS).is_none()))
        else {
            continue;
        };
        if let Some(before) = text.get(done..whole.start()).filter(|b| !b.trim().is_empty()) {
            out.push(Piece::Text(before.into()));
        }
        let names: Vec<&str> =
            names.as_str().split(',').map(|n| n.trim().trim_matches(['"', '`', '[', ']', '\''])).collect();
        let mut at = whole.end();
        while let Some((values, used)) = text.get(at..).and_then(tuple) {
            out.push(Piece::Open(None));
            out.extend(
                names.iter().zip(values).map(|(name, value)| Piece::Pair(Some((*name).into()), value)),
            );
            out.push(Piece::Close);
            rows += 1;
            at += used;
        }
        done = at;
    }
    if rows == 0 {
        out.clear();
        return Outer::Stays;
    }
    if let Some(rest) = text.get(done..).filter(|r| !r.trim().is_empty()) {
        out.push(Piece::Text(rest.into()));
    }
    Outer::Gone
}

/// Longest list of strings, in bytes.
const LIST: usize = 4096;

/// `username IN ('a', 'b')`: strings in a list belong to the column before it.
pub(super) fn lists<'t>(text: &'t str, out: &mut Vec<Piece<'t>>) -> Outer {
    for at in memchr::memchr_iter(b'(', text.as_bytes()) {
        let front = text.get(..at).unwrap_or("").trim_end_matches(' ');
        let Some(front) = front.strip_suffix(" IN").or_else(|| front.strip_suffix(" in")) else { continue };
        let quoted = text.get(at + 1..).is_some_and(|rest| rest.trim_start().starts_with('\''));
        let column = front.strip_suffix(" NOT").or_else(|| front.strip_suffix(" not")).unwrap_or(front);
        let of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let name = column.trim_end_matches(['"', '`', ']']).rsplit(|c| !of_name(c)).next().unwrap_or("");
        let list = Some(text::right_of(text, at, LIST)).filter(|_| quoted && !name.is_empty());
        let Some((values, _)) = list.and_then(tuple) else { continue };
        out.extend(values.into_iter().map(|value| Piece::Pair(Some(name.into()), value)));
    }
    Outer::Stays
}

/// The values in the parentheses that `text` begins with, and how long they are with the comma behind them.
fn tuple(text: &str) -> Option<(Vec<Cow<'_, str>>, usize)> {
    let body = text.trim_start_matches([' ', '\n', '\r', '\t', ',']).strip_prefix('(')?;
    let mut values = Vec::new();
    let mut rest = body;
    loop {
        let item = rest.trim_start().trim_start_matches(['N', 'E']);
        let after = if let Some(inner) = item.strip_prefix('\'') {
            let end = closing_of_sql(inner)?;
            values.push(string_of_sql(inner.get(..end)?));
            inner.get(end + 1..)?
        } else {
            let item = rest.trim_start();
            let end = item.find([',', ')'])?;
            let value = item.get(..end)?.trim();
            values.push(if value.eq_ignore_ascii_case("null") {
                "".into()
            } else {
                value.trim_matches('"').into()
            });
            item.get(end..)?
        };
        // A cast, `'…'::jsonb`.
        let after = after.get(after.find([',', ')'])?..)?;
        match after.strip_prefix(',') {
            Some(more) => rest = more,
            None => return Some((values, text.len() - after.len() + 1)),
        }
    }
}

/// Where a string of SQL ends. A backslash before its quote is one of MySQL's escapes, unless the row goes on behind it: in standard
/// SQL a string may end in one.
fn closing_of_sql(inner: &str) -> Option<usize> {
    let mut from = 0;
    loop {
        let end = from + closing_doubled(inner.get(from..)?, '\'')?;
        let escaped = inner.get(from..end)?.bytes().rev().take_while(|b| *b == b'\\').count() % 2 == 1;
        let goes_on = inner.get(end + 1..)?.trim_start().starts_with([',', ')', ':']);
        if !escaped || goes_on {
            return Some(end);
        }
        from = end + 1;
    }
}

/// What a string of SQL says.
fn string_of_sql(inner: &str) -> Cow<'_, str> {
    let value = undoubled(inner, '\'');
    if value.contains("\\'") { value.replace("\\'", "'").into() } else { value }
}

/// `a=b&c=d`, alone, behind `?` or behind `#`.
pub(super) fn form<'t>(text: &'t str, out: &mut Vec<Piece<'t>>) -> Outer {
    let breaks = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '(' | ')' | '`');
    let mut end = 0;
    for token in text.split_inclusive(breaks) {
        end += token.len();
        let (token, broken) = match token.chars().next_back().filter(|c| breaks(*c)) {
            Some(c) => (token.get(..token.len() - c.len_utf8()).unwrap_or(""), c == ' ' && end < text.len()),
            None => (token, false),
        };
        if token.len() < 3 || !token.contains('=') {
            continue;
        }
        let start = token.find(['?', '#']).map_or(0, |at| at + 1);
        let query = token.get(start..).unwrap_or("");
        // One pair alone is read as the text that it is.
        if start == 0 && !query.contains('&') || query.contains("&#") || query.contains("&amp;") {
            continue;
        }
        let mut list = Vec::new();
        let last = query.rsplit(['&', '#', '?']).next().unwrap_or("");
        for field in query.split(['&', '#', '?']) {
            let Some((name, value)) = field.split_once('=') else { continue };
            // A value that a blank ends may go on behind it.
            let whole = !broken || field != last || value.contains(['%', '+']);
            if whole && !value.is_empty() && !name.is_empty() && name.len() <= fields::LONGEST {
                list.push((component(name).into(), component(value).into()));
            }
        }
        out.push(Piece::Open(None));
        fields::nest(list, out);
        out.push(Piece::Close);
    }
    Outer::Stays
}
