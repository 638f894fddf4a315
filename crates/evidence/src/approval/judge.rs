//! Judges one artifact file.

use super::admissibility::{self, Checkout};
use super::demand::{Demand, FlowsOf};
use super::document::Document;
use super::judgement::{Findings, Item, Judged, Judgement, Kind, evidence};
use super::left_open::Level;
use super::proof::{self, Proof, name};
use super::run_files::{Journals, beside, signature_of};
use super::seeded::StandInRows;
use super::trust::{self, Trust};
use super::witness::Witnessed;
use super::{
    again, arithmetic, checklist, clocks, cut_off, exercised, left_open, memo, merged, pages, probed,
    recomputed, rolled_back, sealed, sender_settings, setting, shape, signed_after, times, unended,
};
use crate::gate::Verdict;
use crate::report::Evidence;
use chrono::{DateTime, TimeDelta, Utc};
use record::RunKind;
use record::seal::PublicKey;
use serde_json::Value;
use signature::Secret;
use signature::check_unique_keys;
use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;
use uuid::Uuid;

/// Largest artifact in bytes; smoke's own have a bounded number of samples and findings.
const MAX_ARTIFACT: u64 = 16 * 1024 * 1024;

/// What is asked of an artifact.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The time of the check.
    pub now: DateTime<Utc>,
    /// Where the journals of the artifacts are.
    pub journals: &'a Journals,
    /// The environment that evidence is wanted about.
    pub environment: &'a str,
    /// How long ago the run may have ended.
    pub max_age: TimeDelta,
    /// The time of the commit that is being approved; the run must have begun after it.
    pub not_before: Option<DateTime<Utc>>,
    /// The webhook secret that was given for this check.
    pub secret: Option<&'a Secret>,
    /// The secret of the staging system, from the environment; not used for runs against the stand-in.
    pub staging_secret: Option<&'a Secret>,
    /// The key that the evidence must be signed with.
    pub public_key: Option<&'a PublicKey>,
    /// The scenarios and gates that count.
    pub checkout: &'a Checkout,
    /// What is asked beyond the gates, and what is let pass by name.
    pub demand: &'a Demand,
    /// The key that the receiver's checkpoints must be signed with.
    pub witness: Option<&'a PublicKey>,
    /// The runs that are shown: those of all artifacts that are judged together.
    pub shown: &'a BTreeSet<Uuid>,
    /// What the stand-in makes up out of a seed, where that is known.
    pub stand_in_rows: Option<StandInRows>,
    /// Whether the stage of a canary is to be promoted on it, so that each hour counts.
    pub by_hour: bool,
}

/// Judges the artifact at `path` with the journal beside it. Whatever is wrong with either is in the judgement.
#[must_use]
pub fn judge(path: &Path, request: &Request<'_>) -> Judgement {
    judge_with_evidence(path, request).0
}

/// The same, with what the journal was read to; `None` where there is no journal, or it is not whole.
#[must_use]
pub fn judge_with_evidence(path: &Path, request: &Request<'_>) -> (Judgement, Option<Evidence>) {
    let mut found = Findings::default();
    let shown = path.display().to_string();
    let bytes = match read(path) {
        Ok(bytes) => bytes,
        Err((kind, why)) => {
            found.add(kind, why);
            return (Judgement::new(&shown, kind_of_file(path), Vec::new(), found.0), None);
        }
    };
    let itself = (name(path), record::sha256_hex(&bytes));
    if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("md")) {
        let items = of_a_memo(path, &String::from_utf8_lossy(&bytes), request, &mut found);
        let flows_of = FlowsOf::of(kind_of_file(path), None);
        let judged = Judged { files: vec![itself], flows_of, ..Judged::default() };
        return (Judgement { judged, ..Judgement::new(&shown, kind_of_file(path), items, found.0) }, None);
    }
    let value = parse(&bytes, &mut found);
    let document = Document::new(&value);
    let parts = merged::parts_of(path);
    let journal = parts.first().cloned().or_else(|| request.journals.of(path));
    let proof = match (parts.is_empty(), journal.as_deref()) {
        (true, Some(journal)) => proof::prove(request, journal, &mut found),
        (false, Some(_)) => merged::prove(request, &parts, &bytes, &mut found),
        (_, None) => None,
    };
    if !value.is_null() {
        shape::check(&document, &mut found);
        // Where it follows from the journal its times are the journal's, and are judged with that.
        let (now, not_before) = match &proof {
            Some(proof) if proof.bytes == bytes => (DateTime::<Utc>::MAX_UTC - times::SKEW, None),
            _ => (request.now, request.not_before),
        };
        arithmetic::contradictions(&document, now, not_before, &mut found);
    }
    let kind = proof.as_ref().map_or_else(|| kind_of(path, &document), |proof| kind_of_run(&proof.evidence));
    let (items, trust) = match (journal.as_deref(), &proof) {
        (Some(journal), Some(proof)) => {
            proven(request, (path, kind), journal, proof, (&bytes, &value), &mut found)
        }
        (Some(journal), None) => (
            vec![evidence("journal", "Journal intact", Verdict::Fail, "not whole", name(journal))],
            Trust::Numbers,
        ),
        (None, _) => (unproven(request, path, &document), Trust::Numbers),
    };
    let scenario = match &proof {
        Some(proof) => scenario_of_run(&proof.evidence),
        None => scenario_of(&document),
    };
    let mut judged =
        journal.zip(proof.as_ref()).map_or_else(Judged::default, |(path, proof)| proof.judged(&path));
    judged.files.insert(0, itself);
    judged.flows_of = match (&proof, document.kind()) {
        (Some(proof), _) if proof.evidence.analysis.header.kind == RunKind::Load => {
            Some(FlowsOf::of_load(&proof.evidence.analysis.header.scenario.name))
        }
        (None, Some(RunKind::Load)) => {
            document.root.pointer("/load/subject").and_then(Value::as_str).map(FlowsOf::of_load)
        }
        _ => FlowsOf::of(kind, scenario.as_deref()),
    };
    let judgement = Judgement { trust, scenario, judged, ..Judgement::new(&shown, kind, items, found.0) };
    (judgement, proof.map(|proof| Evidence { checks: proof.checks, ..proof.evidence }))
}

