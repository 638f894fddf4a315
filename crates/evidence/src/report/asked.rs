//! What was asked for that is not as usual: faults, a stand-in that misbehaves, and a stand-in at all.

use super::artifact::Artifact;
use crate::gate::Verdict;
use record::Note;

/// What is said where a verdict about the stand-in could be taken for one about staging.
pub(super) const STAND_IN: &str = "This run was against smoke's stand-in. It is not evidence about staging.";

/// A label, and what was asked for.
pub(crate) type Asked = (&'static str, String);

/// Whether that has to be said: the sentence of a pass says it itself.
pub(super) fn is_no_evidence(artifact: &Artifact) -> bool {
    !artifact.provenance.evidence_about_staging && artifact.acceptance_gates.verdict != Verdict::Pass
}

/// What was broken on purpose.
pub(super) fn asked(artifact: &Artifact) -> Vec<Asked> {
    let faults = &artifact.configuration.faults;
    let broken = (!faults.is_empty()).then(|| ("Broken on purpose:", faults.join(", ")));
    broken.into_iter().chain(misbehaviours(&artifact.provenance.notes).0).collect()
}

/// What of the notes says how the stand-in misbehaves, and the other notes.
pub(crate) fn misbehaviours(notes: &[String]) -> (Vec<Asked>, Vec<String>) {
    let (on_purpose, others): (Vec<&String>, Vec<&String>) =
        notes.iter().partition(|note| note.starts_with(Note::MISBEHAVES));
    let kinds = on_purpose.into_iter().filter_map(|note| note.strip_prefix(Note::MISBEHAVES));
    let told = kinds.map(|kinds| ("The stand-in misbehaves:", kinds.to_owned())).collect();
    (told, others.into_iter().cloned().collect())
}
