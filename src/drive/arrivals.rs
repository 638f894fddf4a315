//! When webhooks of one kind came.

use record::Tick;
use std::collections::VecDeque;

/// When the first attempts of some webhooks came, in order of time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Arrivals {
    latest: VecDeque<Tick>,
    /// How many came before those: when is forgotten.
    older: u64,
}

impl Arrivals {
    /// So many are remembered with their times; a receiver that runs for weeks must not grow.
    const MOST: usize = 4096;

    /// One more came at `at`.
    pub fn add(&mut self, at: Tick) {
        let place = self.latest.partition_point(|one| *one <= at);
        self.latest.insert(place, at);
        if self.latest.len() > Self::MOST {
            self.latest.pop_front();
            self.older += 1;
        }
    }

    /// These came as well.
    pub fn add_all(&mut self, more: &Self) {
        if self.latest.is_empty() {
            self.latest.clone_from(&more.latest);
        } else {
            more.latest.iter().for_each(|at| self.add(*at));
        }
        self.older += more.older;
    }

    /// How many came at `at` or after; those whose times are forgotten count, too.
    #[must_use]
    pub fn since(&self, at: Tick) -> u64 {
        let before = self.latest.partition_point(|one| *one < at);
        self.older + (self.latest.len() - before) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_came_from_a_time_on_in_whatever_order_it_ended() {
        let mut all = Arrivals::default();
        [5, 3, 9, 5].into_iter().for_each(|at| all.add(Tick(at)));
        let mut sum = Arrivals::default();
        sum.add_all(&all);
        sum.add_all(&all);
        assert_eq!(
            (all.since(Tick(0)), all.since(Tick(5)), all.since(Tick(6)), all.since(Tick(10))),
            (4, 3, 1, 0)
        );
        assert_eq!((sum.since(Tick(0)), sum.since(Tick(4))), (8, 6));
    }

    #[test]
    fn what_is_forgotten_counts_for_any_time() {
        let mut all = Arrivals::default();
        (0..5000).for_each(|at| all.add(Tick(at)));
        assert_eq!(
            (all.latest.len(), all.since(Tick(0)), all.since(Tick(4999))),
            (Arrivals::MOST, 5000, 905)
        );
    }
}
