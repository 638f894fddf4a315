//! Scenarios for APIs that are not the stand-in: a tiny server in the test, real sockets, ids that the server makes, every kind
//! of session.

use crate::harness::{Ran, Smoke};
use serde_json::{Value, json};
use signature::{Outgoing, Scheme, Secret, Signer};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqr";

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) target: String,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value.as_str())
    }

    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.method, self.target)
    }

    /// A value of a JSON body.
    fn json(&self, pointer: &str) -> Value {
        let body: Value = serde_json::from_str(&self.body).unwrap_or_default();
        body.pointer(pointer).cloned().unwrap_or_default()
    }
}

/// Status, further header lines, body.
pub(crate) type Answer = (u16, Vec<String>, Value);

pub(crate) fn ok(body: Value) -> Answer {
    (200, Vec::new(), body)
}

fn read(stream: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
    let mut parts = line.split_whitespace();
    let (method, target) = (parts.next()?.to_owned(), parts.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.push((name.to_owned(), value.to_owned()));
    }
    let mut asked = Asked { method, target, headers, body: String::new() };
    let mut body = vec![0; asked.header("content-length").parse().unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    asked.body = String::from_utf8(body).ok()?;
    Some(asked)
}

/// An API on a port of its own; gives its URL.
pub(crate) fn api(handle: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let handle = Arc::new(handle);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let handle = Arc::clone(&handle);
            std::thread::spawn(move || {
                let Some(asked) = read(&stream) else { return };
                let (status, lines, body) =
                    if asked.target == "/healthz/" { ok(json!({})) } else { handle(&asked) };
                let body = body.to_string();
                let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
                let head = format!(
                    "HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {}\r\n{lines}\r\n",
                    body.len()
                );
                let _ = stream.write_all(format!("{head}{body}").as_bytes());
            });
        }
    });
    url
}

/// A port that nothing listens on yet.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port()
}

/// A webhook as Standard Webhooks has it: the bytes of a request.
fn webhook(method: &str, path: &str, event: &str, data: &Value) -> Vec<u8> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let id = format!("msg_{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let body = json!({ "type": event, "data": data }).to_string();
    let signer = Signer::new(Scheme::StandardWebhooks, &Secret::new(SECRET)).expect("a key");
    let timestamp_ms = chrono::Utc::now().timestamp_millis();
    let signed = signer.sign(&Outgoing { event, id: &id, timestamp_ms, body: body.as_bytes() });
    let headers: String = signed.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n\
         Content-Length: {}\r\n{headers}\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Sends a request and gives the status of its answer; 0 when there was none.
fn post(port: u16, request: &[u8]) -> u16 {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return 0 };
    let mut answer = String::new();
    let _ = stream.write_all(request);
    let _ = stream.read_to_string(&mut answer);
    answer.split_whitespace().nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}

/// `smoke run s.yaml` against an API, receiving on `port`.
pub(crate) fn run(scenario: &str, url: &str, port: u16) -> Smoke {
    let listen = format!("127.0.0.1:{port}");
    Smoke::new("run").file("s.yaml", scenario).env("WEBHOOK_SECRET", SECRET).args(&[
        "s.yaml",
        "--staging",
        url,
        "--listen",
        &listen,
        "--settle",
        "200ms",
    ])
}

/// The gate over the artifacts of a run.
fn gate(ran: &Ran, more: &[&str]) -> Ran {
    let in_dir = |name: &str| ran.dir().join(name).display().to_string();
    let mut args = vec![in_dir("artifacts"), "--scenario".to_owned(), in_dir("s.yaml")];
    args.extend(["--trust", "runner", "--allow", "flows,settle"].map(str::to_owned));
    let mut gate = Smoke::new("gate").env("WEBHOOK_SECRET", SECRET);
    for arg in args.iter().map(String::as_str).chain(more.iter().copied()) {
        gate = gate.arg(arg);
    }
    gate.run()
}

const THINGS: &str = r#"
name: things
subject: { kind: entry, id: "{{ thing }}" }
sender: standard-webhooks
flows: 4
concurrency: 4
webhooks:
  ours: { /data/id: "{{ thing }}" }
steps:
  - name: make
    request: { method: POST, path: /things, json: { n: "{{ flow }}" } }
    expect: { status: 201 }
    capture: { thing: { header: Location, matches: "/things/(.+)$" } }
    webhooks:
      - event: thing.made
        match: { /data/id: "{{ response./id }}" }
        capture: { code: /data/code }
        within: 5s
  - name: confirm
    request: { method: POST, path: "/things/{{ thing }}/{{ code }}" }
    expect: { status: 200 }
