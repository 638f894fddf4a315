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
        /// JsonProjection.
        wanted_us: u64,
    },
    /// Fewer attempts than the contract says.
    TooFew {
        /// The delivery's number.
        delivery: u64,
        /// Attempts that came.
        attempts: usize,
    },
    /// More attempts than the contract says.
    TooMany {
        /// The delivery's number.
        delivery: u64,
        /// Attempts that came.
        attempts: usize,
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
        /// What changed.
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
    },
    /// An attempt was held open beyond the sender's time-out, and no retry followed; in ms.
    Overstayed {
        /// The delivery's number.
        delivery: u64,
        /// How long it lasted.
        took_ms: u64,
        /// The time-out.
        timeout_ms: u64,
    },
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
            | Self::Redirected { delivery }
            | Self::Overstayed { delivery, .. } => *delivery,
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
            Self::TooFew { attempts, .. } => format!("{attempts} attempt(s) and no retry"),
            Self::TooMany { attempts, .. } => format!("{attempts} attempts"),
            Self::RetriedClientError { status, .. } | Self::RetriedSuccess { status, .. } => {
                format!("tried again after {status}")
            }
            Self::Identity { changed, .. } => format!("{changed} changed between attempts"),
            Self::SameTimestamp { .. } => "timestamp did not change between attempts".to_owned(),
            Self::Redirected { .. } => "followed a redirect".to_owned(),
            Self::Overstayed { took_ms, timeout_ms, .. } => format!(
                "an attempt lasted {} s with a time-out of {} s, and no retry followed",
                seconds(*took_ms),
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
