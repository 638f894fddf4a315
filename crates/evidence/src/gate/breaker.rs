//! The check of the sender's circuit breaker.

use super::check::{Check, Verdict};
use super::criteria::CIRCUIT_BREAKER;
use crate::analysis::seconds;
use record::{BreakerContract, BreakerStats};

/// So many times as many failures as open the breaker show whether up to so many processes have one each.
const TELLING: u64 = 4;

/// Deliveries came while it had to be open. When others were swallowed before that and none after it, it was not open for long enough.
/// When others were swallowed at the same time, it was open in one process and not in another: requests are sent on new connections,
/// which several processes share out.
pub(super) fn leaking(contract: BreakerContract, seen: BreakerStats, swallowed: u64) -> String {
    let (open, failures) = (seconds(contract.open_ms), contract.failures);
    let BreakerStats { leaked, first_leaked: first, dropped_since, .. } = seen;
    let came = match leaked {
        1 => format!("delivery {first} arrived within {open} s of failure {failures}"),
        _ => format!(
            "{leaked} deliveries arrived within {open} s of failure {failures}, first delivery {first}"
        ),
    };
    if swallowed > 0 && dropped_since == 0 {
        format!(
            "opened after {failures} failures, but not for {open} s: {came}, after {swallowed} were dropped; or the breaker is per \
             process, not per endpoint"
        )
    } else if swallowed > 0 {
        format!(
            "opened after {failures} here but not there: the breaker is per process, not per endpoint ({came}; {swallowed} were \
             dropped meanwhile)"
        )
    } else {
        let flows = TELLING * u64::from(failures);
        // The run that it leads to is not led to again, whatever of it came too late to count.
        let how = if leaked + 2 * u64::from(failures) > flows {
            String::new()
        } else {
            format!(": a run with --flows {flows} --concurrency 1 --no-pause --inject 400x* tells which")
        };
        format!(
            "{came}: it did not open, or each process has its own breaker and none of them saw {failures} failures{how}"
        )
    }
}

/// Judges what followed each time that the breaker had to be open: silence, then a probe, which closes it. None where the sender
/// has no breaker.
#[expect(clippy::cast_precision_loss, reason = "counts below 2^52")]
pub(super) fn check(contract: BreakerContract, seen: BreakerStats, suppressed: u64) -> Option<Check> {
    if contract.is_none() {
        return None;
    }
    let BreakerStats { openings, leaked, stuck, probes, .. } = seen;
    let n = leaked + stuck + suppressed + probes;
    let open = seconds(contract.open_ms);
    let (verdict, text) = match (openings, leaked, stuck, n) {
        (0, ..) => {
            let text = format!("fewer than {} deliveries failed in time to open it", contract.failures);
            (Verdict::NotExercised, text)
        }
        (_, 0, 0, 0) => {
            (Verdict::NotExercised, "it should have opened, but no webhook was due after that".to_owned())
        }
        (_, 1.., ..) => (Verdict::Fail, leaking(contract, seen, suppressed)),
        (_, _, 1.., _) => (
            Verdict::Fail,
            format!("{stuck} webhooks never arrived although the {open} s of silence were over"),
        ),
        _ => {
            let text = format!("{suppressed} webhooks were dropped while it was open; {probes} probes");
            (Verdict::Pass, text)
        }
    };
    let target = format!(
        "{} failed in {} s: {open} s silence, one probe",
        contract.failures,
        seconds(contract.window_ms)
    );
    let actual = (n > 0).then_some((leaked + stuck) as f64);
    Some(Check { actual, n, ..CIRCUIT_BREAKER.check(target, verdict, text) })
}
