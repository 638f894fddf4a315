//! What the sender says it delivered against what arrived, by webhook id.

use super::line::Entry;
use crate::http1::Ending;
pub use crate::journal::Reconciliation;
use crate::journal::{Header, Record, Watch};
use crate::signature::Scheme;
use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest, Sha256};
use std::collections::HashMap;

/// Examples that are kept of each kind.
const KEPT: usize = 20;
/// The two clocks, and the time from an answer to its log line, may differ by this much at the edges of the journal.
pub(super) const EDGE: TimeDelta = TimeDelta::seconds(5);

/// What arrived, by id; memory grows with the webhooks of the journal, not with the log.
#[derive(Debug)]
pub struct Arrivals {
    scheme: Scheme,
    started: DateTime<Utc>,
    /// Of the file that is being read: the time that its ticks count from.
    file_started: DateTime<Utc>,
    last: DateTime<Utc>,
    by_id: HashMap<[u8; 16], Arrival>,
    under_way: HashMap<u64, UnderWay>,
    without_id: u64,
    found: Reconciliation,
}

/// An attempt whose end has not been read.
#[derive(Debug)]
struct UnderWay {
    key: [u8; 16],
    status: Option<u16>,
}

#[derive(Debug)]
struct Arrival {
    /// When it was accepted, else when it came first.
    at: DateTime<Utc>,
    accepted: bool,
    /// Whether an accepting answer went out whole, so that the sender must know of it.
    told: bool,
    logged: bool,
    /// Shown when it turns out not to be logged.
    id: Box<str>,
}

impl Arrivals {
    /// Nothing has arrived yet.
    #[must_use]
    pub fn new(header: &Header) -> Self {
        Self {
            scheme: header.scheme,
            started: header.started,
            file_started: header.started,
            last: header.started,
            by_id: HashMap::new(),
            under_way: HashMap::new(),
            without_id: 0,
            found: Reconciliation::default(),
        }
    }

    /// The records that follow are those of a file with this header.
    pub fn next_file(&mut self, header: &Header) {
        self.file_started = header.started;
        self.started = self.started.min(header.started);
        self.under_way.clear();
    }

    /// Takes a record of the journal.
    pub fn take(&mut self, record: &Record) {
        match record {
            Record::Attempt(attempt) => {
                let at = attempt.received.wall(self.file_started);
                self.last = self.last.max(at);
                let Some(id) = self.scheme.id(&attempt.headers) else {
                    self.without_id += 1;
                    return;
                };
                let key = print(id);
                let fresh = Arrival { at, accepted: false, told: false, logged: false, id: id.into() };
                let arrival = self.by_id.entry(key).or_insert(fresh);
                arrival.accepted |= attempt.answer.is_some_and(is_success);
                // Behind a tap the status comes later.
                self.under_way.insert(attempt.attempt, UnderWay { key, status: attempt.answer });
            }
            Record::Watch(Watch::Forwarded(forwarded)) => {
                let Some(open) = self.under_way.get_mut(&forwarded.attempt) else { return };
                open.status = Some(forwarded.status);
                if let Some(arrival) = self.by_id.get_mut(&open.key) {
                    arrival.accepted |= is_success(forwarded.status);
                }
            }
            Record::Answered(answered) => {
                let Some(open) = self.under_way.remove(&answered.attempt) else { return };
                let told = answered.how == Ending::Sent && open.status.is_some_and(is_success);
                if let Some(arrival) = self.by_id.get_mut(&open.key).filter(|_| told) {
                    // The sender writes its line after it.
                    arrival.at = answered.end.wall(self.file_started);
                    arrival.told = true;
                }
            }
            Record::End(end) => self.last = self.last.max(end.at.wall(self.file_started)),
            _ => {}
        }
    }

    /// Whether a webhook with this id was accepted.
    pub(super) fn accepted(&self, id: &str) -> bool {
        self.by_id.get(&print(id)).is_some_and(|arrival| arrival.accepted)
    }

    /// A line says so of a time about which nothing can be said.
    pub(super) fn said_outside(&mut self) {
        self.found.outside += 1;
    }

