//! One pass that says which of the costlier detectors a text is worth.

use crate::category::Category;
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

/// A text that is looked for, in small letters.
struct Hint {
    text: &'static [u8],
    /// Where its rarest pair of bytes stands in it.
    pair: usize,
    bits: u64,
}

/// How many bytes are told apart; all bytes that are in no hint are alike.
const FOLDED: usize = 64;

/// The hints by their rarest pair of bytes: nearly all places of a text are left after one look at a small table, and no look
/// waits for the one before it, as the steps of an automaton do.
struct Index {
    /// The number of each byte, in any case.
    fold: [u8; 256],
    /// The list of a pair, 0 for none.
    slots: Box<[u16; FOLDED * FOLDED]>,
    lists: Vec<Vec<Hint>>,
}

impl Index {
    fn new() -> Self {
        let mut index =
            Self { fold: [0; 256], slots: Box::new([0; FOLDED * FOLDED]), lists: vec![Vec::new()] };
        let mut last = 0;
        for category in Category::ALL {
            for (group, hints) in (0..).zip(category.kind().hints) {
                for text in *hints {
                    index.add(text.as_bytes(), bit(category, group), &mut last);
                }
            }
        }
        index
    }

    fn add(&mut self, text: &'static [u8], bits: u64, last: &mut u8) {
        for b in text {
            if self.fold[usize::from(*b)] == 0 {
                // Bytes that share a number cost a comparison now and then.
                *last = (*last + 1).min(FOLDED as u8 - 1);
                self.fold[usize::from(b.to_ascii_lowercase())] = *last;
                self.fold[usize::from(b.to_ascii_uppercase())] = *last;
            }
        }
        let common = |pair: &[u8]| pair.iter().map(|b| commonness(*b)).product::<usize>();
        let pairs = text.windows(2).enumerate();
        let Some((pair, bytes)) = pairs.min_by_key(|(_, pair)| common(pair)) else { return };
        let [first, second] = [0, 1].map(|i| bytes.get(i).map_or(0, |b| self.fold[usize::from(*b)]));
        let slot = &mut self.slots[slot(first, second)];
        if *slot == 0 {
            *slot = u16::try_from(self.lists.len()).unwrap_or(0);
            self.lists.push(Vec::new());
        }
        if let Some(list) = self.lists.get_mut(usize::from(*slot)) {
            list.push(Hint { text, pair, bits });
        }
    }

    /// The hints that have their pair at `at`.
    fn look(&self, text: &[u8], at: usize, slot: u16) -> u64 {
        let stands = |hint: &&Hint| {
            let start = at.checked_sub(hint.pair);
            let written = start.and_then(|start| text.get(start..start + hint.text.len()));
            written.is_some_and(|w| w.eq_ignore_ascii_case(hint.text))
        };
        let list = self.lists.get(usize::from(slot)).map_or(&[][..], Vec::as_slice);
        list.iter().filter(stands).fold(0, |bits, hint| bits | hint.bits)
    }
}

/// The place of a pair in the table.
fn slot(first: u8, second: u8) -> usize {
    (usize::from(first) * FOLDED + usize::from(second)) % (FOLDED * FOLDED)
}

/// How common a byte is in English text: letters by their order, all others are rare.
fn commonness(b: u8) -> usize {
    const RARE_FIRST: &[u8] = b"zqjxkvbywgpfmucdlhrsnioate ";
    RARE_FIRST.iter().position(|c| *c == b).map_or(4, |at| at + 4)
}

static ALL: LazyLock<Index> = LazyLock::new(Index::new);

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
    let index = &*ALL;
    let mut bits = 0;
    let mut before = 0;
    for (at, b) in text.bytes().enumerate() {
        let here = index.fold[usize::from(b)];
        let slot = index.slots[slot(before, here)];
        if slot != 0 {
            bits |= index.look(text.as_bytes(), at.wrapping_sub(1), slot);
        }
        before = here;
    }
    Hints(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hint_is_seen_in_any_case_and_place() {
        for category in Category::ALL {
            for (group, list) in (0..).zip(category.kind().hints) {
                for hint in *list {
                    for text in [
                        (*hint).to_owned(),
                        hint.to_uppercase(),
                        format!("x{hint}"),
                        format!("জন্ম {hint}{hint}é"),
                    ] {
                        assert!(hints(&text).has(category, group), "{text}");
                    }
                    // All but its last letter is another text.
                    let short = &hint[..hint.len() - 1];
                    let others = list.iter().any(|other| short.contains(other));
                    assert_eq!(hints(short).has(category, group), others, "{short}");
                }
            }
        }
        assert_eq!(hints("Maps are set for the finals."), Hints::default());
    }
}
