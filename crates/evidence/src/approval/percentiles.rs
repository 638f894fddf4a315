//! Percentiles that no set of samples can have.

use super::document::shown;
use super::figures::Figures;
use super::judgement::Findings;

/// How far rounded figures may be apart: 0.5 % for histograms of two digits, and 1 ms.
const SLACK: f64 = 0.005;

pub(super) fn check(figures: &Figures, found: &mut Findings) {
    order(figures, found);
    if let Some(n) = figures.n() {
        small_sample(figures, n, found);
        mean(figures, n, found);
        retried(figures, n, found);
    }
}

/// Whether `a` is above `b` by more than rounding can make it.
fn above(figures: &Figures, a: f64, b: f64) -> bool {
    a > b * (1.0 + SLACK) + 1.0 + 2.0 * figures.rounding_ms
}

/// No delivery takes longer than the run.
pub(super) fn within(figures: &Figures, duration_seconds: Option<f64>, found: &mut Findings) {
    if let (Some(max), Some(duration)) = (figures.max, duration_seconds)
        && above(figures, max, duration * 1000.0 + 1000.0)
    {
        found.add(
            "latency_above_duration",
            format!("the slowest delivery took {} ms in a run of {} s", shown(max), shown(duration)),
        );
    }
}

/// Minimum, p50, p95, p99 and maximum can only grow, and the mean lies between minimum and maximum.
fn order(figures: &Figures, found: &mut Findings) {
    let ladder = [
        ("the minimum", figures.min),
        ("p50", figures.p50),
        ("p95", figures.p95),
        ("p99", figures.p99),
        ("the maximum", figures.max),
    ];
    let steps: Vec<(&str, f64)> = ladder.iter().filter_map(|(name, x)| Some((*name, (*x)?))).collect();
    for ((lower, a), (upper, b)) in steps.iter().zip(steps.iter().skip(1)) {
        if *a > b + 2.0 * figures.rounding_ms {
            found.add(
                "percentiles_out_of_order",
                format!("{lower} of {} ms is above {upper} of {} ms", shown(*a), shown(*b)),
            );
        }
    }
    let Some(avg) = figures.avg else { return };
    if figures.min.is_some_and(|min| above(figures, min, avg))
        || figures.max.is_some_and(|max| above(figures, avg, max))
    {
        found.add(
            "mean_out_of_range",
            format!("a mean of {} ms is not between the minimum and the maximum", shown(avg)),
        );
    }
}

/// How much of the largest sample is at least in percentile `p` (0 to 1) of `n`, over the definitions in use: by rank
/// (Hyndman and Fan types 1 to 3) the largest counts wholly or not at all; by interpolation (types 4 to 9; type 7 and
/// type 4 are the extremes here) by the fraction of the way.
#[expect(clippy::cast_precision_loss, reason = "a small count")]
fn weight_of_largest(p: f64, n: u64) -> f64 {
    let n = n as f64;
    let type_7 = (n - 1.0) * p - (n - 2.0);
    let type_4 = n * p - (n - 1.0);
    // Type 3 takes the nearest rank, and of two equally near ones the even one.
    let type_3 = if (n * p).round_ties_even() >= n { 1.0 } else { 0.0 };
    if n < 2.0 { 1.0 } else { type_7.min(type_4).min(type_3).clamp(0.0, 1.0) }
}

/// With few samples a high percentile is the largest of them, or nearly so.
fn small_sample(figures: &Figures, n: u64, found: &mut Findings) {
    let Some(max) = figures.max else { return };
    // Not by `clamp`, which panics where the maximum that somebody wrote is below 0.
    let floor = figures.min.unwrap_or(0.0).max(0.0).min(max);
    for (name, p, stated) in [("p95", 0.95, figures.p95), ("p99", 0.99, figures.p99)] {
        let Some(stated) = stated else { continue };
        let weight = weight_of_largest(p, n);
        let least = weight * max + (1.0 - weight) * floor;
        if weight > 0.0 && above(figures, least, stated) {
            found.add(
                "percentile_impossible",
                format!(
                    "{name} of {n} samples with a maximum of {} ms cannot be {} ms: by nearest rank it is the maximum, \
                     by any interpolation at least {} ms",
                    shown(max),
                    shown(stated),
                    shown(least)
                ),
            );
        }
    }
}

/// The mean lies between what the percentiles allow at the least and at the most.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "ranks in a sample are small and positive"
)]
fn mean(figures: &Figures, n: u64, found: &mut Findings) {
    let (Some(avg), Some(p50), Some(p95), Some(max)) = (figures.avg, figures.p50, figures.p95, figures.max)
    else {
        return;
    };
    let min = figures.min.unwrap_or(0.0);
    let rank = |p: f64| (p * n as f64).floor() as u64;
    // One sample less on either side than nearest rank has, so that the bounds hold for every definition.
    let (low, mid) = (rank(0.5).saturating_sub(1), rank(0.95).saturating_sub(rank(0.5)).saturating_sub(1));
    let at_most = low as f64 * p50 + mid as f64 * p95 + n.saturating_sub(low + mid) as f64 * max;
    let (from_p50, from_p95) = (n - rank(0.5).min(n), (n - rank(0.95).min(n)).saturating_sub(1));
    let middle = from_p50.saturating_sub(from_p95 + 2);
    let rest = n.saturating_sub(1 + from_p95 + middle);
    let at_least = max + from_p95 as f64 * p95 + middle as f64 * p50 + rest as f64 * min;
    let (at_least, at_most) = (at_least / n as f64, at_most / n as f64);
    if above(figures, at_least, avg) || above(figures, avg, at_most) {
        found.add(
            "mean_impossible",
            format!(
                "a mean of {} ms does not fit the other figures: {n} samples with these percentiles and this maximum have a \
                 mean of {} to {} ms",
                shown(avg),
                shown(at_least),
                shown(at_most)
            ),
        );
    }
}

