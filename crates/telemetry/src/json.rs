//! OTLP/JSON: the protobuf messages of opentelemetry-proto 1.x in proto3's JSON, with ids in hex and 64-bit numbers as text (OTLP
//! specification, "JSON Protobuf Encoding").

use crate::ids::TraceParent;
use crate::model::{Attributes, Data, Event, Histogram, Kind, Metric, Point, Span, Status, Value};
use serde_json::{Value as Json, json};

/// What the spans and metrics say that made them.
const SCOPE: &str = "smoke";
/// `AGGREGATION_TEMPORALITY_CUMULATIVE`.
const CUMULATIVE: u8 = 2;
/// The flag of a sampled trace (W3C Trace Context).
const SAMPLED: u8 = 1;

/// An `ExportTraceServiceRequest`.
#[must_use]
pub fn traces_request(resource: &Attributes, version: &str, spans: &[Span]) -> Json {
    let spans: Vec<Json> = spans.iter().map(span).collect();
    json!({ "resourceSpans": [{
        "resource": { "attributes": attributes(resource) },
        "scopeSpans": [{ "scope": { "name": SCOPE, "version": version }, "spans": spans }],
    }] })
}

/// An `ExportMetricsServiceRequest`.
#[must_use]
pub fn metrics_request(resource: &Attributes, version: &str, metrics: &[Metric]) -> Json {
    let metrics: Vec<Json> = metrics.iter().map(metric).collect();
    json!({ "resourceMetrics": [{
        "resource": { "attributes": attributes(resource) },
        "scopeMetrics": [{ "scope": { "name": SCOPE, "version": version }, "metrics": metrics }],
    }] })
}

fn attributes(attributes: &Attributes) -> Json {
    attributes.iter().map(|(key, value)| json!({ "key": key, "value": any(value) })).collect()
}

fn any(value: &Value) -> Json {
    match value {
        Value::Text(text) => json!({ "stringValue": text }),
        Value::Int(number) => json!({ "intValue": number.to_string() }),
        Value::Double(number) => json!({ "doubleValue": number }),
        Value::Bool(is) => json!({ "boolValue": is }),
    }
}

fn span(span: &Span) -> Json {
    let mut json = json!({
        "traceId": span.trace.to_string(),
        "spanId": span.id.to_string(),
        "name": span.name,
        "kind": kind(span.kind),
        "startTimeUnixNano": span.start_ns.to_string(),
        "endTimeUnixNano": span.end_ns.max(span.start_ns).to_string(),
        "attributes": attributes(&span.attributes),
        "events": span.events.iter().map(event).collect::<Json>(),
        "links": span.links.iter().map(link).collect::<Json>(),
        "status": status(&span.status),
        "flags": SAMPLED,
    });
    if let Some(parent) = span.parent {
        json["parentSpanId"] = parent.to_string().into();
    }
    json
}

/// `Span.SpanKind`.
const fn kind(kind: Kind) -> u8 {
    match kind {
        Kind::Internal => 1,
        Kind::Server => 2,
        Kind::Client => 3,
        Kind::Consumer => 5,
    }
}

/// `Status`, with its `StatusCode`.
fn status(status: &Status) -> Json {
    match status {
        Status::Unset => json!({}),
        Status::Ok => json!({ "code": 1 }),
        Status::Error(why) => json!({ "code": 2, "message": why }),
    }
}

fn event(event: &Event) -> Json {
    json!({
        "timeUnixNano": event.at_ns.to_string(),
        "name": event.name,
        "attributes": attributes(&event.attributes),
    })
}

fn link(link: &TraceParent) -> Json {
    json!({ "traceId": link.trace.to_string(), "spanId": link.span.to_string() })
}

fn metric(metric: &Metric) -> Json {
    let mut json = json!({ "name": metric.name, "description": metric.description, "unit": metric.unit });
    match &metric.data {
        Data::Gauge(points) => json["gauge"] = json!({ "dataPoints": each(points, point) }),
        Data::Sum(points) => {
            json["sum"] = json!({
                "dataPoints": each(points, point),
                "aggregationTemporality": CUMULATIVE,
                "isMonotonic": true,
            });
        }
        Data::Histogram(points) => {
            json["histogram"] =
                json!({ "dataPoints": each(points, histogram), "aggregationTemporality": CUMULATIVE });
        }
    }
    json
}

