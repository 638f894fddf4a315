//! The spellings that are known, and where they stand in a text. What one more costs does not grow with how many there are, and
//! neither does a search: a load knows the passwords of many thousand users.

use foldhash::fast::RandomState;
use foldhash::{HashMap, HashSet};
use std::hash::BuildHasher;
use std::ops::Range;

/// Bytes by which a spelling is looked for; none is shorter, since [`super::FEWEST`] characters are as many bytes.
const BEGINNING: usize = 4;

/// The first length that has no bit of its own.
const LONG: usize = 63;

/// Beginnings are told apart by so many bits at a first glance, in front of the look into a table: those of 4,000 users, each
/// in 15 spellings, are one in 35 of what they can be.
const GLANCE: u32 = 21;

/// Spellings, of which upper and lower case are the same in ASCII. They are kept as numbers of 64 bits: what is taken for one of them by
/// chance is masked in vain.
#[derive(Default)]
pub(super) struct SpellingIndex {
    hasher: RandomState,
    spellings: HashSet<u64>,
    /// The lengths of the spellings that begin so: a bit for each in bytes, and the last one for all from [`LONG`] on.
    lengths: HashMap<[u8; BEGINNING], u64>,
    /// Lengths that have no bit of their own, longest first.
    long: Vec<usize>,
    /// Which [`glance`]s beginnings have, a bit each; empty where there are none.
    glances: Vec<u64>,
}

/// What a beginning is taken for at a first glance: multiplicative hashing (Knuth, The Art of Computer Programming, section 6.4), by
/// 2^32 over the golden ratio.
const fn glance(beginning: [u8; BEGINNING]) -> usize {
    (u32::from_le_bytes(beginning).wrapping_mul(0x9E37_79B1) >> (u32::BITS - GLANCE)) as usize
}

impl SpellingIndex {
    pub(super) fn add(&mut self, spelling: &str) {
        let spelling = spelling.to_ascii_lowercase();
        let Some(beginning) = spelling.as_bytes().first_chunk() else { return };
        self.glances.resize((1 << GLANCE) / 64, 0);
        let glance = glance(*beginning);
        if let Some(seen) = self.glances.get_mut(glance / 64) {
            *seen |= 1 << (glance % 64);
        }
        *self.lengths.entry(*beginning).or_default() |= 1 << spelling.len().min(LONG);
        if spelling.len() >= LONG
            && let Err(at) = self.long.binary_search_by(|length| spelling.len().cmp(length))
        {
            self.long.insert(at, spelling.len());
        }
        self.spellings.insert(self.hasher.hash_one(spelling.as_bytes()));
    }

    /// Where spellings stand in a text in lower case, in order; they may overlap.
    pub(super) fn find(&self, text: &[u8]) -> Vec<Range<usize>> {
        if self.spellings.is_empty() {
            return Vec::new();
        }
        let beginnings = text.windows(BEGINNING).enumerate();
        let seen =
            beginnings.filter(|(_, beginning)| beginning.first_chunk().is_some_and(|b| self.is_seen(*b)));
        seen.filter_map(|(start, _)| Some(start..start + self.longest_in_front(text.get(start..)?)?))
            .collect()
    }

    /// Whether spellings may begin so.
    fn is_seen(&self, beginning: [u8; BEGINNING]) -> bool {
        let glance = glance(beginning);
        self.glances.get(glance / 64).is_some_and(|seen| seen >> (glance % 64) & 1 == 1)
    }

    /// The length of the longest spelling at the very beginning of a text.
    fn longest_in_front(&self, text: &[u8]) -> Option<usize> {
        let lengths = *self.lengths.get(text.first_chunk::<BEGINNING>()?)?;
        let has = |length: usize| lengths >> length & 1 == 1;
        let is_known = |spelled: &[u8]| self.spellings.contains(&self.hasher.hash_one(spelled));
        let long = self.long.iter().copied().filter(|_| has(LONG));
        let mut all = long.chain((0..LONG).rev().filter(|length| has(*length)));
        all.find(|length| text.get(..*length).is_some_and(is_known))
    }
}
