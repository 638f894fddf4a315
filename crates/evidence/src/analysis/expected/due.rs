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
    pub(super) fn is_due_by(&self, index: u32, came: &Arrived<'_>, at: Tick) -> bool {
        self.is_open(index)
            && self.fits(index, came, at)
            && self.get(index as usize).is_some_and(|asked| is_in_time(&asked, at))
    }
}

pub(super) fn is_in_time(asked: &Expectation<'_>, at: Tick) -> bool {
    matches!(asked.step, None | Some(Outcome::Ok)) && asked.deadline() >= at
}
