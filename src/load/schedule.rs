//! When each start is due: a pure function of the stages, without a clock.

use std::time::Duration;

/// Part of a schedule: the rate goes evenly from `from` to `to` (starts per second) while it `lasts`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Stage {
    /// Starts per second at its beginning.
    pub from: f64,
    /// Starts per second at its end.
    pub to: f64,
    pub lasts: Duration,
}

impl Stage {
    /// Starts in the first `t` seconds of the stage: the integral of the rate.
    fn starts_by(&self, t: f64) -> f64 {
        let lasts = self.lasts.as_secs_f64();
        self.from.mul_add(t, (self.to - self.from) * t * t / (2.0 * lasts))
    }

    /// The time in seconds by which the stage has had `starts`: the root of `slope/2 t² + from t = starts`, in the form
    /// that loses no digits when the slope is small or zero.
    fn time_of(&self, starts: f64) -> f64 {
        let lasts = self.lasts.as_secs_f64();
        let slope = (self.to - self.from) / lasts;
        let root = self.from.mul_add(self.from, 2.0 * slope * starts).max(0.0).sqrt();
        let below = self.from + root;
        if below > 0.0 { (2.0 * starts / below).min(lasts) } else { 0.0 }
    }
}

/// The whole of a load: start `i` is due at [`Schedule::intended`]`(i)`, for `i` in `0..total`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Schedule {
    pieces: Vec<Piece>,
    total: u64,
    lasts: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Piece {
    stage: Stage,
    /// Seconds before this stage.
    begins: f64,
    /// Starts before this stage.
    before: f64,
}

/// A start that is due at the very end of a schedule belongs to what would come after it; sums of floating-point
/// numbers may miss that end by less than this many starts.
const ROUNDING: f64 = 1e-6;

impl Schedule {
    /// The schedule of these stages, one after the other.
    #[must_use]
    pub(crate) fn new(stages: &[Stage]) -> Self {
        let (mut begins, mut before) = (0.0, 0.0);
        let mut pieces = Vec::with_capacity(stages.len());
        for &stage in stages {
            pieces.push(Piece { stage, begins, before });
            begins += stage.lasts.as_secs_f64();
            before += stage.starts_by(stage.lasts.as_secs_f64());
        }
        let total = (before - ROUNDING).ceil().max(0.0) as u64;
        Self { pieces, total, lasts: stages.iter().map(|s| s.lasts).sum() }
    }

    /// A constant rate in starts per second.
    #[must_use]
    pub(crate) fn constant(per_second: f64, lasts: Duration) -> Self {
        Self::new(&[Stage { from: per_second, to: per_second, lasts }])
    }

    #[must_use]
    pub(crate) const fn total(&self) -> u64 {
        self.total
    }

    /// Length of the schedule; every start is due before it.
    #[must_use]
    pub(crate) const fn lasts(&self) -> Duration {
        self.lasts
    }

    /// The rate at its beginning, in starts per second.
    #[must_use]
    pub(crate) fn first_rate(&self) -> f64 {
        self.pieces.first().map_or(0.0, |piece| piece.stage.from)
    }

    /// The highest rate of all stages, in starts per second.
    #[must_use]
    pub(crate) fn peak(&self) -> f64 {
        self.pieces.iter().map(|p| p.stage.from.max(p.stage.to)).fold(0.0, f64::max)
    }

    /// When start `i` is due, from the beginning of the schedule: the time at which the integral of the rate is `i`.
    #[must_use]
    pub(crate) fn intended(&self, i: u64) -> Duration {
        let starts = i as f64;
        // The last piece that begins at or before start i and has starts of its own.
        let piece = self
            .pieces
            .iter()
            .rev()
            .find(|p| p.before <= starts && p.stage.starts_by(p.stage.lasts.as_secs_f64()) > 0.0);
        let at = piece.map_or(0.0, |p| p.begins + p.stage.time_of(starts - p.before));
        Duration::from_secs_f64(at).min(self.lasts)
    }
}

#[cfg(test)]
mod tests {
    use super::super::rate::stages;
    use super::super::shard::Shard;
    use super::*;
    use proptest::prelude::*;

    fn of(text: &str) -> Schedule {
        Schedule::new(&stages(text).unwrap())
    }

