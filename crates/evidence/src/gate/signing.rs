//! How the sender signs in a window, and whether enough was seen to say so: a receiver on the internet also gets what looks
//! like the sender's and is not.

use super::triggers::RollbackGate;
use crate::analysis::Analysis;
use record::Tick;
use signature::Reason;
use std::time::Duration;

/// So many invalid signatures one after the other are enough …
pub(super) const STREAK: u64 = 3;
/// … when nothing valid has come for so long, or since the window began.
pub(super) const QUIET: Duration = Duration::from_secs(5 * 60);

/// The signatures of a window; strangers' requests are not among them.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Signing {
    /// Attempts that were verified, those that only look like the sender's included.
    pub attempts: u64,
    /// Of those, not valid.
    pub invalid: u64,
    streak: bool,
}

impl Signing {
    pub(super) fn of(analysis: &Analysis) -> Self {
        let mut all: Vec<(Tick, bool)> = Vec::new();
        for delivery in analysis.own().chain(analysis.doubtful()) {
            let attempts = delivery.tries.iter().chain(&delivery.after_acceptance);
            // Whoever has no secret knows of none whether it is right.
            let judged = attempts.filter(|t| t.reason != Reason::Unchecked);
            all.extend(judged.map(|t| (t.first_byte, t.reason == Reason::Valid)));
        }
        all.sort_unstable();
        let mut signing = Self { attempts: all.len() as u64, ..Self::default() };
        let (mut last_valid, mut row) = (None, 0);
        for (at, valid) in all {
            if valid {
                (last_valid, row) = (Some(at), 0);
                continue;
            }
            signing.invalid += 1;
            row += 1;
            let quiet = last_valid.is_none_or(|valid| at.since(valid) >= QUIET);
            signing.streak |= row >= STREAK && quiet;
        }
        signing
    }

    /// Whether something came, and nothing that is valid.
    pub(super) const fn none_is_valid(&self) -> bool {
        self.invalid > 0 && self.invalid == self.attempts
    }

    /// Whether so much was seen that the sender can be blamed.
    pub(super) const fn is_enough(&self, gate: &RollbackGate) -> bool {
        self.streak || self.attempts >= gate.signature_failures_min_attempts
    }
}
