//! Who and what a run is about: the kind of its subject, and the canary identities of its test users.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A canary: one exact value of a test user.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// What the value is.
    pub kind: IdentityKind,
    /// The value; may be a template over variables and the flow's row.
    pub value: String,
}

/// The kinds of canary values (pii/LABELLING.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum IdentityKind {
    Username,
    Email,
    DisplayName,
    FullName,
    Phone,
    Ip,
    AccountId,
}

/// What one flow is about; names the counters and the sample of the artifact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SubjectKind {
    /// One payment.
    Payment,
    /// One match.
    Match,
    /// Anything else.
    Flow,
}
