//! The proof of an artifact: its journal, read once, recomputed, verified again.

use super::consistency::Consistency;
use super::judge::Request;
use super::judgement::{Findings, Item, evidence};
use super::seen::Seen;
use super::trust::Trust;
use super::{admissibility, cut_off, tampering};
use crate::analysis::Recheck;
use crate::analysis::load::Series;
use crate::gate::{Check, Gates, Verdict};
use crate::report::{
    EMBEDDED, Evidence, EvidenceError, LoadArtifact, LoadError, ProbeArtifact, ProbeError, artifact,
    load_from_journal, probe_from_journal, to_bytes,
};
use record::seal::{Envelope, MAX_SIGNATURE_FILE, envelopes};
use record::{LoadShard, ReadError, Reader, Record, RunKind};
use serde_json::Value;
use signature::{Reason, Secret, Verdict as Signed};
use std::io::Read;
use std::path::Path;

/// A journal that was read to its end, and what was made of it.
pub(super) struct Proof {
    pub evidence: Evidence,
    /// The artifact that follows from it.
    pub bytes: Vec<u8>,
    /// The gates, judged: of a blind run with the verdicts of the approver, who has the secret.
    pub checks: Vec<Check>,
    /// What the webhooks say of their sender.
    pub seen: Seen,
    /// Of a load: its artifact and its histograms.
    pub load: Option<(LoadArtifact, Series)>,
    /// Which part of a load it is.
    shard: Option<LoadShard>,
    /// What is asked of this kind of run only.
    extra: Option<Item>,
    recheck: Option<Result<Recheck, String>>,
    /// Whether the journal is one file, and not several that were merged.
    is_one_journal: bool,
}

impl Proof {
    /// Of a load that was merged.
    pub(super) fn of_a_load(
        evidence: Evidence,
        bytes: Vec<u8>,
        seen: Seen,
        load: (LoadArtifact, Series),
    ) -> Self {
        let checks = evidence.checks.clone();
        let (shard, recheck, extra) = (None, None, None);
        Self { evidence, bytes, checks, seen, load: Some(load), shard, extra, recheck, is_one_journal: false }
    }

    /// The gates that the run was judged by.
    pub(super) fn gates(&self) -> Gates {
        serde_json::from_value(self.evidence.analysis.header.gates.clone()).unwrap_or_default()
    }

    /// Webhooks that were due.
    pub(super) fn due(&self) -> u64 {
        self.evidence.analysis.expectations().map(|e| u64::from(e.due())).sum()
    }
}

/// Reads the journal at `path`; what is wrong with it is a finding.
pub(super) fn prove(request: &Request<'_>, path: &Path, found: &mut Findings) -> Option<Proof> {
    if !path.is_file() {
        found.add("journal_unreadable", format!("{}: not a file", name(path)));
        return None;
    }
    read(request, path, found).map_err(|error| broken(path, &error, found)).ok()
}

fn read(request: &Request<'_>, path: &Path, found: &mut Findings) -> Result<Proof, EvidenceError> {
    let (header, reader) = Reader::open(path)?;
    let (copy, first_line) = (header.clone(), reader.line().to_vec());
    let mut recheck = secret_for(request, &header.environment)
        .map(|secret| Recheck::new(&header, secret).map_err(|e| e.to_string()));
    let mut consistency = Consistency::new(&copy, &first_line, request.checkout.scenario_of(&copy));
    let mut seen = Seen::new(&header, request.demand.challenge.as_deref());
    let mut shard = None;
    let mut evidence = Evidence::read_lines(header, reader, |record, line| {
        consistency.take(&record, line);
        seen.take(&record);
        if let Some(Ok(recheck)) = &mut recheck {
            recheck.take(&record);
        }
        if let Record::Load(plan) = &record {
            shard = Some(plan.shard);
        }
        record
    })?;
    consistency.finish().report(&name(path), found);
    let (mut load, mut extra) = (None, None);
    let bytes = match copy.kind {
        RunKind::Load => {
            let (artifact, series, bytes) = load_from_journal(path).map_err(of_a_load)?;
            evidence.verdict = artifact.acceptance_gates.verdict;
            evidence.checks.clone_from(&artifact.acceptance_gates.checks);
            load = Some((artifact, series));
            bytes
        }
        RunKind::Probe => {
            let (probe, bytes) = probe_from_journal(path).map_err(of_a_probe)?;
            evidence.verdict = probe.acceptance_gates.verdict;
            extra = Some(all_cases(&probe, &name(path)));
            evidence.checks = probe.acceptance_gates.checks;
            bytes
        }
        _ => to_bytes(&artifact(&evidence)),
    };
    // A secret that bears out nothing is not staging's: nothing is judged by it.
    let is_staging_s = matches!(&recheck, Some(Ok(recheck)) if !recheck.is_of_another_secret());
    let checks = match secret_for(request, &copy.environment).filter(|_| copy.blind && is_staging_s) {
        Some(secret) => judged_with(path, secret)?.unwrap_or_else(|| evidence.checks.clone()),
        None => evidence.checks.clone(),
    };
    Ok(Proof { evidence, bytes, checks, seen, load, shard, extra, recheck, is_one_journal: true })
}

