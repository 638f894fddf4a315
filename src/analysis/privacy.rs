//! Personal data in webhooks, and in the API's answers, which are counted apart.

use crate::journal::{Attempt, Header, Step};
use crate::pii::{Category, Finding, Policy, PolicyError};
use std::collections::{BTreeMap, BTreeSet};

/// Most findings that are kept one by one; all are counted.
const KEPT: usize = 100;

/// A finding and where it was.
#[derive(Debug, Clone, serde::Serialize, schemars::JsonSchema)]
pub struct Located {
    /// `attempt 3` or `step verify, flow 2`.
    pub source: String,
    /// The finding, masked.
    #[serde(flatten)]
    pub finding: Finding,
}

/// The findings of one kind of traffic.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    /// Requests or answers looked at.
    pub inspected: u64,
    /// Findings by category.
    pub by_category: BTreeMap<Category, u64>,
    /// The first findings.
    pub kept: Vec<Located>,
    /// All findings.
    pub total: u64,
}

/// What the PII engine found in a run.
#[derive(Debug)]
pub struct Privacy {
    /// In webhooks.
    pub webhooks: Findings,
    /// In the API's answers to driven steps.
    pub api: Findings,
    /// Allowances of the policy that were used.
    pub allowances: BTreeSet<String>,
}

impl Privacy {
    pub(super) fn new(header: &Header) -> Result<Self, PolicyError> {
        Policy::from_value(header.pii_policy.as_ref())?;
        Ok(Self { webhooks: Findings::default(), api: Findings::default(), allowances: BTreeSet::new() })
    }

    pub(super) fn scan_attempt(&mut self, _: &Attempt, _: &[&str]) {}

    pub(super) fn scan_step(&mut self, _: &Step) {}
}

impl Findings {
    /// Findings of one category.
    #[must_use]
    pub fn count(&self, category: Category) -> u64 {
        self.by_category.get(&category).copied().unwrap_or(0)
    }
}
