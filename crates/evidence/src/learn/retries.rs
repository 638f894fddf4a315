//! What a profile says of retries, from pauses and outcomes that were seen, wherever they were seen.

use super::{Certainty, Learnt};
use crate::figure::counted;
use record::EARLY_MS;
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
}

impl Schedule {
    /// From the pauses before the second attempt, before the third, and so on; none without any.
    pub(super) fn of(pauses: impl IntoIterator<Item = Vec<u64>>) -> Option<Self> {
        let mut found =
            Self { value: "[0s".to_owned(), attempts: 1, pauses: 0, fewest: usize::MAX, spread: None };
        for mut all in pauses {
            all.sort_unstable();
            let (middle, spread) = middle(&all)?;
            // Of a retry at once it is the way there and back that differs.
            if middle >= EARLY_MS && all.len() > 1 {
                found.spread = found.spread.max(Some(spread));
            }
            match middle {
                ..EARLY_MS => found.value.push_str(", 0s"),
                _ => found.value.push_str(&format!(", {}ms", rounded(middle))),
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
        let jitter = spread.min(100);
        let evidence = format!("pauses vary by up to {spread} % around their middle");
        let value = if spread < ALIKE_PERCENT {
            "0".to_owned()
        } else {
            format!("0.{jitter:02}").replace("0.100", "1")
        };
        Learnt { key: "retry.jitter", value, evidence, certainty: Certainty::Likely }
    }
}

/// The middle of sorted pauses, and by how many per cent of it they differ: the usual one where nearly all are like it, else what lies
/// halfway between the shortest and the longest, about which jitter lies.
fn middle(sorted: &[u64]) -> Option<(u64, u64)> {
    let (first, last) = (*sorted.first()?, *sorted.last()?);
    let share = |of: u64| ((of - first).max(last - of) * 100).checked_div(of).unwrap_or(0);
    let usual = *sorted.get(sorted.len() / 2)?;
    if share(usual) < ALIKE_PERCENT {
        return Some((usual, share(usual)));
    }
    let halfway = first.midpoint(last);
    Some((halfway, share(halfway)))
}

/// To two digits: a pause of 2003 ms is one of 2000.
const fn rounded(ms: u64) -> u64 {
    match ms {
        0..=99 => ms,
        100..=999 => (ms + 5) / 10 * 10,
        _ => (ms + 50) / 100 * 100,
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
