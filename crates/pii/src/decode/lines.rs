//! Lines of `key: value` and `KEY=value`: YAML, property files, mail headers, forms that people fill in.

use super::{Outer, Piece, string, yaml};
use crate::text;
use std::borrow::Cow;

/// Longest key.
const KEY: usize = 48;

/// One line that says something, with those below it that are its value.
enum Row<'t> {
    Pair(Line<'t>),
    /// An element of a list, and the column of its dash.
    Item(usize, Cow<'t, str>),
    /// `[venue]`: the lines below are about it.
    Section(&'t str),
    Text(&'t str),
}

/// Yields a pair for each line that is one; indented lines belong to the key above them.
pub(super) fn decode<'t>(text: &'t str, out: &mut Vec<Piece<'t>>) -> Outer {
    let lines = lines(text);
    let rows = rows(&lines);
    let texts = rows.iter().filter(|row| matches!(row, Row::Text(_))).count();
    let sections = rows.iter().filter(|row| matches!(row, Row::Section(_))).count();
    let told = rows.len() - texts - sections;
    // One key with a value of several lines is one, too.
    if told < 2 && sections == 0 && rows.len() == lines.len()
        || told < texts
        || told == 0
        || text.contains("-----BEGIN")
    {
        return Outer::Stays;
    }
    // The indents of the objects that are open.
    let mut open: Vec<usize> = Vec::new();
    for row in rows {
        let Line { indent, item, key, value, .. } = match row {
            Row::Pair(line) => line,
            Row::Item(column, value) => {
                while open.pop_if(|at| *at > column + 1).is_some() {
                    out.push(Piece::Close);
                }
                out.push(Piece::Pair(None, value));
                continue;
            }
            Row::Section(name) => {
                out.extend(open.drain(..).map(|_| Piece::Close));
                open.push(0);
                out.push(Piece::Open(Some(Cow::Borrowed(name))));
                continue;
            }
            Row::Text(line) => {
                // The value of the line above goes on, or somebody remarks something.
                out.push(Piece::Text(Cow::Borrowed(line.trim())));
                continue;
            }
        };
        while open.last().is_some_and(|at| *at >= indent + usize::from(!item && *at > indent))
            && open.last() >= Some(&indent)
        {
            if !item && open.last() == Some(&indent) {
                break;
            }
            open.pop();
            out.push(Piece::Close);
        }
        if item {
            open.push(indent);
            out.push(Piece::Open(None));
        }
        if value.is_empty() && !key.is_empty() {
            open.push(indent + 1);
            out.push(Piece::Open(Some(Cow::Borrowed(key))));
        } else {
            out.push(Piece::Pair((!key.is_empty()).then_some(Cow::Borrowed(key)), value));
        }
    }
    out.extend(open.iter().map(|_| Piece::Close));
    Outer::Gone
}

/// Whether every line is a pair, or an element below one.
pub(super) fn is_all_pairs(text: &str) -> bool {
    let lines = lines(text);
    lines.len() >= 2 && !rows(&lines).iter().any(|row| matches!(row, Row::Text(_)))
}

/// The lines that say something.
fn lines(text: &str) -> Vec<&str> {
    text.split('\n').map(|l| l.trim_end_matches('\r')).filter(|l| !l.trim().is_empty()).collect()
}

/// What the lines are.
fn rows<'t>(lines: &[&'t str]) -> Vec<Row<'t>> {
    let mut rows = Vec::with_capacity(lines.len());
    // Between which columns the dash of an element may stand: nowhere left of its key, and below the one before it.
    let mut list: Option<(usize, usize)> = None;
    let mut rest = lines;
    while let [line, below @ ..] = rest {
        rest = below;
        if let Some(mut line) = pair(line) {
            let deeper = below.first().is_some_and(|next| yaml::indent(next) > line.indent);
            if let Some(style) = line.block {
                (line.value, rest) = yaml::block(style, line.indent, below);
            } else if deeper && yaml::is_anchor(&line.value) {
                line.value = "".into();
            }
            list = (line.value.is_empty() && yaml::is_key(line.key)).then_some((line.indent, usize::MAX));
            rows.push(Row::Pair(line));
            continue;
        }
        if let Some(name) = section(line) {
            rows.push(Row::Section(name));
            continue;
        }
        let item = yaml::item(line).zip(list).filter(|((at, _), (from, to))| (from..=to).contains(&at));
        list = item.as_ref().map(|((at, _), _)| (*at, *at));
        rows.push(item.map_or(Row::Text(line), |((at, value), _)| Row::Item(at, value)));
    }
    rows
}

