//! Attempts that failed and were to be followed by another: the log has to say what came of it, or the webhook may be lost.

use super::formats::Kind;
use super::line::Entry;
use super::lost::{Seen, Until};
use chrono::{DateTime, TimeDelta, Utc};
use record::RetryContract;
use std::collections::{BTreeMap, VecDeque};

/// Most attempts that are kept.
const MOST: usize = 100_000;

/// When a line was written, and its number.
type Told = (Option<DateTime<Utc>>, u64);

/// Failed attempts that the next one is awaited of.
#[derive(Debug)]
pub(super) struct Waiting {
    retry: RetryContract,
    /// By event and number of the attempt: when it was told, and in which line.
    failed: BTreeMap<(Box<str>, u32), VecDeque<Told>>,
    kept: usize,
    /// Whether an attempt has come to an end in a line without its number: then nobody knows which one goes on from which.
    unnumbered: bool,
}

impl Waiting {
    pub(super) const fn new(retry: RetryContract) -> Self {
        Self { retry, failed: BTreeMap::new(), kept: 0, unnumbered: false }
    }

    pub(super) fn take(&mut self, kind: Kind, entry: &Entry<'_>, line: u64, at: Option<DateTime<Utc>>) {
        let event = entry.event.as_deref().unwrap_or_default();
        if kind == Kind::Exhausted {
            // It may have given up before its last attempt.
            let keys = (event.into(), 0)..=(event.into(), u32::MAX);
            let last = self.failed.range(keys).rev().find(|(_, waiting)| !waiting.is_empty());
            if let Some(attempt) = last.map(|((_, attempt), _)| *attempt) {
                self.went_on(event, attempt);
            }
            return;
        }
        if !kind.ends_attempt() {
            return;
        }
        let Some(attempt) = entry.attempt else {
            self.unnumbered = true;
            return;
        };
        self.went_on(event, attempt.saturating_sub(1));
        let goes_on = kind != Kind::Delivered
            && !entry.status.is_some_and(|status| self.retry.aborts(status) || self.retry.succeeds(status))
            && entry.most.is_some_and(|most| attempt < most);
        if goes_on && self.kept < MOST {
            self.failed.entry((event.into(), attempt)).or_default().push_back((at, line));
            self.kept += 1;
        }
    }

    /// The next attempt after one with this number has come to an end.
    fn went_on(&mut self, event: &str, attempt: u32) {
        let waiting = self.failed.get_mut(&(event.into(), attempt));
        self.kept -= usize::from(waiting.and_then(VecDeque::pop_front).is_some());
    }

    /// Lines and numbers of those whose next attempt was due before the log ended, and is not in it.
    pub(super) fn left(
        self,
        seen: impl Fn(Option<DateTime<Utc>>) -> Seen,
        until: Option<Until>,
    ) -> Vec<(u64, u32)> {
        let Some(Until { end, slack }) = until.filter(|_| !self.unnumbered) else { return Vec::new() };
        let mut left = Vec::new();
        for ((_, attempt), waiting) in &self.failed {
            let pause = usize::try_from(*attempt).ok().and_then(|next| self.retry.backoff_ms.get(next));
            let pause = pause.or(self.retry.backoff_ms.last()).copied().unwrap_or(0);
            let pause =
                i64::try_from(pause).ok().and_then(TimeDelta::try_milliseconds).unwrap_or(TimeDelta::MAX);
            let due = |at: DateTime<Utc>| at.checked_add_signed(pause)?.checked_add_signed(slack);
            let over = |at: DateTime<Utc>| due(at).is_some_and(|due| due < end);
            let known = waiting.iter().filter_map(|(at, line)| Some(((*at)?, *line)));
            let told = known.filter(|(at, _)| over(*at) && seen(Some(*at)) == Seen::Certainly);
            left.extend(told.map(|(_, line)| (line, *attempt)));
        }
        left.sort_unstable();
        left
    }
}
