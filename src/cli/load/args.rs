//! What the user typed for `smoke load SCENARIO` and `smoke load webhooks`: two commands, each with its own flags.

use super::out::OutSpec;
use crate::cli::run_args::{FlowArgs, OutputArgs, ReportFormat};
use crate::cli::secret_source::SecretSource;
use crate::cli::sender_option::SenderOption;
use crate::load::{Shard, Stage, check_event, rate};
use chrono::{DateTime, TimeDelta, Utc};
use clap::ValueEnum;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use std::path::PathBuf;
use std::time::Duration;

/// Most threads of a load: beyond that, shards on other machines are what is wanted.
pub(super) const MOST_THREADS: u32 = 64;

/// The command line of `smoke load`: a scenario, or `webhooks`.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    disable_help_subcommand = true,
    override_usage = "smoke load [OPTIONS] <SCENARIO>\n       smoke load webhooks [OPTIONS] --to <URL>",
    mut_arg("report", reports)
)]
pub(in crate::cli) struct Args {
    #[command(subcommand)]
    pub what: Option<What>,
    #[command(flatten)]
    pub flows: FlowLoadArgs,
}

/// What is loaded other than the flows of a scenario.
#[derive(Debug, clap::Subcommand)]
pub(in crate::cli) enum What {
    /// Post signed webhooks to a receiver, each with its own body, id, timestamp and signature
    Webhooks(Box<WebhookLoadArgs>),
}

/// Options of `smoke load SCENARIO`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct FlowLoadArgs {
    /// A scenario: a built-in name (`payments`, `matches`) or a file
    ///
    /// Drives its flows against the staging API and accounts for their webhooks end to end.
    #[arg(required = true, hide_possible_values = true, value_parser = crate::cli::listed::scenarios())]
    pub scenario: Option<String>,
    #[command(flatten)]
    pub schedule: ScheduleArgs,
    #[command(flatten)]
    pub flow: FlowArgs,
}

/// Options of `smoke load webhooks`.
#[derive(Debug, clap::Args)]
#[command(mut_arg("report", reports))]
pub(in crate::cli) struct WebhookLoadArgs {
    /// The receiver's URL
    #[arg(long, value_name = "URL")]
    pub to: String,
    #[command(flatten)]
    pub schedule: ScheduleArgs,
    /// Load a receiver that looks like production, or another machine at more than 10000/s
    #[arg(long)]
    pub i_own_this_target: bool,

    /// The webhooks' event
    #[arg(long, value_name = "NAME", default_value = "payment_verified", value_parser = event, help_heading = "Webhooks")]
    pub event: String,
    /// Retry as the sender does
    ///
    /// As the profile of --sender says; by default three attempts after pauses of 0 s, 2 s and 4 s, and none after a 4xx.
    #[arg(long, help_heading = "Webhooks")]
    pub retry: bool,
    /// Time limit of one request, including connecting
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = rate::duration, allow_hyphen_values = true, help_heading = "Webhooks")]
    pub timeout: Duration,
    /// Only trust the certificates in this PEM file for https
    #[arg(long, value_name = "FILE", help_heading = "Webhooks")]
    pub cacert: Option<PathBuf>,
    #[command(flatten, next_help_heading = "Webhooks")]
    pub sender: SenderOption,
    #[command(flatten)]
    pub secret: SecretSource,
    /// Seed of every random choice [default: fresh]
    #[arg(long, value_name = "N", value_parser = crate::cli::typed::whole::<u64>(0..=u64::MAX.into()), help_heading = "Webhooks")]
    pub seed: Option<u64>,
    /// Name of the environment in the artifact [default: staging, or loopback]
    #[arg(long, value_name = "NAME", help_heading = "Webhooks")]
    pub environment: Option<String>,

    #[command(flatten)]
    pub output: OutputArgs,
    /// Sign journal and artifact with this private key (`smoke key` makes one)
    #[arg(long, value_name = "KEYFILE", help_heading = "Evidence")]
    pub sign: Option<PathBuf>,
    /// What was tested, for the signed statement: git+COMMIT, git+URL@COMMIT, IMAGE@sha256:HEX; may be given several times
    #[arg(long, value_name = "SUBJECT", requires = "sign", help_heading = "Evidence")]
    pub subject: Vec<String>,
}

