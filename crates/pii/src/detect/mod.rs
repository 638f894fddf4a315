//! The kinds of values, one file each: what its keys are, what it looks like, and what around it speaks for and against.
//!
//! A kind is a [`Kind`]: a constant with hooks. The engine asks every kind the same questions, so that a new one is a file
//! here and a line in `category.rs`.

pub(crate) mod account;
pub(crate) mod bank;
pub(crate) mod birth;
pub(crate) mod card;
mod check_digits;
pub(crate) mod crypto;
pub(crate) mod date;
pub(crate) mod device;
pub(crate) mod digits;
pub(crate) mod email;
pub(crate) mod geo;
pub(crate) mod gov;
mod hints;
pub(crate) mod iban;
pub(crate) mod ip;
mod keccak;
mod logged;
pub(crate) mod name;
mod obfuscated;
pub(crate) mod pairs;
pub(crate) mod phone;
mod phone_plans;
mod phone_words;
pub(crate) mod postal;
mod read_on;
mod streets;
pub(crate) mod token;
pub(crate) mod username;
mod vendor;
mod version;

pub(crate) use hints::{Hints, hints};
pub(crate) use read_on::read_on;

use crate::canary::Canaries;
use crate::category::Category;
use crate::hits::Hits;
use crate::judge::Context;
use crate::keys::Words;
use crate::text::Classes;
use std::ops::Range;
use std::sync::LazyLock;

/// How values of one category are found. A hook that a kind does not need is the one of [`Kind::NONE`].
pub(crate) struct Kind {
    /// Kinds of a lower number are asked about a key first.
    pub order: u8,
    /// What a key says about the value under it, as a grade of this kind.
    pub key: fn(&Words<'_>) -> Option<u8>,
    /// The same for keys that say something only when they are no identifier, measure or version.
    pub weak_key: fn(&Words<'_>) -> Option<u8>,
    /// Whether digits under a key of that grade are this kind's own, and no phone or card.
    pub own_digits: fn(u8) -> bool,
    /// The least JSON number that is judged under such a key; counts are written as numbers, too.
    pub least_number: u64,
    /// Adds the value under such a key when it is what the key says.
    pub judge: fn(&Keyed<'_>, &mut Hits),
    /// Groups of texts, in any case; `find` asks whether one of a group stands in a view.
    /// At most eight groups.
    pub hints: &'static [&'static [&'static str]],
    /// What the first group hints at is written in scripts beyond ASCII, too, in which no hints are looked for.
    pub scripts: bool,
    /// Adds values whose characters belong to no other kind, and gives where they stand.
    pub cover: Option<Cover>,
    /// Adds values in a run of digits.
    pub number: Option<Number>,
    /// Adds values known by their form, or by words beside them.
    pub find: Option<Find>,
    /// Which member of a record a key is, such as the year of a date.
    pub member: fn(&Words<'_>) -> Option<u8>,
    /// What the members of one object say together.
    pub record: fn(&[Member<'_>], Context) -> Option<Joint>,
    /// Categories that would take the digits of such a record for their own.
    pub disowns: &'static [Category],
    /// The excerpt of a value.
    pub mask: fn(&str) -> String,
}

pub(crate) type Cover = fn(&View<'_>, &mut Hits, &mut Vec<Range<usize>>);
pub(crate) type Number = fn(&digits::Run<'_>, &View<'_>, &mut Hits);
pub(crate) type Find = fn(&View<'_>, &mut Hits);

/// The hooks of all kinds that have them, so that most texts ask few.
pub(crate) static COVERS: LazyLock<Vec<Cover>> =
    LazyLock::new(|| Category::ALL.iter().filter_map(|c| c.kind().cover).collect());
pub(crate) static NUMBERS: LazyLock<Vec<Number>> =
    LazyLock::new(|| Category::ALL.iter().filter_map(|c| c.kind().number).collect());
pub(crate) static FINDS: LazyLock<Vec<Find>> =
    LazyLock::new(|| Category::ALL.iter().filter_map(|c| c.kind().find).collect());

impl Kind {
    /// A kind that is never found.
    pub const NONE: Self = Self {
        order: 255,
        key: |_| None,
        weak_key: |_| None,
        own_digits: |_| false,
        least_number: u64::MAX,
        judge: |_, _| {},
        hints: &[],
        scripts: false,
        cover: None,
        number: None,
        find: None,
        member: |_| None,
        record: |_, _| None,
        disowns: &[],
        mask: |_| "***".into(),
    };
}

/// A value and what its key says.
pub(crate) struct Keyed<'v> {
    pub value: &'v str,
    pub grade: u8,
    pub context: Context,
}

/// A text in its normal form, and what is known about it.
pub(crate) struct View<'v> {
    pub text: &'v str,
    pub context: Context,
    pub classes: Classes,
    /// Where its groups of digits stand, when it has enough of them for any kind.
    pub groups: &'v [digits::Group],
    /// Its digits; none of them counts when the decoded text shows them better.
    pub digits: usize,
    /// Words are joined by `+`, and the text without it is scanned too.
    pub joined: bool,
    /// It has several groups of digits with nothing but punctuation between them, and digits that may be a phone number so.
    pub grouped: bool,
    pub hints: Hints,
    pub canaries: [&'v Canaries; 2],
}

impl View<'_> {
    /// Digits of the whole value number something: it stands under such a key, and is no sentence.
    pub fn is_opaque(&self) -> bool {
        self.context.says.numbers_other()
            && self.text.split_whitespace().filter(|w| w.bytes().any(|b| b.is_ascii_alphabetic())).count()
                <= 1
    }
}

/// A member of an object that may say something together with others.
pub(crate) struct Member<'v> {
    pub part: u8,
    pub value: &'v str,
}

/// A value that several members make.
pub(crate) struct Joint {
    pub value: String,
    /// The member whose place is the value's; the object's own place when there is none.
    pub at: Option<usize>,
}
