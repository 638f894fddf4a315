//! How an attempt of a delivery ended.

use crate::JsonSchema;
use serde::{Deserialize, Serialize};

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// The whole answer was sent.
    Sent,
    /// The sender gave up before the answer was whole (its time-out, or it went away).
    SenderClosed,
    /// We broke the connection on purpose.
    Broken,
}
