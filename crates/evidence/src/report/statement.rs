//! The statement that is signed: an in-toto test result, which policies of other tools read.

use crate::gate::{Check, Verdict};
use record::seal::{Statement, Subject, TEST_RESULT};
use record::{Header, sha256_hex};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The criterion that stands for a run that was cut short.
const COMPLETED: &str = "run_completed";

/// What was tested, as far as whoever signs knows it.
#[derive(Debug, Clone, Default)]
pub struct Tested {
    /// A commit, an image …
    pub subjects: Vec<Subject>,
    /// Where the run can be looked at.
    pub url: Option<String>,
}

/// The test result about `files`, which are the artifact and its journal, and about what was tested. What is unproven counts
/// as failed: policies let warnings pass.
#[must_use]
pub fn test_result(
    header: &Header,
    checks: &[Check],
    verdict: Verdict,
    files: Vec<Subject>,
    tested: &Tested,
) -> Statement {
    let ids = |of: &[Verdict]| -> BTreeSet<&str> {
        checks.iter().filter(|check| of.contains(&check.verdict)).map(|check| check.id.as_str()).collect()
    };
    let mut failed = ids(&[Verdict::Fail, Verdict::Unproven]);
    if verdict != Verdict::Pass && failed.is_empty() {
        failed.insert(COMPLETED);
    }
    let passed: BTreeSet<&str> =
        ids(&[Verdict::Pass]).into_iter().filter(|id| !failed.contains(id)).collect();
    let mut predicate = json!({
        "result": if failed.is_empty() { "PASSED" } else { "FAILED" },
        "configuration": configuration(header),
        "passedTests": passed,
        "warnedTests": [],
        "failedTests": failed,
    });
    if let (Some(url), Some(predicate)) = (&tested.url, predicate.as_object_mut()) {
        predicate.insert("url".to_owned(), Value::String(url.clone()));
    }
    let subjects = tested.subjects.iter().cloned().chain(files).collect();
    Statement::new(subjects, TEST_RESULT, predicate)
}

/// What the run was judged by: gates, scenario, and what the sender promises.
fn configuration(header: &Header) -> Vec<Value> {
    let of = |name: &str, sha256: &str| json!({"name": name, "digest": {"sha256": sha256}});
    let mut all = vec![of("gates", &header.gates_sha256)];
    if header.scenario.is_played() {
        all.push(of(&format!("scenario/{}", header.scenario.name), &header.scenario.sha256));
    }
    let profile =
        json!({"scheme": header.scheme, "retry": header.retry, "timeout_ms": header.webhook.timeout_ms});
    all.push(of("sender-profile", &sha256_hex(profile.to_string().as_bytes())));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use record::RunKind;

    fn check(id: &str, verdict: Verdict) -> Check {
        Check {
            id: id.to_owned(),
            title: String::new(),
            target: String::new(),
            actual: None,
            unit: String::new(),
            n: 1,
            interval_95: None,
            verdict,
            text: String::new(),
        }
    }

    #[test]
    fn what_is_unproven_is_failed_and_named() {
        use Verdict::{NotExercised, Pass, Unproven};
        let header = Header::new(RunKind::Run, chrono::Utc::now()).unwrap();
        let of = |checks: &[Check], verdict| {
            test_result(&header, checks, verdict, vec![Subject::bytes("a", b"a")], &Tested::default())
                .predicate
        };
        let checks = [check("lost", Pass), check("pii", Unproven), check("redirects", NotExercised)];
        let predicate = of(&checks, Unproven);
        assert_eq!((&predicate["result"], &predicate["failedTests"]), (&json!("FAILED"), &json!(["pii"])));
        assert_eq!((&predicate["passedTests"], &predicate["warnedTests"]), (&json!(["lost"]), &json!([])));
        let predicate = of(&checks[..1], Pass);
        assert_eq!((&predicate["result"], &predicate["failedTests"]), (&json!("PASSED"), &json!([])));
        // Every check passed, and the run was interrupted.
        let predicate = of(&checks[..1], Unproven);
        assert_eq!(
            (&predicate["result"], &predicate["failedTests"]),
            (&json!("FAILED"), &json!(["run_completed"]))
        );
    }
}
