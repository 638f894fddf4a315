//! What a run is made of: everything resolved, nothing started.

use crate::inbox::{Door, Tls};
use crate::receive::Token;
use crate::redact::Redactor;
use chrono::{DateTime, Utc};
use pii::{Canaries, PolicyError};
use record::RunKind;
use record::faults::{FaultPlan, Sweep};
use record::{Aggregator, Header, LoadShard, Override, RetryContract, SenderProfile};
use scenario::{Env, Loaded};
use serde_json::Value;
use signature::Scheme;
use signature::Secret;
use stand_in::{Misbehaviour, Profile};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// A run, resolved from command line, environment and scenario.
pub(crate) struct Plan {
    /// What kind of run it is.
    pub kind: RunKind,
    /// Which part of a load it is.
    pub shard: Option<LoadShard>,
    /// The scenario.
    pub loaded: Loaded,
    /// The gates, for the journal.
    pub gates: GatesRef,
    /// The system under test.
    pub target: Target,
    /// Its name in the artifact.
    pub environment: String,
    /// Number of flows.
    pub flows: u32,
    /// Flows at the same time.
    pub concurrency: u32,
    /// Data rows in place of the scenario's.
    pub data: Option<PathBuf>,
    /// Rows that are left out in front of the first flow's.
    pub skipped_rows: u32,
    /// When an earlier run with rows of that file was interrupted, if the last one was.
    pub interrupted_before: Option<DateTime<Utc>>,
    /// Variables in place of the scenario's.
    pub vars: BTreeMap<String, Value>,
    /// The environment that templates see.
    pub env: Env,
    /// Where webhooks are received.
    pub receiver: Receiver,
    /// Certificate and key of the receiver here, where it answers over https.
    pub tls: Tls,
    /// The webhook secret; of a blind run one that nothing is verified with.
    pub secret: Secret,
    /// Whether webhooks are taken unchecked, because the run has no secret.
    pub blind: bool,
    /// The approver's challenge.
    pub challenge: Option<String>,
    /// The signature scheme.
    pub scheme: Scheme,
    /// The sender's profile, where one is named.
    pub sender: Option<Box<SenderProfile>>,
    /// The retry contract and its tolerance.
    pub retry: RetryContract,
    pub sender_timeout: Duration,
    /// Seed of every random choice.
    pub seed: u64,
    /// In place of every webhook's own time limit.
    pub within: Option<Duration>,
    /// How long to watch for duplicates after the last webhook.
    pub quiet: Duration,
    /// What the command line gave in place of the scenario's own, for the journal.
    pub overrides: Vec<Override>,
    /// The journal file.
    pub journal: PathBuf,
    /// What counts the facts of the run in place of the journal file, if anything does.
    pub aggregator: Option<MakeAggregator>,
    /// What to break on purpose.
    pub faults: FaultPlan,
    /// The sweep of the sender's contract that the scenario asks for; its faults are in [`Plan::faults`], by flow.
    pub sweep: Option<Sweep>,
    /// What to do about the sender's circuit breaker.
    pub breaker: BreakerPolicy,
    /// Scrubs what leaves the process.
    pub redactor: Redactor,
    /// Whether requests carry the ids of their traces.
    pub traced: bool,
}

/// Makes what counts the facts of a run with this header and these canaries, which the header does not list.
pub(crate) type MakeAggregator = fn(&Header, Canaries) -> Result<Box<dyn Aggregator>, PolicyError>;

/// What to do about the sender's circuit breaker when more deliveries are made to fail than it spares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum BreakerPolicy {
    /// Hold answers back, or pause, so that it stays closed.
    #[default]
    KeepClosed,
    /// Run on; what it swallows is counted as suppressed.
    RunOn,
}

/// The gates of a run.
#[derive(Debug, Clone)]
pub(crate) struct GatesRef {
    /// Resolved, as JSON.
    pub value: Value,
    /// SHA-256 of the file, hex.
    pub sha256: String,
}

/// The system under test.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    /// The embedded stand-in.
    StandIn(StandIn),
    /// A staging system at this URL.
    Url(String),
}

/// How the embedded stand-in behaves.
#[derive(Debug, Clone, Default)]
pub(crate) struct StandIn {
    /// What it does wrong on purpose.
    pub misbehave: Vec<Misbehaviour>,
    /// Whose behaviour it shows otherwise.
    pub profile: Profile,
}

/// Where webhooks are received.
#[derive(Debug, Clone)]
pub(crate) enum Receiver {
    /// In this process.
    Here(Listen),
    /// By a `smoke receive` that the sender can reach; they are read back from it.
    Remote(RemoteInbox),
    /// By somebody else, at this URL, who judges them.
    Watched(String),
}

/// A `smoke receive` elsewhere.
#[derive(Debug, Clone)]
pub(crate) struct RemoteInbox {
    /// Its URL, as this process reaches it.
    pub url: String,
    /// Opens its read-back API.
    pub token: Token,
    /// The URL under which the sender reaches it; the receiver's own word when absent.
    pub public_url: Option<String>,
}

/// Where this process listens.
#[derive(Debug, Clone)]
pub(crate) struct Listen {
    /// Address and port; port 0 takes a free one.
    pub address: SocketAddr,
    /// Paths and methods.
    pub door: Door,
    /// Whether it answers over https.
    pub tls: bool,
    /// The URL under which the sender reaches it; from the address when absent.
    pub public_url: Option<String>,
}
