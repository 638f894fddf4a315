//! What a scan says: findings without the values, the allowances that were used, and the work done.

use super::category::Category;
use super::forwarded::Forwarded;
use crate::JsonSchema;
use serde::{Deserialize, Serialize};

/// What recognised a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Detector {
    /// The key or header it stands under, together with its shape.
    Key,
    /// Its shape alone.
    Pattern,
    /// It is a value of a test user, or a secret of the run.
    Canary,
}

/// How sure a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// The shape fits and something near it agrees, but other things are written alike.
    Likely,
    /// A canary, a check sum that holds, or a key that says it.
    Certain,
}

/// One leak: a category at a place. At most one finding per category and place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// What leaked.
    pub category: Category,
    /// JSON pointer (RFC 6901) of the leaf or member in the body, the name of the header, `query:NAME`, or `path`.
    /// A body that is no JSON has the pointer of the whole document, which is empty.
    #[serde(rename = "where", alias = "place")]
    pub place: String,
    /// What recognised it.
    pub detector: Detector,
    /// How sure that is.
    pub certainty: Certainty,
    /// The value masked so that it cannot be rebuilt.
    pub excerpt: String,
    /// SHA-256 of salt and value, lower-case hex: equal values are equal within a run, and cannot be looked up. Empty where only the run
    /// knew the value.
    pub value_sha256: String,
}

/// A rule of the policy that kept something from being a finding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Allowance {
    /// The rule as the policy has it, such as `allow_domains: example.com`.
    pub rule: String,
    /// What would have been reported.
    pub category: Category,
    /// Where.
    #[serde(rename = "where", alias = "place")]
    pub place: String,
}

/// Bytes or a value that could not be read as text, or not to their end.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Unread {
    /// Where, as in [`Finding`].
    #[serde(rename = "where", alias = "place")]
    pub place: String,
    /// Why.
    pub why: String,
}

/// The result of one scan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scan {
    /// The leaks, in the order of the input.
    pub findings: Vec<Finding>,
    /// Addresses in headers of proxies, which are the sender's own server or somebody's: [`Hops`](crate::Hops) tells them apart.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forwarded: Vec<Forwarded>,
    /// The allowances that were used.
    pub allowed: Vec<Allowance>,
    /// What could not be read, or not to its end: not read is not clean.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<Unread>,
    /// How many bytes all decoders and detectors looked at together; what the work tests count.
    pub bytes_examined: u64,
}

impl Scan {
    /// Everything was read, and nothing was found.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty() && self.forwarded.is_empty() && self.unread.is_empty()
    }

    /// How many findings a category has.
    #[must_use]
    pub fn count(&self, category: Category) -> usize {
        self.findings.iter().filter(|f| f.category == category).count()
    }
}
