//! How sure a figure is: the Wilson score interval, and the sample sizes that would settle a claim.

/// The 97.5 % quantile of the normal distribution, for two-sided 95 % intervals.
const Z: f64 = 1.959_963_984_540_054;

/// The Wilson score interval at 95 % for `hits` of `n`, as fractions (E. B. Wilson, JASA 22, 1927); `None` for n = 0.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "counts below 2^52")]
pub fn wilson(hits: u64, n: u64) -> Option<(f64, f64)> {
    if n == 0 {
        return None;
    }
    let (k, n) = (hits.min(n) as f64, n as f64);
    let p = k / n;
    let z2 = Z * Z;
    let centre = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = Z / (1.0 + z2 / n) * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    Some(((centre - half).max(0.0), (centre + half).min(1.0)))
}

/// How many samples without a single miss put the whole Wilson interval at or above `share` (0 to 1): the smallest n
/// with n / (n + z²) >= share. `None` for a share of 1, which no sample proves.
#[must_use]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small positive number")]
pub fn clean_samples_for_rate(share: f64) -> Option<u64> {
    (share < 1.0).then(|| (Z * Z * share.max(0.0) / (1.0 - share)).ceil().max(1.0) as u64)
}

/// How many more samples without a single miss, after `hits` of `n`, put the whole Wilson interval at or above `share` (0
/// to 1): 0 when it is there already. `None` for a share of 1, which no sample proves.
#[must_use]
pub fn more_samples_for_rate(hits: u64, n: u64, share: f64) -> Option<u64> {
    if share >= 1.0 {
        return None;
    }
    let settles = |more: u64| {
        wilson(hits.saturating_add(more), n.saturating_add(more)).is_some_and(|(low, _)| low >= share)
    };
    if settles(0) {
        return Some(0);
    }
    // The lower bound only grows with clean samples, so the smallest number lies between two powers of two.
    let enough = (0..62).map(|bits| 1u64 << bits).find(|more| settles(*more))?;
    let (mut too_few, mut enough) = (enough / 2, enough);
    while enough - too_few > 1 {
        let middle = too_few + (enough - too_few) / 2;
        if settles(middle) { enough = middle } else { too_few = middle }
    }
    Some(enough)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_values() {
        // R: prop.test(95, 100, correct = FALSE)$conf.int
        let (low, high) = wilson(95, 100).unwrap();
        assert!((low - 0.8882).abs() < 1e-4 && (high - 0.9785).abs() < 1e-4, "{low} {high}");
        let (low, high) = wilson(10, 10).unwrap();
        assert!((low - 0.7225).abs() < 1e-4 && high > 0.999_999, "{low} {high}");
        assert_eq!(wilson(0, 0), None);
        assert_eq!(clean_samples_for_rate(0.95), Some(73));
        assert_eq!(clean_samples_for_rate(1.0), None);
        assert_eq!(
            (more_samples_for_rate(0, 0, 0.95), more_samples_for_rate(73, 73, 0.95)),
            (Some(73), Some(0))
        );
        assert_eq!(more_samples_for_rate(1, 1, 1.0), None);
    }

    proptest! {
        #[test]
        fn the_interval_holds_the_rate_and_shrinks(n in 1u64..5000, hits in 0u64..5000) {
            let hits = hits.min(n);
            #[expect(clippy::cast_precision_loss, reason = "small")]
            let p = hits as f64 / n as f64;
            let (low, high) = wilson(hits, n).unwrap();
            prop_assert!(low <= p + 1e-12 && p <= high + 1e-12 && (0.0..=1.0).contains(&low) && high <= 1.0);
            let (low10, high10) = wilson(hits * 10, n * 10).unwrap();
            prop_assert!(high10 - low10 < high - low + 1e-12);
        }

        #[test]
        fn so_many_more_settle_it_and_one_less_does_not(n in 0u64..3000, hits in 0u64..3000, share in 0.01f64..0.999) {
            let hits = hits.min(n);
            let more = more_samples_for_rate(hits, n, share).unwrap();
            let low = |more: u64| wilson(hits + more, n + more).map_or(0.0, |(low, _)| low);
            prop_assert!(low(more) >= share);
            prop_assert!(more == 0 || low(more - 1) < share);
        }

        #[test]
        fn the_stated_sample_size_is_the_smallest_that_settles(share in 0.01f64..0.999) {
            let n = clean_samples_for_rate(share).unwrap();
            prop_assert!(wilson(n, n).unwrap().0 >= share - 1e-9);
            prop_assert!(n == 1 || wilson(n - 1, n - 1).unwrap().0 < share + 1e-9);
        }
    }
}
