//! Requests without a valid signature that nothing else shows to be the sender's, as an artifact tells them.

use super::artifact::Diagnosis;
use crate::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// What strangers sent.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct UnauthenticatedRequests {
    /// In a sentence: `3 unauthenticated requests from 1 address`; null without any.
    pub finding: Option<String>,
    /// How many.
    pub requests: u64,
    /// Of those, the ones that the receiver only counted, because there were too many.
    pub not_kept: u64,
    /// Of those, the ones that look like the sender's in everything but the signature.
    pub imitating: u64,
    /// Of those, the ones that are signed with the secret, and not as they should be: the sender's own, judged with its signatures.
    pub by_key: u64,
    /// Addresses they came from, as far as they can be told apart; behind a proxy, the proxy's.
    pub addresses: u64,
    /// Requests by verification result.
    pub by_reason: BTreeMap<String, u64>,
    /// What was wrong with their signatures, most frequent first.
    pub diagnoses: Vec<Diagnosis>,
}

impl UnauthenticatedRequests {
    /// The finding, and what it may mean.
    #[must_use]
    pub fn told(&self) -> Option<String> {
        let found = self.finding.as_ref()?;
        let own = match self.by_key {
            0 => String::new(),
            all if all == self.requests => return Some(format!("{found}, {BY_KEY}")),
            some => format!("; {some} of them {BY_KEY}"),
        };
        let others = match self.imitating {
            0 => {
                format!("{found}: nothing shows that they are the sender's, so they are no evidence about it")
            }
            all if all == self.requests => format!("{found}, {IMITATING}"),
            some => format!("{found}; {some} of them {IMITATING}"),
        };
        Some(others + &own)
    }
}

/// Whose requests are that nobody without the secret can have made.
const BY_KEY: &str = "signed with the secret, though not as they should be: the sender's own";

/// What may be behind requests that only the signature tells from the sender's.
const IMITATING: &str = "like the sender's in everything but the signature: a sender process with a different secret, or an \
                         imitator; a receiver refuses them";
