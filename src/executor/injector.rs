//! Makes the faults of a run ready to be played.

use super::error::RunError;
use super::phases::Budget;
use super::plan::Plan;
use crate::fault::{FaultInjector, FlowMatcher, Numbering};
use crate::inbox::Inbox;
use scenario::{Row, Run, Scenario};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use wire::http1::Interceptor;

/// How many webhooks `flows` flows of a scenario have to fire.
#[must_use]
pub(crate) fn triggered(scenario: &Scenario, flows: u32) -> u64 {
    (0..flows).map(|flow| webhooks_of(scenario, flow)).sum()
}

/// How many webhooks a flow has to fire.
pub(super) fn webhooks_of(scenario: &Scenario, flow: u32) -> u64 {
    let steps = scenario.flow_plan(flow).steps;
    steps.iter().flat_map(|step| &step.webhooks).map(|webhook| u64::from(webhook.count)).sum()
}

/// The injector of a plan; none when nothing is broken. `endpoint` is where the sender posts to.
pub(super) async fn injector(
    plan: &Plan,
    endpoint: &str,
    run: &Arc<Run>,
    rows: &[Row],
) -> Result<Option<Arc<dyn Interceptor>>, RunError> {
    if plan.faults.is_empty() {
        return Ok(None);
    }
    let numbering = if plan.sweep.is_some() { Numbering::Flow } else { Numbering::Arrival };
    let matcher = FlowMatcher::new(&ours(plan, run, rows), numbering);
    let elsewhere = Inbox::elsewhere(endpoint);
    let mut injector =
        FaultInjector::start(plan.faults.clone(), matcher, plan.sender_timeout, &elsewhere).await?;
    if matches!(plan.budget(), Budget::Gathered) {
        injector.gather();
    }
    Ok(Some(Arc::new(injector)))
}

/// What tells the webhooks of each flow from other traffic.
fn ours(plan: &Plan, run: &Arc<Run>, rows: &[Row]) -> Vec<BTreeMap<String, Value>> {
    let pointers = &plan.loaded.scenario.webhooks.ours;
    if pointers.is_empty() {
        return Vec::new();
    }
    let of = |(flow, row): (u32, &Row)| {
        let mut scope = run.scope(flow, row.clone());
        pointers
            .iter()
            .filter_map(|(pointer, text)| Some((pointer.clone(), scope.render(text).ok()?)))
            .collect()
    };
    (0..).zip(rows).map(of).collect()
}
