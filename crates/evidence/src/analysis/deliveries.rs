//! The deliveries of a run; one that was accepted at once takes 32 bytes, so that a million of them fit anywhere.

use super::delivery::{AttemptResult, Delivery, Fingerprints};
use super::interned::Interned;
use correlate::Certainty;
use record::Ending;
use record::Tick;
use signature::Reason;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

/// All deliveries, in order of first arrival.
#[derive(Debug, Default)]
pub struct Deliveries {
    slots: Vec<Slot>,
    events: Interned,
}

#[derive(Debug)]
enum Slot {
    /// All that there is to know.
    Whole(Box<Delivery>),
    /// Accepted at its only attempt, nothing injected.
    Settled(Settled),
}

/// A delivery whose only attempt was answered 2xx.
#[derive(Debug, Clone, Copy)]
struct Settled {
    first_byte: Tick,
    body: u64,
    took_us: u32,
    /// Index of the expectation, or [`NONE`].
    fulfils: u32,
    event: u32,
    status: u16,
    flags: u8,
    reason: Reason,
}

/// No expectation.
const NONE: u32 = u32::MAX;

const HAS_ID: u8 = 1;
const ID_REUSED: u8 = 2;
const FOREIGN: u8 = 4;
const SURPLUS: u8 = 8;
const AMBIGUOUS: u8 = 16;
const CONTRADICTS: u8 = 32;

impl Deliveries {
    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The delivery with this index, which is its number less one.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Cow<'_, Delivery>> {
        self.slots.get(index).map(|slot| self.read((index, slot)))
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Cow<'_, Delivery>> {
        self.slots.iter().enumerate().map(|numbered| self.read(numbered))
    }

    /// How many are other traffic at the same receiver.
    pub(crate) fn foreign(&self) -> u64 {
        let is_foreign = |slot: &&Slot| match slot {
            Slot::Whole(delivery) => delivery.foreign,
            Slot::Settled(settled) => settled.flags & FOREIGN != 0,
        };
        self.slots.iter().filter(is_foreign).count() as u64
    }

    /// Those that were not accepted at their only attempt, and those that may still change.
    pub(super) fn unsettled(&self) -> impl Iterator<Item = Cow<'_, Delivery>> {
        let numbered = self.slots.iter().enumerate();
        numbered.filter(|(_, slot)| matches!(slot, Slot::Whole(_))).map(|numbered| self.read(numbered))
    }

    /// An event's name, held once for all deliveries.
    pub(super) fn event(&mut self, name: &str) -> Arc<str> {
        let number = self.events.number(name);
        self.events.get(number).cloned().unwrap_or_default()
    }

    pub(super) fn push(&mut self, delivery: Delivery) {
        self.slots.push(Slot::Whole(Box::new(delivery)));
    }

    /// The delivery, to be changed; it is held whole from now on.
    pub(super) fn get_mut(&mut self, index: usize) -> Option<&mut Delivery> {
        if let Some(Slot::Settled(settled)) = self.slots.get(index) {
            let whole = self.restored(index, settled);
            *self.slots.get_mut(index)? = Slot::Whole(Box::new(whole));
        }
        match self.slots.get_mut(index)? {
            Slot::Whole(delivery) => Some(delivery),
            Slot::Settled(_) => None,
        }
    }

    /// Holds a delivery in few bytes if it was accepted at its only attempt.
    pub(super) fn settle(&mut self, index: usize) {
        let Some(Slot::Whole(delivery)) = self.slots.get(index) else { return };
        let event = self.events.number(&delivery.event);
        let settled = Settled::of(delivery, event);
        if let (Some(settled), Some(slot)) = (settled, self.slots.get_mut(index)) {
            *slot = Slot::Settled(settled);
        }
    }

    fn read<'a>(&'a self, (index, slot): (usize, &'a Slot)) -> Cow<'a, Delivery> {
        match slot {
            Slot::Whole(delivery) => Cow::Borrowed(delivery),
            Slot::Settled(settled) => Cow::Owned(self.restored(index, settled)),
        }
    }

    fn restored(&self, index: usize, settled: &Settled) -> Delivery {
        let has = |flag| settled.flags & flag != 0;
        Delivery {
            number: index as u64 + 1,
            event: self.events.get(settled.event).cloned().unwrap_or_default(),
            has_id: has(HAS_ID),
            tries: vec![settled.attempt()],
            after_acceptance: Vec::new(),
            accepted_before: false,
            elsewhere: false,
            id_reused: has(ID_REUSED),
            foreign: has(FOREIGN),
            fulfils: (settled.fulfils != NONE).then_some(settled.fulfils as usize),
            surplus: u32::from(has(SURPLUS)),
            unasked: u32::from(settled.fulfils == NONE && !has(SURPLUS)),
            repeated: 0,
            forbidden: None,
            certainty: if has(AMBIGUOUS) { Certainty::Ambiguous } else { Certainty::Certain },
            contradicts: has(CONTRADICTS),
        }
    }
}

