//! Values that are about a field and not of it: its caption in some language, who may see it, what is wrong with it, its type or the column
//! it goes to. `labels: {first_name: "Vorname"}` names nobody.

use super::category::Category;
use super::detect::name;
use super::document::{Document, Leaf, Name, NodeId};
use super::finding::Detector;
use super::hits::Hits;
use super::judge::Context;
use super::keys::{self, Describes, Says, among};
use super::text;

/// What the members of an object with keys of a known form show: a phone without a digit is a word about phones.
#[derive(Debug, Default)]
pub(super) struct Shown {
    fit: bool,
    /// Members that cannot be what their key says.
    fail: u8,
    first: String,
    distinct: bool,
    capitals: bool,
}

impl Shown {
    /// Notes the text of a member, whose key says something.
    pub fn note(&mut self, key: &str, says: Says, value: &str) {
        let Some(by_sign) = form(key, says) else { return };
        let digits = value.chars().filter(|c| c.is_numeric()).count();
        if value.contains('@') && value.len() > 6 || !by_sign && digits >= 6 {
            self.fit = true;
        } else if digits == 0 && is_word_about(value) {
            self.fail = self.fail.saturating_add(1);
            self.distinct |= self.fail > 1 && self.first != value;
            self.capitals |= value.contains(char::is_uppercase);
            if self.fail == 1 {
                value.clone_into(&mut self.first);
            }
        }
    }

    /// Whether the object is about fields, for a value in it that would be a name. Words about fields are written alike: `Ayesha` is
    /// somebody even beside a phone that is `pending`.
    pub fn is_about_fields(&self, around: Describes, value: &str) -> bool {
        let alike = self.capitals || !value.contains(char::is_uppercase);
        let alike = alike && (!value.contains(char::is_numeric) || value.contains(' '));
        match around {
            _ if self.fit => false,
            Describes::Fields => true,
            Describes::Perhaps => self.fail >= 1 && alike,
            Describes::Nothing => self.fail >= 2 && self.distinct && alike,
        }
    }
}

/// Whether values under a key are known by their form, and whether it is the `@` that they need, or digits.
fn form(key: &str, says: Says) -> Option<bool> {
    let mail = |key: &str| {
        let end = |word: &str| {
            key.len() >= word.len()
                && key.is_char_boundary(key.len() - word.len())
                && key.get(key.len() - word.len()..).is_some_and(|end| end.eq_ignore_ascii_case(word))
        };
        end("email") || end("mail")
    };
    if mail(key) {
        return Some(true);
    }
    match says {
        Says::Of(Category::Phone | Category::BirthDate | Category::IpAddress, _) => Some(false),
        _ => None,
    }
}

/// A word or two that somebody wrote, and that say neither that there is no value nor that it was taken out.
fn is_word_about(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    let none = ["not ", "no ", "unknown", "unavailable", "unset", "withheld", "declined", "refused"]
        .iter()
        .any(|start| lower.starts_with(start));
    let coded = !value.contains([' ', '-', '_']) && super::detect::token::is_random(value);
    !none
        && !coded
        && value.len() <= 48
        && value.chars().any(char::is_alphabetic)
        && !text::is_placeholder(value)
}

/// How many nodes on either side are looked at.
const NEAR: usize = 16;

/// The texts of the object that the node at `id` is in.
fn beside<'d>(document: &'d Document<'_>, id: NodeId) -> impl Iterator<Item = (&'d str, &'d str)> {
    let nodes = document.nodes();
    let parent = nodes.get(id).map(|own| own.parent);
    let near = nodes.get(id.saturating_sub(NEAR)..(id + NEAR).min(nodes.len())).unwrap_or_default();
    near.iter().filter(move |node| Some(node.parent) == parent).filter_map(|node| {
        match (&node.name, &node.leaf) {
            (Name::Key(key), Leaf::Text(text)) => Some((key.as_ref(), text.as_ref())),
            _ => None,
        }
    })
}

/// What the members of the object that the node at `id` is in show.
fn shown_beside(document: &Document<'_>, id: NodeId) -> Shown {
    let mut shown = Shown::default();
    beside(document, id).for_each(|(key, text)| shown.note(key, keys::classify(key).says, text));
    shown
}

/// Whether the object that the node at `id` is in says of itself that it is a thing: `{"type": "repository", "name": "widgets"}`.
fn is_of_thing(document: &Document<'_>, id: NodeId) -> bool {
    beside(document, id).any(|(key, text)| {
        let word = text.to_ascii_lowercase();
        among("type object kind __typename resource_type Type", key) && keys::is_thing(&word)
    })
}

/// Whether `value` is made of the title beside it, as shops call what they sell: `{"title": "My Hats", "handle": "my-hats"}`.
fn is_of_title(document: &Document<'_>, id: NodeId, value: &str) -> bool {
    let letters = |text: &str| -> String {
        text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    };
    beside(document, id).any(|(key, text)| key == "title" && letters(text) == letters(value))
}

/// Drops the names at a node that name nobody: words about fields, and names of things. `around` is the object that the node is in.
pub(super) fn drop_of_nobody(
    document: &Document<'_>,
    (id, context, around): (NodeId, Context, Describes),
    hits: &mut Hits,
) {
    let shown = shown_beside(document, id);
    let thing = context.says == name::BARE && is_of_thing(document, id);
    hits.drop_words(|value| {
        thing || shown.is_about_fields(around, value) || is_of_title(document, id, value)
    });
}

/// Whether a category has no form of its own, so that words about a field pass for its values.
pub(super) fn is_of_words(says: Says) -> bool {
    matches!(says, Says::Of(Category::Name | Category::Username, _))
}

impl Hits {
    /// Whether a value is there because its key says so, and for no other reason.
    pub(super) fn has_keyed_words(&self) -> bool {
        self.list.iter().any(|hit| hit.detector == Detector::Key && is_of_words(Says::Of(hit.category, 0)))
    }

    /// Drops names that are words about fields, or otherwise of nobody.
    pub(super) fn drop_words(&mut self, is_about: impl Fn(&str) -> bool) {
        self.list.retain(|hit| {
            let named = hit.detector == Detector::Key && is_of_words(Says::Of(hit.category, 0));
            !(named && is_about(&hit.value))
        });
    }
}
