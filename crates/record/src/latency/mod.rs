//! Latency histograms with fixed bounds, so that any two can be added without loss.

mod encoded;

pub use encoded::{DecodeError, Encoded};

use hdrhistogram::Histogram;
use std::time::Duration;

/// Smallest distinguishable latency in µs.
pub const LOWEST_US: u64 = 1;
/// Largest recordable latency in µs: 10 minutes. Longer ones are counted at this bound; the maximum stays exact.
pub const HIGHEST_US: u64 = 600_000_000;
/// Significant decimal digits kept by the buckets: a percentile is at most 0.1 % above the sample it stands for.
pub const DIGITS: u8 = 3;

/// Latencies in µs: an HdrHistogram (1 µs to 10 min, 3 digits) beside the exact minimum, maximum and sum. In a journal it
/// stands as [`Encoded`].
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, crate::JsonSchema)]
#[serde(into = "Encoded", try_from = "Encoded")]
pub struct Latency {
    buckets: Histogram<u64>,
    min_us: u64,
    max_us: u64,
    sum_us: u128,
}

impl Default for Latency {
    fn default() -> Self {
        Self::new()
    }
}

impl Latency {
    /// An empty histogram.
    ///
    /// # Panics
    /// Never: the bounds are constants that HdrHistogram accepts, which a test shows.
    #[must_use]
    #[expect(clippy::expect_used, reason = "constant bounds, accepted by construction")]
    pub fn new() -> Self {
        let buckets =
            Histogram::new_with_bounds(LOWEST_US, HIGHEST_US, DIGITS).expect("constant bounds are valid");
        Self { buckets, min_us: u64::MAX, max_us: 0, sum_us: 0 }
    }

    pub fn reset(&mut self) {
        self.buckets.reset();
        (self.min_us, self.max_us, self.sum_us) = (u64::MAX, 0, 0);
    }

    pub fn record(&mut self, latency: Duration) {
        self.record_us(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
    }

    /// Counts one latency given in µs.
    pub fn record_us(&mut self, us: u64) {
        self.buckets.saturating_record(us.clamp(LOWEST_US, HIGHEST_US));
        self.min_us = self.min_us.min(us);
        self.max_us = self.max_us.max(us);
        self.sum_us += u128::from(us);
    }

    /// Adds all counts of `other`; the result is that of recording both series in one histogram. Only buckets that hold
    /// something are visited: an interval of a load fills a few of some 20,000.
    pub fn add(&mut self, other: &Self) {
        if other.count() == 0 {
            return;
        }
        for bucket in other.buckets.iter_recorded() {
            self.buckets.saturating_record_n(bucket.value_iterated_to(), bucket.count_at_value());
        }
        self.min_us = self.min_us.min(other.min_us);
        self.max_us = self.max_us.max(other.max_us);
        self.sum_us += other.sum_us;
    }

    /// Whether minimum, maximum and sum can be those of the samples that are counted: of one that was read, which somebody may
    /// have changed.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        if self.count() == 0 {
            return self.sum_us == 0;
        }
        let in_buckets = |us: u64| us.clamp(LOWEST_US, HIGHEST_US);
        let same = |a, b| self.buckets.equivalent(in_buckets(a), in_buckets(b));
        let (mut least, mut most) = (0u128, 0u128);
        for bucket in self.buckets.iter_recorded() {
            let (value, count) = (bucket.value_iterated_to(), u128::from(bucket.count_at_value()));
            // What lies outside the bounds is counted at them.
            let lowest = self.buckets.lowest_equivalent(value);
            let lowest = if lowest <= LOWEST_US { 0 } else { lowest };
            let highest = if value >= HIGHEST_US { self.max_us.max(value) } else { value };
            least += u128::from(lowest) * count;
            most += u128::from(highest) * count;
        }
        same(self.min_us, self.buckets.min())
            && same(self.max_us, self.buckets.max())
            && (least..=most).contains(&self.sum_us)
    }

    /// Number of samples.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.len()
    }

    /// The percentile by nearest rank in µs (`percent` in 0..=100), never above the exact maximum; `None` without samples.
    #[must_use]
    pub fn percentile_us(&self, percent: f64) -> Option<u64> {
        let rank = nearest_rank(percent, self.count())?;
        let mut seen = 0;
        let bucket = self.buckets.iter_recorded().find(|bucket| {
            seen += bucket.count_at_value();
            seen >= rank
        })?;
        let value = self.buckets.highest_equivalent(bucket.value_iterated_to());
        Some(value.clamp(self.min_us, self.max_us))
    }

    /// Exact minimum in µs; `None` without samples.
    #[must_use]
    pub fn min_us(&self) -> Option<u64> {
        (self.count() > 0).then_some(self.min_us)
    }

    /// Exact maximum in µs; `None` without samples.
    #[must_use]
    pub fn max_us(&self) -> Option<u64> {
        (self.count() > 0).then_some(self.max_us)
    }

    /// Exact arithmetic mean in µs; `None` without samples.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a mean of latencies needs no more than 52 bits")]
    pub fn mean_us(&self) -> Option<f64> {
        (self.count() > 0).then(|| self.sum_us as f64 / self.count() as f64)
    }

    /// Number of samples below `limit`; those in the limit's own bucket (0.1 % wide) do not count.
    #[must_use]
    pub fn count_below(&self, limit: Duration) -> u64 {
        let us = u64::try_from(limit.as_micros()).unwrap_or(u64::MAX);
        let below = self.buckets.lowest_equivalent(us.min(HIGHEST_US));
        if below <= LOWEST_US { 0 } else { self.buckets.count_between(0, below - 1) }
    }

    /// The buckets, for exporters and charts.
    #[must_use]
    pub const fn buckets(&self) -> &Histogram<u64> {
        &self.buckets
    }
}

