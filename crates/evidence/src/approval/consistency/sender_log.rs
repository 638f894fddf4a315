//! What a window says of the sender's log: sums that add up and only grow, and a comparison with the arrivals that are there.

use super::Contradictions;
use super::keys::difference;
use crate::logs::{Arrivals, KEPT, QUOTED, Summary};
use record::{Header, LogCompared, LogFacts, Reconciliation, Record, Watch};
use serde::Deserialize;

pub(super) struct SenderLog {
    /// What has arrived so far; nothing once it was compared.
    arrivals: Option<Arrivals>,
    /// The sums of all lines so far.
    said: Summary,
}

impl SenderLog {
    pub(super) fn new(header: &Header) -> Self {
        Self { arrivals: Some(Arrivals::new(header)), said: Summary::default() }
    }

    pub(super) fn take(&mut self, record: &Record, found: &mut Contradictions) {
        let Some(arrivals) = &mut self.arrivals else {
            if !matches!(record, Record::End(_)) {
                found
                    .add("log_does_not_add_up", "something comes after the log was compared at the very end");
            }
            return;
        };
        arrivals.take(record);
        match record {
            Record::Watch(Watch::Log(log)) => self.read(log, found),
            Record::Watch(Watch::Compared(compared)) => self.compared(compared, found),
            Record::End(_) => found.add(
                "log_does_not_add_up",
                "the log was to be compared when the window ended, but was not: the comparison was removed",
            ),
            _ => {}
        }
    }

    fn read(&mut self, log: &LogFacts, found: &mut Contradictions) {
        let Ok(said) = Summary::deserialize(&log.summary) else {
            found.add("unknown_key", "what the log says is not written as smoke writes it");
            return;
        };
        // The summary is free in the format of the journal: its keys are looked at here, the absent ones too.
        let written = serde_json::to_value(&said).unwrap_or_default();
        let lacks = |_| "what the log says lacks a key that smoke writes".to_owned();
        let differs = difference(&log.summary, &written, "/watch/log/summary")
            .or_else(|| difference(&written, &log.summary, "").map(lacks));
        if let Some(what) = differs {
            found.add("unknown_key", what);
        }
        let mut wrong = |what: String| found.add("log_does_not_add_up", what);
        let known = [said.webhook_lines, said.other_lines, said.unreadable.count];
        if total(&known) != Some(said.lines) {
            wrong(format!(
                "the log has {} lines, but those of each kind add up to another number",
                said.lines
            ));
        }
        if said.unreadable.about_webhooks > said.unreadable.count {
            wrong("more lines of no known format seem to be about webhooks than there are".to_owned());
        }
        if total(&kinds(&said)).is_none_or(|n| n > said.webhook_lines) || said.attempts > said.webhook_lines {
            wrong(format!(
                "the log has {} lines about webhooks, but more of them by kind",
                said.webhook_lines
            ));
        }
        let named: Vec<u64> = said.statuses.values().copied().collect();
        let of_events: Vec<u64> = said.events.values().copied().collect();
        if [named, of_events].iter().any(|n| total(n).is_none_or(|n| n > said.attempts)) {
            wrong(format!("the log has {} attempts, but more by status or event", said.attempts));
        }
        let errors = &said.errors;
        if errors.tracebacks > errors.count || errors.first.len() as u64 != errors.count.min(QUOTED as u64) {
            wrong(format!("the log has {} errors, but others are quoted or have a traceback", errors.count));
        }
        let sums = |said: &Summary| {
            [
                said.lines,
                said.webhook_lines,
                said.unreadable.count,
                said.delivered,
                said.errors.count,
                said.not_looked_at,
                said.pii.iter().flatten().fold(0, |sum: u64, (_, n)| sum.saturating_add(*n)),
            ]
        };
        if sums(&self.said).iter().zip(sums(&said)).any(|(before, now)| now < *before) {
            wrong("what the log says becomes less while the window lasts".to_owned());
        }
        self.said = said;
    }

    fn compared(&mut self, compared: &LogCompared, found: &mut Contradictions) {
        let Some(arrivals) = self.arrivals.take() else { return };
        let (told, accepted) = (arrivals.told(), arrivals.accepted_by_id());
        let (with_id, without_id) = arrivals.with_and_without_id();
        let is = &compared.found;
        let mut wrong = |what: String| found.add("log_does_not_add_up", what);
        if (is.in_journal, is.arrived_without_id) != (with_id, without_id) {
            wrong(format!(
                "the log was compared with {} webhooks, {} of them without an id, but {} are here, {} without: some were \
                 removed or inserted",
                is.in_journal + is.arrived_without_id,
                is.arrived_without_id,
                with_id + without_id,
                without_id
            ));
        }
        if is.agreed > accepted {
            wrong(format!(
                "{} accepted webhooks are in the log, but only {accepted} were accepted",
                is.agreed
            ));
        }
        // What was accepted is in the log, or it is not.
        let silent = is.not_logged.saturating_add(is.outside_log).saturating_add(is.edge_arrived);
        if is.counted.is_none() && is.agreed.saturating_add(silent) < told {
            wrong(format!(
                "{told} webhooks were accepted, but only {} are said to be in the log and {silent} not to be",
                is.agreed
            ));
        }
        let said = [is.agreed, is.never_seen, is.edge_said, is.not_accepted, is.outside, is.without_id];
        if total(&said).is_none_or(|said| said > self.said.delivered) {
            let delivered = self.said.delivered;
            wrong(format!(
                "the log says {delivered} times that a webhook was delivered, but more were compared"
            ));
        }
        let lost = is.lost.as_ref().map_or(0, |lost| lost.count.saturating_add(lost.unclear));
        if lost > self.said.webhook_lines {
            wrong(format!(
                "the log has {} lines about webhooks, but says of {lost} that they were lost",
                self.said.webhook_lines
            ));
        }
        let dated = compared.errors.outside.saturating_add(compared.errors.unclear);
        if dated > self.said.errors.count || compared.errors.first.len() as u64 != dated.min(KEPT as u64) {
            wrong(format!(
                "the log has {} errors, but {dated} of them are said to be dated outside the window",
                self.said.errors.count
            ));
        }
        if let Some(what) = unlisted(is) {
            wrong(what);
        }
    }
}

/// The first of each kind are listed, and no more than there are.
fn unlisted(is: &Reconciliation) -> Option<String> {
    let lost = is.lost.clone().unwrap_or_default();
    let lists = [
        (lost.count, lost.first.len()),
        (is.never_seen, is.never_seen_first.len()),
        (is.not_accepted, is.not_accepted_first.len()),
        (is.not_logged, is.not_logged_first.len()),
        (is.edge_said, is.edge_said_first.len()),
        (is.edge_arrived, is.edge_arrived_first.len()),
    ];
    let (n, listed) = lists.into_iter().find(|(n, listed)| (*n).min(KEPT as u64) != *listed as u64)?;
    Some(format!("{n} webhooks differ from the log, but {listed} are listed"))
}

/// The lines about webhooks by what they say.
const fn kinds(said: &Summary) -> [u64; 13] {
    [
        said.delivered,
        said.retries,
        said.failed,
        said.aborted,
        said.exhausted,
        said.timeouts,
        said.connection_errors,
        said.request_errors,
        said.breaker_opened,
        said.breaker_closed,
        said.blocked,
        said.not_configured,
        said.handler_errors,
    ]
}

fn total(counts: &[u64]) -> Option<u64> {
    counts.iter().try_fold(0u64, |sum, n| sum.checked_add(*n))
}
