//! Reads JSON straight into the nodes of a [`Document`](super::document::Document): strings without escapes are borrowed, and
//! a number is read where it stands. `serde_json` would hand each number over as a text of its own (`arbitrary_precision`).

use super::document::{Leaf, Name, Node, NodeId};
use std::borrow::Cow;

/// Containers in each other; a document with more is none, as for `serde_json`.
const DEEPEST: usize = 127;

/// The value that `text` begins with, and the bytes it took.
pub(super) fn read(text: &str) -> Option<(Vec<Node<'_>>, usize)> {
    let mut reader = Reader { text, at: 0, nodes: Vec::with_capacity(64) };
    reader.value(0, Name::Root, DEEPEST)?;
    Some((reader.nodes, reader.at))
}

/// The number that a JSON number is, as far as a float goes.
pub(super) fn number<'a>(text: &str) -> Option<Leaf<'a>> {
    let whole = text.parse().map(Leaf::Whole).ok();
    let signed = || text.parse().map(Leaf::Signed).ok();
    whole.or_else(signed).or_else(|| text.parse().map(Leaf::Real).ok())
}

/// White space of JSON.
fn is_blank(b: u8) -> bool {
    matches!(b, b' ' | b'\n' | b'\t' | b'\r')
}

/// Whether nothing but white space is left.
pub(super) fn is_rest_blank(text: &str, from: usize) -> bool {
    text.as_bytes().get(from..).is_some_and(|rest| rest.iter().all(|b| is_blank(*b)))
}

/// Where the reading is.
struct Reader<'a> {
    text: &'a str,
    at: usize,
    nodes: Vec<Node<'a>>,
}

impl<'a> Reader<'a> {
    /// The next byte that is not white space.
    fn peek(&mut self) -> Option<u8> {
        loop {
            let b = *self.text.as_bytes().get(self.at)?;
            if !is_blank(b) {
                return Some(b);
            }
            self.at += 1;
        }
    }

    /// Takes `b` if it is next, after white space.
    fn takes(&mut self, b: u8) -> bool {
        let next = self.peek() == Some(b);
        self.at += usize::from(next);
        next
    }

    /// Appends the next value and all in it.
    fn value(&mut self, parent: NodeId, name: Name<'a>, room: usize) -> Option<()> {
        let leaf = match self.peek()? {
            b'{' => return self.object(parent, name, room.checked_sub(1)?),
            b'[' => return self.array(parent, name, room.checked_sub(1)?),
            b'"' => Leaf::Text(self.string()?),
            b't' => self.word("true")?,
            b'f' => self.word("false")?,
            b'n' => self.word("null")?,
            _ => self.number()?,
        };
        self.nodes.push(Node { parent, name, leaf });
        Some(())
    }

    fn open(&mut self, parent: NodeId, name: Name<'a>) -> NodeId {
        self.at += 1;
        self.nodes.push(Node { parent, name, leaf: Leaf::Container });
        self.nodes.len() - 1
    }

    fn object(&mut self, parent: NodeId, name: Name<'a>, room: usize) -> Option<()> {
        let id = self.open(parent, name);
        if self.takes(b'}') {
            return Some(());
        }
        loop {
            if self.peek()? != b'"' {
                return None;
            }
            let key = self.string()?;
            if !self.takes(b':') {
                return None;
            }
            self.value(id, Name::Key(key), room)?;
            if self.takes(b'}') {
                return Some(());
            }
            if !self.takes(b',') {
                return None;
            }
        }
    }

    fn array(&mut self, parent: NodeId, name: Name<'a>, room: usize) -> Option<()> {
        let id = self.open(parent, name);
        if self.takes(b']') {
            return Some(());
        }
        for index in 0.. {
            self.value(id, Name::Index(index), room)?;
            if self.takes(b']') {
                return Some(());
            }
            if !self.takes(b',') {
                break;
            }
        }
        None
    }

