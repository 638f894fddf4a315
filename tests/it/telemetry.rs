//! Telemetry: off by default, one trace for each flow, metrics of runs, loads and receivers, and no verdict that hangs on it.

use super::harness::{Ran, Smoke};
use super::receiver::{SECRET, Webhook, read_all, status};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// What was posted: path, headers (names in lower case), body.
type Posted = (String, BTreeMap<String, String>, Value);

/// A collector that keeps what it gets, and first answers with these statuses, then with 200.
struct Collector {
    url: String,
    got: Arc<Mutex<Vec<Posted>>>,
}

impl Collector {
    fn start(statuses: &'static [u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let got: Arc<Mutex<Vec<Posted>>> = Arc::default();
        let kept = Arc::clone(&got);
        thread::spawn(move || {
            let mut statuses = statuses.iter().copied();
            for stream in listener.incoming() {
                answer(stream.unwrap(), &mut statuses, &kept);
            }
        });
        Self { url, got }
    }

    fn got(&self, path: &str) -> Vec<Posted> {
        self.got.lock().unwrap().iter().filter(|(p, ..)| p == path).cloned().collect()
    }

    /// The spans; each has an id of its own in its trace.
    fn spans(&self) -> Vec<Value> {
        let requests = self.got("/v1/traces");
        let spans: Vec<Value> = requests.iter().flat_map(|(.., body)| spans_of(body)).collect();
        let mut named = BTreeMap::new();
        for span in &spans {
            let text = |key: &str| span[key].as_str().unwrap().to_owned();
            let other = named.insert((text("traceId"), text("spanId")), text("name"));
            assert_eq!(other, None, "it has the id of {}", span["name"]);
        }
        spans
    }

    /// The metrics by name.
    fn metrics(&self) -> BTreeMap<String, Value> {
        let mut named = BTreeMap::new();
        for (.., body) in self.got("/v1/metrics") {
            for metric in body["resourceMetrics"][0]["scopeMetrics"][0]["metrics"].as_array().unwrap() {
                check_metric(metric);
                named.insert(metric["name"].as_str().unwrap().to_owned(), metric.clone());
            }
        }
        named
    }
}

fn answer(stream: TcpStream, statuses: &mut impl Iterator<Item = u16>, kept: &Mutex<Vec<Posted>>) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let path = line.split(' ').nth(1).unwrap().to_owned();
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            match line.trim_end().split_once(": ") {
                Some((name, value)) => headers.insert(name.to_ascii_lowercase(), value.to_owned()),
                None => break,
            };
        }
        let mut body = vec![0; headers["content-length"].parse().unwrap()];
        reader.read_exact(&mut body).unwrap();
        let status = statuses.next().unwrap_or(200);
        if status == 200 {
            let body = serde_json::from_slice(&body).expect("JSON");
            kept.lock().unwrap().push((path, headers, body));
        }
        let answer = format!(
            "HTTP/1.1 {status} x\r\ncontent-length: 2\r\nretry-after: 0\r\ncontent-type: application/json\r\n\r\n{{}}"
        );
        if reader.get_mut().write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// The keys of an object, all of which have to be the specification's.
fn only(value: &Value, known: &[&str]) {
    for key in value.as_object().expect("an object").keys() {
        assert!(known.contains(&key.as_str()), "{key} is no field of the message: {value}");
    }
}

fn hex_id(value: &Value, digits: usize) {
    let id = value.as_str().expect("text");
    assert!(
        id.len() == digits && id.bytes().all(|b| b.is_ascii_hexdigit()) && id.bytes().any(|b| b != b'0'),
        "{id}"
    );
}

fn nanos(value: &Value) -> u64 {
    value.as_str().expect("64-bit numbers are text").parse().unwrap()
}

fn check_attributes(attributes: &Value) {
    for one in attributes.as_array().expect("attributes") {
        only(one, &["key", "value"]);
        assert_eq!(one["value"].as_object().unwrap().len(), 1);
        only(&one["value"], &["stringValue", "intValue", "doubleValue", "boolValue"]);
    }
}

