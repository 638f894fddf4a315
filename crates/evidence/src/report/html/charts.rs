//! What all charts share: a drawing area, a logarithmic scale of latencies, and ticks that people can read.

/// Width of a chart in its own units; the page scales it.
pub(super) const WIDTH: f64 = 800.0;
/// Room at the left for labels.
pub(super) const LEFT: f64 = 84.0;
/// Room at the right.
pub(super) const RIGHT: f64 = 36.0;

/// A position as the text of an SVG attribute.
pub(super) fn at(x: f64) -> String {
    format!("{:.1}", if x.is_finite() { x } else { 0.0 })
}

/// A logarithmic scale from milliseconds to positions.
#[derive(Debug, Clone, Copy)]
pub(super) struct LogScale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl LogScale {
    /// Maps `low..high` ms to `from..to`, widened to whole decades at least a factor of 10 apart.
    pub fn new((low, high): (f64, f64), (from, to): (f64, f64)) -> Self {
        let low = 10f64.powf(low.max(0.01).log10().floor());
        let high = 10f64.powf(high.max(low * 1.1).log10().ceil()).max(low * 10.0);
        Self { low, high, from, to }
    }

    /// The position of `ms`.
    pub fn place(&self, ms: f64) -> f64 {
        let share = (ms.max(self.low) / self.low).log10() / (self.high / self.low).log10();
        self.from + share.clamp(0.0, 1.0) * (self.to - self.from)
    }

    /// The decades.
    pub fn ticks(&self) -> Vec<f64> {
        let mut ticks = Vec::new();
        let mut tick = self.low;
        while tick <= self.high * 1.001 && ticks.len() < 12 {
            ticks.push(tick);
            tick *= 10.0;
        }
        ticks
    }
}

/// A latency as people write it.
pub(super) fn duration(ms: f64) -> String {
    if ms >= 1000.0 { format!("{} s", trimmed(ms / 1000.0)) } else { format!("{} ms", trimmed(ms)) }
}

/// Two decimals at most, and no needless zeros.
pub(super) fn trimmed(x: f64) -> String {
    format!("{}", (x * 100.0).round() / 100.0)
}

/// Steps of 1, 2 or 5 times a power of ten that divide `0..max` into 4 to 10 parts.
pub(super) fn linear_ticks(max: f64) -> Vec<f64> {
    if !(max > 0.0 && max.is_finite()) {
        return vec![0.0];
    }
    let rough = max / 5.0;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].iter().map(|m| m * power).find(|s| *s >= rough).unwrap_or(power * 10.0);
    (0..12).map(|i| f64::from(i) * step).take_while(|t| *t <= max * 1.001).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_is_monotonic_and_stays_inside() {
        let scale = LogScale::new((0.8, 6124.0), (0.0, 100.0));
        assert_eq!(scale.ticks(), [0.1, 1.0, 10.0, 100.0, 1000.0, 10_000.0]);
        let places: Vec<f64> =
            [0.0, 0.5, 1.0, 50.0, 6124.0, 1e12].iter().map(|ms| scale.place(*ms)).collect();
        assert!(places.is_sorted() && places.iter().all(|p| (0.0..=100.0).contains(p)), "{places:?}");
        assert!(LogScale::new((0.0, 0.0), (0.0, 1.0)).place(5.0).is_finite());
    }

    #[test]
    fn ticks_are_round_numbers() {
        assert_eq!(linear_ticks(7.0), [0.0, 2.0, 4.0, 6.0]);
        assert_eq!(linear_ticks(0.0), [0.0]);
        assert!(linear_ticks(f64::INFINITY).len() == 1);
        assert_eq!((duration(6124.0), duration(1.055)), ("6.12 s".to_owned(), "1.06 ms".to_owned()));
    }
}
