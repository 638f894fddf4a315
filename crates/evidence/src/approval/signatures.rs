//! Signatures that cannot be ones, and verified counts over totals.

use super::document::{Document, Node};
use super::figures::Figures;
use super::judgement::Findings;
use serde_json::Value;
use signature::Scheme;
use std::collections::BTreeMap;

/// Hex digits of an HMAC-SHA256.
const DIGITS: usize = 64;
/// Members that tell one payload from another.
const CONTENT: [&str; 8] =
    ["body", "payload", "event", "payment_id", "match_id", "webhook_id", "x-webhook-event", "x-webhook-id"];

pub(super) fn check(document: &Document<'_>, figures: &Figures, found: &mut Findings) {
    let hex_scheme = document.text(&["signature_scheme", "scheme"]).is_none_or(|s| {
        s.parse::<Scheme>().map_or_else(|_| s.contains("SHA256"), Scheme::is_plain_hex_sha256)
    });
    if hex_scheme {
        forms(document, found);
    }
    verified(document, figures, found);
}

fn forms(document: &Document<'_>, found: &mut Findings) {
    let mut owners: BTreeMap<&str, (String, String)> = BTreeMap::new();
    for node in document.nodes.iter().filter(|n| is_signature(n)) {
        let Some(text) = node.value.as_str() else { continue };
        let digits = text.strip_prefix("sha256=").unwrap_or(text);
        if digits.is_empty() {
            continue;
        }
        if let Some(why) = malformed(digits) {
            found.add("signature_malformed", format!("the signature at {} {why}", node.pointer));
        }
        let content = content(document, &node.pointer);
        match owners.get(digits) {
            Some((other, before)) if !content.is_empty() && !before.is_empty() && *before != content => {
                found.add(
                    "signature_repeated",
                    format!("the signature at {} is also that of another payload, at {other}", node.pointer),
                );
            }
            _ => {
                owners.insert(digits, (node.pointer.clone(), content));
            }
        }
    }
}

fn is_signature(node: &Node<'_>) -> bool {
    matches!(
        node.key.as_str(),
        "x-webhook-signature" | "signature" | "webhook_signature" | "hmac_signature" | "hmac"
    )
}

fn malformed(digits: &str) -> Option<String> {
    let n = digits.chars().count();
    if !digits.chars().all(|c| c.is_ascii_hexdigit()) {
        Some("is not hex, so it is not an HMAC-SHA256".to_owned())
    } else if n != DIGITS {
        Some(format!("has {n} hex digits; an HMAC-SHA256 has {DIGITS}"))
    } else if digits.chars().any(|c| c.is_ascii_uppercase()) {
        Some("has upper-case hex digits; the sender writes lower case".to_owned())
    } else {
        None
    }
}

/// What the object around a signature says of its payload: the object itself, and the one around its headers.
fn content(document: &Document<'_>, pointer: &str) -> String {
    let (object, _) = pointer.rsplit_once('/').unwrap_or_default();
    let outer =
        object.rsplit_once('/').filter(|(_, last)| last.eq_ignore_ascii_case("headers")).map(|(o, _)| o);
    let objects = [Some(object), outer].into_iter().flatten().filter_map(|p| document.root.pointer(p));
    let members = objects.filter_map(Value::as_object).flatten();
    let known = members.filter(|(key, _)| CONTENT.contains(&key.to_lowercase().as_str()));
    known.map(|(key, value)| format!("{key}={value};")).collect()
}

/// More signatures verified than there was anything to verify.
fn verified(document: &Document<'_>, figures: &Figures, found: &mut Findings) {
    let section = |n: &&Node<'_>| {
        n.value.is_object()
            && (n.key.contains("hmac") || n.key.contains("signature"))
            && !n.key.contains("format")
    };
    for node in document.nodes.iter().filter(section) {
        let members = node.value.as_object().into_iter().flatten();
        let counts: Vec<(&String, u64)> = members.filter_map(|(k, v)| Some((k, v.as_u64()?))).collect();
        let of = |words: &[&str], not: &str| {
            let named =
                |k: &str| words.iter().any(|w| k.contains(w)) && !k.contains(not) && !k.contains("rate");
            counts.iter().find(|(k, _)| named(&k.to_lowercase())).copied()
        };
        let total = of(&["total", "checked", "tested", "sampled"], "valid");
        let valid = of(&["valid", "verified", "passed"], "invalid");
        let invalid = of(&["invalid", "failed", "mismatch"], "total");
        let (Some((name, valid)), whole) = (valid, total.map(|(_, n)| n).or(figures.sent)) else { continue };
        let whole_is_attempts = total.is_some() || document.is_own();
        if let Some(whole) =
            whole.filter(|whole| valid > *whole && (whole_is_attempts || figures.retried == Some(0)))
        {
            found.add(
                "verified_over_total",
                format!("{}/{name} counts {valid} verified signatures of {whole}", node.pointer),
            );
        }
        if let (Some((_, total)), Some((_, invalid))) = (total, invalid)
            && valid.checked_add(invalid) != Some(total)
        {
            found.add(
                "counts_do_not_add_up",
                format!(
                    "{}: {valid} valid and {invalid} invalid signatures do not add up to {total}",
                    node.pointer
                ),
            );
        }
    }
}
