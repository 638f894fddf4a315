//! The retry contract, proved from the receiving end: schedule, number of attempts, silence afterwards, identity.

mod between;
mod time_limit;
mod unclear;

use super::breach::{Breach, TimeLimit};
use super::delivery::{AttemptResult, Delivery, index_of};
use super::{Analysis, Fate};
use correlate::after;
use record::faults::Fault;
use record::{EMBEDDED, Header, Tick, WatchBegin};
use record::{IdentityPolicy, RetryContract, RunKind};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use unclear::Alike;

/// What was seen of the retries of one delivery that had a failed attempt.
#[derive(Debug, Clone)]
pub struct RetryFacts {
    /// The delivery's number.
    pub delivery: u64,
    /// Gaps before attempts 2, 3 … in µs; `None` where the end of the attempt before is not known.
    pub gaps_us: Vec<Option<u64>>,
    /// Whether the silence after the last attempt was watched for longer than the longest gap.
    pub silence_watched: bool,
}

/// The retry behaviour of a run.
#[derive(Debug, Clone, Default)]
pub struct Retries {
    /// Deliveries in which a retry, or its absence, could be seen because an attempt had failed.
    pub exercised: Vec<RetryFacts>,
    /// Deliveries that a status had to end.
    pub client_errors: u64,
    /// Deliveries in which 408 or 429 was answered.
    pub throttled: u64,
    /// Deliveries that an injected 2xx had to end.
    pub accepted: u64,
    /// Attempts that the sender gave up, or that were held open for as long as its time-out: which limit that shows, and
    /// after how long in ms.
    pub held: Vec<(TimeLimit, u64)>,
    /// Every breach of the contract.
    pub breaches: Vec<Breach>,
    /// Deliveries of which an attempt may have been lost on its way, with the breaches that this would explain.
    perhaps_lost: Vec<(u64, Vec<Breach>)>,
    /// Attempts that found no connection by the sender's log, without those that deliveries have too few of.
    unconnected: u64,
    /// Deliveries of which nothing can be said: the end of an attempt is missing, the silence was not watched, or their
    /// attempts cannot be told from those of another webhook.
    pub unproven: Vec<u64>,
    /// How many of those had an attempt that may have been lost on its way.
    on_way: u64,
    /// Those of them whose attempts cannot be told from those of another webhook.
    alike: Vec<Alike>,
}

/// Judges every delivery of the run that had a failed attempt, or an injected answer.
#[must_use]
pub fn retries(analysis: &Analysis) -> Retries {
    let unconnected = analysis.watched.unconnected_by_log();
    let mut found = Retries { unconnected, ..Retries::default() };
    let reborn = reborn(analysis);
    for delivery in analysis.own() {
        judge_accepted(analysis, &delivery, &mut found);
        time_limit::judge(analysis, &delivery, &mut found);
        if !has_failed_try(&delivery) {
            continue;
        }
        if delivery.is_certain() {
            judge(analysis, &delivery, &reborn, &mut found);
        } else {
            cannot_tell(analysis, &delivery, &mut found);
        }
    }
    found.settle_lost(&analysis.header.retry);
    found.breaches.sort();
    found
}

impl Retries {
    /// Whether the sender's log has the attempts that a delivery has too few of: they found no connection.
    fn explains(&mut self, breaches: &[Breach]) -> bool {
        let [Breach::TooFew { attempts, declared, .. }] = breaches else { return false };
        let Some(left) = self.unconnected.checked_sub(declared.saturating_sub(*attempts) as u64) else {
            return false;
        };
        self.unconnected = left;
        true
    }

    /// A lost attempt explains a gap only of a sender that has shown that it keeps to the schedule.
    fn settle_lost(&mut self, contract: &RetryContract) {
        let on_schedule = |facts: &RetryFacts| {
            let first = facts.gaps_us.first().copied().flatten();
            first
                .zip(contract.gap_ms(1, None))
                .is_some_and(|(gap_us, wanted)| contract.keeps_pause(wanted, gap_us))
        };
        let keeps_to_it = self.exercised.iter().any(on_schedule);
        for (number, mut breaches) in std::mem::take(&mut self.perhaps_lost) {
            if keeps_to_it {
                self.unproven.push(number);
                self.on_way += 1;
                self.exercised.iter_mut().filter(|f| f.delivery == number).for_each(|f| f.gaps_us.fill(None));
            } else {
                self.breaches.append(&mut breaches);
            }
        }
    }
}