/// The gates of a blind run, judged as if it had had the secret.
fn judged_with(path: &Path, secret: &Secret) -> Result<Option<Vec<Check>>, EvidenceError> {
    let (header, reader) = Reader::open(path)?;
    let Ok(mut verifier) = Recheck::new(&header, secret) else { return Ok(None) };
    let judged = Evidence::read_lines(header, reader, |mut record, _| {
        verifier.take(&record);
        if let Record::Attempt(attempt) = &mut record {
            let reason = verifier.judge(attempt);
            attempt.verdict =
                if reason == Reason::Valid { Signed::valid() } else { Signed::invalid(reason, None) };
        }
        record
    })?;
    Ok(Some(judged.checks))
}

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

/// What is wrong with the journal of a load, as for any other.
fn of_a_load(error: LoadError) -> EvidenceError {
    match error {
        LoadError::Journal(error) => EvidenceError::Journal(error),
        LoadError::Header(error) => error,
        LoadError::Part(_) | LoadError::Merge(_) => {
            EvidenceError::Journal(ReadError::Malformed { line: 2, why: error.to_string() })
        }
    }
}

/// What is wrong with the journal of a probe, as for any other.
fn of_a_probe(error: ProbeError) -> EvidenceError {
    match error {
        ProbeError::Journal(error) => EvidenceError::Journal(error),
        ProbeError::NoPlan => {
            EvidenceError::Journal(ReadError::Malformed { line: 2, why: error.to_string() })
        }
    }
}

/// Whether a probe was one of everything, and went to its end.
fn all_cases(probe: &ProbeArtifact, journal: &str) -> Item {
    let (verdict, figure) = match (probe.provenance.whole, probe.provenance.complete) {
        (true, true) => (Verdict::Pass, format!("{} cases", probe.cases.len())),
        (false, _) => {
            (Verdict::Unproven, format!("{} cases: the others were left out (--only)", probe.cases.len()))
        }
        (_, false) => (Verdict::Unproven, "the probe was interrupted".to_owned()),
    };
    evidence("probe_cases", "All cases probed", verdict, figure, journal)
}

/// The secret that was given; else that of the environment, which is the staging system's and never the stand-in's.
fn secret_for<'a>(request: &Request<'a>, environment: &str) -> Option<&'a Secret> {
    request.secret.or(request.staging_secret.filter(|_| environment != EMBEDDED))
}

const fn kind(error: &EvidenceError) -> &'static str {
    match error {
        EvidenceError::Journal(ReadError::Io(_)) => "journal_unreadable",
        EvidenceError::Journal(ReadError::Empty) => "journal_empty",
        EvidenceError::Journal(ReadError::LongLine { .. }) => "journal_long_line",
        EvidenceError::Journal(ReadError::Malformed { .. }) => "journal_malformed",
        EvidenceError::Journal(ReadError::Chain { .. }) => "journal_chain_broken",
        EvidenceError::Journal(ReadError::LineEnd { .. }) => "journal_line_ends",
        EvidenceError::Journal(ReadError::NoHeader) => "journal_no_header",
        EvidenceError::Journal(ReadError::Structure { .. }) => "journal_spliced",
        EvidenceError::Journal(ReadError::Version(_)) => "journal_version",
        EvidenceError::Gates(_) => "journal_gates",
        EvidenceError::Policy(_) => "journal_policy",
    }
}

