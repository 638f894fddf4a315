//! The facts of a load: how it was asked for, and one record for each second of it, never one for each request.

use crate::JsonSchema;
use crate::Tick;
use crate::latency::Encoded;
use crate::summed;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most failures that are kept.
const MAX_FAILURES: usize = 50;

/// How a load was asked for. Shards of one load have equal plans, but for `started`, `connections` and `threads`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LoadPlan {
    /// What is started: `webhooks`, or the name of a scenario.
    pub subject: String,
    /// Open or closed model, and how long.
    pub pace: LoadPace,
    /// Starts of the whole load; `None` in the closed model.
    pub total: Option<u64>,
    /// Most requests (of a flow load: flows) in flight at the same time, in each shard.
    pub connections: u32,
    /// Threads that make the starts, in each shard.
    #[serde(default = "one_thread")]
    pub threads: u32,
    /// Time limit of one request in milliseconds, connecting included.
    pub timeout_ms: u64,
    /// Pause before attempt 1, 2, 3 … in milliseconds; its length is the number of attempts.
    pub backoff_ms: Vec<u64>,
    /// The event of the webhooks; empty for flows.
    pub event: String,
    /// SHA-256 of all parameters that shards must have in common, hex.
    pub parameters_sha256: String,
    /// Wall time at which the schedule began; in the record that is written before that, when it is to begin.
    pub started: DateTime<Utc>,
}

impl LoadPlan {
    /// Whether each start is a flow of a scenario, and no single webhook.
    #[must_use]
    pub const fn is_of_flows(&self) -> bool {
        self.event.is_empty()
    }
}

/// Of loads that do not say.
const fn one_thread() -> u32 {
    1
}

impl LoadShard {
    /// Most shards of a load.
    pub const MOST: u64 = 10_000;

    /// Whether there can be such a shard.
    #[must_use]
    pub const fn is_one(self) -> bool {
        self.index < self.count && self.count <= Self::MOST
    }

    /// How many of `total` starts are this shard's.
    #[must_use]
    pub const fn share(self, total: u64) -> u64 {
        match self.count {
            0 => 0,
            count => total.saturating_sub(self.index).div_ceil(count),
        }
    }
}

/// Which part of a schedule: the starts `index`, `index + count`, …
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct LoadShard {
    /// Counted from 0.
    pub index: u64,
    /// Number of shards.
    pub count: u64,
}

/// The model of a load.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "model")]
pub enum LoadPace {
    /// Starts are due by a schedule, whether or not earlier ones have ended.
    Open {
        /// The stages of the whole load.
        stages: Vec<LoadStage>,
    },
    /// Each connection starts anew when its last request has ended; says nothing about response time at a rate.
    Closed {
        /// Length in milliseconds.
        lasts_ms: u64,
    },
}

/// Numbers in an enum with a tag inside would be read as maps, since serde buffers it and `serde_json` keeps the digits of numbers
/// (`arbitrary_precision`): a plain struct is read in place of it.
impl<'de> Deserialize<'de> for LoadPace {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "snake_case")]
        enum Model {
            Open,
            Closed,
        }
        #[derive(Deserialize)]
        struct Flat {
            model: Model,
            stages: Option<Vec<LoadStage>>,
            lasts_ms: Option<u64>,
        }
        let missing = serde::de::Error::missing_field;
        match Flat::deserialize(deserializer)? {
            Flat { model: Model::Open, stages, .. } => {
                Ok(Self::Open { stages: stages.ok_or_else(|| missing("stages"))? })
            }
            Flat { model: Model::Closed, lasts_ms, .. } => {
                Ok(Self::Closed { lasts_ms: lasts_ms.ok_or_else(|| missing("lasts_ms"))? })
            }
        }
    }
}

impl LoadPace {
    /// Length of the schedule in milliseconds.
    #[must_use]
    pub fn lasts_ms(&self) -> u64 {
        match self {
            Self::Open { stages } => {
                stages.iter().fold(0, |sum: u64, stage| sum.saturating_add(stage.lasts_ms))
            }
            Self::Closed { lasts_ms } => *lasts_ms,
        }
    }

    /// Starts of the whole schedule, the integral of its rate; `None` in the closed model.
    #[must_use]
    pub fn starts(&self) -> Option<f64> {
        let Self::Open { stages } = self else { return None };
        Some(stages.iter().map(|stage| (stage.from + stage.to) / 2.0 * stage.lasts_ms as f64 / 1000.0).sum())
    }

    /// The rate asked for `at_us` µs into the schedule, in starts per second; `None` in the closed model.
    #[must_use]
    pub fn rate_at(&self, at_us: u64) -> Option<f64> {
        let Self::Open { stages } = self else { return None };
        let mut left = at_us as f64 / 1000.0;
        for stage in stages {
            let lasts = stage.lasts_ms as f64;
            if left < lasts {
                return Some((stage.to - stage.from).mul_add(left / lasts, stage.from));
            }
            left -= lasts;
        }
        Some(0.0)
    }
}

