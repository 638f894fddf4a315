//! What the verdicts amount to: a letter for each group and one for all.

use crate::JsonSchema;
use crate::case::Group;
use crate::judge::{CaseResult, CaseVerdict, Exchange};
use record::Right;
use serde::{Deserialize, Serialize};

/// Cases in which somebody without the secret gets something accepted: with one of them nothing else matters.
const SEVERE: [&str; 16] = [
    "no-signature",
    "empty-signature",
    "wrong-key",
    "empty-key",
    "guessable-key",
    "signature-prefix",
    "partly-right-signature",
    "changed-body",
    "changed-id",
    "changed-timestamp",
    "signature-of-another",
    "algorithm-swapped",
    "trusted-origin",
    "no-algorithm",
    "timing",
    "no-secret-in-answer",
];

/// A grade and what it counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Grade {
    /// `A` (all passed) to `F`; null if nothing failed but not everything could be determined.
    pub grade: Option<char>,
    /// Cases that passed.
    pub pass: u64,
    /// Cases that failed.
    pub fail: u64,
    /// Cases that could not be judged.
    pub unproven: u64,
    /// Cases that do not apply to this sender or this probe.
    pub not_exercised: u64,
}

impl Grade {
    /// The letter, or a dash.
    #[must_use]
    pub fn letter(&self) -> char {
        self.grade.unwrap_or('-')
    }
}

/// The grade of a group; none when none of its cases was asked for.
#[must_use]
pub fn grade_of(group: Group, cases: &[CaseResult]) -> Option<Grade> {
    let of: Vec<&CaseResult> = cases.iter().filter(|case| case.group == group).collect();
    (!of.is_empty()).then(|| counted(&of))
}

/// The grade of all: the worst of the groups.
#[must_use]
pub fn grade(cases: &[CaseResult]) -> Grade {
    let mut all = counted(&cases.iter().collect::<Vec<_>>());
    let groups: Vec<Grade> = Group::ALL.iter().filter_map(|group| grade_of(*group, cases)).collect();
    let worst = groups.iter().filter_map(|group| group.grade).max();
    let open = groups.iter().any(|group| group.grade.is_none() && group.unproven > 0);
    all.grade = if open && all.fail == 0 { None } else { worst };
    all
}

/// Whether somebody without the secret got something accepted.
fn is_severe(case: &CaseResult) -> bool {
    let unsigned = |e: &Exchange| {
        let refused = matches!(e.right, Right::RefusedAndHandled | Right::RefusedEarly);
        refused && e.came.starts_with('2')
    };
    // Each answer was right, so that it failed by what was done.
    let processed = case.exchanges.iter().all(|e| e.verdict != CaseVerdict::Fail);
    SEVERE.contains(&case.id.as_str())
        || case.group == Group::Robustness && (processed || case.exchanges.iter().any(unsigned))
}

fn counted(cases: &[&CaseResult]) -> Grade {
    let count = |verdict| cases.iter().filter(|case| case.verdict == verdict).count() as u64;
    let (pass, fail) = (count(CaseVerdict::Pass), count(CaseVerdict::Fail));
    let (unproven, not_exercised) = (count(CaseVerdict::Unproven), count(CaseVerdict::NotExercised));
    let severe = cases.iter().any(|case| case.verdict == CaseVerdict::Fail && is_severe(case));
    let grade = match (fail, fail * 100) {
        (0, _) if unproven > 0 || pass == 0 => None,
        (0, _) => Some('A'),
        _ if severe => Some('F'),
        (_, share) if share <= 10 * (pass + fail) => Some('B'),
        (_, share) if share <= 25 * (pass + fail) => Some('C'),
        (_, share) if share <= 50 * (pass + fail) => Some('D'),
        _ => Some('F'),
    };
    Grade { grade, pass, fail, unproven, not_exercised }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(id: &str, group: Group, verdict: CaseVerdict) -> CaseResult {
        CaseResult {
            id: id.to_owned(),
            group,
            title: String::new(),
            why: String::new(),
            verdict,
            text: String::new(),
            exchanges: Vec::new(),
            figures: std::collections::BTreeMap::new(),
        }
    }

    #[test]
    fn the_best_grade_takes_everything_and_one_forgery_spoils_it() {
        use CaseVerdict::{Fail, NotExercised, Pass, Unproven};
        use Group::{Baseline, Forgery, RawBody};
        let mut cases = vec![
            case("valid", Baseline, Pass),
            case("wrong-key", Forgery, Pass),
            case("x", RawBody, NotExercised),
        ];
        assert_eq!(grade(&cases).grade, Some('A'));
        cases.push(case("escaped", RawBody, Unproven));
        assert_eq!(grade(&cases).grade, None, "not everything could be told");
        cases.push(case("stale-1h", Forgery, Fail));
        assert_eq!((grade(&cases).grade, grade(&cases).fail), (Some('D'), 1));
        cases.push(case("empty-key", Forgery, Fail));
        assert_eq!(grade(&cases).grade, Some('F'));
        assert_eq!(grade_of(Group::Behaviour, &cases), None);
        assert_eq!(grade(&[case("valid", Baseline, Unproven)]).letter(), '-');
    }
}
