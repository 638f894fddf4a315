//! Texts that were found clean, so that what every webhook of a sender repeats is looked at once.

use super::judge::Context;
use foldhash::quality::RandomState;
use std::cell::RefCell;
use std::hash::BuildHasher;

/// How many texts are held; one that falls on the seat of another takes it.
const SEATS: usize = 2048;
/// A longer text is not held, in bytes; with [`SEATS`] it bounds the memory.
const LONGEST: usize = 512;

/// Remembers clean texts for one engine and one stream of requests: at most 2,048, about 1 MiB.
#[derive(Debug)]
pub struct Memo {
    seats: RefCell<Vec<Option<Seat>>>,
    hasher: RandomState,
}

/// Where a text stood, which decides with it what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place<'a> {
    /// Of a header, a field or a parameter; empty for a leaf of a document.
    pub name: &'a str,
    pub context: Context,
}

/// A text that was found clean, behind the name of its place. The next that sits here takes its room.
#[derive(Debug)]
struct Seat {
    text: String,
    /// How long the name is.
    name: usize,
    context: Context,
    work: u64,
}

impl Default for Memo {
    fn default() -> Self {
        let seats = std::iter::repeat_with(|| None).take(SEATS).collect();
        Self { seats: RefCell::new(seats), hasher: RandomState::default() }
    }
}

impl Memo {
    /// The bytes that were looked at when this text was found clean at such a place; `None` if it was not.
    pub(super) fn work(&self, place: Place<'_>, text: &str) -> Option<u64> {
        let seats = self.seats.try_borrow().ok()?;
        let seat = seats.get(self.seat(place, text))?.as_ref()?;
        let (name, known) = seat.text.split_at_checked(seat.name)?;
        let same = known == text && name == place.name && seat.context == place.context;
        same.then_some(seat.work)
    }

    /// Remembers that nothing was found in this text.
    pub(super) fn clean(&self, place: Place<'_>, text: &str, work: u64) {
        if text.len() + place.name.len() > LONGEST {
            return;
        }
        let (at, context) = (self.seat(place, text), place.context);
        if let Ok(mut seats) = self.seats.try_borrow_mut()
            && let Some(seat) = seats.get_mut(at)
        {
            let mut room = seat.take().map_or_else(String::new, |seat| seat.text);
            room.clear();
            room.push_str(place.name);
            room.push_str(text);
            *seat = Some(Seat { text: room, name: place.name.len(), context, work });
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "the lower bits of a hash are as good as all")]
    fn seat(&self, place: Place<'_>, text: &str) -> usize {
        self.hasher.hash_one((place.name, text)) as usize % SEATS
    }
}