/// The rate goes evenly from `from` to `to` (starts per second).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LoadStage {
    /// Starts per second at its beginning.
    pub from: f64,
    /// Starts per second at its end.
    pub to: f64,
    /// Length in milliseconds.
    pub lasts_ms: u64,
}

summed! {
    /// What happened between two moments of a load.
    #[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
    pub struct Interval {
        /// Its beginning, counted from the beginning of the schedule.
        pub from: Tick => apart,
        /// Its end.
        pub to: Tick => latest,
        /// Starts that began.
        pub started: u64,
        /// Starts that ended, well or not.
        pub done: u64,
        /// Of those, the ones that ended well: of webhooks, the last answer was one by which their sender counts them as delivered.
        pub ok: u64,
        /// Requests that ended, retries included.
        pub attempts: u64,
        /// Starts that ended and took more than one request.
        pub retried: u64,
        /// Connections opened, failed ones included.
        pub connects: u64,
        /// In flight at its end.
        pub in_flight: u64,
        /// Starts that could not begin before the end of the schedule.
        pub dropped: u64,
        /// Starts that had begun and were given up when the run was interrupted.
        pub abandoned: u64,
        /// Responses by status.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        pub statuses: BTreeMap<u16, u64>,
        /// Requests without a response, by what went wrong.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        pub errors: BTreeMap<ErrorKind, u64>,
        /// Answers 429, which are no slowness.
        #[serde(default)]
        pub throttled: u64,
        /// The longest Retry-After of them, in seconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub retry_after_s: Option<u64> => latest,
        /// Processor time of the generator's thread in µs, of several the busiest one's, where the system tells it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub cpu_us: Option<u64>,
        /// How long the generator's thread was ready to run and waited for a processor, in µs, where the system tells it: of several
        /// the one's that waited longest; of a load of flows all threads of the process.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub wait_us: Option<u64>,
        /// How long the generator slept past the moments at which it was to be woken, in µs, counting from 20 ms each: it was stopped,
        /// frozen or busy. Of several threads the worst.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub late_us: Option<u64>,
        /// When the load was interrupted, counted as `to`: nothing starts after that, and what is in flight gets half a second to end.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub interrupted: Option<Tick> => latest,
        /// Done - intended: what a user waits. Empty in the closed model.
        pub response: Encoded => apart,
        /// Done - sent: what the target took.
        pub service: Encoded => apart,
        /// Sent - intended: what the generator and the bound on requests in flight took. Empty in the closed model.
        pub lag: Encoded => apart,
        /// The part of the lag during which a connection was free: what the generator alone took.
        pub own_lag: Encoded => apart,
        /// A few of the failures.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub failures: Vec<LoadFailure> => most(MAX_FAILURES),
    }
}

/// One failed start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LoadFailure {
    /// Its number in the whole schedule.
    pub start: u64,
    /// When it ended.
    pub at: Tick,
    /// Status of the last answer, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// What went wrong, if there was no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<ErrorKind>,
    /// The reason in words.
    pub reason: String,
}

/// Why a request has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// The target refused the connection.
    Refused,
    /// No route, no address, network down.
    Unreachable,
    /// No connection within the time limit.
    ConnectTimeout,
    /// The TLS handshake failed.
    Tls,
    /// The connection was reset.
    Reset,
    /// The connection was closed before the answer was whole.
    Closed,
    /// No whole answer within the time limit.
    Timeout,
    /// What came is no HTTP/1.1 answer, or too long a one.
    Malformed,
    /// A step of a flow was not as the scenario expects.
    Step,
    /// This machine ran out of something: file descriptors, ports, memory. Says nothing about the target.
    Local,
}

impl ErrorKind {
    /// Whether a connection was asked for, and none was there in the end.
    #[must_use]
    pub const fn is_of_connecting(self) -> bool {
        matches!(self, Self::Refused | Self::Unreachable | Self::ConnectTimeout)
    }

    /// The name that stands in journals and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::ConnectTimeout => "connect_timeout",
            Self::Tls => "tls",
            Self::Reset => "reset",
            Self::Closed => "closed",
            Self::Timeout => "timeout",
            Self::Malformed => "malformed",
            Self::Step => "step",
            Self::Local => "local",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_is_read_as_it_was_written() {
        let stage = LoadStage { from: 0.5, to: 20.0, lasts_ms: 1000 };
        for pace in [LoadPace::Open { stages: vec![stage] }, LoadPace::Closed { lasts_ms: 30_000 }] {
            let text = serde_json::to_string(&pace).unwrap();
            assert_eq!(serde_json::from_str::<LoadPace>(&text).unwrap(), pace, "{text}");
        }
    }
}
