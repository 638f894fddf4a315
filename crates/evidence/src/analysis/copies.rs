//! Webhooks without an id that were signed at the same moment with the same bytes: one that was sent twice, or two that are alike.

use super::delivery::Fingerprints;
use foldhash::HashSet;

/// The webhooks without an id whose timestamp tells them apart.
#[derive(Debug, Default)]
pub(super) struct Copies {
    known: HashSet<u64>,
    /// Indices of deliveries that are as one before them.
    found: HashSet<usize>,
}

impl Copies {
    /// Takes in a delivery without an id that is signed with the sender's key. Without a timestamp equal bytes say nothing.
    pub(super) fn look(&mut self, delivery: usize, first: &Fingerprints) {
        let Some(timestamp) = first.timestamp_ms else { return };
        let parts = [first.body, first.signature, timestamp.cast_unsigned()].map(u64::to_le_bytes);
        if !self.known.insert(correlate::print_of(parts.iter().map(<[u8; 8]>::as_slice))) {
            self.found.insert(delivery);
        }
    }

    pub(super) fn has(&self, delivery: usize) -> bool {
        self.found.contains(&delivery)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_signed_at_the_same_moment_is_a_copy() {
        let print = |body, timestamp_ms| Fingerprints { body, signature: 1, head: 0, timestamp_ms };
        let mut copies = Copies::default();
        let all =
            [print(1, Some(5)), print(2, Some(5)), print(1, Some(6)), print(1, Some(5)), print(1, None)];
        (0..).zip(&all).for_each(|(n, one)| copies.look(n, one));
        copies.look(5, &print(1, None));
        let found: Vec<usize> = (0..6).filter(|n| copies.has(*n)).collect();
        assert_eq!(found, [3]);
    }
}
