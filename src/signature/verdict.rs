//! What a verification says.

use serde::{Deserialize, Serialize};

/// The outcome of verifying one webhook request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Verdict {
    /// Whether the receiver may accept the request: signature right, headers well-formed, timestamp fresh.
    pub valid: bool,
    /// Why it is valid or not.
    pub reason: Reason,
    /// What the sender probably did wrong, in one sentence; present only when a known mistake fits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diagnosis: Option<String>,
}

/// The reason behind a [`Verdict`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Signature right, and fresh where the scheme has a timestamp.
    Valid,
    /// A header that the scheme needs is absent, or the signature is empty.
    Missing,
    /// A header is there and cannot be what the scheme says (not 64 hex characters, not a number …).
    Malformed,
    /// The signature is well-formed and is not the one of these bytes under this secret.
    Mismatch,
    /// The signature is right and the timestamp is too old.
    Stale,
    /// The signature is right and the timestamp is too far ahead.
    Future,
}
