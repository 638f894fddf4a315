//! What of a scenario's own settings a run would refuse before it begins.

use crate::cli::run_args::RunArgs;
use crate::cli::{Failure, receiver_plan, run_plan};
use record::faults::FaultPlan;
use scenario::{Env, Loaded};

/// What of a scenario's own faults, paths and certificate a run would refuse.
pub(super) fn refused(loaded: &Loaded, args: &RunArgs, env: &Env, embedded: bool) -> Vec<Failure> {
    let mut refused = Vec::new();
    let broken = run_plan::broken(loaded, args, env, embedded)
        .and_then(|broken| broken.map_err(|e| refused.push(e)).ok());
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