/// The spans of an `ExportTraceServiceRequest`, held against the message (opentelemetry-proto 1.x).
fn spans_of(body: &Value) -> Vec<Value> {
    only(body, &["resourceSpans"]);
    let resource = &body["resourceSpans"][0];
    only(resource, &["resource", "scopeSpans", "schemaUrl"]);
    check_attributes(&resource["resource"]["attributes"]);
    let scope = &resource["scopeSpans"][0];
    only(scope, &["scope", "spans", "schemaUrl"]);
    let spans = scope["spans"].as_array().unwrap().clone();
    for span in &spans {
        only(
            span,
            &[
                "traceId",
                "spanId",
                "traceState",
                "parentSpanId",
                "flags",
                "name",
                "kind",
                "startTimeUnixNano",
                "endTimeUnixNano",
                "attributes",
                "droppedAttributesCount",
                "events",
                "droppedEventsCount",
                "links",
                "droppedLinksCount",
                "status",
            ],
        );
        hex_id(&span["traceId"], 32);
        hex_id(&span["spanId"], 16);
        assert!(nanos(&span["endTimeUnixNano"]) >= nanos(&span["startTimeUnixNano"]));
        assert!((1..=5).contains(&span["kind"].as_u64().unwrap()));
        check_attributes(&span["attributes"]);
        only(&span["status"], &["code", "message"]);
        for event in span["events"].as_array().unwrap() {
            only(event, &["timeUnixNano", "name", "attributes", "droppedAttributesCount"]);
            check_attributes(&event["attributes"]);
        }
        for link in span["links"].as_array().unwrap() {
            hex_id(&link["traceId"], 32);
            hex_id(&link["spanId"], 16);
        }
    }
    spans
}

fn check_metric(metric: &Value) {
    only(metric, &["name", "description", "unit", "gauge", "sum", "histogram"]);
    let data = ["gauge", "sum", "histogram"]
        .into_iter()
        .filter_map(|kind| metric.get(kind))
        .next()
        .expect("figures");
    only(data, &["dataPoints", "aggregationTemporality", "isMonotonic"]);
    for point in data["dataPoints"].as_array().unwrap() {
        check_attributes(&point["attributes"]);
        assert!(nanos(&point["timeUnixNano"]) >= nanos(&point["startTimeUnixNano"]));
    }
}

fn attribute(span: &Value, name: &str) -> Option<Value> {
    let all = span["attributes"].as_array().unwrap();
    let value = all.iter().find(|a| a["key"] == name)?["value"].as_object()?;
    value.values().next().cloned()
}

fn payments(collector: &Collector) -> Smoke {
    Smoke::new("payments")
        .args(&["--flows", "2", "--seed", "1"])
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url)
}

fn attempts(ran: &Ran) -> Vec<Value> {
    let journal = std::fs::read_to_string(ran.file("staging_payments_journal.jsonl")).unwrap();
    let records = journal.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    records.filter_map(|line| line.pointer("/record/attempt").cloned()).collect()
}

fn header(attempt: &Value, name: &str) -> Option<String> {
    let headers = attempt["headers"].as_array().unwrap();
    headers.iter().find(|h| h[0] == name).map(|h| h[1].as_str().unwrap().to_owned())
}

#[test]
fn nothing_is_told_unless_it_is_asked_for() {
    let collector = Collector::start(&[]);
    let ran = Smoke::new("payments").args(&["--flows", "1"]).run().exits(0);
    assert!(attempts(&ran).iter().all(|attempt| header(attempt, "traceparent").is_none()));
    assert!(!ran.stderr.contains("traces"), "{}", ran.stderr);
    payments(&collector).env("OTEL_SDK_DISABLED", "true").run().exits(0);
    payments(&collector)
        .env("OTEL_TRACES_EXPORTER", "none")
        .env("OTEL_METRICS_EXPORTER", "none")
        .run()
        .exits(0);
    assert!(collector.got.lock().unwrap().is_empty());
}

