//! Attempts that nothing says the end of: in a window only deliveries that have ended count, and whoever takes the end of one out of
//! the journal takes it out of every rate.

use super::judgement::{Item, evidence};
use super::proof::Proof;
use crate::gate::Verdict;
use record::RunKind;
use std::time::Duration;

/// What came so shortly before the end may be under way when it is written.
const UNDER_WAY: Duration = Duration::from_secs(2);

/// Nothing where each attempt has an end, as in any whole journal of one process.
pub(super) fn item(proof: &Proof) -> Option<Item> {
    let analysis = &proof.evidence.analysis;
    if !matches!(analysis.header.kind, RunKind::Observe | RunKind::Receive) {
        return None;
    }
    let end = analysis.watched_until();
    let (mut all, mut open) = (0, 0);
    for delivery in analysis.own() {
        for attempt in delivery.tries.iter().chain(&delivery.after_acceptance) {
            all += 1;
            open += u64::from(attempt.end.is_none() && attempt.first_byte.plus(UNDER_WAY) < end);
        }
    }
    (open > 0).then(|| {
        let figure = format!(
            "{open} of {all} attempts have none: the receiver was stopped meanwhile, or what they were answered was left out, \
             and with it their deliveries"
        );
        evidence("unended", "Ends of attempts", Verdict::Unproven, figure, "journal")
    })
}