/// A failed attempt, after which nobody can say what came for this webhook and what for another one. That its redirect was
/// followed is certain all the same.
fn cannot_tell(analysis: &Analysis, delivery: &Delivery, found: &mut Retries) {
    let contract = &analysis.header.retry;
    let aborting = |t: &AttemptResult| t.status.is_some_and(|status| contract.aborts(status));
    found.client_errors += u64::from(delivery.tries.iter().any(aborting));
    if delivery.elsewhere && delivery.injected() && !contract.follows_redirects {
        let how = analysis.follow_up(delivery);
        found.breaches.push(Breach::Redirected { delivery: delivery.number, how });
    }
    found.unproven.push(delivery.number);
    found.alike.push(Alike::of(analysis, delivery));
    found.exercised.push(RetryFacts {
        delivery: delivery.number,
        gaps_us: Vec::new(),
        silence_watched: false,
    });
}

fn has_failed_try(delivery: &Delivery) -> bool {
    delivery.tries.iter().any(failed)
}

const fn failed(t: &AttemptResult) -> bool {
    !t.taken
}

/// An injected 2xx ends a delivery as much as our own.
fn judge_accepted(analysis: &Analysis, delivery: &Delivery, found: &mut Retries) {
    let Some(accepted) = delivery.accepted() else { return };
    let (Some(Fault::Status { status, .. }), number) = (accepted.fault, delivery.number) else { return };
    found.accepted += 1;
    let came_again = !delivery.after_acceptance.is_empty();
    if came_again && delivery.is_certain() && analysis.is_answered_in_time(accepted) {
        found.breaches.push(Breach::RetriedSuccess { delivery: number, status });
    } else if came_again || !delivery.is_certain() || !silence_watched(analysis, delivery) {
        found.unproven.push(number);
    }
}

fn judge(analysis: &Analysis, delivery: &Delivery, reborn: &Reborn, found: &mut Retries) {
    let contract = &analysis.header.retry;
    let number = delivery.number;
    let mut gaps_us = gaps(analysis, &delivery.tries);
    let mut breaches = Vec::new();
    judge_gaps(contract, delivery, &gaps_us, &mut breaches);
    judge_identity(&analysis.header, delivery, reborn, &mut found.breaches);
    if delivery.elsewhere && !contract.follows_redirects {
        found.breaches.push(Breach::Redirected { delivery: number, how: analysis.follow_up(delivery) });
    }
    let silence_watched = silence_watched(analysis, delivery);
    let throttled = delivery.tries.iter().any(|t| matches!(t.status, Some(408 | 429)));
    found.throttled += u64::from(throttled);
    let aborting = |t: &AttemptResult| t.status.is_some_and(|status| contract.aborts(status));
    let attempts = delivery.tries.len();
    let mut ended_well = if let Some(at) = delivery.tries.iter().position(aborting) {
        found.client_errors += 1;
        judge_client_error(analysis, delivery, at, found).unwrap_or(silence_watched)
    } else if attempts > contract.backoff_ms.len() && !contract.endless {
        found.breaches.push(Breach::TooMany {
            delivery: number,
            attempts,
            declared: contract.backoff_ms.len(),
        });
        true
    } else {
        judge_end(analysis, delivery, silence_watched, reborn, &mut breaches)
    };
    if !breaches.is_empty() && began_unseen(analysis, delivery, &gaps_us, &breaches) {
        gaps_us.fill(None);
        ended_well = false;
    } else if !breaches.is_empty() && may_be_lost(analysis, delivery, &gaps_us, &breaches) {
        found.perhaps_lost.push((number, breaches));
    } else if found.explains(&breaches) {
        ended_well = false;
    } else {
        found.breaches.append(&mut breaches);
    }
    if !ended_well || gaps_us.iter().any(Option::is_none) {
        found.unproven.push(number);
    }
    found.exercised.push(RetryFacts { delivery: number, gaps_us, silence_watched });
}

