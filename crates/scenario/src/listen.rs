//! How webhooks are received, where a sender asks for more than one path on plain HTTP.

use super::request::Method;
use crate::JsonSchema;
use serde::{Deserialize, Serialize};

/// How this run receives webhooks, where it does so itself. `--path` takes the place of the first path.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Listening {
    /// The paths that webhooks come to; `{endpoint}` is the URL of the first. `/webhooks/inbound` when absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// The methods that a webhook may have: POST, PUT, PATCH. POST alone when absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<Method>,
    /// Answers over https.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsFiles>,
}

/// Certificate and key for https, as PEM files, relative to the scenario.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TlsFiles {
    /// The certificate, with the chain behind it.
    pub certificate: String,
    /// Its private key.
    pub key: String,
}
