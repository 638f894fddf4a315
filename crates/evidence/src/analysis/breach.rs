//! The ways in which a delivery breaks the retry contract.

use std::fmt;

/// One way in which a delivery broke the contract; shows as a sentence.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Breach {
    /// The gap before attempt `attempt` (from 2) was not the one of the schedule; times in µs.
    Gap {
        /// The delivery's number.
        delivery: u64,
        /// The attempt's number in it.
        attempt: usize,
        /// Measured, from the end of the attempt before to the start of this one.
        gap_us: u64,
        /// As the contract has it.
        wanted_us: u64,
    },
    /// Fewer attempts than the contract says.
    TooFew {
        /// The delivery's number.
        delivery: u64,
        /// Attempts that came.
        attempts: usize,
        /// Attempts that were declared.
        declared: usize,
        /// How the last of them was answered.
        status: Option<u16>,
    },
    /// More attempts than the contract says.
    TooMany {
        /// The delivery's number.
        delivery: u64,
        /// Attempts that came.
        attempts: usize,
        /// Attempts that were declared.
        declared: usize,
    },
    /// An attempt after a 4xx.
    RetriedClientError {
        /// The delivery's number.
        delivery: u64,
        /// The status that should have ended it.
        status: u16,
    },
    /// An attempt after a 2xx.
    RetriedSuccess {
        /// The delivery's number.
        delivery: u64,
        /// The status that should have ended it.
        status: u16,
    },
    /// A retry whose id, timestamp, signature or body is not that of the first attempt.
    Identity {
        /// The delivery's number.
        delivery: u64,
        changed: &'static str,
    },
    /// A retry with the timestamp of the attempt before, where each attempt has to have its own.
    SameTimestamp {
        /// The delivery's number.
        delivery: u64,
    },
    /// A redirect was followed.
    Redirected {
        /// The delivery's number.
        delivery: u64,
        /// Where to and how, as a phrase; empty where it is not known.
        how: String,
    },
    /// An attempt was held open beyond the sender's time-out, and no retry shows that the sender had given it up; in ms.
    Overstayed {
        /// The delivery's number.
        delivery: u64,
        /// How long it lasted.
        took_ms: u64,
        timeout_ms: u64,
        /// What it should have limited.
        limit: TimeLimit,
        /// Whether a retry followed once it was over.
        retried: bool,
    },
    /// The sender gave an attempt up at another time than the declared one; in ms.
    GaveUp {
        /// The delivery's number.
        delivery: u64,
        /// After how long.
        took_ms: u64,
        timeout_ms: u64,
        /// Which limit that was.
        limit: TimeLimit,
    },
}

/// What a time-out limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TimeLimit {
    /// How long nothing comes: shown by an answer that does not come at all.
    Read,
    /// How long the attempt takes in all: shown by an answer that comes byte by byte.
    Attempt,
}

impl TimeLimit {
    /// What the answer does that shows it.
    pub(super) const fn shown_by(self) -> &'static str {
        match self {
            Self::Read => "no byte of the response arrived",
            Self::Attempt => "the response trickled in byte by byte",
        }
    }
}

impl Breach {
    /// The delivery's number.
    #[must_use]
    pub const fn delivery(&self) -> u64 {
        match self {
            Self::Gap { delivery, .. }
            | Self::TooFew { delivery, .. }
            | Self::TooMany { delivery, .. }
            | Self::RetriedClientError { delivery, .. }
            | Self::RetriedSuccess { delivery, .. }
            | Self::Identity { delivery, .. }
            | Self::SameTimestamp { delivery }
            | Self::Redirected { delivery, .. }
            | Self::Overstayed { delivery, .. }
            | Self::GaveUp { delivery, .. } => *delivery,
        }
    }

    /// What happened, without the delivery's number.
    #[must_use]
    pub fn what(&self) -> String {
        match self {
            Self::Gap { attempt, gap_us, wanted_us, .. } => {
                format!(
                    "{} s before attempt {attempt}, not {}",
                    seconds(gap_us / 1000),
                    seconds(wanted_us / 1000)
                )
            }
            Self::TooFew { attempts, declared, status, .. } => {
                // A sender may retry after one response and not after another.
                let after =
                    status.map_or("an attempt without a whole response".to_owned(), |s| s.to_string());
                format!("{attempts} of {declared} attempts, then silence after {after}")
            }
            Self::TooMany { attempts, declared, .. } => {
                format!("{attempts} attempts, {declared} declared")
            }
            Self::RetriedClientError { status, .. } | Self::RetriedSuccess { status, .. } => {
                format!("retried after {status}")
            }
            Self::Identity { changed, .. } => format!("{changed} changed between attempts"),
            Self::SameTimestamp { .. } => "timestamp did not change between attempts".to_owned(),
            Self::Redirected { how, .. } => format!("followed a redirect{how}"),
            Self::Overstayed { took_ms, timeout_ms, limit, retried, .. } => format!(
                "an attempt lasted {} s despite a timeout of {} s while {}, and {}",
                seconds(*took_ms),
                seconds(*timeout_ms),
                limit.shown_by(),
                if *retried { "the sender waited until smoke ended it" } else { "no retry followed" }
            ),
            Self::GaveUp { took_ms, timeout_ms, limit, .. } => format!(
                "gave up after {} s while {}; {} s declared",
                seconds(*took_ms),
                limit.shown_by(),
                seconds(*timeout_ms)
            ),
        }
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "delivery {}: {}", self.delivery(), self.what())
    }
}

/// Milliseconds as seconds without trailing zeros.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "a duration in ms below 2^52")]
pub fn seconds(ms: u64) -> String {
    format!("{}", ms as f64 / 1000.0)
}
