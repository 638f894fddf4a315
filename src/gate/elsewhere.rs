//! What cannot be proved when webhooks were read back from another machine: a latency that differs from its target by less
//! than the clocks do, and what came while nothing could be seen.

use super::check::{Check, Verdict};
use crate::journal::Gap;
use crate::pii::shown;

/// The checks that find fault with what did not come.
const ABSENCE: [&str; 3] = ["success_rate", "lost", "run_completed"];

/// A latency whose distance from its target is less than the uncertainty of two clocks proves nothing.
#[expect(clippy::cast_precision_loss, reason = "µs below 2^52")]
pub(super) fn within_uncertainty(uncertainty_us: Option<u64>, mut check: Check, limit: Option<f64>) -> Check {
    let uncertainty = uncertainty_us.map(|us| us as f64 / 1000.0);
    if let (Some(uncertainty), Some(actual), Some(limit)) = (uncertainty, check.actual, limit)
        && (actual - limit).abs() <= uncertainty
    {
        check.verdict = Verdict::Unproven;
        check.text = format!("{}; the clocks are known to {uncertainty:.1} ms only", check.text);
    }
    check
}

/// What was missing while nothing could be seen may have come all the same.
pub(super) fn unseen(gaps: &[Gap], checks: &mut [Check]) {
    let Some(first) = gaps.first() else { return };
    let blind: u128 = gaps.iter().map(|g| g.to.since(g.from).as_millis()).sum();
    for check in checks.iter_mut().filter(|c| ABSENCE.contains(&c.id.as_str())) {
        check.verdict = Verdict::Unproven;
        check.text = format!(
            "{}; webhooks could not be seen for {blind} ms, because {}",
            check.text,
            shown(&first.why)
        );
    }
}
