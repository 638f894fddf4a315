//! Checks of rates, counts and percentiles.

use super::check::{Check, Interval, Verdict};
use super::config::{Confidence, Gates};
use super::criteria::Criterion;
use super::interval::{clean_samples_for_rate, more_samples_for_rate, wilson};
use crate::figure::counted;
use crate::figure::milliseconds;
use record::latency::Latency;
use std::time::Duration;

/// Which side of the target is good.
#[derive(Debug, Clone, Copy)]
pub(super) enum Side {
    AtLeast,
    Below,
}

/// A rate of `hits` in `n` against a target in percent.
#[expect(clippy::cast_precision_loss, reason = "counts below 2^52")]
pub(super) fn rate(gates: &Gates, of: &Criterion, (hits, n): (u64, u64), side: Side, target: f64) -> Check {
    let actual = (n > 0).then(|| hits as f64 / n as f64 * 100.0);
    let interval = wilson(hits, n).map(|(low, high)| Interval { low: low * 100.0, high: high * 100.0 });
    let met = actual.is_some_and(|a| meets(a, side, target));
    let bound = interval.map(|i| if matches!(side, Side::AtLeast) { i.low } else { i.high });
    let shown = bound.is_some_and(|b| meets(b, side, target)) || target >= 100.0;
    let verdict = verdict(n, met, proven(gates, n, shown));
    let (share, good) = match side {
        Side::AtLeast => (target / 100.0, hits),
        Side::Below => (1.0 - target / 100.0, n.saturating_sub(hits)),
    };
    let target = format!("{} {target} %", if matches!(side, Side::AtLeast) { ">=" } else { "<" });
    let open = verdict != Verdict::Fail && !shown;
    let needed =
        too_few(gates, n).or_else(|| open.then(|| would_prove((good, n), share, "clean samples"))?);
    let seen =
        if n == 0 { format!("no samples: {}", of.things) } else { format!("{hits} of {}", things(of, n)) };
    let text = seen + &needed.unwrap_or_default();
    Check {
        actual: actual.map(round3),
        n,
        interval_95: interval.map(|i| Interval { low: round3(i.low), high: round3(i.high) }),
        ..of.check(target, verdict, text)
    }
}

/// A number of what is counted.
fn things(of: &Criterion, n: u64) -> String {
    let (things, rest) = of.things.split_once(' ').unwrap_or((of.things, ""));
    let rest = if n == 1 { rest.replace(" were ", " was ") } else { rest.to_owned() };
    format!("{} {rest}", counted(n, things)).trim_end().to_owned()
}

/// That the gates ask for more samples than these; `None` where they do not, or nothing came at all.
fn too_few(gates: &Gates, n: u64) -> Option<String> {
    let short = (1..gates.min_samples).contains(&n);
    short.then(|| format!("; the gates ask for at least {} samples (min_samples)", gates.min_samples))
}

/// How many samples would settle what is met so far and not proven: in all, or beyond those with misses among them.
fn would_prove((good, n): (u64, u64), share: f64, samples: &str) -> Option<String> {
    let needed = if good == n {
        format!("{} {samples}", clean_samples_for_rate(share)?)
    } else {
        format!("{} more {samples}", more_samples_for_rate(good, n, share)?)
    };
    Some(format!("; {needed} would prove it at 95 % confidence"))
}

/// A count that may be at most `max`, seen among `n`.
#[expect(clippy::cast_precision_loss, reason = "counts below 2^52")]
pub(super) fn count(of: &Criterion, (count, n): (u64, u64), max: u64, detail: &str) -> Check {
    let verdict = match (count <= max, n) {
        (false, _) => Verdict::Fail,
        (true, 0) => Verdict::Unproven,
        (true, _) => Verdict::Pass,
    };
    let text = if n == 0 && count == 0 {
        format!("nothing to look at: no {}", of.things)
    } else {
        format!("{count} in {}{}{detail}", things(of, n), if detail.is_empty() { "" } else { ": " })
    };
    let target = if max == 0 { "0".to_owned() } else { format!("<= {max}") };
    Check { actual: (n > 0 || count > 0).then_some(count as f64), n, ..of.check(target, verdict, text) }
}

/// A percentile of a latency against a limit in milliseconds.
#[expect(clippy::cast_precision_loss, reason = "µs below 2^52")]
pub(super) fn percentile(
    gates: &Gates,
    of: &Criterion,
    latency: &Latency,
    percent: f64,
    limit_ms: f64,
) -> Check {
    let n = latency.count();
    let actual = latency.percentile_us(percent).map(|us| us as f64 / 1000.0);
    let below = latency.count_below(Duration::try_from_secs_f64(limit_ms / 1000.0).unwrap_or(Duration::MAX));
    // "p95 below the limit" is the claim that at least 95 % of deliveries are below it.
    let share = percent / 100.0;
    let bound = wilson(below, n).is_some_and(|(low, _)| low >= share);
    let seen = match (actual, latency.max_us()) {
        (Some(p), Some(max)) => {
            let (p, max) = (milliseconds(p), milliseconds(max as f64 / 1000.0));
            format!("p{percent} of {n} {} is {p}; the slowest took {max}", of.things)
        }
        _ => format!("no samples: {}", of.things),
    };
    let verdict = verdict(n, actual.is_some_and(|a| a < limit_ms), proven(gates, n, bound));
    let open = verdict != Verdict::Fail && !bound;
    let needed = too_few(gates, n)
        .or_else(|| open.then(|| would_prove((below, n), share, "samples below the limit"))?);
    let text = seen + &needed.unwrap_or_default();
    Check { actual: actual.map(round3), n, ..of.check(format!("< {limit_ms} ms"), verdict, text) }
}

