//! A merged load: recomputed from the journals of its shards, which `smoke merge` lays beside it.

use super::checkpoints::Checkpoints;
use super::consistency::Consistency;
use super::judge::Request;
use super::judgement::Findings;
use super::proof::{Proof, name};
use super::run_files::beside;
use super::seen::Seen;
use super::unreadable::{broken, changed};
use super::witness::Witnessed;
use crate::analysis::Analysis;
use crate::gate::{Confidence, Gates};
use crate::report::{Evidence, EvidenceError, LoadError, Scope, load_bytes, load_from_parts, open_part};
use chrono::TimeDelta;
use record::{Integrity, Reader, Tick};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Name of the journal of each shard.
const JOURNAL: &str = "staging_load_journal.jsonl";
/// More parts than this are no load's.
const MOST_PARTS: usize = 10_000;

/// The journals of the shards that stand beside a merged artifact, in the order in which they were merged: `NAME_parts/N/SHARD/`.
pub(super) fn parts_of(artifact: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for place in inside(&beside(artifact, "parts")) {
        found.extend(
            inside(&place).into_iter().map(|shard| shard.join(JOURNAL)).filter(|path| path.is_file()),
        );
    }
    found
}

fn inside(dir: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = std::fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .take(MOST_PARTS)
        .map(|entry| entry.path())
        .collect();
    all.sort();
    all
}

/// Reads every part to its end, and puts them together again.
pub(super) fn prove(
    request: &Request<'_>,
    parts: &[PathBuf],
    stated: &[u8],
    found: &mut Findings,
) -> Option<Proof> {
    let (mut wholes, mut witnessed, mut clocks) = (Vec::new(), Vec::new(), Vec::new());
    for path in parts {
        match whole(request, path, found) {
            Ok((whole, vouched, clock)) => {
                wholes.push(whole);
                witnessed.push(vouched);
                clocks.extend(clock);
            }
            Err(error) => {
                broken(path, &error, found);
                return None;
            }
        }
    }
    match put_together(request, parts, &wholes, stated) {
        Ok(proof) => {
            let again =
                proof.load.iter().flat_map(|(load, _)| &load.shards).map(|shard| &shard.journal_sha256);
            let first = wholes.iter().map(|whole| &whole.integrity.sha256);
            if again.collect::<BTreeSet<_>>() != first.collect() {
                changed("the journals of the shards", found);
            }
            // The clock that is furthest from the receiver's is the one that is told.
            let apart = clocks.into_iter().max_by_key(TimeDelta::abs);
            Some(Proof { witnessed: Witnessed::of_parts(witnessed), apart, ..proof })
        }
        Err(error) => {
            found.add("parts_do_not_merge", error.to_string());
            None
        }
    }
}

/// A part by itself: its chain, its keys, its sums, what the receiver that it was read back from vouches for, and that one's
/// clock minus the run's.
fn whole(
    request: &Request<'_>,
    path: &Path,
    found: &mut Findings,
) -> Result<(Evidence, Witnessed, Option<TimeDelta>), EvidenceError> {
    let (header, reader) = Reader::open(path)?;
    let (copy, first) = (header.clone(), reader.line().to_vec());
    let mut consistency = Consistency::new(&copy, &first, request.checkout.scenario_of(&copy));
    let mut checkpoints = Checkpoints::new(&copy, request.witness);
    let evidence = Evidence::read_lines(header, reader, |record, line| {
        consistency.take(record, line);
        checkpoints.take(record);
    })?;
    let apart = consistency.receiver_clock();
    consistency.finish().report(&shown(path), found);
    let zero = copy.started + apart.unwrap_or_default();
    let ended = evidence.integrity.ended;
    Ok((evidence, checkpoints.finish(ended, zero), apart))
}

/// A part is told by the folder of its shard.
fn shown(path: &Path) -> String {
    let shard = path.parent().map(name).unwrap_or_default();
    format!("{shard}/{}", name(path))
}

fn put_together(
    request: &Request<'_>,
    paths: &[PathBuf],
    wholes: &[Evidence],
    stated: &[u8],
) -> Result<Proof, LoadError> {
    let read = |gates: &Gates| {
        let parts = paths.iter().map(|path| open_part(path)).collect::<Result<Vec<_>, _>>()?;
        load_from_parts(parts, gates, Scope::Whole, |_| ())
    };
    let header = wholes.first().map(|first| first.analysis.header.clone());
    let header = header.ok_or(LoadError::Merge(crate::analysis::load::MergeError::Nothing))?;
    let mut gates = Gates::of_run(&header).map_err(EvidenceError::from)?;
    let (mut artifact, mut series) = read(&gates)?;
    if load_bytes(&artifact) != stated && gates.confidence_percent.is_none() {
        // It may have been merged with --confidence, which asks for more.
        gates.confidence_percent = Some(Confidence);
        let (stricter, its_series) = read(&gates)?;
        if load_bytes(&stricter) == stated {
            (artifact, series) = (stricter, its_series);
        }
    }
    let ended = |e: &Evidence| e.analysis.watched_until().wall(e.analysis.header.started);
    let last = wholes.iter().map(ended).max().unwrap_or(header.started);
    let mut analysis = Analysis::new(header.clone()).map_err(|e| LoadError::Header(e.into()))?;
    analysis.latest =
        Tick(u64::try_from((last - header.started).num_microseconds().unwrap_or(0)).unwrap_or(0));
    let evidence = Evidence {
        analysis,
        gates,
        integrity: Integrity {
            sha256: String::new(),
            records: wholes.iter().map(|w| w.integrity.records).sum(),
            // A shard that was killed is one whose part is missing: the artifact says so.
            ended: true,
            torn_bytes: 0,
        },
        checks: artifact.acceptance_gates.checks.clone(),
        verdict: artifact.acceptance_gates.verdict,
    };
    let bytes = load_bytes(&artifact);
    let seen = Seen::new(&header, None, request.demand.challenge.as_deref());
    Ok(Proof::of_a_load(evidence, bytes, seen, (artifact, series)))
}
