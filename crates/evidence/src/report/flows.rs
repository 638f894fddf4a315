//! Which flows went wrong.

use crate::analysis::{Analysis, Expectation};
use std::collections::BTreeSet;

/// Flows with a step that failed, or a webhook that is missing, too many or not accepted.
pub(super) fn failed_flows(analysis: &Analysis) -> BTreeSet<u32> {
    let accepted = |i: usize| analysis.deliveries.get(i).is_some_and(|d| d.accepted().is_some());
    let unfulfilled = |e: &Expectation<'_>| e.missing() > 0 || e.has_surplus() || !e.by().all(accepted);
    let by_webhook = analysis.expectations().filter(unfulfilled).map(|e| e.flow);
    by_webhook.chain(analysis.steps.flows.failed()).collect()
}
