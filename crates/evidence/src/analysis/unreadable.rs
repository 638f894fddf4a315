//! Webhooks of the sender's whose bodies are not what its profile says.

use correlate::Reader;
use record::Attempt;
use std::collections::BTreeMap;

/// So many reasons are told apart.
const REASONS: usize = 50;

/// The webhooks that cannot be read, by why not.
#[derive(Debug, Default)]
pub struct UnreadableWebhooks {
    /// How many there are.
    pub count: u64,
    /// The reasons; beyond a bound they are not told apart.
    pub reasons: BTreeMap<String, u64>,
}

impl UnreadableWebhooks {
    /// Takes a request of the sender's that `reader` could not read.
    pub(super) fn look(&mut self, reader: &Reader, attempt: &Attempt) {
        let Err(unreadable) = reader.explain(&attempt.headers, &attempt.body.bytes()) else { return };
        self.count += 1;
        if self.reasons.len() < REASONS || self.reasons.contains_key(&unreadable.why) {
            *self.reasons.entry(unreadable.why).or_default() += 1;
        }
    }
}
