//! JSON that a text is, or that stands in it: one document, or one after another.

use super::{Outer, Piece};
use crate::document::{Document, Leaf, Name, Node};
use crate::text;
use std::borrow::Cow;

/// Documents that do not parse are tried this often.
const FAILURES: usize = 3;

/// Takes apart a text that is one document and nothing else.
pub(super) fn whole<'t>(text: &'t str, out: &mut Vec<Piece<'t>>) -> Outer {
    let bare = text.trim();
    let enclosed =
        [('{', '}'), ('[', ']'), ('"', '"')].iter().any(|(a, b)| bare.starts_with(*a) && bare.ends_with(*b));
    let document = enclosed.then(|| Document::parse(text.as_bytes())).flatten();
    match document.filter(|document| is_telling(document, bare.len())) {
        Some(document) => {
            pieces(&document, out);
            Outer::Gone
        }
        None => Outer::Stays,
    }
}

/// Takes apart every document in a text.
pub(super) fn decode<'t>(text: &'t str, out: &mut Vec<Piece<'t>>) -> Outer {
    let mut from = if text.starts_with('"') { 0 } else { opening(text, 0) };
    let (mut done, mut failures, mut found) = (0, 0, false);
    while failures < FAILURES {
        let Some(rest) = text.get(from..).filter(|rest| !rest.is_empty()) else { break };
        // `["last_name"]=> string(6) "Santos"` is a key of PHP.
        let is_key =
            |used: usize| rest.get(used..).is_some_and(|behind| behind.trim_start().starts_with("=>"));
        let document = Document::parse_prefix(rest).filter(|(d, n)| is_telling(d, *n) && !is_key(*n));
        // `headers["Authorization"] = token(user)` gives a value to a key of a program, which is an expression.
        let subscript =
            || text::before(text, from).is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | ')' | ']'));
        let assigned = |used: usize| {
            rest.get(used..).is_some_and(|behind| behind.trim_start().starts_with('=')) && subscript()
        };
        let plain = |(list, used): &&(Document<'_>, usize)| !assigned(*used) && is_plain_list(list);
        if let Some((_, used)) = document.as_ref().filter(plain) {
            // Its elements are found where they stand, under the key before it.
            from += used;
        } else if let Some((document, used)) = document {
            rest_of(text, done, from, out);
            pieces(&document, out);
            found = true;
            (done, from) = (from + used, from + used);
        } else {
            if from == 0 && text.starts_with('"') {
                break;
            }
            failures += 1;
            from += 1;
        }
        from = opening(text, from);
    }
    if !found {
        return Outer::Stays;
    }
    rest_of(text, done, text.len(), out);
    Outer::Gone
}

/// Where an object or list may begin, from a place on; the end where none does. The brackets of `<![CDATA[…]]>` are no list's.
fn opening(text: &str, from: usize) -> usize {
    let mut brackets = memchr::memchr2_iter(b'{', b'[', text.as_bytes().get(from..).unwrap_or_default());
    let marked = |at: &usize| {
        text.get(..from + at).is_some_and(|front| front.ends_with("<!") || front.ends_with("<![CDATA"))
    };
    brackets.find(|at| !marked(at)).map_or(text.len(), |at| from + at)
}

fn rest_of<'t>(text: &'t str, from: usize, to: usize, out: &mut Vec<Piece<'t>>) {
    if let Some(rest) = text.get(from..to).filter(|rest| !rest.trim().is_empty()) {
        out.push(Piece::Rest(rest));
    }
}

/// A document worth taking apart: an object, a non-empty array, or a string of its own.
fn is_telling(document: &Document<'_>, used: usize) -> bool {
    match document.nodes().first().map(|n| &n.leaf) {
        Some(Leaf::Container) => document.nodes().len() > 1 && used >= 6,
        Some(Leaf::Text(inner)) => used > inner.len() + 2 || inner.starts_with(['{', '[']),
        _ => false,
    }
}

/// A list of values without keys, which says no more than the text does; not of one number, such as the id of a process in each line
/// of a log, which is taken out at once.
fn is_plain_list(document: &Document<'_>) -> bool {
    let [root, rest @ ..] = document.nodes() else { return false };
    let plain =
        |node: &Node<'_>| matches!(node.name, Name::Index(_)) && !matches!(node.leaf, Leaf::Container);
    let single = matches!(rest, [Node { leaf: Leaf::Whole(_), .. }]);
    matches!(root.leaf, Leaf::Container) && !single && rest.iter().all(plain)
}

/// The members of a document, containers opened and closed.
fn pieces<'t>(document: &Document<'t>, out: &mut Vec<Piece<'t>>) {
    let mut open: Vec<usize> = Vec::new();
    for (id, node) in document.nodes().iter().enumerate() {
        while open.last().is_some_and(|at| *at != node.parent) && id > 0 {
            open.pop();
            out.push(Piece::Close);
        }
        let key = match &node.name {
            Name::Key(key) => Some(key.clone()),
            Name::Root | Name::Index(_) => None,
        };
        match &node.leaf {
            Leaf::Container => {
                open.push(id);
                out.push(Piece::Open(key));
            }
            Leaf::Text(value) if id == 0 => out.push(Piece::Text(value.clone())),
            Leaf::Text(value) => out.push(Piece::Pair(key, value.clone())),
            Leaf::Whole(number) => out.push(Piece::Number(key, *number)),
            Leaf::Signed(_) | Leaf::Real(_) => {
                out.push(Piece::Pair(key, Cow::Owned(node.leaf.written().unwrap_or_default())));
            }
            Leaf::Nothing => {}
        }
    }
    out.extend(open.iter().map(|_| Piece::Close));
}
