//! Whether the evidence of one canary stage allows the next: 5 -> 25 -> 50 -> 100 percent.

use super::check::{Check, Verdict, overall};
use super::interval::clean_samples_for_rate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The stages of a canary, percent (CONTRACT.md section 6, runbook A).
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
    pub deliveries: u64,
    /// Its gates, judged.
    pub checks: &'c [Check],
}

/// Whether the stage with share `to` may begin, and why.
#[must_use]
pub fn promote(stage: &Stage<'_>, to: f64, gate: &PromoteGate) -> (Verdict, String) {
    let same = |a: f64, b: f64| (a - b).abs() < 1e-9;
    let Some(at) = STAGES.iter().position(|s| same(*s, to)) else {
        return (Verdict::Fail, format!("{to} % is no stage; the stages are 5, 25, 50 and 100 %"));
    };
    let Some(before) = at.checked_sub(1).and_then(|n| STAGES.get(n)) else {
        return (Verdict::Unproven, "5 % is the first stage: no canary comes before it".to_owned());
    };
    match stage.percent {
        None => return (Verdict::Unproven, "the window is not labelled with a stage (--stage)".to_owned()),
        Some(percent) if !same(percent, *before) => {
            return (Verdict::Fail, format!("{to} % follows {before} %, and the evidence is of {percent} %"));
        }
        Some(_) => {}
    }
    let needed = clean_samples_for_rate(gate.proves_percent / 100.0).unwrap_or(u64::MAX);
    match overall(stage.checks) {
        Verdict::Fail => (Verdict::Fail, "a gate of the stage failed".to_owned()),
        _ if stage.hours < gate.hours => {
            (Verdict::Unproven, format!("watched for {:.1} h of {} h", stage.hours, gate.hours))
        }
        _ if stage.deliveries < needed => (
            Verdict::Unproven,
            format!(
                "{} deliveries; {needed} are needed to prove {} %",
                stage.deliveries, gate.proves_percent
            ),
        ),
        Verdict::Pass => (
            Verdict::Pass,
            format!("{before} % held for {:.1} h with {} deliveries", stage.hours, stage.deliveries),
        ),
        _ => (Verdict::Unproven, "a gate of the stage is unproven".to_owned()),
    }
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
        let of = |percent, hours, deliveries, checks: &[Check], to| {
            promote(&Stage { percent, hours, deliveries, checks }, to, &PromoteGate::default()).0
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
}
