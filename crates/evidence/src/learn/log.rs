//! What a sender's own log says about it: its pauses, which statuses end a delivery and which are tried again, its time-out.

use super::log_ids::ById;
use super::retries::outcomes;
use super::{Certainty, KeptRetries, Learnt};
use crate::logs::{Entry, Kind};
use record::SenderProfile;
use std::collections::BTreeMap;

/// So many refused attempts wait for the line that says what became of them.
const WAITING: usize = 256;
/// So many events are told.
const EVENTS: usize = 5;

/// An attempt that failed, of which no line has said yet what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Failed {
    attempt: u32,
    /// None where there was no answer.
    status: Option<u16>,
}

/// Takes in a log, line by line.
#[derive(Debug, Default)]
pub struct LogLearner {
    attempts: usize,
    waiting: Vec<Failed>,
    /// By the number of the attempt: how many of those that failed at it were tried again, and nobody can tell yet which.
    owed: BTreeMap<u32, usize>,
    /// How often a status was followed by another attempt, and how often it ended the delivery.
    statuses: BTreeMap<u16, (usize, usize)>,
    /// By the number of the attempt that follows: pauses in ms, and how often.
    pauses: BTreeMap<u32, BTreeMap<u64, usize>>,
    most: BTreeMap<u32, usize>,
    timeouts: BTreeMap<u64, usize>,
    events: BTreeMap<String, usize>,
    by_id: ById,
}

impl LogLearner {
    /// Takes a line.
    pub fn take(&mut self, entry: &Entry<'_>) {
        let Some(kind) = entry.kind else { return };
        self.by_id.take(kind, entry);
        if kind.ends_attempt() {
            self.attempts += 1;
            if let Some(event) = entry.event.as_deref().filter(|_| self.events.len() < WAITING) {
                *self.events.entry(event.to_owned()).or_default() += 1;
            }
        }
        if let Some(most) = entry.most {
            *self.most.entry(most).or_default() += 1;
        }
        match (kind, entry.attempt) {
            (Kind::Failed | Kind::Timeout | Kind::ConnectionError | Kind::RequestError, Some(attempt)) => {
                if let Some(ms) = entry.timeout_ms.filter(|_| kind == Kind::Timeout) {
                    *self.timeouts.entry(ms).or_default() += 1;
                }
                if self.waiting.len() == WAITING {
                    self.waiting.remove(0);
                }
                self.waiting.push(Failed { attempt, status: entry.status });
            }
            (Kind::Retry, Some(next)) => {
                if let Some(ms) = entry.pause_ms {
                    *self.pauses.entry(next).or_default().entry(ms).or_default() += 1;
                }
                *self.owed.entry(next.saturating_sub(1)).or_default() += 1;
            }
            (Kind::Aborted, _) => self.aborted(entry.status),
            _ => {}
        }
        self.settle();
    }

    fn aborted(&mut self, status: Option<u16>) {
        let whose =
            |failed: &Failed| failed.status.is_some() && (status.is_none() || failed.status == status);
        let Some(at) = self.waiting.iter().rposition(whose) else { return };
        if let Some(status) = self.waiting.remove(at).status {
            self.statuses.entry(status).or_default().1 += 1;
        }
    }

    /// Whose retry a line told can be said once all that failed at that attempt have the same status: several processes write
    /// their lines between each other's.
    fn settle(&mut self) {
        for (attempt, owed) in &mut self.owed {
            while *owed > 0 {
                let mut same = self.waiting.iter().filter(|failed| failed.attempt == *attempt);
                let Some(first) = same.next().copied().filter(|first| same.all(|other| other == first))
                else {
                    break;
                };
                *owed -= 1;
                let at = self.waiting.iter().position(|failed| *failed == first);
                at.map(|at| self.waiting.remove(at));
                if let Some(status) = first.status {
                    self.statuses.entry(status).or_default().0 += 1;
                }
            }
        }
        self.owed.retain(|_, owed| *owed > 0);
    }

    /// What it shows of the retries of a profile, where its lines have ids, attempts and times.
    #[must_use]
    pub fn kept(&self, profile: &SenderProfile) -> KeptRetries {
        self.by_id.kept(profile)
    }

    /// How many attempts it tells of.
    #[must_use]
    pub const fn attempts(&self) -> usize {
        self.attempts
    }

    /// The names of events that it has, for whoever writes the profile.
    #[must_use]
    pub fn events(&self) -> Vec<&str> {
        self.events.keys().map(String::as_str).take(EVENTS).collect()
    }

    /// What can be said of the sender. A log shows no requests, and so neither signature nor places.
    #[must_use]
    pub fn learn(&self) -> Vec<Learnt> {
        let mut found = self.schedule();
        // Lines that say what follows come before times that show it.
        let by_id = self.by_id.statuses();
        let statuses = if self.statuses.is_empty() { &by_id } else { &self.statuses };
        found.extend(outcomes(statuses, true, !self.statuses.is_empty()));
        if let Some((ms, n)) = most_frequent(&self.timeouts) {
            let all: usize = self.timeouts.values().sum();
            let evidence = format!("{n} of {all} timeouts after {ms} ms");
            let (value, certainty) = (format!("{ms}ms"), Certainty::of(n, all));
            found.push(Learnt { key: "limits.timeout", value, evidence, certainty });
        }
        found
    }

