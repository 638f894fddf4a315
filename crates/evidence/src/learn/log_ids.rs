//! Attempts of a log that are told by their id and their time: what follows what, without a line about retries.

use super::retries::{Outcomes, Schedule};
use super::{Certainty, Learnt};
use crate::figure::counted;
use crate::logs::{Entry, Kind};
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;

/// So many deliveries are kept; more do not make a profile better.
const DELIVERIES: usize = 5000;
/// So many attempts of each.
const ATTEMPTS: usize = 64;

/// An attempt, as far as the log tells of it.
#[derive(Debug, Default, Clone, Copy)]
struct Tried {
    began: Option<DateTime<Utc>>,
    ended: Option<DateTime<Utc>>,
    failed: bool,
    status: Option<u16>,
}

/// Deliveries by id, and their attempts by number.
#[derive(Debug, Default)]
pub(super) struct ById {
    all: BTreeMap<String, BTreeMap<u32, Tried>>,
    most: u32,
    last: Option<DateTime<Utc>>,
}

impl ById {
    /// Takes a line about an attempt.
    pub(super) fn take(&mut self, kind: Kind, entry: &Entry<'_>) {
        self.last = self.last.max(entry.at);
        let (Some(id), Some(number), Some(at)) = (&entry.webhook_id, entry.attempt, entry.at) else { return };
        if kind != Kind::Attempt && !kind.ends_attempt() {
            return;
        }
        self.most = self.most.max(entry.most.unwrap_or(0));
        if self.all.len() >= DELIVERIES && !self.all.contains_key(id.as_ref()) {
            return;
        }
        let tries = self.all.entry(id.clone().into_owned()).or_default();
        if tries.len() >= ATTEMPTS && !tries.contains_key(&number) {
            return;
        }
        let tried = tries.entry(number).or_default();
        if kind == Kind::Attempt {
            tried.began = Some(at);
        } else {
            (tried.ended, tried.failed, tried.status) = (Some(at), kind != Kind::Delivered, entry.status);
        }
    }

    /// Each attempt that did not succeed and that another followed, with the pause between them, ms, by the number of the later one.
    fn pauses(&self) -> BTreeMap<u32, Vec<u64>> {
        let mut found: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
        for tries in self.all.values() {
            for (number, after) in tries {
                let before = number.checked_sub(1).and_then(|before| tries.get(&before));
                let before = before.filter(|before| before.failed || before.ended.is_none());
                let ended = before.and_then(|before| before.ended.or(before.began));
                let (Some(ended), Some(began)) = (ended, after.began.or(after.ended)) else { continue };
                let ms = u64::try_from((began - ended).num_milliseconds()).unwrap_or(0);
                found.entry(*number).or_default().push(ms);
            }
        }
        found
    }

    /// The schedule, where attempts followed each other.
    pub(super) fn schedule(&self) -> Option<[Learnt; 2]> {
        let mut pauses = self.pauses();
        // Up to the first pause that nothing tells of.
        let told: Vec<Vec<u64>> = (2..).map_while(|number| pauses.remove(&number)).collect();
        let schedule = Schedule::of(told)?;
        let pauses = counted(schedule.pauses as u64, "pauses");
        let evidence = format!("{pauses} between attempts with the same id, by the times of their lines");
        let jitter = schedule.jitter();
        let (value, certainty) = (schedule.value, Certainty::Likely);
        Some([Learnt { key: "retry.schedule", value, evidence, certainty }, jitter])
    }

    /// How often a status was followed by another attempt, and how often it ended the delivery.
    pub(super) fn statuses(&self) -> Outcomes {
        let mut found = Outcomes::new();
        let longest = self.pauses().into_values().flatten().max().unwrap_or(u64::MAX);
        for tries in self.all.values() {
            let latest = tries.keys().next_back().copied().unwrap_or(0);
            for (number, tried) in tries.iter().filter(|(_, tried)| tried.failed) {
                let Some(status) = tried.status else { continue };
                let silent =
                    self.last.zip(tried.ended).map_or(0, |(last, ended)| (last - ended).num_milliseconds());
                // After the last one that there is, and where the log ends too early, nothing can follow.
                let may_follow = *number < self.most.max(2)
                    && u64::try_from(silent).is_ok_and(|silent| silent > longest.saturating_mul(2));
                let (again, ended) = found.entry(status).or_default();
                if *number < latest {
                    *again += 1;
                } else if may_follow {
                    *ended += 1;
                }
            }
        }
        found
    }
}
