//! The artifact of a load from its journals: the one path of `smoke load`, `merge`, `report` and `gate`.

use super::artifact::{LoadArtifact, load_artifact};
use super::flows::EndToEnd;
use crate::analysis::load::{MergeError, Merged, Part, PartError, Second, Series, merge};
use crate::gate::{Check, Gates, excuse_own_waits, judge_flows, judge_load};
use crate::report::EvidenceError;
use crate::report::file::json;
use record::{ReadError, Reader, open_input};
use std::path::Path;

/// Read from a journal at once, in bytes: a few seconds of it. Those of all shards are open at the same time.
const AT_ONCE: usize = 16 * 1024;

/// What the journals must amount to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All shards of the load.
    Whole,
    /// What is there: what a shard says of itself.
    Part,
}

/// Why journals give no artifact of a load.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A journal cannot be read.
    #[error(transparent)]
    Journal(#[from] ReadError),
    /// A journal is of something else, or broken.
    #[error(transparent)]
    Part(#[from] PartError),
    /// They do not belong together.
    #[error(transparent)]
    Merge(#[from] MergeError),
    /// Its header asks for what cannot be.
    #[error(transparent)]
    Header(#[from] EvidenceError),
}

impl LoadError {
    /// Whether the run was cut off before its journal could say what the load is.
    #[must_use]
    pub const fn is_before_the_plan(&self) -> bool {
        matches!(self, Self::Journal(ReadError::Empty { .. }) | Self::Part(PartError::NoPlan))
    }
}

/// The journal of a load, or of a shard of one, read up to its first second.
///
/// # Errors
/// When it cannot be read, is broken, or is of something else.
pub fn open_part(path: &Path) -> Result<Part, LoadError> {
    let (header, reader) = Reader::of(Box::new(open_input(path).map_err(ReadError::from)?), AT_ONCE)?;
    // The directory names the shard; the journal's name is the same in all of them.
    let name = path.parent().and_then(Path::file_name).unwrap_or(path.as_os_str());
    let mut part = Part::new(name.to_string_lossy().into_owned(), header, reader)?;
    part.place = path.display().to_string();
    Ok(part)
}

/// Merges and judges. `each` gets every second.
///
/// # Errors
/// When a journal is broken or they do not belong together.
pub fn load_from_parts(
    parts: Vec<Part>,
    gates: &Gates,
    scope: Scope,
    each: impl FnMut(&Second),
) -> Result<(LoadArtifact, Series), LoadError> {
    let Merged { header, mut summary } = merge(parts, each)?;
    if scope == Scope::Part {
        summary.alone();
    }
    let mut checks = judge_load(&summary, gates);
    let end_to_end = summary.flows.as_ref().map(|sums| EndToEnd::of(sums, &summary.other_traffic));
    if let Some(sums) = &summary.flows {
        checks.extend(
            judge_flows(sums, &header, gates, summary.ended_early.as_ref())
                .into_iter()
                .map(|check| of_flows(excuse_own_waits(&summary, gates, check))),
        );
    }
    Ok((load_artifact(&header, &summary, checks, end_to_end), summary.series))
}

/// How the ids of criteria begin that are about the webhooks of a load.
pub(crate) const OF_FLOWS: &str = "webhooks_";

/// A check of the flows beside those of the load: the ids of both begin alike.
fn of_flows(check: Check) -> Check {
    Check { id: format!("{OF_FLOWS}{}", check.id), title: format!("Flows: {}", check.title), ..check }
}

/// The artifact of the journal of one load, judged by the gates in its header, its histograms, and the artifact's bytes.
///
/// # Errors
/// When the journal is broken or of something else.
pub fn load_from_journal(path: &Path) -> Result<(LoadArtifact, Series, Vec<u8>), LoadError> {
    let part = open_part(path)?;
    let gates = Gates::of_run(&part.header).map_err(EvidenceError::from)?;
    let (artifact, series) = load_from_parts(vec![part], &gates, Scope::Part, |_| ())?;
    let bytes = load_bytes(&artifact);
    Ok((artifact, series, bytes))
}

/// The bytes of an artifact file.
#[must_use]
pub fn load_bytes(artifact: &LoadArtifact) -> Vec<u8> {
    json(artifact)
}
