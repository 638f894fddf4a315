//! Personal data in webhooks, and in the API's answers, which are counted apart.

use pii::{Allowance, Category, Engine, Finding, Memo, Policy, PolicyError, Request};
use record::{Attempt, Header, Step};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

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
    /// Index of the delivery that it was found in; `None` in an answer.
    #[serde(skip)]
    pub delivery: Option<usize>,
}

/// The findings of one kind of traffic.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    /// Requests or answers looked at.
    pub inspected: u64,
    /// Requests in a content coding, whose text was not looked at.
    pub unread: u64,
    /// Findings by category.
    pub by_category: BTreeMap<Category, u64>,
    /// The first findings.
    pub kept: Vec<Located>,
    /// All findings.
    pub total: u64,
}

/// Whose webhook is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Traffic {
    Ours,
    Foreign,
}

/// What the PII engine found in a run.
#[derive(Debug)]
pub struct Privacy {
    engine: Arc<Engine>,
    memo: Memo,
    /// In webhooks.
    pub webhooks: Findings,
    /// Findings in webhooks of others, which are not judged.
    pub foreign: u64,
    /// In the API's answers to driven steps.
    pub api: Findings,
    /// Allowances of the policy that were used.
    pub allowances: BTreeSet<String>,
}

impl Privacy {
    pub(super) fn new(header: &Header) -> Result<Self, PolicyError> {
        let policy = Policy::from_value(header.pii_policy.as_ref())?;
        let engine = Engine::new(&policy, &header.identities, header.pii_salt.as_bytes())?;
        Ok(Self {
            engine: Arc::new(engine),
            memo: Memo::default(),
            webhooks: Findings::default(),
            foreign: 0,
            api: Findings::default(),
            allowances: BTreeSet::new(),
        })
    }

    /// The same engine, nothing found yet.
    pub(super) fn successor(&self) -> Self {
        Self {
            engine: Arc::clone(&self.engine),
            memo: Memo::default(),
            webhooks: Findings::default(),
            foreign: 0,
            api: Findings::default(),
            allowances: BTreeSet::new(),
        }
    }

    pub(super) fn scan_attempt(
        &mut self,
        (delivery, attempt): (usize, &Attempt),
        own_headers: &[&str],
        whose: Traffic,
    ) {
        let body = attempt.body.bytes();
        let request =
            Request { headers: &attempt.headers, target: &attempt.target, body: &body, own_headers };
        let scan = self.engine.scan_request(&request, &self.memo);
        if whose == Traffic::Foreign {
            self.foreign += scan.findings.len() as u64;
            return;
        }
        self.allowances.extend(scan.allowed.iter().map(told));
        if attempt.is_coded() {
            self.webhooks.unread += 1;
        } else {
            self.webhooks.inspected += 1;
        }
        self.webhooks.add(scan.findings, Some(delivery), || format!("attempt {}", attempt.attempt));
    }

    pub(super) fn scan_step(&mut self, step: &Step) {
        let Some(body) = &step.body else { return };
        let scan = self.engine.scan_response(body.as_bytes());
        self.allowances.extend(scan.allowed.iter().map(told));
        let flow = || step.flow.map_or_else(String::new, |f| format!(", flow {f}"));
        self.api.inspected += 1;
        self.api.add(scan.findings, None, || format!("step {}{}", step.step, flow()));
    }
}

/// An allowance as an artifact lists it.
fn told(allowance: &Allowance) -> String {
    format!("{}: {} at {}", allowance.rule, allowance.category.name(), allowance.place)
}

impl Findings {
    /// Findings of one category.
    #[must_use]
    pub fn count(&self, category: Category) -> u64 {
        self.by_category.get(&category).copied().unwrap_or(0)
    }

    fn add(&mut self, findings: Vec<Finding>, delivery: Option<usize>, source: impl Fn() -> String) {
        for finding in findings {
            self.total += 1;
            *self.by_category.entry(finding.category).or_default() += 1;
            if self.kept.len() < KEPT {
                self.kept.push(Located { source: source(), finding, delivery });
            }
        }
    }
}