    fn word(&mut self, word: &str) -> Option<Leaf<'a>> {
        self.text.get(self.at..)?.starts_with(word).then(|| {
            self.at += word.len();
            Leaf::Nothing
        })
    }

    /// Takes digits and says how many.
    fn digits(&mut self) -> usize {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or(&[]);
        let count = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        self.at += count;
        count
    }

    /// Takes one of `list` if it is the very next byte.
    fn one_of(&mut self, list: &[u8]) -> bool {
        let next = self.text.as_bytes().get(self.at).is_some_and(|b| list.contains(b));
        self.at += usize::from(next);
        next
    }

    fn number(&mut self) -> Option<Leaf<'a>> {
        let start = self.at;
        self.one_of(b"-");
        let zero = self.text.as_bytes().get(self.at) == Some(&b'0');
        let count = self.digits();
        let mut fits = count == 1 || count > 1 && !zero;
        if self.one_of(b".") {
            fits &= self.digits() > 0;
        }
        if self.one_of(b"eE") {
            self.one_of(b"+-");
            fits &= self.digits() > 0;
        }
        number(self.text.get(start..self.at).filter(|_| fits)?)
    }

    /// The string whose quote is next.
    fn string(&mut self) -> Option<Cow<'a, str>> {
        let text = self.text;
        let mut start = self.at + 1;
        let mut owned = String::new();
        loop {
            let rest = text.as_bytes().get(start..)?;
            let end = start + plain_length(rest)?;
            let plain = text.get(start..end)?;
            match text.as_bytes().get(end) {
                Some(b'"') => {
                    self.at = end + 1;
                    if owned.is_empty() {
                        return Some(Cow::Borrowed(plain));
                    }
                    owned.push_str(plain);
                    return Some(Cow::Owned(owned));
                }
                Some(b'\\') => {
                    owned.push_str(plain);
                    let (c, used) = escape(text.get(end + 1..)?)?;
                    owned.push(c);
                    start = end + 1 + used;
                }
                // A control character.
                _ => return None,
            }
        }
    }
}

