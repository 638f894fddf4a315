//! The time that one side covers, as far as the other can tell, and what the log claims of webhooks that were never seen.

use super::reconcile::{EDGE, KEPT};
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::BTreeMap;

/// Claims are told apart by this part of the journal's time, but by no more than a second.
const PARTS: i32 = 100;
/// Examples that are kept in all.
const EXAMPLES: usize = 10_000;

/// Where a time lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Whatever the clocks differ by.
    Inside,
    /// It may be inside or not.
    Edge,
    Outside,
}

/// A time from its first to its last moment, each known as well as the clocks are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reach {
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    /// What is nearer to an end than this may lie outside.
    pub inner: TimeDelta,
    /// What is no further outside than this may lie inside.
    pub outer: TimeDelta,
    /// So may what is no later than this.
    pub may_go_to: DateTime<Utc>,
}

impl Reach {
    /// Known as well as this, or else, to a tenth of it: a short one would have no inside.
    pub(super) fn of((from, to): (DateTime<Utc>, DateTime<Utc>), within: Option<TimeDelta>) -> Self {
        Self {
            from,
            to,
            inner: within.unwrap_or_else(|| EDGE.min((to - from) / 10)),
            outer: EDGE,
            may_go_to: to,
        }
    }

    pub(super) fn place(&self, at: DateTime<Utc>) -> Place {
        if at >= self.from + self.inner && at <= self.to - self.inner {
            Place::Inside
        } else if at < self.from - self.outer || at > self.may_go_to.max(self.to + self.outer) {
            Place::Outside
        } else {
            Place::Edge
        }
    }
}

/// Deliveries of the log that nobody saw, by time, until it is known how far its clock is off.
#[derive(Debug)]
pub(super) struct Claims {
    /// Length of a part, ms.
    part_ms: i64,
    by_time: BTreeMap<i64, Claimed>,
    examples: usize,
}

/// Those of one part of the time.
#[derive(Debug, Default)]
pub(super) struct Claimed {
    pub n: u64,
    /// The first of them: line number and id.
    pub first: Vec<(u64, String)>,
}

impl Claims {
    /// None yet; the journal covers so much time.
    pub(super) fn new(journal: TimeDelta) -> Self {
        let part_ms = (journal / PARTS).num_milliseconds().clamp(1, 1000);
        Self { part_ms, by_time: BTreeMap::new(), examples: 0 }
    }

    pub(super) fn add(&mut self, at: DateTime<Utc>, line: u64, id: &str) {
        let claimed = self.by_time.entry(at.timestamp_millis().div_euclid(self.part_ms)).or_default();
        claimed.n += 1;
        if claimed.first.len() < KEPT && self.examples < EXAMPLES {
            claimed.first.push((line, id.to_owned()));
            self.examples += 1;
        }
    }

    /// All of them, each with the middle of its time, which is within half a part.
    pub(super) fn all(self) -> impl Iterator<Item = (DateTime<Utc>, Claimed)> {
        let part_ms = self.part_ms;
        self.by_time.into_iter().filter_map(move |(part, claimed)| {
            Some((DateTime::from_timestamp_millis(part * part_ms + part_ms / 2)?, claimed))
        })
    }
}
