//! What is to be said of a flow by itself: its steps went as expected, and its webhooks came and were accepted. The flow's own span
//! and the count of flows both say it.

use crate::analysis::{Analysis, Expectation};
use crate::gate::Verdict;
use crate::report::Evidence;
use std::collections::{BTreeMap, BTreeSet};

/// The verdicts of the flows of a run.
pub(super) struct FlowVerdicts<'a> {
    analysis: &'a Analysis,
    /// Whether it is half a run, which has not waited for all webhooks.
    is_cut_off: bool,
    /// Whether webhooks that are missing may have come while nothing could be seen.
    has_gaps: bool,
    failed: BTreeSet<u32>,
    /// Those about whose webhooks there is something to say.
    webhooks: BTreeMap<u32, Webhooks>,
}

/// Webhooks of a flow that are not as they should be.
#[derive(Default)]
struct Webhooks {
    missing: u32,
    unaccepted: u32,
    is_uncertain: bool,
}

/// The verdict of a flow, and what failed.
pub(super) enum FlowVerdict {
    Passed,
    Unproven,
    /// A step did not go as expected.
    Step,
    /// In words.
    Webhooks(String),
}

impl FlowVerdict {
    pub(super) const fn verdict(&self) -> Verdict {
        match self {
            Self::Passed => Verdict::Pass,
            Self::Unproven => Verdict::Unproven,
            Self::Step | Self::Webhooks(_) => Verdict::Fail,
        }
    }
}

impl<'a> FlowVerdicts<'a> {
    pub(super) fn of(evidence: &'a Evidence) -> Self {
        let analysis = &evidence.analysis;
        let mut webhooks: BTreeMap<u32, Webhooks> = BTreeMap::new();
        for expected in analysis.expectations() {
            let found = found(analysis, &expected);
            if found.missing > 0 || found.unaccepted > 0 || found.is_uncertain {
                let of_flow = webhooks.entry(expected.flow).or_default();
                of_flow.missing = of_flow.missing.saturating_add(found.missing);
                of_flow.unaccepted = of_flow.unaccepted.saturating_add(found.unaccepted);
                of_flow.is_uncertain |= found.is_uncertain;
            }
        }
        Self {
            analysis,
            is_cut_off: evidence.is_cut_off(),
            has_gaps: !analysis.watched.gaps.is_empty(),
            failed: analysis.steps.flows.failed().collect(),
            webhooks,
        }
    }

    pub(super) fn get(&self, flow: u32) -> FlowVerdict {
        if self.failed.contains(&flow) {
            return FlowVerdict::Step;
        }
        match self.webhooks.get(&flow) {
            _ if self.is_cut_off => FlowVerdict::Unproven,
            None => FlowVerdict::Passed,
            Some(webhooks) if self.has_gaps || webhooks.is_uncertain => FlowVerdict::Unproven,
            Some(Webhooks { missing: 0, unaccepted, .. }) => {
                FlowVerdict::Webhooks(format!("webhooks that were never accepted: {unaccepted}"))
            }
            Some(Webhooks { missing, .. }) => {
                FlowVerdict::Webhooks(format!("webhooks that never arrived: {missing}"))
            }
        }
    }

    /// How many flows passed, failed, and are unproven.
    pub(super) fn counts(&self) -> [u64; 3] {
        self.analysis.steps.flows.numbers().fold([0; 3], |[passed, failed, unproven], flow| {
            match self.get(flow).verdict() {
                Verdict::Pass => [passed + 1, failed, unproven],
                Verdict::Fail => [passed, failed + 1, unproven],
                Verdict::Unproven | Verdict::NotExercised => [passed, failed, unproven + 1],
            }
        })
    }
}

fn found(analysis: &Analysis, expected: &Expectation<'_>) -> Webhooks {
    let mut found = Webhooks { missing: expected.missing(), ..Webhooks::default() };
    for delivery in expected.by().filter_map(|index| analysis.deliveries.get(index)) {
        found.unaccepted += u32::from(delivery.accepted().is_none());
        found.is_uncertain |= !delivery.is_certain();
    }
    found
}
