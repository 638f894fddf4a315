//! In-toto statements, version 1: what is vouched for, by digest, and what is said of it.

use crate::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// The type of every statement (in-toto attestation framework, `Statement` v1).
const STATEMENT: &str = "https://in-toto.io/Statement/v1";
/// The result of a test run.
pub const TEST_RESULT: &str = "https://in-toto.io/attestation/test-result/v0.1";
/// The result of a verification.
pub const SVR: &str = "https://in-toto.io/attestation/svr/v0.1";

/// What somebody says of some files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Statement {
    /// `https://in-toto.io/Statement/v1`.
    #[serde(rename = "_type")]
    pub kind: String,
    /// What it is about.
    pub subject: Vec<Subject>,
    /// What kind of predicate follows.
    #[serde(rename = "predicateType")]
    pub predicate_type: String,
    /// What is said.
    pub predicate: Value,
}

/// Something that is told by its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Subject {
    /// A file's name without a directory, or the URI of what was tested.
    #[serde(default)]
    pub name: String,
    /// Algorithm to digest, hex: `sha256`, `gitCommit`.
    pub digest: BTreeMap<String, String>,
}

impl Statement {
    #[must_use]
    pub fn new(subject: Vec<Subject>, predicate_type: &str, predicate: Value) -> Self {
        Self { kind: STATEMENT.to_owned(), subject, predicate_type: predicate_type.to_owned(), predicate }
    }

    /// Whether it is a statement of the version that is read here.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.kind == STATEMENT
    }
}

impl Subject {
    /// A file from its SHA-256, hex.
    #[must_use]
    pub fn file(name: &str, sha256: &str) -> Self {
        Self::of(name, "sha256", sha256)
    }

    /// A file from its bytes.
    #[must_use]
    pub fn bytes(name: &str, bytes: &[u8]) -> Self {
        Self::file(name, &hex::encode(Sha256::digest(bytes)))
    }

    /// Anything by one digest.
    #[must_use]
    pub fn of(name: &str, algorithm: &str, digest: &str) -> Self {
        Self { name: name.to_owned(), digest: [(algorithm.to_owned(), digest.to_owned())].into() }
    }
}