/// Whether a network lay between that may have lost an attempt, and one that was lost explains the breaches.
fn may_be_lost(
    analysis: &Analysis,
    delivery: &Delivery,
    gaps_us: &[Option<u64>],
    breaches: &[Breach],
) -> bool {
    let header = &analysis.header;
    let by_network = header.tested() != EMBEDDED && !header.stand_in;
    by_network
        && between::explain(&header.retry, header.webhook.timeout_ms, delivery.tries.len(), gaps_us, breaches)
}

/// Whether what was seen of a delivery is the schedule from a later attempt on, and the one before that came before the window began, or
/// while the receiver could not be read.
fn began_unseen(
    analysis: &Analysis,
    delivery: &Delivery,
    gaps_us: &[Option<u64>],
    breaches: &[Breach],
) -> bool {
    let contract = &analysis.header.retry;
    let declared = contract.backoff_ms.len();
    let Some(first) = delivery.tries.first().map(|first| first.first_byte) else { return false };
    let all_came = |unseen: usize| match breaches.iter().any(|breach| matches!(breach, Breach::TooFew { .. }))
    {
        true => unseen + delivery.tries.len() == declared,
        false => unseen + delivery.tries.len() <= declared,
    };
    let on_schedule = |unseen: usize| {
        let mut pauses = gaps_us.iter().zip(&delivery.tries).zip(unseen + 1..);
        pauses.all(|((gap_us, before), attempt)| {
            let wanted = contract.gap_ms(attempt, before.retry_after());
            gap_us.is_none_or(|gap_us| wanted.is_some_and(|wanted| contract.keeps_pause(wanted, gap_us)))
        })
    };
    let came_unseen = |unseen: usize| {
        let (early, late) = contract.window_ms(contract.gap_ms(unseen, None).unwrap_or_default());
        let before = |begin: &WatchBegin| first < begin.at.plus(Duration::from_millis(late));
        let ago = |ms: u64| Tick(first.0.saturating_sub(ms.saturating_mul(1000)));
        // Nothing listened before a run: what it did not ask for may have begun then.
        let before_run = analysis.header.kind == RunKind::Run && delivery.fulfils.is_none();
        analysis.watched.begin.as_ref().is_some_and(before)
            || (before_run && first < Tick::default().plus(Duration::from_millis(late)))
            || analysis.watched.is_unseen(ago(late), ago(early))
    };
    (1..declared).any(|unseen| all_came(unseen) && on_schedule(unseen) && came_unseen(unseen))
}

/// Whether a delivery with too few attempts may have had the others before they could be seen: then nothing of it is due any more.
fn may_have_all_attempts(analysis: &Analysis, delivery: &Delivery) -> bool {
    let (attempts, declared) = (delivery.tries.len(), analysis.max_attempts());
    let too_few = Breach::TooFew { delivery: delivery.number, attempts, declared, status: None };
    began_unseen(analysis, delivery, &gaps(analysis, &delivery.tries), &[too_few])
}

/// Gaps between the tries: from the end of one to the first byte of the next. `None` too where one may have come between them
/// unseen, where one of them had to wait for a receiver that did not run, or where a proxy hid when the sender gave one up.
pub(crate) fn gaps(analysis: &Analysis, tries: &[AttemptResult]) -> Vec<Option<u64>> {
    let gap = |(n, pair): (usize, &[AttemptResult])| match pair {
        [before, after] => before
            .end
            .filter(|_| [before, after].into_iter().all(|attempt| analysis.is_answered_in_time(attempt)))
            .filter(|end| !analysis.watched.is_unseen(*end, after.first_byte))
            .filter(|_| !time_limit::gave_up_unseen(&analysis.header, n, (before, after)))
            .map(|end| after.first_byte.0.saturating_sub(end.0)),
        _ => None,
    };
    (1..).zip(tries.windows(2)).map(gap).collect()
}

fn judge_gaps(
    contract: &RetryContract,
    delivery: &Delivery,
    gaps: &[Option<u64>],
    breaches: &mut Vec<Breach>,
) {
    for (i, (gap, before)) in gaps.iter().zip(&delivery.tries).enumerate() {
        let wanted = contract.gap_ms(i + 1, before.retry_after());
        let (Some(gap_us), Some(wanted_ms)) = (*gap, wanted) else { continue };
        if !contract.keeps_pause(wanted_ms, gap_us) {
            let (delivery, wanted_us) = (delivery.number, wanted_ms.saturating_mul(1000));
            breaches.push(Breach::Gap { delivery, attempt: i + 2, gap_us, wanted_us });
        }
    }
}