fn meets(actual: f64, side: Side, target: f64) -> bool {
    match side {
        Side::AtLeast => actual >= target,
        Side::Below => actual < target,
    }
}

/// Whether a met target counts as proven: enough samples, and the bound where confidence is asked for.
fn proven(gates: &Gates, n: u64, bound_meets: bool) -> bool {
    n >= gates.min_samples.max(1) && (gates.confidence_percent != Some(Confidence) || bound_meets)
}

fn verdict(n: u64, met: bool, proven: bool) -> Verdict {
    match (n, met, proven) {
        (0, ..) | (_, true, false) => Verdict::Unproven,
        (_, false, _) => Verdict::Fail,
        (_, true, true) => Verdict::Pass,
    }
}

/// Rounded to three decimals, so that artifacts are readable and stable.
fn round3(x: f64) -> f64 {
    (x * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const LABEL: &Criterion =
        &Criterion { id: "x", title: "X", things: "things", unit: "things", kinds: &[] };

    fn sure() -> Gates {
        Gates { confidence_percent: Some(Confidence), ..Gates::default() }
    }

    #[test]
    fn rates_pass_fail_and_stay_unproven() {
        let of = |gates: &Gates, hits, n| rate(gates, LABEL, (hits, n), Side::AtLeast, 95.0).verdict;
        let guide = Gates::default();
        assert_eq!(of(&guide, 10, 10), Verdict::Pass);
        assert_eq!(of(&guide, 9, 10), Verdict::Fail);
        assert_eq!(of(&guide, 0, 0), Verdict::Unproven);
        assert_eq!(of(&sure(), 10, 10), Verdict::Unproven);
        assert_eq!(of(&sure(), 73, 73), Verdict::Pass);
        assert_eq!(of(&sure(), 0, 10), Verdict::Fail);
        assert_eq!(of(&Gates { min_samples: 11, ..Gates::default() }, 10, 10), Verdict::Unproven);
        let below = |gates: &Gates, hits, n| rate(gates, LABEL, (hits, n), Side::Below, 20.0).verdict;
        assert_eq!((below(&guide, 1, 10), below(&guide, 2, 10)), (Verdict::Pass, Verdict::Fail));
        assert_eq!((below(&sure(), 0, 10), below(&sure(), 0, 16)), (Verdict::Unproven, Verdict::Pass));
    }

    #[test]
    fn the_text_says_how_many_samples_would_settle_it() {
        let check = rate(&Gates::default(), LABEL, (10, 10), Side::AtLeast, 95.0);
        assert_eq!(check.text, "10 of 10 things; 73 clean samples would prove it at 95 % confidence");
        assert_eq!(check.interval_95, Some(Interval { low: 72.247, high: 100.0 }));
        let all = rate(&sure(), LABEL, (10, 10), Side::AtLeast, 100.0);
        assert_eq!((all.verdict, all.text.as_str()), (Verdict::Pass, "10 of 10 things"));
        let text = |hits, n| rate(&Gates::default(), LABEL, (hits, n), Side::AtLeast, 95.0).text;
        assert_eq!(text(73, 73), "73 of 73 things");
        assert_eq!(
            text(99, 100),
            "99 of 100 things; 10 more clean samples would prove it at 95 % confidence"
        );
        assert_eq!(text(9, 10), "9 of 10 things");
        let few = rate(&Gates { min_samples: 100, ..Gates::default() }, LABEL, (80, 80), Side::AtLeast, 95.0);
        let told = "80 of 80 things; the gates ask for at least 100 samples (min_samples)";
        assert_eq!((few.verdict, few.text.as_str()), (Verdict::Unproven, told));
        let one = |things| super::things(&Criterion { things, ..*LABEL }, 1);
        assert_eq!(one("webhooks due were accepted"), "1 webhook due was accepted");
        assert_eq!(one("attempts answered with 4xx"), "1 attempt answered with 4xx");
    }

    #[test]
    fn counts_pass_fail_and_stay_unproven() {
        let of = |count_: u64, n| count(LABEL, (count_, n), 0, "").verdict;
        assert_eq!(
            (of(0, 5), of(1, 5), of(0, 0), of(1, 0)),
            (Verdict::Pass, Verdict::Fail, Verdict::Unproven, Verdict::Fail)
        );
    }

    #[test]
    fn percentiles_pass_fail_and_stay_unproven() {
        let mut latency = Latency::new();
        let of = |gates: &Gates, latency: &Latency| percentile(gates, LABEL, latency, 95.0, 100.0).verdict;
        assert_eq!(of(&Gates::default(), &latency), Verdict::Unproven);
        (0..72).for_each(|_| latency.record_us(50_000));
        assert_eq!(
            (of(&Gates::default(), &latency), of(&sure(), &latency)),
            (Verdict::Pass, Verdict::Unproven)
        );
        latency.record_us(50_000);
        assert_eq!(of(&sure(), &latency), Verdict::Pass);
        (0..5).for_each(|_| latency.record_us(150_000));
        assert_eq!(of(&Gates::default(), &latency), Verdict::Fail);
    }
}
