//! A map from fingerprints to small numbers that grows in sixteenths: a hash table doubles, and holds its old half while it
//! does.

use foldhash::HashMap;

/// Tables, by the first 4 bits of a fingerprint.
#[derive(Debug, Default)]
pub struct Sharded {
    tables: [HashMap<Packed, u32>; 16],
}

/// A fingerprint that takes a quarter less in a table than the number does: it needs no alignment to 8 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Packed([u32; 2]);

#[expect(clippy::cast_possible_truncation, reason = "the two halves")]
const fn packed(print: u64) -> Packed {
    Packed([(print >> 32) as u32, print as u32])
}

impl Sharded {
    /// What a fingerprint leads to.
    pub fn get(&self, print: u64) -> Option<u32> {
        self.tables.get(shard(print))?.get(&packed(print)).copied()
    }

    /// The same, where it stands.
    pub fn get_ref(&self, print: u64) -> Option<&u32> {
        self.tables.get(shard(print))?.get(&packed(print))
    }

    /// Forgets a fingerprint.
    pub fn remove(&mut self, print: u64) {
        if let Some(table) = self.tables.get_mut(shard(print)) {
            table.remove(&packed(print));
        }
    }

    /// Makes a fingerprint lead to this.
    pub fn insert(&mut self, print: u64, value: u32) {
        if let Some(table) = self.tables.get_mut(shard(print)) {
            table.insert(packed(print), value);
        }
    }
}

const fn shard(print: u64) -> usize {
    (print >> 60) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fingerprint_has_its_place() {
        let mut map = Sharded::default();
        let fingerprints = [0, 1, 1 << 32, u64::MAX, 0x0123_4567_89ab_cdef, 0xf123_4567_89ab_cdef];
        for (value, print) in (0u32..).zip(fingerprints) {
            assert_eq!(map.get(print), None);
            map.insert(print, value);
        }
        assert_eq!(
            fingerprints.map(|print| map.get(print)),
            [Some(0), Some(1), Some(2), Some(3), Some(4), Some(5)]
        );
        map.insert(1, 9);
        assert_eq!((map.get(1), map.get_ref(1)), (Some(9), Some(&9)));
    }
}
