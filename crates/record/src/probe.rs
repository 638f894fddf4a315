//! The facts of a probe of a receiver: what was sent to it, what came back, and what it did with it.

use crate::JsonSchema;
use crate::{Body, Tick};
use serde::{Deserialize, Serialize};

/// A fact of a probe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProbeFact {
    /// Second line of a probe: how it was asked for.
    Begin(Box<ProbeBegin>),
    /// A request was sent, and answered or not.
    Sent(Box<ProbeSent>),
    /// What the observer said before a case and after it.
    Effects(ProbeEffects),
}

/// How a probe was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProbeBegin {
    /// When.
    pub at: Tick,
    /// The sender whose webhooks are imitated.
    pub sender: String,
    /// The event of the webhooks.
    pub event: String,
    /// The text by which a receiver's operator knows a webhook of this probe.
    pub canary: String,
    /// Ids of the cases that were asked for, in order.
    pub cases: Vec<String>,
    /// Whether these are all the cases that there are.
    pub whole: bool,
    /// Most time for the probe, in milliseconds.
    pub budget_ms: u64,
    /// Who says how many webhooks were processed: `command`, `url`, or nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observer: Option<String>,
}

/// What the right answer to a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Right {
    /// 2xx.
    Accepted,
    /// 2xx; a refusal is right too where it is one of the content and not of the signature.
    AcceptedOrUnreadable,
    /// Anything but 2xx.
    Refused,
    /// Anything but 5xx, a stack trace and no answer.
    Handled,
    /// Neither 2xx nor 5xx, no stack trace, and an answer.
    RefusedAndHandled,
    /// As `refused_and_handled`, and before the whole body has come; a connection that is closed meanwhile is right too.
    RefusedEarly,
    /// The case says, from all of its requests together.
    ByCase,
}

/// A request and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProbeSent {
    /// The case that it belongs to.
    pub case: String,
    /// Which request of the case it is.
    pub label: String,
    /// What the right answer is.
    pub right: Right,
    /// When its first byte was about to be sent.
    pub started: Tick,
    /// When the answer was read, or its lack was known.
    pub ended: Tick,
    /// The request.
    pub request: ProbeRequest,
    /// What came.
    pub came: Came,
    /// Secrets that the answer holds, by name: `secret`, `signature`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leaks: Vec<String>,
}

/// A request as it was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProbeRequest {
    /// Method.
    pub method: String,
    /// Header names and values in the order of the wire; bytes outside UTF-8 as U+FFFD.
    pub headers: Vec<(String, String)>,
    /// The body; absent when it is longer than 16 KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Body>,
    /// Length of the body in bytes.
    pub body_bytes: u64,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Came {
    /// An answer.
    Answer(Box<ProbeAnswer>),
    /// None.
    Nothing(NoAnswer),
    /// The answer was not waited for, on purpose.
    NotAwaited,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProbeAnswer {
    /// Its status.
    pub status: u16,
    /// `Content-Type`, `Location`, `Retry-After` and `Date`, as far as they are there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// The beginning of its body as text, scrubbed of secrets, at most 512 characters.
    pub excerpt: String,
    /// What in it looks like a stack trace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
    /// Whether it came before the whole request had been sent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub early: bool,
}

impl ProbeAnswer {
    /// The header of that name, where it was kept.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NoAnswer {
    /// A name of `ErrorKind`: `refused`, `timeout`, `closed`, `reset`, `malformed`, `tls` …
    pub kind: String,
    /// In words.
    pub why: String,
    /// Whether the connection ended while the request was still being sent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub early: bool,
}

/// What the observer said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProbeEffects {
    /// When it was asked last.
    pub at: Tick,
    /// The case.
    pub case: String,
    /// The first of the cases between the two questions, up to `case`, where they are more than one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The number before.
    pub before: Option<i64>,
    /// The number after, once it had come to rest.
    pub after: Option<i64>,
    /// Why one of them is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

impl ProbeFact {
    /// When it happened.
    #[must_use]
    pub const fn at(&self) -> Tick {
        match self {
            Self::Begin(begin) => begin.at,
            Self::Sent(sent) => sent.ended,
            Self::Effects(effects) => effects.at,
        }
    }
}