    #[test]
    fn counts_are_exact() {
        for (text, total) in [
            ("20/s:60s", 1200),
            ("5000/s:30s", 150_000),
            ("1/m:1m", 1),
            ("1/m:61s", 2),
            ("0.1/s:5s", 1),
            ("0-100/s:30s", 1500),
            ("0-100/s:30s,100/s:2m,100-0/s:10s", 1500 + 12_000 + 500),
            ("1/s:1s,0/s:10s,1/s:1s", 2),
            ("0.3/s:10s", 3),
            ("1/3s:9s", 3),
        ] {
            assert_eq!(of(text).total(), total, "{text}");
        }
    }

    #[test]
    fn intended_times_are_the_closed_form() {
        let ms = |text: &str, i: u64| of(text).intended(i).as_secs_f64() * 1000.0;
        for (text, i, want) in [
            ("20/s:60s", 0, 0.0),
            ("20/s:60s", 1, 50.0),
            ("20/s:60s", 1199, 59_950.0),
            // A ramp from 0 to 100/s in 30 s has had t²·100/60 starts by t.
            ("0-100/s:30s", 0, 0.0),
            ("0-100/s:30s", 60, 6_000.0),
            ("0-100/s:30s", 1499, (1499.0f64 * 0.6).sqrt() * 1000.0),
            // 100 t - 5 t² = 500 at t = 10; the last one is near the end.
            ("100-0/s:10s", 499, (10.0 - (0.2f64).sqrt()) * 1000.0),
            // Nothing is due in the pause.
            ("1/s:1s,0/s:10s,1/s:1s", 1, 11_000.0),
            ("10/s:10s,20/s:10s", 100, 10_000.0),
            ("10/s:10s,20/s:10s", 102, 10_100.0),
        ] {
            assert!((ms(text, i) - want).abs() < 0.001, "{text} {i}: {} not {want}", ms(text, i));
        }
    }

    #[test]
    fn the_peak_is_the_highest_rate_of_any_stage() {
        assert!((of("0-100/s:10s,50/s:10s").peak() - 100.0).abs() < 1e-9);
    }

    fn some_stages() -> impl Strategy<Value = Vec<Stage>> {
        let stage = (0u32..400, 0u32..400, 1u64..9000).prop_map(|(from, to, ms)| Stage {
            from: f64::from(from) / 4.0,
            to: f64::from(to) / 4.0,
            lasts: Duration::from_millis(ms),
        });
        prop::collection::vec(stage, 1..6)
    }

    proptest! {
        #[test]
        fn starts_are_in_order_within_the_schedule_and_as_many_as_the_rates_say(stages in some_stages()) {
            let schedule = Schedule::new(&stages);
            let area: f64 = stages.iter().map(|s| (s.from + s.to) / 2.0 * s.lasts.as_secs_f64()).sum();
            prop_assert!((schedule.total() as f64 - area).abs() <= 1.0 + 1e-3, "{} for {area}", schedule.total());
            let mut last = Duration::ZERO;
            for i in 0..schedule.total() {
                let at = schedule.intended(i);
                prop_assert!(at >= last && at <= schedule.lasts(), "{i}: {at:?} after {last:?}");
                last = at;
            }
        }

        #[test]
        fn at_each_start_the_integral_of_the_rate_is_its_number(stages in some_stages(), pick in 0.0..1.0f64) {
            let schedule = Schedule::new(&stages);
            let i = (schedule.total() as f64 * pick) as u64;
            if i < schedule.total() {
                let at = schedule.intended(i).as_secs_f64();
                let mut begins = 0.0;
                let mut starts = 0.0;
                for s in &stages {
                    let lasts = s.lasts.as_secs_f64();
                    let t = (at - begins).clamp(0.0, lasts);
                    starts += s.from * t + (s.to - s.from) * t * t / (2.0 * lasts);
                    begins += lasts;
                }
                prop_assert!((starts - i as f64).abs() < 1e-3, "{starts} at start {i}");
            }
        }

        #[test]
        fn the_union_of_the_shards_is_the_whole_schedule(stages in some_stages(), count in 1u64..9) {
            let schedule = Schedule::new(&stages);
            let mut seen = vec![0u32; usize::try_from(schedule.total()).unwrap()];
            for index in 0..count {
                let shard = Shard::new(index, count).unwrap();
                let part = shard.share(schedule.total());
                for j in 0..part {
                    seen[usize::try_from(shard.nth(j)).unwrap()] += 1;
                }
                prop_assert!(shard.nth(part) >= schedule.total());
            }
            prop_assert!(seen.iter().all(|&n| n == 1));
        }
    }
}
