//! What the user typed for the commands that drive flows.

use super::diff::told;
use super::environment::not_empty;
use super::format::Format;
use super::secret_source::SecretSource;
use super::staging::{kinds, misbehaviours};
use super::typed::listen_address;
use super::{Exit, Failure, out};
use clap::{Args, ValueEnum};
use evidence::report::{Difference, Told};
use record::RunKind;
use record::faults::FaultSpec;
use scenario::Period;
use signature::Scheme;
use stand_in::{Misbehaviour, Profile};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Options of a smoke run.
#[derive(Debug, Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    pub flow: FlowArgs,
    /// Number of flows [default: the scenario's]
    #[arg(long, value_name = "N", value_parser = crate::cli::typed::whole::<u32>(1..=1_000_000), help_heading = "Run")]
    pub flows: Option<u32>,
    /// Flows at the same time [default: the scenario's]
    #[arg(long, value_name = "N", value_parser = crate::cli::typed::whole::<u32>(1..=10_000), help_heading = "Run")]
    pub concurrency: Option<u32>,
    /// At the end, wait until the sender's circuit breaker lets webhooks through again, if this run opened it
    #[arg(long, help_heading = "Run")]
    pub leave_closed: bool,
}

/// Options of whatever drives the flows of a scenario. Flags win over the environment, which wins over the scenario.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Target", after_long_help = kinds())]
pub(super) struct FlowArgs {
    /// Base URL of staging; without it the stand-in is driven [env: STAGING_URL]
    #[arg(long, value_name = "URL", value_parser = not_empty)]
    pub staging: Option<String>,
    /// Name of the environment in the artifact [default: staging, or embedded]
    #[arg(long, value_name = "NAME")]
    pub environment: Option<String>,
    /// Drive a target that looks like production, or load another machine at more than 10000/s
    #[arg(long)]
    pub i_own_this_target: bool,
    /// Make the stand-in misbehave in this way
    ///
    /// KIND, KIND@20% (a share of the deliveries) or KIND@3 (the third one); may be given several times.
    #[arg(long, value_name = "KIND", hide_possible_values = true, value_parser = misbehaviours())]
    pub misbehave: Vec<Misbehaviour>,
    /// Behaviour of the stand-in: good-practice or deltacrown
    #[arg(hide_possible_values = true, value_parser = super::listed::profiles(), long = "as", value_name = "PROFILE")]
    pub profile: Option<Profile>,

    /// Data rows, CSV or JSON: one row per flow
    #[arg(long, value_name = "FILE", help_heading = "Run")]
    pub data: Option<PathBuf>,
    /// Start with this data row, from 1 [default: after those that earlier runs used up, else the first]
    #[arg(long, value_name = "N", value_parser = crate::cli::typed::whole::<u32>(1..=u32::MAX.into()), help_heading = "Run")]
    pub from_row: Option<u32>,
    /// Value of a scenario variable; may be given several times. For secrets use the environment or --env-file
    #[arg(long = "var", value_name = "NAME=VALUE", help_heading = "Run")]
    pub vars: Vec<String>,
    /// File of NAME=value lines, for variables that are not set
    #[arg(long, value_name = "FILE", help_heading = "Run")]
    pub env_file: Option<PathBuf>,
    /// Seed of every random choice [default: fresh]
    #[arg(long, value_name = "N", value_parser = crate::cli::typed::whole::<u64>(0..=u64::MAX.into()), help_heading = "Run")]
    pub seed: Option<u64>,
    /// How long to wait for each webhook [default: the scenario's]
    #[arg(long, value_name = "DURATION", help_heading = "Run")]
    pub within: Option<Period>,
    /// How long to watch for duplicates after the last webhook [default: the scenario's, else 300ms; staging: at least 3s]
    #[arg(long, value_name = "DURATION", help_heading = "Run")]
    pub settle: Option<Period>,
    /// Break webhook attempts on purpose: 503x2, reset@3 or 400@20%
    ///
    /// FAULT[xN|x*][@SHARE%|@K]: the first N attempts (or all) of a share of the deliveries, or of the K-th; may be given several
    /// times. FAULT is a status from 300 to 599 (429:retry-after=7), answer=2xx, delay=TIME, hang, reset, reset-after-head, close,
    /// truncate, garbage or drip=BYTES/s.
    #[arg(hide_possible_values = true, value_parser = super::listed::faults(), long, value_name = "FAULT", help_heading = "Run")]
    pub inject: Vec<FaultSpec>,
    /// Do not pause or hold back answers to keep the sender's circuit breaker closed while deliveries are made to fail, nor
    /// wait at the start for one that an earlier run left open
    #[arg(long, help_heading = "Run")]
    pub no_pause: bool,

