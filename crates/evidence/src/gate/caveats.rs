//! What cannot be proved of what was not seen: a latency that differs from its target by less than two clocks do, what came
//! while nothing could be seen, a text that could not be read, requests that were refused.

use super::check::{Check, Verdict};
use super::criteria::{Criterion, LOST, RUN_COMPLETED, SUCCESS_RATE};
use crate::analysis::TOO_LARGE;
use crate::figure::counted;
use pii::shown;
use record::{Gap, Tick};
use std::collections::BTreeMap;
use std::time::Duration;

/// The checks that find fault with what did not come.
const ABSENCE: [Criterion; 3] = [SUCCESS_RATE, LOST, RUN_COMPLETED];

/// A latency whose distance from its target is less than the uncertainty of two clocks proves nothing.
#[expect(clippy::cast_precision_loss, reason = "µs below 2^52")]
pub(super) fn within_uncertainty(uncertainty_us: Option<u64>, mut check: Check, limit: Option<f64>) -> Check {
    let uncertainty = uncertainty_us.map(|us| us as f64 / 1000.0);
    if let (Some(uncertainty), Some(actual), Some(limit)) = (uncertainty, check.actual, limit)
        && (actual - limit).abs() <= uncertainty
    {
        check.verdict = Verdict::Unproven;
        check.text = format!("{}; the clocks are only known to within {uncertainty:.1} ms", check.text);
    }
    check
}

/// What could not be read as text may hold anything.
pub(super) fn unread(bodies: u64, mut check: Check) -> Check {
    if bodies > 0 {
        check.text = format!(
            "{}; {bodies} could not be read completely (unknown content coding or character encoding, or too large \
             unpacked): have them sent as uncompressed UTF-8",
            check.text
        );
        if check.verdict == Verdict::Pass {
            check.verdict = Verdict::Unproven;
        }
    }
    check
}

/// Most headers of proxies that are told.
const TOLD: usize = 3;

/// An address that a header of proxies says in every webhook may be the sender's own, and a user's.
pub(super) fn forwarded(said: &BTreeMap<String, u64>, mut check: Check) -> Check {
    let Some(n) = said.values().next() else { return check };
    let mut headers: Vec<&str> = said.keys().filter_map(|one| one.split(' ').next()).collect();
    headers.dedup();
    headers.truncate(TOLD);
    let each: Vec<&str> = said.keys().take(TOLD).map(String::as_str).collect();
    check.text = format!(
        "{}; {} in {}: a proxy in front of the receiver writes the sender's own address there, but a sender might write a user's: \
         compare it with the sender's. If it is the sender's, have the proxy drop the header, or allow it in the scenario \
         (`pii: {{ allow_paths: [{}] }}`)",
        check.text,
        shown(&each.join(", ")),
        if *n == 1 { "the one webhook".to_owned() } else { format!("all {n} webhooks") },
        shown(&headers.join(", "))
    );
    if check.verdict == Verdict::Pass {
        check.verdict = Verdict::Unproven;
    }
    check
}

/// Requests that were refused as no webhooks may have been webhooks: a rate of 4xx that they would spoil proves nothing.
#[expect(clippy::cast_precision_loss, reason = "counts below 2^52")]
pub(super) fn refused(requests: &BTreeMap<u16, u64>, mut check: Check, below_percent: f64) -> Check {
    let n: u64 = requests.iter().filter(|(status, _)| (400..500).contains(*status)).map(|(_, n)| n).sum();
    if n == 0 {
        return check;
    }
    let each: Vec<String> = requests.iter().map(|(status, n)| format!("{status}: {n}")).collect();
    check.text =
        format!("{}; {n} more requests were refused as not being webhooks ({})", check.text, each.join(", "));
    let hits = check.actual.unwrap_or(0.0) / 100.0 * check.n as f64 + n as f64;
    if check.verdict == Verdict::Pass && hits / (check.n + n) as f64 * 100.0 >= below_percent {
        check.verdict = Verdict::Unproven;
    }
    check
}

/// Webhooks of which none is lost for certain: as many requests or more were too large for the receiver, and may have been these.
pub(super) fn too_large(requests: &BTreeMap<u16, u64>, lost: u64, checks: &mut [Check]) {
    let refused = requests.get(&TOO_LARGE).copied().unwrap_or(0);
    if lost == 0 || refused < lost {
        return;
    }
    let spoiled = |check: &&mut Check| [LOST, SUCCESS_RATE].iter().any(|row| row.id == check.id);
    for check in checks.iter_mut().filter(spoiled).filter(|check| check.verdict == Verdict::Fail) {
        check.verdict = Verdict::Unproven;
        check.text = format!(
            "{}; but {} exceeded the receiver's size limit (answered with {TOO_LARGE}) and may be the missing ones: receive \
             them with `smoke receive --max-body BYTES` and read them back (--inbox), or have smaller webhooks sent",
            check.text,
            counted(refused, "requests")
        );
    }
}

/// What was accepted without being verified is not known to be the sender's: the approver, who has the secret, judges it.
pub(super) fn unchecked(attempts: u64, blind: bool, mut check: Check) -> Check {
    if attempts > 0 {
        if check.verdict == Verdict::Pass {
            check.verdict = Verdict::Unproven;
        }
        let why = if blind {
            "because the run had no secret:"
        } else {
            "because the receiver they were read back from has none: give it this run's secret, or"
        };
        check.text = format!(
            "{}; {attempts} signatures were not checked, {why} `smoke gate --secret-file` judges them",
            check.text
        );
    }
    check
}

/// What was missing while nothing could be seen may have come all the same.
pub(super) fn caveats(gaps: &[Gap], checks: &mut [Check]) {
    let Some(first) = gaps.first() else { return };
    let blind = blind(gaps).as_millis();
    for check in checks.iter_mut().filter(|c| ABSENCE.iter().any(|row| row.id == c.id)) {
        check.verdict = Verdict::Unproven;
        check.text = format!(
            "{}; webhooks could not be seen for {blind} ms, because {}",
            check.text,
            shown(&first.why)
        );
    }
}

/// For how long something could not be seen: a receiver and whoever reads it may both tell of the same time.
fn blind(gaps: &[Gap]) -> Duration {
    let mut gaps: Vec<(Tick, Tick)> = gaps.iter().map(|gap| (gap.from, gap.to)).collect();
    gaps.sort_unstable();
    let (mut blind, mut until) = (Duration::ZERO, Tick(0));
    for (from, to) in gaps {
        blind += to.since(from.max(until));
        until = until.max(to);
    }
    blind
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_two_tell_of_counts_once() {
        let gap = |(from, to)| Gap { from: Tick(from), to: Tick(to), why: String::new() };
        for (gaps, us) in [
            (vec![(10, 30)], 20),
            (vec![(10, 30), (40, 50)], 30),
            (vec![(20, 40), (10, 30)], 30),
            (vec![(10, 50), (20, 30), (45, 60)], 50),
        ] {
            let gaps: Vec<Gap> = gaps.into_iter().map(gap).collect();
            assert_eq!(blind(&gaps), Duration::from_micros(us), "{gaps:?}");
        }
    }
}
