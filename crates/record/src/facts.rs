//! The facts of a run, as they stand in a journal.

use super::sender::{Handshake, SenderProfile};
use crate::Ending;
use crate::SubjectKind;
use crate::Tick;
use crate::Watch;
use crate::contract::RetryContract;
use crate::faults::{Clause, Fault, FaultSpec};
use crate::matcher::Matcher;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::{DateTime, Utc};
use pii::Identity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use signature::{Scheme, Verdict};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

/// The name of an environment that is the stand-in in this process: nobody but this run uses it.
pub const EMBEDDED: &str = "embedded";

/// The version of the journal format that this build writes and reads.
pub const FORMAT_VERSION: u32 = 2;

/// One fact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Record {
    /// First line: what was run, against what, judged by what.
    Header(Box<Header>),
    /// A flow began.
    FlowStart(FlowStart),
    /// A step is about to be sent, and must fire this webhook.
    Expect(Expect),
    /// A step ended.
    Step(Box<Step>),
    /// A flow has learned from an answer what it is about.
    Learned(Box<Learned>),
    /// A flow ended.
    FlowEnd(FlowEnd),
    /// A webhook request arrived; written before its answer goes out.
    Attempt(Box<Attempt>),
    /// The answer to an attempt is on the wire, or the attempt ended without one.
    Answered(Answered),
    /// Second line of a load: how it was asked for.
    Load(Box<crate::LoadPlan>),
    /// One second of a load.
    Interval(Box<crate::Interval>),
    /// What the flows of a load and their webhooks amount to so far.
    RunStats(Box<crate::RunStats>),
    /// A request that could not be a webhook was refused.
    Refused(Refused),
    /// Something worth telling the reader of the evidence.
    Note(Note),
    /// A fact of a long-running receiver or of an observation.
    Watch(Watch),
    /// A fact of a probe of a receiver.
    Probe(crate::ProbeFact),
    /// Last line: the run ended by itself or was interrupted.
    End(End),
}

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
            challenge: None,
        })
    }

    /// What its sender asks a receiver first: as its profile says, else the built-in one of its scheme.
    #[must_use]
    pub fn handshakes(&self) -> Vec<Handshake> {
        if let Some(sender) = &self.sender {
            return sender.handshakes.clone();
        }
        let built_in = serde_saphyr::from_str::<SenderProfile>(self.scheme.profile());
        built_in.map(|sender| sender.handshakes).unwrap_or_default()
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
    fn none(kind: RunKind) -> Self {
        Self {
            name: kind.name().to_owned(),
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
        }
    }
}

/// A flow began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FlowStart {
    /// Number of the flow, from 0.
    pub flow: u32,
    /// When.
    pub at: Tick,
    /// Which variant of the scenario it plays; none for the main one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// Id of its payment, match …
    pub subject: Value,
    /// JSON pointer into a webhook to the value that makes it this flow's.
    pub ours: BTreeMap<String, Value>,
}

/// What a flow has learned from the answer of a step, as ids that the server made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Learned {
    /// Number of the flow.
    pub flow: u32,
    /// When.
    pub at: Tick,
    /// Id of its payment, order …, where it is known only now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Value>,
    /// JSON pointer into a webhook to the value that makes it this flow's, as far as it is new.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ours: BTreeMap<String, Value>,
}

/// A webhook that a step must fire; void when the step itself does not succeed. It stands before the step is sent, or behind
/// its answer where that says what the webhook is told by; `at` is in both cases when the step was about to be sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Expect {
    /// The flow.
    pub flow: u32,
    /// The step's name.
    pub step: String,
    /// When the step was about to be sent.
    pub at: Tick,
    /// The event.
    pub event: String,
    /// JSON pointer into the webhook's body to matcher, templates resolved.
    pub matchers: BTreeMap<String, Matcher>,
    /// Header name to matcher, templates resolved.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Matcher>,
    /// How many, exactly; 0 forbids.
    pub count: u32,
    /// Whether more may come than `count` says.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub at_least: bool,
    /// An event of the same flow that must have come before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Limit from `at` to the first attempt, in milliseconds; of a count of 0 for how long it is watched at least.
    pub within_ms: u64,
}

/// A step ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// The flow; `None` for a login that several flows share.
    pub flow: Option<u32>,
    /// The step's name; `login:<session>` for a login.
    pub step: String,
    /// When its (last) request was begun.
    pub started: Tick,
    /// When its answer was read, or the failure was known.
    pub ended: Tick,
    /// Method and path.
    pub request: String,
    /// Status of the answer; `None` when there was none.
    pub status: Option<u16>,
    /// How it went.
    pub outcome: Outcome,
    /// What was not as expected, one sentence each, scrubbed of secrets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
    /// The answer's body as text, scrubbed of secrets, cut at 64 KiB; absent for logins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// How often it was sent.
    pub tries: u32,
}