/// The items that rest on the journal.
pub(super) fn items(
    request: &Request<'_>,
    proof: &Proof,
    journal: &Path,
    (artifact, value): (&[u8], &Value),
    found: &mut Findings,
) -> Vec<Item> {
    let header = &proof.evidence.analysis.header;
    let ended = proof.evidence.analysis.watched_until().wall(header.started);
    admissibility::times(header, request.now, request.not_before, found);
    let (path, journal) = (journal, name(journal));
    let integrity = &proof.evidence.integrity;
    let cut_off = if integrity.ended {
        None
    } else {
        cut_off::when(proof, path, artifact).filter(|_| proof.is_one_journal)
    };
    let (checkout, demand) = (request.checkout, request.demand);
    let mut items = vec![
        whole(proof, &journal, cut_off.as_deref(), found),
        match &cut_off {
            Some(when) => {
                let figure = format!("written before the run was cut off at {when}");
                evidence("recomputed", "Recomputed byte for byte", Verdict::Unproven, figure, &*journal)
            }
            None => recomputed(proof, &journal, artifact, value, found),
        },
        admissibility::environment(tested(header), request.environment, "journal header"),
        admissibility::age(ended, request.now, request.max_age, "journal"),
        admissibility::scenario(header, checkout, &demand.scenario_sha256),
        admissibility::gates(header, checkout, demand.gates_sha256.as_deref()),
        admissibility::retry_contract(header, checkout),
    ];
    items.extend(proof.extra.clone());
    items.extend(proof.shard.filter(|shard| shard.count > 1).map(alone));
    items
}

/// A shard is a part of a load, and no evidence about the whole.
fn alone(shard: LoadShard) -> Item {
    let figure = format!(
        "shard {} of {} alone: put all of them together with `smoke merge`, and judge that",
        shard.index, shard.count
    );
    evidence("shards", "All shards", Verdict::Unproven, figure, "journal")
}

/// The chain holds (or there would be no proof), and the journal has an end.
fn whole(proof: &Proof, journal: &str, cut_off: Option<&str>, found: &mut Findings) -> Item {
    let title = "Journal whole";
    let integrity = &proof.evidence.integrity;
    if let Some(when) = cut_off {
        let figure =
            format!("cut off at {when} (UTC) after {} records: the run was killed", integrity.records);
        return evidence("journal", title, Verdict::Unproven, figure, journal);
    }
    if integrity.torn_bytes > 0 {
        found.add(
            "journal_truncated",
            format!("{journal}: the last line is torn, {} bytes without a line end", integrity.torn_bytes),
        );
    }
    if !integrity.ended {
        found.add(
            "journal_truncated",
            format!(
                "{journal}: no end record after line {}, and the artifact beside it is of more: the end was cut away",
                integrity.records
            ),
        );
    }
    let verdict = if integrity.ended && integrity.torn_bytes == 0 { Verdict::Pass } else { Verdict::Fail };
    let figure = format!("{} records, each chained to the one before", integrity.records);
    evidence("journal", title, verdict, figure, journal)
}

/// How far the evidence reaches: the highest level that somebody vouches at.
pub(super) fn reached(proof: &Proof, sealed: Option<&Item>) -> Trust {
    if sealed.is_some_and(|item| item.verdict == Verdict::Pass) {
        return Trust::Identity;
    }
    let blind = proof.evidence.analysis.header.blind;
    match &proof.recheck {
        Some(Ok(recheck)) if blind && recheck.checked > 0 && recheck.invalid == 0 => Trust::Sender,
        _ => Trust::Runner,
    }
}

/// The artifact is what follows from the journal, byte for byte.
fn recomputed(proof: &Proof, journal: &str, artifact: &[u8], value: &Value, found: &mut Findings) -> Item {
    let same = proof.bytes == artifact;
    let stated = value.pointer("/provenance/run_id").and_then(Value::as_str);
    let run_id = proof.evidence.analysis.header.run_id.to_string();
    let figure = if same {
        format!("{} bytes, all equal", artifact.len())
    } else if let Some(other) = stated.filter(|id| **id != *run_id) {
        let other: String = other.chars().take(36).collect();
        found.add(
            "journal_of_another_run",
            format!("{journal} is the journal of run {run_id}, and the artifact is of run {other}"),
        );
        "another run".to_owned()
    } else if let Some(why) = other_line_ends(artifact, &proof.bytes) {
        found.add("artifact_differs", format!("the artifact is what follows from {journal} {why}"));
        "differs in its line ends only".to_owned()
    } else {
        let (line, is, should_be) = difference(artifact, &proof.bytes);
        found.add(
            "artifact_differs",
            format!(
                "the artifact is not what follows from {journal}{}: line {line} is `{is}`, and must be `{should_be}`",
                other_version(value)
            ),
        );
        format!("differs from line {line} on")
    };
    let verdict = if same { Verdict::Pass } else { Verdict::Fail };
    evidence("recomputed", "Recomputed byte for byte", verdict, figure, journal)
}

