//! Whether what a required kind of evidence is about was put to the test at all.

use super::judgement::{Item, Kind, evidence};
use super::proof::Proof;
use crate::gate::{Check, Gates, Verdict};

/// The criteria without which there is no evidence of the kind.
const OF_A_RUN: [&str; 5] = ["success_rate", "signatures", "latency_p50", "latency_p95", "lost"];
const OF_A_WINDOW: [&str; 4] = ["success_rate", "signatures", "latency_p50", "latency_p95"];

/// No item for other kinds of evidence.
pub(super) fn item(proof: &Proof, kind: Kind, gates: &Gates) -> Option<Item> {
    let needed: &[&str] = match kind {
        Kind::Payments | Kind::Matches => &OF_A_RUN,
        Kind::Observation => &OF_A_WINDOW,
        Kind::Probe | Kind::Other => return None,
    };
    let checks = &proof.checks;
    let of = |id: &str| checks.iter().find(|check| check.id == id);
    // What the gates switch off is told, and has to be accepted, among the criteria.
    let missing: Vec<String> =
        needed.iter().filter(|id| !is_off(gates, id)).filter_map(|id| lacks(id, of(id))).collect();
    let (verdict, figure) = if missing.is_empty() {
        (Verdict::Pass, format!("{}, each with samples", needed.join(", ")))
    } else {
        (Verdict::Unproven, format!("not tested: {}", missing.join(", ")))
    };
    Some(evidence("exercised", "Coverage", verdict, figure, "journal"))
}

fn lacks(id: &str, check: Option<&Check>) -> Option<String> {
    match check {
        None => Some(format!("{id} (not judged)")),
        Some(check) if check.n == 0 || check.verdict == Verdict::NotExercised => Some(id.to_owned()),
        Some(_) => None,
    }
}

fn is_off(gates: &Gates, id: &str) -> bool {
    match id {
        "success_rate" => gates.success_rate_min_percent.is_none(),
        "signatures" => gates.signatures_valid_min_percent.is_none(),
        "latency_p50" => gates.latency_p50_below_ms.is_none(),
        "latency_p95" => gates.latency_p95_below_ms.is_none(),
        _ => gates.lost_max.is_none(),
    }
}
