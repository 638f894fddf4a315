//! What never came: lost, still due, or dropped by the sender's circuit breaker.

use super::breaker::Breaker;
use super::expected::Expectation;
use super::fold::Analysis;

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

    /// Whether a webhook that has not come may still be in time.
    pub(crate) fn is_pending(&self, asked: &Expectation<'_>) -> bool {
        !self.complete && asked.deadline() > self.analysis.latest
    }

    /// Whether the sender's breaker may have dropped it.
    pub(crate) fn is_swallowed(&self, asked: &Expectation<'_>) -> bool {
        self.breaker.swallows(self.analysis.header.retry.breaker, asked.at)
    }

    /// Whether that of another of its processes may have dropped it, which is not seen from here.
    pub(crate) fn may_be_swallowed(&self, asked: &Expectation<'_>) -> bool {
        self.breaker.may_swallow(self.analysis.header.retry.breaker, asked.at)
    }

    pub(super) fn missing(&self, asked: &Expectation<'_>) -> u64 {
        match u64::from(asked.missing()) {
            0 => 0,
            _ if self.is_pending(asked) || self.is_swallowed(asked) || self.may_be_swallowed(asked) => 0,
            missing => missing,
        }
    }
}
