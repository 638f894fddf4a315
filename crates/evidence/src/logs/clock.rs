//! How far the times of a log are from those of the journal, by the webhooks that are in both: a log without offsets may be written in
//! another zone than the formats say, and a machine's clock may be wrong.

use super::reconcile::EDGE;
use chrono::{DateTime, TimeDelta, Utc};
use record::LogClock;
use std::collections::BTreeMap;

/// Differences are told apart by so many ms.
const UNIT_MS: i64 = 10;
/// Most differences that are told apart.
const MOST: usize = 10_000;
/// Fewest webhooks that show how far the clocks are apart.
const FEWEST: u64 = 3;
/// A clock is no further off than two time zones can be from each other.
pub(super) const FURTHEST: TimeDelta = TimeDelta::hours(26);
/// What writing a line may take beside what was seen of it.
const MARGIN: TimeDelta = TimeDelta::milliseconds(100);

/// The differences of webhooks that are in both.
#[derive(Debug, Default)]
pub(super) struct Pairs(BTreeMap<i64, u64>);

/// What they amount to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Clock {
    /// The log's time less the journal's.
    pub offset: TimeDelta,
    /// How far a line may be from that; `None` where too few say so.
    pub within: Option<TimeDelta>,
    pub pairs: u64,
    /// Whether the differences fit together.
    pub fits: bool,
}

impl Pairs {
    /// A webhook that the log says at one time was delivered, and that the journal has at the other.
    pub(super) fn take(&mut self, log: DateTime<Utc>, journal: DateTime<Utc>) {
        let unit = (log - journal).num_milliseconds().div_euclid(UNIT_MS);
        if let Some(n) = self.0.get_mut(&unit) {
            *n += 1;
        } else if self.0.len() < MOST {
            self.0.insert(unit, 1);
        }
    }

    pub(super) fn clock(&self) -> Clock {
        let pairs: u64 = self.0.values().sum();
        let none = Clock { offset: TimeDelta::zero(), within: None, pairs, fits: true };
        let Some(middle) = self.at(pairs / 2) else { return none };
        let near = |unit: &i64| ms((unit - middle).abs()) <= EDGE;
        let fitting: u64 = self.0.iter().filter(|(unit, _)| near(unit)).map(|(_, n)| n).sum();
        let is_off = ms(middle.abs()) > EDGE;
        if is_off && (pairs < FEWEST || ms(middle.abs()) > FURTHEST) || fitting * 5 < pairs * 4 {
            return Clock { offset: ms(middle), fits: false, ..none };
        }
        if pairs < FEWEST {
            return none;
        }
        let cut = pairs / 40;
        let (low, high) = (self.at(cut).unwrap_or(middle), self.at(pairs - 1 - cut).unwrap_or(middle));
        let spread = ms((middle - low).max(high - middle));
        Clock { offset: ms(middle), within: Some((spread * 2 + MARGIN).min(EDGE)), ..none }
    }

    /// The difference with this number in order.
    fn at(&self, number: u64) -> Option<i64> {
        let mut up_to = 0;
        let reaches = |(_, n): &(&i64, &u64)| {
            up_to += **n;
            up_to > number
        };
        self.0.iter().find(reaches).map(|(unit, _)| *unit)
    }
}

impl Clock {
    /// What has to be told of it.
    pub(super) fn told(&self) -> Option<LogClock> {
        let Self { offset, pairs, fits, .. } = *self;
        let is_told = !fits || offset.abs() > EDGE;
        is_told.then(|| LogClock { offset_ms: offset.num_milliseconds(), pairs, fits })
    }
}

fn ms(units: i64) -> TimeDelta {
    TimeDelta::try_milliseconds(units.saturating_mul(UNIT_MS)).unwrap_or(TimeDelta::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(differences_ms: &[i64]) -> Clock {
        let mut pairs = Pairs::default();
        let journal = DateTime::UNIX_EPOCH;
        for ms in differences_ms {
            pairs.take(journal + TimeDelta::milliseconds(*ms), journal);
        }
        pairs.clock()
    }

    #[test]
    fn another_zone_is_known_by_three_webhooks() {
        let hours = -6 * 3600 * 1000;
        let clock = of(&[hours, hours + 20, hours + 40]);
        assert_eq!((clock.offset.num_milliseconds(), clock.fits), (hours + 20, true));
        assert_eq!(clock.within, Some(TimeDelta::milliseconds(140)));
        assert_eq!(clock.told().unwrap(), LogClock { offset_ms: hours + 20, pairs: 3, fits: true });
        assert!(!of(&[hours, hours]).fits, "two may be by chance");
        assert!(!of(&[hours, 0, hours, 0]).fits);
    }

    #[test]
    fn clocks_that_are_close_are_not_told_of() {
        assert_eq!((of(&[]).told(), of(&[3]).told(), of(&[3, 5, 900]).told()), (None, None, None));
        assert_eq!((of(&[3]).within, of(&[4, 7]).offset), (None, TimeDelta::zero()));
    }
}
