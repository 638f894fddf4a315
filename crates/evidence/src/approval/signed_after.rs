//! Webhooks that were signed before the step that fired them was sent: by the sender's own clock the step came earlier than the run
//! says, so that latencies are longer than they look.

use super::judgement::{Item, evidence};
use super::proof::Proof;
use crate::analysis::Delivery;
use crate::gate::Verdict;
use correlate::Certainty;
use record::{EMBEDDED, RunKind, Tick};

/// Clocks of several hosts of a sender lie apart by no more, ms; a timestamp in whole seconds says less than that anyway.
const HOSTS_MS: i64 = 250;
/// Within one process there is one clock; timestamps are cut to ms, and a thread may wait.
const SAME_CLOCK_MS: i64 = 20;

/// A webhook with the times that it was asked for, signed and come, ms since the run began; signed by the sender's clock.
struct Times {
    flow: u32,
    step: String,
    asked: i64,
    signed: i64,
    came: i64,
}

/// Nothing where no webhook has a time of its sender's.
pub(super) fn item(proof: &Proof) -> Option<Item> {
    let analysis = &proof.evidence.analysis;
    let header = &analysis.header;
    // A timestamp in whole seconds is rounded by more than there is to see.
    if header.kind != RunKind::Run || header.scheme.timestamp_step_ms() != Some(1) {
        return None;
    }
    let zero = proof.by_receiver(header.started).timestamp_millis();
    let all = times(proof, zero);
    // The sender's clock is behind by the shortest way from signing to arrival at most.
    let behind = all.iter().map(|t| t.came - t.signed).min()?;
    let is_one_clock = header.environment == EMBEDDED && proof.apart.is_none();
    let slack = if is_one_clock { SAME_CLOCK_MS } else { HOSTS_MS };
    let early: Vec<(&Times, i64)> =
        all.iter().map(|t| (t, t.asked - t.signed - behind)).filter(|(_, ms)| *ms > slack).collect();
    let (verdict, figure) = match early.iter().max_by_key(|(_, ms)| *ms) {
        None => (Verdict::Pass, format!("{} webhooks, each signed after its step was sent", all.len())),
        Some((worst, ms)) => (
            Verdict::Unproven,
            format!(
                "{} of {} webhooks were signed before the step that fired them was sent; that of flow {}, step `{}`, by {:.1} s: \
                 the clocks of the sender's hosts differ, or steps were moved to make latencies look shorter",
                early.len(),
                all.len(),
                worst.flow,
                worst.step,
                *ms as f64 / 1000.0
            ),
        ),
    };
    Some(evidence("signed_after", "Steps and signed times", verdict, figure, "journal"))
}

fn times(proof: &Proof, zero: i64) -> Vec<Times> {
    let analysis = &proof.evidence.analysis;
    let ms = |at: Tick| i64::try_from(at.since(Tick(0)).as_millis()).unwrap_or(i64::MAX / 4);
    let of = |delivery: &Delivery| {
        let asked = analysis.expectation(delivery.fulfils?)?;
        let first = delivery.tries.first()?;
        let signed = proof.seen.signed_ms(first.first_byte)?.saturating_sub(zero);
        let (asked_at, came) = (ms(asked.at), ms(first.first_byte));
        Some(Times { flow: asked.flow, step: asked.step_name.to_owned(), asked: asked_at, signed, came })
    };
    // What may be another flow's says nothing about when this one's step was sent.
    let certain = analysis.own().filter(|d| d.is_authentic() && d.certainty == Certainty::Certain);
    certain.filter_map(|d| of(&d)).collect()
}