/// Whoever was retried waited for the first pause: enough of them move the percentiles.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "ranks in a sample are small and positive"
)]
fn retried(figures: &Figures, n: u64, found: &mut Findings) {
    let Some(retried) = figures.retried.filter(|r| *r > 0) else { return };
    let pause = figures.first_pause_ms * 0.95;
    let share = retried as f64 / n as f64 * 100.0;
    // Every definition takes p95 at or above rank floor(0.95 n); the retried ones hold the ranks above n - retried.
    let lowest_rank = (0.95 * n as f64).floor() as u64;
    if let Some(p95) = figures
        .p95
        .filter(|p95| retried.saturating_add(lowest_rank) > n && *p95 + figures.rounding_ms < pause)
    {
        found.add(
            "retries_faster_than_backoff",
            format!(
                "{retried} of {n} deliveries ({} %) were retried and took {} s or more each, so p95 cannot be {} ms",
                shown(share),
                shown(figures.first_pause_ms / 1000.0),
                shown(p95)
            ),
        );
    }
    if let Some(max) = figures.max.filter(|max| *max + figures.rounding_ms < pause) {
        found.add(
            "retries_faster_than_backoff",
            format!(
                "{retried} deliveries were retried, which takes {} s or more, but the slowest took {} ms",
                shown(figures.first_pause_ms / 1000.0),
                shown(max)
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn kinds(figures: &Figures) -> Vec<String> {
        let mut found = Findings::default();
        check(figures, &mut found);
        found.0.into_iter().map(|f| f.kind).collect()
    }

    fn of(n: u64, p95: f64, max: f64) -> Figures {
        Figures {
            samples: Some(n),
            p95: Some(p95),
            max: Some(max),
            first_pause_ms: 2000.0,
            ..Figures::default()
        }
    }

    /// Whoever writes such a figure is told, and takes nothing down.
    #[test]
    fn a_maximum_below_zero_is_out_of_order() {
        for max in [-1.0, f64::MIN, -f64::MIN_POSITIVE] {
            let found = kinds(&of(10, 1200.0, max));
            assert!(found.contains(&"percentiles_out_of_order".to_owned()), "{max}: {found:?}");
        }
    }

    #[test]
    fn the_figures_that_circulate_are_impossible() {
        assert_eq!(kinds(&of(10, 1200.0, 6124.0)), ["percentile_impossible"]);
        let retried = Figures { retried: Some(12), ..of(100, 1200.0, 6124.0) };
        assert_eq!(kinds(&retried), ["retries_faster_than_backoff"]);
        let few = Figures { retried: Some(3), ..of(25, 1200.0, 6124.0) };
        assert_eq!(kinds(&few), ["retries_faster_than_backoff"]);
        let fast = Figures { retried: Some(1), ..of(100, 120.0, 800.0) };
        assert_eq!(kinds(&fast), ["retries_faster_than_backoff"]);
    }

    #[test]
    fn possible_figures_are_left_alone() {
        assert_eq!(kinds(&of(10, 6124.0, 6124.0)), [""; 0]);
        assert_eq!(kinds(&of(100, 1200.0, 6124.0)), [""; 0]);
        assert_eq!(kinds(&Figures { retried: Some(2), ..of(100, 1200.0, 6124.0) }), [""; 0]);
        assert_eq!(
            kinds(&Figures { p50: Some(5.0), min: Some(7.0), ..of(100, 9.0, 9.0) }),
            ["percentiles_out_of_order"]
        );
    }

    /// Hyndman and Fan (1996), types 1, 3, 4 and 7 on sorted samples.
    fn definitions(sorted: &[f64], p: f64) -> [f64; 4] {
        let n = sorted.len() as f64;
        let at = |rank: f64| sorted[(rank.max(1.0) as usize).min(sorted.len()) - 1];
        let between = |h: f64| at(h.floor()) + (h - h.floor()) * (at(h.floor() + 1.0) - at(h.floor()));
        [at((n * p).ceil()), at((n * p).round_ties_even()), between(n * p), between((n - 1.0) * p + 1.0)]
    }

    proptest! {
        /// Whatever was really measured is never called impossible, by whichever definition.
        #[test]
        fn honest_figures_never_contradict(
            mut samples in prop::collection::vec(0.1f64..7000.0, 1..120),
            slow in 0usize..8,
        ) {
            // The retried ones took two seconds or more.
            let slow = slow.min(samples.len());
            samples.iter_mut().take(slow).for_each(|s| *s += 2000.0);
            samples.sort_by(f64::total_cmp);
            let (p50, p95, p99) = (definitions(&samples, 0.5), definitions(&samples, 0.95), definitions(&samples, 0.99));
            for i in 0..4 {
                let figures = Figures {
                    samples: Some(samples.len() as u64),
                    retried: Some(slow as u64),
                    p50: Some(p50[i]),
                    p95: Some(p95[i]),
                    p99: Some(p99[i]),
                    min: samples.first().copied(),
                    max: samples.last().copied(),
                    avg: Some(samples.iter().sum::<f64>() / samples.len() as f64),
                    first_pause_ms: 2000.0,
                    ..Figures::default()
                };
                prop_assert_eq!(kinds(&figures), Vec::<String>::new());
            }
        }
    }
}
