//! What a profile says of retries, from pauses and outcomes that were seen, wherever they were seen.

use super::{Certainty, Learnt};
use crate::figure::counted;
use record::{EARLY_MS, LATE_MS};
use std::collections::BTreeMap;

/// So many statuses are told of.
const TOLD: usize = 12;
/// Pauses that differ by less than so many per cent have no jitter.
const ALIKE_PERCENT: u64 = 10;

/// How often a status was followed by another attempt, and how often it ended the delivery.
pub(super) type Outcomes = BTreeMap<u16, (usize, usize)>;

/// A schedule of pauses, ms: of each the middle, and by how many per cent of it they differ.
pub(super) struct Schedule {
    /// `[0s, 2000ms]`
    pub(super) value: String,
    /// How many attempts it is for.
    pub(super) attempts: usize,
    /// How many pauses it is from.
    pub(super) pauses: usize,
    /// The fewest before one of the attempts.
    pub(super) fewest: usize,
    /// By how many per cent of their middle pauses differ that were seen more than once; `None` where none was.
    spread: Option<u64>,
    /// The same of those alone that a fixed schedule does not allow.
    jitter: u64,
}

impl Schedule {
    /// From the pauses before the second attempt, before the third, and so on; none without any.
    pub(super) fn of(pauses: impl IntoIterator<Item = Vec<u64>>) -> Option<Self> {
        let value = "[0s".to_owned();
        let mut found = Self { value, attempts: 1, pauses: 0, fewest: usize::MAX, spread: None, jitter: 0 };
        for mut all in pauses {
            all.sort_unstable();
            let Pause { ms, spread, is_fixed } = pause(&all)?;
            // Of a retry at once it is the way there and back that differs.
            if ms >= EARLY_MS && all.len() > 1 {
                found.spread = found.spread.max(Some(spread));
                found.jitter = found.jitter.max(if is_fixed { 0 } else { spread });
            }
            match ms {
                ..EARLY_MS => found.value.push_str(", 0s"),
                _ => found.value.push_str(&format!(", {ms}ms")),
            }
            (found.attempts, found.pauses) = (found.attempts + 1, found.pauses + all.len());
            found.fewest = found.fewest.min(all.len());
        }
        found.value.push(']');
        (found.pauses > 0).then_some(found)
    }

    /// By how many per cent pauses differ from their middle, as a share.
    pub(super) fn jitter(&self) -> Learnt {
        let Some(spread) = self.spread else {
            let evidence =
                "no pause was seen twice; answer several webhooks with 503 to see how much it varies";
            let (value, evidence) = ("0".to_owned(), evidence.to_owned());
            return Learnt { key: "retry.jitter", value, evidence, certainty: Certainty::Unseen };
        };
        let evidence = format!("pauses vary by up to {spread} % around their middle");
        let value = match self.jitter {
            0 => "0".to_owned(),
            jitter => format!("0.{:02}", jitter.min(100)).replace("0.100", "1"),
        };
        Learnt { key: "retry.jitter", value, evidence, certainty: Certainty::Likely }
    }
}

/// A pause of a schedule, ms, by how many per cent those that were seen differ from it, and whether that is what a fixed one allows.
struct Pause {
    ms: u64,
    spread: u64,
    is_fixed: bool,
}

/// The pause of which these, sorted, were seen. A sender may be late and never early: where nearly all are alike it is the shortest, and else what
/// lies halfway between that and the longest, about which jitter lies.
fn pause(sorted: &[u64]) -> Option<Pause> {
    let (first, last) = (*sorted.first()?, *sorted.last()?);
    let spread = |of: u64| ((of.saturating_sub(first)).max(last.saturating_sub(of)) * 100, of);
    let usual = *sorted.get(sorted.len() / 2)?;
    let ms = first / step(first) * step(first);
    let (differs, of) = spread(usual);
    let alike = differs.checked_div(of).unwrap_or(0);
    if alike < ALIKE_PERCENT && last <= ms + LATE_MS {
        return Some(Pause { ms, spread: alike, is_fixed: true });
    }
    let halfway = first.midpoint(last);
    let ms = (halfway + step(halfway) / 2) / step(halfway) * step(halfway);
    let (differs, of) = spread(ms);
    Some(Pause { ms, spread: differs.div_ceil(of.max(1)), is_fixed: false })
}

/// What pauses are rounded to: two digits, as a pause of 2003 ms is one of 2000.
const fn step(ms: u64) -> u64 {
    match ms {
        0..=99 => 1,
        100..=999 => 10,
        _ => 100,
    }
}

/// Which statuses end a delivery, and which are tried again. `may_end`: whether an end is known from a last attempt; `certain`:
/// whether what was seen often is certain.
pub(super) fn outcomes(seen: &Outcomes, may_end: bool, certain: bool) -> [Learnt; 2] {
    let told = |(status, (again, ended)): (&u16, &(usize, usize))| {
        format!("{status}: retried {}, ended {}", times(*again), times(*ended))
    };
    let evidence: Vec<String> = seen.iter().map(told).take(TOLD).collect();
    let evidence =
        if evidence.is_empty() { "no attempt was refused".to_owned() } else { evidence.join("; ") };
    let of = |key, keep: &dyn Fn(usize, usize) -> bool| {
        let kept: Vec<_> = seen.iter().filter(|(_, (again, ended))| keep(*again, *ended)).collect();
        let fewest = kept.iter().map(|(_, (again, ended))| again + ended).min().unwrap_or_default();
        let statuses: Vec<String> = kept.iter().map(|(status, _)| status.to_string()).collect();
        let certainty = Certainty::of(fewest, if certain { fewest } else { fewest + 1 });
        Learnt { key, value: format!("[{}]", statuses.join(", ")), evidence: evidence.clone(), certainty }
    };
    [
        of("retry.abort", &|again, ended| again == 0 && ended > 0 && may_end),
        of("retry.retry", &|again, _| again > 0),
    ]
}

/// `1 time`, `2 times`.
fn times(n: usize) -> String {
    counted(n as u64, "times")
}

#[cfg(test)]
mod tests {
    use super::*;
    use record::RetryContract;

    /// What is proposed allows what it was proposed from.
    #[test]
    fn a_proposed_schedule_allows_the_pauses_that_were_seen() {
        let seen: [&[u64]; 8] = [
            &[2031],
            &[2061, 2003, 2099],
            &[4042, 4098],
            &[999, 1101],
            &[57_000, 60_400, 63_000],
            &[30_001, 30_900],
            &[400, 612],
            &[60_003, 60_120, 60_480],
        ];
        for pauses in seen {
            let mut sorted = pauses.to_vec();
            sorted.sort_unstable();
            let Pause { ms, spread, is_fixed } = pause(&sorted).unwrap();
            let jitter_percent = if is_fixed { 0 } else { u32::try_from(spread).unwrap() };
            let contract =
                RetryContract { backoff_ms: vec![0, ms], jitter_percent, ..RetryContract::default() };
            let (early, late) = contract.window_ms(ms);
            assert!(
                sorted.iter().all(|pause| (early..=late).contains(pause)),
                "{pauses:?}: {ms} ± {jitter_percent} %"
            );
        }
        let (fixed, jittered) = (pause(&[2003, 2061]).unwrap(), pause(&[57_000, 63_000]).unwrap());
        assert_eq!((fixed.ms, fixed.is_fixed), (2000, true));
        assert_eq!((jittered.ms, jittered.spread, jittered.is_fixed), (60_000, 5, false));
    }
}
