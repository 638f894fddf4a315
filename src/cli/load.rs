//! `smoke load`: webhooks or flows at a rate, with percentiles that can be trusted.

mod evidence;
mod flows;
mod given;
mod live;
mod plan;
mod webhooks;

pub(super) use evidence::{Evidence, JOURNAL, Outputs};

use super::run_args::RunArgs;
use super::{Exit, Failure};
use crate::load::Shard;
use chrono::{DateTime, TimeDelta, Utc};
use std::path::PathBuf;

/// The command line of `smoke load`.
#[derive(Debug, clap::Args)]
#[command(mut_arg("report", |arg| {
    arg.help("Reports to write beside the artifact: html, junit [default: html]").hide_possible_values(true)
}))]
pub(super) struct Args {
    /// `webhooks`: signed webhooks at a receiver, each with its own body, id, timestamp and signature; or a scenario
    /// (`payments`, `matches`, a file): its flows against the staging API, webhooks accounted for end to end
    #[arg(value_name = "WHAT")]
    what: String,
    /// The receiver's URL; webhooks only
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// Starts per time (20/s, 90/m, 500/10s), or `max`: as fast as the answers come (closed model)
    #[arg(long, value_name = "RATE", conflicts_with = "stages", allow_hyphen_values = true)]
    rate: Option<String>,
    /// How long (30s, 1m30s)
    #[arg(long, value_name = "TIME", conflicts_with = "stages", allow_hyphen_values = true)]
    duration: Option<String>,
    /// Stages, one after the other: RATE:TIME or FROM-TO/s:TIME (0-100/s:30s,100/s:2m,100-0/s:10s)
    #[arg(long, value_name = "STAGES", allow_hyphen_values = true)]
    stages: Option<String>,
    /// Most requests in flight [default: 32 with --rate max; else what one second of the rate needs, at most 1024, and
    /// with --retry 6 s more, at most 4096]; a start that waits between attempts counts
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000), allow_hyphen_values = true)]
    connections: Option<u32>,
    /// The webhooks' event [default: payment_verified]
    #[arg(long, value_name = "NAME")]
    event: Option<String>,
    /// Retry as the real sender does: three attempts, 0 s, 2 s and 4 s apart, none after a 4xx
    #[arg(long)]
    retry: bool,
    /// Time limit of one request, connecting included [default: 10s]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    timeout: Option<String>,
    /// Trust the certificates in this PEM file for https, and no others
    #[arg(long, value_name = "FILE")]
    cacert: Option<PathBuf>,
    /// Run shard K of N only, counted from 0 [default: from JOB_COMPLETION_INDEX or SLURM_ARRAY_TASK_ID]
    #[arg(long, value_name = "K/N", allow_hyphen_values = true)]
    shard: Option<Shard>,
    /// Number of shards, when the environment gives this one's index [env: SMOKE_SHARDS]
    #[arg(long, value_name = "N", conflicts_with = "shard", allow_hyphen_values = true)]
    shards: Option<u64>,
    /// Begin at this time: RFC 3339, Unix seconds, or +TIME from now
    #[arg(long, value_name = "T", value_parser = start_at, allow_hyphen_values = true)]
    start_at: Option<DateTime<Utc>>,
    /// Load a target that looks like production, or another machine at more than 10000/s
    #[arg(long)]
    i_own_this_target: bool,
    #[command(flatten)]
    run: RunArgs,
}

impl Args {
    fn event(&self) -> &str {
        self.event.as_deref().unwrap_or("payment_verified")
    }

    fn outputs(&self) -> Outputs {
        let run = &self.run;
        Outputs {
            artifacts: run.artifacts.clone(),
            gates: run.gates.clone(),
            confidence: run.confidence.clone(),
            report: run.report.clone(),
            format: run.format,
            quiet: run.quiet,
        }
    }
}

/// Runs the load.
pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    match args.what.as_str() {
        "webhooks" => webhooks::run(args),
        scenario => flows::run(args, scenario),
    }
}

/// A moment: RFC 3339, Unix seconds, or `+TIME` from now; at most a day ahead.
fn start_at(text: &str) -> Result<DateTime<Utc>, String> {
    let now = Utc::now();
    let at = if let Some(wait) = text.strip_prefix('+') {
        let wait = crate::load::rate::duration(wait).map_err(|e| e.to_string())?;
        now + wait
    } else if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        let seconds = text.parse().map_err(|_| "too many digits for Unix seconds".to_owned())?;
        DateTime::from_timestamp(seconds, 0).ok_or("out of range")?
    } else {
        DateTime::parse_from_rfc3339(text)
            .map_err(|e| format!("{e}; write RFC 3339 (2026-11-23T22:00:00Z), Unix seconds, or +30s"))?
            .to_utc()
    };
    if at - now > TimeDelta::days(1) {
        return Err("more than a day ahead".to_owned());
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_parse() {
        assert_eq!(start_at("1767225600").unwrap().to_rfc3339(), "2026-01-01T00:00:00+00:00");
        assert_eq!(start_at("2026-01-01T06:00:00+06:00").unwrap(), start_at("1767225600").unwrap());
        let soon = start_at("+30s").unwrap() - Utc::now();
        assert!(soon > TimeDelta::seconds(28) && soon <= TimeDelta::seconds(30));
        for text in ["", "tomorrow", "+", "+2d", "99999999999999999999", "2999-01-01T00:00:00Z", "-5"] {
            assert!(start_at(text).is_err(), "{text}");
        }
    }
}
