//! What follows an attempt: the pause before the next, what `Retry-After` does to it, which statuses end a delivery, and where a
//! redirect leads.

use super::retries::{Outcomes, Schedule, outcomes};
use super::{Certainty, Learner, Learnt, Seen};
use crate::figure::counted;
use record::faults::Fault;
use record::{EARLY_MS, LATE_MS};
use signature::Scheme;
use std::collections::{BTreeMap, BTreeSet};

/// That a success does not end deliveries: the statuses after which they came again, which is nothing that a profile promises.
pub(super) const AGAIN: &str = "retry.success";

/// So many attempts of a delivery are looked at.
const ATTEMPTS: usize = 64;

/// The pauses that were seen before the second attempt, the third, and so on, ms.
#[derive(Default)]
pub(super) struct Pauses {
    /// Those of the sender's own schedule.
    scheduled: BTreeMap<usize, Vec<u64>>,
    /// Those after a `Retry-After`, with what it asked for.
    asked: Vec<(usize, u64, u64)>,
}

impl Learner {
    /// Something came where a redirect points: each points to a place of its own.
    pub(super) fn followed(&mut self, target: &str) {
        let path = target.split(['?', '#']).next().unwrap_or_default();
        self.followed.extend(path.rsplit('/').next().and_then(|last| last.parse::<u64>().ok()));
    }

    fn is_followed(&self, seen: &Seen) -> bool {
        seen.redirect.is_some_and(|number| self.followed.contains(&number))
    }

    pub(super) fn schedule(&self, rounds: &[&[&Seen]], found: &mut Vec<Learnt>) -> Pauses {
        let mut pauses = Pauses::default();
        for tries in rounds {
            for (n, pair) in tries.windows(2).take(ATTEMPTS).enumerate() {
                let [before, after] = pair else { continue };
                let gap = after.at.0.saturating_sub(before.end.unwrap_or(before.at).0) / 1000;
                match before.fault {
                    Some(Fault::Status { retry_after: Some(seconds), .. }) => {
                        pauses.asked.push((n, u64::from(seconds) * 1000, gap));
                    }
                    _ => pauses.scheduled.entry(n).or_default().push(gap),
                }
            }
        }
        // What is known of later pauses is no schedule without those before them.
        let known = (0..).map_while(|n| pauses.scheduled.get(&n)).cloned();
        let Some(schedule) = Schedule::of(known) else {
            let evidence = "no delivery was retried; answer some with 503 to see it".to_owned();
            let value = "[0s]".to_owned();
            found.push(Learnt { key: "retry.schedule", value, evidence, certainty: Certainty::Unseen });
            return pauses;
        };
        let evidence = format!(
            "{} between attempts; the most attempts of a delivery were {}",
            counted(schedule.pauses as u64, "pauses"),
            schedule.attempts
        );
        let certainty = if schedule.fewest >= 3 { Certainty::Certain } else { Certainty::Likely };
        let jitter = schedule.jitter();
        found.push(Learnt { key: "retry.schedule", value: schedule.value, evidence, certainty });
        found.push(jitter);
        pauses
    }

    pub(super) fn statuses(&self, rounds: &[&[&Seen]], found: &mut Vec<Learnt>) {
        let mut by_status = Outcomes::new();
        let longest = rounds.iter().flat_map(|tries| tries.windows(2)).filter_map(|pair| match pair {
            [before, after] => Some(after.at.0.saturating_sub(before.at.0)),
            _ => None,
        });
        let longest = longest.max().unwrap_or(10_000_000);
        let (mut followed, mut left) = (0, 0);
        for tries in rounds {
            for (n, seen) in tries.iter().enumerate() {
                let Some(status) = seen.status.filter(|s| !(200..300).contains(s)) else { continue };
                // Where it was followed, what came there says how the attempt ended.
                if self.is_followed(seen) {
                    followed += 1;
                    continue;
                }
                let (again, ended) = by_status.entry(status).or_default();
                if n + 1 < tries.len() {
                    *again += 1;
                } else if self.last.0.saturating_sub(seen.at.0) > longest {
                    *ended += 1;
                }
                left += usize::from(seen.redirect.is_some());
            }
        }
        let most = rounds.iter().map(|tries| tries.len()).max().unwrap_or_default();
        found.extend(outcomes(&by_status, most > 1, true));
        redirects(followed, left, found);
    }

