//! What the bodies of all connections together may take.

use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A body of up to so many bytes is read without asking: nearly all webhooks are.
const FREE: usize = 16 * 1024;
/// Larger ones ask for so much at a time, as it comes: what is announced alone takes nothing from others.
const STEP: usize = 64 * 1024;

/// Bytes that the bodies of all connections together may take. A clone is the same budget.
#[derive(Debug, Clone)]
pub struct Budget(Arc<Semaphore>);

impl Budget {
    /// A budget of so many bytes.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes.div_ceil(STEP).min(Semaphore::MAX_PERMITS))))
    }
}

/// The part of a budget that one connection holds, until its next request.
#[derive(Debug, Default)]
pub(super) struct Share {
    budget: Option<Budget>,
    held: Vec<OwnedSemaphorePermit>,
}

impl Share {
    pub(super) const fn of(budget: Budget) -> Self {
        Self { budget: Some(budget), held: Vec::new() }
    }

    /// Gives back what the last body took.
    pub(super) fn give_back(&mut self) {
        self.held.clear();
    }

    /// Waits until a body of so many bytes may be held.
    pub(super) async fn cover(&mut self, bytes: usize) {
        let Some(Budget(steps)) = &self.budget else { return };
        while FREE + self.held.len() * STEP < bytes {
            // The semaphore is never closed.
            let Ok(step) = Arc::clone(steps).acquire_owned().await else { return };
            self.held.push(step);
        }
    }
}
