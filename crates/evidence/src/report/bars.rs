//! Latencies on a terminal: the percentiles, and a histogram of bars.

use super::screen::Screen;
use crate::figure::{carries, counted, milliseconds};
use record::latency::Latency;
use std::fmt::Write as _;

/// Rows of the histogram.
const ROWS: usize = 8;
/// Samples below which bars say less than the percentiles above them.
const FEWEST: u64 = 5;

/// One line of percentiles: those that gates judge, and those that there are enough samples for. Empty without samples.
pub(super) fn percentiles(name: &str, latency: &Latency, screen: Screen) -> String {
    let Some(max) = latency.max_us() else { return String::new() };
    let told = [(50.0, true), (90.0, false), (95.0, true), (99.0, false)]
        .into_iter()
        .filter(|(percent, judged)| *judged || carries(latency.count(), *percent))
        .filter_map(|(percent, _)| Some(format!("p{percent} {}", shown(latency.percentile_us(percent)?))));
    let figures: Vec<String> = told.chain([format!("max {}", shown(max))]).collect();
    let samples = counted(latency.count(), "samples");
    screen.wrapped(&format!("{name}: "), &format!("{} ({samples})", figures.join(", ")))
}

/// Bars over bins of equal ratio from the fastest to the slowest; empty for a handful of samples.
pub(super) fn histogram(latency: &Latency, screen: Screen) -> String {
    let (Some(min), Some(max)) = (latency.min_us(), latency.max_us()) else { return String::new() };
    if latency.count() < FEWEST || max <= min {
        return String::new();
    }
    let edges = edges(min.max(1), max);
    let counts = counts(latency, &edges);
    let most = counts.iter().copied().max().unwrap_or(1).max(1);
    let digits = most.to_string().len();
    let room = screen.width.saturating_sub(2 + 12 + 2 + digits + 1).min(50);
    let mut out = String::new();
    for (edge, count) in edges.iter().zip(&counts) {
        let long = length(*count, most, room);
        let bar: String = std::iter::repeat_n('■', long).collect();
        let _ = writeln!(out, "{}", format!("  <= {:>9} {count:>digits$} {bar}", shown(*edge)).trim_end());
    }
    out
}

/// The upper edges of the bins, in µs; the last is the maximum.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "latencies below 2^52 µs"
)]
fn edges(min: u64, max: u64) -> [u64; ROWS] {
    let ratio = (max as f64 / min as f64).powf(1.0 / ROWS as f64);
    let mut edges = [max; ROWS];
    for (i, edge) in edges.iter_mut().enumerate().take(ROWS - 1) {
        *edge = ((min as f64 * ratio.powi(i as i32 + 1)).ceil() as u64).min(max);
    }
    edges
}

fn counts(latency: &Latency, edges: &[u64; ROWS]) -> [u64; ROWS] {
    let mut counts = [0; ROWS];
    for bucket in latency.buckets().iter_recorded() {
        let value = bucket.value_iterated_to();
        let bin = edges.iter().position(|edge| value <= *edge).unwrap_or(ROWS - 1);
        if let Some(count) = counts.get_mut(bin) {
            *count += bucket.count_at_value();
        }
    }
    counts
}

/// How long a bar is: at least one where there is anything.
fn length(count: u64, most: u64, room: usize) -> usize {
    let long = count.saturating_mul(room as u64) / most;
    usize::try_from(long).unwrap_or(room).max(usize::from(count > 0))
}

#[expect(clippy::cast_precision_loss, reason = "latencies below 2^52 µs")]
fn shown(us: u64) -> String {
    milliseconds(us as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Colour;
    use proptest::prelude::*;

    #[test]
    fn a_handful_of_samples_has_percentiles_and_no_bars() {
        let mut latency = Latency::new();
        let screen = Screen::new(Colour::None, None, false);
        assert_eq!(percentiles("latency", &latency, screen), "");
        latency.record_us(5_000);
        assert_eq!(
            percentiles("latency", &latency, screen),
            "latency: p50 5.00 ms, p95 5.00 ms, max 5.00 ms (1 sample)\n"
        );
        assert_eq!(histogram(&latency, screen), "");
    }

    proptest! {
        #[test]
        fn every_sample_is_in_a_bar_and_every_line_fits(
            samples in prop::collection::vec(1_u64..10_000_000, 5..200),
            columns in 40_usize..120,
        ) {
            let mut latency = Latency::new();
            samples.iter().for_each(|us| latency.record_us(*us));
            let screen = Screen::new(Colour::None, Some((columns, 24)), false);
            let (Some(min), Some(max)) = (latency.min_us(), latency.max_us()) else { unreachable!() };
            let binned: u64 = counts(&latency, &edges(min, max)).iter().sum();
            prop_assert_eq!(binned, latency.count());
            prop_assert!(histogram(&latency, screen).lines().all(|l| l.chars().count() <= screen.width));
        }
    }
}
