//! What a run tells GitHub Actions: a job summary, and annotations for gates that did not pass.

use super::out;
use evidence::gate::{Check, Verdict};
use evidence::report::{Artifact, Evidence, annotations, memo, summary_of};
use std::fs::OpenOptions;
use std::io::Write;

/// Appends the memo to the job summary and annotates, where the variables of a GitHub runner are set. Nothing here
/// changes the verdict: a summary that cannot be written is said and no more.
pub(super) fn tell(evidence: &Evidence, artifact: &Artifact) {
    summary(&memo(artifact));
    annotate(&evidence.checks);
}

/// The same of a load or a probe, which have no memo.
pub(super) fn tell_checks(what: &str, verdict: Verdict, recommendation: &str, checks: &[Check]) {
    summary(&summary_of(what, verdict, recommendation, checks));
    annotate(checks);
}

fn annotate(checks: &[Check]) {
    if is_runner() {
        // The runner reads workflow commands from stderr too; stdout is the table or the artifact.
        annotations(checks).iter().for_each(out::say);
    }
}

/// Appends Markdown to the job summary, when there is one.
pub(super) fn summary(markdown: &str) {
    let Some(file) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|f| !f.is_empty()) else { return };
    let opened = OpenOptions::new().append(true).create(true).open(&file);
    if let Err(error) = opened.and_then(|mut f| writeln!(f, "{markdown}")) {
        out::say(format!("warning: GITHUB_STEP_SUMMARY: {error}"));
    }
}

/// Whether this process runs in GitHub Actions.
pub(super) fn is_runner() -> bool {
    std::env::var_os("GITHUB_ACTIONS").is_some_and(|v| v == "true")
}
