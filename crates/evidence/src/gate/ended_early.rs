//! What a run that was ended early leaves open.

use super::check::{Check, Verdict};
use super::criteria::Criterion;
use pii::shown;
use record::EndedEarly;

/// What of these failed is unproven, since the run was ended early.
pub(super) fn unprove(early: &EndedEarly, spoiled: &[Criterion], checks: &mut [Check]) {
    let is_spoiled = |check: &Check| spoiled.iter().any(|row| row.id == check.id);
    for check in checks.iter_mut().filter(|check| check.verdict == Verdict::Fail && is_spoiled(check)) {
        check.verdict = Verdict::Unproven;
        check.text = format!("the run was ended early: {}", shown(&early.text.replace('\n', ". ")));
    }
}
