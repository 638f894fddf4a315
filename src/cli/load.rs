//! `smoke load`: webhooks or flows at a rate, with percentiles that can be trusted.

mod args;
mod evidence;
mod flows;
mod live;
mod out;
mod plan;
mod webhooks;

pub(super) use args::{Args, reports};
pub(super) use evidence::{Evidence, JOURNAL};

use super::{Exit, Failure};
use args::What;

/// Runs the load.
pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    match (&args.what, &args.flows.scenario) {
        (Some(What::Webhooks(args)), _) => webhooks::run(args),
        (None, Some(scenario)) => flows::run(&args.flows, scenario),
        (None, None) => Err(Failure::usage("say what to load: a scenario or `webhooks`")),
    }
}
