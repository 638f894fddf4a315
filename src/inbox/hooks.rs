//! What can be attached to an inbox: a real receiver behind it, further paths beside it, and counters.

use futures_util::future::BoxFuture;
use record::Ending;
use record::Tick;
use signature::Reason;
use std::time::Duration;
use wire::http1::{RawRequest, Response};

/// The real receiver, when the inbox is a tap in front of it.
pub trait Upstream: Send + Sync {
    /// Why the request cannot go on, if it cannot: it is answered, and is no attempt.
    fn refuses(&self, request: &RawRequest) -> Option<NotForwarded>;
    /// Sends the request on and gives the real answer; the error says in words why there is none.
    fn send<'a>(&'a self, request: &'a RawRequest) -> BoxFuture<'a, Result<Response, NoAnswer>>;
}

/// Why a request does not go on to the real receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotForwarded {
    /// The status to answer with.
    pub status: u16,
    /// What is wrong.
    pub why: &'static str,
}

/// Why the real receiver gave no response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// It took too long: the sender gets 504.
    #[error("the real receiver gave no response within {} s", .0.as_secs_f64())]
    TimedOut(Duration),
    /// No connection, a broken one, or no HTTP: the sender gets 502.
    #[error("the real receiver cannot be reached: {0}")]
    Failed(String),
}

impl NoAnswer {
    /// The status that the sender gets.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::TimedOut(_) => 504,
            Self::Failed(_) => 502,
        }
    }
}

/// Answers requests that are no webhooks: health, metrics, reading back.
pub trait Routes: Send + Sync {
    /// The answer, when the path is one of its own.
    fn answer<'a>(&'a self, request: &'a RawRequest) -> Option<BoxFuture<'a, Response>>;
}

/// Counts what an inbox does.
pub trait Observer: Send + Sync {
    /// An attempt was verified and is in the journal.
    fn attempt(&self, reason: Reason);
    /// A request came that nothing shows to be the sender's.
    fn stranger(&self);
    /// A request without a valid signature is not in the journal: there are too many.
    fn not_kept(&self, reason: Reason);
    /// The answer to an attempt went out, or the sender did not wait for it.
    fn answered(&self, status: Option<u16>, how: Ending);
    /// A delivery has ended.
    fn ended(&self, ended: &Ended);
    /// A request was refused before it was a webhook.
    fn refused(&self, status: u16);
    /// What the senders of so many invalid signatures did wrong is not looked for: there are too many.
    fn undiagnosed(&self, skipped: u64);
    /// The system's clock is so far from where it was at the start, in ms.
    fn clock_parted(&self, ahead_ms: i64);
    /// The journal could not be written at `at`, so the sender was asked to come again.
    fn unwritten(&self, at: Tick);
}

/// A delivery that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    pub outcome: Outcome,
    pub attempts: u32,
    /// From the first byte of the first attempt to the end of the last answer.
    pub took: Duration,
}

/// How a delivery ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// An attempt was answered 2xx.
    Delivered,
    /// An attempt was answered 4xx.
    Aborted,
    /// All attempts of the contract failed.
    Exhausted,
    /// No further attempt came.
    GivenUp,
}

impl Outcome {
    /// The name in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Aborted => "aborted",
            Self::Exhausted => "exhausted",
            Self::GivenUp => "given_up",
        }
    }
}