fn proven(
    request: &Request<'_>,
    (path, kind): (&Path, Kind),
    journal: &Path,
    proof: &Proof,
    artifact: (&[u8], &Value),
    found: &mut Findings,
) -> (Vec<Item>, Trust) {
    let mut items = setting::items(request, proof, kind);
    items.extend(sender_settings::items(request.demand, proof));
    let sealed = sealed::sealed(request, proof, (path, journal, &signature_of(path)), found);
    let is_sealed = sealed.first().is_some_and(|item| item.verdict == Verdict::Pass);
    let again = again::verified_again(proof, is_sealed, found);
    if let Witnessed::Refuted(kind, sentence) = &proof.witnessed {
        found.add(kind, format!("{}: {}", name(journal), pii::shown(sentence)));
    }
    let reached = trust::reached(proof, sealed.first());
    let by_criterion = left_open::told(Level::of(proof, reached), &proof.checks);
    let (is_usual, header) = (request.demand.trust.is_none(), &proof.evidence.analysis.header);
    items.push(trust::item(reached, asked(request), is_usual, &by_criterion, Some(header)));
    let predates = cut_off::predates(proof, journal, artifact.0);
    items.extend(recomputed::items(request, (proof, reached), journal, (artifact, predates), found));
    items.push(again);
    items.extend(sealed);
    items.extend(proof.witnessed.items(request, &proof.evidence.analysis.header));
    items.extend(clocks::item(proof));
    items.extend(exercised::item(proof, kind, &proof.evidence.gates));
    items.extend(proof.seen.items(request.demand, proof));
    items.extend(signed_after::item(proof));
    if kind == Kind::Observation {
        items.extend(proof.seen.observation(request.demand, request.by_hour));
        items.extend(probed::item(proof));
        items.extend(rolled_back::item(proof));
    }
    items.extend(unended::item(proof));
    items.extend(pages::check(proof, (path, journal), predates, found));
    items.extend(checklist::recomputed(proof, &name(journal), reached));
    (items, reached)
}

/// The level of trust that is asked for.
fn asked(request: &Request<'_>) -> Trust {
    request.demand.trust.unwrap_or_else(|| Trust::usual(request.environment))
}

fn unproven(request: &Request<'_>, path: &Path, document: &Document<'_>) -> Vec<Item> {
    let environment =
        document.root.pointer("/test_run/environment").and_then(Value::as_str).unwrap_or_default();
    let mut items = vec![
        trust::item(Trust::Numbers, asked(request), request.demand.trust.is_none(), "", None),
        evidence("journal", "Journal intact", Verdict::Unproven, no_journal(path, document), "-"),
        admissibility::environment(environment, request.environment, "/test_run/environment"),
    ];
    if let Some(Ok(started)) = times::started(document) {
        items.push(admissibility::age(
            (started, "ended"),
            request.now,
            request.max_age,
            "/test_run/timestamp",
        ));
    }
    items.extend(checklist::stated(document, &request.checkout.gates));
    items
}

