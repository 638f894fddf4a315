//! What a run breaks: the faults of the command line or the scenario, or the sweep of the scenario's contract.

use super::Failure;
use super::run_args::FlowArgs;
use crate::executor::{Budget, Plan, triggered};
use record::RetryContract;
use record::faults::{FaultPlan, Scope, Sweep};
use scenario::Loaded;
use std::time::Duration;

/// What a run breaks, and how many flows that takes.
pub(super) struct Broken {
    pub flows: u32,
    pub faults: FaultPlan,
    pub sweep: Option<Sweep>,
}

/// Settles what is broken before anything is driven, and the number of flows: `asked`, else the scenario's.
///
/// # Errors
/// Usage: faults that contradict each other, cannot be seen, or ask for deliveries that there are not.
pub(super) fn resolve(
    args: &FlowArgs,
    asked: Option<u32>,
    loaded: &Loaded,
    retry: &RetryContract,
    timeout: Duration,
    seed: u64,
) -> Result<Broken, Failure> {
    let scenario = &loaded.scenario;
    if !scenario.contract.is_empty() {
        return sweep(args, asked, loaded, retry);
    }
    let flows = asked.unwrap_or(scenario.flows);
    let (from, specs) = match args.inject.as_slice() {
        [] => (format!("{}: faults", loaded.source_name), scenario.faults.as_slice()),
        typed => ("--inject".to_owned(), typed),
    };
    let scope = Scope { deliveries: triggered(scenario, flows), timeout, attempts: retry.attempts(), seed };
    let faults = FaultPlan::new(specs, scope).map_err(|e| Failure::usage(format!("{from}: {e}")))?;
    Ok(Broken { flows, faults, sweep: None })
}

fn sweep(
    args: &FlowArgs,
    asked: Option<u32>,
    loaded: &Loaded,
    retry: &RetryContract,
) -> Result<Broken, Failure> {
    let name = &loaded.source_name;
    if !args.inject.is_empty() {
        return Err(Failure::usage(format!(
            "--inject: {name} has a contract, and its clauses decide what is broken"
        )));
    }
    let sweep = Sweep::of_contract(&loaded.scenario.contract, retry);
    let flows = sweep.flows();
    if asked.is_some_and(|given| given != flows) {
        return Err(Failure::usage(format!(
            "--flows: the contract of {name} takes {flows} flows, one per case"
        )));
    }
    Ok(Broken { flows, faults: sweep.faults(retry.attempts()), sweep: Some(sweep) })
}

/// What is said before a run whose flows are played in turn.
pub(super) fn in_turn(plan: &Plan) -> String {
    let shared: Vec<&str> = plan.loaded.scenario.webhooks.ours.keys().map(String::as_str).collect();
    let learns = scenario::learns(&plan.loaded.scenario);
    let rows = match shared.as_slice() {
        _ if learns => "only its responses say which values identify a flow's webhooks".to_owned(),
        [] => format!(
            "the scenario does not say which values tell the webhooks of its {} flows apart",
            plan.flows
        ),
        pointers => format!("your {} rows share values of {}", plan.flows, pointers.join(", ")),
    };
    let scheme = if plan.scheme.has_id() {
        "an id says which attempts belong to one webhook, but not to which flow".to_owned()
    } else {
        format!("webhooks of the scheme {} carry no id", plan.scheme)
    };
    let otherwise = if learns { "" } else { " (rows that differ there can run concurrently)" };
    format!("{rows}, and {scheme}: flows run one at a time, so that each webhook's flow is known{otherwise}")
}

/// What has to be said before a run that makes deliveries fail; nothing when the sender's circuit breaker is spared.
pub(super) fn announcement(plan: &Plan) -> Option<String> {
    let breaker = plan.retry.breaker;
    let (failing, failures) = (plan.faults.failing(), breaker.failures);
    let (window, open) = (breaker.window().as_secs_f64(), breaker.open().as_secs_f64());
    let rule =
        format!("the sender's circuit breaker opens after {failures} failed deliveries within {window} s");
    match plan.budget() {
        Budget::Spared => None,
        Budget::Gathered => Some(format!(
            "{failing} deliveries will be made to fail, and {rule}: failing responses wait until every webhook is on its way"
        )),
        Budget::Paced(Duration::ZERO) => Some(format!(
            "{failing} deliveries will be made to fail, and {rule}: successful ones are interleaved"
        )),
        Budget::Paced(pause) => Some(format!(
            "{failing} deliveries will be made to fail, and {rule}: smoke will pause for {} s in all to keep it closed \
             (--no-pause skips that)",
            pause.as_secs_f64()
        )),
        Budget::LetOpen => Some(format!(
            "{failing} deliveries will be made to fail, and {rule}: what it swallows during the next {open} s is reported \
             as suppressed, not lost"
        )),
        Budget::Tripped(_) if breaker.is_none() => {
            Some(format!("{} flows, one per case; the sender has no circuit breaker", plan.flows))
        }
        Budget::Tripped(pause) => Some(format!(
            "{} flows, one per case; {rule}, which is tested last: smoke will pause for {} s in all",
            plan.flows,
            pause.as_secs_f64()
        )),
    }
}
