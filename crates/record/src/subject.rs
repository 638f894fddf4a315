//! What a flow is about.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
