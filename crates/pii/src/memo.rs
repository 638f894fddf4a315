//! Texts that were found clean, so that what every webhook of a sender repeats is looked at once.

use super::judge::Context;
use foldhash::quality::RandomState;
use std::cell::RefCell;
use std::hash::BuildHasher;

/// How many benches there are, each with room for two texts: two that stand in every webhook do not turn each other out.
const BENCHES: usize = 1024;
/// A longer text is not held, in bytes; with [`BENCHES`] it bounds the memory.
const LONGEST: usize = 512;

/// Remembers clean texts for one engine and one stream of requests: at most 2,048, about 1 MiB.
#[derive(Debug)]
pub struct Memo {
    benches: RefCell<Vec<[Option<Seat>; 2]>>,
    hasher: RandomState,
}

/// Where a text stood, which decides with it what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place<'a> {
    /// Of a header, a field or a parameter; empty for a leaf of a document.
    pub name: &'a str,
    pub context: Context,
}

/// A text that was found clean, behind the name of its place.
#[derive(Debug)]
struct Seat {
    text: String,
    /// How long the name is.
    name: usize,
    context: Context,
    work: u64,
}

impl Seat {
    fn holds(&self, place: Place<'_>, text: &str) -> bool {
        let Some((name, known)) = self.text.split_at_checked(self.name) else { return false };
        known == text && name == place.name && self.context == place.context
    }
}

impl Default for Memo {
    fn default() -> Self {
        let benches = std::iter::repeat_with(Default::default).take(BENCHES).collect();
        Self { benches: RefCell::new(benches), hasher: RandomState::default() }
    }
}

impl Memo {
    /// The bytes that were looked at when this text was found clean at such a place; `None` if it was not.
    pub(super) fn work(&self, place: Place<'_>, text: &str) -> Option<u64> {
        let benches = self.benches.try_borrow().ok()?;
        let mut seats = benches.get(self.bench(place, text))?.iter().flatten();
        seats.find(|seat| seat.holds(place, text)).map(|seat| seat.work)
    }

    /// Remembers that nothing was found in this text.
    pub(super) fn clean(&self, place: Place<'_>, text: &str, work: u64) {
        if text.len() + place.name.len() > LONGEST {
            return;
        }
        let at = self.bench(place, text);
        if let Ok(mut benches) = self.benches.try_borrow_mut()
            && let Some(bench) = benches.get_mut(at)
        {
            // Whoever sat here first leaves, and the new one takes over the room.
            bench.swap(0, 1);
            let [first, _] = bench;
            let mut room = first.take().map_or_else(String::new, |seat| seat.text);
            room.clear();
            room.push_str(place.name);
            room.push_str(text);
            *first = Some(Seat { text: room, name: place.name.len(), context: place.context, work });
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "the lower bits of a hash are as good as all")]
    fn bench(&self, place: Place<'_>, text: &str) -> usize {
        self.hasher.hash_one((place.name, text)) as usize % BENCHES
    }
}
