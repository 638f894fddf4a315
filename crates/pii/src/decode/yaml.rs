//! What YAML (1.2.2) writes before a value or in several lines: tags, anchors, block scalars, elements of lists.

use super::string;
use crate::text;
use std::borrow::Cow;

/// The style of a block scalar (section 8.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Block {
    /// `|`: its line ends stay.
    Literal,
    /// `>`: they are blanks.
    Folded,
}

impl Block {
    /// The style that a header such as `>-` or `|2` gives, with nothing behind it but a remark.
    pub fn of(node: &str) -> Option<Self> {
        let (style, rest) = match node.split_at_checked(1)? {
            ("|", rest) => (Self::Literal, rest),
            (">", rest) => (Self::Folded, rest),
            _ => return None,
        };
        let behind = rest.trim_start_matches(['+', '-', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
        let ends = behind.is_empty() || behind.starts_with(" #");
        (ends && rest.len() - behind.len() <= 2).then_some(style)
    }
}

/// What stands behind the colon of a key, without the tag and anchor before it; none where it has neither and is no block scalar.
/// A tag of an application stays: `!vault` and `!Ref` say that the value is another.
pub(super) fn node(raw: &str) -> Option<&str> {
    let value = raw.strip_prefix([' ', '\t'])?.trim();
    if !value.starts_with(['!', '&', '|', '>']) {
        return None;
    }
    let mut rest = value;
    while let Some((word, after)) = rest.split_once([' ', '\t']) {
        let tag =
            word.strip_prefix("!!").is_some_and(is_word) || word.starts_with("!<") && word.ends_with('>');
        if !tag && word != "!" && !is_anchor(word) {
            break;
        }
        rest = after.trim_start();
    }
    if rest.strip_prefix("!!").is_some_and(|kind| matches!(kind, "map" | "seq" | "omap" | "set" | "null")) {
        rest = "";
    }
    (rest.len() < value.len() || rest.starts_with(['|', '>'])).then_some(rest)
}

/// `&name`.
pub(super) fn is_anchor(word: &str) -> bool {
    word.strip_prefix('&').is_some_and(is_word)
}

fn is_word(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
}

/// How many blanks a line begins with.
pub(super) fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// What the block scalar says that `lines` begin with, of a key in the column `of`, and the lines behind it.
pub(super) fn block<'t, 'l>(style: Block, of: usize, lines: &'l [&'t str]) -> (Cow<'t, str>, &'l [&'t str]) {
    let end = lines.iter().position(|line| indent(line) <= of).unwrap_or(lines.len());
    let (own, behind) = lines.split_at_checked(end).unwrap_or((lines, &[]));
    if let [line] = own {
        return (line.trim().into(), behind);
    }
    let deep = own.iter().map(|line| indent(line)).min().unwrap_or(0);
    let own: Vec<&str> = own.iter().filter_map(|line| line.get(deep..)).collect();
    let between = if style == Block::Literal { "\n" } else { " " };
    (own.join(between).into(), behind)
}

/// A key as YAML has them, and a heading in prose has not: one word that begins with a small letter.
pub(super) fn is_key(key: &str) -> bool {
    key.starts_with(|c: char| !c.is_uppercase())
        && key.chars().all(|c| text::is_wordy(c) || matches!(c, '_' | '-' | '.'))
}

/// The element of a list that a line is, with the column of its dash; none where it is a remark such as `- must be unique`.
pub(super) fn item(line: &str) -> Option<(usize, Cow<'_, str>)> {
    let column = indent(line);
    let raw = line.get(column..)?.strip_prefix('-')?;
    let value = node(raw).unwrap_or(raw.strip_prefix(' ')?).trim();
    let words = || value.split_whitespace();
    let small = |word: &str| word.len() >= 3 && word.bytes().all(|b| b.is_ascii_lowercase());
    let remark = words().nth(1).is_some() && words().any(small) && !value.contains(char::is_uppercase);
    let quoted =
        string::of_yaml(value).filter(|(_, rest)| rest.is_empty() || rest.trim_start().starts_with('#'));
    match quoted {
        Some((value, _)) => Some((column, value)),
        None => (!remark && !value.is_empty()).then_some((column, value.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_told_from_what_stands_before_it() {
        for (raw, expected) in [
            (" !!str 1991", Some("1991")),
            (" &d 1991", Some("1991")),
            (" &d !!str 'a b' # c", Some("'a b' # c")),
            (" !<tag:yaml.org,2002:str> a", Some("a")),
            (" !!map", Some("")),
            (" >-", Some(">-")),
            (" &d |", Some("|")),
            // A password, and values of an application's own.
            (" !!Hj82kLq0z", None),
            (" &Hj82kLq0z", None),
            (" !vault a", None),
            (" plain !!str a", None),
            ("!!str a", None),
        ] {
            assert_eq!(node(raw), expected, "{raw}");
        }
        let styles = ["|", ">", "|-", ">+", "|2-", "> # a"].map(Block::of);
        use Block::{Folded, Literal};
        assert_eq!(styles, [Literal, Folded, Literal, Folded, Literal, Folded].map(Some));
        assert_eq!(["", "|a", "> a", "|---", "-"].map(Block::of), [None; 5]);
    }

    #[test]
    fn a_block_is_as_deep_as_its_lines() {
        let lines = ["    a", "      b", "  c", "    d"];
        assert_eq!(block(Block::Literal, 2, &lines), ("a\n  b".into(), &lines[2..]));
        assert_eq!(block(Block::Folded, 3, &lines), ("a   b".into(), &lines[2..]));
        assert_eq!(block(Block::Literal, 4, &lines), ("".into(), &lines[..]));
    }

    #[test]
    fn a_remark_is_no_element() {
        assert_eq!(item("  - 'a b' # c"), Some((2, "a b".into())));
        assert_eq!(item("- -0.12"), Some((0, "-0.12".into())));
        for none in ["-", "- ", "-a", "a - b", "- must be unique", "- at least 3 letters", "---"] {
            assert_eq!(item(none), None, "{none}");
        }
    }
}
