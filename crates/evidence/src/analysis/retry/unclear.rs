//! Why nothing certain can be said of some deliveries, and what would settle it.

use super::super::delivery::index_of;
use super::super::{Analysis, Delivery};
use super::{Retries, gaps};
use crate::figure::counted;
use record::RetryContract;

/// So many deliveries are told with their pauses.
const TOLD: usize = 3;

/// A delivery without an id whose attempts cannot be told from those of another webhook.
#[derive(Debug, Clone)]
pub(super) struct Alike {
    delivery: u64,
    /// The pauses between its attempts in µs, where only somebody else can have fired the other webhook.
    gaps_us: Option<Vec<Option<u64>>>,
}

impl Alike {
    pub(super) fn of(analysis: &Analysis, delivery: &Delivery) -> Self {
        let by_others = analysis.by_absence.contains(&index_of(delivery.number));
        let gaps_us = by_others.then(|| gaps(analysis, &delivery.tries));
        Self { delivery: delivery.number, gaps_us }
    }

    /// Its pauses that are not those of the schedule; `None` where there is none.
    fn off_schedule(&self, contract: &RetryContract) -> Option<String> {
        let gaps = self.gaps_us.iter().flatten();
        let off = (1..).zip(gaps).filter_map(|(made, gap_us)| {
            let (gap_us, wanted_ms) = ((*gap_us)?, contract.gap_ms(made, None)?);
            let is_off = !contract.keeps_pause(wanted_ms, gap_us);
            is_off.then(|| format!("{} s before attempt {}", super::super::seconds(gap_us / 1000), made + 1))
        });
        let off: Vec<String> = off.collect();
        (!off.is_empty()).then(|| format!("delivery {}: {}", self.delivery, off.join(" and ")))
    }
}

impl Retries {
    /// Why what is unproven is so, with what would settle it: one phrase for each reason.
    pub(crate) fn why_unproven(&self, contract: &RetryContract) -> Vec<String> {
        let alike = self.alike.len() as u64;
        let unwatched = (self.unproven.len() as u64).saturating_sub(self.on_way.saturating_add(alike));
        let by_others = self.alike.iter().filter(|one| one.gaps_us.is_some()).count() as u64;
        let reasons = [
            (unwatched, "not watched from the first attempt to the end"),
            (self.on_way, "with an attempt that may have been lost on its way: the sender's log tells"),
            (
                alike - by_others,
                "without an id, not to be told from another webhook with the same content: give rows whose webhooks differ",
            ),
            (
                by_others,
                "without an id, whose attempts come at other times than one webhook's, and may be those of two with the same content \
                 if somebody else fired such a webhook meanwhile: the sender's log tells",
            ),
        ];
        let told = reasons.into_iter().filter(|(n, _)| *n > 0);
        let mut told: Vec<String> =
            told.map(|(n, why)| format!("{} {why}", counted(n, "deliveries"))).collect();
        let off: Vec<String> =
            self.alike.iter().filter_map(|one| one.off_schedule(contract)).take(TOLD).collect();
        if let (Some(last), false) = (told.last_mut(), off.is_empty()) {
            last.push_str(&format!(" ({})", off.join("; ")));
        }
        told
    }
}