    fn schedule(&self) -> Vec<Learnt> {
        let said = most_frequent(&self.most)
            .map(|(most, _)| format!("; attempts are counted up to {most}"))
            .unwrap_or_default();
        // Up to the first pause that nothing tells of.
        let told = (2..).map_while(|next| self.pauses.get(&next)).collect::<Vec<_>>();
        let n: usize = told.iter().map(|pauses| pauses.values().sum::<usize>()).sum();
        if let Some([seen, jitter]) = self.by_id.schedule().filter(|_| n == 0) {
            return vec![Learnt { evidence: seen.evidence + &said, ..seen }, jitter];
        }
        if n == 0 {
            let evidence = format!("no line tells of a retry and its pause{said}");
            return vec![Learnt {
                key: "retry.schedule",
                value: "[0s]".to_owned(),
                evidence,
                certainty: Certainty::Unseen,
            }];
        }
        let middle = |pauses: &&BTreeMap<u64, usize>| most_frequent(pauses).map(|(ms, _)| format!("{ms}ms"));
        let pauses: Vec<String> =
            std::iter::once("0s".to_owned()).chain(told.iter().filter_map(middle)).collect();
        let always = told.iter().all(|pauses| pauses.len() == 1 && pauses.values().all(|n| *n >= 3));
        vec![Learnt {
            key: "retry.schedule",
            value: format!("[{}]", pauses.join(", ")),
            evidence: format!("{n} lines about retries and their pauses{said}"),
            certainty: if always { Certainty::Certain } else { Certainty::Likely },
        }]
    }
}

fn most_frequent<T: Copy + Ord>(counts: &BTreeMap<T, usize>) -> Option<(T, usize)> {
    counts.iter().max_by_key(|(_, n)| **n).map(|(value, n)| (*value, *n))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::Formats;

    fn learnt(lines: &str) -> Vec<(String, String, Certainty)> {
        let formats = Formats::built_in().unwrap();
        let mut learner = LogLearner::default();
        let head = "INFO 2025-11-13 14:30:15,123 apps.notifications.services.webhook_service ";
        for line in lines.lines() {
            let line = format!("{head}{}", line.trim());
            learner.take(&formats.read(&line).expect("a line"));
        }
        learner.learn().into_iter().map(|one| (one.key.to_owned(), one.value, one.certainty)).collect()
    }

    #[test]
    fn the_real_log_gives_pauses_statuses_and_the_time_out() {
        let refused = |status, attempt| {
            format!("Webhook delivery failed: event=paid, status={status}, attempt={attempt}/3, response=x\n")
        };
        let again = |next, pause| format!("Webhook retry {next}/3 after {pause}s delay\n");
        let whole = [refused(503, 1), again(2, 2), refused(503, 2), again(3, 4)].concat().repeat(3);
        // Two processes at the same time: which of the two is tried again stands only in the last line.
        let mixed = [
            refused(503, 1),
            refused(400, 1),
            again(2, 2),
            "Client error - aborting retries: status=400\n".to_owned(),
        ];
        let late = format!("Webhook timeout: event=paid, attempt=1/3, timeout=10s\n{}", again(2, 2));
        let found = learnt(&format!("{whole}{}{late}", mixed.concat()));
        let is = |key: &str, value: &str, certainty| {
            assert!(
                found.contains(&(key.to_owned(), value.to_owned(), certainty)),
                "{key} {value}: {found:?}"
            );
        };
        is("retry.schedule", "[0s, 2000ms, 4000ms]", Certainty::Certain);
        is("retry.abort", "[400]", Certainty::Likely);
        is("retry.retry", "[503]", Certainty::Certain);
        is("limits.timeout", "10000ms", Certainty::Likely);
    }

    #[test]
    fn attempts_that_are_told_by_id_and_time_show_what_follows() {
        let line = |second: u32, what: &str| {
            let (minutes, second) = (second / 60, second % 60);
            format!(
                "INFO 2025-11-13 14:{minutes:02}:{second:02},000 apps.notifications.services.webhook_service {what}\n"
            )
        };
        let refused = |id: &str, at, attempt: u32, status| {
            let what = format!("event=paid, attempt={attempt}/3, status={status}, webhook_id={id}");
            line(at, &format!("Webhook request failed: {what}"))
        };
        let taken = |id: &str, at, attempt: u32| {
            let what = format!("event=paid, status=200, attempt={attempt}/3, webhook_id={id}");
            line(at, &format!("Webhook delivered successfully: {what}"))
        };
        let text = [
            refused("a", 0, 1, 503),
            refused("b", 1, 1, 400),
            refused("a", 2, 2, 503),
            taken("a", 7, 3),
            refused("c", 60, 1, 503),
            refused("c", 62, 2, 503),
            taken("c", 67, 3),
            // What comes again after a success is no retry.
            taken("d", 100, 1),
            taken("d", 180, 2),
        ]
        .concat();
        let formats = Formats::built_in().unwrap();
        let mut learner = LogLearner::default();
        text.lines().for_each(|line| learner.take(&formats.read(line).expect("a line")));
        let found: Vec<_> =
            learner.learn().into_iter().map(|one| (one.key, one.value, one.certainty)).collect();
        let wanted = [
            ("retry.schedule", "[0s, 2000ms, 5000ms]".to_owned(), Certainty::Likely),
            ("retry.jitter", "0".to_owned(), Certainty::Likely),
            ("retry.abort", "[400]".to_owned(), Certainty::Likely),
            ("retry.retry", "[503]".to_owned(), Certainty::Likely),
        ];
        assert_eq!(found, wanted);
    }

    #[test]
    fn a_log_without_retries_says_that_none_was_seen() {
        let found = learnt("Webhook delivered successfully: event=paid, status=200, attempt=1");
        assert_eq!(found.iter().map(|one| one.2).collect::<Vec<_>>(), [Certainty::Unseen; 3]);
    }
}
