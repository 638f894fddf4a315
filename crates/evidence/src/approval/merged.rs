//! A merged load: recomputed from the journals of its shards, which `smoke merge` lays beside it.

use super::checkpoints::Checkpoints;
use super::consistency::Consistency;
use super::judge::Request;
use super::judgement::{self, Findings, Item};
use super::proof::{Proof, name};
use super::run_files::beside;
use super::seen::Seen;
use super::unreadable::{broken, changed};
use super::witness::Witnessed;
use crate::analysis::Analysis;
use crate::analysis::load::MergeError;
use crate::gate::{Confidence, Gates, Verdict};
use crate::report::{
    Evidence, EvidenceError, LoadArtifact, LoadError, Scope, counted, load_bytes, load_from_parts, open_part,
};
use chrono::{DateTime, TimeDelta, Utc};
use record::{Integrity, ReadError, Reader, Tick};
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

/// A part, read to its end by itself.
struct Whole {
    evidence: Evidence,
    /// What the receiver that it was read back from vouches for.
    witnessed: Witnessed,
    /// That one's clock minus the run's.
    apart: Option<TimeDelta>,
}

impl Whole {
    /// A time of the part by the receiver's clock.
    fn by_receiver(&self, time: DateTime<Utc>) -> DateTime<Utc> {
        time.checked_add_signed(self.apart.unwrap_or_default()).unwrap_or(time)
    }

    fn ended(&self) -> DateTime<Utc> {
        let analysis = &self.evidence.analysis;
        analysis.watched_until().wall(analysis.header.started)
    }
}

/// When the shards of a load ran, by the receiver's clock where that is another one: a load is as old as the oldest of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    /// The first of them began.
    pub started: DateTime<Utc>,
    /// The first of them ended.
    pub first_ended: DateTime<Utc>,
}

impl Span {
    fn of(parts: &[Whole]) -> Option<Self> {
        let started = parts.iter().map(|part| part.by_receiver(part.evidence.analysis.header.started));
        let ended =
            parts.iter().map(|part| part.witnessed.ended().unwrap_or_else(|| part.by_receiver(part.ended())));
        Some(Self { started: started.min()?, first_ended: ended.min()? })
    }
}

/// Reads every part to its end, and puts them together again.
pub(super) fn prove(
    request: &Request<'_>,
    parts: &[PathBuf],
    stated: &[u8],
    found: &mut Findings,
) -> Option<Proof> {
    let mut wholes = Vec::new();
    for path in parts {
        match whole(request, path, found) {
            Ok(whole) => wholes.push(whole),
            // A shard that never began is a missing one.
            Err(EvidenceError::Journal(ReadError::Empty { .. })) => {}
            Err(error) => {
                broken(path, &error, found);
                return None;
            }
        }
    }
    match put_together(request, parts, wholes, stated) {
        Ok((proof, is_same)) => {
            if !is_same {
                changed("the journals of the shards", found);
            }
            Some(proof)
        }
        Err(error) => {
            found.add("parts_do_not_merge", error.to_string());
            None
        }
    }
}

/// A part by itself: its chain, its keys, its sums, and what the receiver that it was read back from vouches for.
fn whole(request: &Request<'_>, path: &Path, found: &mut Findings) -> Result<Whole, EvidenceError> {
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
    Ok(Whole { evidence, witnessed: checkpoints.finish(ended, zero), apart })
}

/// A part is told by the folder of its shard.
fn shown(path: &Path) -> String {
    let shard = path.parent().map(name).unwrap_or_default();
    format!("{shard}/{}", name(path))
}

/// Merges the parts as `smoke merge` does, and whether each that counts was the same both times that it was read. What counts is told
/// by the merge: a part that a later run of its shard replaces says nothing of the load, neither its times nor what a receiver
/// vouches for.
fn put_together(
    request: &Request<'_>,
    paths: &[PathBuf],
    mut wholes: Vec<Whole>,
    stated: &[u8],
) -> Result<(Proof, bool), LoadError> {
    let read = |gates: &Gates| {
        let parts = paths.iter().map(|path| open_part(path));
        let parts = parts.filter(|part| !part.as_ref().is_err_and(LoadError::is_before_the_plan));
        load_from_parts(parts.collect::<Result<Vec<_>, _>>()?, gates, Scope::Whole, |_| ())
    };
    let header = wholes.first().map(|first| first.evidence.analysis.header.clone());
    let header = header.ok_or(LoadError::Merge(MergeError::Nothing))?;
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
    let counts: BTreeSet<&String> = artifact.shards.iter().map(|shard| &shard.journal_sha256).collect();
    let given = wholes.len();
    wholes.retain(|whole| counts.contains(&whole.evidence.integrity.sha256));
    let same: BTreeSet<_> = wholes.iter().map(|whole| &whole.evidence.integrity.sha256).collect();
    let is_same = same == counts;
    // The header that is judged is one of those that count.
    let header = wholes.first().map_or(header, |first| first.evidence.analysis.header.clone());
    let last = wholes.iter().map(Whole::ended).max().unwrap_or(header.started);
    let mut analysis = Analysis::new(header.clone()).map_err(|e| LoadError::Header(e.into()))?;
    analysis.latest =
        Tick(u64::try_from((last - header.started).num_microseconds().unwrap_or(0)).unwrap_or(0));
    let evidence = Evidence {
        analysis,
        gates,
        integrity: Integrity {
            sha256: String::new(),
            records: wholes.iter().map(|whole| whole.evidence.integrity.records).sum(),
            // A shard that was killed is one whose part is missing: the artifact says so.
            ended: true,
            torn_bytes: 0,
        },
        checks: artifact.acceptance_gates.checks.clone(),
        verdict: artifact.acceptance_gates.verdict,
    };
    let bytes = load_bytes(&artifact);
    let seen = Seen::new(&header, None, request.demand.challenge.as_deref());
    let proof = Proof {
        extra: Some(shards(&artifact, given)),
        span: Span::of(&wholes),
        // The clock that is furthest from the receiver's is the one that is told.
        apart: wholes.iter().filter_map(|whole| whole.apart).max_by_key(TimeDelta::abs),
        witnessed: Witnessed::of_parts(wholes.into_iter().map(|whole| whole.witnessed)),
        ..Proof::of_a_load(evidence, bytes, seen, (artifact, series))
    };
    Ok((proof, is_same))
}

/// Whether all shards of the load are here, and how many of the `given` journals count.
fn shards(artifact: &LoadArtifact, given: usize) -> Item {
    let of = artifact.shards.first().map_or(0, |shard| shard.count);
    let there = artifact.shards.len();
    let mut figure = format!("{there} of {of}");
    let replaced = given.saturating_sub(there);
    if replaced > 0 {
        figure.push_str(&format!(
            "; {} of shards that were run again: of each the last run counts, and what an earlier one showed is not judged",
            counted(replaced as u64, "journals")
        ));
    }
    let verdict = if artifact.missing_shards.is_empty() { Verdict::Pass } else { Verdict::Unproven };
    judgement::evidence("shards", "All shards", verdict, figure, "journals of the shards")
}