#[test]
fn a_trace_of_a_payment_shows_call_webhook_retries_and_verdict() {
    let collector = Collector::start(&[]);
    let ran = payments(&collector)
        .args(&["--inject", "503@1"])
        .env("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20hush-hush")
        .env("OTEL_SERVICE_NAME", "checkout gate")
        .env("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
        .run();
    let spans = collector.spans();
    let posted = collector.got("/v1/traces");
    assert_eq!(posted[0].1["content-type"], "application/json");
    assert_eq!(posted[0].1["authorization"], "Bearer hush-hush");
    assert!(!ran.stderr.contains("hush-hush") && !ran.stdout.contains("hush-hush"));
    let resource = posted[0].2["resourceSpans"][0]["resource"].to_string();
    assert!(
        resource.contains("checkout gate") && resource.contains("deployment.environment.name"),
        "{resource}"
    );

    let traces: BTreeSet<&str> = spans.iter().map(|s| s["traceId"].as_str().unwrap()).collect();
    assert_eq!(traces.len(), 3, "the run and two flows");
    let named = |name: &str| spans.iter().filter(|s| s["name"] == name).collect::<Vec<_>>();
    let retried = named("attempt 2");
    assert_eq!(retried.len(), 1, "one delivery was broken once");
    let trace = &retried[0]["traceId"];
    let of_trace: Vec<&Value> = spans.iter().filter(|s| s["traceId"] == *trace).collect();
    let one = |name: &str| {
        of_trace.iter().find(|s| s["name"] == name).copied().unwrap_or_else(|| panic!("no {name}"))
    };
    let (flow, step, webhook, first) =
        (one("payments flow"), one("verify"), one("webhook payment_verified"), one("attempt 1"));
    assert!(flow.get("parentSpanId").is_none());
    assert_eq!(attribute(flow, "smoke.flow.verdict").unwrap(), "pass");
    assert_eq!(
        attribute(flow, "smoke.verdict").unwrap(),
        ran.artifact("payments")["acceptance_gates"]["verdict"]
    );
    assert_eq!(step["parentSpanId"], flow["spanId"]);
    assert_eq!(attribute(step, "http.response.status_code").unwrap(), "200");
    assert_eq!(webhook["parentSpanId"], step["spanId"]);
    assert_eq!(attribute(webhook, "smoke.delivery.fate").unwrap(), "delivered");
    assert_eq!(first["parentSpanId"], webhook["spanId"]);
    assert_eq!(attribute(first, "smoke.fault").unwrap(), "503");
    assert_eq!(attribute(first, "http.response.status_code").unwrap(), "503");
    assert_eq!((&first["status"]["code"], &retried[0]["status"]["code"]), (&2.into(), &1.into()));

    // The stand-in passes on what the request carried, so the webhook says itself which trace it is of.
    assert_eq!(attribute(webhook, "smoke.delivery.traceparent").unwrap(), true);
    let parents: BTreeSet<String> = attempts(&ran).iter().filter_map(|a| header(a, "traceparent")).collect();
    let expected = format!("00-{}-{}-01", trace.as_str().unwrap(), step["spanId"].as_str().unwrap());
    assert!(parents.contains(&expected), "{expected} is not in {parents:?}");

    let metrics = collector.metrics();
    for name in [
        "smoke.verdict",
        "smoke.gate.actual",
        "smoke.webhooks",
        "smoke.webhook.latency",
        "smoke.step.duration",
    ] {
        assert!(metrics.contains_key(name), "{name} is not among {:?}", metrics.keys());
    }
    // What this process has delayed itself is apart, as in the artifact.
    let latency = &metrics["smoke.webhook.latency"]["histogram"]["dataPoints"];
    let count = |injected: &str| {
        let mut points = latency.as_array().unwrap().iter();
        points.find(|p| attribute(p, "smoke.injected").unwrap() == injected).unwrap()["count"].clone()
    };
    assert_eq!((count("false"), count("true")), (1.into(), 1.into()), "{latency}");
}

#[test]
fn a_lost_webhook_is_an_error_of_its_flow() {
    let collector = Collector::start(&[]);
    payments(&collector).args(&["--misbehave", "drop-webhook@1", "--within", "300ms"]).run().exits(1);
    let spans = collector.spans();
    let flows: Vec<&Value> = spans.iter().filter(|s| s["name"] == "payments flow").collect();
    let failed: Vec<&&Value> = flows.iter().filter(|s| s["status"]["code"] == 2).collect();
    assert_eq!((flows.len(), failed.len()), (2, 1));
    assert_eq!(failed[0]["status"]["message"], "webhooks that never arrived: 1");
    let counts = &collector.metrics()["smoke.flows"]["sum"]["dataPoints"];
    let count = |outcome: &str| {
        let mut points = counts.as_array().unwrap().iter();
        points.find(|p| attribute(p, "smoke.outcome").unwrap() == outcome).unwrap()["asInt"].clone()
    };
    assert_eq!((count("ok"), count("failed"), count("unproven")), ("1".into(), "1".into(), "0".into()));
    let lost =
        spans.iter().filter(|s| s["events"].as_array().unwrap().iter().any(|e| e["name"] == "webhook lost"));
    assert_eq!(lost.count(), 1, "the step that had to fire it says so");
    let run = spans.iter().find(|s| s["name"] == "smoke payments").unwrap();
    assert!(run["status"]["message"].as_str().unwrap().contains("Lost webhooks"), "{run}");
}

#[test]
fn a_collector_that_fails_is_a_warning_and_no_verdict() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let ran = Smoke::new("payments")
        .args(&["--flows", "1"])
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://name:hush-hush@{nobody}"))
        .run()
        .exits(0)
        .says("warning: telemetry: the traces were not exported");
    assert!(!ran.stderr.contains("hush-hush"), "{}", ran.stderr);
    let refusing = Collector::start(&[400, 401]);
    payments(&refusing).run().exits(0).says("responded with 400").says("the metrics were not exported");
    let busy = Collector::start(&[503, 429]);
    let ran = payments(&busy).run().exits(0);
    assert!(!busy.spans().is_empty(), "it was asked again: {}", ran.stderr);
    payments(&busy).env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc").run().exits(0).says("4318");
    payments(&busy).env("OTEL_EXPORTER_OTLP_HEADERS", "a b=c").run().exits(0).says("header 1");
}