"#;

/// Makes things whose webhook is there before the answer, and one webhook of somebody else's for each.
fn things(port: u16) -> String {
    let next = AtomicU64::new(0);
    api(move |asked| {
        if asked.target != "/things" {
            let known = asked.target.split('/').collect::<Vec<_>>();
            let fits =
                matches!(known.as_slice(), ["", "things", id, code] if *code == format!("code-of-{id}"));
            return if fits { ok(json!({})) } else { (404, Vec::new(), json!({ "asked": asked.target })) };
        }
        let id = format!("th_{}", next.fetch_add(1, Ordering::Relaxed));
        let foreign = json!({ "id": format!("other_{id}") });
        post(port, &webhook("POST", "/webhooks/inbound", "thing.made", &foreign));
        let data = json!({ "id": id, "code": format!("code-of-{id}") });
        assert_eq!(post(port, &webhook("POST", "/webhooks/inbound", "thing.made", &data)), 200);
        (201, vec![format!("Location: /things/{id}")], json!({ "id": id }))
    })
}

#[test]
fn a_webhook_that_comes_before_the_answer_is_known_by_the_id_that_the_answer_gives() {
    let port = free_port();
    let ran = run(THINGS, &things(port), port).run().exits(0);
    let artifact = ran.artifact("things");
    assert_eq!(artifact["test_run"]["total_entries"], 4);
    assert_eq!(
        artifact["sample_entry"]["id"].as_str().map(|id| id.starts_with("th_")),
        Some(true),
        "{artifact}"
    );
    let outcomes = &artifact["outcomes"];
    assert_eq!((&outcomes["organic"]["delivered"], &outcomes["foreign"]), (&json!(4), &json!(4)));
    assert_eq!(outcomes["organic"]["unexpected"], 0);
    assert!(ran.shown().contains("4 entries"), "{}", ran.stdout);
    let judged = gate(&ran, &["--require", "things"]);
    assert!(!judged.stdout.contains("contradictions"), "{}", judged.stdout);
    assert!(!judged.stdout.contains("is required"), "{}", judged.stdout);
    assert!(gate(&ran, &["--require", "others"]).stdout.contains("others is required"));
    gate(&ran, &["--require", "a/b"]).exits(2).says("or a scenario name");
}

#[test]
fn the_profile_that_the_approvers_scenario_names_is_held_against_the_runs() {
    let port = free_port();
    let profile = Scheme::StandardWebhooks.profile().replace("name: standard-webhooks", "name: own");
    let scenario = THINGS.replace("sender: standard-webhooks", "sender: ./own.yaml");
    let ran = run(&scenario, &things(port), port).file("own.yaml", &profile).run().exits(0);
    let judged = |ran: &Ran| {
        let words = gate(ran, &["--require", "things"]).stdout;
        words.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let told = judged(&ran);
    assert!(!told.contains("came with the run"), "{told}");
    std::fs::write(ran.dir().join("own.yaml"), profile.replace("timeout: 15s", "timeout: 3s"))
        .expect("a file");
    let told = judged(&ran);
    assert!(told.contains("came with the run and differs from"), "{told}");
}

#[test]
fn an_answer_without_the_id_fails_its_step_and_a_webhook_that_never_comes_is_lost() {
    let port = free_port();
    let url = api(|_| (201, vec!["Location: /things/th_1".to_owned()], json!({ "nothing": 1 })));
    let ran = run(THINGS, &url, port).args(&["--flows", "1"]).run().exits(1);
    let problems = ran.artifact("things")["steps"][0]["problems"].to_string();
    assert!(problems.contains("the response has nothing at /id"), "{problems}");
    let url = api(|_| (201, vec!["Location: /things/th_1".to_owned()], json!({ "id": "th_1" })));
    let ran = run(THINGS, &url, port).args(&["--flows", "1", "--within", "300ms"]).run().exits(1);
    assert_eq!(ran.gate("things", "lost"), "fail");
    let problems = ran.artifact("things")["steps"][1]["problems"].to_string();
    let why = "undefined variable `code`: step make captures it from its webhook thing.made, which did not arrive in time";
    assert!(problems.contains(why), "{problems}");
}

/// Certificate and key of `localhost`, as PEM.
fn certificate() -> (String, String) {
    let key = rcgen::KeyPair::generate().expect("a key");
    let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters");
    (params.self_signed(&key).expect("a certificate").pem(), key.serialize_pem())
}

/// Sends a request over TLS; gives the status of its answer.
fn post_tls(port: u16, request: &[u8], certificate: &str) -> u16 {
    use rustls::pki_types::{CertificateDer, pem::PemObject};
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(certificate.as_bytes()).expect("PEM")).expect("a root");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = "localhost".try_into().expect("a name");
    let session = rustls::ClientConnection::new(Arc::new(config), name).expect("a session");
    let Ok(stream) = TcpStream::connect(("127.0.0.1", port)) else { return 0 };
    let mut stream = rustls::StreamOwned::new(session, stream);
    let mut answer = String::new();
    let _ = stream.write_all(request);
    let _ = stream.read_to_string(&mut answer);
    answer.split_whitespace().nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}