/// What to do about a journal that is not there.
fn no_journal(path: &Path, document: &Document<'_>) -> String {
    let usual = name(&beside(path, "journal.jsonl"));
    let other = if document.is_own() {
        ", nor any other journal of its run (if it is elsewhere, give it too: `smoke gate ARTIFACT JOURNAL`)"
    } else {
        ""
    };
    format!("no {usual} next to it{other}: nothing can be recomputed")
}

/// A memo without a journal: what it states is held against itself, and stays unproven.
fn of_a_memo(path: &Path, text: &str, request: &Request<'_>, found: &mut Findings) -> Vec<Item> {
    let memo = memo::read(text, request.now, found);
    let mut document = Document::new(&memo.value);
    document.rounding_ms = memo.rounding_ms;
    arithmetic::contradictions(&document, request.now, request.not_before, found);
    let figure = format!(
        "{} figures read from prose; judge the artifact and journal it was written from instead",
        memo.figures
    );
    let mut items = vec![evidence("prose", "Memo", Verdict::Unproven, figure, "the file itself")];
    items.extend(unproven(request, path, &document));
    items
}

/// A regular file of an artifact's size.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, (&'static str, String)> {
    let shown = name(path);
    let unreadable = |e: std::io::Error| ("artifact_unreadable", format!("{shown}: {e}"));
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(("artifact_unreadable", format!("{shown}: not a file")));
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    file.take(MAX_ARTIFACT + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_ARTIFACT {
        return Err((
            "artifact_too_large",
            format!("{shown}: larger than {MAX_ARTIFACT} bytes, too large for an artifact"),
        ));
    }
    Ok(bytes)
}

/// The artifact as JSON; null, and a finding, when it is none.
fn parse(bytes: &[u8], found: &mut Findings) -> Value {
    match serde_json::from_slice::<Value>(bytes) {
        Ok(value) if value.is_object() => {
            if let Err(error) = check_unique_keys(bytes) {
                found.add("duplicate_key", error.to_string());
            }
            value
        }
        Ok(_) => {
            found.add("not_an_artifact", "the file is JSON, but not an object");
            Value::Null
        }
        Err(error) => {
            found.add("not_json", format!("the file is not JSON: {error}"));
            Value::Null
        }
    }
}

/// The scenario that a run played flow by flow; a load, an observation or a probe is no such run.
fn scenario_of_run(evidence: &Evidence) -> Option<String> {
    let header = &evidence.analysis.header;
    (header.kind == RunKind::Run).then(|| pii::shown(&header.scenario.name))
}

/// The same for an artifact without a journal.
fn scenario_of(document: &Document<'_>) -> Option<String> {
    let name = document.root.pointer("/provenance/scenario").and_then(Value::as_str);
    name.filter(|_| document.kind() == Some(RunKind::Run)).map(pii::shown)
}

/// What a run is evidence of, by its journal. A load is none of a scenario's flows working one by one.
fn kind_of_run(evidence: &Evidence) -> Kind {
    let header = &evidence.analysis.header;
    kind_of_scenario(header.kind, &header.scenario.name)
}

fn kind_of_scenario(kind: RunKind, scenario: &str) -> Kind {
    match (kind, scenario) {
        (RunKind::Run, "payments") => Kind::Payments,
        (RunKind::Run, "matches") => Kind::Matches,
        (RunKind::Observe, _) => Kind::Observation,
        (RunKind::Probe, _) => Kind::Probe,
        _ => Kind::Other,
    }
}

/// The same for an artifact without a journal: as one of smoke's own says, else by the guide's keys, else by the file's name.
fn kind_of(path: &Path, document: &Document<'_>) -> Kind {
    let at = |pointer: &str| document.root.pointer(pointer);
    let scenario = at("/provenance/scenario").and_then(Value::as_str).unwrap_or_default();
    match document.kind() {
        Some(kind) => kind_of_scenario(kind, scenario),
        None if at("/test_run/total_payments").is_some() => Kind::Payments,
        None if at("/test_run/total_matches").is_some() => Kind::Matches,
        None => kind_of_file(path),
    }
}

fn kind_of_file(path: &Path) -> Kind {
    let file = name(path);
    match file {
        _ if file.contains("payments") => Kind::Payments,
        _ if file.contains("matches") => Kind::Matches,
        _ if file.contains("observation") => Kind::Observation,
        _ if file.contains("probe") => Kind::Probe,
        _ => Kind::Other,
    }
}
