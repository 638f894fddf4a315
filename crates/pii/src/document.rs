//! A JSON document as a flat list of nodes that borrow from the input: cheaper than a tree, and duplicate keys stay visible.

use super::json;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// Index of a node in its document.
pub(super) type NodeId = usize;

/// What a node is called in its parent.
#[derive(Debug, Clone)]
pub(super) enum Name<'a> {
    /// The whole document.
    Root,
    /// A member of an object.
    Key(Cow<'a, str>),
    /// An element of an array.
    Index(usize),
}

/// What a node holds.
#[derive(Debug, Clone)]
pub(super) enum Leaf<'a> {
    /// An object or array; its children follow.
    Container,
    /// A string.
    Text(Cow<'a, str>),
    /// An unsigned whole number.
    Whole(u64),
    /// A negative number.
    Signed(i64),
    /// A broken number.
    Real(f64),
    /// true, false or null.
    Nothing,
}

impl Leaf<'_> {
    /// The value as a text, if it is a text or a number.
    pub fn written(&self) -> Option<String> {
        match self {
            Leaf::Text(text) => Some(text.clone().into_owned()),
            Leaf::Whole(number) => Some(number.to_string()),
            Leaf::Signed(number) => Some(number.to_string()),
            Leaf::Real(number) => Some(number.to_string()),
            Leaf::Container | Leaf::Nothing => None,
        }
    }
}

/// One value and where it hangs.
#[derive(Debug, Clone)]
pub(super) struct Node<'a> {
    /// The enclosing container; the root is its own parent. Always before the node itself.
    pub parent: NodeId,
    /// What it is called there.
    pub name: Name<'a>,
    /// What it holds.
    pub leaf: Leaf<'a>,
}

/// All nodes of a document, parents before children.
#[derive(Debug, Default)]
pub(super) struct Document<'a> {
    nodes: Vec<Node<'a>>,
}

impl<'a> Document<'a> {
    /// Parses JSON bytes; `None` when they are not exactly one JSON document (or nested deeper than `serde_json` goes).
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let (document, used) = Self::parse_prefix(text)?;
        json::is_rest_blank(text, used).then_some(document)
    }

    /// Parses the JSON document that `text` begins with; gives it with the number of bytes it took.
    pub fn parse_prefix(text: &'a str) -> Option<(Self, usize)> {
        let (nodes, used) = json::read(text)?;
        Some((Self { nodes }, used))
    }

    /// Reads one value from any deserializer, such as a `&Value`.
    pub fn read<D: Deserializer<'a>>(de: D) -> Result<Self, D::Error> {
        let mut document = Self { nodes: Vec::with_capacity(64) };
        Builder { nodes: &mut document.nodes, parent: 0, name: Name::Root }.deserialize(de)?;
        Ok(document)
    }

    /// All nodes, parents before children.
    pub fn nodes(&self) -> &[Node<'a>] {
        &self.nodes
    }

    /// The RFC 6901 pointer of `node` seen from `root`.
    pub fn pointer(&self, root: NodeId, node: NodeId) -> String {
        let mut steps = Vec::new();
        let mut at = node;
        while at != root {
            let Some(n) = self.nodes.get(at) else { break };
            steps.push(&n.name);
            if n.parent == at {
                break;
            }
            at = n.parent;
        }
        let mut out = String::new();
        for step in steps.iter().rev() {
            match step {
                Name::Root => {}
                Name::Key(key) => {
                    out.push('/');
                    out.push_str(&pointer_step(key));
                }
                Name::Index(index) => {
                    out.push('/');
                    out.push_str(&index.to_string());
                }
            }
        }
        out
    }
}

/// Appends one value and its children to the list.
struct Builder<'n, 'a> {
    nodes: &'n mut Vec<Node<'a>>,
    parent: NodeId,
    name: Name<'a>,
}

impl<'a> Builder<'_, 'a> {
    fn push<E>(self, leaf: Leaf<'a>) -> Result<(), E> {
        self.nodes.push(Node { parent: self.parent, name: self.name, leaf });
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Builder<'_, 'de> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, de: D) -> Result<(), D::Error> {
        de.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Builder<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        self.push(Leaf::Nothing)
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        self.push(Leaf::Nothing)
    }
    fn visit_u64<E>(self, v: u64) -> Result<(), E> {
        self.push(Leaf::Whole(v))
    }
    fn visit_i64<E>(self, v: i64) -> Result<(), E> {
        self.push(u64::try_from(v).map_or(Leaf::Signed(v), Leaf::Whole))
    }
    fn visit_f64<E>(self, v: f64) -> Result<(), E> {
        self.push(Leaf::Real(v))
    }
    fn visit_borrowed_str<E>(self, v: &'de str) -> Result<(), E> {
        self.push(Leaf::Text(Cow::Borrowed(v)))
    }
    fn visit_str<E>(self, v: &str) -> Result<(), E> {
        self.push(Leaf::Text(Cow::Owned(v.to_owned())))
    }
    fn visit_string<E>(self, v: String) -> Result<(), E> {
        self.push(Leaf::Text(Cow::Owned(v)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let id = self.nodes.len();
        self.nodes.push(Node { parent: self.parent, name: self.name, leaf: Leaf::Container });
        let mut index = 0;
        while seq
            .next_element_seed(Builder { nodes: self.nodes, parent: id, name: Name::Index(index) })?
            .is_some()
        {
            index += 1;
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let id = self.nodes.len();
        self.nodes.push(Node { parent: self.parent, name: self.name, leaf: Leaf::Container });
        let mut first_is_number = false;
        while let Some(key) = map.next_key_seed(KeySeed)? {
            first_is_number = self.nodes.len() == id + 1 && key == NUMBER;
            map.next_value_seed(Builder { nodes: self.nodes, parent: id, name: Name::Key(key) })?;
        }
        if first_is_number {
            number(self.nodes, id);
        }
        Ok(())
    }
}

/// The one key under which `serde_json` hands a number over as text (its feature `arbitrary_precision`).
const NUMBER: &str = "$serde_json::private::Number";

/// Makes the object at `id` the number that it stands for.
fn number(nodes: &mut Vec<Node<'_>>, id: NodeId) {
    let Some([object, Node { leaf: Leaf::Text(text), .. }]) = nodes.get_mut(id..) else { return };
    let Some(leaf) = json::number(text) else { return };
    object.leaf = leaf;
    nodes.truncate(id + 1);
}

/// Reads an object key, borrowed where the input allows.
struct KeySeed;

impl<'de> DeserializeSeed<'de> for KeySeed {
    type Value = Cow<'de, str>;
    fn deserialize<D: Deserializer<'de>>(self, de: D) -> Result<Self::Value, D::Error> {
        de.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for KeySeed {
    type Value = Cow<'de, str>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }
    fn visit_borrowed_str<E>(self, v: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(v))
    }
    fn visit_str<E>(self, v: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(v.to_owned()))
    }
    fn visit_string<E>(self, v: String) -> Result<Self::Value, E> {
        Ok(Cow::Owned(v))
    }
}

/// A key as a step of a JSON pointer (RFC 6901).
#[must_use]
pub fn pointer_step(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// The key that a step of a JSON pointer is.
pub(crate) fn unescaped(step: &str) -> String {
    step.replace("~1", "/").replace("~0", "~")
}