    pub(super) fn said_delivered(&mut self, entry: &Entry<'_>, line: u64) {
        let Some(id) = entry.webhook_id else {
            self.found.without_id += 1;
            return;
        };
        let keep = |list: &mut Vec<(u64, String)>| {
            if list.len() < KEPT {
                list.push((line, id.chars().take(64).collect()));
            }
        };
        let outside = entry.at.is_some_and(|at| at < self.started - EDGE || at > self.last + EDGE);
        match self.by_id.get_mut(&print(id)) {
            Some(arrival) if arrival.accepted => {
                self.found.agreed += u64::from(!arrival.logged);
                arrival.logged = true;
            }
            Some(arrival) => {
                arrival.logged = true;
                self.found.not_accepted += 1;
                keep(&mut self.found.not_accepted_first);
            }
            None if outside => self.found.outside += 1,
            None => {
                self.found.never_seen += 1;
                keep(&mut self.found.never_seen_first);
            }
        }
    }

    /// `range` is the time that the log covers.
    pub(super) fn finish(self, range: Option<(DateTime<Utc>, DateTime<Utc>)>) -> Reconciliation {
        let mut found = self.found;
        found.in_journal = self.by_id.len() as u64;
        found.arrived_without_id = self.without_id;
        let covered =
            |at: DateTime<Utc>| range.is_some_and(|(first, last)| first <= at + EDGE && at <= last + EDGE);
        let silent = self.by_id.into_values().filter(|a| a.told && !a.logged && covered(a.at));
        let mut silent: Vec<_> = silent.map(|a| (a.at, a.id)).collect();
        silent.sort();
        found.not_logged = silent.len() as u64;
        found.not_logged_first = silent.into_iter().take(KEPT).map(|(_, id)| id.into_string()).collect();
        found
    }
}

const fn is_success(status: u16) -> bool {
    matches!(status, 200..=299)
}

fn print(id: &str) -> [u8; 16] {
    let mut print = [0; 16];
    Sha256::digest(id.as_bytes()).iter().zip(&mut print).for_each(|(from, to)| *to = *from);
    print
}

#[cfg(test)]
mod tests {
    use super::super::{Fold, Formats};
    use super::*;

    const NAME: &str = "apps.notifications.services.webhook_service";

    fn arrivals(accepted: &[&str], refused: &[&str]) -> Arrivals {
        let started = "2025-11-13T08:30:00Z".parse().unwrap();
        let mut arrivals = Arrivals {
            scheme: Scheme::DeltacrownV2,
            started,
            file_started: started,
            last: started + TimeDelta::seconds(60),
            by_id: HashMap::new(),
            under_way: HashMap::new(),
            without_id: 0,
            found: Reconciliation::default(),
        };
        for (ids, accepted) in [(accepted, true), (refused, false)] {
            for id in ids {
                let at = started + TimeDelta::seconds(10);
                let arrival = Arrival { at, accepted, told: accepted, logged: false, id: (*id).into() };
                arrivals.by_id.insert(print(id), arrival);
            }
        }
        arrivals
    }

    fn said(minute: u32, id: &str) -> String {
        format!(
            "INFO 2025-11-13 14:{minute}:10,000 {NAME} Webhook delivered successfully: event=e, status=200, attempt=1{id}"
        )
    }

    #[test]
    fn both_sides_are_set_against_each_other() {
        let formats = Formats::built_in().unwrap();
        let mut fold = Fold::new(&formats, None, Some(arrivals(&["a", "b"], &["c"])));
        for line in [
            said(30, ", webhook_id=a"),
            said(30, ", webhook_id=a"),
            said(30, ", webhook_id=c"),
            said(30, ", webhook_id=ghost"),
            said(20, ", webhook_id=earlier"),
            said(30, ""),
        ] {
            fold.take(Some(&line));
        }
        let found = fold.finish().1.unwrap();
        assert_eq!((found.agreed, found.not_accepted, found.outside, found.without_id), (1, 1, 1, 1));
        assert_eq!((found.never_seen, found.never_seen_first), (1, vec![(4, "ghost".to_owned())]));
        assert_eq!((found.not_logged, found.not_logged_first), (1, vec!["b".to_owned()]));
    }
}
