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
            "--inject: {name} has a contract, whose clauses say what is broken"
        )));
    }
    let sweep = Sweep::of_contract(&loaded.scenario.contract, retry);
    let flows = sweep.flows();
    if asked.is_some_and(|given| given != flows) {
        return Err(Failure::usage(format!(
            "--flows: the contract of {name} takes {flows} flows, one for each case"
        )));
    }
    Ok(Broken { flows, faults: sweep.faults(retry.attempts()), sweep: Some(sweep) })
}

/// What is said before a run whose flows are played in turn.
pub(super) fn in_turn(plan: &Plan) -> String {
    let shared: Vec<&str> = plan.loaded.scenario.webhooks.ours.keys().map(String::as_str).collect();
    let learns = scenario::learns(&plan.loaded.scenario);
    let rows = match shared.as_slice() {
        _ if learns => "only its answers say by which values the webhooks of a flow are known".to_owned(),
        [] => format!(
            "the scenario does not say by which values the webhooks of its {} flows are told apart",
            plan.flows
        ),
        pointers => format!("your {} rows share values of {}", plan.flows, pointers.join(", ")),
    };
    let scheme = if plan.scheme.has_id() {
        "an id says which attempts are one webhook's, but not which flow's".to_owned()
    } else {
        format!("webhooks of the scheme {} carry no id", plan.scheme)
    };
    let otherwise = if learns { "" } else { " (rows that differ there can be played side by side)" };
    format!(
        "{rows}, and {scheme}: flows are played one after the other, so that each webhook is known for its flow's{otherwise}"
    )
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
            "{failing} deliveries are made to fail, and {rule}: failing answers wait until every webhook is on its way"
        )),
        Budget::Paced(Duration::ZERO) => Some(format!(
            "{failing} deliveries are made to fail, and {rule}: successes are driven in between"
        )),
        Budget::Paced(pause) => Some(format!(
            "{failing} deliveries are made to fail, and {rule}: smoke will pause for {} s in all to keep it closed \
             (--no-pause runs on)",
            pause.as_secs_f64()
        )),
        Budget::LetOpen => Some(format!(
            "{failing} deliveries are made to fail, and {rule}: what it swallows in the {open} s after that is reported \
             as suppressed, not as lost"
        )),
        Budget::Tripped(_) if breaker.is_none() => {
            Some(format!("{} flows, one for each case; the sender has no circuit breaker", plan.flows))
        }
        Budget::Tripped(pause) => Some(format!(
            "{} flows, one for each case; {rule}, which is tested last: smoke will pause for {} s in all",
            plan.flows,
            pause.as_secs_f64()
        )),
    }
}
