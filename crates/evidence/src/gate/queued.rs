//! Latencies of a sender that works on one webhook after the other, in a run that breaks some of them on purpose.

use super::Gates;
use super::check::{Check, Verdict};
use super::criteria::{LATENCY_P50, LATENCY_P95};
use super::judge::percentiles;
use crate::analysis::Analysis;
use record::Tick;
use record::latency::Latency;

/// A delivery has waited behind a broken one when it came after its end, and so much of its latency, in percent, was before that.
const MOST: u128 = 80;

/// Unbroken deliveries that came only when a broken one had been given up or retried say how long that took, and not how fast the
/// sender is: a latency that is too high because of them alone is unproven.
pub(super) fn behind_broken(
    analysis: &Analysis,
    gates: &Gates,
    uncertainty_us: Option<u64>,
    checks: &mut [Check],
) {
    let is_slow = |check: &Check| {
        [LATENCY_P50.id, LATENCY_P95.id].contains(&check.id.as_str()) && check.verdict == Verdict::Fail
    };
    let mut ends: Vec<Tick> = analysis.own().filter(|d| d.injected()).map(|d| d.last_seen()).collect();
    if ends.is_empty() || !checks.iter().any(is_slow) {
        return;
    }
    ends.sort_unstable();
    let (mut waited, mut n, mut others) = (0u64, 0u64, Latency::default());
    for asked in analysis.expectations() {
        let came = asked.by().filter_map(|index| analysis.deliveries.get(index)).filter(|d| !d.injected());
        for (delivery, latency) in came.filter_map(|d| analysis.latency(&d).map(|latency| (d, latency))) {
            n += 1;
            if has_waited((asked.at, delivery.first_byte()), &ends) {
                waited += 1;
            } else {
                others.record(latency);
            }
        }
    }
    if waited == 0 {
        return;
    }
    let again = percentiles(gates, &others, uncertainty_us, [LATENCY_P50, LATENCY_P95]);
    for check in checks.iter_mut().filter(|check| is_slow(check)) {
        if again.iter().any(|other| other.id == check.id && other.verdict == Verdict::Fail) {
            continue;
        }
        check.verdict = Verdict::Unproven;
        check.text = format!(
            "{waited} of {n} deliveries came only when one that was broken on purpose had ended: the sender works on one after the other; a \
             run without faults shows its latency ({})",
            check.text
        );
    }
}

/// `ends`: of the broken deliveries, in order.
fn has_waited((asked, came): (Tick, Tick), ends: &[Tick]) -> bool {
    let latest = ends.partition_point(|end| *end <= came).checked_sub(1).and_then(|at| ends.get(at));
    latest.is_some_and(|end| {
        *end > asked && end.since(asked).as_micros() * 100 >= came.since(asked).as_micros() * MOST
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_came_behind_the_end_of_a_broken_one_has_waited_for_it() {
        let ends = [Tick(1_000), Tick(6_000_000)];
        for (asked, came, wanted) in [
            (0, 6_010_000, true),
            (0, 5_900_000, false),
            (6_000_000, 6_010_000, false),
            // It took as long again afterwards.
            (0, 12_000_000, false),
            (0, 900, false),
        ] {
            assert_eq!(has_waited((Tick(asked), Tick(came)), &ends), wanted, "{asked} {came}");
        }
    }
}
