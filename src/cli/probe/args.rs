//! What the user typed for `smoke probe`.

use crate::cli::format::Format;
use crate::cli::run_args::ReportFormat;
use crate::cli::secret_source::SecretSource;
use crate::load::rate::duration;
use ::probe::{Case, Group, can_imitate};
use signature::Scheme;
use stand_in::Flaw;
use std::path::PathBuf;
use std::time::Duration;

/// Options of `smoke probe`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(in crate::cli) struct Args {
    /// URL of the receiver, to which webhooks are posted
    #[arg(value_name = "URL", conflicts_with = "receiver")]
    pub target: Option<String>,
    /// Probe the built-in receiver: `right`, or one with a flaw by name
    #[arg(hide_possible_values = true, value_parser = crate::cli::listed::Listed::<BuiltIn>::new(flaws), long, value_name = "FLAW", num_args = 0..=1, default_missing_value = "right")]
    pub receiver: Option<BuiltIn>,
    /// Whose webhooks to imitate: a built-in profile such as stripe, or a file [default: deltacrown-5.6]
    #[arg(hide_possible_values = true, value_parser = crate::cli::listed::senders(), long, value_name = "NAME|FILE")]
    pub sender: Option<String>,
    #[command(flatten)]
    pub secret: SecretSource,
    /// Event of the webhooks [default: one the sender is known to send]
    #[arg(long, value_name = "NAME", value_parser = event)]
    pub event: Option<String>,
    /// JSON object to send as the body
    ///
    /// Id, event and the probe's mark are put into it. [default: a typical one for the sender]
    #[arg(long, value_name = "FILE")]
    pub body: Option<PathBuf>,
    /// Command or URL that returns how many webhooks were processed
    ///
    /// As a whole number; it is queried before and after.
    #[arg(long, value_name = "CMD|URL")]
    pub observe: Option<String>,
    /// Groups of cases to run
    ///
    /// baseline, forgery, robustness, raw-body, behaviour [default: all]
    #[arg(long, value_name = "GROUPS", value_delimiter = ',', hide_possible_values = true, value_parser = crate::cli::listed::Listed::<OfGroup>::new(groups), conflicts_with = "case")]
    pub only: Vec<OfGroup>,
    /// Run one case again and print its requests as curl commands
    ///
    /// Signed, and without the secret.
    #[arg(long, value_name = "ID", hide_possible_values = true, value_parser = crate::cli::listed::Listed::<OfCase>::new(cases))]
    pub case: Option<OfCase>,
    /// Time limit of the whole probe; cases beyond it are unproven
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = duration)]
    pub budget: Duration,
    /// Trust these certificates (PEM) instead of the system's
    #[arg(long, value_name = "FILE")]
    pub cacert: Option<PathBuf>,
    /// Probe a target that looks like production
    #[arg(long)]
    pub i_own_this_target: bool,
    /// Name of the environment in the artifact [default: loopback, embedded or staging]
    #[arg(long, value_name = "NAME")]
    pub environment: Option<String>,
    /// Directory for the evidence
    #[arg(long, value_name = "DIR", default_value = "artifacts", help_heading = "Evidence")]
    pub artifacts: PathBuf,
    /// Reports to write next to the artifact
    #[arg(long, value_enum, value_delimiter = ',', value_name = "FORMATS", help_heading = "Evidence")]
    pub report: Vec<ReportFormat>,
    /// Sign journal and artifact with this private key (`smoke key` makes one)
    #[arg(long, value_name = "KEYFILE", help_heading = "Evidence", conflicts_with = "case")]
    pub sign: Option<PathBuf>,
    /// What goes to stdout: a table, or the artifact
    #[arg(long, value_enum, default_value = "human", help_heading = "Evidence")]
    pub format: Format,
}

/// The built-in receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) struct BuiltIn(pub Option<Flaw>);

impl std::str::FromStr for BuiltIn {
    type Err = stand_in::UnknownFlaw;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        // As they are written in prose too.
        let name = name.trim().to_ascii_lowercase().replace([' ', '_'], "-");
        if name == "right" { Ok(Self(None)) } else { name.parse().map(|flaw| Self(Some(flaw))) }
    }
}

fn flaws() -> Vec<&'static str> {
    std::iter::once("right").chain(Flaw::ALL.map(Flaw::name)).collect()
}

/// A group of cases by its name.
#[derive(Debug, Clone, Copy)]
pub(in crate::cli) struct OfGroup(pub Group);

impl std::str::FromStr for OfGroup {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let names = Group::ALL.map(Group::name).join(", ");
        let found = Group::ALL.into_iter().find(|group| group.name() == text.trim());
        found.map(Self).ok_or_else(|| format!("no such group; known: {names}"))
    }
}

/// A case by its id.
#[derive(Debug, Clone, Copy)]
pub(in crate::cli) struct OfCase(pub &'static str);

impl std::str::FromStr for OfCase {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Case::of(text.trim()).map(|case| Self(case.id));
        found.ok_or_else(|| format!("no such case; known: {}", cases().join(", ")))
    }
}

fn groups() -> Vec<&'static str> {
    Group::ALL.map(Group::name).to_vec()
}

fn cases() -> Vec<&'static str> {
    Case::all().map(|case| case.id).collect()
}

/// A name that can stand in a header.
fn event(text: &str) -> Result<String, &'static str> {
    let fits = (1..=256).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    if fits {
        Ok(text.to_owned())
    } else {
        Err("it must be 1 to 256 visible ASCII characters without spaces")
    }
}

/// What anybody who probes has to know.
const AFTER_HELP: &str = "Every request is marked as a probe's. A URL beyond this machine gets at most 10 requests a second, 300 in all.";

/// With the names that `--sender` and `--receiver` take.
pub(in crate::cli) fn after_all_options() -> String {
    let senders = Scheme::ALL.into_iter().filter(|sender| can_imitate(*sender).is_ok());
    let senders: Vec<&str> = senders.map(Scheme::sender).collect();
    let senders = senders.join(", ");
    let flaws = Flaw::ALL.map(Flaw::name).join(", ");
    format!(
        "{AFTER_HELP}\n\nSenders: {senders}\n\nFlaws of the built-in receiver: {flaws}\n\n\
         Exit codes: 0 pass, 1 a case failed, 2 usage, 3 unproven, 4 unreachable, 130 interrupted"
    )
}
