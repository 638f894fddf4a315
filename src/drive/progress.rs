//! What a run tells while it goes on, and which webhooks it waits for.

use foldhash::HashMap as Fast;
use record::Outcome;
use record::Tick;
use std::collections::{BTreeMap, HashMap};
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
    FlowEnded,
    /// Nothing is driven for so long.
    Pausing {
        /// What has to come about by then.
        until: &'static str,
        lasts: Duration,
    },
    /// Deliveries wait for their next attempt.
    Retrying {
        /// Number of the attempt, from 2.
        attempt: u32,
        /// How many deliveries wait for it.
        deliveries: u64,
        /// Until the first of them is due; zero when it is overdue.
        due_in: Duration,
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
    pub event: String,
    /// Whose flow's.
    pub flow: u32,
    /// How many.
    pub count: u32,
    /// When its step was about to be sent.
    pub at: Tick,
    /// Until when the first attempt has to have come.
    pub deadline: Tick,
}

/// The webhooks of one event that a flow has to have fired.
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

/// How many webhooks have come and ended: by event, and by the flow whose they are, as far as they say it.
pub type Came = HashMap<String, CameOfEvent>;

/// The same of one event.
pub type CameOfEvent = Fast<Option<u32>, u64>;

/// All webhooks that are due so far, by event and flow. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Dues {
    by_event: Arc<Mutex<HashMap<String, BTreeMap<u32, Owed>>>>,
    /// Until when is watched that nothing comes that must not.
    watched: Arc<Mutex<Tick>>,
}

impl Dues {
    pub fn add(&self, due: &Due) {
        if due.count == 0 {
            let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
            *watched = due.deadline.max(*watched);
            return;
        }
        let mut all = self.by_event.lock().unwrap_or_else(PoisonError::into_inner);
        let missing = Missing { due: due.at, deadline: due.deadline };
        let flows = all.entry(due.event.clone()).or_default();
        let owed = flows.entry(due.flow).or_insert(Owed { count: 0, missing });
        owed.count += u64::from(due.count);
        owed.missing = owed.missing.or_later(missing);
    }

    /// Until when is watched at least that nothing comes that must not.
    #[must_use]
    pub fn watched_until(&self) -> Tick {
        *self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When the last step that fires webhooks was about to be sent.
    #[must_use]
    pub fn last_asked(&self) -> Option<Tick> {
        let all = self.by_event.lock().unwrap_or_else(PoisonError::into_inner);
        all.values().flat_map(BTreeMap::values).map(|owed| owed.missing.due).max()
    }

    /// What is missing now is not waited for any more.
    pub fn write_off(&self, came: &Came) {
        let mut all = self.by_event.lock().unwrap_or_else(PoisonError::into_inner);
        for (event, flows) in all.iter_mut() {
            let came = came_of(came, event);
            let mut anybodys = came(None);
            for (flow, owed) in flows {
                let own = came(Some(*flow));
                let taken = owed.count.saturating_sub(own).min(anybodys);
                anybodys -= taken;
                owed.count = owed.count.min(own + taken);
            }
        }
    }

    /// What is missing; `None` when nothing is. What came twice for one flow, or for none that is waited for, does not stand in for
    /// what another flow is still to get; what does not say whose it is stands in for any.
    #[must_use]
    pub fn missing(&self, came: &Came) -> Option<Missing> {
        let all = self.by_event.lock().unwrap_or_else(PoisonError::into_inner);
        let of_event = |(event, flows): (&String, &BTreeMap<u32, Owed>)| {
            let came = came_of(came, event);
            let short = |(flow, owed): (&u32, &Owed)| {
                let short = owed.count.saturating_sub(came(Some(*flow)));
                (short > 0).then_some((short, owed.missing))
            };
            let short: Vec<(u64, Missing)> = flows.iter().filter_map(short).collect();
            let sum: u64 = short.iter().map(|(short, _)| short).sum();
            (sum > came(None)).then(|| short.into_iter().map(|(_, missing)| missing))
        };
        all.iter().filter_map(of_event).flatten().reduce(Missing::or_later)
    }
}

/// How many of one event have come, by the flow whose they are.
fn came_of<'c>(came: &'c Came, event: &str) -> impl Fn(Option<u32>) -> u64 + use<'c> {
    let came = came.get(event);
    move |flow| came.and_then(|flows| flows.get(&flow)).copied().unwrap_or(0)
}

impl Missing {
    fn or_later(self, other: Self) -> Self {
        Self { due: self.due.max(other.due), deadline: self.deadline.max(other.deadline) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(event: &str, flow: u32, at: u64) -> Due {
        Due { event: event.to_owned(), flow, count: 1, at: Tick(at), deadline: Tick(at) }
    }

    fn came(all: &[(&str, Option<u32>, u64)]) -> Came {
        let mut came = Came::new();
        for (event, flow, n) in all {
            came.entry((*event).to_owned()).or_default().insert(*flow, *n);
        }
        came
    }

    #[test]
    fn waits_for_the_latest_deadline_of_what_is_missing() {
        let dues = Dues::default();
        dues.add(&due("a", 0, 5));
        dues.add(&due("a", 1, 9));
        dues.add(&due("b", 0, 7));
        let until = |a, b| dues.missing(&came(&[("a", None, a), ("b", None, b)])).map(|m| m.deadline);
        assert_eq!(dues.missing(&Came::new()).map(|m| m.deadline), Some(Tick(9)));
        assert_eq!(until(2, 0), Some(Tick(7)));
        assert_eq!(until(2, 1), None);
        assert_eq!(until(1, 1), Some(Tick(9)));
        dues.write_off(&came(&[("a", None, 1), ("b", None, 1)]));
        assert_eq!((until(1, 1), dues.last_asked()), (None, Some(Tick(9))));
    }

    #[test]
    fn what_comes_twice_for_one_flow_is_not_anothers() {
        let dues = Dues::default();
        dues.add(&due("a", 0, 5));
        dues.add(&due("a", 1, 9));
        let until = |all: &[(&str, Option<u32>, u64)]| dues.missing(&came(all)).map(|m| m.deadline);
        assert_eq!(until(&[("a", Some(0), 2)]), Some(Tick(9)));
        assert_eq!(until(&[("a", Some(0), 1), ("a", Some(1), 1)]), None);
        assert_eq!(until(&[("a", Some(0), 1), ("a", None, 1)]), None, "it may be the other's");
        assert_eq!(until(&[("a", Some(7), 2)]), Some(Tick(9)));
        dues.write_off(&came(&[("a", Some(0), 2)]));
        assert_eq!(until(&[("a", Some(0), 2)]), None);
    }
}
