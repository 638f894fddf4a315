//! Which flows went wrong.

use crate::analysis::{Analysis, Expectation};
use std::collections::BTreeSet;

/// Flows with a step that failed, or a webhook that is missing, too many or not accepted.
pub(super) fn failed_flows(analysis: &Analysis) -> BTreeSet<u32> {
    let accepted = |&i: &usize| analysis.deliveries.get(i).is_some_and(|d| d.accepted().is_some());
    let unfulfilled =
        |e: &&Expectation| e.missing() > 0 || !e.surplus.is_empty() || !e.by.iter().all(accepted);
    let by_webhook = analysis.expectations().iter().filter(unfulfilled).map(|e| e.expect.flow);
    let by_step = analysis.steps.flows.iter().filter(|(_, f)| f.failed_steps > 0).map(|(n, _)| *n);
    by_webhook.chain(by_step).collect()
}
