//! JUnit XML for build servers: one case for each gate and each flow, and "run completed".
//!
//! A failed gate is a `failure`; an unproven one is an `error`, since the question was asked and not answered; one that
//! nothing put to the test is `skipped`.

use super::artifact::Artifact;
use super::evidence::Evidence;
use super::flows::failed_flows;
use crate::analysis::FlowFacts;
use crate::gate::{Check, Verdict};
use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};
use std::time::Duration;

/// Most flows that get a case of their own; all flows that failed come first.
const FLOWS: usize = 5000;

/// The report as XML.
///
/// # Errors
/// When it cannot be serialised.
pub fn junit(evidence: &Evidence, artifact: &Artifact) -> Result<String, SerializeError> {
    let scenario = &artifact.provenance.scenario;
    let mut report = Report::new(format!("smoke {scenario} against {}", artifact.test_run.environment));
    let started = evidence.analysis.header.started.fixed_offset();
    let took = Duration::try_from_secs_f64(artifact.test_run.duration_seconds).unwrap_or_default();
    report.set_timestamp(started).set_time(took);
    let mut gates = TestSuite::new("gates");
    gates.set_timestamp(started);
    gates.add_test_cases(evidence.checks.iter().map(|check| gate(check, scenario)));
    report.add_test_suite(gates);
    report.add_test_suite(flows(evidence, scenario));
    report.to_string()
}

fn gate(check: &Check, scenario: &str) -> TestCase {
    let status = match check.verdict {
        Verdict::Pass => TestCaseStatus::success(),
        Verdict::Fail => not(NonSuccessKind::Failure, "fail", &check.text),
        Verdict::Unproven => not(NonSuccessKind::Error, "unproven", &check.text),
        Verdict::NotExercised => {
            let mut skipped = TestCaseStatus::skipped();
            skipped.set_message(check.text.clone());
            skipped
        }
    };
    let mut case = TestCase::new(format!("{} ({})", check.title, check.target), status);
    case.set_classname(format!("{scenario}.gates.{}", check.id));
    case.set_time(Duration::ZERO);
    case
}

fn not(kind: NonSuccessKind, type_: &str, message: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(type_).set_message(message);
    status
}

fn flows(evidence: &Evidence, scenario: &str) -> TestSuite {
    let analysis = &evidence.analysis;
    let failed = failed_flows(analysis);
    let mut suite = TestSuite::new("flows");
    suite.set_timestamp(analysis.header.started.fixed_offset());
    let all = &analysis.steps.flows;
    let first = all.numbers().filter(|n| failed.contains(n));
    let rest = all.numbers().filter(|n| !failed.contains(n));
    for number in first.chain(rest).take(FLOWS) {
        let Some(facts) = all.get(number) else { continue };
        suite.add_test_case(flow(number, &facts, failed.contains(&number), scenario));
    }
    if all.len() > FLOWS {
        suite.set_system_out(format!(
            "{} flows, of which {FLOWS} are listed; all that failed come first",
            all.len()
        ));
    }
    suite
}

fn flow(number: u32, facts: &FlowFacts, failed: bool, scenario: &str) -> TestCase {
    let text = format!(
        "{} steps failed; a webhook was missing, too many or not accepted, if none did",
        facts.failed_steps
    );
    let status = match (failed, facts.ended) {
        (true, _) => not(NonSuccessKind::Failure, "fail", &text),
        (false, false) => not(NonSuccessKind::Error, "unproven", "the flow did not end"),
        (false, true) => TestCaseStatus::success(),
    };
    let variant = facts.variant.as_deref().map(|v| format!(" ({v})")).unwrap_or_default();
    let mut case = TestCase::new(format!("flow {number}{variant}"), status);
    case.set_classname(format!("{scenario}.flows"));
    case.set_time(Duration::ZERO);
    case
}