    /// Address to receive webhooks on
    ///
    /// [default: that of WEBHOOK_ENDPOINT when it is local, else 127.0.0.1:8787]
    #[arg(long, value_name = "ADDR", value_parser = listen_address, help_heading = "Receiver")]
    pub listen: Option<SocketAddr>,
    /// Read webhooks back from this `smoke receive`
    #[arg(long, value_name = "URL", value_parser = not_empty, requires = "token_file", conflicts_with_all = ["listen", "path"], help_heading = "Receiver")]
    pub inbox: Option<String>,
    /// File with the token of that receiver's read-back API
    #[arg(long, value_name = "FILE", requires = "inbox", help_heading = "Receiver")]
    pub token_file: Option<PathBuf>,
    /// URL at which staging reaches the receiver [env: WEBHOOK_ENDPOINT]
    #[arg(long, value_name = "URL", value_parser = not_empty, help_heading = "Receiver")]
    pub public_url: Option<String>,
    /// Path webhooks are posted to [default: that of the public URL, else /webhooks/inbound]
    #[arg(long, value_name = "PATH", value_parser = not_empty, help_heading = "Receiver")]
    pub path: Option<String>,
    /// Signature scheme [default: the scenario's]
    #[arg(hide_possible_values = true, value_parser = super::listed::schemes(), long, value_name = "NAME", help_heading = "Receiver")]
    pub scheme: Option<Scheme>,
    /// Who sends: a built-in profile (`smoke senders` lists them) or a file
    ///
    /// [default: the scenario's]
    #[arg(hide_possible_values = true, long, value_name = "NAME|FILE", value_parser = super::listed::senders(), conflicts_with = "scheme", help_heading = "Receiver")]
    pub sender: Option<String>,
    #[command(flatten)]
    pub secret: SecretSource,
    /// Run without the webhook secret; the approver verifies the signatures
    #[arg(long, help_heading = "Receiver")]
    pub blind: bool,

    #[command(flatten)]
    pub output: OutputArgs,
    /// Sign journal and artifact with this private key (`smoke key` makes one)
    #[arg(long, value_name = "KEYFILE", help_heading = "Evidence")]
    pub sign: Option<PathBuf>,
    /// What was tested, for the signed statement: git+COMMIT, git+URL@COMMIT, IMAGE@sha256:HEX; may be given several times
    /// [default: the commit that the variables of a CI system name]
    #[arg(long, value_name = "SUBJECT", requires = "sign", help_heading = "Evidence")]
    pub subject: Vec<String>,
    /// The approver's challenge (`smoke gate --new-challenge`), which scenarios weave in as {{ challenge }}
    #[arg(long, value_name = "CHALLENGE", value_parser = not_empty, help_heading = "Evidence")]
    pub challenge: Option<String>,
}

/// Where evidence goes, by what it is judged, and what is shown.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Evidence")]
pub(super) struct OutputArgs {
    /// Directory for the evidence
    ///
    /// Each shard of a load creates its own directory in it.
    #[arg(long, value_name = "DIR", default_value = "artifacts")]
    pub artifacts: PathBuf,
    /// Gates file [default: scenarios/gates.yaml, else the built-in one]
    #[arg(long, value_name = "FILE")]
    pub gates: Option<PathBuf>,
    /// Require claims to hold at this confidence, in percent
    ///
    /// A figure that may have met its target by luck is then unproven.
    #[arg(long, value_name = "PERCENT", value_parser = ["95"])]
    pub confidence: Option<String>,
    /// Fail if the result is worse than this earlier artifact
    ///
    /// By more than noise: see `smoke diff`.
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// Reports to write next to the artifact
    #[arg(long, value_enum, value_delimiter = ',', value_name = "FORMATS")]
    pub report: Vec<ReportFormat>,
    /// What goes to stdout: a table, or the artifact
    #[arg(long, value_enum, default_value = "human")]
    pub format: Format,
    /// List every gate, including those that nothing exercised
    #[arg(long)]
    pub all: bool,
}

impl OutputArgs {
    /// The artifact of `--baseline`, read before anything is driven: one of another kind or scenario is told then, and a run may take
    /// its place.
    pub(super) fn baseline(&self, kind: RunKind, name: &str) -> Result<Option<Told>, Failure> {
        let Some(file) = self.baseline.as_deref() else { return Ok(None) };
        let baseline = told(file)?;
        let fits = baseline.is_of(kind.name(), name);
        fits.map_err(|e| Failure::usage(format!("--baseline {}: {e}", file.display())))?;
        Ok(Some(baseline))
    }

    /// Holds the artifact at `new` against the baseline, says how they differ, and gives the exit code after that.
    pub(super) fn against(&self, baseline: Option<Told>, new: &Path, exit: Exit) -> Result<Exit, Failure> {
        let Some(baseline) = baseline else { return Ok(exit) };
        let difference =
            Difference::new(baseline, told(new)?).map_err(|e| Failure::usage(format!("--baseline: {e}")))?;
        for line in difference.text(out::screen(self.all)).lines() {
            out::line(line);
        }
        Ok(if exit == Exit::Pass && difference.is_worse() { Exit::Fail } else { exit })
    }
}

/// A report for people or build servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ReportFormat {
    /// NAME_report.html: one self-contained page
    Html,
    /// NAME_junit.xml
    Junit,
    /// NAME_memo.md
    Markdown,
}
