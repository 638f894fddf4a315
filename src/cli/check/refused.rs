//! What of a scenario's own settings a run would refuse before it begins.

use super::Args;
use crate::cli::{Failure, receiver_plan, run_plan};
use record::faults::FaultPlan;
use scenario::{Env, Loaded};

/// What of a scenario's own faults, paths and certificate a run would refuse.
pub(super) fn refused(loaded: &Loaded, args: &Args, env: &Env, embedded: bool) -> Vec<Failure> {
    let (is_named, args) = (!args.scenarios.is_empty(), &args.run);
    let mut refused = Vec::new();
    // Flows and faults that are asked of all scenarios are not meant for one that has its own.
    let is_meant = loaded.scenario.contract.is_empty() || is_named;
    let broken = run_plan::broken(loaded, args, env, embedded).filter(|_| is_meant);
    let broken = broken.and_then(|broken| broken.map_err(|e| refused.push(e)).ok());
    let faults = broken.map(|broken| broken.faults).unwrap_or_default();
    let door =
        |faults: &FaultPlan, own| receiver_plan::receiver(&args.flow, env, embedded, faults, own).err();
    // What the command line has wrong is told of all scenarios at once.
    if door(&FaultPlan::default(), None).is_none() {
        refused.extend(door(&faults, loaded.scenario.listen.as_ref()));
    }
    refused.extend(receiver_plan::tls(loaded).err());
    refused
}
