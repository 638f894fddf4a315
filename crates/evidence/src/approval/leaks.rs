//! Personal data in the payloads that an artifact quotes, beside a check that says there is none.

use super::document::Document;
use super::judgement::Findings;
use pii::{Certainty, Engine, Policy};
use serde_json::Value;

/// Payloads that are looked at in one artifact.
const MAX_PAYLOADS: usize = 10_000;

pub(super) fn check(document: &Document<'_>, found: &mut Findings) {
    let status = document.root.pointer("/pii_check/status").and_then(Value::as_str).unwrap_or_default();
    if document.is_own() || !status.eq_ignore_ascii_case("pass") {
        return;
    }
    let Ok(engine) = Engine::new(&Policy::default(), &[], b"") else { return };
    let is_payload = |key: &str| key == "body" || key == "payload";
    let payloads = document.nodes.iter().filter(|n| n.value.is_object() && is_payload(&n.key));
    for node in payloads.take(MAX_PAYLOADS) {
        let scan = engine.scan_payload(node.value, &[]);
        if let Some(leak) = scan.findings.iter().find(|f| f.certainty == Certainty::Certain) {
            found.add(
                "pii_status",
                format!(
                    "pii_check says PASS, but the payload at {} holds {} at {}",
                    node.pointer, leak.category, leak.place
                ),
            );
            return;
        }
    }
}