/// Where a plain stretch of a string ends: at its quote, an escape, or a control character, which may not stand in it.
/// Eight bytes at a time; the lowest bit that is set belongs to the first byte that ends it, those above may err.
fn plain_length(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::MAX / 255;
    let mut at = 0;
    while let Some(eight) = bytes.get(at..at + 8).and_then(|b| b.try_into().ok()) {
        let eight = u64::from_le_bytes(eight);
        let below = |word: u64, n: u64| word.wrapping_sub(ONES * n) & !word;
        let equal = |b: u8| below(eight ^ (ONES * u64::from(b)), 1);
        let ends = (below(eight, 0x20) | equal(b'"') | equal(b'\\')) & (ONES << 7);
        if ends != 0 {
            return Some(at + ends.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    let rest = bytes.get(at..)?;
    rest.iter().position(|b| *b < 0x20 || matches!(b, b'"' | b'\\')).map(|n| at + n)
}

/// The character of the escape after a backslash, and how long the escape is.
fn escape(rest: &str) -> Option<(char, usize)> {
    let c = match rest.as_bytes().first()? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unicode(rest),
        _ => return None,
    };
    Some((c, 1))
}

/// `u0040`, and two of them for what lies beyond the first plane; half a pair is nothing.
fn unicode(rest: &str) -> Option<(char, usize)> {
    let unit = |at: usize| {
        let hex = rest.get(at..at + 4).filter(|h| h.bytes().all(|b| b.is_ascii_hexdigit()))?;
        u32::from_str_radix(hex, 16).ok()
    };
    let first = unit(1)?;
    if !(0xd800..0xdc00).contains(&first) {
        return Some((char::from_u32(first)?, 5));
    }
    let second = rest.get(5..7).filter(|u| *u == "\\u").and_then(|_| unit(7))?;
    let low = second.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
    Some((char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + low)?, 11))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    /// The value of the first node, built back from the list.
    fn built(nodes: &[Node<'_>], id: NodeId) -> Value {
        let children = || (id + 1..nodes.len()).filter(|at| nodes[*at].parent == id);
        match &nodes[id].leaf {
            Leaf::Text(text) => text.as_ref().into(),
            Leaf::Whole(n) => (*n).into(),
            Leaf::Signed(n) => (*n).into(),
            Leaf::Real(n) => (*n).into(),
            Leaf::Nothing => Value::Null,
            Leaf::Container => match children().next().map(|at| &nodes[at].name) {
                Some(Name::Key(_)) => children()
                    .filter_map(|at| match &nodes[at].name {
                        Name::Key(key) => Some((key.clone().into_owned(), built(nodes, at))),
                        _ => None,
                    })
                    .collect::<serde_json::Map<_, _>>()
                    .into(),
                _ => children().map(|at| built(nodes, at)).collect::<Vec<_>>().into(),
            },
        }
    }

    /// What is told apart in a document, with numbers as this reader sees them and without kinds of nothing.
    fn plain(value: Value) -> Value {
        match value {
            Value::Bool(_) => Value::Null,
            Value::Number(n) => built(&[node(number(&n.to_string()).unwrap())], 0),
            Value::Array(list) => list.into_iter().map(plain).collect::<Vec<_>>().into(),
            Value::Object(map) if map.is_empty() => Value::Array(Vec::new()),
            Value::Object(map) => {
                map.into_iter().map(|(k, v)| (k, plain(v))).collect::<serde_json::Map<_, _>>().into()
            }
            other => other,
        }
    }

    fn node(leaf: Leaf<'static>) -> Node<'static> {
        Node { parent: 0, name: Name::Root, leaf }
    }

    fn whole(text: &str) -> Option<Value> {
        let (nodes, used) = read(text)?;
        is_rest_blank(text, used).then(|| built(&nodes, 0))
    }

    fn agrees(text: &str) {
        assert_eq!(whole(text), serde_json::from_str::<Value>(text).ok().map(plain), "{text:?}");
    }

    #[test]
    fn reads_what_serde_json_reads_and_nothing_else() {
        for text in [
            "{}",
            "[]",
            " [ 1 , -2 , 3.5e-3 ] ",
            "{\"a\":{\"b\":[true,false,null]},\"c\":\"\"}",
            "\"a\"",
            "0",
            "-0",
            "00",
            "01",
            "-",
            "1.",
            ".5",
            "1e",
            "1e+",
            "1E+2",
            "1e999",
            "18446744073709551615",
            "18446744073709551616",
            "-1e5",
            "[1,]",
            "[,1]",
            "[1 2]",
            "{\"a\":1,}",
            "{\"a\" 1}",
            "{a:1}",
            "{\"a\":1 \"b\":2}",
            "[",
            "{",
            "\"",
            "\"\\",
            "\"\\u",
            "tru",
            "truex",
            "nul",
            "1x",
            "[1]x",
            "\"\\u0041\\n\\/\\\"\\\\\\b\\f\\r\\t\"",
            "\"\\ud83d\\ude00\"",
            "\"\\ud83d\"",
            "\"\\ud83d\\u0041\"",
            "\"\\ude00\"",
            "\"\\u+041\"",
            "\"\\x41\"",
            "\"a\nb\"",
            "\"\u{7f}é日\"",
            "\"\\u00e9é\\n\"",
            "",
            " ",
            "\u{feff}{}",
            "{\"a\":1,\"b\":{},\"c\":[[]]}",
            "[\"a\\u0000\"]",
            "\u{b}1",
            "{\"\\n\":1}",
        ] {
            agrees(text);
        }
        for depth in [126, 127, 128, 129] {
            agrees(&format!("{}{}", "[".repeat(depth), "]".repeat(depth)));
        }
    }

    proptest! {
        #[test]
        fn agrees_with_serde_json(text in "[\\[\\]{}:, \"\\\\u0-9a-fde.+\\-\n]{0,24}") {
            agrees(&text);
        }

        #[test]
        fn agrees_on_strings(text in "\"(\\\\u[dD][89a-fA-F][0-9a-f]{2}|\\\\[nrtbfu/\"]|[a-z日]){0,6}\"") {
            agrees(&text);
        }
    }
}
