//! Which flow is under way when flows are played in turn.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Shared by who plays the flows and who receives their webhooks; without a turn, flows run side by side.
#[derive(Debug, Clone, Default)]
pub struct Turn {
    /// The flow's number plus one; 0 is none.
    flow: Arc<AtomicU32>,
}

impl Turn {
    /// It is this flow's turn; what comes from now on is its.
    pub fn begin(&self, flow: u32) {
        self.flow.store(flow.saturating_add(1), Ordering::SeqCst);
    }

    /// Whose turn it is.
    #[must_use]
    pub fn flow(&self) -> Option<u32> {
        self.flow.load(Ordering::SeqCst).checked_sub(1)
    }
}
