//! JUnit XML for build servers: one case for each gate, and for each flow of a run.
//!
//! A failed gate is a `failure`; an unproven one is an `error`, since the question was asked and not answered; one that
//! nothing put to the test is `skipped`.

use super::artifact::Artifact;
use super::evidence::Evidence;
use super::load::LoadArtifact;
use super::xunit::{About, Status, Suite, TestCase, xml};
use crate::analysis::{Analysis, Cases, FlowFacts, FlowReason, KEPT_FLOWS, flow_reasons};
use crate::gate::{Check, Verdict};
use std::time::Duration;

/// The report of a run.
#[must_use]
pub fn junit(evidence: &Evidence, artifact: &Artifact) -> String {
    let (scenario, run) = (&artifact.provenance.scenario, &artifact.test_run);
    let name = format!("{scenario} against {}", run.environment);
    let suites =
        [gates(scenario, &evidence.checks, Some(&artifact.cases)), flows(&evidence.analysis, scenario)];
    let took = seconds(run.duration_seconds);
    let run_id = &artifact.provenance.run_id;
    xml(&About { name: &name, run_id, started: &run.timestamp, took }, &suites)
}

/// The report of a load, which keeps no flow one by one.
#[must_use]
pub fn load_junit(artifact: &LoadArtifact) -> String {
    let run = &artifact.test_run;
    let suites = [gates("load", &artifact.acceptance_gates.checks, None)];
    let name = format!("load {}", artifact.load.subject);
    let took = seconds(run.duration_seconds);
    let run_id = &artifact.provenance.run_id;
    xml(&About { name: &name, run_id, started: &run.timestamp, took }, &suites)
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

fn gates(scenario: &str, checks: &[Check], cases: Option<&Cases>) -> Suite {
    let cases = checks.iter().map(|check| gate(scenario, check, cases)).collect();
    Suite { name: "gates".to_owned(), cases, note: None }
}

fn gate(scenario: &str, check: &Check, cases: Option<&Cases>) -> TestCase {
    let listed = cases.and_then(|cases| cases.of_check(&check.id));
    let details = listed.map(|listed| listed.sentences(usize::MAX).join("\n")).unwrap_or_default();
    TestCase {
        name: format!("{} ({})", check.title, check.target),
        class: format!("{scenario}.gates.{}", check.id),
        took: Duration::ZERO,
        status: match check.verdict {
            Verdict::Pass => Status::Passed,
            Verdict::Fail => Status::Failed(check.text.clone(), details),
            Verdict::Unproven => Status::Unproven(check.text.clone(), details),
            Verdict::NotExercised => Status::Skipped(check.text.clone()),
        },
    }
}

/// At most as many flows as reasons are kept of; all that went wrong come first.
fn flows(analysis: &Analysis, scenario: &str) -> Suite {
    let reasons = flow_reasons(analysis);
    let all = &analysis.steps.flows;
    let rest = all.numbers().filter(|number| !reasons.contains_key(number));
    let numbers = reasons.keys().copied().chain(rest).take(KEPT_FLOWS);
    let case = |number: u32| Some(flow(number, &all.get(number)?, reasons.get(&number), scenario));
    let note = (all.len() > KEPT_FLOWS)
        .then(|| format!("{} flows, {KEPT_FLOWS} of them listed; failed ones first", all.len()));
    Suite { name: "flows".to_owned(), cases: numbers.filter_map(case).collect(), note }
}

fn flow(number: u32, facts: &FlowFacts, reason: Option<&FlowReason>, scenario: &str) -> TestCase {
    let variant = facts.variant.as_deref().map(|v| format!(" ({v})")).unwrap_or_default();
    TestCase {
        name: format!("flow {number}{variant}"),
        class: format!("{scenario}.flows"),
        took: facts.took,
        status: match (reason, facts.ended) {
            (Some(reason), _) if reason.is_failure => Status::Failed(reason.text.clone(), String::new()),
            (Some(reason), _) => Status::Unproven(reason.text.clone(), String::new()),
            (None, false) => Status::Unproven("the flow did not end".to_owned(), String::new()),
            (None, true) => Status::Passed,
        },
    }
}
