//! The first line of a journal: what was run, against what, judged by what.

use crate::JsonSchema;
use crate::SubjectKind;
use crate::contract::RetryContract;
use crate::faults::{Clause, FaultSpec};
use crate::{Handshake, LoadShard, SenderProfile};
use chrono::{DateTime, TimeDelta, Utc};
use pii::Identity;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use signature::Scheme;
use std::time::Duration;

/// The name of an environment that is the stand-in in this process: nobody but this run uses it.
pub const EMBEDDED: &str = "embedded";

/// Most secrets under which webhooks are accepted at once: they are rotated one by one.
pub const MAX_SECRETS: usize = 16;

/// The version of the journal format that this build writes and reads.
pub const FORMAT_VERSION: u32 = 2;

/// What was run, against what, judged by what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Header {
    /// Version of the journal format.
    pub version: u32,
    /// Random id of the run.
    pub run_id: uuid::Uuid,
    /// Version of smoke.
    pub tool_version: String,
    /// Which build of that version, as far as the build itself knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<Build>,
    /// What kind of run it is.
    pub kind: RunKind,
    /// Which part of a load it is; nothing else has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<LoadShard>,
    /// Wall time of tick 0.
    pub started: DateTime<Utc>,
    /// The scenario.
    pub scenario: ScenarioRef,
    /// The resolved gates as JSON, and the SHA-256 of the file they came from (of the built-in text without a file).
    pub gates: Value,
    /// SHA-256 of the gates file, hex.
    pub gates_sha256: String,
    /// `embedded` for the stand-in, else `staging` or the name given.
    pub environment: String,
    /// Whether the system under test is smoke's own stand-in, in this process or as a server: no evidence about staging.
    #[serde(default)]
    pub stand_in: bool,
    /// Base URL of the system under test, without credentials.
    pub target: String,
    /// Signature scheme.
    pub scheme: Scheme,
    /// The sender's profile whole, where the run names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<Box<SenderProfile>>,
    /// Number of flows planned.
    pub flows: u32,
    /// Flows at the same time.
    pub concurrency: u32,
    /// Whether each flow began only when the webhooks of the one before had ended, so that what comes is of the flow that is
    /// under way.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_turn: bool,
    /// Seed of every random choice.
    pub seed: u64,
    /// The sender's settings as far as smoke knows them.
    pub webhook: WebhookConfig,
    /// The retry contract that is judged.
    pub retry: RetryContract,
    /// JSON pointers by which this run's webhooks are told from other traffic.
    pub ours: Vec<String>,
    /// Whether flows learn from answers what their webhooks are told by, so that a webhook may come before it is known whose it
    /// is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub learns: bool,
    /// Canary values.
    pub identities: Vec<Identity>,
    /// PII policy as given in the scenario or a policy file.
    #[serde(default)]
    pub pii_policy: Option<Value>,
    /// Salt of the digests of PII values, hex.
    pub pii_salt: String,
    /// The faults asked for, as typed.
    #[serde(default)]
    pub faults: Vec<FaultSpec>,
    /// The clauses of a sweep of the sender's contract.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clauses: Vec<Clause>,
    /// What the command line gave in place of the scenario's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<Override>,
    /// Whether the run had no webhook secret: signatures are taken unchecked, and are the approver's to judge.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub blind: bool,
    /// When an earlier run with rows of the same data file against the same system was interrupted, or began where it was still
    /// under way: webhooks of it may come meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interrupted_before: Option<DateTime<Utc>>,
    /// The approver's challenge, which the scenario weaves into what it sends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub challenge: Option<String>,
}

/// An option of the command line that a run was told apart from its scenario with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Override {
    /// The option without its dashes, such as `within`.
    pub option: String,
    /// What was given, such as `60s`; of a variable its name alone.
    pub value: String,
}

/// A build of smoke.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Build {
    /// Hex id of the commit it was built from; absent where the sources came without their history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Whether what was compiled differs from that commit.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub modified: bool,
    /// The cargo profile: `dev`, `release`, `dist`.
    pub profile: String,
    /// Features of the package; `static` where the C library is linked in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<String>,
}

/// What kind of run a journal is of. Everything that differs between kinds asks this, and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunKind {
    /// Flows of a scenario, each webhook accounted for.
    Run,
    /// Flows or webhooks at a rate.
    Load,
    /// A receiver by itself: it plays no flow, so that no webhook is due, and none unexpected.
    Receive,
    /// A window in which somebody else's webhooks are watched.
    Observe,
    /// A receiver is tried out: smoke is the sender, right and forged.
    Probe,
}

impl RunKind {
    /// Whether each webhook of the run is asked for by a step of it, so that any other is one too many. Whoever only watches
    /// or receives asks for none.
    #[must_use]
    pub const fn accounts_for_each_webhook(self) -> bool {
        matches!(self, Self::Run | Self::Load)
    }

    /// The word in journals and on screen.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Load => "load",
            Self::Receive => "receive",
            Self::Observe => "observe",
            Self::Probe => "probe",
        }
    }
}