#[test]
fn a_receiver_tells_its_metrics_when_it_stops_and_a_load_when_it_has_ended() {
    let collector = Collector::start(&[]);
    let secret = "0123456789abcdef0123456789abcdeffedcba9876543210fedcba9876543210";
    let (mut child, _dir) = Smoke::new("receive")
        .args(&["--listen", "127.0.0.1:0", "--secret-file", "secret"])
        .file("secret", secret)
        .env("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", &format!("{}/v1/metrics", collector.url))
        .spawn();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    stderr.read_line(&mut line).unwrap();
    let url = line.split_whitespace().nth(2).unwrap().trim_end_matches(',').to_owned();
    let load = Smoke::new("load")
        .args(&["webhooks", "--to", &url, "--rate", "20/s", "--duration", "1s", "--secret-file", "secret"])
        .args(&["--out", "json", "--out", "csv=out.csv", "--out", "prometheus=out.prom"])
        .file("secret", secret)
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url)
        .run();
    let metrics = collector.metrics();
    let starts = &metrics["smoke.load.starts"]["sum"]["dataPoints"];
    let ok =
        starts.as_array().unwrap().iter().find(|p| attribute(p, "smoke.state").unwrap() == "ok").unwrap();
    assert_eq!(ok["asInt"], "20", "{}\n{}", load.stdout, load.stderr);
    let counts = metrics["smoke.load.response"].pointer("/histogram/dataPoints/0/count").unwrap();
    assert_eq!(*counts, 20);
    seconds(&load);

    std::process::Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert!(child.wait().unwrap().success());
    let metrics = collector.metrics();
    let checks = &metrics["webhook_signature_checks"]["sum"]["dataPoints"];
    let valid =
        checks.as_array().unwrap().iter().find(|p| attribute(p, "result").unwrap() == "valid").unwrap();
    assert_eq!(valid["asInt"], "20", "{checks}");
    assert!(metrics.contains_key("webhook_delivery_latency_seconds"), "{:?}", metrics.keys());
}

/// What comes just before the end is looked through like the rest.
#[test]
fn personal_data_of_the_last_moment_is_in_the_last_export() {
    let collector = Collector::start(&[]);
    let (mut child, _dir) = Smoke::new("receive")
        .args(&["--listen", "127.0.0.1:0", "--secret-file", "secret"])
        .file("secret", SECRET)
        .env("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", &format!("{}/v1/metrics", collector.url))
        .spawn();
    let mut line = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.split("://").nth(1).and_then(|rest| rest.split('/').next()).unwrap();
    let body = br#"{"event":"payment_verified","data":{"body":"mail bob.builder@example.org."}}"#;
    for _ in 0..40 {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(&Webhook::with_body(body).bytes("close")).unwrap();
        assert_eq!(status(&read_all(&mut stream)), Some(200));
    }
    std::process::Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert!(child.wait().unwrap().success());
    let metrics = collector.metrics();
    let inspected = &metrics["webhook_pii_inspected"]["sum"]["dataPoints"];
    assert_eq!(inspected[0]["asInt"], "40", "{inspected}");
    let found = metrics["webhook_pii_findings"]["sum"]["dataPoints"].as_array().unwrap();
    let emails = found.iter().find(|point| attribute(point, "category").unwrap() == "email").unwrap();
    assert_eq!(emails["asInt"], "40", "{found:?}");
}

/// Whoever stops a service waits for 30 s, of which `--drain` may take ten.
#[test]
fn a_receiver_beside_a_collector_that_hangs_stops_in_time() {
    let hanging = TcpListener::bind("127.0.0.1:0").unwrap();
    let (mut child, _dir) = Smoke::new("receive")
        .args(&["--listen", "127.0.0.1:0", "--secret-file", "secret"])
        .file("secret", "0123456789abcdef0123456789abcdeffedcba9876543210fedcba9876543210")
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://{}", hanging.local_addr().unwrap()))
        .env("OTEL_METRIC_EXPORT_INTERVAL", "1")
        .spawn();
    let _export = hanging.accept().expect("an export is under way");
    let asked = Instant::now();
    std::process::Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert!(child.wait().unwrap().success());
    assert!(asked.elapsed() < Duration::from_secs(9), "{:?}", asked.elapsed());
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(said.contains("warning: telemetry: the metrics are not exported"), "{said}");
}