#[test]
fn webhooks_are_received_over_tls_at_several_paths_and_by_put() {
    const SCENARIO: &str = r#"
name: doors
subject: { kind: order, id: "{{ flow }}" }
sender: standard-webhooks
flows: 1
listen: { paths: [/hooks/a, /hooks/b], methods: [PUT, POST], tls: { certificate: cert.pem, key: key.pem } }
steps:
  - name: go
    request: { method: POST, path: /go }
    webhooks:
      - { event: a.made, within: 5s }
      - { event: b.made, within: 5s }
"#;
    let port = free_port();
    let (cert, key) = certificate();
    let trusted = cert.clone();
    let url = api(move |_| {
        let post = |method: &str, path: &str, event: &str| {
            post_tls(port, &webhook(method, path, event, &json!({})), &trusted)
        };
        let answers = [
            post("POST", "/hooks/a", "a.made"),
            post("PUT", "/hooks/b", "b.made"),
            post("PUT", "/hooks/c", "c.made"),
            post("DELETE", "/hooks/a", "a.made"),
        ];
        if answers == [200, 200, 404, 405] { ok(json!({})) } else { (500, Vec::new(), json!(answers)) }
    });
    let ran = run(SCENARIO, &url, port).file("cert.pem", &cert).file("key.pem", &key).run();
    let ran = ran.exits(0).says("https://127.0.0.1");
    assert!(ran.stderr.contains("and there /hooks/b"), "{}", ran.stderr);
    let wrong = run(SCENARIO, &url, port).file("cert.pem", &cert).file("key.pem", "no key").run().exits(2);
    assert!(wrong.stderr.contains("listen.tls.key"), "{}", wrong.stderr);
}

#[test]
fn what_cannot_be_sent_as_written_is_refused_by_name() {
    let scenario = |path: &str| {
        format!(
            "name: p\nsubject: {{ kind: flow, id: '1' }}\nflows: 1\ndata: {{ rows: [{{ up: '..' }}] }}\nsteps:\n  - name: a\n    request: {{ method: GET, path: \"{path}\" }}\n"
        )
    };
    let url = api(|asked| ok(json!({ "asked": asked.target })));
    let ran = run(&scenario("/a/../b"), &url, free_port()).run().exits(2);
    assert!(ran.stderr.contains("s.yaml:7:35: a segment `..` is resolved"), "{}", ran.stderr);
    let ran = run(&scenario("/a/{{ up }}/b"), &url, free_port()).run();
    assert_eq!(ran.gate("p", "steps"), "fail");
    let artifact = ran.artifact("p");
    let problems = artifact["steps"][0]["problems"].to_string();
    let checks = artifact["acceptance_gates"]["checks"].as_array().unwrap();
    let text = checks.iter().find(|c| c["id"] == "steps").unwrap()["text"].to_string();
    assert!(text.contains("a segment `..`") && text.contains("(flow 0)"), "{text}");
    assert!(problems.contains("a segment `..` is resolved"), "{problems}");
}

