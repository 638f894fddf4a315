//! `staging_probe_output.json`: a probe, case by case, and its grades; the same journal gives the same bytes.

use crate::JsonSchema;
use crate::gate::{Check, Verdict, overall};
use ::probe::{CaseResult, CaseVerdict, Facts, Grade, Group, grade, grade_of, judge};
use chrono::SecondsFormat;
use record::{Header, Integrity, ProbeFact, ReadError, Reader, Record, RunKind, Tick};
use serde::Serialize;
use std::path::Path;

/// Version of the shape of this file.
const SCHEMA: &str = "1.0";

/// The artifact of a probe.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ProbeArtifact {
    /// Version of this shape.
    pub schema_version: String,
    /// The run.
    pub test_run: ProbeRun,
    /// The grades, `A` to `F`.
    pub grades: ProbeGrades,
    /// Each case.
    pub cases: Vec<CaseResult>,
    /// The groups as criteria, and the verdict over all of them.
    pub acceptance_gates: ProbeGates,
    /// What to make of it, in one sentence.
    pub recommendation: String,
    /// What else the reader should know.
    pub notes: Vec<String>,
    /// Where the verdicts come from.
    pub provenance: ProbeProvenance,
}

/// The run.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ProbeRun {
    /// When it began.
    pub timestamp: String,
    /// `loopback`, `embedded`, or the name of the environment.
    pub environment: String,
    /// The receiver.
    pub target: String,
    /// The sender whose webhooks were imitated.
    pub sender: String,
    /// Their event.
    pub event: String,
    /// The text that marks each request as one of this probe: in `X-Smoke-Probe`, and in the body where that is an object.
    pub canary: String,
    /// What counted the processed webhooks: `command`, `url`; null if nothing did.
    pub observer: Option<String>,
    /// Requests sent, including those of a diagnosis.
    pub requests_sent: u64,
    /// From the first to the last of them, seconds.
    pub duration_seconds: f64,
}

/// The grades.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ProbeGrades {
    /// Overall: the worst of the groups.
    pub overall: Grade,
    /// For each selected group.
    pub groups: Vec<GroupGrade>,
}

/// The grade of a group.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct GroupGrade {
    /// Its name.
    pub group: Group,
    /// Its grade.
    pub grade: Grade,
}

/// The criteria.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ProbeGates {
    /// The verdict over all of them.
    pub verdict: Verdict,
    /// Each of them.
    pub checks: Vec<Check>,
}

/// Where the verdicts come from.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ProbeProvenance {
    /// The run.
    pub run_id: String,
    /// What kind of run it was: a probe.
    pub kind: RunKind,
    /// Version of smoke that made the journal.
    pub tool_version: String,
    /// Whether all cases were selected.
    pub whole: bool,
    /// SHA-256 of the journal, which lists every request; null without one.
    pub journal_sha256: Option<String>,
    /// Its records.
    pub journal_records: u64,
    /// Whether the probe was completed.
    pub complete: bool,
}

/// Why a journal gives no artifact of a probe.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// It cannot be read, or was tampered with.
    #[error(transparent)]
    Journal(#[from] ReadError),
    /// It does not say what was asked for.
    #[error("the journal is not of a started probe")]
    NoPlan,
}

/// The artifact of a journal, and its bytes.
///
/// # Errors
/// When the journal is broken or of something else.
pub fn probe_from_journal(path: &Path) -> Result<(ProbeArtifact, Vec<u8>), ProbeError> {
    let (header, mut reader) = Reader::open(path)?;
    let (mut facts, mut complete) = (Vec::new(), false);
    while let Some(record) = reader.next_record()? {
        match record {
            Record::Probe(fact) => facts.push(fact),
            Record::End(end) => complete = end.complete,
            _ => {}
        }
    }
    let artifact =
        probe_artifact(&header, facts, complete, Some(&reader.integrity())).ok_or(ProbeError::NoPlan)?;
    let bytes = probe_bytes(&artifact);
    Ok((artifact, bytes))
}

/// The bytes of an artifact file.
#[must_use]
pub fn probe_bytes(artifact: &ProbeArtifact) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(artifact).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

/// The artifact of these facts; none when they do not say what was asked for.
#[must_use]
pub fn probe_artifact(
    header: &Header,
    facts: Vec<ProbeFact>,
    complete: bool,
    journal: Option<&Integrity>,
) -> Option<ProbeArtifact> {
    let facts = gathered(header, facts)?;
    let cases = judge(&facts);
    let checks: Vec<Check> = Group::ALL.iter().filter_map(|group| check(*group, &cases)).collect();
    // Half a probe is no verdict on the receiver, whatever it shows.
    let verdict = if complete { overall(&checks) } else { Verdict::Unproven };
    let groups = Group::ALL
        .iter()
        .filter_map(|group| Some(GroupGrade { group: *group, grade: grade_of(*group, &cases)? }));
    let mut grades = ProbeGrades { overall: grade(&cases), groups: groups.collect() };
    if !complete {
        grades.overall.grade = None;
    }
    Some(ProbeArtifact {
        schema_version: SCHEMA.to_owned(),
        test_run: run(header, &facts),
        recommendation: recommendation(verdict, &cases, complete),
        grades,
        notes: notes(&facts, &cases),
        cases,
        acceptance_gates: ProbeGates { verdict, checks },
        provenance: ProbeProvenance {
            run_id: header.run_id.to_string(),
            kind: header.kind,
            tool_version: header.tool_version.clone(),
            whole: facts.begin.whole,
            journal_sha256: journal.map(|journal| journal.sha256.clone()),
            journal_records: journal.map_or(0, |journal| journal.records),
            complete,
        },
    })
}

