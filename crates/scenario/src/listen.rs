//! How webhooks are received, where a sender asks for more than one path on plain HTTP.

use super::request::Method;
use crate::JsonSchema;
use serde::{Deserialize, Serialize};

/// How this run receives webhooks, if it does so itself. `--path` replaces the first path.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Listening {
    /// The paths webhooks are posted to; `{endpoint}` is the URL of the first. Default: `/webhooks/inbound`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// The methods webhooks may use: POST, PUT, PATCH. Default: POST only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<Method>,
    /// Serves https.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsFiles>,
}

/// Certificate and key for https, as PEM files, relative to the scenario.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TlsFiles {
    /// The certificate, followed by its chain.
    pub certificate: String,
    /// Its private key.
    pub key: String,
}