/// What has happened to the line ends of a file, and what to do.
pub(super) const LINE_ENDS: &str = "which are CRLF where smoke writes LF: a checkout with core.autocrlf or an editor has changed them. \
     Give the file as it was written (`*.json -text` and `*.jsonl -text` in .gitattributes keep git away from it)";

/// Another build may write another artifact; the reader should know that it was one.
fn other_version(value: &Value) -> String {
    let version = value.pointer("/provenance/tool_version").and_then(Value::as_str).unwrap_or_default();
    let version: String = version.chars().take(20).collect();
    if version == env!("CARGO_PKG_VERSION") {
        String::new()
    } else {
        format!(" (it says smoke {version}, this is smoke {})", env!("CARGO_PKG_VERSION"))
    }
}

/// What to say of a file that is equal to `right` but for its line ends; `None` when there is more to it.
pub(super) fn other_line_ends(file: &[u8], right: &[u8]) -> Option<String> {
    let lines = |bytes: &[u8]| -> Vec<Vec<u8>> {
        bytes
            .split(|byte| *byte == b'\n')
            .map(|line| line.strip_suffix(b"\r").unwrap_or(line).to_vec())
            .collect()
    };
    let same = file.contains(&b'\r') && lines(file) == lines(right);
    same.then(|| format!("in all but its line ends, {LINE_ENDS}"))
}

/// The first line that differs, from 1, in both versions, cut.
pub(super) fn difference(a: &[u8], b: &[u8]) -> (usize, String, String) {
    let cut = |line: Option<&[u8]>| -> String {
        let text = String::from_utf8_lossy(line.unwrap_or_default());
        text.trim().chars().filter(|c| !c.is_control()).take(80).collect()
    };
    let (mut left, mut right) = (a.split(|c| *c == b'\n'), b.split(|c| *c == b'\n'));
    let mut number = 1;
    loop {
        match (left.next(), right.next()) {
            (Some(x), Some(y)) if x == y => number += 1,
            (x, y) => return (number, cut(x), cut(y)),
        }
    }
}

/// Why the webhooks of a journal are not verified again: verdict, figure and source.
fn not_again(proof: &Proof, sealed: Option<Verdict>) -> Option<(Verdict, &'static str, &'static str)> {
    let analysis = &proof.evidence.analysis;
    match (analysis.header.kind, &proof.recheck) {
        (RunKind::Load, _) if analysis.own().next().is_none() => Some((
            Verdict::NotExercised,
            "the journal of a load holds counts and histograms, no webhooks",
            "journal",
        )),
        (RunKind::Probe, _) => Some((
            Verdict::NotExercised,
            "smoke was the sender: what is judged are the receiver's answers",
            "journal",
        )),
        (_, None) if sealed == Some(Verdict::Pass) => Some((
            Verdict::Pass,
            "not verified again; the signer of the journal vouches for what it recorded",
            "signed statement",
        )),
        (_, None) => Some((
            Verdict::Unproven,
            "without --secret-file or --secret-env nobody can tell these webhooks from made-up ones",
            "no secret given",
        )),
        (_, Some(_)) => None,
    }
}

