//! What the log says was delivered against what arrived, where no id tells one webhook from another: by event and number,
//! within the time that both cover.

use super::reconcile::EDGE;
use chrono::{DateTime, Utc};
use record::Counted;
use std::collections::BTreeMap;

/// Event names of a log that are told apart.
const EVENTS: usize = 256;
/// Stands for an event that has no name.
const NAMELESS: &str = "";

/// A time from its first to its last moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
}

impl Span {
    pub(super) fn is_before(&self, at: DateTime<Utc>) -> bool {
        at < self.from - EDGE
    }

    pub(super) fn is_after(&self, at: DateTime<Utc>) -> bool {
        at > self.to + EDGE
    }
}

/// What one side counts, by event, with what lies near an edge of the other side's time apart.
#[derive(Debug, Default)]
pub(super) struct Side {
    by_event: BTreeMap<String, [u64; 4]>,
    /// Whether this side goes on before and behind the other's time: what is near that edge may then lie outside it.
    beyond: [bool; 2],
}

impl Side {
    /// Takes a webhook; `other` is the time that the other side covers.
    pub(super) fn take(&mut self, event: Option<&str>, at: Option<DateTime<Utc>>, other: Span) {
        if let Some(at) = at
            && (other.is_before(at) || other.is_after(at))
        {
            self.beyond[usize::from(other.is_after(at))] = true;
            return;
        }
        // Of a short time a tenth has to do, or it would have no middle.
        let edge = EDGE.min((other.to - other.from) / 10);
        let near_start = at.is_some_and(|at| at < other.from + edge);
        let near_end = at.is_some_and(|at| at > other.to - edge);
        let mut event = event.unwrap_or(NAMELESS);
        if self.by_event.len() >= EVENTS && !self.by_event.contains_key(event) {
            event = NAMELESS;
        }
        let zones = self.by_event.entry(event.to_owned()).or_default();
        if let Some(n) = zones.get_mut(usize::from(near_start) | usize::from(near_end) << 1) {
            *n += 1;
        }
    }

    /// All that may lie in the common time, all that must unless it lies near an edge at which this side ends, and all that must.
    fn numbers(&self, event: &str) -> (u64, u64, u64) {
        let Some(zones) = self.by_event.get(event) else { return (0, 0, 0) };
        let [start, end] = self.beyond;
        let certain = (0..).zip(zones).filter(|(zone, _)| !(start && zone & 1 > 0 || end && zone & 2 > 0));
        (zones.iter().sum(), certain.map(|(_, n)| n).sum(), zones[0])
    }

    /// The same without telling events apart.
    fn as_one(&mut self) {
        let mut all = [0; 4];
        for zones in std::mem::take(&mut self.by_event).into_values() {
            all.iter_mut().zip(zones).for_each(|(sum, n)| *sum += n);
        }
        self.by_event.insert(NAMELESS.to_owned(), all);
    }
}

/// Sets both sides against each other; events only where both name each of them. The sender did not see the answers of
/// `unanswered` attempts, which may have been accepted all the same.
pub(super) fn compare(mut said: Side, mut arrived: Side, unanswered: u64) -> Counted {
    if [&said, &arrived].iter().any(|side| side.by_event.contains_key(NAMELESS)) {
        said.as_one();
        arrived.as_one();
    }
    let (mut counted, mut unclear_arrived) = (Counted::default(), 0u64);
    let events: std::collections::BTreeSet<&String> =
        said.by_event.keys().chain(arrived.by_event.keys()).collect();
    for event in events {
        let (said, said_likely, said_surely) = said.numbers(event);
        let (arrived, arrived_likely, arrived_surely) = arrived.numbers(event);
        counted.said += said;
        counted.arrived += arrived;
        counted.agreed += said.min(arrived);
        let (more_said, more_arrived) =
            (said_surely.saturating_sub(arrived), arrived_surely.saturating_sub(said));
        counted.more_said += more_said;
        counted.more_arrived += more_arrived;
        let unclear = said_likely.saturating_sub(arrived).saturating_sub(more_said);
        counted.unclear += unclear;
        unclear_arrived += arrived_likely.saturating_sub(said).saturating_sub(more_arrived);
        if more_said + more_arrived > 0 {
            counted.differing.insert(event.chars().take(64).collect(), (said, arrived));
        }
    }
    let excused = unanswered.saturating_sub(counted.more_arrived);
    counted.more_arrived = counted.more_arrived.saturating_sub(unanswered);
    counted.unclear += unclear_arrived.saturating_sub(excused);
    counted
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(second)
    }

    fn side(events: &[(Option<&str>, i64)], other: Span) -> Side {
        let mut side = Side::default();
        events.iter().for_each(|(event, second)| side.take(*event, Some(at(*second)), other));
        side
    }

    #[test]
    fn numbers_are_compared_by_event_within_the_common_time() {
        let (log, journal) = (Span { from: at(0), to: at(100) }, Span { from: at(50), to: at(200) });
        let (a, b) = (Some("a"), Some("b"));
        // At the edges either side may have one that the other has no more, or not yet.
        let said = || side(&[(a, 10), (a, 47), (a, 60), (b, 61), (a, 99)], journal);
        let honest = compare(said(), side(&[(a, 60), (b, 61), (a, 99), (a, 104), (a, 150)], log), 0);
        assert_eq!((honest.said, honest.arrived, honest.more_said, honest.more_arrived), (4, 4, 0, 0));
        let fewer = compare(said(), side(&[(a, 60), (a, 99), (a, 150)], log), 0);
        assert_eq!((fewer.more_said, &fewer.differing), (1, &BTreeMap::from([("b".to_owned(), (1, 0))])));
        let more = compare(said(), side(&[(a, 60), (b, 61), (b, 62), (a, 99)], log), 0);
        assert_eq!((more.more_said, more.more_arrived, more.agreed), (0, 1, 3));
    }

    #[test]
    fn an_event_without_a_name_makes_all_of_them_one() {
        let all = Span { from: at(0), to: at(100) };
        let counted = compare(side(&[(None, 1), (Some("a"), 2)], all), side(&[(Some("b"), 1)], all), 0);
        // Both lie near the beginning, which may be somewhat later for the other side.
        assert_eq!((counted.said, counted.arrived, counted.more_said, counted.unclear), (2, 1, 0, 1));
        let counted = compare(side(&[(None, 51), (Some("a"), 52)], all), side(&[(Some("b"), 51)], all), 0);
        assert_eq!((counted.more_said, counted.unclear), (1, 0));
    }
}