/// How a step went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// As expected.
    Ok,
    /// Refused with a status that the scenario allows.
    Refused,
    /// Not as expected, or no answer.
    Failed,
    /// Not sent, because an earlier step of the flow failed.
    Skipped,
}

/// A flow ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FlowEnd {
    /// Number of the flow.
    pub flow: u32,
    /// When.
    pub at: Tick,
    /// Last known status of its subject.
    pub status: Value,
}

/// One webhook request that arrived.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Attempt {
    /// Number of the attempt in this journal, from 0.
    pub attempt: u64,
    /// First byte of the request.
    pub first_byte: Tick,
    /// Last byte of the request.
    pub received: Tick,
    /// The address that it came from, without the port; behind a proxy that is the proxy's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<IpAddr>,
    /// Method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Header names and values in the order and spelling of the wire; bytes outside UTF-8 as U+FFFD.
    pub headers: Vec<(String, String)>,
    /// The raw body.
    pub body: Body,
    /// What the verification said.
    pub verdict: Verdict,
    /// The status that is about to be sent; `None` when a fault sends none.
    pub answer: Option<u16>,
    /// Whether a delivery with this id had been accepted before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub duplicate: bool,
    /// Whether it came to the path that injected redirects point to.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub elsewhere: bool,
    /// The fault that is injected (`503`, `reset` …).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
    /// The number in the `Location` of an injected redirect, which what follows it has in its path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect: Option<u64>,
}

impl Attempt {
    /// The first header of that name, compared without case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }
}

/// A raw body: text where it is UTF-8, and not full of control characters; else base64.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// UTF-8 text, verbatim.
    Text(String),
    /// Other bytes, as standard base64.
    Base64(String),
    /// The beginning of a long body that nobody vouches for: its signature is not the key's.
    Cut(CutBody),
}

/// A body of which only the beginning is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CutBody {
    /// Bytes that came.
    pub bytes: u64,
    /// SHA-256 of all of them, hex.
    pub sha256: String,
    /// The first of them, as standard base64.
    pub first: String,
}

impl Body {
    /// All of a body.
    #[must_use]
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        match String::from_utf8(bytes) {
            Ok(text) if is_shorter_in_base64(&text) => Self::Base64(BASE64.encode(text)),
            Ok(text) => Self::Text(text),
            Err(error) => Self::Base64(BASE64.encode(error.as_bytes())),
        }
    }

    /// The first `most` bytes of a body and its digest; a shorter one whole.
    #[must_use]
    pub fn beginning(bytes: Vec<u8>, most: usize) -> Self {
        match bytes.get(..most).filter(|_| bytes.len() > most) {
            None => Self::from_bytes(bytes),
            Some(first) => Self::Cut(CutBody {
                bytes: bytes.len() as u64,
                sha256: crate::sha256_hex(&bytes),
                first: BASE64.encode(first),
            }),
        }
    }

    /// The raw bytes, of a cut body the first ones; empty for base64 that does not decode.
    #[must_use]
    pub fn bytes(&self) -> std::borrow::Cow<'_, [u8]> {
        match self {
            Self::Text(text) => text.as_bytes().into(),
            Self::Base64(text) | Self::Cut(CutBody { first: text, .. }) => {
                BASE64.decode(text).unwrap_or_default().into()
            }
        }
    }
}

/// Whether control characters, of which each takes six bytes in a JSON string, make a text longer there than base64 does.
fn is_shorter_in_base64(text: &str) -> bool {
    let written = |byte: u8| match byte {
        b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 2,
        0..0x20 => 6,
        _ => 1,
    };
    text.bytes().map(written).sum::<usize>() > text.len().div_ceil(3) * 4
}

/// The end of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Answered {
    /// The attempt's number.
    pub attempt: u64,
    /// When the last byte of the answer was handed to the kernel, or the connection ended.
    pub end: Tick,
    /// How it ended.
    pub how: Ending,
}

/// A request that could not be a webhook: wrong path or method, too large, too slow, not HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Refused {
    /// First byte of the request.
    pub at: Tick,
    /// The answer's status.
    pub status: u16,
    /// What was wrong with it.
    pub why: String,
}

/// Something worth telling the reader of the evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Note {
    /// When.
    pub at: Tick,
    /// What, scrubbed of secrets.
    pub text: String,
}

impl Note {
    /// How a note begins that tells what the stand-in was asked to do wrong; the misbehaviours follow.
    pub const MISBEHAVES: &str = "the stand-in misbehaves on purpose: ";
}

/// The end of a journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct End {
    /// When.
    pub at: Tick,
    /// Number of records before this one, the header included.
    pub records: u64,
    /// Whether the run went to its end; `false` when it was interrupted.
    pub complete: bool,
}
