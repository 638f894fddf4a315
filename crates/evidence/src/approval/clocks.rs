//! The clock of the machine that ran it, against the receiver's: where webhooks were read back from elsewhere, times in the
//! journal are by the one and signatures were judged by the other.

use super::judgement::{Item, evidence};
use crate::gate::Verdict;
use chrono::TimeDelta;

/// A clock that is off by no more says enough, µs: what the sender's may be off by, too.
const CLOSE_US: u64 = 5_000_000;
/// How far the two are apart; nothing where there is one only.
pub(super) fn item(apart: Option<TimeDelta>) -> Option<Item> {
    let us = apart?.num_microseconds().unwrap_or(i64::MAX);
    let side = if us > 0 { "behind" } else { "ahead of" };
    #[expect(clippy::cast_precision_loss, reason = "µs below 2^52, to one digit")]
    let figure = format!("this run's clock is {:.1} s {side} the receiver's", us.unsigned_abs() as f64 / 1e6);
    let (verdict, figure) = if us.unsigned_abs() > CLOSE_US {
        let why = "dates and latencies depend on it: sync it and run again";
        (Verdict::Unproven, format!("{figure}; {why}"))
    } else {
        (Verdict::Pass, figure)
    };
    Some(evidence("run_clock", "Run and receiver clocks", verdict, figure, "journal"))
}
