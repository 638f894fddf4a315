//! Many texts, each of a category, looked up wherever in another text one of them may stand on its own. A text more costs as much as its
//! letters, whatever their number: of a load there are several for each of its flows.

use super::category::Category;
use super::text;
use foldhash::HashMap;

/// Bytes by which texts are looked for; a shorter one is filled up with zeros.
const BEGINNING: usize = 4;

/// Folded texts and their categories.
#[derive(Debug, Default)]
pub(super) struct TextIndex {
    /// One bit for each category.
    categories: HashMap<Box<str>, u32>,
    /// Bytes of the shortest text.
    shortest: usize,
    /// The lengths of the texts that begin so.
    lengths: HashMap<[u8; BEGINNING], Vec<usize>>,
}

/// Where a text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Found {
    end: usize,
    start: usize,
}

impl TextIndex {
    pub(super) fn add(&mut self, category: Category, folded: &str) {
        let lengths = self.lengths.entry(beginning(folded.as_bytes())).or_default();
        if !lengths.contains(&folded.len()) {
            lengths.push(folded.len());
        }
        self.shortest =
            if self.categories.is_empty() { folded.len() } else { self.shortest.min(folded.len()) };
        *self.categories.entry(folded.into()).or_default() |= bit(category);
    }

    /// Tells each text that stands on its own in `folded`: in the order of their ends, the longer of two first.
    pub(super) fn search(&self, folded: &str, mut found: impl FnMut(Category, &str)) {
        let starts = (0..folded.len()).filter(|at| !text::before(folded, *at).is_some_and(text::is_wordy));
        let mut all: Vec<Found> = starts.flat_map(|start| self.begin_at(folded, start)).collect();
        all.sort_unstable();
        all.dedup();
        for Found { start, end } in all {
            let Some(value) = folded.get(start..end) else { continue };
            let known = self.categories.get(value).copied().unwrap_or_default();
            let own = Category::ALL.into_iter().filter(|category| known & bit(*category) != 0);
            own.for_each(|category| found(category, value));
        }
    }

    /// The texts that begin at a place and stand on their own.
    fn begin_at<'t>(&'t self, folded: &'t str, start: usize) -> impl Iterator<Item = Found> + 't {
        let rest = folded.as_bytes().get(start..).unwrap_or_default();
        let beginnings = self.shortest.min(BEGINNING)..=BEGINNING.min(rest.len());
        let beginnings = beginnings.filter_map(|length| rest.get(..length)).map(beginning);
        let lengths = beginnings.filter_map(|beginning| self.lengths.get(&beginning)).flatten();
        lengths.map(move |length| Found { start, end: start + length }).filter(|found| {
            let value = folded.get(found.start..found.end);
            value.is_some_and(|value| self.categories.contains_key(value))
                && text::stands_alone(folded, found.start, found.end)
        })
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