/// Whether every webhook signature verifies again.
pub(super) fn verified_again(proof: &Proof, sealed: Option<Verdict>, found: &mut Findings) -> Item {
    let title = "Webhook signatures again";
    let attempts = proof.evidence.analysis.own().count();
    let item =
        |verdict, figure: String, source: &str| evidence("signatures_again", title, verdict, figure, source);
    if let Some((verdict, figure, source)) = not_again(proof, sealed) {
        return item(verdict, figure.to_owned(), source);
    }
    match &proof.recheck {
        None => item(Verdict::Unproven, String::new(), "no secret given"),
        Some(Err(why)) => {
            item(Verdict::Unproven, format!("the secret is no key of this scheme: {why}"), "secret")
        }
        Some(Ok(recheck)) if recheck.is_of_another_secret() => item(
            Verdict::Unproven,
            format!(
                "is this staging's secret? every verdict changed from {} to mismatch",
                if proof.evidence.analysis.header.blind { "unchecked" } else { "valid" }
            ),
            "journal and secret",
        ),
        Some(Ok(recheck)) if recheck.invalid > 0 => {
            let first = recheck.first.map_or_else(String::new, |first| {
                format!(", the first of them attempt {}: {}", first.attempt, first.found)
            });
            let figure = format!("{} of {} are not valid{first}", recheck.invalid, recheck.checked);
            item(Verdict::Fail, figure, "journal and secret")
        }
        Some(Ok(recheck)) if recheck.disagreements > 0 => {
            if let Some(first) = recheck.first {
                found.add(
                    "signature_verdict_differs",
                    format!(
                        "{} of {} recorded verdicts are not borne out under the secret, first attempt {}: recorded {}, found {}",
                        recheck.disagreements, recheck.checked, first.attempt, first.recorded, first.found
                    ),
                );
            }
            item(Verdict::Fail, format!("{} verdicts differ", recheck.disagreements), "journal and secret")
        }
        Some(Ok(recheck)) if recheck.checked == 0 => item(
            Verdict::Unproven,
            format!("no webhook to verify in {attempts} deliveries"),
            "journal and secret",
        ),
        Some(Ok(recheck)) => item(
            Verdict::Pass,
            format!(
                "{} of {} valid{}",
                recheck.valid,
                recheck.checked,
                if proof.evidence.analysis.header.blind {
                    "; the run had no secret"
                } else {
                    ", each as recorded"
                }
            ),
            "journal and secret",
        ),
    }
}

/// The signed statement over journal and artifact; no item when none was asked for.
pub(super) fn sealed(
    request: &Request<'_>,
    proof: &Proof,
    (artifact_path, journal, signature): (&Path, &Path, &Path),
    found: &mut Findings,
) -> Option<Item> {
    let key = request.public_key?;
    let file = name(signature);
    let check = || -> Result<(), (&'static str, String)> {
        let bytes = read_bounded(signature, MAX_SIGNATURE_FILE)
            .map_err(|e| ("signature_missing", format!("{file}: {e}")))?;
        let forged = |e: record::seal::SealError| ("signature_not_valid", format!("{file}: {e}"));
        let artifact = record::sha256_hex(&proof.bytes);
        let vouches = |envelope: &Envelope| {
            let statement = envelope.verify(key)?;
            statement.vouches_for(&name(artifact_path), &artifact)?;
            statement.vouches_for(&name(journal), &proof.evidence.integrity.sha256)
        };
        // One that stands for the files is enough: others may be beside it.
        let mut first = None;
        for envelope in envelopes(&bytes).map_err(forged)? {
            match vouches(&envelope) {
                Ok(()) => return Ok(()),
                Err(error) => {
                    first.get_or_insert(error);
                }
            }
        }
        Err(forged(first.unwrap_or(record::seal::SealError::Forged)))
    };
    let (verdict, figure) = match check() {
        Ok(()) => {
            (Verdict::Pass, format!("journal and artifact, by {}", admissibility::short(&key.to_string())))
        }
        Err((kind, why)) => {
            found.add(kind, why);
            (Verdict::Fail, "not signed by the given key".to_owned())
        }
    };
    Some(evidence("sealed", "Signed statement", verdict, figure, file))
}

/// A regular file, whole, of at most `max` bytes.
pub(super) fn read_bounded(path: &Path, max: u64) -> std::io::Result<Vec<u8>> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(std::io::Error::other("not a file"));
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(max + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max {
        return Err(std::io::Error::other(format!("larger than {max} bytes")));
    }
    Ok(bytes)
}

/// A path's last part.
pub(super) fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// What was tested: the stand-in, whatever name the run was given.
pub(super) fn tested(header: &record::Header) -> &str {
    if header.stand_in { EMBEDDED } else { &header.environment }
}