#[test]
fn a_command_that_exports_nothing_says_so() {
    let collector = Collector::start(&[]);
    let told = |smoke: Smoke| smoke.env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url).run();
    const NOTHING: &str = "warning: telemetry: nothing is exported";
    let probe = || Smoke::new("probe").args(&["--receiver", "--case", "valid", "--quiet"]);
    told(probe()).says(NOTHING);
    assert!(!probe().run().stderr.contains("telemetry"));
    told(Smoke::new("observe").args(&["--drive", "payments=3/s", "--duration", "1s", "--quiet"]))
        .says(NOTHING);
    let traces = format!("{}/v1/traces", collector.url);
    let load = Smoke::new("load").args(&["payments", "--rate", "2/s", "--duration", "1s", "--quiet"]);
    load.env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &traces).run().says(NOTHING);
    assert!(collector.got.lock().unwrap().is_empty());
}

/// What is known of the seconds of a load of flows: their starts, and how long the flows took. Of their requests nothing is.
#[test]
fn the_seconds_of_a_load_of_flows_say_nothing_of_single_requests() {
    let load = Smoke::new("load").args(&["payments", "--rate", "10/s", "--duration", "1s", "--quiet"]);
    let load = load.args(&["--out", "json", "--out", "prometheus=out.prom"]).run();
    let lines: Vec<Value> =
        load.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON lines alone")).collect();
    assert_eq!(lines.iter().map(|line| line["iterations"].as_u64().unwrap()).sum::<u64>(), 10);
    assert!(lines.iter().all(|line| line["http_reqs"].is_null() && line["http_req_duration_max"].is_null()));
    assert!(lines.iter().any(|line| line["iteration_duration_max"].as_f64().is_some_and(|ms| ms > 0.0)));
    let text = std::fs::read_to_string(load.dir().join("out.prom")).unwrap();
    assert!(text.contains("smoke_load_iteration_duration_seconds_count"), "{text}");
    assert!(!text.contains("http_reqs") && !text.contains("http_req_duration"), "{text}");
}

/// The seconds of a load of 20 webhooks, as `--out` tells them.
fn seconds(load: &Ran) {
    let lines: Vec<Value> =
        load.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON lines alone")).collect();
    let sum = |name: &str| lines.iter().map(|line| line[name].as_u64().unwrap()).sum::<u64>();
    assert_eq!((sum("iterations"), sum("http_reqs"), sum("dropped_iterations")), (20, 20, 0));
    assert!(lines.iter().any(|line| line["http_req_duration_p95"].as_f64().is_some_and(|ms| ms > 0.0)));
    assert!(load.stderr.contains("response"), "the summary is on stderr: {}", load.stderr);
    let csv = std::fs::read_to_string(load.dir().join("out.csv")).unwrap();
    let mut rows = csv.lines();
    let header: Vec<&str> = rows.next().unwrap().split(',').collect();
    let keys: Vec<&String> = lines[0].as_object().unwrap().keys().collect();
    assert_eq!(header, keys, "both formats have the same columns");
    assert_eq!(rows.clone().count(), lines.len());
    assert!(rows.all(|row| row.split(',').count() == header.len()));
    let text = std::fs::read_to_string(load.dir().join("out.prom")).unwrap();
    for line in [
        "smoke_load_iterations_total{load=\"webhooks\",shard=\"0\"} 20",
        "smoke_load_running{load=\"webhooks\",shard=\"0\"} 0",
    ] {
        assert!(text.lines().any(|l| l == line), "no `{line}` in\n{text}");
    }
}

#[test]
fn outputs_of_a_load_that_cannot_be() {
    let load = || Smoke::new("load").args(&["payments", "--rate", "2/s", "--duration", "1s"]);
    load().args(&["--out", "influx"]).run().exits(2).says("prometheus=FILE");
    load().args(&["--out", "prometheus"]).run().exits(2).says("node exporter");
    load().args(&["--out", "json", "--out", "csv"]).run().exits(2).says("stdout");
    load().args(&["--out", "json", "--format", "json"]).run().exits(2).says("--out json=FILE");
    load().args(&["--out", "csv=/proc/none/x"]).run().exits(4).says("/proc/none/x");
}
