//! Webhooks that are no plain JSON, and what steps may ask of them: a small system of our own fires them over real sockets.

use crate::harness::{Ran, Smoke};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

/// A request that the system posts to the receiver: headers and body.
type Sent = (Vec<(&'static str, String)>, Vec<u8>);

/// Answers each request, and posts the webhooks that `fires` makes of its body.
fn system(endpoint: String, fires: fn(&Value) -> Vec<Sent>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let endpoint = endpoint.clone();
            thread::spawn(move || serve(stream, &endpoint, fires));
        }
    });
    url
}

fn serve(mut stream: TcpStream, endpoint: &str, fires: fn(&Value) -> Vec<Sent>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    loop {
        let body = read_body(&mut reader)?;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").ok()?;
        let Ok(asked) = serde_json::from_slice(&body) else { continue };
        for (headers, body) in fires(&asked) {
            post(endpoint, &headers, &body);
        }
    }
}

/// Reads a request and gives its body.
fn read_body(reader: &mut impl BufRead) -> Option<Vec<u8>> {
    let mut length = 0;
    let mut line = String::new();
    while reader.read_line(&mut line).ok()? > 0 && !line.trim().is_empty() {
        if let Some((name, value)) =
            line.split_once(':').filter(|(n, _)| n.eq_ignore_ascii_case("content-length"))
        {
            let _ = name;
            length = value.trim().parse().ok()?;
        }
        line.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    (!line.is_empty()).then_some(body)
}

fn post(endpoint: &str, headers: &[(&str, String)], body: &[u8]) -> Option<()> {
    let mut stream = TcpStream::connect(endpoint).ok()?;
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let head = format!(
        "POST /webhooks/inbound HTTP/1.1\r\nHost: {endpoint}\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok().map(drop)
}

/// Runs one step against the system, which asks for these webhooks.
fn run(profile: &str, webhooks: &str, fires: fn(&Value) -> Vec<Sent>, more: &[(&str, &str)]) -> Ran {
    let listen =
        TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").to_string();
    let url = system(listen.clone(), fires);
    let scenario = format!(
        "name: mine\nsubject: {{ kind: flow, id: '{{{{ flow }}}}' }}\nsender: ./sender.yaml\nflows: 2\nconcurrency: 1\nsteps:\n  \
         - name: fire\n    request: {{ method: POST, path: /fire, json: {{ n: '{{{{ flow }}}}' }} }}\n    webhooks:\n{webhooks}"
    );
    let smoke = Smoke::new("run").file("s.yaml", &scenario).file("sender.yaml", profile);
    let smoke = more.iter().fold(smoke, |smoke, (name, text)| smoke.file(name, text));
    smoke.args(&["s.yaml", "--staging", &url, "--listen", &listen, "--settle", "200ms", "--quiet"]).run()
}

fn text(ran: &Ran, gate: &str) -> String {
    let artifact = ran.artifact("mine");
    let checks = artifact["acceptance_gates"]["checks"].as_array().expect("checks");
    let check = checks.iter().find(|c| c["id"] == gate).unwrap_or_else(|| panic!("no gate {gate}"));
    check["text"].as_str().expect("a text").to_owned()
}

fn json_request(body: &Value) -> Sent {
    (vec![("Content-Type", "application/json".to_owned())], body.to_string().into_bytes())
}

const BATCH: &str =
    "name: mine\nsignature: { algorithm: none }\nevent: { json: /type }\nbody: { batch: '/items/*' }\n";
const PLAIN: &str = "name: mine\nsignature: { algorithm: none }\nevent: { json: /type }\n";
const TWO: &str = "      - { event: paid, match: { /n: '{{ flow }}', /kind: first } }\n      \
                   - { event: paid, match: { /n: '{{ flow }}', /kind: second } }\n";

#[test]
fn each_webhook_of_a_batch_is_matched_and_one_that_is_missing_is_lost() {
    let whole = run(
        BATCH,
        TWO,
        |asked| {
            let item = |kind: &str| json!({"kind": kind, "n": asked["n"], "mail": "jane.roe@example.com"});
            vec![json_request(&json!({"type": "paid", "items": [item("first"), item("second")]}))]
        },
        &[],
    );
    for gate in ["lost", "duplicates", "unexpected", "success_rate"] {
        assert_eq!(whole.gate("mine", gate), "pass", "{gate}: {}", whole.stdout);
    }
    let artifact = whole.artifact("mine");
    assert_eq!(artifact["outcomes"]["organic"]["expected"], 4, "{}", artifact["outcomes"]);
    assert_eq!(whole.gate("mine", "pii"), "fail", "the address is in an item of the batch");
    assert_eq!(whole.gate("mine", "signatures"), "not_exercised");
    let part = run(
        BATCH,
        TWO,
        |asked| {
            let stray = json!({"kind": "stray", "n": asked["n"]});
            vec![json_request(&json!({"type": "paid", "items": [{"kind": "first", "n": asked["n"]}, stray]}))]
        },
        &[],
    );
    assert_eq!((part.code, part.gate("mine", "lost")), (Some(1), "fail".to_owned()), "{}", part.stdout);
    assert_eq!(part.gate("mine", "unexpected"), "fail", "{}", part.stdout);
}

/// The webhook that a flow asks for, packed with gzip.
fn packed(asked: &Value) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(json!({"type": "paid", "n": asked["n"]}).to_string().as_bytes()).expect("packed");
    packed.finish().expect("packed")
}

#[test]
fn forms_and_packed_bodies_are_matched_as_what_they_hold() {
    let form = "name: mine\nsignature: { algorithm: none }\nevent: { json: /type }\nbody: { format: form, field: payload }\n";
    let one = "      - { event: paid, match: { /n: '{{ flow }}' }, within: 2s }\n";
    let ran = run(
        form,
        one,
        |asked| {
            let body = format!("v=2&payload=%7B%22type%22%3A%22paid%22%2C%22n%22%3A{}%7D", asked["n"]);
            let body = body.replace('"', "%22");
            vec![(vec![("Content-Type", "application/x-www-form-urlencoded".to_owned())], body.into_bytes())]
        },
        &[],
    );
    assert_eq!(ran.gate("mine", "lost"), "pass", "{}", ran.stdout);
    let says_so = |asked: &Value| vec![(vec![("Content-Encoding", "gzip".to_owned())], packed(asked))];
    let ran = run(PLAIN, one, says_so, &[]);
    assert_eq!(ran.gate("mine", "lost"), "pass", "{}", ran.stdout);
    // Whoever takes it as what it says it is finds no JSON.
    let ran = run(PLAIN, one, |asked| vec![(Vec::new(), packed(asked))], &[]);
    assert_eq!(ran.gate("mine", "lost"), "fail", "{}", ran.stdout);
    assert!(ran.stdout.contains("compressed (gzip), but has no Content-Encoding"), "{}", ran.stdout);
}

#[test]
fn text_is_matched_by_its_headers() {
    let opaque =
        "name: mine\nsignature: { algorithm: none }\nevent: { header: X-Topic }\nbody: { format: opaque }\n";
    let asks =
        "      - { event: orders/create, headers: { X-Order: { matches: '^{{ flow }}$' } }, within: 2s }\n";
    let fires = |asked: &Value| {
        let n = asked["n"].to_string().replace('"', "");
        vec![(vec![("X-Topic", "orders/create".to_owned()), ("X-Order", n)], b"<order/>".to_vec())]
    };
    let ran = run(opaque, asks, fires, &[]);
    assert_eq!(
        (ran.gate("mine", "lost"), ran.gate("mine", "unexpected")),
        ("pass".into(), "pass".into()),
        "{}",
        ran.stdout
    );
    let other = asks.replace("^{{ flow }}$", "^x{{ flow }}$");
    let ran = run(opaque, &other, fires, &[]);
    assert_eq!(ran.gate("mine", "lost"), "fail", "{}", ran.stdout);
    assert!(ran.stdout.contains("X-Order"), "the near miss is told: {}", ran.stdout);
}

#[test]
fn more_may_come_than_at_least_and_less_is_lost() {
    let three: fn(&Value) -> Vec<Sent> =
        |asked| (0..3).map(|i| json_request(&json!({"type": "paid", "n": asked["n"], "i": i}))).collect();
    for (count, verdict) in [("at least 1", "pass"), ("{ at_least: 2 }", "pass"), ("at least 4", "fail")] {
        let asks = format!(
            "      - {{ event: paid, match: {{ /n: '{{{{ flow }}}}' }}, count: {count}, within: 3s }}\n"
        );
        let ran = run(PLAIN, &asks, three, &[]);
        assert_eq!(ran.gate("mine", "lost"), verdict, "{count}: {}", ran.stdout);
        assert_eq!(ran.gate("mine", "duplicates"), "pass", "{count}: {}", ran.stdout);
    }
}

#[test]
fn the_order_of_webhooks_is_judged() {
    let asks = "      - { event: created, match: { /n: '{{ flow }}' } }\n      \
                - { event: paid, match: { /n: '{{ flow }}' }, after: created }\n";
    let right: fn(&Value) -> Vec<Sent> =
        |asked| ["created", "paid"].map(|kind| json_request(&json!({"type": kind, "n": asked["n"]}))).into();
    let wrong: fn(&Value) -> Vec<Sent> =
        |asked| ["paid", "created"].map(|kind| json_request(&json!({"type": kind, "n": asked["n"]}))).into();
    assert_eq!(run(PLAIN, asks, right, &[]).gate("mine", "order"), "pass");
    let ran = run(PLAIN, asks, wrong, &[]);
    assert_eq!((ran.code, ran.gate("mine", "order")), (Some(1), "fail".to_owned()), "{}", ran.stdout);
    assert!(ran.shown().contains("before created, which it must follow"), "{}", ran.stdout);
}

#[test]
fn what_must_not_come_is_watched_for_as_long_as_asked() {
    let asks = "      - { event: paid, match: { /n: '{{ flow }}' } }\n      - { event: refunded, count: 0, within: 1s }\n";
    let ran = run(PLAIN, asks, |asked| vec![json_request(&json!({"type": "paid", "n": asked["n"]}))], &[]);
    assert_eq!(ran.gate("mine", "unexpected"), "pass", "{}", ran.stdout);
    let told = text(&ran, "unexpected");
    let seconds: f64 = told
        .split(", for at least ")
        .nth(1)
        .and_then(|rest| rest.split(' ').next())
        .and_then(|seconds| seconds.parse().ok())
        .unwrap_or_else(|| panic!("{told}"));
    assert!(seconds >= 1.0, "{told}");
}

const OPENAPI: &str = "openapi: 3.1.0\nwebhooks:\n  paid:\n    post:\n      requestBody:\n        content:\n          \
                       application/json:\n            schema: { $ref: '#/components/schemas/Paid' }\ncomponents:\n  schemas:\n    \
                       Paid:\n      type: object\n      required: [type, n]\n      properties:\n        type: { const: paid }\n        \
                       n: { type: string }\n        note: { type: string }\n";

#[test]
fn payloads_are_held_against_their_schema_and_drift_is_told() {
    let profile = format!("{PLAIN}payload: {{ paid: openapi.yaml#/webhooks/paid }}\n");
    let asks = "      - { event: paid, match: { /m: '{{ flow }}' } }\n";
    let good: fn(&Value) -> Vec<Sent> =
        |asked| vec![json_request(&json!({"type": "paid", "n": "x", "m": asked["n"], "extra": {"deep": 1}}))];
    let bad: fn(&Value) -> Vec<Sent> =
        |asked| vec![json_request(&json!({"type": "paid", "n": 7, "m": asked["n"]}))];
    let files = [("openapi.yaml", OPENAPI)];
    let ran = run(&profile, asks, good, &files);
    assert_eq!(ran.gate("mine", "payloads"), "pass", "{}", ran.stdout);
    let journal = ran.file("staging_mine_journal.jsonl");
    let journal = journal.to_str().expect("UTF-8");
    // The journal has the schemas: no file is needed any more.
    let drift = Smoke::new("drift").args(&[journal, "--format", "json"]).run().exits(1);
    let told: Value = serde_json::from_str(&drift.stdout).expect("JSON");
    assert_eq!(
        told["events"][0]["undeclared"],
        json!([{"field": "/extra", "webhooks": 2}, {"field": "/m", "webhooks": 2}])
    );
    assert_eq!(told["events"][0]["never_seen"], json!(["/note"]));
    let ran = run(&profile, asks, bad, &files);
    assert_eq!((ran.code, ran.gate("mine", "payloads")), (Some(1), "fail".to_owned()), "{}", ran.stdout);
    assert!(
        text(&ran, "payloads").contains("paid at /n: value is not of type \"string\""),
        "{}",
        text(&ran, "payloads")
    );
    let report = Smoke::new("report").arg(ran.file("staging_mine_journal.jsonl")).run();
    assert!(report.shown().contains("Payloads violating their schema"), "{}", report.stdout);
}

#[test]
fn a_schema_that_leads_elsewhere_is_refused_before_anything_is_driven() {
    for (reference, schema, says) in [
        ("s.json", r#"{"$ref":"https://example.com/s.json"}"#, "points to another host"),
        ("../s.json", "{}", "points outside the profile's folder"),
        ("s.json", r#"{"type":"strng"}"#, "is not a JSON Schema"),
        ("gone.json", "{}", "cannot be read"),
    ] {
        let profile = format!("{PLAIN}payload: {{ paid: '{reference}' }}\n");
        let smoke = Smoke::new("senders").file("sender.yaml", &profile).file("s.json", schema);
        smoke.arg("./sender.yaml").run().exits(2).says("sender.yaml:4:").says(says);
    }
}
