//! The evidence of a probe: artifact, page, JUnit and summary, all from the same facts.

mod artifact;
mod html;
mod junit;
mod text;

pub use artifact::{
    GroupGrade, ProbeArtifact, ProbeError, ProbeGates, ProbeGrades, ProbeProvenance, ProbeRun,
    probe_artifact, probe_bytes, probe_from_journal,
};
pub use html::probe_html;
pub use junit::probe_junit;
pub use text::probe_text;

use crate::gate::Verdict;
use ::probe::CaseVerdict;

/// The same verdict in the words of gates.
const fn verdict_of(verdict: CaseVerdict) -> Verdict {
    match verdict {
        CaseVerdict::Pass => Verdict::Pass,
        CaseVerdict::Fail => Verdict::Fail,
        CaseVerdict::Unproven => Verdict::Unproven,
        CaseVerdict::NotExercised => Verdict::NotExercised,
    }
}
