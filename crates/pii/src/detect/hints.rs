//! One pass that says which of the costlier detectors a text is worth.

use crate::category::Category;
use std::sync::LazyLock;

/// Which groups of hints stand in a text: eight bits for each category.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Hints(u128);

impl Hints {
    /// Whether one of a group of this category is in here.
    pub fn has(self, category: Category, group: u8) -> bool {
        self.0 & bit(category, group) != 0
    }
}

const fn bit(category: Category, group: u8) -> u128 {
    1 << (8 * (category as u32) + group as u32)
}

/// A text that is looked for, in small letters.
struct Hint {
    text: &'static [u8],
    /// Where the three bytes of the row end in it.
    end: usize,
    bits: u128,
    /// Its first eight bytes, which of them it has, and in which of those letters any case will do.
    front: u64,
    known: u64,
    small: u64,
}

impl Hint {
    fn new(text: &'static [u8], end: usize, bits: u128) -> Self {
        let eight = |byte: &dyn Fn(u8) -> u8| {
            let mut eight = [0; 8];
            eight.iter_mut().zip(text).for_each(|(to, b)| *to = byte(*b));
            u64::from_le_bytes(eight)
        };
        let small = eight(&|b| if b.is_ascii_lowercase() { 0x20 } else { 0 });
        Self { text, end, bits, front: eight(&|b| b), known: eight(&|_| 0xff), small }
    }
}

/// How many bytes are told apart, and how many rows of three of them there are.
const FOLDED: u16 = 32;
const ROWS: usize = 1 << 15;

/// The hints by three bytes of them: one look at a small table tells of nearly all places of a text that no hint stands there, and
/// no look waits for the one before it, as the steps of an automaton do. Only every other place is looked at: each hint is found by
/// three of its bytes that end at an even place of it, and by three at an odd one.
struct Index {
    /// The number of each byte, in any case; 0 for bytes that are in no hint.
    fold: [u8; 256],
    /// Whether a row is in a hint, a bit for each.
    known: [u64; ROWS / 64],
    /// The list of a row that is known.
    slots: Vec<u16>,
    lists: Vec<Row>,
}

/// The hints of a row, and which numbers the bytes right before and behind it have in them, a bit for each.
#[derive(Default)]
struct Row {
    before: u32,
    behind: u32,
    /// What they are hints for.
    bits: u128,
    hints: Vec<Hint>,
}

impl Index {
    fn new() -> Self {
        let mut index =
            Self { fold: [0; 256], known: [0; ROWS / 64], slots: vec![0; ROWS], lists: Vec::new() };
        let all = || {
            Category::ALL
                .iter()
                .flat_map(|c| (0..).zip(c.kind().hints).map(move |(group, list)| (*c, group, list)))
        };
        for b in all().flat_map(|(_, _, list)| list.iter()).flat_map(|text| text.bytes()) {
            index.fold[usize::from(b)] = folded(b);
            index.fold[usize::from(b.to_ascii_uppercase())] = folded(b);
        }
        for (category, group, list) in all() {
            for text in *list {
                index.add(text.as_bytes(), bit(category, group));
            }
        }
        index
    }

    fn add(&mut self, text: &'static [u8], bits: u128) {
        let common = |bytes: &[u8]| bytes.iter().map(|b| commonness(*b)).product::<usize>();
        let row = |bytes: &[u8]| bytes.iter().fold(0, |row, b| next(row, folded(*b)));
        let mut put = |row, end| self.put(row, Hint::new(text, end, bits));
        let neighbours = (0..).zip(text.windows(3).zip(text.windows(3).skip(1)));
        match neighbours.min_by_key(|(_, (one, other))| common(one) + common(other)) {
            Some((start, (one, other))) => {
                put(row(one), start + 2);
                put(row(other), start + 3);
            }
            // Two bytes with whatever stands before them, and with the third, which is anything for a hint that has none.
            None => {
                let two = text.get(..2).unwrap_or_default();
                let third = text.get(2).map_or(0..FOLDED, |b| {
                    let number = u16::from(folded(*b));
                    number..number + 1
                });
                let before = |first| two.iter().fold(first, |row, b| next(row, folded(*b)));
                (0..FOLDED).for_each(|first| put(before(first), 1));
                third.for_each(|third| put(row(two) % 0x400 * FOLDED + third, 2));
            }
        }
    }

    fn put(&mut self, row: u16, hint: Hint) {
        let known = self.knows(row);
        let row = usize::from(row) % ROWS;
        if !known {
            self.known[row / 64] |= 1 << (row % 64);
            self.slots[row] = u16::try_from(self.lists.len()).unwrap_or(0);
            self.lists.push(Row::default());
        }
        if let Some(list) = self.lists.get_mut(usize::from(self.slots[row])) {
            // At an end of a hint anything may stand.
            let beside =
                |at: Option<usize>| at.and_then(|at| hint.text.get(at)).map_or(u32::MAX, |b| 1 << folded(*b));
            list.before |= beside(hint.end.checked_sub(3));
            list.behind |= beside(Some(hint.end + 1));
            list.bits |= hint.bits;
            list.hints.push(hint);
        }
    }

    /// Whether a row is in a hint.
    fn knows(&self, row: u16) -> bool {
        let row = usize::from(row) % ROWS;
        self.known[row / 64] >> (row % 64) & 1 != 0
    }

