//! What the journal takes of requests without a valid signature: anyone can send them, and the disk is for webhooks.

use record::Tick;
use std::sync::{Mutex, PoisonError};

/// Bytes a second, over time: 5.5 GB a day at most.
const BYTES_A_SECOND: u64 = 64 * 1024;
/// Bytes that may come at once.
const BURST: u64 = 64 * 1024 * 1024;

/// What is left for requests without a valid signature.
#[derive(Debug)]
pub(super) struct Allowance(Mutex<Left>);

#[derive(Debug)]
struct Left {
    bytes: u64,
    since: Tick,
    /// Requests for which there was nothing left.
    refused: u64,
}

impl Default for Allowance {
    fn default() -> Self {
        Self(Mutex::new(Left { bytes: BURST, since: Tick(0), refused: 0 }))
    }
}

impl Allowance {
    /// Takes so many bytes; `false`, and one refused, when they are not left at `now`.
    pub(super) fn take(&self, bytes: usize, now: Tick) -> bool {
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ms = u64::try_from(now.since(left.since).as_millis()).unwrap_or(u64::MAX);
        let earned = ms.saturating_mul(BYTES_A_SECOND) / 1000;
        if earned > 0 {
            left.bytes = left.bytes.saturating_add(earned).min(BURST);
            left.since = now;
        }
        let rest = left.bytes.checked_sub(bytes as u64);
        match rest {
            Some(rest) => left.bytes = rest,
            None => left.refused += 1,
        }
        rest.is_some()
    }

    /// How many were refused since the last call.
    pub(super) fn take_refused(&self) -> u64 {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_gets_its_burst_and_then_its_share_of_a_second() {
        let allowance = Allowance::default();
        let kept = (0..100_000).filter(|_| allowance.take(4096, Tick(0))).count() as u64;
        assert_eq!(kept, BURST / 4096);
        assert_eq!(allowance.take_refused(), 100_000 - kept);
        let kept = (0..100).filter(|_| allowance.take(4096, Tick(1_000_000))).count() as u64;
        assert_eq!((kept, allowance.take_refused()), (BYTES_A_SECOND / 4096, 100 - BYTES_A_SECOND / 4096));
        assert!(allowance.take(4096, Tick(2_000_000)));
    }
}
