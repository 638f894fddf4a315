//! The facts of a run, as they stand in a journal.

use crate::Ending;
use crate::Header;
use crate::JsonSchema;
use crate::Tick;
use crate::Watch;
use crate::faults::Fault;
use crate::matcher::Matcher;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use signature::Verdict;
use std::collections::BTreeMap;
use std::net::IpAddr;

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
    /// A run was ended by what says nothing about the sender.
    EndedEarly(EndedEarly),
    /// A fact of a long-running receiver or of an observation.
    Watch(Watch),
    /// A fact of a probe of a receiver.
    Probe(crate::ProbeFact),
    /// Last line: the run ended by itself or was interrupted.
    End(End),
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

/// What stands in an output where a secret stood.
pub const MASK: &str = "[redacted]";
/// Longest body of an answer that is kept, in bytes.
pub const KEPT_BODY: usize = 64 * 1024;

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
    /// Whether its body holds a secret that the run knows: a password, a token. Whoever reads the journal does not know them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub holds_secret: bool,
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
    let of_two = |byte: &u8| matches!(byte, b'\n' | b'\r' | b'\t' | 0x08 | 0x0c);
    // Most have none.
    if !text.bytes().any(|byte| byte < 0x20) {
        return false;
    }
    let control = text.bytes().filter(|byte| *byte < 0x20).count();
    let two = text.bytes().filter(of_two).count();
    text.len() + two + 5 * (control - two) > text.len().div_ceil(3) * 4
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

/// A run was ended by what says nothing about the sender. The step that met it has failed in the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EndedEarly {
    /// When.
    pub at: Tick,
    /// What stood in the way.
    pub by: Obstacle,
    /// The same in words, with what to do, scrubbed of secrets; several lines.
    pub text: String,
}

/// What stands in the way of a run and is no fault of the sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Obstacle {
    /// A login was refused.
    Login,
    /// A user has not the right that a step needs.
    Forbidden,
    /// A data row was used up by an earlier run.
    UsedRow,
    /// What a data row names is not there.
    MissingRow,
    /// The application takes no more requests for now.
    Throttled,
    /// The receiver that webhooks are read back from holds another secret than the run.
    OtherSecret,
    /// The data file could not be read any more, or was not the one that had been checked.
    Data,
    /// The machine of the run had no more of what a connection takes, such as file descriptors.
    Machine,
}

impl EndedEarly {
    /// It among the notes of a run.
    #[must_use]
    pub fn note(&self) -> Note {
        Note { at: self.at, text: format!("ended early: {}", self.text) }
    }
}

/// The end of a journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct End {
    /// When.
    pub at: Tick,
    /// Number of records before this one, the header included.
    pub records: u64,
    /// Whether the run was completed; `false` when it was interrupted.
    pub complete: bool,
}
