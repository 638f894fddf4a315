//! Clauses of a sender's contract: what it must do when a webhook meets a fault.

use super::spec::FaultSpec;
use crate::JsonSchema;
use serde::{Deserialize, Serialize};

/// A clause as a scenario has it: one line of the sweep for each of its faults.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClauseSpec {
    /// Short name; the fault is added to it: `accepts` becomes `accepts 206`.
    pub name: String,
    /// What the sender must do.
    pub must: Must,
    /// The faults, each on its own delivery; none for what is judged across all deliveries.
    #[serde(default)]
    pub faults: Vec<FaultSpec>,
    /// Why it matters, in one sentence.
    pub why: String,
}

/// What a sender must do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Must {
    /// Take the 2xx as delivered: no further attempt.
    Accept,
    /// Leave a redirect alone: nothing arrives where it points.
    NotFollow,
    /// Try again on schedule, until it is delivered.
    Retry,
    /// Make all attempts on schedule, then be silent.
    Exhaust,
    /// Make one attempt, then be silent.
    Abort,
    /// Give an attempt up at the time-out, although bytes still come, and try again.
    EndInTime,
    /// Treat `Retry-After` as declared.
    TreatRetryAfter,
    /// Sign every attempt validly.
    SignValidly,
    /// Use an id for one webhook only.
    UseUniqueIds,
    /// Stamp the first attempt with the time at which it is sent.
    BeFresh,
    /// Keep over the attempts of a delivery what is declared to stay the same.
    KeepIdentity,
    /// Open the circuit breaker after the declared failures, be silent, probe once, close on success.
    TripBreaker,
}

/// A clause of a run: a line of the sweep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Clause {
    /// Its name, unique in the run.
    pub name: String,
    /// What the sender must do.
    pub must: Must,
    /// The fault that puts it to the test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<FaultSpec>,
    /// The flow whose webhook meets the fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flow: Option<u32>,
    /// Why it matters.
    pub why: String,
}