    /// The hints whose three bytes, those of `row`, end at `at`; those that are known `already` are not looked for again.
    fn look(&self, text: &[u8], at: usize, (row, already): (u16, u128)) -> u128 {
        let slot = self.slots.get(usize::from(row)).copied().unwrap_or(0);
        let Some(row) = self.lists.get(usize::from(slot)).filter(|row| row.bits & !already != 0) else {
            return 0;
        };
        let number =
            |at: Option<usize>| at.and_then(|at| text.get(at)).map_or(0, |b| self.fold[usize::from(*b)]);
        let fits = row.before >> number(at.checked_sub(3)) & row.behind >> number(Some(at + 1)) & 1 != 0;
        if fits { compare(&row.hints, text, (at, already)) } else { 0 }
    }
}

/// What is known `already`, and what those of `hints` say that stand in `text` with their three bytes before `at`.
#[cold]
fn compare(hints: &[Hint], text: &[u8], (at, already): (usize, u128)) -> u128 {
    let stands = |hint: &Hint| {
        let Some(rest) = at.checked_sub(hint.end).and_then(|start| text.get(start..)) else { return false };
        // Eight bytes at once tell of most that they are another text.
        let differs = |eight: &[u8; 8]| (u64::from_le_bytes(*eight) | hint.small) & hint.known != hint.front;
        if rest.first_chunk().is_some_and(differs) {
            return false;
        }
        rest.get(..hint.text.len()).is_some_and(|written| written.eq_ignore_ascii_case(hint.text))
    };
    hints.iter().fold(
        already,
        |bits, hint| if hint.bits & !bits != 0 && stands(hint) { bits | hint.bits } else { bits },
    )
}

/// The number of a byte of a hint: letters have their own but for the rarest, so have the marks that hints begin or end with; digits
/// share one, so do those that join words, and all others.
fn folded(b: u8) -> u8 {
    match b.to_ascii_lowercase() {
        b'q' | b'z' => 26,
        b'0'..=b'9' => 17,
        b'x' | b'j' => 10,
        b'-' | b'_' => 24,
        letter @ b'a'..=b'z' => letter - b'a' + 1,
        b' ' => 27,
        b'.' => 28,
        b'/' => 29,
        b':' | b'=' => 30,
        _ => 31,
    }
}

/// The row of the last three bytes, of which `number` is the newest.
fn next(row: u16, number: u8) -> u16 {
    (row % 0x400) * FOLDED + u16::from(number)
}

/// How common a byte is in English text: letters by their order, all others are rare.
fn commonness(b: u8) -> usize {
    const RARE_FIRST: &[u8] = b"zqjxkvbywgpfmucdlhrsnioate ";
    RARE_FIRST.iter().position(|c| *c == b).map_or(4, |at| at + 4)
}

static ALL: LazyLock<Index> = LazyLock::new(Index::new);

impl Hints {
    /// What may be written in scripts beyond ASCII.
    pub fn scripts() -> Self {
        static BITS: LazyLock<u128> = LazyLock::new(|| {
            let wide = Category::ALL.iter().filter(|c| c.kind().scripts);
            wide.fold(0, |bits, category| bits | bit(*category, 0))
        });
        Self(*BITS)
    }

    /// Both sets together.
    pub fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// The detectors that `text` is worth. The hints are ASCII; see [`Hints::scripts`].
pub(crate) fn hints(text: &str) -> Hints {
    let index = &*ALL;
    let (mut bits, mut row) = (0u128, 0);
    let (pairs, last) = text.as_bytes().as_chunks::<2>();
    for (n, [one, other]) in pairs.iter().enumerate() {
        row = next(next(row, index.fold[usize::from(*one)]), index.fold[usize::from(*other)]);
        if index.knows(row) {
            bits |= index.look(text.as_bytes(), 2 * n + 1, (row, bits));
        }
    }
    // A hint of two bytes may end in the last one.
    if let [last] = last {
        row = next(row, index.fold[usize::from(*last)]);
        if index.knows(row) {
            bits |= index.look(text.as_bytes(), text.len() - 1, (row, bits));
        }
    }
    Hints(bits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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

    /// Texts of pieces of hints and what may stand between them.
    fn pieces() -> impl Strategy<Value = String> {
        let hints: Vec<&str> =
            Category::ALL.iter().flat_map(|c| c.kind().hints).flat_map(|list| list.iter().copied()).collect();
        let piece = (proptest::sample::select(hints), 0..4usize, 0..4usize).prop_map(|(hint, from, less)| {
            hint.get(from..hint.len().saturating_sub(less)).unwrap_or(hint).to_owned()
        });
        proptest::collection::vec(prop_oneof![4 => piece, 1 => "[ -~é]{0,3}"], 1..6)
            .prop_map(|all| all.concat())
    }

    proptest! {
        #[test]
        fn hints_are_seen_as_one_by_one(text in pieces()) {
            let (mut bits, lower) = (0, text.to_ascii_lowercase());
            for category in Category::ALL {
                for (group, list) in (0..).zip(category.kind().hints) {
                    bits |= if list.iter().any(|hint| lower.contains(hint)) { bit(category, group) } else { 0 };
                }
            }
            prop_assert_eq!(hints(&text), Hints(bits), "{}", text);
        }
    }
}