fn gathered(header: &Header, all: Vec<ProbeFact>) -> Option<Facts> {
    let (mut begin, mut sent, mut effects) = (None, Vec::new(), Vec::new());
    for fact in all {
        match fact {
            ProbeFact::Begin(asked) => begin = Some(*asked),
            ProbeFact::Sent(one) => sent.push(*one),
            ProbeFact::Effects(said) => effects.push(said),
        }
    }
    Some(Facts {
        scheme: header.scheme,
        promised: header.sender.as_ref().map(|sender| sender.contract()),
        begin: begin?,
        sent,
        effects,
        started_ms: header.started.timestamp_millis(),
    })
}

fn run(header: &Header, facts: &Facts) -> ProbeRun {
    let first = facts.sent.iter().map(|s| s.started).min().unwrap_or(Tick(0));
    let last = facts.sent.iter().map(|s| s.ended).max().unwrap_or(first);
    ProbeRun {
        timestamp: header.started.to_rfc3339_opts(SecondsFormat::Millis, true),
        environment: header.environment.clone(),
        target: header.target.clone(),
        sender: facts.begin.sender.clone(),
        event: facts.begin.event.clone(),
        canary: facts.begin.canary.clone(),
        observer: facts.begin.observer.clone(),
        requests_sent: facts.sent.len() as u64,
        duration_seconds: (last.since(first).as_secs_f64() * 1000.0).round() / 1000.0,
    }
}

/// A group as a criterion; none when none of its cases was asked for.
fn check(group: Group, cases: &[CaseResult]) -> Option<Check> {
    let counts = grade_of(group, cases)?;
    let verdict = match &counts {
        counts if counts.fail > 0 => Verdict::Fail,
        counts if counts.unproven > 0 => Verdict::Unproven,
        counts if counts.pass > 0 => Verdict::Pass,
        _ => Verdict::NotExercised,
    };
    let of = |wanted: CaseVerdict| {
        let of_group = |case: &&CaseResult| case.group == group && case.verdict == wanted;
        let names: Vec<&str> = cases.iter().filter(of_group).map(|case| case.id.as_str()).collect();
        names.join(", ")
    };
    let (passed, judged) = (counts.pass, counts.pass + counts.fail + counts.unproven);
    let text = match verdict {
        Verdict::Fail => format!("failed: {}", of(CaseVerdict::Fail)),
        Verdict::Unproven => format!("unproven: {}", of(CaseVerdict::Unproven)),
        _ => format!("{passed} of {judged} cases pass"),
    };
    Some(Check {
        id: format!("probe_{}", group.name().replace('-', "_")),
        title: group.title().to_owned(),
        target: "no case fails".to_owned(),
        actual: Some(counts.fail as f64),
        unit: "failed".to_owned(),
        n: judged,
        interval_95: None,
        verdict,
        text,
    })
}

fn notes(facts: &Facts, cases: &[CaseResult]) -> Vec<String> {
    let mut notes = Vec::new();
    if !facts.begin.whole {
        notes.push("not all cases were selected: this is not a verdict on the whole receiver".to_owned());
    }
    let open = |case: &&CaseResult| {
        case.verdict == CaseVerdict::NotExercised && case.text.contains("effect unproven")
    };
    let open: Vec<&str> = cases.iter().filter(open).map(|case| case.id.as_str()).collect();
    if !open.is_empty() {
        notes.push(format!(
            "nothing counted what was processed (--observe), so effects are unproven: {}",
            open.join(", ")
        ));
    }
    notes
}

/// What is said of a receiver that failed, before the cases.
pub(super) const UNSAFE: &str = "The receiver is unsafe or incorrect";

fn recommendation(verdict: Verdict, cases: &[CaseResult], complete: bool) -> String {
    let of = |wanted: CaseVerdict| {
        let names: Vec<&str> = cases.iter().filter(|c| c.verdict == wanted).map(|c| c.id.as_str()).collect();
        names.join(", ")
    };
    let first = cases.iter().find(|case| case.verdict == CaseVerdict::Unproven);
    match verdict {
        _ if !complete => "the probe was interrupted: this is not a verdict on the receiver".to_owned(),
        Verdict::Pass => "The receiver did the right thing in every judged case.".to_owned(),
        Verdict::Fail => format!("{UNSAFE}: {}.", of(CaseVerdict::Fail)),
        Verdict::Unproven | Verdict::NotExercised => match first {
            Some(case) => format!("nothing is proven: {}: {}", case.id, case.text),
            None => "nothing is proven".to_owned(),
        },
    }
}
