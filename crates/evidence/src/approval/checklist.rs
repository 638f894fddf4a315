//! The guide's success criteria as a checklist: recomputed where there is a journal, else as stated and unproven.

use super::document::{Document, number, shown};
use super::figures::{Figures, RETRY_RATE};
use super::judgement::{Group, Item};
use super::left_open::{self, Level};
use super::proof::Proof;
use super::trust::Trust;
use crate::analysis::{CAUSE, Cases};
use crate::figure::actual;
use crate::gate::{
    CLIENT_ERROR_RATE, Check, Criterion, Gates, LATENCY_P50, LATENCY_P95, PII,
    RETRY_RATE as RETRY_RATE_ASKED, SERVER_ERROR_RATE, SIGNATURES, SUCCESS_RATE, Verdict,
};
use serde_json::Value;

/// Cases that are named behind a criterion that failed.
const CASES: usize = 3;

/// The gates as they were judged again; those that failed name the first cases of the run.
/// The level of trust that they have reached says what is open about each.
pub(super) fn recomputed(proof: &Proof, journal: &str, reached: Trust) -> Vec<Item> {
    let level = Level::of(proof, reached);
    let with_open = |check: &Check| Item {
        open: left_open::of(level, &check.id).map(str::to_owned),
        ..proven(check, proof.cases.as_ref(), journal)
    };
    proof.checks.iter().map(with_open).collect()
}

fn proven(check: &Check, cases: Option<&Cases>, journal: &str) -> Item {
    let listed = cases.filter(|_| check.verdict == Verdict::Fail).and_then(|cases| cases.of_check(&check.id));
    let named = listed.map(|listed| listed.sentences(CASES)).unwrap_or_default();
    let named = named.into_iter().filter(|sentence| !sentence.starts_with(CAUSE));
    let said = [said(check)].into_iter().chain(named).collect::<Vec<_>>().join("; ");
    Item {
        id: check.id.clone(),
        group: Group::Checklist,
        title: check.title.clone(),
        verdict: check.verdict,
        figure: said,
        source: format!("recomputed from {journal}"),
        open: None,
    }
}

/// The figure, what it should be, and what was seen.
fn said(check: &Check) -> String {
    let target = if check.target.is_empty() { String::new() } else { format!(" (target {})", check.target) };
    match check.actual {
        Some(_) => format!("{}{target}: {}", actual(check), check.text),
        None => format!("{}{target}", check.text),
    }
}

/// What an artifact without a journal states: a figure that misses its target fails, any other is unproven.
pub(super) fn stated(document: &Document<'_>, gates: &Gates) -> Vec<Item> {
    let figures = Figures::of(document);
    // Smoke's own rate is of what was left alone, and is held against those counts; others have no such.
    let counted = || figures.success.zip(figures.sent).and_then(|(hits, n)| percent(hits, n));
    let stated = document.number(&["success_rate"]);
    let success = if document.is_own() { stated.or_else(counted) } else { counted().or(stated) };
    let at_least = |target: Option<f64>| target.map(|t| (t, Side::AtLeast));
    let below = |target: Option<f64>| target.map(|t| (t, Side::Below));
    let rate = |names: &[&str]| document.number(names);
    let leaks = document.root.get("pii_check").map(leaks);
    let client = ["client_error_rate", "4xx_rate", "error_4xx_rate"];
    let server = ["server_error_rate", "5xx_rate", "error_5xx_rate"];
    let line = |row, actual, target, names: &[&str]| line(document, row, actual, target, names);
    vec![
        line(SUCCESS_RATE, success, at_least(gates.success_rate_min_percent), &["success_rate"]),
        line(SIGNATURES, valid_signatures(document), None, &["hmac_signature_validation"]),
        line(RETRY_RATE_ASKED, rate(&RETRY_RATE), below(gates.retry_rate_below_percent), &RETRY_RATE),
        line(CLIENT_ERROR_RATE, rate(&client), below(gates.client_error_rate_below_percent), &client),
        line(SERVER_ERROR_RATE, rate(&server), below(gates.server_error_rate_below_percent), &server),
        line(LATENCY_P50, figures.p50, below(gates.latency_p50_below_ms), &["p50_latency_ms"]),
        line(LATENCY_P95, figures.p95, below(gates.latency_p95_below_ms), &["p95_latency_ms"]),
        line(PII, leaks, gates.pii_leaks_max.map(|t| (as_f64(t), Side::AtMost)), &["pii_check"]),
    ]
}