impl Header {
    /// The header of a run of this kind that begins at `started`, with an id and a salt of its own: no scenario, no flows,
    /// nothing configured yet.
    ///
    /// # Errors
    /// When the operating system gives no random bytes.
    pub fn new(kind: RunKind, started: DateTime<Utc>) -> Result<Self, getrandom::Error> {
        let mut salt = [0u8; 16];
        getrandom::fill(&mut salt)?;
        Ok(Self {
            version: FORMAT_VERSION,
            run_id: uuid::Uuid::new_v4(),
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            build: None,
            kind,
            shard: None,
            started,
            scenario: ScenarioRef::none(kind),
            gates: Value::Null,
            gates_sha256: String::new(),
            environment: String::new(),
            stand_in: false,
            target: String::new(),
            scheme: Scheme::default(),
            sender: None,
            flows: 0,
            concurrency: 0,
            in_turn: false,
            seed: 0,
            webhook: WebhookConfig::default(),
            retry: RetryContract::default(),
            ours: Vec::new(),
            learns: false,
            identities: Vec::new(),
            pii_policy: None,
            pii_salt: hex::encode(salt),
            faults: Vec::new(),
            clauses: Vec::new(),
            overrides: Vec::new(),
            blind: false,
            interrupted_before: None,
            challenge: None,
        })
    }

    /// The environment that the run says something about: the stand-in, whatever name it was given.
    #[must_use]
    pub fn tested(&self) -> &str {
        if self.stand_in { EMBEDDED } else { &self.environment }
    }

    /// Until when webhooks of the earlier run that was interrupted may come: a delivery with all its attempts after that, which
    /// begins within half a minute, the time limit of webhooks by default.
    #[must_use]
    pub fn earlier_webhooks_until(&self) -> Option<DateTime<Utc>> {
        let WebhookConfig { timeout_ms, max_attempts, .. } = self.webhook;
        let pauses = self.retry.backoff_ms.iter().fold(30_000, |sum: u64, ms| sum.saturating_add(*ms));
        let ms = pauses.saturating_add(timeout_ms.saturating_mul(u64::from(max_attempts)));
        let longest = TimeDelta::try_milliseconds(i64::try_from(ms).ok()?)?;
        self.interrupted_before?.checked_add_signed(longest)
    }

    /// What the command line gave for this option in place of the scenario's own.
    #[must_use]
    pub fn given(&self, option: &str) -> Option<&Override> {
        self.overrides.iter().find(|given| given.option == option)
    }

    /// What its sender asks a receiver first: as its profile says, else the built-in one of its scheme.
    #[must_use]
    pub fn handshakes(&self) -> Vec<Handshake> {
        match &self.sender {
            Some(sender) => sender.handshakes.clone(),
            None => SenderProfile::built_in(self.scheme).map(|sender| sender.handshakes).unwrap_or_default(),
        }
    }
}

/// The scenario of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ScenarioRef {
    /// Its name.
    pub name: String,
    /// What one flow is about.
    pub subject: SubjectKind,
    /// The word for many of them, where the scenario gives another than the usual one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plural: Option<SubjectKind>,
    /// SHA-256 of the file's bytes, hex; of no bytes where no file says what is done.
    pub sha256: String,
}

impl ScenarioRef {
    /// Whether a scenario is played: a file says what is done.
    #[must_use]
    pub fn is_played(&self) -> bool {
        self.sha256 != crate::sha256_hex(b"")
    }

    /// The word for many of what flows are about.
    #[must_use]
    pub fn subjects(&self) -> String {
        self.plural.as_ref().map_or_else(|| self.subject.plural(), |plural| plural.as_str().to_owned())
    }

    /// Where no file says what is done: the kind of run by name.
    #[must_use]
    pub fn none(kind: RunKind) -> Self {
        let name = if kind == RunKind::Observe { "observation" } else { kind.name() };
        Self {
            name: name.to_owned(),
            subject: SubjectKind::flow(),
            plural: None,
            sha256: crate::sha256_hex(b""),
        }
    }
}

/// The sender's settings (docs/deltacrown.md section 8), as far as smoke knows them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WebhookConfig {
    /// The URL that the sender posts to.
    pub endpoint: String,
    /// `WEBHOOK_TIMEOUT` in milliseconds.
    pub timeout_ms: u64,
    /// `WEBHOOK_MAX_RETRIES`: attempts in all.
    pub max_attempts: u32,
    /// Whether a secret was configured.
    pub secret_configured: bool,
    /// Length of the secret in characters.
    pub secret_length_chars: usize,
    /// Secrets under which webhooks are accepted: more than one while they are rotated.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub secrets: usize,
}

const fn one() -> usize {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_one(secrets: &usize) -> bool {
    *secrets == 1
}

impl WebhookConfig {
    /// Settings of a sender that posts to `endpoint`, gives up after `timeout`, keeps `retry`, and signs with a secret of
    /// `secret_chars` characters.
    #[must_use]
    pub fn new(endpoint: String, timeout: Duration, retry: &RetryContract, secret_chars: usize) -> Self {
        Self {
            endpoint,
            timeout_ms: u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX),
            max_attempts: u32::try_from(retry.backoff_ms.len()).unwrap_or(u32::MAX),
            secret_configured: secret_chars > 0,
            secret_length_chars: secret_chars,
            secrets: 1,
        }
    }

    /// The same with so many secrets under which webhooks are accepted.
    #[must_use]
    pub fn accepting(self, secrets: usize) -> Self {
        Self { secrets, ..self }
    }
}
