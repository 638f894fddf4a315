//! Attempts of a log that are told by their id and their time: what follows what, without a line about retries.

use super::kept::drifted;
use super::retries::{Outcomes, Schedule};
use super::{Certainty, KeptRetries, Learnt};
use crate::analysis::Breach;
use crate::figure::counted;
use crate::logs::{Entry, Kind};
use chrono::{DateTime, TimeDelta, Utc};
use correlate::{Stage, after};
use record::{RetryContract, SenderProfile};
use std::collections::BTreeMap;

/// So many deliveries are kept; more do not make a profile better.
const DELIVERIES: usize = 5000;
/// So many attempts of each.
const ATTEMPTS: usize = 64;

/// Times of lines may be whole seconds, and are those of their writing.
const SLACK: TimeDelta = TimeDelta::seconds(1);

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

    /// Whether failed attempts were followed as this profile has it, and soon enough.
    pub(super) fn kept(&self, profile: &SenderProfile) -> KeptRetries {
        let contract = &profile.contract();
        // By the line of its end alone, an attempt is not known to have begun late unless it would have been given up by then.
        let longest = profile.limits.timeout.and_then(|timeout| TimeDelta::from_std(timeout.get()).ok());
        let (mut breaches, mut seen, mut failed) = (Vec::new(), 0, 0);
        for (delivery, tries) in (0..).zip(self.all.values()) {
            failed += usize::from(tries.values().any(|tried| tried.failed));
            let judged: Vec<Option<Breach>> = tries
                .keys()
                .filter_map(|number| self.followed((delivery, tries), *number, contract, longest))
                .collect();
            seen += usize::from(!judged.is_empty());
            breaches.extend(judged.into_iter().flatten());
        }
        KeptRetries { drifted: drifted(&breaches, contract), seen, failed }
    }

    /// What is wrong with what followed a failed attempt; none where that cannot be seen.
    fn followed(
        &self,
        (delivery, tries): (u64, &BTreeMap<u32, Tried>),
        number: u32,
        contract: &RetryContract,
        longest: Option<TimeDelta>,
    ) -> Option<Option<Breach>> {
        let tried = tries.get(&number).filter(|tried| tried.failed)?;
        let (attempt, ended) = (usize::try_from(number).ok()?, tried.ended?);
        let what = after(contract, attempt, tried.status, None);
        let follower = tries.get(&(number + 1));
        let next = follower.and_then(|next| next.began.or(next.ended));
        let silent = self.last? - ended;
        let declared = contract.backoff_ms.len();
        match (what.stage, next) {
            (Stage::Open, Some(next)) => {
                let wanted = contract.gap_ms(attempt, None)?;
                let (early, late) = contract.window_ms(wanted);
                let ms = |ms: u64| TimeDelta::milliseconds(i64::try_from(ms).unwrap_or(i64::MAX / 1000));
                let gap = next - ended;
                let began = follower.is_some_and(|next| next.began.is_some());
                let took = if began { Some(TimeDelta::zero()) } else { longest };
                let is_late = took.is_some_and(|took| gap > ms(late) + SLACK + took);
                let kept = gap >= ms(early) - SLACK && !is_late;
                let gap_us = gap.num_microseconds().and_then(|us| u64::try_from(us).ok()).unwrap_or(0);
                let off = Breach::Gap { delivery, attempt: attempt + 1, gap_us, wanted_us: wanted * 1000 };
                Some((!kept).then_some(off))
            }
            (Stage::Open, None) => {
                let is_over = TimeDelta::from_std(what.silence).is_ok_and(|pause| silent > pause + SLACK);
                let status = tried.status;
                is_over.then_some(Some(Breach::TooFew { delivery, attempts: attempt, declared, status }))
            }
            (Stage::Aborted, Some(_)) => {
                let status = tried.status?;
                Some(Some(Breach::RetriedClientError { delivery, status }))
            }
            (Stage::Exhausted, Some(_)) => {
                Some(Some(Breach::TooMany { delivery, attempts: attempt + 1, declared }))
            }
            // That nothing followed shows something of a sender alone that tries once.
            (Stage::Exhausted, None) if declared == 1 => Some(None),
            _ => None,
        }
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

#[cfg(test)]
mod tests {
    use super::super::LogLearner;
    use super::*;
    use crate::logs::Formats;

    /// An attempt of a delivery, so many seconds after the first line, and its status.
    fn kept(lines: &[(&str, u32, u32, u16)]) -> KeptRetries {
        let formats = Formats::built_in().unwrap();
        let mut learner = LogLearner::default();
        for (id, at, attempt, status) in lines {
            let (minutes, second) = (at / 60, at % 60);
            let head = format!(
                "INFO 2025-11-13 14:{minutes:02}:{second:02},000 apps.notifications.services.webhook_service"
            );
            let what = if *status < 300 { "delivered successfully" } else { "request failed" };
            let line = format!(
                "{head} Webhook {what}: event=paid, attempt={attempt}/3, status={status}, webhook_id={id}"
            );
            learner.take(&formats.read(&line).expect("a line"));
        }
        learner.kept(SenderProfile::usual())
    }

    #[test]
    fn retries_of_a_log_are_held_against_a_profile() {
        let told = |lines: &[(&str, u32, u32, u16)]| {
            let kept = kept(lines);
            let drifted: Vec<(&str, String)> =
                kept.drifted.into_iter().map(|(key, _, seen)| (key, seen)).collect();
            (drifted, kept.seen, kept.failed)
        };
        let end = ("z", 100, 1, 200);
        let honest = [("a", 0, 1, 503), ("a", 2, 2, 503), ("a", 6, 3, 200), ("b", 10, 1, 400), end];
        assert_eq!(told(&honest), (Vec::new(), 1, 2));
        let drifts = |lines: &[(&str, u32, u32, u16)], key: &str, seen: &str| {
            assert_eq!(told(lines).0, [(key, seen.to_owned())]);
        };
        drifts(
            &[("a", 0, 1, 503), end],
            "retry.schedule",
            "1 of 3 attempts, then silence after 503 (in 1 delivery)",
        );
        let stops = [("a", 0, 1, 503), ("a", 2, 2, 503), ("b", 5, 1, 503), ("b", 7, 2, 503), end];
        drifts(&stops, "retry.schedule", "2 of 3 attempts, then silence after 503 (in 2 deliveries)");
        drifts(
            &[("a", 0, 1, 503), ("a", 40, 2, 200), end],
            "retry.schedule",
            "40 s before attempt 2, not 2 (in 1 delivery)",
        );
        let slow = [("a", 0, 1, 503), ("a", 9, 2, 200), end];
        assert_eq!(told(&slow), (Vec::new(), 1, 1), "it may have begun in time and taken 7 s");
        drifts(
            &[("a", 10, 1, 503), ("a", 10, 2, 200), end],
            "retry.schedule",
            "0 s before attempt 2, not 2 (in 1 delivery)",
        );
        drifts(
            &[("a", 0, 1, 400), ("a", 2, 2, 200), end],
            "retry.abort",
            "retried after 400 (in 1 delivery)",
        );
        let more = [("a", 0, 3, 503), ("a", 4, 4, 200), end];
        drifts(&more, "retry.schedule", "4 attempts, 3 declared (in 1 delivery)");
        // Where no attempt failed, or the log ends before a retry is late, nothing can be said.
        assert_eq!(told(&[("a", 0, 1, 200), end]), (Vec::new(), 0, 0));
        assert_eq!(told(&[("a", 98, 1, 503), end]), (Vec::new(), 0, 1));
    }
}
