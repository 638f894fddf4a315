//! A YAML file as a tree in which every key and value knows its line and column.

use super::error::{At, Problem};
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Number;
use serde_saphyr::Spanned;
use std::fmt;

/// One value of the file.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub at: At,
    pub kind: Kind,
}

/// The kinds of YAML values that JSON knows too.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    Null(Null),
    Bool(bool),
    Int(i64),
    Uint(u64),
    /// Any other number, with its digits.
    Number(Number),
    Text(String),
    List(Vec<Node>),
    /// Keys with the places where they stand, in the order of the file.
    Map(Vec<(String, At, Node)>),
}

/// The ways in which a value is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Null {
    /// Nothing at all stands there: somebody has not finished the line.
    Missing,
    /// `null` is written there.
    Written,
    /// `null` is written there, in a file in which it says that there is none of that key: no limit, no such gate.
    MeansNone,
}

/// One step of a path into the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Seg {
    Key(String),
    Index(usize),
}

impl Seg {
    /// A key, or a number.
    pub(super) fn from_text(text: &str) -> Self {
        text.parse::<usize>().map_or_else(|_| Self::Key(text.to_owned()), Self::Index)
    }
}

impl From<&str> for Seg {
    fn from(key: &str) -> Self {
        Self::Key(key.to_owned())
    }
}

impl From<usize> for Seg {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

/// Deepest nesting that a scenario may have.
const MAX_DEPTH: usize = 64;

/// Reads one YAML document. Aliases are expanded within limits, so a small file cannot become a large tree.
pub(super) fn parse(text: &str) -> Result<Node, Problem> {
    let mut options = serde_saphyr::options! {
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        with_snippet: false,
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            flow_nesting_limit: MAX_DEPTH,
            max_nodes: 200_000,
            max_documents: 1,
        },
    };
    options.alias_limits.max_total_replayed_events = 200_000;
    let spanned: Spanned<Kind> =
        serde_saphyr::from_str_with_options(text, options).map_err(|e| problem(&e))?;
    let mut tree = node(spanned);
    as_written(&mut tree, &text.lines().collect::<Vec<_>>());
    Ok(tree)
}

/// Reads from the text what the parser does not tell: the digits of numbers that are no 64-bit integers, and whether a `null` is
/// written at all.
fn as_written(node: &mut Node, lines: &[&str]) {
    match &mut node.kind {
        Kind::Null(null) => {
            let words = ["null", "Null", "NULL", "~"];
            if written(lines, node.at).is_some_and(|word| words.contains(&word)) {
                *null = Null::Written;
            }
        }
        Kind::Number(number) => {
            let written: Option<Number> = written(lines, node.at).and_then(|word| word.parse().ok());
            let written = written.filter(|w| w.as_f64() == number.as_f64());
            if let Some(written) = written {
                *number = written;
            }
        }
        Kind::List(items) => items.iter_mut().for_each(|item| as_written(item, lines)),
        Kind::Map(entries) => entries.iter_mut().for_each(|(.., value)| as_written(value, lines)),
        _ => {}
    }
}

/// The plain scalar that begins at a place.
fn written<'t>(lines: &[&'t str], at: At) -> Option<&'t str> {
    let index = |one_based: u64| usize::try_from(one_based).ok()?.checked_sub(1);
    let line = lines.get(index(at.line)?)?;
    let (start, _) = line.char_indices().nth(index(at.column)?)?;
    let rest = line.get(start..)?;
    let end = rest.find(|c: char| c.is_whitespace() || ",]}".contains(c)).unwrap_or(rest.len());
    rest.get(..end)
}

/// What the YAML parser says, without the place and the advice to programmers that it puts into its text.
fn problem(error: &serde_saphyr::Error) -> Problem {
    let at = error.location().map_or(At { line: 1, column: 1 }, At::from);
    let text = error.without_snippet().to_string();
    let first = text.lines().next().unwrap_or_default();
    let first = first.split(" at line ").next().unwrap_or(first);
    let first = first.split(", set DuplicateKeyPolicy").next().unwrap_or(first).trim_end_matches([':', ' ']);
    let message = match first {
        m if m.contains("Documents {") => "the file is to be one YAML document: this is the second".to_owned(),
        m if m.contains("budget breached") || m.contains(" limit") => {
            format!("too deep, too large, or too many aliases for a scenario ({m})")
        }
        m if m.contains("deserialize null into string") => {
            "a key must be text: quote it, as in \"null\"".to_owned()
        }
        m if m.contains("expected string scalar") => "a key is text, not a list or a mapping; a value that is a template needs quotes, as in \"{{ name }}\"".to_owned(),
        m if m.contains("non-finite") => "a number must be finite".to_owned(),
        m => format!("not valid YAML: {m}"),
    };
    Problem { at, message }
}

