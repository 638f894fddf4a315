//! What a run tells while it goes on, and which webhooks it waits for.

use record::Outcome;
use record::Tick;
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
    FlowEnded,
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
    /// When its step was about to be sent.
    pub at: Tick,
    /// Until when the first attempt has to have come.
    pub deadline: Tick,
}

/// The webhooks of one event.
#[derive(Debug, Clone, Copy)]
struct Owed {
    count: u64,
    missing: Missing,
}

/// Webhooks that have not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missing {
    /// When the last of them became due.
    pub due: Tick,
    /// Until when the last of them has to have come.
    pub deadline: Tick,
}

/// All webhooks that are due so far, by event. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Dues {
    by_event: Arc<Mutex<HashMap<String, Owed>>>,
}

impl Dues {
    /// Adds one.
    pub fn add(&self, due: &Due) {
        let mut all = self.by_event.lock().unwrap_or_else(PoisonError::into_inner);
        let missing = Missing { due: due.at, deadline: due.deadline };
        let owed = all.entry(due.event.clone()).or_insert(Owed { count: 0, missing });
        owed.count += u64::from(due.count);
        owed.missing = owed.missing.or_later(missing);
    }

    /// What is missing now is not waited for any more.
    pub fn write_off(&self, ended: &HashMap<String, u64>) {
        let mut all = self.by_event.lock().unwrap_or_else(PoisonError::into_inner);
        for (event, owed) in all.iter_mut() {
            owed.count = owed.count.min(ended.get(event).copied().unwrap_or(0));
        }
    }

    /// What is missing of the events of which fewer than due are in `ended`; `None` when nothing is.
    #[must_use]
    pub fn missing(&self, ended: &HashMap<String, u64>) -> Option<Missing> {
        let all = self.by_event.lock().unwrap_or_else(PoisonError::into_inner);
        let missing = all.iter().filter(|(event, owed)| ended.get(*event).copied().unwrap_or(0) < owed.count);
        missing.map(|(_, owed)| owed.missing).reduce(Missing::or_later)
    }
}

impl Missing {
    fn or_later(self, other: Self) -> Self {
        Self { due: self.due.max(other.due), deadline: self.deadline.max(other.deadline) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_for_the_latest_deadline_of_what_is_missing() {
        let dues = Dues::default();
        let due =
            |event: &str, at| Due { event: event.to_owned(), count: 1, at: Tick(at), deadline: Tick(at) };
        dues.add(&due("a", 5));
        dues.add(&due("a", 9));
        dues.add(&due("b", 7));
        let until = |ended: &HashMap<String, u64>| dues.missing(ended).map(|m| m.deadline);
        let ended = |a, b| HashMap::from([("a".to_owned(), a), ("b".to_owned(), b)]);
        assert_eq!(until(&HashMap::new()), Some(Tick(9)));
        assert_eq!(until(&ended(2, 0)), Some(Tick(7)));
        assert_eq!(until(&ended(2, 1)), None);
        assert_eq!(until(&ended(1, 1)), Some(Tick(9)));
        dues.write_off(&ended(1, 1));
        assert_eq!(until(&ended(1, 1)), None);
    }
}
