//! What a run tells while it goes on, and which webhooks it waits for.

use crate::clock::Tick;
use crate::journal::Outcome;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Something happened that a person may want to see.
#[derive(Debug, Clone)]
pub enum Event {
    /// A step ended.
    Step {
        /// The flow; none for a login.
        flow: Option<u32>,
        /// The step's name.
        step: String,
        /// How it went.
        outcome: Outcome,
        /// Time to the answer.
        took: Duration,
        /// What was not as expected, scrubbed.
        problem: Option<String>,
    },
    /// A flow ended.
    Flow {
        /// Its number.
        flow: u32,
    },
    /// All flows ended; webhooks and silence are still being watched for up to this long.
    Settling {
        /// The longest it can take.
        at_most: Duration,
    },
}

/// Takes events.
pub type Listener = Arc<dyn Fn(Event) + Send + Sync>;

/// Webhooks that a step has to have fired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// The event.
    pub event: String,
    /// How many.
    pub count: u32,
    /// Until when the first attempt has to have come.
    pub deadline: Tick,
}

/// All webhooks that are due so far, by event. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Dues {
    by_event: Arc<Mutex<HashMap<String, (u64, Tick)>>>,
}

impl Dues {
    /// Adds one.
    pub fn add(&self, due: &Due) {
        let mut all = self.by_event.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = all.entry(due.event.clone()).or_insert((0, due.deadline));
        entry.0 += u64::from(due.count);
        entry.1 = entry.1.max(due.deadline);
    }

    /// The latest deadline of an event of which fewer than due are in `ended`; `None` when nothing is missing.
    #[must_use]
    pub fn missing_until(&self, ended: &HashMap<String, u64>) -> Option<Tick> {
        let all = self.by_event.lock().unwrap_or_else(PoisonError::into_inner);
        let missing = all.iter().filter(|(event, (due, _))| ended.get(*event).copied().unwrap_or(0) < *due);
        missing.map(|(_, (_, deadline))| *deadline).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_for_the_latest_deadline_of_what_is_missing() {
        let dues = Dues::default();
        let due = |event: &str, at| Due { event: event.to_owned(), count: 1, deadline: Tick(at) };
        dues.add(&due("a", 5));
        dues.add(&due("a", 9));
        dues.add(&due("b", 7));
        let ended = |a, b| HashMap::from([("a".to_owned(), a), ("b".to_owned(), b)]);
        assert_eq!(dues.missing_until(&HashMap::new()), Some(Tick(9)));
        assert_eq!(dues.missing_until(&ended(2, 0)), Some(Tick(7)));
        assert_eq!(dues.missing_until(&ended(2, 1)), None);
        assert_eq!(dues.missing_until(&ended(1, 1)), Some(Tick(9)));
    }
}
