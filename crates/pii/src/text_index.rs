//! Many texts, each of a category, looked up wherever in another text one of them may stand on its own. What one more costs does not grow
//! with their number, and they are not held: of a load there are several for each of its flows.

use super::category::Category;
use super::hashed::{Hashed, Hasher};
use super::text;
use foldhash::HashMap;

/// Bytes by which texts are looked for; a shorter one is filled up with zeros.
const BEGINNING: usize = 4;

/// Folded texts and their categories.
#[derive(Debug, Default)]
pub(super) struct TextIndex {
    hasher: Hasher,
    /// One bit for each category.
    categories: HashMap<Hashed, u32>,
    /// Bytes of the shortest text.
    shortest: usize,
    /// The lengths of the texts that begin so.
    lengths: HashMap<[u8; BEGINNING], Lengths>,
    /// Lengths that [`Lengths`] have no bit for.
    long: Vec<usize>,
}

/// A bit for each length in bytes, and the last one for all that are longer.
#[derive(Debug, Clone, Copy, Default)]
struct Lengths(u64);

/// Where a text stands, and its categories.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Found {
    end: usize,
    start: usize,
    categories: u32,
}

impl TextIndex {
    pub(super) fn add(&mut self, category: Category, folded: &str) {
        self.lengths.entry(beginning(folded.as_bytes())).or_default().add(folded.len());
        if folded.len() >= Lengths::LONG && !self.long.contains(&folded.len()) {
            self.long.push(folded.len());
        }
        self.shortest =
            if self.categories.is_empty() { folded.len() } else { self.shortest.min(folded.len()) };
        *self.categories.entry(self.hasher.hash(folded)).or_default() |= bit(category);
    }

    /// Tells each text that stands on its own in `folded`: in the order of their ends, the longer of two first.
    pub(super) fn search(&self, folded: &str, mut found: impl FnMut(Category, &str)) {
        let starts = (0..folded.len()).filter(|at| !text::before(folded, *at).is_some_and(text::is_wordy));
        let mut all: Vec<Found> = starts.flat_map(|start| self.begin_at(folded, start)).collect();
        all.sort_unstable();
        all.dedup();
        for Found { start, end, categories } in all {
            let Some(value) = folded.get(start..end) else { continue };
            let own = Category::ALL.into_iter().filter(|category| categories & bit(*category) != 0);
            own.for_each(|category| found(category, value));
        }
    }

    /// The texts that begin at a place and stand on their own.
    fn begin_at<'t>(&'t self, folded: &'t str, start: usize) -> impl Iterator<Item = Found> + 't {
        let rest = folded.as_bytes().get(start..).unwrap_or_default();
        let beginnings = self.shortest.min(BEGINNING)..=BEGINNING.min(rest.len());
        let beginnings = beginnings.filter_map(|length| rest.get(..length)).map(beginning);
        let lengths = beginnings.filter_map(|beginning| self.lengths.get(&beginning));
        let lengths = lengths.flat_map(|lengths| lengths.each(&self.long));
        lengths.filter_map(move |length| {
            let end = start + length;
            let value = folded.get(start..end).filter(|_| text::stands_alone(folded, start, end))?;
            let categories = *self.categories.get(&self.hasher.hash(value))?;
            Some(Found { end, start, categories })
        })
    }
}

impl Lengths {
    /// The first that has no bit of its own.
    const LONG: usize = 63;

    fn add(&mut self, length: usize) {
        self.0 |= 1 << length.min(Self::LONG);
    }

    /// All of them, where `long` are those without a bit; one of these may be of texts that begin otherwise.
    fn each(self, long: &[usize]) -> impl Iterator<Item = usize> {
        let has = move |length: usize| self.0 >> length & 1 == 1;
        let long = long.iter().copied().filter(move |_| has(Self::LONG));
        (0..Self::LONG).filter(move |length| has(*length)).chain(long)
    }
}

fn beginning(text: &[u8]) -> [u8; BEGINNING] {
    let mut beginning = [0; BEGINNING];
    beginning.iter_mut().zip(text).for_each(|(to, from)| *to = *from);
    beginning
}

const fn bit(category: Category) -> u32 {
    1 << category as u32
}
