//! Whether the evidence of one canary stage allows the next: 5 -> 25 -> 50 -> 100 percent.

use super::check::{Check, Verdict, overall};
use super::interval::{more_samples_for_rate, wilson};
use crate::JsonSchema;
use serde::{Deserialize, Serialize};

/// The stages of a canary, percent (docs/deltacrown.md section 6, runbook A).
pub const STAGES: [f64; 4] = [5.0, 25.0, 50.0, 100.0];

/// What a stage must have shown.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PromoteGate {
    /// How long it must have been watched, hours.
    pub hours: f64,
    /// Share of deliveries accepted that the sample must be able to prove at 95 % confidence, percent.
    pub proves_percent: f64,
}

impl Default for PromoteGate {
    /// 24 h, and as many samples as prove 95 %.
    fn default() -> Self {
        Self { hours: 24.0, proves_percent: 95.0 }
    }
}

/// What is known of the stage that was watched.
#[derive(Debug, Clone, Copy)]
pub struct Stage<'c> {
    /// Its share of the traffic, percent; `None` when the window was not labelled.
    pub percent: Option<f64>,
    /// How long it was watched, hours.
    pub hours: f64,
    /// Deliveries that ended.
    pub ended: u64,
    /// Of those, accepted.
    pub delivered: u64,
    /// Its gates, judged.
    pub checks: &'c [Check],
}

/// Whether the stage with share `to` may begin, and why.
#[must_use]
pub fn promote(stage: &Stage<'_>, to: f64, gate: &PromoteGate) -> (Verdict, String) {
    let same = |a: f64, b: f64| (a - b).abs() < 1e-9;
    let Some(at) = STAGES.iter().position(|s| same(*s, to)) else {
        return (Verdict::Fail, format!("{to} % is not a stage; the stages are 5, 25, 50 and 100 %"));
    };
    let Some(before) = at.checked_sub(1).and_then(|n| STAGES.get(n)) else {
        return (Verdict::Unproven, "5 % is the first stage; there is no earlier canary to judge".to_owned());
    };
    match stage.percent {
        None => return (Verdict::Unproven, "the window has no stage (--stage)".to_owned()),
        Some(percent) if !same(percent, *before) => {
            return (
                Verdict::Fail,
                format!("{to} % follows {before} %, but this evidence is for {percent} %"),
            );
        }
        Some(_) => {}
    }
    let (ended, delivered) = (stage.ended, stage.delivered);
    match overall(stage.checks) {
        Verdict::Fail => (Verdict::Fail, "a gate of the stage failed".to_owned()),
        _ if stage.hours < gate.hours => {
            (Verdict::Unproven, format!("watched for {:.1} h of {} h", stage.hours, gate.hours))
        }
        _ if !proves(stage, gate) => (Verdict::Unproven, too_few(stage, gate)),
        Verdict::Pass => (
            Verdict::Pass,
            format!(
                "{before} % held for {:.1} h with {delivered} of {ended} deliveries accepted",
                stage.hours
            ),
        ),
        _ => (Verdict::Unproven, "a gate of the stage is unproven".to_owned()),
    }
}

/// Whether the whole Wilson interval of what was accepted is at the share that has to be proven.
fn proves(stage: &Stage<'_>, gate: &PromoteGate) -> bool {
    wilson(stage.delivered, stage.ended).is_some_and(|(low, _)| low * 100.0 >= gate.proves_percent)
}

fn too_few(stage: &Stage<'_>, gate: &PromoteGate) -> String {
    let Stage { delivered, ended, .. } = stage;
    let wanted = gate.proves_percent;
    let low = wilson(*delivered, *ended).map_or(0.0, |(low, _)| low * 100.0);
    let needed = match more_samples_for_rate(*delivered, *ended, wanted / 100.0) {
        None => "no sample proves 100 %".to_owned(),
        Some(more) => format!("{more} more, all accepted, would prove {wanted} %"),
    };
    format!("{delivered} of {ended} deliveries accepted proves {low:.1} % at 95 % confidence; {needed}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(verdict: Verdict) -> Check {
        Check {
            id: String::new(),
            title: String::new(),
            target: String::new(),
            actual: None,
            unit: String::new(),
            n: 1,
            interval_95: None,
            verdict,
            text: String::new(),
        }
    }

    #[test]
    fn a_stage_follows_the_one_before_with_time_samples_and_gates() {
        use Verdict::{Fail, Pass, Unproven};
        let pass = [check(Pass)];
        let of = |percent, hours, ended, checks: &[Check], to| {
            promote(&Stage { percent, hours, ended, delivered: ended, checks }, to, &PromoteGate::default()).0
        };
        assert_eq!(of(Some(5.0), 24.0, 100, &pass, 25.0), Pass);
        assert_eq!(of(Some(25.0), 25.0, 73, &pass, 50.0), Pass);
        assert_eq!(of(Some(5.0), 24.0, 72, &pass, 25.0), Unproven);
        assert_eq!(of(Some(5.0), 23.9, 1000, &pass, 25.0), Unproven);
        assert_eq!(of(Some(5.0), 24.0, 1000, &[check(Fail)], 25.0), Fail);
        assert_eq!(of(Some(5.0), 24.0, 1000, &[check(Unproven)], 25.0), Unproven);
        assert_eq!(of(Some(5.0), 24.0, 1000, &pass, 50.0), Fail);
        assert_eq!(of(Some(5.0), 24.0, 1000, &pass, 30.0), Fail);
        assert_eq!(of(None, 24.0, 1000, &pass, 25.0), Unproven);
    }
    #[test]
    fn a_sample_with_misses_has_to_be_larger() {
        let pass = [check(Verdict::Pass)];
        let of = |delivered, ended| {
            let stage = Stage { percent: Some(5.0), hours: 24.0, ended, delivered, checks: &pass };
            promote(&stage, 25.0, &PromoteGate::default())
        };
        let (verdict, why) = of(96, 100);
        assert_eq!(verdict, Verdict::Unproven);
        assert_eq!(
            why,
            "96 of 100 deliveries accepted proves 90.2 % at 95 % confidence; 102 more, all accepted, would prove 95 %"
        );
        assert_eq!(
            (of(70, 73).0, of(198, 202).0, of(0, 0).0),
            (Verdict::Unproven, Verdict::Pass, Verdict::Unproven)
        );
    }
}