#[test]
fn a_delivery_that_was_made_to_fail_for_good_is_no_recovery() {
    const SENDER: &str = "name: once\nsignature: { algorithm: hmac-sha256, message: '{id}.{timestamp}.{body}', \
        header: webhook-signature, prefix: 'v1,', encoding: base64, secret: { encoding: base64, prefix: whsec_ }, \
        timestamp: { header: webhook-timestamp } }\nevent: { json: /type }\nid: { header: webhook-id }\nretry: { schedule: [0s] }\n";
    const SCENARIO: &str = "name: once\nsubject: { kind: order, id: '{{ flow }}' }\nsender: ./once.yaml\nflows: 3\n\
        webhooks: { ours: { /data/n: '{{ flow }}' } }\nsteps:\n  - name: go\n    \
        request: { method: POST, path: /go, json: { n: '{{ flow }}' } }\n    \
        webhooks: [{ event: made, match: { /data/n: '{{ flow }}' } }]\n";
    let port = free_port();
    let url = api(move |asked| {
        post(port, &webhook("POST", "/webhooks/inbound", "made", &json!({ "n": asked.json("/n") })));
        ok(json!({}))
    });
    let ran = run(SCENARIO, &url, port).file("once.yaml", SENDER).args(&["--inject", "503@2"]).run().exits(0);
    assert!(ran.shown().contains("1 webhook, made to fail on purpose, never got through"), "{}", ran.stdout);
    let said = format!("{}{}", ran.stdout, ran.stderr);
    for foreign in ["DeltaCrown", "WEBHOOK_MAX_RETRIES", "circuit breaker", "0 / 2 / 4"] {
        assert!(!said.contains(foreign), "{foreign}: {said}");
    }
}

#[test]
fn the_orders_of_the_examples_are_driven_as_their_page_says() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/orders");
    let (api_port, port) = (free_port(), free_port());
    let endpoint = format!("http://127.0.0.1:{port}/hooks");
    let started = std::process::Command::new("python3")
        .args([&format!("{root}/orders_api.py"), &api_port.to_string()])
        .envs([("API_TOKEN", "tok-orders-1"), ("WEBHOOK_SECRET", SECRET), ("WEBHOOK_ENDPOINT", &endpoint)])
        .stderr(std::process::Stdio::null())
        .spawn();
    let Ok(mut service) = started else {
        eprintln!("skipped: python3 is not there");
        return;
    };
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while TcpStream::connect(("127.0.0.1", api_port)).is_err() && std::time::Instant::now() < deadline {
        std::thread::yield_now();
    }
    let (url, listen) = (format!("http://127.0.0.1:{api_port}"), format!("127.0.0.1:{port}"));
    let smoke = |command| {
        let smoke = Smoke::new(command).env("WEBHOOK_SECRET", SECRET).env("API_TOKEN", "tok-orders-1");
        smoke.args(&[&format!("{root}/orders.yaml"), "--staging", &url, "--listen", &listen])
    };
    let checked = smoke("check").run();
    let ran = smoke("run").args(&["--settle", "200ms"]).run();
    let _ = service.kill();
    let _ = service.wait();
    checked.exits(0);
    let ran = ran.exits(0);
    assert_eq!(ran.artifact("orders")["test_run"]["total_orders"], 3);
    assert_eq!(ran.artifact("orders")["sample_order"]["status"], "paid");
    let page = include_str!("../../docs/scenarios.md");
    let scenario = include_str!("../../examples/orders/orders.yaml");
    let shown: Vec<&str> =
        page.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    for line in shown.iter().flat_map(|block| block.lines()).map(str::trim).filter(|line| !line.is_empty()) {
        assert!(
            scenario.contains(line) || line.starts_with('#'),
            "docs/scenarios.md shows `{line}`, which the scenario has not"
        );
    }
    // The gate judges all that lies in a folder: what it is shown here must be what was run here, and no more.
    let of = |begin: &str| page.lines().filter(|line| line.starts_with(begin)).collect::<Vec<_>>();
    let runs = of("$ smoke run examples/orders");
    assert!(runs.len() > 1 && runs.iter().all(|line| line.contains("--artifacts orders")), "{runs:?}");
    assert!(of("$ smoke gate")[0].starts_with("$ smoke gate orders "));
    assert!(include_str!("../../examples/orders/orders_api.py").lines().count() <= 60);
}

