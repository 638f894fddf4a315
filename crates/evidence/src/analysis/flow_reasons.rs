//! Why flows are not as they should be, a sentence for each.

use super::cases::{Case, too_late};
use super::steps::KEPT_FLOWS;
use super::{Absence, Analysis, Expectation, Lost};
use std::collections::BTreeMap;

/// Why a flow is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowReason {
    pub text: String,
    /// Whether it went wrong; what may still come, or may have been dropped by the sender's circuit breaker, shows nothing yet.
    pub is_failure: bool,
}

/// What is wrong with each of the first flows that went wrong: one reason each.
#[must_use]
pub fn flow_reasons(analysis: &Analysis) -> BTreeMap<u32, FlowReason> {
    let failed = analysis.steps.first_failed.iter();
    let failed = failed.map(|(flow, text)| (*flow, FlowReason { text: text.clone(), is_failure: true }));
    let mut reasons: BTreeMap<u32, FlowReason> = failed.collect();
    let lost = Lost::new(analysis);
    for (index, asked) in analysis.expectations().enumerate() {
        if reasons.len() >= KEPT_FLOWS || reasons.contains_key(&asked.flow) {
            continue;
        }
        let absence = (asked.missing() > 0).then(|| lost.absence(&asked));
        let case = match absence {
            Some(absence) => Some(missing(analysis, (index, &asked), absence)),
            None => arrived(analysis, &asked),
        };
        let Some(case) = case else { continue };
        let is_failure = absence.is_none_or(|absence| absence == Absence::Lost);
        reasons.insert(asked.flow, FlowReason { text: case.sentence(), is_failure });
    }
    reasons
}

/// What never came.
fn missing(analysis: &Analysis, (index, asked): (usize, &Expectation<'_>), absence: Absence) -> Case {
    let what = match absence {
        Absence::Lost => return Case::of_a_lost(analysis, (index, asked), asked.missing().into()),
        Absence::Pending => "has not arrived: still due",
        Absence::Swallowed | Absence::PerhapsSwallowed => {
            "has not arrived: the sender's circuit breaker dropped it, or may have"
        }
    };
    Case::of_a_step(analysis, asked, what.to_owned())
}

/// What is wrong with what came, if anything.
fn arrived(analysis: &Analysis, asked: &Expectation<'_>) -> Option<Case> {
    let delivered = || asked.by().filter_map(|index| analysis.deliveries.get(index));
    if let Some(refused) = delivered().find(|delivery| delivery.accepted().is_none()) {
        let what = "arrived, but no attempt was accepted".to_owned();
        return Some(Case::of_a_delivery(analysis, &refused, what));
    }
    if asked.has_surplus() {
        let what = match asked.count {
            0 => "arrived, although the step forbids it (count: 0)".to_owned(),
            count => format!("arrived more often than the {count} the step expects"),
        };
        return Some(Case::of_a_step(analysis, asked, what));
    }
    let (what, late) =
        delivered().find_map(|delivery| Some((too_late(analysis, asked, &delivery)?, delivery)))?;
    Some(Case::of_a_late(analysis, &late, what))
}