fn judge_identity(header: &Header, delivery: &Delivery, reborn: &Reborn, breaches: &mut Vec<Breach>) {
    let number = delivery.number;
    let (policy, anew) = (header.retry.identity, header.scheme.signs_anew());
    let changed = |pair: &[AttemptResult]| match (policy, pair) {
        (_, [a, b]) if a.fingerprints.body != b.fingerprints.body => {
            Some(Breach::Identity { delivery: number, changed: "body" })
        }
        (IdentityPolicy::TimestampPerAttempt, _) => None,
        (IdentityPolicy::Same, [a, b]) if a.fingerprints.timestamp_ms != b.fingerprints.timestamp_ms => {
            Some(Breach::Identity { delivery: number, changed: "timestamp" })
        }
        // Two signatures of such a key differ, although they are of the same.
        (IdentityPolicy::Same, _) if anew => None,
        (IdentityPolicy::Same, [a, b]) if a.fingerprints.signature != b.fingerprints.signature => {
            Some(Breach::Identity { delivery: number, changed: "signature headers" })
        }
        _ => None,
    };
    breaches.extend(delivery.tries.windows(2).find_map(changed));
    if policy == IdentityPolicy::TimestampPerAttempt && has_old_timestamp(&delivery.tries) {
        breaches.push(Breach::SameTimestamp { delivery: number });
    }
    if reborn.contains_key(&number) {
        breaches.push(Breach::Identity { delivery: number, changed: "id" });
    }
}

/// Whether an attempt has the timestamp of an earlier one. Where those are in whole seconds, attempts within one have the same and are
/// right.
fn has_old_timestamp(tries: &[AttemptResult]) -> bool {
    let mut first_with: HashMap<i64, Tick> = HashMap::new();
    tries.iter().any(|t| {
        let Some(stamp) = t.fingerprints.timestamp_ms else { return false };
        let first = *first_with.entry(stamp).or_insert(t.first_byte);
        let is_fine = stamp % 1000 != 0 && first != t.first_byte;
        is_fine || t.first_byte.since(first) >= Duration::from_secs(1)
    })
}

/// Says whether anything can be said of what came after the 4xx of the attempt at `at`; `None` where nothing came.
fn judge_client_error(
    analysis: &Analysis,
    delivery: &Delivery,
    at: usize,
    found: &mut Retries,
) -> Option<bool> {
    let refused = delivery.tries.get(at).filter(|_| delivery.tries.len() > at + 1)?;
    let in_time = analysis.is_answered_in_time(refused);
    if in_time {
        let status = refused.status.unwrap_or_default();
        found.breaches.push(Breach::RetriedClientError { delivery: delivery.number, status });
    }
    Some(in_time)
}

/// Judges how the attempts of a delivery without a 4xx ended; says whether anything can be said.
fn judge_end(
    analysis: &Analysis,
    delivery: &Delivery,
    silence_watched: bool,
    reborn: &Reborn,
    breaches: &mut Vec<Breach>,
) -> bool {
    let broke = delivery.tries.last().is_some_and(|t| t.status.is_none());
    match delivery.fate(&analysis.header.retry) {
        Fate::Open => false,
        // Declared: a connection that breaks ends the delivery.
        Fate::Aborted if broke => silence_watched,
        // A redirect that was followed, or a retry under another id, is the breach; the missing retry follows from it.
        Fate::GivenUp if delivery.elsewhere || reborn.contains_key(&delivery.number) => true,
        // Or a 408 or 429 that had to be retried.
        Fate::GivenUp | Fate::Aborted if silence_watched => {
            let (attempts, declared) = (delivery.tries.len(), analysis.max_attempts());
            let status = delivery.tries.last().and_then(|last| last.status);
            breaches.push(Breach::TooFew { delivery: delivery.number, attempts, declared, status });
            true
        }
        Fate::GivenUp | Fate::Exhausted | Fate::Aborted => silence_watched,
        Fate::Delivered => true,
    }
}

