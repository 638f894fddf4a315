//! What a verification says.

use serde::{Deserialize, Serialize};

/// The outcome of verifying one webhook request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, crate::JsonSchema)]
pub struct Verdict {
    /// Whether the receiver may accept the request: signature right, headers well-formed, timestamp fresh.
    pub valid: bool,
    /// Why it is valid or not.
    pub reason: Reason,
    /// What the sender probably did wrong, in one sentence; present only when that can be told.
    ///
    /// For the receiver's eyes: an answer that repeats it helps whoever forges requests. It never quotes a header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diagnosis: Option<String>,
    /// Of one that was diagnosed: the signature as the sender would spell it, where only a holder of the secret can have made it,
    /// for this request or for another that somebody copies.
    #[serde(skip)]
    pub by_key: Option<String>,
}

impl Verdict {
    /// Everything is right.
    #[must_use]
    pub const fn valid() -> Self {
        Self { valid: true, reason: Reason::Valid, diagnosis: None, by_key: None }
    }

    /// Taken without being verified: nothing is known of the signature.
    #[must_use]
    pub const fn unchecked() -> Self {
        Self { valid: false, reason: Reason::Unchecked, diagnosis: None, by_key: None }
    }

    /// Not to be accepted, for this reason.
    #[must_use]
    pub const fn invalid(reason: Reason, diagnosis: Option<String>) -> Self {
        Self { valid: false, reason, diagnosis, by_key: None }
    }
}

impl Reason {
    /// Whether the signature is one of the key's: whoever holds the secret made it, be it old or early. Where nobody checked it
    /// is taken to be, and whoever has the secret judges it later.
    #[must_use]
    pub const fn is_authentic(self) -> bool {
        matches!(self, Self::Valid | Self::Stale | Self::Future | Self::Unchecked)
    }

    /// Whether a receiver refuses the webhook for it.
    #[must_use]
    pub const fn is_refused(self) -> bool {
        !matches!(self, Self::Valid | Self::Unchecked)
    }
}

impl std::fmt::Display for Reason {
    /// The name that the journal and JSON output use.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Valid => "valid",
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::Mismatch => "mismatch",
            Self::Stale => "stale",
            Self::Future => "future",
            Self::Unchecked => "unchecked",
        })
    }
}

/// The reason behind a [`Verdict`].
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, crate::JsonSchema,
)]
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
    /// Not verified: whoever received it had no secret.
    Unchecked,
}
