//! What never came: lost, still due, or dropped by the sender's circuit breaker.

use super::breaker::Breaker;
use super::expected::Expectation;
use super::fold::Analysis;

/// Why a webhook that was due has not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Absence {
    /// It may still be in time.
    Pending,
    /// The sender's circuit breaker was open.
    Swallowed,
    /// That of another of its processes may have been, which is not seen from here.
    PerhapsSwallowed,
    Lost,
}

/// Tells what is lost from what is still due and from what the sender's circuit breaker swallowed.
pub(crate) struct Lost<'a> {
    analysis: &'a Analysis,
    breaker: Breaker,
    complete: bool,
}

impl<'a> Lost<'a> {
    pub(crate) fn new(analysis: &'a Analysis) -> Self {
        // A trigger ends a window while webhooks may still come.
        let ended = analysis.end.as_ref().is_some_and(|end| end.complete);
        let complete = ended && analysis.header.kind != record::RunKind::Observe;
        Self { analysis, breaker: Breaker::of(analysis), complete }
    }

    /// Why what an expectation waits for has not come.
    pub(crate) fn absence(&self, asked: &Expectation<'_>) -> Absence {
        let contract = self.analysis.header.retry.breaker;
        if !self.complete && asked.deadline() > self.analysis.latest {
            Absence::Pending
        } else if self.breaker.swallows(contract, asked.at) {
            Absence::Swallowed
        } else if self.breaker.may_swallow(contract, asked.at) {
            Absence::PerhapsSwallowed
        } else {
            Absence::Lost
        }
    }

    /// How many of them are lost.
    pub(super) fn missing(&self, asked: &Expectation<'_>) -> u64 {
        match asked.missing() {
            missing if missing > 0 && self.absence(asked) == Absence::Lost => missing.into(),
            _ => 0,
        }
    }
}
