//! What is wrong with a journal that cannot be read to its end.

use super::judgement::Findings;
use super::proof::name;
use super::tampering;
use crate::report::{EvidenceError, LoadError, ProbeError};
use record::ReadError;
use std::path::Path;

/// Names what is wrong with a journal, and what was done to it where that can be told.
pub(super) fn broken(path: &Path, error: &EvidenceError, found: &mut Findings) {
    let diagnosis = match error {
        EvidenceError::Journal(ReadError::Chain { .. } | ReadError::Structure { .. }) => {
            tampering::diagnose(path, &name(path))
        }
        _ => None,
    };
    let plain = || (kind(error), format!("{}: {error}", name(path)));
    let (kind, sentence) = diagnosis.map_or_else(plain, |(kind, sentence)| (kind, sentence));
    found.add(kind, sentence);
}

/// What was read of a journal once is not what was read of it before.
pub(super) fn changed(journal: &str, found: &mut Findings) {
    let what = "it was exchanged or edited while it was being read, so that what was judged is not what was verified; judge it again";
    found.add("journal_changed", format!("{journal}: {what}"));
}

/// What is wrong with the journal of a load, as for any other.
pub(super) fn of_a_load(error: LoadError) -> EvidenceError {
    match error {
        LoadError::Journal(error) => EvidenceError::Journal(error),
        LoadError::Header(error) => error,
        LoadError::Part(_) | LoadError::Merge(_) => {
            EvidenceError::Journal(ReadError::Malformed { line: 2, why: error.to_string() })
        }
    }
}

/// What is wrong with the journal of a probe, as for any other.
pub(super) fn of_a_probe(error: ProbeError) -> EvidenceError {
    match error {
        ProbeError::Journal(error) => EvidenceError::Journal(error),
        ProbeError::NoPlan => {
            EvidenceError::Journal(ReadError::Malformed { line: 2, why: error.to_string() })
        }
    }
}

const fn kind(error: &EvidenceError) -> &'static str {
    match error {
        EvidenceError::Journal(ReadError::Io(_)) => "journal_unreadable",
        EvidenceError::Journal(ReadError::Empty { .. }) => "journal_empty",
        EvidenceError::Journal(ReadError::LongLine { .. }) => "journal_long_line",
        EvidenceError::Journal(ReadError::Malformed { .. } | ReadError::Artifact) => "journal_malformed",
        EvidenceError::Journal(ReadError::Chain { .. }) => "journal_chain_broken",
        EvidenceError::Journal(ReadError::LineEnd { .. }) => "journal_line_ends",
        EvidenceError::Journal(ReadError::NoHeader) => "journal_no_header",
        EvidenceError::Journal(ReadError::Structure { .. }) => "journal_spliced",
        EvidenceError::Journal(ReadError::Version(_)) => "journal_version",
        EvidenceError::Gates(_) => "journal_gates",
        EvidenceError::Policy(_) => "journal_policy",
    }
}