fn each<T>(all: &[T], one: fn(&T) -> Json) -> Json {
    all.iter().map(one).collect()
}

fn point(point: &Point) -> Json {
    let mut json = json!({
        "attributes": attributes(&point.attributes),
        "startTimeUnixNano": point.start_ns.to_string(),
        "timeUnixNano": point.at_ns.to_string(),
    });
    match point.value {
        Value::Int(number) => json["asInt"] = number.to_string().into(),
        Value::Double(number) => json["asDouble"] = number.into(),
        // No figure.
        Value::Text(_) | Value::Bool(_) => {}
    }
    json
}

fn histogram(histogram: &Histogram) -> Json {
    let mut json = json!({
        "attributes": attributes(&histogram.attributes),
        "startTimeUnixNano": histogram.start_ns.to_string(),
        "timeUnixNano": histogram.at_ns.to_string(),
        // Numbers, as proto3's JSON allows: receivers on the Rust types of opentelemetry-proto lose a histogram that has text here.
        "count": histogram.count(),
        "bucketCounts": histogram.counts,
        "explicitBounds": histogram.bounds,
    });
    if let Some(sum) = histogram.sum {
        json["sum"] = sum.into();
    }
    json
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Tracing;

    #[test]
    fn a_span_is_as_the_specification_writes_it() {
        let tracing = Tracing::of(uuid::Uuid::from_u128(5));
        let trace = tracing.flow(0);
        let made = Span {
            trace,
            id: tracing.step(0, "verify"),
            parent: Some(tracing.root(trace)),
            name: "verify".to_owned(),
            kind: Kind::Client,
            start_ns: 1_767_225_600_000_000_001,
            end_ns: 1,
            attributes: vec![
                ("http.response.status_code".to_owned(), 200u64.into()),
                ("x".to_owned(), true.into()),
            ],
            events: vec![Event { name: "late".to_owned(), at_ns: 5, attributes: Vec::new() }],
            links: vec![tracing.traceparent(1, "verify")],
            status: Status::Error("why".to_owned()),
        };
        let json = traces_request(&vec![("service.name".to_owned(), "smoke".into())], "0.1.0", &[made]);
        let span = &json["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
        assert_eq!(span["traceId"].as_str().unwrap().len(), 32);
        assert_eq!(span["spanId"].as_str().unwrap().len(), 16);
        assert_eq!(span["startTimeUnixNano"], "1767225600000000001");
        assert_eq!(span["endTimeUnixNano"], span["startTimeUnixNano"], "no span ends before it begins");
        assert_eq!(span["attributes"][0]["value"]["intValue"], "200");
        assert_eq!(span["kind"], 3);
        assert_eq!(span["status"], json!({ "code": 2, "message": "why" }));
        assert_eq!(span["links"][0]["traceId"], tracing.flow(1).to_string());
    }

    #[test]
    fn metrics_are_as_the_specification_writes_them() {
        let point = Point { attributes: Vec::new(), start_ns: 1, at_ns: 2, value: Value::Double(0.5) };
        let counted = Point { value: 7u64.into(), ..point.clone() };
        let spread = Histogram {
            attributes: Vec::new(),
            start_ns: 1,
            at_ns: 2,
            sum: Some(1.5),
            bounds: vec![0.1, 1.0],
            counts: vec![1, 2, 0],
        };
        let of = |name: &str, data| Metric {
            name: name.to_owned(),
            description: String::new(),
            unit: "1".to_owned(),
            data,
        };
        let all = [
            of("a", Data::Gauge(vec![point])),
            of("b", Data::Sum(vec![counted])),
            of("c", Data::Histogram(vec![spread])),
        ];
        let json = metrics_request(&Vec::new(), "0.1.0", &all);
        let metrics = &json["resourceMetrics"][0]["scopeMetrics"][0]["metrics"];
        assert_eq!(metrics[0]["gauge"]["dataPoints"][0]["asDouble"], 0.5);
        assert_eq!(metrics[1]["sum"]["dataPoints"][0]["asInt"], "7");
        assert_eq!(metrics[1]["sum"]["aggregationTemporality"], 2);
        assert_eq!(metrics[2]["histogram"]["dataPoints"][0]["count"], 3);
        assert_eq!(metrics[2]["histogram"]["dataPoints"][0]["bucketCounts"], json!([1, 2, 0]));
    }
}
