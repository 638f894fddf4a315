//! For whom a webhook is in time.

use super::{Expectation, Expectations};
use correlate::Arrived;
use record::{Outcome, Tick};

impl Expectations {
    /// Whether a webhook like this is due at `at` that has not come.
    pub(in crate::analysis) fn is_due(&self, came: &Arrived<'_>, at: Tick) -> bool {
        let due = |index: &u32| self.is_due_by(*index, came, at);
        self.keys(came).iter().any(|key| self.keyed.open(*key).iter().any(due))
    }

    /// Whether an expectation is in time for a webhook like this one.
    fn is_due_by(&self, index: u32, came: &Arrived<'_>, at: Tick) -> bool {
        let in_time = |e: Expectation<'_>| matches!(e.step, None | Some(Outcome::Ok)) && e.deadline() >= at;
        self.is_open(index) && self.fits(index, came, at) && self.get(index as usize).is_some_and(in_time)
    }

    /// Whether another flow than that of the expectation `taken` waits for such a webhook, too, and it is not the turn of that one.
    pub(super) fn is_for_another(
        &self,
        came: &Arrived<'_>,
        (at, turn): (Tick, Option<u32>),
        taken: u32,
    ) -> bool {
        let Some(flow) = self.all.get(taken as usize).map(|stored| stored.flow) else { return false };
        let is_others = |index: &u32| self.all.get(*index as usize).is_some_and(|other| other.flow != flow);
        turn != Some(flow)
            && self
                .keys(came)
                .iter()
                .flat_map(|key| self.keyed.open(*key))
                .any(|index| is_others(index) && self.is_due_by(*index, came, at))
    }
}
