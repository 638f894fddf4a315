//! A journal without an end: of a run that was killed, or one whose end somebody cut away. The artifact beside it tells.

use super::proof::Proof;
use crate::analysis::load::Part;
use crate::gate::Gates;
use crate::report::{Evidence, Scope, artifact, load_bytes, load_from_parts, to_bytes};
use record::{LineRead, MAX_LINE, Reader, RunKind, read_line};
use std::io::{BufReader, Cursor};
use std::path::Path;

/// A run writes its first artifact when so many lines of the journal are written, at most.
const FIRST_LINES: usize = 8;

/// When the run was cut off, if the artifact is one that a killed run leaves: the first, which is written before anything is
/// driven, or the one of all that was seen.
pub(super) fn when(proof: &Proof, journal: &Path, artifact: &[u8]) -> Option<String> {
    let is_left = proof.bytes == artifact || is_first(journal, artifact);
    let analysis = &proof.evidence.analysis;
    is_left.then(|| analysis.latest.wall(analysis.header.started).format("%H:%M:%S").to_string())
}

/// Whether an artifact is the first of a run that went on, but wrote no other: it was killed meanwhile, or the disk was full.
pub(super) fn predates(proof: &Proof, journal: &Path, artifact: &[u8]) -> bool {
    proof.bytes != artifact && proof.is_one_journal && is_first(journal, artifact)
}

/// Whether an artifact is the one that a run writes before anything is driven.
fn is_first(journal: &Path, bytes: &[u8]) -> bool {
    let Ok(file) = std::fs::File::open(journal) else { return false };
    let mut input = BufReader::new(file);
    let mut lines = Vec::new();
    for _ in 0..FIRST_LINES {
        let whole = read_line(&mut input, MAX_LINE, &mut lines).is_ok_and(|read| read == LineRead::Whole);
        if !whole || lines.last() != Some(&b'\n') {
            return false;
        }
        if recomputed(&lines, journal).is_some_and(|first| first == bytes) {
            return true;
        }
    }
    false
}

/// The artifact of the first lines of a journal.
fn recomputed(lines: &[u8], journal: &Path) -> Option<Vec<u8>> {
    let (header, reader) = Reader::new(Cursor::new(lines.to_vec())).ok()?;
    let gates = Gates::of_run(&header).ok()?;
    if header.kind != RunKind::Load {
        return Some(to_bytes(&artifact(&Evidence::read(header, reader, |_| {}).ok()?)));
    }
    let name = journal.parent().and_then(Path::file_name).unwrap_or(journal.as_os_str());
    let part = Part::new(name.to_string_lossy().into_owned(), header, reader).ok()?;
    let (artifact, _) = load_from_parts(vec![part], &gates, Scope::Part, |_| ()).ok()?;
    Some(load_bytes(&artifact))
}
