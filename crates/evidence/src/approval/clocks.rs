//! The clock of the machine that ran it, against the receiver's: where webhooks were read back from elsewhere, times in the
//! journal are by the one and signatures were judged by the other.

use super::judgement::{Item, evidence};
use super::proof::Proof;
use crate::gate::Verdict;
use chrono::TimeDelta;

/// A clock that is off by no more says enough, µs: what the sender's may be off by, too.
const CLOSE_US: u64 = 5_000_000;
/// Clocks that are measured are known better than this, µs; else latencies are judged by nothing.
const KNOWN_US: u64 = 1_000_000;

/// How far the two are apart, by their time lines or by what signatures were judged by; nothing where there is one only.
pub(super) fn item(proof: &Proof) -> Option<Item> {
    let apart =
        [proof.apart, proof.seen.receiver_ahead()].into_iter().flatten().max_by_key(TimeDelta::abs)?;
    let us = apart.num_microseconds().unwrap_or(i64::MAX);
    let unknown_us =
        proof.evidence.analysis.watched.offset.as_ref().map_or(0, |offset| offset.uncertainty_us);
    let side = if us > 0 { "behind" } else { "ahead of" };
    #[expect(clippy::cast_precision_loss, reason = "µs below 2^52, to one digit")]
    let seconds = |us: u64| us as f64 / 1e6;
    let figure = format!("this run's clock is {:.1} s {side} the receiver's", seconds(us.unsigned_abs()));
    let (verdict, figure) = if us.unsigned_abs() > CLOSE_US {
        let why = "dates and latencies depend on them: sync both and run again";
        (Verdict::Unproven, format!("{figure}; {why}"))
    } else if unknown_us > KNOWN_US {
        let why = "run again over a faster connection to the receiver";
        (Verdict::Unproven, format!("{figure}, known to within {:.1} s only; {why}", seconds(unknown_us)))
    } else {
        (Verdict::Pass, figure)
    };
    Some(evidence("run_clock", "Run and receiver clocks", verdict, figure, "journal"))
}
