//! `smoke gate --promote`: whether an observation allows the next canary stage.

use super::gate::GateFormat;
use super::{Exit, Failure, out};
use chrono::{DateTime, Utc};
use evidence::analysis::minutes;
use evidence::approval::{Judgement, Kind, Request, judge_with_evidence};
use evidence::gate::{STAGES, Stage, Verdict, promote};
use evidence::report::Evidence;
use record::RunKind;
use serde::Serialize;
use std::path::PathBuf;

/// The answer, for machines.
#[derive(Debug, Serialize)]
struct Answer {
    /// The stage that is asked about, percent of the traffic.
    promote_to_percent: f64,
    verdict: Verdict,
    /// One sentence.
    why: String,
    /// The observation that speaks for the stage before, as `smoke gate` judges it.
    evidence: Option<Judgement>,
}

/// An observation, judged as evidence before it is asked about the stage.
struct Observed {
    judgement: Judgement,
    /// `None` when its journal is missing or not whole.
    evidence: Option<Evidence>,
}

/// Judges the promotion to `percent` by the observation among `files`, and prints the answer.
pub(super) fn run(
    files: &[PathBuf],
    percent: f64,
    request: &Request<'_>,
    format: GateFormat,
) -> Result<Exit, Failure> {
    // The one that began last speaks for the stage; one that cannot be read may be it, and is not passed over.
    let mut all: Vec<Observed> = files.iter().filter_map(|file| observed(file, request)).collect();
    all.sort_by_key(Observed::rank);
    let latest = all.pop();
    let (verdict, why) = match &latest {
        None => (Verdict::Unproven, "found no journal of an observation (smoke observe --stage)".to_owned()),
        Some(observed) => all
            .iter()
            .find_map(|other| observed.contradicted_by(other))
            .unwrap_or_else(|| observed.answer(percent, request)),
    };
    match format {
        GateFormat::Human | GateFormat::Markdown => {
            let said = format!("{} ({})", verdict.word(), pii::printable(&why));
            out::text(&out::screen(false).wrapped(&format!("promote to {percent} %: "), &said));
        }
        GateFormat::Json => {
            let evidence = latest.map(|observed| observed.judgement);
            let answer = Answer { promote_to_percent: percent, verdict, why, evidence };
            out::raw_line(serde_json::to_string_pretty(&answer).map_err(Failure::environment)?);
        }
    }
    Ok(match verdict {
        Verdict::Pass => Exit::Pass,
        Verdict::Fail => Exit::Fail,
        Verdict::Unproven | Verdict::NotExercised => Exit::Unproven,
    })
}

fn observed(file: &std::path::Path, request: &Request<'_>) -> Option<Observed> {
    let (judgement, evidence) = judge_with_evidence(file, request);
    let is_one = match &evidence {
        Some(evidence) => evidence.analysis.header.kind == RunKind::Observe,
        None => judgement.kind == Kind::Observation,
    };
    is_one.then_some(Observed { judgement, evidence })
}

impl Observed {
    fn rank(&self) -> (bool, Option<DateTime<Utc>>) {
        (self.evidence.is_none(), self.evidence.as_ref().map(|e| e.analysis.header.started))
    }

    /// One window is one stage: another journal of its run, or another share of the traffic at the same time, and one of the two is
    /// labelled wrongly.
    fn contradicted_by(&self, other: &Self) -> Option<(Verdict, String)> {
        let (Some(own), Some(its)) = (&self.evidence, &other.evidence) else { return None };
        if own.integrity.sha256 == its.integrity.sha256 {
            return None;
        }
        let files = format!("{} and {}", self.judgement.artifact, other.judgement.artifact);
        let run = own.analysis.header.run_id;
        if run == its.analysis.header.run_id {
            return Some((
                Verdict::Fail,
                format!("{files} are both of run {run}, but their journals differ"),
            ));
        }
        let (of_own, of_its) = (stage(own).percent, stage(its).percent);
        let source =
            |evidence: &Evidence| evidence.analysis.watched.begin.as_ref().map(|begin| begin.source.clone());
        let is_one_time = own.analysis.header.started < ended(its) && source(own) == source(its);
        (of_own != of_its && of_own.is_some() && of_its.is_some() && is_one_time).then(|| {
            let share = |percent: Option<f64>| percent.unwrap_or_default();
            let why = format!(
                "{files} watched at the same time, but say that {} % and {} % of the traffic were the canary's",
                share(of_own),
                share(of_its)
            );
            (Verdict::Unproven, why)
        })
    }

    /// What `smoke gate` has against the evidence; else what it says about the stage.
    fn answer(&self, percent: f64, request: &Request<'_>) -> (Verdict, String) {
        match (&self.evidence, self.judgement.verdict) {
            (Some(evidence), Verdict::Pass) => {
                promote(&stage(evidence), percent, &request.checkout.gates.promote)
            }
            (_, verdict) => (verdict, self.objections()),
        }
    }

    fn objections(&self) -> String {
        let Judgement { artifact, verdict, items, contradictions, .. } = &self.judgement;
        let found = contradictions.iter().map(|f| f.sentence.clone());
        let open = items.iter().filter(|i| i.verdict == *verdict);
        let all: Vec<String> = found.chain(open.map(|i| format!("{}: {}", i.title, i.figure))).collect();
        format!("smoke gate on {artifact}: {}", all.join("; "))
    }
}

/// When the window ended, by its own clock.
fn ended(evidence: &Evidence) -> DateTime<Utc> {
    let analysis = &evidence.analysis;
    analysis.watched_until().wall(analysis.header.started)
}

fn stage(evidence: &Evidence) -> Stage<'_> {
    let analysis = &evidence.analysis;
    let begin = analysis.watched.begin.as_ref();
    let watched = begin.map_or_else(Default::default, |begin| begin.lasted(analysis.watched_until()));
    let minutes = minutes(analysis);
    Stage {
        percent: begin.and_then(|b| b.stage_percent),
        hours: watched.as_secs_f64() / 3600.0,
        ended: minutes.iter().map(|m| m.ended).sum(),
        delivered: minutes.iter().map(|m| m.delivered).sum(),
        checks: &evidence.checks,
    }
}

/// A share of the traffic in percent: `25%` or `25`.
pub(super) fn percent(text: &str) -> Result<f64, &'static str> {
    let number =
        text.strip_suffix('%').unwrap_or(text).parse::<f64>().ok().filter(|p| *p > 0.0 && *p <= 100.0);
    number.ok_or("a share of the traffic, such as 25%")
}

/// The share of a canary stage.
pub(super) fn stage_percent(text: &str) -> Result<f64, &'static str> {
    let share = percent(text)?;
    let is_stage = STAGES.iter().any(|stage| (stage - share).abs() < 1e-9);
    if is_stage { Ok(share) } else { Err("the stages of a canary are 5, 25, 50 or 100 percent") }
}
