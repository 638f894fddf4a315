//! Which deliveries were processed.

use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Deliveries that are remembered; a probe sends a few hundred.
const REMEMBERED: usize = 100_000;

/// What a delivery is to a receiver that has seen others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    New,
    /// The same was processed.
    Again,
    /// Its id was another's.
    OtherContent,
}

/// The deliveries that a receiver has processed.
#[derive(Debug, Default)]
pub(super) struct Memory {
    by_id: Mutex<HashMap<String, [u8; 32]>>,
    processed: AtomicU64,
}

impl Memory {
    /// How many webhooks were processed.
    pub(super) fn processed(&self) -> u64 {
        self.processed.load(Ordering::SeqCst)
    }

    pub(super) fn process(&self) {
        self.processed.fetch_add(1, Ordering::SeqCst);
    }

    /// What a delivery is; one without an id is known by its bytes.
    pub(super) fn look(&self, id: Option<&str>, body: &[u8]) -> Seen {
        let digest: [u8; 32] = Sha256::digest(body).into();
        let by_id = self.by_id.lock().unwrap_or_else(PoisonError::into_inner);
        match by_id.get(&key(id, &digest)) {
            None => Seen::New,
            Some(known) if *known == digest => Seen::Again,
            Some(_) => Seen::OtherContent,
        }
    }

    /// The same, and a new one is remembered in the same step.
    pub(super) fn look_and_remember(&self, id: Option<&str>, body: &[u8]) -> Seen {
        let digest: [u8; 32] = Sha256::digest(body).into();
        let mut by_id = self.by_id.lock().unwrap_or_else(PoisonError::into_inner);
        if by_id.len() >= REMEMBERED {
            by_id.clear();
        }
        match by_id.insert(key(id, &digest), digest) {
            None => Seen::New,
            Some(known) if known == digest => Seen::Again,
            Some(known) => {
                by_id.insert(key(id, &digest), known);
                Seen::OtherContent
            }
        }
    }
}

fn key(id: Option<&str>, digest: &[u8; 32]) -> String {
    id.map_or_else(|| hex::encode(digest), str::to_owned)
}
