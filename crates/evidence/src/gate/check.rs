//! One criterion, judged.

use crate::JsonSchema;
use serde::{Deserialize, Serialize};

/// The verdict of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The target is met.
    Pass,
    /// The target is missed.
    Fail,
    /// Undetermined.
    Unproven,
    /// The criterion is about something that did not happen in this run; it does not affect the verdict.
    NotExercised,
}

impl Verdict {
    /// The word in tables and artifacts.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Unproven => "unproven",
            Self::NotExercised => "not exercised",
        }
    }
}

/// An interval around a rate, in the unit of the check.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Interval {
    /// Lower bound.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
}

/// One criterion, judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Check {
    /// Stable name, for machines.
    pub id: String,
    /// For people.
    pub title: String,
    /// The target, for example `>= 95 %`.
    pub target: String,
    /// The measured figure in `unit`; null when there is none.
    pub actual: Option<f64>,
    /// `%`, `ms` or the things counted.
    pub unit: String,
    /// Sample size.
    pub n: u64,
    /// Wilson 95 % interval of a rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval_95: Option<Interval>,
    /// The answer.
    pub verdict: Verdict,
    /// The answer in words: what was seen, and what would settle it.
    pub text: String,
}

/// The verdict over all checks: fail before unproven before pass. No check at all is unproven.
#[must_use]
pub fn overall<'a>(checks: impl IntoIterator<Item = &'a Check>) -> Verdict {
    let mut verdict = None;
    for check in checks {
        verdict = match (verdict, check.verdict) {
            (Some(Verdict::Fail), _) | (_, Verdict::Fail) => Some(Verdict::Fail),
            (Some(Verdict::Unproven), _) | (_, Verdict::Unproven) => Some(Verdict::Unproven),
            (_, Verdict::Pass) => Some(Verdict::Pass),
            (before, Verdict::NotExercised) => before,
        };
    }
    verdict.unwrap_or(Verdict::Unproven)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(verdicts: &[Verdict]) -> Verdict {
        let checks: Vec<Check> = verdicts
            .iter()
            .map(|&verdict| Check {
                id: String::new(),
                title: String::new(),
                target: String::new(),
                actual: None,
                unit: String::new(),
                n: 0,
                interval_95: None,
                verdict,
                text: String::new(),
            })
            .collect();
        overall(&checks)
    }

    #[test]
    fn the_worst_answer_wins_and_nothing_is_never_a_pass() {
        use Verdict::{Fail, NotExercised, Pass, Unproven};
        assert_eq!(of(&[Pass, NotExercised, Pass]), Pass);
        assert_eq!(of(&[Pass, Unproven, Fail, Pass]), Fail);
        assert_eq!(of(&[Unproven, Pass]), Unproven);
        assert_eq!(of(&[NotExercised]), Unproven);
        assert_eq!(of(&[]), Unproven);
    }
}