/// The name of the section that a line of an INI or TOML file opens: `[venue]`, the last part of `[[match.venue]]`.
fn section(line: &str) -> Option<&str> {
    let line = line.trim();
    let inner = line.strip_prefix('[')?.strip_suffix(']')?;
    let inner = inner.strip_prefix('[').and_then(|i| i.strip_suffix(']')).unwrap_or(inner).trim();
    let named = (2..=KEY).contains(&inner.len())
        && inner.starts_with(char::is_alphabetic)
        && inner.chars().all(|c| text::is_wordy(c) || matches!(c, '_' | '-' | '.' | ':'));
    inner.rsplit(['.', ':']).next().filter(|name| named && !name.is_empty())
}

/// Pairs with `;` or `|` between them in one line: `full_name: Wei Zhang; row: 42`, unless one part is none.
pub(super) fn row<'t>(text: &'t str, out: &mut Vec<Piece<'t>>) -> Outer {
    let start = out.len();
    // A cheap look at the first part: most texts have a `;` between sentences.
    let mut first = text.bytes().take_while(|b| !matches!(b, b';' | b'|'));
    if !first.any(|b| matches!(b, b':' | b'=')) {
        return Outer::Stays;
    }
    for part in text.split([';', '|']).map(str::trim).filter(|part| !part.is_empty()) {
        // The `;` of an entity ends no pair.
        let entity = part.rfind('&').and_then(|at| part.get(at + 1..)).is_some_and(|name| name.len() <= 8);
        match pair(part).filter(|line| !line.item && !line.value.is_empty() && !entity) {
            Some(Line { key, value, .. }) => out.push(Piece::Pair(Some(key.into()), value)),
            None => {
                out.truncate(start);
                return Outer::Stays;
            }
        }
    }
    if out.len() - start < 2 {
        out.truncate(start);
        return Outer::Stays;
    }
    Outer::Gone
}

struct Line<'t> {
    indent: usize,
    /// It begins with `- `.
    item: bool,
    key: &'t str,
    value: Cow<'t, str>,
    /// The value stands in the lines below, in this style of YAML.
    block: Option<yaml::Block>,
}

/// The pair that a line is.
fn pair(line: &str) -> Option<Line<'_>> {
    let body = line.trim_start_matches([' ', '\t', '>']);
    let indent = line.len() - body.len();
    let (body, item) =
        match body.strip_prefix("- ").or_else(|| body.strip_prefix("* ")).or_else(|| body.strip_prefix("• "))
        {
            Some(rest) => (rest.trim_start(), true),
            None => (body.strip_prefix("export ").unwrap_or(body), false),
        };
    let at = body.find([':', '=', '：'])?;
    let key = body.get(..at)?.trim().trim_matches(['"', '\'', '*', '`', '_']);
    let mark = body.get(at..)?.chars().next()?;
    let raw = body.get(at + mark.len_utf8()..)?;
    let node = yaml::node(raw).filter(|_| mark == ':');
    let block = node.and_then(yaml::Block::of);
    let value = match block {
        Some(_) => "",
        None => node.unwrap_or(raw).trim_start_matches(['*', '>', ' ', '\t']).trim_end(),
    };
    let spaced = mark != ':'
        || raw.is_empty()
        || raw.starts_with([' ', '\t', '*'])
        || !key.contains(' ') && !raw.starts_with("//");
    let named = !key.is_empty()
        && key.len() <= KEY
        && key.split_whitespace().count() <= 4
        && key.starts_with(|c: char| text::is_wordy(c) && !c.is_ascii_digit() || c == '_')
        && key.chars().all(|c| {
            text::is_wordy(c) || matches!(c, '_' | '-' | '.' | ' ' | '/' | '(' | ')' | '#' | '[' | ']')
        });
    // `a=1 b=2` has more pairs than one.
    let single = mark != '='
        || value.starts_with(['"', '\''])
        || !value.split_whitespace().skip(1).any(|w| w.contains('='));
    // Behind its quotes nothing stands but a remark.
    let quoted =
        string::of_yaml(value).filter(|(_, rest)| rest.is_empty() || rest.trim_start().starts_with('#'));
    (named && spaced && single).then_some(Line {
        indent: indent + 2 * usize::from(item),
        item,
        key,
        value: quoted.map_or(Cow::Borrowed(value), |(value, _)| value),
        block,
    })
}
