//! Lost webhooks, and what is not known of them: whose a webhook is that several flows or steps waited for, so that nothing but their
//! order says it, and what a circuit breaker dropped.

use super::check::{Check, Verdict};
use super::criteria::{DRIVEN_LATENCY_P50, DRIVEN_LATENCY_P95, LATENCY_P50, LATENCY_P95, LOST};
use super::rate::count;
use record::Tally;

fn interchangeable((organic, injected): (&Tally, &Tally)) -> u64 {
    organic.interchangeable + injected.interchangeable
}

/// Webhooks that were due and never came, `max` of them at most.
pub(super) fn lost((organic, injected): (&Tally, &Tally), max: u64) -> Check {
    let dropped = match organic.suppressed.saturating_sub(organic.unclear_suppressed) {
        0 => String::new(),
        n => format!("{n} more dropped by the sender's circuit breaker"),
    };
    let due = (organic.lost, organic.expected + injected.expected);
    told_apart((organic, injected), perhaps_dropped(organic, count(&LOST, due, max, &dropped)))
}

/// Lost and duplicate webhooks: one of each make up for each other.
pub(super) fn told_apart(tallies: (&Tally, &Tally), mut check: Check) -> Check {
    let n = interchangeable(tallies);
    if check.verdict == Verdict::Pass && n > 0 {
        check.verdict = Verdict::Unproven;
        check.text = format!(
            "{}; for {n} of them another flow or step was waiting, too, so that one lost and another sent twice would go \
             unnoticed: give their expectations a `match` on a value that only the flow has, or rows whose webhooks differ",
            check.text
        );
    }
    check
}

/// Of what never came while the breaker of some process may have been open nobody knows whether it was dropped.
fn perhaps_dropped(organic: &Tally, mut check: Check) -> Check {
    let n = organic.unclear_suppressed;
    if check.verdict == Verdict::Pass && n > 0 {
        check.verdict = Verdict::Unproven;
        check.text = format!(
            "{}; {n} more never arrived, and may have been dropped: where each of the sender's processes has a circuit breaker of its \
             own, successes that reach another one do not keep it closed; break fewer deliveries, or look into the sender's log",
            check.text
        );
    }
    check
}

/// Latencies: behind one that is lost, each webhook is taken for that of the flow before.
pub(super) fn behind_lost(tallies: (&Tally, &Tally), checks: &mut [Check]) {
    if tallies.0.lost == 0 || interchangeable(tallies) == 0 {
        return;
    }
    let rows = [LATENCY_P50, LATENCY_P95, DRIVEN_LATENCY_P50, DRIVEN_LATENCY_P95];
    let is_long =
        |check: &&mut Check| check.verdict == Verdict::Fail && rows.iter().any(|row| row.id == check.id);
    for check in checks.iter_mut().filter(is_long) {
        check.verdict = Verdict::Unproven;
        check.text.push_str(
            "; webhooks behind a lost one may have been taken for those of earlier flows, which look the same",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(organic: &Tally) -> Verdict {
        lost((organic, &Tally::default()), 0).verdict
    }

    /// Neither where nobody knows whose webhooks are, nor where the breaker of another process may have dropped them.
    #[test]
    fn what_nobody_knows_of_is_no_loss_and_no_pass() {
        let judged = |lost, interchangeable, unclear_suppressed| {
            verdict(&Tally { lost, interchangeable, unclear_suppressed, expected: 9, ..Tally::default() })
        };
        assert_eq!(judged(0, 0, 0), Verdict::Pass);
        assert_eq!([judged(0, 1, 0), judged(0, 0, 1)], [Verdict::Unproven; 2]);
        assert_eq!([judged(1, 1, 0), judged(1, 0, 1)], [Verdict::Fail; 2]);
    }

    #[test]
    fn latencies_behind_a_lost_webhook_that_looks_like_others_fail_nobody() {
        let judged = |lost, interchangeable, verdict| {
            let tally = Tally { lost, interchangeable, ..Tally::default() };
            let mut checks = [LATENCY_P50.check("< 1 ms", verdict, String::new())];
            behind_lost((&tally, &Tally::default()), &mut checks);
            checks[0].verdict
        };
        assert_eq!(judged(1, 1, Verdict::Fail), Verdict::Unproven);
        for (lost, interchangeable) in [(0, 1), (1, 0)] {
            assert_eq!(judged(lost, interchangeable, Verdict::Fail), Verdict::Fail);
        }
        assert_eq!(judged(1, 1, Verdict::Pass), Verdict::Pass);
    }
}
