//! Makes the faults of a run ready to be played.

use super::error::RunError;
use super::phases::Budget;
use super::plan::Plan;
use super::settle::Until;
use crate::fault::{FaultInjector, Numbering, Numbers};
use crate::inbox::{Content, Inbox};
use correlate::{FlowMatcher, Turn};
use record::RunKind;
use scenario::{Row, Run, Scenario, learns};
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
    steps.iter().flat_map(|step| &step.webhooks).map(|webhook| u64::from(webhook.count.least())).sum()
}

/// The flows are played in turn, since the webhooks of one could be taken for those of another.
#[derive(Debug)]
pub(super) struct Turns {
    /// Whose turn it is.
    pub turn: Turn,
    /// What ends a turn.
    pub until: Until,
}

/// Whether the flows of a run have to be played in turn, since the content does not say whose a webhook is: one that is dropped and
/// another that comes twice would make up for each other, and what is broken is to be seen on the webhook that it was meant for.
pub(super) fn turns(plan: &Plan, matcher: &FlowMatcher) -> Option<Turns> {
    if plan.kind != RunKind::Run || plan.flows < 2 || matcher.tells_flows() {
        return None;
    }
    // By what the first answers say, webhooks are told apart soon enough, unless one is to be broken on arrival.
    if plan.faults.is_empty() && learns(&plan.loaded.scenario) {
        return None;
    }
    let has_id = plan.scheme.has_id();
    // One after the other these would open the sender's circuit breaker, and pauses that keep it closed would take minutes.
    if has_id && plan.sweep.is_none() && plan.faults.failing() > plan.retry.breaker.spare() {
        return None;
    }
    let until = match &plan.sweep {
        _ if !has_id => Until::NothingDue,
        // An id tells attempts of one webhook from those of another: nobody need wait for what comes again.
        None => Until::Begun,
        Some(_) => Until::Ended,
    };
    Some(Turns { turn: Turn::default(), until })
}

/// What equal webhooks without an id are in this run.
pub(super) fn content(plan: &Plan, matcher: &FlowMatcher, turns: Option<&Turns>) -> Content {
    let told = turns.is_some() || matcher.tells_flows() || plan.flows == 1;
    let once = |flow| {
        let steps = plan.loaded.scenario.flow_plan(flow).steps;
        let mut events: Vec<&str> = steps
            .iter()
            .flat_map(|s| &s.webhooks)
            .filter(|w| !w.count.forbids())
            .map(|w| w.event.as_str())
            .collect();
        let all = events.len();
        events.sort_unstable();
        events.dedup();
        let counts = steps
            .iter()
            .flat_map(|step| &step.webhooks)
            .all(|webhook| webhook.count.least() <= 1 && !webhook.count.is_open());
        events.len() == all && counts
    };
    if told && plan.kind == RunKind::Run && (0..plan.flows).all(once) {
        Content::OfOne
    } else {
        Content::OfMany
    }
}

/// Whose webhooks are this run's, by what tells those of each flow.
pub(super) fn matcher(plan: &Plan, ours: &[BTreeMap<String, Value>]) -> FlowMatcher {
    let matcher = if plan.kind == RunKind::Load { FlowMatcher::default() } else { FlowMatcher::new(ours) };
    let scenario = &plan.loaded.scenario;
    let learned = (plan.kind == RunKind::Run && learns(scenario)).then_some(&scenario.webhooks.ours);
    matcher.for_sender(plan.scheme).learning(learned.into_iter().flat_map(BTreeMap::keys))
}

/// The injector of a plan; none when nothing is broken. `endpoint` is where the sender posts to.
pub(super) async fn injector(
    plan: &Plan,
    endpoint: &str,
    matcher: &Arc<FlowMatcher>,
    turn: Turn,
) -> Result<Option<Arc<dyn Interceptor>>, RunError> {
    if plan.faults.is_empty() {
        return Ok(None);
    }
    let numbering = if plan.sweep.is_some() { Numbering::Flow } else { Numbering::Arrival };
    let numbers = Numbers::new(Arc::clone(matcher), numbering, turn);
    let elsewhere = Inbox::elsewhere(endpoint);
    let mut injector =
        FaultInjector::start(plan.faults.clone(), numbers, plan.sender_timeout, &elsewhere).await?;
    if matches!(plan.budget(), Budget::Gathered) {
        injector.gather();
    }
    Ok(Some(Arc::new(injector)))
}

/// What tells the webhooks of a flow from other traffic; `None` where the flow is still to learn it.
pub(super) fn ours(plan: &Plan, run: &Arc<Run>, flow: u32, row: Row) -> Option<BTreeMap<String, Value>> {
    let mut scope = run.scope(flow, row);
    let pointers = plan.loaded.scenario.webhooks.ours.iter();
    let values = pointers.map(|(pointer, text)| Some((pointer.clone(), scope.render(text).ok()?)));
    let values: BTreeMap<String, Value> = values.collect::<Option<_>>()?;
    // A value that is not given says nothing, as in the journal.
    let values = values.into_iter().filter(|(_, value)| !value.is_null());
    Some(values.map(|(pointer, value)| (pointer, plan.scheme.as_sent(value))).collect())
}
