//! Tables with a row of names on top: comma, tab or semicolon separated, and Markdown.

use super::{Outer, Piece};
use crate::text;
use std::borrow::Cow;

/// Most cells of a row, and longest name of a column.
const CELLS: usize = 64;
const NAME: usize = 48;

/// Yields the cells of each row under the names of their columns.
pub(super) fn decode<'t>(text: &'t str, out: &mut Vec<Piece<'t>>) -> Outer {
    let lines: Vec<&str> = text.split('\n').map(|l| l.trim_end_matches('\r')).collect();
    let Some((head, mark)) = lines
        .iter()
        .take(8)
        .enumerate()
        .find_map(|(at, line)| Some((at, separator(line, lines.get(at + 1)?)?)))
    else {
        return Outer::Stays;
    };
    let names = cells(lines.get(head).unwrap_or(&""), mark);
    let rows: Vec<&str> =
        lines.iter().skip(head + 1).copied().filter(|l| !l.trim().is_empty() && !is_rule(l)).collect();
    let fits = |row: &&str| cells(row, mark).len() == names.len();
    // A line or two of remarks may stand below.
    if names.len() < 2
        || !rows.first().is_some_and(fits)
        || rows.iter().filter(|r| fits(r)).count() * 2 < rows.len()
    {
        return Outer::Stays;
    }
    out.extend(
        lines.iter().take(head).filter(|l| !l.trim().is_empty()).map(|l| Piece::Text(Cow::Borrowed(*l))),
    );
    for row in rows {
        let values = cells(row, mark);
        if values.len() != names.len() {
            out.push(Piece::Text(Cow::Borrowed(row)));
            continue;
        }
        out.push(Piece::Open(None));
        out.extend(names.iter().zip(values).map(|(name, value)| Piece::Pair(Some(name.clone()), value)));
        out.push(Piece::Close);
    }
    Outer::Gone
}

/// The mark between the names, if `line` is a row of names and the next has as many cells.
fn separator(line: &str, next: &str) -> Option<char> {
    let mark = ['|', '\t', ';', ','].into_iter().find(|mark| line.contains(*mark))?;
    let names = cells(line, mark);
    let next_fits = is_rule(next) || cells(next, mark).len() == names.len();
    let named = (2..=CELLS).contains(&names.len()) && names.iter().all(|n| is_name(n));
    (named && next_fits).then_some(mark)
}

/// The row of dashes below the names of a Markdown table.
fn is_rule(line: &str) -> bool {
    line.contains('-') && line.contains('|') && line.chars().all(|c| matches!(c, '|' | '-' | ':' | ' ' | '+'))
}

/// A name of a column: a few words, no data.
fn is_name(cell: &str) -> bool {
    let cell = cell.trim();
    cell.len() <= NAME
        && cell.starts_with(|c: char| c == '_' || text::is_wordy(c) && !c.is_ascii_digit())
        && cell
            .chars()
            .all(|c| text::is_wordy(c) || matches!(c, '_' | ' ' | '-' | '.' | '/' | '(' | ')' | '#'))
        && cell.split_whitespace().count() <= 4
}

/// The cells of a row, quoted or not, with `""` for a quote.
fn cells(line: &str, mark: char) -> Vec<Cow<'_, str>> {
    let line = if mark == '|' { line.trim().trim_start_matches('|').trim_end_matches('|') } else { line };
    let mut list: Vec<Cow<'_, str>> = Vec::new();
    let mut rest = Some(line);
    while let Some(text) = rest.filter(|_| list.len() <= CELLS) {
        let body = text.trim_start_matches(' ');
        if let Some(quoted) = body.strip_prefix('"') {
            let mut end = 0;
            while let Some(at) = quoted.get(end..).and_then(|q| q.find('"')).map(|at| at + end) {
                end = at;
                if quoted.get(at + 1..).is_some_and(|q| q.starts_with('"')) {
                    end = at + 2;
                } else {
                    break;
                }
            }
            let (value, after) = quoted.split_at_checked(end).unwrap_or((quoted, ""));
            list.push(if value.contains('"') { value.replace("\"\"", "\"").into() } else { value.into() });
            rest = after.find(mark).and_then(|at| after.get(at + mark.len_utf8()..));
        } else {
            let (value, after) = body.split_once(mark).map_or((body, None), |(v, a)| (v, Some(a)));
            list.push(value.trim().into());
            rest = after;
        }
    }
    list
}
