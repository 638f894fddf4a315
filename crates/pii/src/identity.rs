//! The canary identities of test users: exact values that must never leave in a webhook.

use crate::JsonSchema;
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

/// The kinds of canary values of a test user.
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
