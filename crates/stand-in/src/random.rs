//! Random values: seeded ones for names, the operating system's for passwords and keys.

use std::io;

/// SplitMix64 (Steele, Lea, Flood 2014): small, and the same on every machine for a seed.
#[derive(Debug, Clone)]
pub(super) struct Seeded(u64);

impl Seeded {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// One of `from`; the first when the slice is odd enough to have none at the index.
    pub(super) fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        let at = self.next() % from.len().max(1) as u64;
        usize::try_from(at).ok().and_then(|i| from.get(i)).copied().unwrap_or_default()
    }
}

/// `N` bytes from the operating system.
pub(super) fn bytes<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0u8; N];
    getrandom::fill(&mut bytes).map_err(|e| io::Error::other(format!("no random bytes: {e}")))?;
    Ok(bytes)
}
