//! The proof of an artifact: its journal, read once, recomputed, verified again.

use super::judge::Request;
use super::judgement::{Findings, Item, evidence};
use super::{admissibility, tampering};
use crate::analysis::Recheck;
use crate::gate::Verdict;
use crate::report::{
    EMBEDDED, Evidence, EvidenceError, LoadError, ProbeArtifact, ProbeError, artifact, load_from_journal,
    probe_from_journal, to_bytes,
};
use record::RunKind;
use record::seal::{MAX_SIGNATURE_FILE, Seal};
use record::{ReadError, Reader};
use serde_json::Value;
use signature::Secret;
use std::io::Read;
use std::path::Path;

/// A journal that was read to its end, and what was made of it.
pub(super) struct Proof {
    pub evidence: Evidence,
    /// The artifact that follows from it.
    pub bytes: Vec<u8>,
    /// What is asked of this kind of run only.
    extra: Option<Item>,
    recheck: Option<Result<Recheck, String>>,
}

/// Reads the journal at `path`; what is wrong with it is a finding.
pub(super) fn prove(request: &Request<'_>, path: &Path, found: &mut Findings) -> Option<Proof> {
    let read = || -> Result<Proof, EvidenceError> {
        let (header, reader) = Reader::open(path)?;
        let mut recheck = secret_for(request, &header.environment)
            .map(|secret| Recheck::new(&header, secret).map_err(|e| e.to_string()));
        let mut evidence = Evidence::read(header, reader, |record| {
            if let Some(Ok(recheck)) = &mut recheck {
                recheck.take(record);
            }
        })?;
        let mut extra = None;
        let bytes = match evidence.analysis.header.kind {
            RunKind::Load => {
                let (load, _, bytes) = load_from_journal(path).map_err(of_a_load)?;
                evidence.verdict = load.acceptance_gates.verdict;
                evidence.checks = load.acceptance_gates.checks;
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
        Ok(Proof { evidence, bytes, extra, recheck })
    };
    if !path.is_file() {
        found.add("journal_unreadable", format!("{}: not a file", name(path)));
        return None;
    }
    read().map_err(|error| broken(path, &error, found)).ok()
}

/// Names what is wrong with a journal, and what was done to it where that can be told.
fn broken(path: &Path, error: &EvidenceError, found: &mut Findings) {
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
    let journal = name(journal);
    let mut items = vec![
        whole(proof, &journal, found),
        recomputed(proof, &journal, artifact, value, found),
        admissibility::environment(tested(header), request.environment, "journal header"),
        admissibility::age(ended, request.now, request.max_age, "journal"),
        admissibility::scenario(header, request.checkout),
        admissibility::gates(header, request.checkout),
        admissibility::retry_contract(header, request.checkout),
    ];
    items.extend(proof.extra.clone());
    items
}

/// The chain holds (or there would be no proof), and the journal has an end.
fn whole(proof: &Proof, journal: &str, found: &mut Findings) -> Item {
    let integrity = &proof.evidence.integrity;
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
                "{journal}: no end record after line {}: the run was cut off, or the end was cut away",
                integrity.records
            ),
        );
    }
    let verdict = if integrity.ended && integrity.torn_bytes == 0 { Verdict::Pass } else { Verdict::Fail };
    let figure = format!("{} records, each chained to the one before", integrity.records);
    evidence("journal", "Journal whole", verdict, figure, journal)
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

/// Whether every webhook signature verifies again.
pub(super) fn verified_again(proof: &Proof, sealed: Option<Verdict>, found: &mut Findings) -> Item {
    let title = "Webhook signatures again";
    let attempts = proof.evidence.analysis.own().count();
    let item =
        |verdict, figure: String, source: &str| evidence("signatures_again", title, verdict, figure, source);
    match &proof.recheck {
        _ if proof.evidence.analysis.header.kind == RunKind::Load && attempts == 0 => item(
            Verdict::NotExercised,
            "the journal of a load holds counts and histograms, no webhooks".to_owned(),
            "journal",
        ),
        _ if proof.evidence.analysis.header.kind == RunKind::Probe => item(
            Verdict::NotExercised,
            "smoke was the sender: what is judged are the receiver's answers".to_owned(),
            "journal",
        ),
        None if sealed == Some(Verdict::Pass) => item(
            Verdict::Pass,
            "not verified again; the signer of the journal vouches for what it recorded".to_owned(),
            "Ed25519 signature",
        ),
        None => item(
            Verdict::Unproven,
            "without --secret-file or --secret-env nobody can tell these webhooks from made-up ones"
                .to_owned(),
            "no secret given",
        ),
        Some(Err(why)) => {
            item(Verdict::Unproven, format!("the secret is no key of this scheme: {why}"), "secret")
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
            format!("{} of {} valid, each as recorded", recheck.valid, recheck.checked),
            "journal and secret",
        ),
    }
}

/// The Ed25519 signature over journal and artifact; no item when none was asked for.
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
        let seal = Seal::parse(&bytes).map_err(forged)?;
        seal.verify(key).map_err(forged)?;
        let artifact = record::sha256_hex(&proof.bytes);
        seal.vouches_for(&name(artifact_path), &artifact).map_err(forged)?;
        seal.vouches_for(&name(journal), &proof.evidence.integrity.sha256).map_err(forged)
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
    Some(evidence("sealed", "Ed25519 signature", verdict, figure, file))
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
fn tested(header: &record::Header) -> &str {
    if header.stand_in { EMBEDDED } else { &header.environment }
}
