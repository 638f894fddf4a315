//! Tables with a row of names on top: comma, tab or semicolon separated, and Markdown.

use super::string::{closing_doubled, undoubled};
use super::{Outer, Piece};
use crate::text;
use std::borrow::Cow;

/// Most cells of a row, and longest name of a column.
const CELLS: usize = 64;
const NAME: usize = 48;

/// Whether a row of names with a row below it stands among the first lines.
pub(super) fn begins(text: &str) -> bool {
    head(text).is_some()
}

/// Where the row of names begins, and the mark between them.
fn head(text: &str) -> Option<(usize, char)> {
    let mut at = 0;
    let starts = text.split_inclusive('\n').take(8).map(|line| {
        at += line.len();
        at - line.len()
    });
    starts.filter_map(|at| Some((at, separator(text.get(at..)?)?))).next()
}

/// Yields the cells of each row under the names of their columns.
pub(super) fn decode<'t>(text: &'t str, out: &mut Vec<Piece<'t>>) -> Outer {
    let Some((head, mark)) = head(text) else { return Outer::Stays };
    let mut rest = text.get(head..).unwrap_or("");
    let names = cells(take_row(&mut rest, mark), mark);
    let mut rows = Vec::new();
    while !rest.is_empty() {
        let row = take_row(&mut rest, mark);
        if !row.trim().is_empty() && !is_rule(row) {
            rows.push(row);
        }
    }
    let fits = |row: &&str| cells(row, mark).len() == names.len();
    // A line or two of remarks may stand below.
    if !rows.first().is_some_and(fits) || rows.iter().filter(|row| fits(row)).count() * 2 < rows.len() {
        return Outer::Stays;
    }
    let above = text.get(..head).unwrap_or("").lines().filter(|l| !l.trim().is_empty());
    out.extend(above.map(|line| Piece::Text(Cow::Borrowed(line))));
    for row in rows {
        let values = cells(row, mark);
        if values.len() != names.len() {
            out.push(Piece::Text(Cow::Borrowed(row)));
            continue;
        }
        out.push(Piece::Open(None));
        let key = |name: &Cow<'t, str>| Some(name.clone()).filter(|name| !name.is_empty());
        out.extend(names.iter().zip(values).map(|(name, value)| Piece::Pair(key(name), value)));
        out.push(Piece::Close);
    }
    Outer::Gone
}

/// The mark between the names, if `text` begins with a row of names and the next has as many cells.
fn separator(text: &str) -> Option<char> {
    let (line, _) = text.split_once('\n')?;
    let mark = ['|', '\t', ';', ','].into_iter().find(|mark| line.contains(*mark))?;
    let mut rest = text;
    let head = take_row(&mut rest, mark);
    let names = cells(head, mark);
    let next = take_row(&mut rest, mark);
    if names.len() > CELLS {
        return None;
    }
    // A row of dashes tells that any names stand above it, and even one alone.
    let ruled = is_rule(next) && mark == '|';
    if ruled && columns(next) == names.len() && (names.len() > 1 || head.trim().starts_with('|')) {
        return Some(mark);
    }
    // Otherwise every third must be a name as they are everywhere.
    let plain = names.iter().filter(|name| is_name(name)).count();
    let odd = |name: &Cow<'_, str>| is_name(name) || is_odd_name(name);
    // A comma at the end of a line is one of prose, or of an address.
    let ends = names.last().is_some_and(|name| !name.trim().is_empty());
    let named = plain * 3 >= names.len() && ends && names.iter().all(odd);
    (named && names.len() >= 2 && (ruled || cells(next, mark).len() == names.len())).then_some(mark)
}

/// The row of dashes below the names of a Markdown table, and around those that database clients print.
fn is_rule(line: &str) -> bool {
    line.contains('-')
        && line.contains(['|', '+'])
        && line.chars().all(|c| matches!(c, '|' | '-' | ':' | ' ' | '+' | '\r'))
}

/// How many columns there are above a row of dashes.
fn columns(rule: &str) -> usize {
    let rule = rule.trim();
    let rule = rule.strip_prefix(['|', '+']).unwrap_or(rule);
    rule.strip_suffix(['|', '+']).unwrap_or(rule).split(['|', '+']).count()
}

/// A name of a column: a few words, no data.
fn is_name(cell: &str) -> bool {
    let cell = cell.trim();
    cell.starts_with(|c: char| c == '_' || text::is_wordy(c) && !c.is_ascii_digit())
        && cell.chars().all(is_of_name)
        && is_short(cell)
}

