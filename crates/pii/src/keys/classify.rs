//! Classifies a key once; the classes of keys that were seen before are remembered per thread.

use super::captions::{Describes, describes};
use super::foreign;
use super::opaque::{is_measure, is_modifier, is_thing_numbered, is_version, is_versioned};
use super::roles::{Role, role, whose};
use super::words::{MAX_KEY, among, singular, words};
use crate::category::Category;
use crate::detect::Kind;
use crate::text::{self, Classes};
use foldhash::fast::RandomState;
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::LazyLock;

/// What a key says about a value under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Says {
    /// Nothing in particular.
    Nothing,
    /// A value of this category; the grade is the category's own affair.
    Of(Category, u8),
    /// A version, or a reference into a document.
    Version,
    /// The name or address of a machine.
    Host,
    /// A browser's description of itself.
    UserAgent,
    /// An opaque identifier or a measure.
    Opaque,
    /// Just `id`, `uid` or `tag`: the identifier of the object around it.
    Id,
    /// A part of what the parent key says (`value`, `number`, `primary`).
    Part,
}

impl Says {
    /// Digits under such a key number something that is neither a phone nor a card.
    pub fn numbers_other(self) -> bool {
        match self {
            Self::Opaque | Self::Id | Self::Version | Self::UserAgent => true,
            Self::Of(category, grade) => (category.kind().own_digits)(grade),
            Self::Nothing | Self::Part | Self::Host => false,
        }
    }
}

/// Whom a place belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    Person,
    /// A venue, a business, a machine.
    Place,
    Unknown,
}

/// The class of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key {
    pub says: Says,
    pub role: Role,
    pub whose: Whose,
    /// Which member of a record this is, such as the year of a date or the code of a bank.
    pub member: Option<(Category, u8)>,
    /// Whether an object under it is about fields.
    pub describes: Describes,
    /// The key holds data rather than a name.
    pub data: bool,
}

impl Key {
    /// The class of a key that says nothing.
    const PLAIN: Self = Self {
        says: Says::Nothing,
        role: Role::Other,
        whose: Whose::Unknown,
        member: None,
        describes: Describes::Nothing,
        data: false,
    };
}

/// The words of a key, without modifiers such as `old` or `raw` at the end.
#[derive(Clone, Copy)]
pub(crate) struct Words<'w> {
    pub all: &'w [String],
    /// The singular of the last word, and of the one before it.
    pub last: &'w str,
    pub prev: &'w str,
}

impl<'w> Words<'w> {
    fn new(all: &'w [String]) -> Self {
        let nth = |n: usize| all.len().checked_sub(n).and_then(|i| all.get(i)).map_or("", |w| singular(w));
        Self { all, last: nth(1), prev: nth(2) }
    }

    /// How many words there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether one of the words is in `list`.
    pub fn any(&self, list: &str) -> bool {
        self.all.iter().any(|w| among(list, w) || among(list, singular(w)))
    }

    /// The words joined by blanks.
    pub fn joined(&self) -> String {
        self.all.join(" ")
    }
}

/// How many classes a thread remembers; a stream of ever new keys starts over.
const REMEMBERED: usize = 4096;

thread_local! {
    static SEEN: RefCell<HashMap<Box<str>, Key, RandomState>> = RefCell::new(HashMap::default());
}

/// The kinds in the order in which they are asked about a key.
static KINDS: LazyLock<Vec<(Category, &'static Kind)>> = LazyLock::new(|| {
    let mut kinds: Vec<_> = Category::ALL.iter().map(|c| (*c, c.kind())).collect();
    kinds.sort_by_key(|(_, kind)| kind.order);
    kinds
});

/// The class of a key, header name or query parameter.
pub(crate) fn classify(key: &str) -> Key {
    if key.len() > MAX_KEY {
        return Key { data: is_data(key), ..Key::PLAIN };
    }
    SEEN.with_borrow_mut(|seen| {
        if let Some(known) = seen.get(key) {
            return *known;
        }
        if seen.len() >= REMEMBERED {
            seen.clear();
        }
        let class = wrapper(key).unwrap_or_else(|| Key { data: is_data(key), ..classify_words(&words(key)) });
        seen.insert(key.into(), class);
        class
    })
}

/// The class of a key that only says of which type the value is, and stands between it and its own key: of MongoDB's Extended JSON,
/// DynamoDB and XML written as JSON.
fn wrapper(key: &str) -> Option<Key> {
    const TYPES: [&str; 16] = [
        "$date",
        "$numberLong",
        "$numberInt",
        "$numberDouble",
        "$numberDecimal",
        "$symbol",
        "$t",
        "$text",
        "_text",
        "#text",
        "S",
        "N",
        "SS",
        "NS",
        "L",
        "M",
    ];
    // The month of a date is called so, too.
    let member = if key == "M" { classify_words(&words(key)).member } else { None };
    TYPES.contains(&key).then_some(Key { says: Says::Part, role: Role::Wrapper, member, ..Key::PLAIN })
}

