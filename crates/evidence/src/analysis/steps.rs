//! Flows and steps: how many went as expected, how long they took, what went wrong.

use super::flows::Flows;
use record::{Outcome, Step, StepFacts};
use std::collections::BTreeMap;

/// Most flows of which the first failed step is kept in words; a test report lists as many.
pub const KEPT_FLOWS: usize = 5000;

/// The flows and steps of a run.
#[derive(Debug, Clone, Default)]
pub struct Steps {
    /// Step names in order of first appearance.
    pub names: Vec<String>,
    pub by_name: BTreeMap<String, StepFacts>,
    pub flows: Flows,
    /// Of the first flows that failed the first step that did, and what was wrong with it.
    pub first_failed: BTreeMap<u32, String>,
}

impl Steps {
    /// Number of steps sent, and how many of those were not as expected; skipped ones are not sent.
    #[must_use]
    pub fn sent_and_failed(&self) -> (u64, u64) {
        self.by_name.values().fold((0, 0), |(n, k), s| (n + s.ok + s.refused + s.failed, k + s.failed))
    }

    pub(super) fn step_ended(&mut self, step: &Step) {
        if !self.by_name.contains_key(&step.step) {
            self.names.push(step.step.clone());
            self.by_name.insert(step.step.clone(), StepFacts::default());
        }
        let Some(facts) = self.by_name.get_mut(&step.step) else { return };
        match step.outcome {
            Outcome::Ok => facts.ok += 1,
            Outcome::Refused => facts.refused += 1,
            Outcome::Failed => facts.failed += 1,
            Outcome::Skipped => facts.skipped += 1,
        }
        if let Some(status) = step.status {
            facts.latency.record(step.ended.since(step.started));
            *facts.statuses.entry(status).or_default() += 1;
        }
        let failed = step.outcome == Outcome::Failed;
        let room = if failed { StepFacts::KEPT_PROBLEMS.saturating_sub(facts.problems.len()) } else { 0 };
        facts.problems.extend(step.problems.iter().take(room).map(|p| (step.flow, p.clone())));
        if let (true, Some(flow)) = (failed, step.flow) {
            self.flows.step_failed(flow);
            if self.first_failed.len() < KEPT_FLOWS && !self.first_failed.contains_key(&flow) {
                let problem = step.problems.first().map_or("not as expected", String::as_str);
                self.first_failed.insert(flow, format!("step {} failed: {problem}", step.step));
            }
        }
    }
}