/// The share of valid signatures in percent, out of counts.
fn valid_signatures(document: &Document<'_>) -> Option<f64> {
    let valid = document.count(&["valid", "valid_signatures", "signatures_valid", "verified"])?;
    let of_all = document.count(&["checked", "signatures_checked", "total_signatures"]);
    let invalid = || document.count(&["invalid", "invalid_signatures", "signatures_invalid"]);
    percent(valid, of_all.or_else(|| valid.checked_add(invalid()?))?)
}

fn line(
    document: &Document<'_>,
    Criterion { id, title, unit, .. }: Criterion,
    actual: Option<f64>,
    target: Option<(f64, Side)>,
    names: &[&str],
) -> Item {
    let missed = matches!((actual, target), (Some(x), Some((t, side))) if !side.met(x, t));
    Item {
        id: id.to_owned(),
        group: Group::Checklist,
        title: title.to_owned(),
        verdict: if missed { Verdict::Fail } else { Verdict::Unproven },
        figure: match actual {
            Some(x) => format!("{} {unit} as stated, with nothing to recompute it from", shown(x)),
            None => "not stated".to_owned(),
        },
        source: document.key(names).map_or_else(|| "artifact".to_owned(), |n| n.pointer.clone()),
        open: None,
    }
}

#[derive(Clone, Copy)]
enum Side {
    AtLeast,
    AtMost,
    Below,
}

impl Side {
    fn met(self, x: f64, target: f64) -> bool {
        match self {
            Self::AtLeast => x >= target,
            Self::AtMost => x <= target,
            Self::Below => x < target,
        }
    }
}

fn leaks(section: &Value) -> f64 {
    let names = ["emails_found", "usernames_found", "ip_addresses_found"];
    let guide: f64 = names.iter().filter_map(|n| number(section.get(*n)?)).sum();
    guide.max(section.get("findings_total").and_then(number).unwrap_or(0.0))
}

#[expect(clippy::cast_precision_loss, reason = "counts below 2^52")]
fn percent(hits: u64, n: u64) -> Option<f64> {
    (n > 0).then(|| hits as f64 / n as f64 * 100.0)
}

#[expect(clippy::cast_precision_loss, reason = "counts below 2^52")]
fn as_f64(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// One of two webhooks was broken on purpose, so that it failed.
    #[test]
    fn the_success_rate_is_that_of_what_was_left_alone() {
        let of = |own: bool| {
            let run = json!({ "webhooks_sent": 2, "webhooks_success": 1, "success_rate": 100.0 });
            let mut root = json!({ "test_run": run });
            if own {
                (root["schema_version"], root["provenance"]) = (json!(1), json!({}));
            }
            stated(&Document::new(&root), &Gates::default()).first().map(|item| item.verdict)
        };
        assert_eq!(of(true), Some(Verdict::Unproven));
        assert_eq!(of(false), Some(Verdict::Fail), "of others nobody knows what was broken");
    }

    #[test]
    fn valid_signatures_are_a_share_of_those_that_were_checked() {
        let of = |section: Value| {
            let root = json!({ "hmac_signature_validation": section });
            valid_signatures(&Document::new(&root))
        };
        assert_eq!(of(json!({ "checked": 2, "valid": 2, "invalid": 0 })), Some(100.0));
        assert_eq!(of(json!({ "valid_signatures": 3, "invalid_signatures": 1 })), Some(75.0));
        assert_eq!(of(json!({ "valid": 2 })), None);
    }
}
