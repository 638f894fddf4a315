//! Attempts that nothing says the end of: in a window only deliveries that have ended count, and whoever takes the end of one out of
//! the journal takes it out of every rate.

use super::consistency::UNDER_WAY;
use super::judgement::{Item, evidence};
use super::proof::Proof;
use crate::gate::Verdict;
use record::RunKind;
use std::time::Duration;

/// Nothing where each attempt has an end, as in any whole journal of one process.
pub(super) fn item(proof: &Proof) -> Option<Item> {
    let analysis = &proof.evidence.analysis;
    if !matches!(analysis.header.kind, RunKind::Observe | RunKind::Receive) {
        return None;
    }
    let end = analysis.watched_until();
    // A sender waits for an answer as long as this.
    let longest = Duration::from_millis(analysis.header.webhook.timeout_ms);
    let (mut all, mut open, mut waited_for) = (0, 0, 0);
    for delivery in analysis.own() {
        for attempt in delivery.tries.iter().chain(&delivery.after_acceptance) {
            all += 1;
            let is_open = attempt.end.is_none() && attempt.first_byte.plus(UNDER_WAY) < end;
            open += u64::from(is_open);
            waited_for += u64::from(is_open && attempt.first_byte.plus(longest) >= end);
        }
    }
    (open > 0).then(|| {
        let why = if waited_for == open {
            "they were still waiting for a response when it ended"
        } else {
            "the receiver was stopped meanwhile"
        };
        let figure = format!(
            "{open} of {all} attempts have none: {why}, or what they were answered was left out, and with it their deliveries"
        );
        evidence("unended", "Ends of attempts", Verdict::Unproven, figure, "journal")
    })
}
