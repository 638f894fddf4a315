//! What came to a receiver besides the webhooks of a load. Shards that share a receiver all see the same of it, and each other's webhooks
//! with it: that does not add up.

use super::part::Part;
use record::RunStats;
use std::collections::BTreeMap;

/// What came besides the webhooks of a load; `None` where it is not known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OtherTraffic {
    /// Deliveries of others.
    pub foreign: Option<u64>,
    /// Requests that could not be webhooks, by the status that they were refused with.
    pub refused: Option<BTreeMap<u16, u64>>,
}

impl OtherTraffic {
    /// That of a load that had its receiver for itself, or of receivers that had one shard each.
    #[must_use]
    pub fn of(sums: &RunStats) -> Self {
        Self { foreign: Some(sums.foreign), refused: Some(sums.refused.clone()) }
    }
}

/// Deliveries that hold values of the run itself.
fn own(sums: &RunStats) -> u64 {
    sums.organic.deliveries.saturating_add(sums.injected.deliveries)
}

fn total<K>(counts: &BTreeMap<K, u64>) -> u64 {
    counts.values().fold(0, |sum, n| sum.saturating_add(*n))
}

/// What the flows of all parts amount to, and what came besides.
pub(super) fn sum_of(parts: &[Part]) -> Option<(RunStats, OtherTraffic)> {
    let first = parts.first().filter(|part| part.header.scenario.is_played())?;
    let all: Vec<&RunStats> = parts.iter().filter_map(|part| part.sums.as_deref()).collect();
    let mut sums = RunStats::default();
    all.iter().for_each(|part| sums.add(part));
    // A system elsewhere posts to one URL. Shards with a stand-in of their own have a receiver of their own as well.
    let one_url = parts.iter().all(|part| part.header.webhook.endpoint == first.header.webhook.endpoint);
    if all.len() < 2 || (first.header.stand_in && !one_url) {
        let other = OtherTraffic::of(&sums);
        return Some((sums, other));
    }
    let is_whole = u64::try_from(parts.len()) == Ok(first.shard.count) && all.len() == parts.len();
    let other = shared(&all, is_whole);
    keep_the_most(&mut sums, &all);
    Some((sums, other))
}

/// What came to one receiver besides the webhooks of all these shards. Where they saw equally much of it, they saw the same; and all of
/// them (`is_whole`) are needed to tell whose is whose.
fn shared(all: &[&RunStats], is_whole: bool) -> OtherTraffic {
    let same = |of: &dyn Fn(&RunStats) -> u64| {
        let mut values = all.iter().map(|sums| of(sums));
        let first = values.next()?;
        values.all(|value| value == first).then_some(first)
    };
    let came = same(&|sums| own(sums).saturating_add(sums.foreign)).filter(|_| is_whole);
    let ours = all.iter().fold(0, |sum: u64, sums| sum.saturating_add(own(sums)));
    let first = all.first().map(|sums| &sums.refused);
    let refused = first.filter(|first| all.iter().all(|sums| sums.refused == **first)).cloned();
    OtherTraffic { foreign: came.and_then(|came| came.checked_sub(ours)), refused }
}

/// In place of sums: what that shard saw that saw the most of it.
fn keep_the_most(sums: &mut RunStats, all: &[&RunStats]) {
    let seen = all.iter().map(|sums| own(sums).saturating_add(sums.foreign)).max().unwrap_or(0);
    sums.foreign = seen.saturating_sub(own(sums));
    if let Some(most) = all.iter().max_by_key(|sums| total(&sums.refused)) {
        sums.refused.clone_from(&most.refused);
    }
    if let Some(most) = all.iter().max_by_key(|sums| total(&sums.came)) {
        sums.came.clone_from(&most.came);
    }
    let strangers = all.iter().map(|sums| &sums.unauthenticated);
    if let Some(most) = strangers.max_by_key(|found| (found.by_key, found.requests)) {
        sums.unauthenticated.clone_from(most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(own: u64, foreign: u64, refused: &[(u16, u64)]) -> RunStats {
        let mut sums =
            RunStats { foreign, refused: refused.iter().copied().collect(), ..RunStats::default() };
        sums.organic.deliveries = own;
        sums.unauthenticated.requests = 2;
        sums
    }

    #[test]
    fn what_shards_saw_of_one_receiver_is_counted_once() {
        let (one, two) = (shard(16, 18, &[(404, 1)]), shard(17, 17, &[(404, 1)]));
        let other = shared(&[&one, &two], true);
        assert_eq!(other, OtherTraffic { foreign: Some(1), refused: Some([(404, 1)].into()) });
        let mut sums = RunStats::default();
        [&one, &two].into_iter().for_each(|part| sums.add(part));
        keep_the_most(&mut sums, &[&one, &two]);
        assert_eq!((sums.foreign, sums.refused[&404], sums.unauthenticated.requests), (1, 1, 2));
        assert_eq!(own(&sums), 33, "what is their own adds up");
    }

    #[test]
    fn what_shards_saw_at_different_times_is_not_known() {
        let (one, two) = (shard(16, 17, &[(404, 1)]), shard(16, 18, &[(404, 2)]));
        assert_eq!(shared(&[&one, &two], true), OtherTraffic { foreign: None, refused: None });
        // A missing shard's webhooks are strangers' to the others.
        let two = shard(16, 17, &[(404, 1)]);
        let other = shared(&[&one, &two], false);
        assert_eq!(other, OtherTraffic { foreign: None, refused: Some([(404, 1)].into()) });
    }
}
