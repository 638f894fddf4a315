//! JUnit of a probe: a suite for each group, a case for each case.

use super::ProbeArtifact;
use crate::report::xunit::{About, Status, Suite, TestCase, xml};
use ::probe::{CaseResult, CaseVerdict, Exchange, Group};
use std::time::Duration;

/// The report.
#[must_use]
pub fn probe_junit(artifact: &ProbeArtifact) -> String {
    let suite = |group: &Group| {
        let cases: Vec<TestCase> =
            artifact.cases.iter().filter(|case| case.group == *group).map(test_case).collect();
        (!cases.is_empty()).then(|| Suite { name: group.name().to_owned(), cases, note: None })
    };
    let suites: Vec<Suite> = Group::ALL.iter().filter_map(suite).collect();
    let run = &artifact.test_run;
    let took = Duration::try_from_secs_f64(run.duration_seconds).unwrap_or_default();
    let name = format!("probe of {} as {}", run.target, run.sender);
    let run_id = &artifact.provenance.run_id;
    xml(&About { name: &name, run_id, started: &run.timestamp, took }, &suites)
}

fn test_case(case: &CaseResult) -> TestCase {
    let line = |e: &Exchange| format!("{}: {}", e.label, e.came);
    let details = || {
        let lines: Vec<String> = case.exchanges.iter().map(line).collect();
        format!("{}\nwhy: {}\n{}", case.title, case.why, lines.join("\n"))
    };
    let took: f64 = case.exchanges.iter().map(|e| e.took_ms).sum();
    TestCase {
        name: case.id.clone(),
        class: format!("probe.{}", case.group.name()),
        took: Duration::try_from_secs_f64(took / 1000.0).unwrap_or_default(),
        status: match case.verdict {
            CaseVerdict::Pass => Status::Passed,
            CaseVerdict::Fail => Status::Failed(case.text.clone(), details()),
            CaseVerdict::Unproven => Status::Unproven(case.text.clone(), details()),
            CaseVerdict::NotExercised => Status::Skipped(case.text.clone()),
        },
    }
}
