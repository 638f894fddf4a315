//! One pass that says which of the costlier detectors a text is worth.

use crate::category::Category;
use aho_corasick::AhoCorasick;
use std::sync::LazyLock;

/// Which groups of hints stand in a text: four bits for each category.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Hints(u64);

impl Hints {
    /// Whether one of a group of this category is in here.
    pub fn has(self, category: Category, group: u8) -> bool {
        self.0 & bit(category, group) != 0
    }
}

const fn bit(category: Category, group: u8) -> u64 {
    1 << (4 * (category as u64) + group as u64)
}

/// The automaton, and the bit of each of its patterns.
type Automaton = (AhoCorasick, Vec<u64>);

static ALL: LazyLock<Option<Automaton>> = LazyLock::new(|| {
    let (mut texts, mut bits) = (Vec::new(), Vec::new());
    for category in Category::ALL {
        for (group, hints) in (0..).zip(category.kind().hints) {
            texts.extend(hints.iter().copied());
            bits.resize(texts.len(), bit(category, group));
        }
    }
    let automaton = AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .kind(Some(aho_corasick::AhoCorasickKind::DFA))
        .build(texts)
        .ok()?;
    Some((automaton, bits))
});

impl Hints {
    /// What may be written in scripts beyond ASCII.
    pub const SCRIPTS: Self = Self(
        bit(Category::Email, 0)
            | bit(Category::PostalAddress, 0)
            | bit(Category::BirthDate, 0)
            | bit(Category::BankAccount, 0),
    );

    /// Both sets together.
    pub fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// The detectors that `text` is worth. The hints are ASCII; see [`Hints::SCRIPTS`].
pub(crate) fn hints(text: &str) -> Hints {
    let mut set = Hints::default();
    if let Some((automaton, bits)) = ALL.as_ref() {
        for found in automaton.find_overlapping_iter(text) {
            set.0 |= bits.get(found.pattern().as_usize()).copied().unwrap_or(0);
        }
    }
    set
}
