//! The signatures that were right, to know a copy of one: what is made of a webhook that somebody has seen does not show that he has
//! the secret.

use correlate::print;
use foldhash::HashSet;
use std::collections::VecDeque;

/// So many are kept: at 200 webhooks a second, those of the last five minutes, after which a copy is stale.
const KEPT: usize = 65_536;
/// What is shorter is no signature: a label, a time, a version.
const LEAST: usize = 16;

/// The fingerprints of the latest signatures.
#[derive(Debug, Default)]
pub(super) struct Signatures {
    known: HashSet<u64>,
    in_order: VecDeque<u64>,
}

impl Signatures {
    /// Adds the signatures in the text of a header.
    pub(super) fn add(&mut self, header: &str) {
        for print in prints(header) {
            if !self.known.insert(print) {
                continue;
            }
            self.in_order.push_back(print);
            if self.in_order.len() > KEPT
                && let Some(oldest) = self.in_order.pop_front()
            {
                self.known.remove(&oldest);
            }
        }
    }

    /// Whether a signature is one of them.
    pub(super) fn has(&self, signature: &str) -> bool {
        prints(signature).any(|print| self.known.contains(&print))
    }
}

/// Of each text that may be a signature; padding does not count.
fn prints(text: &str) -> impl Iterator<Item = u64> {
    let parts = text.split([' ', ',', ';', '"', '=', ':']);
    parts.filter(|part| part.len() >= LEAST).map(|part| print(part.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_known_in_every_frame() {
        let mut all = Signatures::default();
        let hex = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
        let coded = "aW5zdGFuY2Ugb2YgYSBzaWduYXR1cmUgaGVyZQ==";
        all.add(&format!("t=1763044200,v1={hex}"));
        all.add(&format!("v1,{coded} v1,b3RoZXJvdGhlcm90aGVyb3RoZXI="));
        assert!(all.has(hex) && all.has(coded) && all.has("b3RoZXJvdGhlcm90aGVyb3RoZXI="));
        assert!(!all.has("1763044200") && !all.has(&hex.replace('0', "1")));
    }

    #[test]
    fn the_latest_are_kept() {
        let mut all = Signatures::default();
        let one = |n: usize| format!("{n:064x}");
        (0..=KEPT).for_each(|n| all.add(&one(n)));
        assert!(!all.has(&one(0)) && all.has(&one(1)) && all.has(&one(KEPT)));
        assert_eq!((all.known.len(), all.in_order.len()), (KEPT, KEPT));
    }
}