fn node(spanned: Spanned<Kind>) -> Node {
    // An alias is reported where it is defined, since the text to change stands there.
    Node { at: At::from(spanned.defined), kind: spanned.value }
}

impl From<serde_saphyr::Location> for At {
    fn from(location: serde_saphyr::Location) -> Self {
        Self { line: location.line().max(1), column: location.column().max(1) }
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KindVisitor)
    }
}

struct KindVisitor;

impl<'de> Visitor<'de> for KindVisitor {
    type Value = Kind;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a value JSON can represent")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Kind, E> {
        Ok(Kind::Null(Null::Missing))
    }

    fn visit_none<E: de::Error>(self) -> Result<Kind, E> {
        Ok(Kind::Null(Null::Missing))
    }

    fn visit_bool<E: de::Error>(self, v: bool) -> Result<Kind, E> {
        Ok(Kind::Bool(v))
    }

    fn visit_i64<E: de::Error>(self, v: i64) -> Result<Kind, E> {
        Ok(Kind::Int(v))
    }

    fn visit_u64<E: de::Error>(self, v: u64) -> Result<Kind, E> {
        Ok(i64::try_from(v).map_or(Kind::Uint(v), Kind::Int))
    }

    fn visit_f64<E: de::Error>(self, v: f64) -> Result<Kind, E> {
        // Its digits are read from the text of the file: a double has not all of them.
        Number::from_f64(v).map(Kind::Number).ok_or_else(|| E::custom("a number must be finite"))
    }

    fn visit_str<E: de::Error>(self, v: &str) -> Result<Kind, E> {
        Ok(Kind::Text(v.to_owned()))
    }

    fn visit_string<E: de::Error>(self, v: String) -> Result<Kind, E> {
        Ok(Kind::Text(v))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Kind, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element::<Spanned<Kind>>()? {
            items.push(node(item));
        }
        Ok(Kind::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Kind, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            let value = node(map.next_value::<Spanned<Kind>>()?);
            entries.push((key.value, At::from(key.defined), value));
        }
        Ok(Kind::Map(entries))
    }
}

impl Node {
    /// The node at the end of `path`.
    pub(super) fn get(&self, path: &[Seg]) -> Option<&Self> {
        path.iter().try_fold(self, |node, seg| node.child(seg).map(|(_, child)| child))
    }

    /// From here on a written `null` says that there is none of its key.
    pub(super) fn null_means_none(&mut self) {
        match &mut self.kind {
            Kind::Null(null) if *null == Null::Written => *null = Null::MeansNone,
            Kind::List(items) => items.iter_mut().for_each(Self::null_means_none),
            Kind::Map(entries) => entries.iter_mut().for_each(|(.., value)| value.null_means_none()),
            _ => {}
        }
    }

    /// The place of the value at the end of `path`, or of its nearest ancestor that is there.
    pub(super) fn value_at(&self, path: &[Seg]) -> At {
        let mut node = self;
        for seg in path {
            match node.child(seg) {
                Some((_, child)) => node = child,
                None => break,
            }
        }
        node.at
    }

    /// The place of the key at the end of `path`; of the value when it is a list item.
    pub(super) fn key_at(&self, path: &[Seg]) -> At {
        let Some((last, parents)) = path.split_last() else { return self.at };
        match self.get(parents).and_then(|parent| parent.child(last)) {
            Some((key, _)) => key,
            None => self.value_at(parents),
        }
    }

    fn child(&self, seg: &Seg) -> Option<(At, &Self)> {
        match (&self.kind, seg) {
            (Kind::Map(entries), Seg::Key(key)) => {
                entries.iter().find(|(k, ..)| k == key).map(|(_, at, node)| (*at, node))
            }
            (Kind::List(items), Seg::Index(index)) => items.get(*index).map(|node| (node.at, node)),
            _ => None,
        }
    }
}
