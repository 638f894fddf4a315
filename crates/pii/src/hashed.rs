//! Texts that are known and not held.

use foldhash::quality::RandomState;
use std::hash::BuildHasher;

/// 96 bits of a text: among a million of them one in 10^23 other texts is taken for one that is known.
pub(super) type Hashed = [u32; 3];

/// Makes them, otherwise for each instance.
#[derive(Debug, Clone, Default)]
pub(super) struct Hasher([RandomState; 2]);

impl Hasher {
    #[expect(clippy::cast_possible_truncation, reason = "half of a hash is as good as the other")]
    pub(super) fn hash(&self, text: &str) -> Hashed {
        let [first, second] = self.0.each_ref().map(|hasher| hasher.hash_one(text.as_bytes()));
        [first as u32, (first >> 32) as u32, second as u32]
    }
}
