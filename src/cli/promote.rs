//! `smoke gate --promote`: whether an observation allows the next canary stage.

use super::{Exit, Failure, out};
use crate::analysis::minutes;
use crate::approval::journal_of;
use crate::gate::{Gates, STAGES, Stage, Verdict, promote};
use crate::report::Evidence;
use std::path::PathBuf;

/// Judges the promotion to `percent` by the observation among `files`, and prints the answer.
pub(super) fn run(files: &[PathBuf], percent: f64, gates: &Gates) -> Result<Exit, Failure> {
    let observations = files.iter().filter_map(|file| {
        let evidence = Evidence::open(&journal_of(file)?).ok()?;
        evidence.analysis.watched.begin.is_some().then_some(evidence)
    });
    // The one that began last speaks for the stage.
    let latest = observations.max_by_key(|e| e.analysis.header.started);
    let (verdict, why) = match &latest {
        None => {
            (Verdict::Unproven, "no journal of an observation (smoke observe --stage) is there".to_owned())
        }
        Some(evidence) => promote(&stage(evidence), percent, &gates.promote),
    };
    out::line(format!("promote to {percent} %: {} ({why})", verdict.word()));
    Ok(match verdict {
        Verdict::Pass => Exit::Pass,
        Verdict::Fail => Exit::Fail,
        Verdict::Unproven | Verdict::NotExercised => Exit::Unproven,
    })
}

fn stage(evidence: &Evidence) -> Stage<'_> {
    let analysis = &evidence.analysis;
    let begin = analysis.watched.begin.as_ref();
    let watched = begin.map_or_else(Default::default, |b| analysis.latest.since(b.at));
    Stage {
        percent: begin.and_then(|b| b.stage_percent),
        hours: watched.as_secs_f64() / 3600.0,
        deliveries: minutes(analysis).iter().map(|m| m.ended).sum(),
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
