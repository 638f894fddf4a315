//! The facts of a receiver that runs for weeks, and of an observation window.

use crate::JsonSchema;
use crate::Tick;
use crate::witness::{Checkpoint, Roll};
use crate::{LogCompared, LogQuote};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A fact about a receiver or an observation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Watch {
    /// This journal goes on where another file ends.
    Continues(Continues),
    /// A webhook was sent on to the real receiver; written before its answer goes back.
    Forwarded(Forwarded),
    /// An observation began.
    Begin(WatchBegin),
    /// The receiver's own URL was tried from outside.
    Probe(Probe),
    /// For this long nothing could be seen: what happened in it is not known.
    Gap(Gap),
    /// How far the clock of another machine is from ours.
    Offset(Offset),
    /// What the sender's log said.
    Log(Box<LogFacts>),
    /// A line of the sender's log, quoted.
    Quote(LogQuote),
    /// What the sender's log said against what arrived, at the end of the window.
    Compared(Box<LogCompared>),
    /// What `--on-rollback` did.
    Hook(Hook),
    /// What the sender of an attempt did wrong; looked for after the answer, so that nobody waits for it.
    Diagnosed(Diagnosed),
    /// Requests without a valid signature that are not in the journal one by one, because there were too many.
    NotKept(NotKept),
    /// The system's wall time parted from the one that the monotonic clock carries on.
    WallClock(WallClock),
    /// By what a receiver elsewhere judged what follows.
    JudgedBy(JudgedBy),
    /// The runs that were registered at this receiver.
    Roll(Box<Roll>),
    /// What the receiver that this run is read back from has signed.
    Checkpoint(Box<Checkpoint>),
}

impl Watch {
    /// When it was known; `None` for what has no time of its own.
    #[must_use]
    pub const fn at(&self) -> Option<Tick> {
        match self {
            Self::Continues(_) | Self::Diagnosed(_) | Self::JudgedBy(_) => None,
            Self::Forwarded(r) => Some(r.answered),
            Self::Begin(r) => Some(r.at),
            Self::Probe(r) => Some(r.at),
            Self::Gap(r) => Some(r.to),
            Self::Offset(r) => Some(r.at),
            Self::Log(r) => Some(r.at),
            Self::Quote(r) => Some(r.at),
            Self::Compared(r) => Some(r.at),
            Self::Hook(r) => Some(r.at),
            Self::NotKept(r) => Some(r.at),
            Self::WallClock(r) => Some(r.at),
            Self::Roll(r) => Some(r.at),
            Self::Checkpoint(r) => Some(r.at),
        }
    }
}

/// The file before this one in a rotated journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Continues {
    /// Number of this part, from 1.
    pub part: u64,
    /// Name of the file before, in the same directory.
    pub file: String,
    /// SHA-256 of that file, hex.
    pub sha256: String,
    /// How far the system's wall time was ahead of the time line by then ([`WallClock`]), in ms.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub ahead_ms: i64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_zero(ms: &i64) -> bool {
    *ms == 0
}

/// A webhook on its way through a tap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Forwarded {
    /// The attempt's number.
    pub attempt: u64,
    /// When it began to go to the real receiver.
    pub sent: Tick,
    /// When the real receiver's answer was read, or its absence known.
    pub answered: Tick,
    /// The real receiver's status, which goes back to the sender; 502 or 504 when there was none.
    pub status: u16,
    /// Why there was no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// The beginning of an observation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WatchBegin {
    /// When.
    pub at: Tick,
    /// Its planned duration, in ms.
    pub duration_ms: u64,
    /// Where the webhooks are seen: `listen`, a journal's name, or an inbox's URL.
    pub source: String,
    /// Share of the traffic in percent at a canary stage; `None` outside one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage_percent: Option<f64>,
    /// Flows that are driven meanwhile, as typed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drive: Vec<String>,
    /// Whether a trigger ends the window.
    pub on_trigger: OnTrigger,
    /// Whether the receiver's URL is tried from outside.
    pub probe: Option<String>,
    /// The sender's log files that are read along.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub logs: Vec<String>,
}

impl WatchBegin {
    /// The source of a window that receives the webhooks itself.
    pub const LISTEN: &str = "listen";
    /// How long after the end of one try of the receiver's URL the next one is due.
    pub const PROBED_EVERY: Duration = Duration::from_secs(10);

    /// How long a window lasted that ended then: no longer than it was to, since what was under way at its end is awaited, not watched.
    #[must_use]
    pub fn lasted(&self, end: Tick) -> Duration {
        end.since(self.at).min(Duration::from_millis(self.duration_ms))
    }
}

/// Flows of one scenario that is driven in a window have numbers from a multiple of this on.
pub const DRIVEN_FLOWS: u32 = 1_000_000;

/// What a rollback trigger does to the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnTrigger {
    /// It ends at once.
    End,
    /// It goes on to its end.
    KeepGoing,
}

/// One try of the receiver's URL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Probe {
    /// When the answer was there, or its absence was known.
    pub at: Tick,
    /// How long it took, in µs.
    pub took_us: u64,
    /// Why the receiver was not reached; `None` when it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// A time in which nothing could be seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Gap {
    /// From.
    pub from: Tick,
    /// To.
    pub to: Tick,
    /// Why.
    pub why: String,
}

/// How far the clock of another machine is from ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Offset {
    /// When it was measured.
    pub at: Tick,
    /// Its clock minus ours, in µs.
    pub offset_us: i64,
    /// The truth is within this of the offset, in µs: half of the shortest round trip.
    pub uncertainty_us: u64,
    /// Round trips measured.
    pub samples: u64,
}

/// What the sender's log said in an observation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LogFacts {
    /// When the reading ended.
    pub at: Tick,
    /// The summary of `smoke logs`, as JSON.
    pub summary: serde_json::Value,
}

/// What the command of `--on-rollback` did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Hook {
    /// When it ended.
    pub at: Tick,
    /// The trigger that it was run for.
    pub trigger: String,
    /// Its exit code; `None` when it was killed or could not be started.
    pub exit: Option<i32>,
}

/// What the sender of an attempt with an invalid signature did wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Diagnosed {
    /// The attempt's number.
    pub attempt: u64,
    /// One sentence.
    pub text: String,
    /// Whether only a holder of the secret can have made the signature, and it was on nothing valid that came before: the request is the
    /// sender's own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_key: bool,
}

/// Requests without a valid signature that are only counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NotKept {
    /// When this was written.
    pub at: Tick,
    /// How many since the last such line.
    pub requests: u64,
}

/// How far the system's wall time is from the time line, from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WallClock {
    /// When it was noticed.
    pub at: Tick,
    /// The system's wall time minus the one that the monotonic clock carries on from the start, in ms. The freshness of
    /// signatures is judged by the system's.
    pub ahead_ms: i64,
}

impl std::fmt::Display for WallClock {
    #[expect(clippy::cast_precision_loss, reason = "ms below 2^52")]
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let seconds = self.ahead_ms as f64 / 1000.0;
        write!(
            f,
            "the system clock has moved {seconds:+.1} s since this process started; it decides signature freshness, \
             while durations use the monotonic clock"
        )
    }
}

/// By what a receiver elsewhere judged the signatures that follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JudgedBy {
    /// Its run: another one may have other secrets.
    pub receiver: uuid::Uuid,
    /// The system's wall time there, by which freshness is judged, minus the time line of this journal, in µs.
    pub ahead_us: i64,
    /// How many secrets it had.
    pub secrets: usize,
}
