//! What the user typed for `smoke observe`.

use super::drive::DriveArgs;
use crate::cli::run_args::ReportFormat;
use crate::cli::secret_source::SecretSource;
use crate::cli::sender_option::SenderOption;
use crate::cli::typed::listen_address;
use scenario::Period;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Options of `smoke observe`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// How long to watch
    #[arg(long, value_name = "DURATION", default_value = "30m")]
    pub duration: Period,
    /// Follow this journal of a receiver
    #[arg(long, value_name = "FILE", group = "source")]
    pub journal: Option<PathBuf>,
    /// Read from the receiver at this URL
    #[arg(long, value_name = "URL", group = "source", requires = "token_file")]
    pub inbox: Option<String>,
    /// Receive webhooks here during the window
    #[arg(long, value_name = "ADDR", group = "source", value_parser = listen_address)]
    pub listen: Option<SocketAddr>,
    /// File with the token of the receiver's read-back API
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Path that webhooks are posted to, with --listen
    #[arg(long, value_name = "PATH", default_value = "/webhooks/inbound")]
    pub path: String,
    #[command(flatten)]
    pub sender: SenderOption,
    #[command(flatten)]
    pub secret: SecretSource,
    /// Watch without the webhook secret; the approver verifies the signatures
    #[arg(long)]
    pub blind: bool,
    /// URL at which the sender reaches the receiver; probed every 10 s
    #[arg(long, value_name = "URL")]
    pub probe: Option<String>,
    /// Log file of the sender to follow
    ///
    /// May be given several times.
    #[arg(long = "log", value_name = "FILE")]
    pub logs: Vec<PathBuf>,
    /// Formats of the log's lines [default: the real sender's, JSON ones and the staging guide's, built in]
    #[arg(long, value_name = "FILE", requires = "logs")]
    pub formats: Option<PathBuf>,
    /// Command to run when a rollback trigger fires
    ///
    /// SMOKE_ROLLBACK_TRIGGER and SMOKE_ROLLBACK_REASON in its environment say why.
    #[arg(long, value_name = "COMMAND")]
    pub on_rollback: Option<String>,
    /// Watch to the end even if a trigger fires
    #[arg(long)]
    pub keep_going: bool,
    /// Share of traffic at this canary stage, such as 5%
    #[arg(long, value_name = "PERCENT", value_parser = crate::cli::promote::stage_percent)]
    pub stage: Option<f64>,
    /// Name of the environment
    #[arg(long, value_name = "NAME", default_value = "staging")]
    pub environment: String,
    /// Gates file [default: scenarios/gates.yaml, else the built-in one]
    #[arg(long, value_name = "FILE")]
    pub gates: Option<PathBuf>,
    /// Directory for memo, artifact and journal
    #[arg(long, value_name = "DIR", default_value = "artifacts")]
    pub artifacts: PathBuf,
    #[command(flatten)]
    pub drive: DriveArgs,
    /// Reports to write next to the memo
    #[arg(long, value_enum, value_delimiter = ',', value_name = "FORMATS")]
    pub report: Vec<ReportFormat>,
    /// List every gate, including those that nothing exercised
    #[arg(long)]
    pub all: bool,
}