/// What stands beside the names of other columns: nothing, as above the index of a data frame, `#`, `win %`, `+/-`, `2fa`,
/// `**Pts**`. No number and no sentence.
fn is_odd_name(cell: &str) -> bool {
    let cell = cell.trim();
    let digits = cell.bytes().filter(u8::is_ascii_digit).count();
    let letters = cell.chars().filter(|c| c.is_alphabetic()).count();
    let marks = |c| "%$€£¥₹৳+±*`°&№[]^~".contains(c);
    cell.chars().all(|c| is_of_name(c) || marks(c))
        && is_short(cell)
        && (digits == 0 || digits < letters && !cell.contains(' '))
}

fn is_of_name(c: char) -> bool {
    text::is_wordy(c) || matches!(c, '_' | ' ' | '-' | '.' | '/' | '(' | ')' | '#')
}

fn is_short(cell: &str) -> bool {
    cell.len() <= NAME && cell.split_whitespace().count() <= 4
}

/// Takes the row off that `text` begins with: a line, unless a line end stands in quotes (RFC 4180 section 2).
fn take_row<'t>(text: &mut &'t str, mark: char) -> &'t str {
    let whole = *text;
    let line =
        |from: usize| whole.get(from..).and_then(|rest| rest.find('\n')).map_or(whole.len(), |n| from + n);
    let (mut at, mut end) = (0, line(0));
    let mut quotes = whole.get(..end).is_some_and(|line| line.contains('"'));
    while quotes {
        if let Some((_, length)) = quoted(whole.get(at..).unwrap_or(""), mark) {
            at += length;
            // Looked for only behind the end that is known: a row may have as many quotes as it has bytes.
            if at > end {
                end = line(at);
            }
        }
        let next = whole.get(at..end).and_then(|rest| rest.find(mark));
        at += next.map_or(0, |n| n + mark.len_utf8());
        quotes = next.is_some();
    }
    *text = whole.get(end + 1..).unwrap_or("");
    whole.get(..end).unwrap_or(whole).trim_end_matches('\r')
}

/// A row of Markdown without the marks around it; the cells beside them may be empty.
fn inside(row: &str) -> &str {
    let row = row.strip_prefix('|').unwrap_or(row);
    row.strip_suffix('|').unwrap_or(row)
}

/// The cells of a row, quoted or not.
fn cells(row: &str, mark: char) -> Vec<Cow<'_, str>> {
    let row = if mark == '|' { inside(row.trim()) } else { row };
    let mut list: Vec<Cow<'_, str>> = Vec::new();
    let mut rest = Some(row);
    while let Some(text) = rest.filter(|_| list.len() <= CELLS) {
        let (value, length) = quoted(text, mark).unwrap_or_else(|| {
            let length = text.find(mark).unwrap_or(text.len());
            (text.get(..length).unwrap_or("").trim().into(), length)
        });
        list.push(value);
        rest = text.get(length + mark.len_utf8()..);
    }
    list
}

/// The cell in quotes that `text` begins with, with `""` for a quote, and its length; what a quote begins that does not end right
/// before a mark or line end is none.
fn quoted(text: &str, mark: char) -> Option<(Cow<'_, str>, usize)> {
    let inner = text.trim_start_matches(' ').strip_prefix('"')?;
    let end = closing_doubled(inner, '"')?;
    let after = inner.get(end + 1..)?.trim_start_matches(' ');
    let ends = after.is_empty() || after.starts_with([mark, '\n', '\r']);
    ends.then(|| Some((undoubled(inner.get(..end)?, '"'), text.len() - after.len())))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_goes_on_in_quotes_and_only_there() {
        let rows = |mut text: &'static str, mark| {
            let mut rows = Vec::new();
            while !text.is_empty() {
                rows.push(cells(take_row(&mut text, mark), mark));
            }
            rows
        };
        assert_eq!(
            rows("1,\"a\nb\",2\r\n3,\"c, \"\"d\"\"\r\n\" , 4\n", ','),
            [["1", "a\nb", "2"], ["3", "c, \"d\"\r\n", "4"]]
        );
        assert_eq!(rows("| 1 | \"a\nb\" |\n| 2 | c |", '|'), [["1", "a\nb"], ["2", "c"]]);
        // Quotes that no cell begins with, that nothing closes, or behind which the cell goes on.
        assert_eq!(rows("5\" a,b\n6\",c", ','), [["5\" a", "b"], ["6\"", "c"]]);
        assert_eq!(rows("\"a,b\n1,2", ','), [["\"a", "b"], ["1", "2"]]);
        assert_eq!(rows("\"a\" b,c\n\"d,2", ','), [["\"a\" b", "c"], ["\"d", "2"]]);
    }

    #[test]
    fn the_end_of_a_row_is_looked_for_once() {
        // 4 MB: looked for again at each of its quotes it would take minutes.
        let row = "\"a\",".repeat(1_000_000);
        let begun = std::time::Instant::now();
        let mut text = &*row;
        assert_eq!((take_row(&mut text, ',').len(), text), (row.len(), ""));
        assert!(begun.elapsed() < std::time::Duration::from_secs(20));
    }
}
