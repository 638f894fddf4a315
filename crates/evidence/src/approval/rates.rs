//! Rates that do not follow from counts, and answers that do not follow from figures.

use super::document::{Document, Node, number, rounding, shown};
use super::figures::{Figures, RETRY_RATE};
use super::judgement::Findings;
use record::RunKind;
use serde_json::Value;

pub(super) fn check(document: &Document<'_>, figures: &Figures, found: &mut Findings) {
    let organic = |name: &str| document.at(&format!("/outcomes/organic/{name}"));
    let (success, whole) = if document.kind().is_some_and(RunKind::accounts_for_each_webhook) {
        (organic("delivered").zip(organic("late")).and_then(|(a, b)| a.checked_add(b)), organic("expected"))
    } else {
        (figures.success, figures.sent)
    };
    rate(
        document,
        &["success_rate", "success_rate_percent", "delivery_success_rate"],
        (success, whole),
        found,
    );
    if !document.is_own() {
        rate(document, &RETRY_RATE, (document.count(&["webhooks_retried", "retried"]), figures.sent), found);
        rate(document, &["failure_rate", "error_rate"], (figures.failed, figures.sent), found);
    }
    for node in &document.nodes {
        outside(node, found);
        claim(node, found);
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts below 2^52")]
fn rate(document: &Document<'_>, names: &[&str], counts: (Option<u64>, Option<u64>), found: &mut Findings) {
    let Some(node) = document.key(names).filter(|n| number(n.value).is_some()) else { return };
    let (Some(stated), (Some(hits), Some(n))) = (number(node.value), counts) else { return };
    if n == 0 {
        found.add(
            "rate_without_samples",
            format!("{} states {} % of zero webhooks", node.pointer, shown(stated)),
        );
        return;
    }
    let exact = hits as f64 / n as f64 * 100.0;
    // A fraction (0.952) is told from a percentage by its size.
    let as_fraction = stated <= 1.0 && (stated - exact / 100.0).abs() <= rounding(node.value);
    if (stated - exact).abs() > rounding(node.value) && !as_fraction {
        found.add(
            "rate_does_not_follow",
            format!("{} states {} %, but {hits} of {n} is {} %", node.pointer, shown(stated), shown(exact)),
        );
    }
}

/// No share is below 0 % or above 100 %.
fn outside(node: &Node<'_>, found: &mut Findings) {
    let is_share =
        ["_rate", "_rate_percent", "_percentage", "_percent"].iter().any(|end| node.key.ends_with(end));
    if let Some(x) = number(node.value).filter(|x| is_share && !(0.0..=100.0).contains(x)) {
        found.add(
            "rate_out_of_range",
            format!("{} states {} %, which is not a possible share", node.pointer, shown(x)),
        );
    }
}

/// `{"target": ">= 95 %", "actual": 92, "status": "PASS"}` in any of its spellings.
fn claim(node: &Node<'_>, found: &mut Findings) {
    let Some(object) = node.value.as_object() else { return };
    let of = |names: &[&str]| names.iter().find_map(|n| object.get(*n));
    let (Some(target), Some(actual)) =
        (of(&["target", "threshold", "criteria"]), of(&["actual", "value", "measured", "result"]))
    else {
        return;
    };
    let passed = of(&["verdict", "status", "passed", "pass", "met"]).is_some_and(says_pass);
    let (Some(target), Some(actual)) = (target.as_str(), number(actual)) else { return };
    if passed && met(target, actual) == Some(false) {
        found.add(
            "pass_without_meeting_target",
            format!("{} claims to pass with {} against a target of {target}", node.pointer, shown(actual)),
        );
    }
}

fn says_pass(value: &Value) -> bool {
    match value {
        Value::Bool(passed) => *passed,
        Value::String(text) => text.to_lowercase().contains("pass") || text.contains('✅') || text == "met",
        _ => false,
    }
}

/// Whether a figure meets a target such as `>= 95 %`, `<2000ms`, `0`; `None` when the target is not of that form.
fn met(target: &str, actual: f64) -> Option<bool> {
    let text = target.trim().replace('≥', ">=").replace('≤', "<=");
    let digits = text.trim_start_matches(['<', '>', '=', ' ']);
    let operator = text.strip_suffix(digits)?.trim();
    let limit = number(&Value::String(digits.trim().to_owned()))?;
    Some(match operator {
        ">=" => actual >= limit,
        ">" => actual > limit,
        "<" => actual < limit,
        "<=" => actual <= limit,
        "" | "=" => (actual - limit).abs() < 1e-9,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_in_their_usual_forms() {
        assert_eq!(met(">= 95 %", 94.9), Some(false));
        assert_eq!(met("≥95%", 95.0), Some(true));
        assert_eq!(met("<2s", 1999.0), Some(true));
        assert_eq!(met("< 2000 ms", 2000.0), Some(false));
        assert_eq!(met("0", 0.0), Some(true));
        assert_eq!(met("all flows", 3.0), None);
        assert_eq!(met("<= 3", 3.0), Some(true));
    }
}
