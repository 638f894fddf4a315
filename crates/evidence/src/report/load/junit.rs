//! JUnit XML of a load: one test case for each gate.

use super::artifact::LoadArtifact;
use crate::gate::Verdict;
use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};

/// The XML.
///
/// # Errors
/// When it cannot be written, which a text in memory always can.
pub fn load_junit(artifact: &LoadArtifact) -> Result<String, SerializeError> {
    let mut suite = TestSuite::new(format!("smoke load {}", artifact.load.subject));
    for check in &artifact.acceptance_gates.checks {
        let mut status = match check.verdict {
            Verdict::Pass => TestCaseStatus::success(),
            Verdict::NotExercised => TestCaseStatus::skipped(),
            Verdict::Fail => TestCaseStatus::non_success(NonSuccessKind::Failure),
            Verdict::Unproven => TestCaseStatus::non_success(NonSuccessKind::Error),
        };
        if check.verdict != Verdict::Pass {
            status.set_type(check.verdict.word());
            status.set_message(check.text.clone());
        }
        let mut case = TestCase::new(format!("{} {}", check.title, check.target).trim().to_owned(), status);
        case.set_classname(format!("smoke.load.{}", check.id));
        suite.add_test_case(case);
    }
    let mut report = Report::new("smoke load");
    report.add_test_suite(suite);
    report.to_string()
}