impl Settled {
    /// The few bytes, with the number of its event; `None` when more has to be known of it.
    fn of(delivery: &Delivery, event: u32) -> Option<Self> {
        let [only] = delivery.tries.as_slice() else { return None };
        let plain = only.how == Some(Ending::Sent)
            && only.fault.is_none()
            && delivery.repeats() == 0
            && !delivery.elsewhere
            && delivery.forbidden.is_none()
            && delivery.surplus <= 1
            && delivery.unasked == u32::from(delivery.fulfils.is_none() && delivery.surplus == 0);
        let status = only.status.filter(|_| plain && only.taken)?;
        let flags = [
            (delivery.has_id, HAS_ID),
            (delivery.id_reused, ID_REUSED),
            (delivery.foreign, FOREIGN),
            (delivery.surplus > 0, SURPLUS),
            (!delivery.is_certain(), AMBIGUOUS),
            (delivery.contradicts, CONTRADICTS),
        ];
        Some(Self {
            first_byte: only.first_byte,
            body: only.fingerprints.body,
            took_us: u32::try_from(only.end?.0.checked_sub(only.first_byte.0)?).ok()?,
            fulfils: delivery.fulfils.map_or(Some(NONE), |index| u32::try_from(index).ok())?,
            event,
            status,
            flags: flags.iter().filter(|(is, _)| *is).fold(0, |all, (_, flag)| all | flag),
            reason: only.reason,
        })
    }

    /// The attempt. Nothing follows one that was accepted, so nobody compares its headers with those of a retry: their
    /// fingerprints are gone.
    fn attempt(&self) -> AttemptResult {
        AttemptResult {
            first_byte: self.first_byte,
            end: Some(self.first_byte.plus(Duration::from_micros(self.took_us.into()))),
            status: Some(self.status),
            taken: true,
            how: Some(Ending::Sent),
            reason: self.reason,
            fault: None,
            fingerprints: Fingerprints { body: self.body, signature: 0, head: 0, timestamp_ms: None },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use record::faults::Fault;

    fn delivery(number: u64) -> Delivery {
        let fingerprints = Fingerprints { body: 7, signature: 0, head: 0, timestamp_ms: None };
        let only = AttemptResult {
            first_byte: Tick(10),
            end: Some(Tick(25)),
            status: Some(204),
            taken: true,
            how: Some(Ending::Sent),
            reason: Reason::Valid,
            fault: None,
            fingerprints,
        };
        Delivery {
            number,
            event: "payment_verified".into(),
            has_id: true,
            tries: vec![only],
            after_acceptance: Vec::new(),
            accepted_before: false,
            elsewhere: false,
            id_reused: false,
            foreign: true,
            fulfils: Some(3),
            surplus: 0,
            unasked: 0,
            repeated: 0,
            forbidden: None,
            certainty: Certainty::Ambiguous,
            contradicts: true,
        }
    }

    #[test]
    fn a_settled_delivery_takes_32_bytes_and_reads_as_it_was() {
        assert_eq!(size_of::<Slot>(), 32);
        let mut all = Deliveries::default();
        all.push(delivery(1));
        let before = format!("{:?}", all.get(0).unwrap());
        all.settle(0);
        assert!(matches!(all.slots[0], Slot::Settled(_)));
        assert_eq!(format!("{:?}", all.get(0).unwrap()), before);
        assert_eq!(format!("{:?}", all.get_mut(0).unwrap()), before);
        assert!(matches!(all.slots[0], Slot::Whole(_)));
    }

    #[test]
    fn what_is_not_plain_stays_whole() {
        let changes: [fn(&mut Delivery); 8] = [
            |d| d.tries[0].taken = false,
            |d| d.tries[0].fault = Some(Fault::Reset),
            |d| d.tries[0].how = Some(Ending::SenderClosed),
            |d| d.tries[0].end = None,
            |d| d.elsewhere = true,
            |d| d.after_acceptance = d.tries.clone(),
            |d| d.accepted_before = true,
            |d| d.unasked = 1,
        ];
        let mut all = Deliveries::default();
        for (index, change) in changes.into_iter().enumerate() {
            let mut whole = delivery(index as u64 + 1);
            change(&mut whole);
            all.push(whole);
            all.settle(index);
            assert!(matches!(all.slots[index], Slot::Whole(_)), "change {index}");
        }
    }
}
