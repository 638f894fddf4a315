//! What a run tells while it goes on, and which webhooks it waits for.

use super::arrivals::Arrivals;
use foldhash::HashMap as Fast;
use record::Outcome;
use record::Tick;
use std::cmp::Reverse;
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

/// Webhooks of one event that a step of a flow has to have fired.
#[derive(Debug, Clone, Copy)]
struct Owed {
    count: u64,
    missing: Missing,
}

/// Those of them that have not come.
#[derive(Debug, Clone, Copy)]
struct Short {
    flow: u32,
    /// Which of what the flow owes it is.
    place: usize,
    count: u64,
    missing: Missing,
}

/// What the flows owe of one event: what each of their steps has to have fired.
type OwedByFlow = BTreeMap<u32, Vec<Owed>>;

/// Webhooks that have not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missing {
    /// When the last of them became due.
    pub due: Tick,
    /// Until when the last of them has to have come.
    pub deadline: Tick,
}

/// When the webhooks came that have ended: by event, and by the flow whose they are, as far as they say it.
pub type Came = HashMap<String, CameOfEvent>;

/// The same of one event.
pub type CameOfEvent = Fast<Option<u32>, Arrivals>;

/// All webhooks that are due so far, by event and flow. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Dues {
    by_event: Arc<Mutex<HashMap<String, OwedByFlow>>>,
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
        flows.entry(due.flow).or_default().push(Owed { count: due.count.into(), missing });
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
        all.values().flat_map(BTreeMap::values).flatten().map(|owed| owed.missing.due).max()
    }

    /// What is missing now is not waited for any more.
    pub fn write_off(&self, came: &Came) {
        let mut all = self.by_event.lock().unwrap_or_else(PoisonError::into_inner);
        for (event, flows) in all.iter_mut() {
            let came = came.get(event);
            for lost in left(short(flows, came), came_of(came, None)) {
                let owed = flows.get_mut(&lost.flow).and_then(|owed| owed.get_mut(lost.place));
                owed.into_iter().for_each(|owed| owed.count -= lost.count);
            }
        }
    }

    /// What is missing; `None` when nothing is. As in the analysis, what came before its step was sent is not what the step
    /// fires. What came twice for one flow, or for none that is waited for, does not stand in for what another flow is still to
    /// get; what does not say whose it is stands in for any.
    #[must_use]
    pub fn missing(&self, came: &Came) -> Option<Missing> {
        let all = self.by_event.lock().unwrap_or_else(PoisonError::into_inner);
        let of_event = |(event, flows): (&String, &OwedByFlow)| {
            let came = came.get(event);
            let short = short(flows, came);
            let anything = !left(short.clone(), came_of(came, None)).is_empty();
            anything.then(|| short.into_iter().map(|short| short.missing))
        };
        all.iter().filter_map(of_event).flatten().reduce(Missing::or_later)
    }
}

/// The webhooks of one event that have come for a flow, or that do not say whose they are.
fn came_of(came: Option<&CameOfEvent>, flow: Option<u32>) -> Option<&Arrivals> {
    came?.get(&flow)
}

/// What of that which flows owe has not come for them.
fn short(flows: &OwedByFlow, came: Option<&CameOfEvent>) -> Vec<Short> {
    let of_flow = |(flow, owed): (&u32, &Vec<Owed>)| {
        let short = owed.iter().enumerate().map(|(place, owed)| Short {
            flow: *flow,
            place,
            count: owed.count,
            missing: owed.missing,
        });
        left(short.filter(|short| short.count > 0).collect(), came_of(came, Some(*flow)))
    };
    flows.iter().flat_map(of_flow).collect()
}

/// What is left of it where any of these may be one of them, from when it was asked for.
fn left(mut short: Vec<Short>, came: Option<&Arrivals>) -> Vec<Short> {
    let Some(came) = came else { return short };
    let sum: u64 = short.iter().map(|short| short.count).sum();
    let last = short.iter().map(|short| short.missing.due).max().unwrap_or_default();
    // All of them came after all were asked for: nearly always, and there may be many thousands.
    if came.since(last) >= sum {
        return Vec::new();
    }
    // What was asked for last can be fewest of them.
    short.sort_unstable_by_key(|short| Reverse(short.missing.due));
    let mut taken = 0;
    for one in &mut short {
        let takes = one.count.min(came.since(one.missing.due) - taken);
        (taken, one.count) = (taken + takes, one.count - takes);
    }
    short.retain(|short| short.count > 0);
    short
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
            let arrivals = came.entry((*event).to_owned()).or_default().entry(*flow).or_default();
            (0..*n).for_each(|_| arrivals.add(Tick(20)));
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

    fn at(event: &str, flow: Option<u32>, ticks: &[u64]) -> Came {
        let mut came = Came::new();
        let arrivals = came.entry(event.to_owned()).or_default().entry(flow).or_default();
        ticks.iter().for_each(|at| arrivals.add(Tick(*at)));
        came
    }

    #[test]
    fn what_came_before_its_step_was_sent_is_not_what_the_step_fires() {
        let dues = Dues::default();
        dues.add(&due("a", 0, 5));
        let until = |came: &Came| dues.missing(came).map(|m| m.deadline);
        assert_eq!(until(&at("a", Some(0), &[4])), Some(Tick(5)));
        assert_eq!((until(&at("a", Some(0), &[5])), until(&at("a", None, &[5]))), (None, None));
        assert_eq!(until(&at("a", None, &[4])), Some(Tick(5)), "nor where it does not say whose it is");
        dues.add(&due("a", 1, 9));
        assert_eq!(until(&at("a", None, &[6, 7])), Some(Tick(9)), "the second step came later");
        assert_eq!(until(&at("a", None, &[6, 9])), None);
        assert_eq!(until(&at("a", None, &[9, 9])), None);
    }

    #[test]
    fn each_step_of_a_flow_owes_its_own() {
        let dues = Dues::default();
        dues.add(&due("a", 0, 5));
        dues.add(&due("a", 0, 9));
        let until = |ticks: &[u64]| dues.missing(&at("a", Some(0), ticks)).map(|m| m.deadline);
        assert_eq!((until(&[6, 7]), until(&[6, 12])), (Some(Tick(9)), None));
        dues.write_off(&at("a", Some(0), &[6, 7]));
        assert_eq!((until(&[6, 7]), until(&[])), (None, Some(Tick(5))));
    }
}
