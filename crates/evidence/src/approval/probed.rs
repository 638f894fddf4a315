//! The tries of the receiver's URL in a window: they come at even times, so that where some are missing nothing is known.

use super::judgement::{Item, evidence};
use super::proof::Proof;
use crate::gate::Verdict;
use record::{Tick, WatchBegin};
use std::time::Duration;

/// Nothing where none were asked for.
pub(super) fn item(proof: &Proof) -> Option<Item> {
    let analysis = &proof.evidence.analysis;
    let begin = analysis.watched.begin.as_ref().filter(|begin| begin.probe.is_some())?;
    let planned = begin.at.plus(Duration::from_millis(begin.duration_ms));
    let end = analysis.watched_until().min(planned);
    let tries = &analysis.watched.probes;
    let (longest, _) = tries
        .iter()
        .map(|probe| (Tick(probe.at.0.saturating_sub(probe.took_us)), probe.at))
        .chain([(end, end)])
        .fold((Duration::ZERO, begin.at), |(longest, last), (sent, ended)| {
            (longest.max(sent.since(last)), ended)
        });
    let most = WatchBegin::PROBED_EVERY * 3 / 2;
    let figure = format!(
        "{} tries, at most {:.1} s apart, every {} s asked for",
        tries.len(),
        longest.as_secs_f64(),
        WatchBegin::PROBED_EVERY.as_secs()
    );
    let (verdict, figure) = if longest > most {
        let why = "the receiver was not tried meanwhile, or tries were left out";
        (Verdict::Unproven, format!("{figure}: {why}"))
    } else {
        (Verdict::Pass, figure)
    };
    Some(evidence("probed", "Tries of the receiver's URL", verdict, figure, "journal"))
}