/// Whether nothing more came for longer than the pause after which something might have, and would have been seen.
pub(super) fn silence_watched(analysis: &Analysis, delivery: &Delivery) -> bool {
    let contract = &analysis.header.retry;
    let Some(last) = delivery.tries.last() else { return false };
    let wanted = after(contract, delivery.tries.len(), last.status, last.fault).silence;
    delivery.last_end().is_some_and(|end| {
        analysis.latest.since(end) >= wanted && !analysis.watched.is_unseen(end, end.plus(wanted))
    })
}

/// A delivery of which no attempt was accepted.
struct GivenUp {
    number: u64,
    end: Tick,
}

/// The number of a delivery that came back under another id to that of the first that it came back as.
type Reborn = BTreeMap<u64, u64>;

impl Analysis {
    /// Whether the sender had the answer to an attempt when the journal says so, as far as that is known.
    pub(super) fn is_answered_in_time(&self, attempt: &AttemptResult) -> bool {
        !self.watched.is_held_up(attempt.first_byte, attempt.end.unwrap_or(attempt.first_byte))
    }

    /// What the first retry under a new id was too many for: it is the breach of the contract, and nothing that came more often
    /// than it was due.
    pub(super) fn pardon_reborn(&mut self) {
        if !self.expectations().any(|asked| asked.has_surplus()) {
            return;
        }
        for (old, new) in reborn(self) {
            let asked = self.deliveries.get(index_of(old)).and_then(|delivery| delivery.fulfils);
            let surplus = |asked: &usize| self.expectation(*asked).is_some_and(|asked| asked.has_surplus());
            let Some(asked) = asked.filter(surplus) else { continue };
            if let Some(delivery) = self.deliveries.get_mut(index_of(new)).filter(|new| new.surplus == 1) {
                delivery.surplus = 0;
                self.expectations.pardon(asked);
            }
        }
    }
}

/// Deliveries that ended before their last attempt and came back under another id: same bytes, soon after, and nothing asked
/// for them. Once all attempts were made, or while one may still come, equal bytes are another webhook of the same event; so they are
/// where nobody says what is due, and the sender's webhooks have such bytes more often.
fn reborn(analysis: &Analysis) -> Reborn {
    let contract = &analysis.header.retry;
    if !analysis.own_troubled().any(|d| d.fate(contract) == Fate::GivenUp) {
        return Reborn::new();
    }
    let often = often_sent(analysis);
    let within = contract.latest_retry();
    let mut given_up: HashMap<(u64, Arc<str>), Vec<GivenUp>> = HashMap::new();
    let mut found = Reborn::new();
    for delivery in analysis.own().filter(|d| d.has_id) {
        let Some(first) = delivery.tries.first() else { continue };
        if often.contains(&first.fingerprints.body) {
            continue;
        }
        let key = (first.fingerprints.body, Arc::clone(&delivery.event));
        if delivery.fulfils.is_none() {
            let earlier = given_up.get(&key).into_iter().flatten();
            let soon = |end: Tick| end <= first.first_byte && first.first_byte.since(end) <= within;
            if let Some(one) = earlier.rev().find(|one| soon(one.end)) {
                found.entry(one.number).or_insert(delivery.number);
            }
        }
        // After a 4xx that ends it nothing is due: what comes then is a webhook of its own.
        let aborted = delivery.tries.iter().any(|t| t.status.is_some_and(|status| contract.aborts(status)));
        let ended = !aborted && delivery.fate(contract) == Fate::GivenUp;
        let failed =
            ended && silence_watched(analysis, &delivery) && !may_have_all_attempts(analysis, &delivery);
        if let Some(end) = delivery.last_end().filter(|_| failed) {
            given_up.entry(key).or_default().push(GivenUp { number: delivery.number, end });
        }
    }
    found
}

/// The bodies that more than two webhooks have, where no expectation says what is due.
fn often_sent(analysis: &Analysis) -> HashSet<u64> {
    let mut times: HashMap<u64, u32> = HashMap::new();
    if analysis.expectation_count() == 0 {
        let bodies = analysis.own().filter_map(|d| Some(d.tries.first()?.fingerprints.body));
        bodies.for_each(|body| *times.entry(body).or_default() += 1);
    }
    times.into_iter().filter(|(_, n)| *n > 2).map(|(body, _)| body).collect()
}

#[cfg(test)]
mod tests;
