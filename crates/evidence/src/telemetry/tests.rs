//! The traces of a journal that is committed.

use super::{Telemetry, telemetry};
use ::telemetry::{Data, Kind, Span, Status, Value};
use std::collections::BTreeSet;
use std::path::Path;

fn golden() -> Telemetry {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    telemetry(&root.join("tests/data/golden/staging_payments_journal.jsonl")).unwrap()
}

fn text<'s>(span: &'s Span, name: &str) -> Option<&'s str> {
    span.attributes.iter().find_map(|(known, value)| match value {
        Value::Text(text) if known == name => Some(text.as_str()),
        _ => None,
    })
}

#[test]
fn each_flow_is_one_trace_of_steps_deliveries_and_attempts() {
    let made = golden();
    let traces: BTreeSet<_> = made.spans.iter().map(|span| span.trace).collect();
    assert_eq!(traces.len(), made.flows + 1, "one for each flow, and one for the run");
    let ids: BTreeSet<_> = made.spans.iter().map(|span| span.id).collect();
    assert_eq!(ids.len(), made.spans.len(), "no id is used twice");
    for span in &made.spans {
        let parent =
            span.parent.map(|id| made.spans.iter().find(|s| s.id == id).expect("the parent is there"));
        assert!(parent.is_none_or(|parent| parent.trace == span.trace), "{span:?}");
        assert!(span.end_ns >= span.start_ns && span.start_ns > 1_600_000_000_000_000_000, "{span:?}");
    }
    let delivery = made
        .spans
        .iter()
        .find(|s| s.kind == Kind::Consumer && text(s, "smoke.delivery.fate") == Some("delivered"));
    let delivery = delivery.expect("a delivery");
    let parent = made.spans.iter().find(|s| Some(s.id) == delivery.parent).unwrap();
    assert_eq!(parent.kind, Kind::Client, "a delivery is a part of the step that asked for it");
    assert!(made.spans.iter().any(|s| s.parent == Some(delivery.id) && s.name == "attempt 1"));
    let retried = made.spans.iter().filter(|s| s.name == "attempt 3").count();
    let failed =
        made.spans.iter().filter(|s| s.name == "attempt 1" && matches!(s.status, Status::Error(_))).count();
    assert!(retried > 0 && failed > 0, "retries are seen");
}

#[test]
fn the_verdict_is_in_every_trace() {
    let made = golden();
    let roots: Vec<&Span> = made.spans.iter().filter(|s| s.parent.is_none()).collect();
    assert_eq!(roots.len(), made.flows + 1);
    let verdict = text(roots[0], "smoke.verdict").unwrap();
    assert!(roots.iter().all(|root| text(root, "smoke.verdict") == Some(verdict)));
    assert!(roots[1..].iter().all(|root| text(root, "smoke.flow.verdict").is_some()));
    assert!(roots[1..].iter().all(|root| root.links[0].span == roots[0].id), "a flow leads to its run");
}

#[test]
fn the_metrics_count_what_the_artifact_counts() {
    let made = golden();
    let named = |name: &str| made.metrics.iter().find(|m| m.name == name).unwrap();
    let Data::Sum(flows) = &named("smoke.flows").data else { panic!("no sum") };
    let total: i64 = flows.iter().map(|p| if let Value::Int(n) = p.value { n } else { 0 }).sum();
    assert_eq!(usize::try_from(total).unwrap(), made.flows);
    // A flow is counted as its own span says.
    for (outcome, verdict) in [("ok", "pass"), ("failed", "fail"), ("unproven", "unproven")] {
        let is = |(name, value): &(String, Value)| {
            name == "smoke.outcome" && matches!(value, Value::Text(text) if text == outcome)
        };
        let point = flows.iter().find(|p| p.attributes.iter().any(is)).unwrap();
        let spans = made.spans.iter().filter(|s| text(s, "smoke.flow.verdict") == Some(verdict)).count();
        assert!(matches!(point.value, Value::Int(n) if usize::try_from(n) == Ok(spans)), "{outcome}");
    }
    let Data::Histogram(latency) = &named("smoke.webhook.latency").data else { panic!("no histogram") };
    assert!(latency[0].count() > 0 && latency[0].counts.len() == latency[0].bounds.len() + 1);
    assert!(matches!(&named("smoke.verdict").data, Data::Gauge(points) if points.len() == 1));
}
