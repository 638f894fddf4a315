//! The misbehaviours of the API itself.

use super::super::misbehaviour::{Kind, Misbehaviour};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Counts the chances of each kind, and says when it strikes.
pub(super) struct ApiFaults {
    list: Vec<Misbehaviour>,
    chances: Mutex<BTreeMap<Kind, u64>>,
}

impl ApiFaults {
    pub(super) fn new(list: Vec<Misbehaviour>) -> Self {
        Self { list, chances: Mutex::default() }
    }

    /// Whether a kind is among them at all.
    pub(super) fn has(&self, kind: Kind) -> bool {
        self.list.iter().any(|one| one.kind == kind)
    }

    /// Whether a kind strikes now.
    pub(super) fn strike(&self, kind: Kind) -> bool {
        if !self.has(kind) {
            return false;
        }
        let mut chances = self.chances.lock().unwrap_or_else(PoisonError::into_inner);
        let number = chances.entry(kind).and_modify(|n| *n += 1).or_insert(1);
        self.list.iter().any(|one| one.kind == kind && one.strikes(*number))
    }
}