/// When the starts of a load are due, and which of them are this process's.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Schedule")]
pub(in crate::cli) struct ScheduleArgs {
    /// Start rate: 20/s, 90/m, 500/10s, or `max`
    ///
    /// With `max` as fast as responses arrive (closed model).
    #[arg(
        long,
        value_name = "RATE",
        value_parser = rate_or_max,
        required_unless_present = "stages",
        requires = "duration",
        conflicts_with = "stages",
        allow_hyphen_values = true
    )]
    pub rate: Option<Rate>,
    /// How long (30s, 1m30s)
    #[arg(long, value_name = "TIME", value_parser = rate::duration, requires = "rate", allow_hyphen_values = true)]
    pub duration: Option<Duration>,
    /// Consecutive stages: 0-100/s:30s,100/s:2m,100-0/s:10s
    #[arg(long, value_name = "STAGES", value_parser = stages, allow_hyphen_values = true)]
    pub stages: Option<Stages>,
    /// Maximum number of flows or requests in progress at once
    ///
    /// A start waiting between attempts counts. [default: 32 with --rate max; else what one second of the rate needs, at most
    /// 1024, and with --retry 6 s more, at most 4096]
    #[arg(long, value_name = "N", value_parser = crate::cli::typed::whole::<u32>(1..=100_000), allow_hyphen_values = true)]
    pub connections: Option<u32>,
    /// Threads sharing schedule and connections, 1 to 64 [default: one per core, less one beside a target on loopback; 1 for flows]
    #[arg(long, value_name = "N", value_parser = crate::cli::typed::whole::<u32>(1..=i128::from(MOST_THREADS)), allow_hyphen_values = true)]
    pub threads: Option<u32>,
    /// Run only shard K of N, counted from 0
    ///
    /// [default: from JOB_COMPLETION_INDEX or SLURM_ARRAY_TASK_ID]
    #[arg(long, value_name = "K/N", allow_hyphen_values = true)]
    pub shard: Option<Shard>,
    /// Number of shards, if the environment gives this one's index [env: SMOKE_SHARDS]
    #[arg(long, value_name = "N", value_parser = crate::cli::typed::whole::<u64>(1..=u64::MAX.into()), conflicts_with = "shard", allow_hyphen_values = true)]
    pub shards: Option<u64>,
    /// Export each second: json, csv, json=FILE, csv=FILE, prometheus=FILE
    ///
    /// Under k6's names, on stdout or in a file (for prometheus, one that a node exporter collects); may be given several times.
    #[arg(long, value_name = "FORMAT[=FILE]")]
    pub out: Vec<OutSpec>,
    /// Start at this time: RFC 3339, Unix seconds, or +TIME from now
    #[arg(long, value_name = "T", value_parser = start_at, allow_hyphen_values = true)]
    pub start_at: Option<DateTime<Utc>>,
}

/// A rate as typed.
#[derive(Debug, Clone, Copy)]
pub(in crate::cli) enum Rate {
    /// Starts per second.
    PerSecond(f64),
    /// As fast as the answers come.
    Max,
}

/// Stages as typed.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Stages(pub Vec<Stage>);

fn rate_or_max(text: &str) -> Result<Rate, rate::RateError> {
    if text.trim() == "max" { Ok(Rate::Max) } else { rate::rate(text).map(Rate::PerSecond) }
}

fn stages(text: &str) -> Result<Stages, rate::RateError> {
    rate::stages(text).map(Stages)
}

fn event(text: &str) -> Result<String, String> {
    check_event(text).map(|()| text.to_owned()).map_err(|e| e.to_string())
}

/// A load has no memo.
pub(in crate::cli) fn reports(report: clap::Arg) -> clap::Arg {
    let formats =
        PossibleValuesParser::new(["html", "junit"]).try_map(|name| ReportFormat::from_str(&name, true));
    report
        .value_parser(formats)
        .help("Reports to write next to the artifact: html, junit [default: html]")
        .hide_possible_values(true)
}

/// A moment: RFC 3339, Unix seconds, or `+TIME` from now; at most a day ahead.
fn start_at(text: &str) -> Result<DateTime<Utc>, String> {
    let now = Utc::now();
    let at = if let Some(wait) = text.strip_prefix('+') {
        let wait = rate::duration(wait).map_err(|e| e.to_string())?;
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