    pub(super) fn identity(&self, rounds: &[&[&Seen]], scheme: Option<Scheme>, found: &mut Vec<Learnt>) {
        let Some(scheme) = scheme.filter(|scheme| scheme.has_timestamp()) else { return };
        let step_ms = scheme.timestamp_step_ms().and_then(|ms| u64::try_from(ms).ok()).unwrap_or(0);
        let at = |seen: &Seen| scheme.timestamp_ms_of(&seen.headers, &seen.body);
        let pairs = rounds.iter().flat_map(|tries| tries.windows(2)).filter_map(|pair| match pair {
            [a, b] => {
                let (before, after) = (at(a)?, at(b)?);
                // Two moments of the same second have the same timestamp, whenever they are stamped.
                let apart_ms = b.at.0.saturating_sub(a.at.0) / 1000;
                (before != after || apart_ms >= step_ms).then_some((before, after))
            }
            _ => None,
        });
        let (mut n, mut anew) = (0, 0);
        for (before, after) in pairs {
            n += 1;
            anew += usize::from(before != after);
        }
        let (value, good) = if anew > 0 { ("timestamp_per_attempt", anew) } else { ("same", n) };
        let evidence = format!("{anew} of {n} retries had a new timestamp");
        found.push(Learnt {
            key: "retry.identity",
            value: value.to_owned(),
            evidence,
            certainty: Certainty::of(good, n),
        });
    }
}

/// Whether an attempt had ended in a success when the next one came, which is no retry of it then: not where a fault kept the sender
/// from its answer, nor where it no longer waited for that.
fn is_taken(seen: &Seen, next: &Seen) -> bool {
    let is_whole = seen.fault.is_none_or(|fault| matches!(fault, Fault::Status { .. }));
    let in_time = seen.end.is_none_or(|end| end <= next.at);
    is_whole && in_time && seen.status.is_some_and(|status| (200..300).contains(&status))
}

/// The attempts of each delivery as far as a success; what comes behind one begins anew.
pub(super) fn rounds<'d, 's>(deliveries: &'d [Vec<&'s Seen>]) -> Vec<&'d [&'s Seen]> {
    deliveries.iter().flat_map(|tries| tries.chunk_by(|before, after| !is_taken(before, after))).collect()
}

/// That deliveries came again after a success. `by_id`: an id says that it is the same delivery, and not another one with the same body.
pub(super) fn again(deliveries: &[Vec<&Seen>], by_id: bool, found: &mut Vec<Learnt>) {
    let (mut statuses, mut twice) = (BTreeSet::new(), 0);
    for tries in deliveries {
        let after = tries.windows(2).filter_map(|pair| match pair {
            [before, after] if is_taken(before, after) => before.status,
            _ => None,
        });
        let after: Vec<u16> = after.collect();
        twice += usize::from(!after.is_empty());
        statuses.extend(after);
    }
    if twice == 0 {
        return;
    }
    let statuses: Vec<String> = statuses.iter().map(u16::to_string).collect();
    let (statuses, all) = (statuses.join(", "), counted(deliveries.len() as u64, "deliveries"));
    let doubt = if by_id { "" } else { ", if the same body is the same delivery, as no id tells" };
    let evidence =
        format!("{twice} of {all} came again after a success ({statuses}), which is no retry{doubt}");
    let certainty = if by_id { Certainty::Certain } else { Certainty::Likely };
    found.push(Learnt { key: AGAIN, value: format!("[{statuses}]"), evidence, certainty });
}

/// Whether redirects are followed, where there were any.
fn redirects(followed: usize, left: usize, found: &mut Vec<Learnt>) {
    let n = followed + left;
    if n > 0 {
        found.push(Learnt {
            key: "limits.follows_redirects",
            value: (followed > 0).to_string(),
            evidence: format!("{followed} of {} followed", counted(n as u64, "redirects")),
            certainty: Certainty::of(followed.max(left), n),
        });
    }
}

/// What `Retry-After` does, where the pause that it asks for is not the schedule's anyway.
pub(super) fn retry_after(pauses: &Pauses, found: &mut Vec<Learnt>) {
    let near = |gap: u64, wanted: u64| gap + EARLY_MS >= wanted && gap <= wanted + LATE_MS;
    let usual = |n: &usize| {
        let mut all = pauses.scheduled.get(n)?.clone();
        all.sort_unstable();
        all.get(all.len() / 2).copied()
    };
    let (mut as_asked, mut shorter, mut not) = (0, 0, 0);
    for (n, asked, gap) in &pauses.asked {
        match usual(n) {
            Some(usual) if near(usual, *asked) => {}
            Some(usual) if near(*gap, *asked) && *asked < usual => shorter += 1,
            _ if near(*gap, *asked) => as_asked += 1,
            Some(usual) if near(*gap, usual) && usual < *asked => not += 1,
            // At least so long, or the schedule: both look so.
            _ => {}
        }
    }
    let n = as_asked + shorter + not;
    if n == 0 {
        return;
    }
    let (value, good) = match (shorter, as_asked) {
        (0, 0) => ("ignore", not),
        (0, _) => ("honour", as_asked),
        _ => ("exact", as_asked + shorter),
    };
    let kept = as_asked + shorter;
    let evidence = format!("{kept} of {} `Retry-After` requests were honoured", counted(n as u64, "pauses"));
    let certainty = Certainty::of(good, n);
    found.push(Learnt { key: "retry.retry_after", value: value.to_owned(), evidence, certainty });
}

#[cfg(test)]
mod tests;
