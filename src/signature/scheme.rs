//! The signature schemes that smoke knows by name.

use serde::{Deserialize, Serialize};

/// A named way to sign a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Scheme {
    /// Hex HMAC-SHA256 of the raw body in `X-Webhook-Signature` (DeltaCrown phase 5.5, CONTRACT.md section 4).
    DeltacrownV1,
    /// Hex HMAC-SHA256 of `timestamp_ms.body`, with `X-Webhook-Timestamp` (ms) and `X-Webhook-Id` (phase 5.6).
    #[default]
    DeltacrownV2,
}
