//! Attempts that never reached the receiver: the sender met a connection error, and went on with the next one.

use super::super::breach::Breach;
use record::RetryContract;

/// Whether attempts that were lost on their way explain `breaches` of a delivery of which `seen` attempts came, with these gaps in µs between
/// them: then the pauses before and after such an attempt make one gap, with what the sender waited for it, `timeout_ms` at most.
pub(super) fn explain(
    contract: &RetryContract,
    timeout_ms: u64,
    seen: usize,
    gaps_us: &[Option<u64>],
    breaches: &[Breach],
) -> bool {
    let is_about_them = |b: &Breach| matches!(b, Breach::Gap { .. } | Breach::TooFew { .. });
    let declared = contract.backoff_ms.len();
    let mut made = 1;
    for gap_us in gaps_us {
        let lost = match gap_us {
            None => Some(0),
            Some(gap_us) => (0..declared).find(|lost| fits(contract, timeout_ms, (made, *lost), *gap_us)),
        };
        let Some(lost) = lost else { return false };
        made += 1 + lost;
    }
    let is_short = breaches.iter().any(|b| matches!(b, Breach::TooFew { .. }));
    let ends = if is_short { made == declared } else { made <= declared };
    made > seen && ends && breaches.iter().all(is_about_them)
}

/// Whether a gap is that after the attempt number `made` with so many attempts lost in it.
fn fits(contract: &RetryContract, timeout_ms: u64, (made, lost): (usize, usize), gap_us: u64) -> bool {
    let pauses: Option<Vec<u64>> =
        (made..=made + lost).map(|attempt| contract.gap_ms(attempt, None)).collect();
    let Some(pauses) = pauses else { return false };
    let wanted_ms = pauses.into_iter().fold(0, u64::saturating_add);
    let (early, late) = contract.window_ms(wanted_ms);
    let waited = timeout_ms.saturating_mul(lost as u64);
    (early.saturating_mul(1000)..=late.saturating_add(waited).saturating_mul(1000)).contains(&gap_us)
}
