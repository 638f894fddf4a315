//! Flags that a load of the other kind takes: refused by name, since ignoring them would mislead.

use super::Args;
use crate::cli::Failure;

/// Refuses what only a load of webhooks takes.
///
/// # Errors
/// Usage: such a flag is given.
pub(super) fn not_for_flows(args: &Args) -> Result<(), Failure> {
    refuse(
        &[
            ("--to", args.to.is_some()),
            ("--event", args.event.is_some()),
            ("--retry", args.retry),
            ("--timeout", args.timeout.is_some()),
            ("--cacert", args.cacert.is_some()),
        ],
        "is for `load webhooks`; flows go to --staging URL or the stand-in, and the scenario says the rest",
    )?;
    refuse(
        &[("--flows", args.run.flows.is_some()), ("--concurrency", args.run.concurrency.is_some())],
        "the schedule says how many flows there are, and --connections how many at once",
    )
}

/// Refuses what only a load of flows takes.
///
/// # Errors
/// Usage: such a flag is given.
pub(super) fn not_for_webhooks(args: &Args) -> Result<(), Failure> {
    let run = &args.run;
    refuse(
        &[
            ("--staging", run.staging.is_some()),
            ("--misbehave", !run.misbehave.is_empty()),
            ("--as", run.profile.is_some()),
            ("--flows", run.flows.is_some()),
            ("--concurrency", run.concurrency.is_some()),
            ("--data", run.data.is_some()),
            ("--var", !run.vars.is_empty()),
            ("--env-file", run.env_file.is_some()),
            ("--within", run.within.is_some()),
            ("--settle", run.settle.is_some()),
            ("--inject", !run.inject.is_empty()),
            ("--no-pause", run.no_pause),
            ("--listen", run.listen.is_some()),
            ("--inbox", run.inbox.is_some()),
            ("--public-url", run.public_url.is_some()),
            ("--path", run.path.is_some()),
        ],
        "is for flows; load webhooks takes --to, --rate and --connections",
    )
}

fn refuse(flags: &[(&str, bool)], why: &str) -> Result<(), Failure> {
    match flags.iter().find(|(_, given)| *given) {
        Some((flag, _)) => Err(Failure::usage(format!("{flag}: {why}"))),
        None => Ok(()),
    }
}
