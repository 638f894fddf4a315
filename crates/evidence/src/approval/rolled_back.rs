//! Commands that a window ran for triggers which its journal does not show to have fired.

use super::judgement::{Item, evidence};
use super::proof::Proof;
use crate::gate::{Verdict, triggers};
use pii::shown;

/// Nothing where no command was run.
pub(super) fn item(proof: &Proof) -> Option<Item> {
    let analysis = &proof.evidence.analysis;
    let hooks = &analysis.watched.hooks;
    let first = hooks.first()?;
    let fired = triggers(analysis, &proof.evidence.gates);
    let unseen = hooks.iter().find(|hook| fired.iter().all(|trigger| trigger.id != hook.trigger));
    let (verdict, figure) = match unseen {
        None => (Verdict::Pass, format!("run for {}, which fired", shown(&first.trigger))),
        Some(hook) => (
            Verdict::Unproven,
            format!(
                "run for {}, which by the end of the window has not fired: it was over by then, or what fired it was left out",
                shown(&hook.trigger)
            ),
        ),
    };
    Some(evidence("rolled_back", "Command of --on-rollback", verdict, figure, "journal"))
}