/// The rank, from 1, of a percentile of `n` samples: the smallest whole number not below `percent` % of `n`. HdrHistogram's
/// own rank is off by one where the product is whole and its float a hair above.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "0 to n"
)]
fn nearest_rank(percent: f64, n: u64) -> Option<u64> {
    const ROUNDING: f64 = 1e-9;
    let exact = percent.clamp(0.0, 100.0) * n as f64 / 100.0;
    (n > 0).then(|| ((exact * (1.0 - ROUNDING)).ceil() as u64).clamp(1, n))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(samples: &[u64]) -> Latency {
        let mut latency = Latency::new();
        samples.iter().for_each(|&us| latency.record_us(us));
        latency
    }

    #[test]
    fn empty_has_no_figures() {
        let empty = Latency::new();
        assert_eq!(
            (empty.percentile_us(50.0), empty.min_us(), empty.max_us(), empty.mean_us()),
            (None, None, None, None)
        );
    }

    #[test]
    fn percentiles_are_nearest_rank() {
        let latency = of(&[10, 20, 30, 40]);
        assert_eq!(latency.percentile_us(50.0), Some(20));
        assert_eq!(latency.percentile_us(75.0), Some(30));
        assert_eq!(latency.percentile_us(95.0), Some(40));
        assert_eq!(latency.percentile_us(0.0), Some(10));
        assert_eq!(latency.mean_us(), Some(25.0));
    }

    #[test]
    fn ranks_are_whole_numbers_not_floats() {
        assert_eq!(nearest_rank(28.0, 50), Some(14));
        assert_eq!(nearest_rank(95.0, 20), Some(19));
        assert_eq!(nearest_rank(99.9, 1000), Some(999));
        assert_eq!(nearest_rank(0.0, 3), Some(1));
        assert_eq!(nearest_rank(50.0, 0), None);
    }

    #[test]
    fn out_of_range_is_counted_and_the_maximum_stays_exact() {
        let latency = of(&[0, HIGHEST_US * 3]);
        assert_eq!(latency.count(), 2);
        assert_eq!((latency.min_us(), latency.max_us()), (Some(0), Some(HIGHEST_US * 3)));
    }

    /// It begins below the highest latency, so that what it holds is not told apart.
    #[test]
    fn the_last_bucket_holds_whatever_is_longer() {
        let last = of(&[599_785_472]);
        assert!(last.is_sound() && Latency { max_us: 2 * HIGHEST_US, ..last }.is_sound());
        let before = of(&[599_785_471]);
        assert!(before.is_sound() && !Latency { max_us: 2 * HIGHEST_US, ..before }.is_sound());
    }

    proptest! {
        #[test]
        fn adding_is_recording_together(a in prop::collection::vec(0u64..700_000_000, 0..60),
                                        b in prop::collection::vec(0u64..700_000_000, 0..60)) {
            let mut sum = of(&a);
            sum.add(&of(&b));
            let whole = of(&[a, b].concat());
            prop_assert_eq!(sum.count(), whole.count());
            for percent in [0.0, 50.0, 90.0, 95.0, 99.0, 99.9, 100.0] {
                prop_assert_eq!(sum.percentile_us(percent), whole.percentile_us(percent));
            }
            prop_assert_eq!(sum, whole);
        }

        #[test]
        fn what_was_recorded_is_sound_and_other_figures_are_not(samples in prop::collection::vec(0u64..2 * HIGHEST_US, 1..80)) {
            let latency = of(&samples);
            prop_assert!(latency.is_sound());
            let longer = Latency { max_us: latency.max_us + latency.max_us / 100 + 3, ..latency.clone() };
            // Whatever is beyond the bounds is counted in the last bucket, which begins before.
            let is_last = latency.buckets.equivalent(latency.max_us.min(HIGHEST_US), HIGHEST_US);
            prop_assert!(!longer.is_sound() || is_last);
            let shorter = Latency { sum_us: latency.sum_us / 2, ..latency.clone() };
            prop_assert!(!shorter.is_sound() || latency.sum_us <= 4 * samples.len() as u128 || is_last);
        }

        #[test]
        fn a_percentile_is_within_a_thousandth_of_its_sample(mut samples in prop::collection::vec(1u64..600_000_000, 1..80),
                                                             percent in 1u32..=100) {
            let latency = of(&samples);
            samples.sort_unstable();
            let rank = (samples.len() * percent as usize).div_ceil(100).max(1);
            let exact = samples[rank - 1];
            let got = latency.percentile_us(f64::from(percent)).unwrap();
            prop_assert!(got >= exact && got <= exact + exact / 1000 + 1, "{} for {}", got, exact);
        }
    }
}