/// What nobody who reads the journal can know: the run says of each webhook whether it holds one of its secrets.
#[test]
fn a_webhook_that_holds_a_password_of_the_run_is_a_finding() {
    let scenario = "name: orders\nsubject: { kind: order, id: \"1\" }\nsender: standard-webhooks\nflows: 1\nvars: { shop_password: \
                    '{{ env.SHOP_PASSWORD }}' }\nsteps:\n  - name: pay\n    request: { method: POST, path: /pay }\n    webhooks: [{ event: \
                    order.paid, match: { /data/id: 1 }, within: 5s }]\n";
    let inbound = "/webhooks/inbound";
    for (path, header, note, code) in [
        (inbound, "-", "see correct-horse-9 below", 1),
        (inbound, "-", "Y29ycmVjdC1ob3JzZS05", 1),
        (inbound, "-", "correct horse 9", 0),
        (inbound, "pw correct-horse-9", "-", 1),
        ("/webhooks/inbound?p=correct%2Dhorse-9", "-", "-", 1),
    ] {
        let port = free_port();
        let url = api(move |_| {
            let webhook = webhook("POST", path, "order.paid", &json!({ "id": 1, "note": note }));
            let (line, rest) = webhook.split_at(webhook.iter().position(|byte| *byte == b'\n').unwrap() + 1);
            post(port, &[line, format!("X-Debug: {header}\r\n").as_bytes(), rest].concat());
            ok(json!({}))
        });
        let ran = run(scenario, &url, port).env("SHOP_PASSWORD", "correct-horse-9").run().exits(code);
        let found = &ran.artifact("orders")["pii_check"];
        assert_eq!(found["findings_total"], code, "{path} {header} {note}: {found}");
        let (artifact, journal) =
            (ran.file("staging_orders_output.json"), ran.file("staging_orders_journal.jsonl"));
        let again = Smoke::new("report").arg(&journal).args(&["-o", "again.json"]).run();
        assert_eq!(std::fs::read(again.dir().join("again.json")).unwrap(), std::fs::read(artifact).unwrap());
    }
}

/// Others fire webhooks at the same receiver without end.
#[test]
fn a_run_ends_while_the_webhooks_of_others_go_on() {
    let scenario = "name: shared\nsubject: { kind: order, id: \"1\" }\nsender: standard-webhooks\nflows: 1\nwebhooks: { ours: { \
                    /data/id: \"{{ flow }}\" } }\nsteps:\n  - name: pay\n    request: { method: POST, path: /pay }\n    \
                    webhooks: [{ event: order.paid, match: { /data/id: 0 }, within: 5s }]\n";
    // Others' are other orders', or of another event of this one; they end with the receiver.
    for (event, begin, exit, told) in
        [("order.paid", 1, 0, "from others"), ("order.noted", 0, 3, "no step expects it")]
    {
        let port = free_port();
        let fire = move |event: &str, id: u64| {
            post(port, &webhook("POST", "/webhooks/inbound", event, &json!({ "id": id })))
        };
        let url = api(move |_| {
            fire("order.paid", 0);
            std::thread::spawn(move || (begin..).find(|id| fire(event, *id * begin) == 0));
            ok(json!({}))
        });
        let ran = run(scenario, &url, port).run().exits(exit);
        assert!(ran.artifact("shared")["test_run"]["duration_seconds"].as_f64().unwrap() < 20.0);
        assert!(ran.stdout.contains(told) || ran.stderr.contains(told));
    }
}

/// The same where they look like the run's own, overlap, and faults hold them up: each of them would put the end off.
#[test]
fn a_run_ends_while_webhooks_like_its_own_are_held_up() {
    let scenario = "name: shared\nsubject: { kind: order, id: \"1\" }\nsender: standard-webhooks\nflows: 1\nwebhooks: { ours: { \
                    /data/id: \"{{ flow }}\" } }\nsteps:\n  - name: pay\n    request: { method: POST, path: /pay }\n    \
                    webhooks: [{ event: order.paid, match: { /data/id: 0 }, within: 5s }]\n";
    let port = free_port();
    let fire = move || post(port, &webhook("POST", "/webhooks/inbound", "order.paid", &json!({ "id": 0 })));
    let url = api(move |_| {
        fire();
        // They end with the receiver, and after half a minute at the latest.
        for _ in 0..3 {
            std::thread::spawn(move || (0..60).find(|_| fire() == 0));
        }
        ok(json!({}))
    });
    let ran = run(scenario, &url, port).args(&["--inject", "delay=500ms"]).run().exits(3);
    assert!(ran.artifact("shared")["test_run"]["duration_seconds"].as_f64().unwrap() < 20.0);
    assert_eq!(ran.gate("shared", "duplicates"), "unproven", "somebody else may have fired them");
}
