//! How long a sender waits for the answer to an attempt, as injected hangs, delays and drips show it.

use super::super::Analysis;
use super::super::breach::{Breach, TimeLimit};
use super::super::delivery::{AttemptResult, Delivery};
use super::Retries;
use record::faults::Fault;
use record::{Ending, Header};
use std::time::Duration;

/// An attempt ends at the time-out, neither later (unless a retry shows that it did not count) nor, as far as the sender ends
/// it, earlier. What comes byte by byte shows the limit of the whole attempt, what does not come at all only that of each read:
/// a sender that limits its reads ends that one, too.
pub(super) fn judge(analysis: &Analysis, delivery: &Delivery, found: &mut Retries) {
    let timeout_ms = analysis.header.webhook.timeout_ms;
    let deadline = analysis.header.retry.deadline(timeout_ms);
    let early = analysis.header.retry.soonest_end(timeout_ms);
    if analysis.header.retry.without_timeout {
        return;
    }
    for (n, t) in (1..).zip(&delivery.tries) {
        let Some(took) = t.end.map(|end| end.since(t.first_byte)) else { continue };
        let limit =
            if matches!(t.fault, Some(Fault::Drip(_))) { TimeLimit::Attempt } else { TimeLimit::Read };
        // Whoever goes away from an answer that is on its way may have ended, or been ended.
        let gave_up = is_held(t) && t.how == Some(Ending::SenderClosed);
        if (!gave_up && took < early) || !analysis.is_answered_in_time(t) {
            continue;
        }
        let after = Following::of(analysis, delivery, n, t);
        if after == Following::MayHaveGivenUp {
            continue;
        }
        let (number, took_ms) = (delivery.number, u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
        found.held.push((limit, took_ms));
        if gave_up && !(early..=deadline).contains(&took) {
            found.breaches.push(Breach::GaveUp { delivery: number, took_ms, timeout_ms, limit });
        } else if after != Following::DidNotCount && took > deadline {
            let retried = after == Following::Waited;
            found.breaches.push(Breach::Overstayed { delivery: number, took_ms, timeout_ms, limit, retried });
        }
    }
}

/// What followed an attempt that the sender did not end itself as far as was seen.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Following {
    /// Nothing.
    Nothing,
    /// A retry that shows that the sender gave the attempt up before its answer.
    DidNotCount,
    /// A retry of a hang that came so late that the sender waited for its end.
    Waited,
    /// A retry soon after a hang was over: the sender waited for that, or gave up and a proxy hid it.
    MayHaveGivenUp,
}

impl Following {
    fn of(analysis: &Analysis, delivery: &Delivery, n: usize, t: &AttemptResult) -> Self {
        let Some(next) = delivery.tries.get(n).or(delivery.after_acceptance.first()) else {
            return Self::Nothing;
        };
        // A hang has no answer that could not count: its end is no less a reason to try again than the time-out.
        let ended_by_us = matches!(t.fault, Some(Fault::Hang(_))) && t.how == Some(Ending::Broken);
        let is_over = t.end.is_some_and(|end| end <= next.first_byte);
        if !ended_by_us || !is_over {
            return Self::DidNotCount;
        }
        let latest = given_up_and_retried(&analysis.header, n, t).1;
        if next.first_byte.since(t.first_byte) > latest { Self::Waited } else { Self::MayHaveGivenUp }
    }
}

/// Whether attempt number `n` was given up at the time-out, by when the next one came, while a proxy kept its connection open.
pub(super) fn gave_up_unseen(
    header: &Header,
    n: usize,
    (before, after): (&AttemptResult, &AttemptResult),
) -> bool {
    let still_held = is_held(before) && before.end.is_some_and(|end| after.first_byte < end);
    let (soonest, latest) = given_up_and_retried(header, n, before);
    let time_out = !header.retry.without_timeout;
    time_out && still_held && (soonest..=latest).contains(&after.first_byte.since(before.first_byte))
}

/// From how soon to how late after the begin of attempt number `n` the next one comes where the sender gives it up at its time-out.
fn given_up_and_retried(header: &Header, n: usize, attempt: &AttemptResult) -> (Duration, Duration) {
    let (contract, timeout_ms) = (&header.retry, header.webhook.timeout_ms);
    let pause = contract.gap_ms(n, attempt.retry_after()).unwrap_or_default();
    let (early, late) = contract.window_ms(pause);
    let after = |end: Duration, pause_ms| end.saturating_add(Duration::from_millis(pause_ms));
    (after(contract.soonest_end(timeout_ms), early), after(contract.deadline(timeout_ms), late))
}

/// Whether the answer to an attempt was kept back by a fault.
const fn is_held(attempt: &AttemptResult) -> bool {
    matches!(attempt.fault, Some(Fault::Drip(_) | Fault::Hang(_) | Fault::Delay(_)))
}
