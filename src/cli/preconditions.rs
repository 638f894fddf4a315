//! What a run is not begun with, told before anything is driven.

use super::Failure;
use super::run_args::FlowArgs;
use record::RunKind;
use scenario::Scenario;

/// What is judged by signatures needs the secret.
pub(super) fn check_blind(args: &FlowArgs, kind: RunKind, own: &Scenario) -> Result<(), Failure> {
    if args.blind && (kind == RunKind::Load || !own.contract.is_empty()) {
        return Err(Failure::usage(
            "--blind: a load keeps no webhooks to verify later, and a contract sweep judges signatures: \
             both need the secret",
        ));
    }
    Ok(())
}

/// As in a scenario, where this is refused.
pub(super) fn check_within(args: &FlowArgs) -> Result<(), Failure> {
    let is_zero = args.within.is_some_and(|within| within.get().is_zero());
    let wrong = || Failure::usage("--within 0s: nothing arrives within 0 s: give for example 30s");
    if is_zero { Err(wrong()) } else { Ok(()) }
}