/// A language, with a country or without: `fr`, `pt-BR`.
pub(crate) fn is_locale(key: &str) -> bool {
    let letters = |part: &[u8]| part.iter().all(u8::is_ascii_alphabetic);
    match key.as_bytes() {
        [a, b] => letters(&[*a, *b]),
        [a, b, b'-' | b'_', c, d] => letters(&[*a, *b, *c, *d]),
        _ => false,
    }
}

/// A key that holds data rather than a name: more than letters, digits and separators, or long.
fn is_data(key: &str) -> bool {
    let (classes, digits) = text::survey(key);
    let marks = Classes::AT
        .or(Classes::DOT)
        .or(Classes::COLON)
        .or(Classes::PERCENT)
        .or(Classes::WIDE)
        .or(Classes::EQUALS)
        .or(Classes::SLASH)
        .or(Classes::AMPERSAND)
        .or(Classes::BACKSLASH)
        .or(Classes::PLUS)
        .or(Classes::BRACE);
    classes.has(marks) || digits >= 6 || key.len() >= 24
}

/// The class of a key that was cut into words.
fn classify_words(all: &[String]) -> Key {
    let (role, whose, describes) = (role(all), whose(all), describes(all));
    let mut words = all;
    while let Some((last, front)) = words.split_last() {
        // The value in a cell is that of a table.
        let of_table = last == "value" && front.last().is_some_and(|w| singular(w) == "cell");
        if front.is_empty() || !is_modifier(last) || of_table {
            break;
        }
        words = front;
    }
    if words.is_empty() {
        return Key { says: Says::Part, role: Role::Wrapper, whose, describes, ..Key::PLAIN };
    }
    let words = Words::new(words);
    let member = KINDS.iter().find_map(|(c, kind)| (kind.member)(&words).map(|part| (*c, part)));
    let own = says(&words);
    let said = match own {
        Says::Nothing | Says::Part => foreign::english(all).map(says_in_english),
        // `telefon_id` numbers a phone, `steuer_id` is a number of the state.
        Says::Opaque => foreign::english(all).filter(|key| *key == "national id").map(says_in_english),
        _ => None,
    };
    Key { says: said.unwrap_or(own), role, whose, member, describes, data: false }
}

/// What a key in another language says; it is not remembered.
pub(crate) fn says_abroad(key: &str) -> Says {
    foreign::english(&words(key)).map_or(Says::Nothing, |english| classify(english).says)
}

/// What an English key says.
fn says_in_english(key: &str) -> Says {
    says(&Words::new(&words(key)))
}

/// What the key says about a leaf under it.
fn says(words: &Words<'_>) -> Says {
    let Words { last, prev, .. } = *words;
    let mailer = last == "mailer" && prev == "x" || last == "prodid";
    if last == "agent" && prev == "user" || last == "ua" || last == "browser" || mailer {
        return Says::UserAgent;
    }
    if let Some(says) = KINDS.iter().find_map(|(c, kind)| (kind.key)(words).map(|grade| Says::Of(*c, grade)))
    {
        return says;
    }
    // The firmware of a gateway is a version, the server that builds is a machine.
    if matches!(last, "host" | "hostname") || prev == "build" && matches!(last, "server" | "machine" | "node")
    {
        return Says::Host;
    }
    let versioned = words.all.iter().any(|w| matches!(w.as_str(), "version" | "firmware" | "build"));
    let numbers_version =
        matches!(last, "no" | "number" | "num" | "nr" | "id" | "ref" | "code" | "note" | "tag");
    let tagged = last == "tag" && matches!(prev, "image" | "docker" | "chart" | "git" | "app" | "container");
    if is_version(last) || numbers_version && is_versioned(prev) || versioned || tagged {
        return Says::Version;
    }
    if words.len() == 1 && matches!(last, "id" | "uid" | "tag") {
        return Says::Id;
    }
    // `X-Cloud-Trace-Context`, `traceparent`
    let traced = words.any("trace traceparent tracestate") && !words.any("stack");
    let numbered = matches!(last, "number" | "no" | "num" | "code" | "nr") && is_thing_numbered(prev);
    if is_measure(last) || numbered || traced {
        return Says::Opaque;
    }
    if let Some(says) = KINDS.iter().find_map(|(c, kind)| (kind.weak_key)(words).map(|g| Says::Of(*c, g))) {
        return says;
    }
    if words.len() == 1 && is_part(last) { Says::Part } else { Says::Nothing }
}

/// Words that stand for a part of what the parent key names.
pub(super) fn is_part(word: &str) -> bool {
    is_modifier(word)
        || among(
            "number no text home work mobile main first last middle given family full from to item entry national \
display personal other full_number",
            word,
        )
}
