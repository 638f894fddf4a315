//! Writes journals of runs that never were, with webhooks that are signed as the real ones: what the tests of the
//! evidence wing and its benchmark read.

use evidence::gate::Gates;
use pii::{Identity, IdentityKind};
use record::Ending;
use record::SubjectKind;
use record::Tick;
use record::faults::Fault;
use record::matcher::Matcher;
use record::{
    Answered, Attempt, Body, Expect, FlowEnd, FlowStart, Header, Outcome, Override, Record, RunKind,
    ScenarioRef, Step, WebhookConfig, sha256_hex,
};
use signature::Secret;
use signature::{Outgoing, Scheme, Signer, Verdict};
use smoke::journal::Journal;
use std::path::Path;

/// The webhook secret of all samples.
pub const SECRET: &str = "0123456789abcdef0123456789abcdeffedcba9876543210fedcba9876543210";

/// What a sample run is like.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Start, Unix µs.
    pub started_us: i64,
    pub environment: String,
    pub flows: u32,
    /// Every so many flows, the delivery is broken on purpose twice (503); 0 for none.
    pub injected_every: u32,
    /// The text in every webhook.
    pub title: String,
    /// The event of every webhook.
    pub event: String,
    /// How soon each webhook has to come after its step; some take more than 2 ms.
    pub within_ms: u64,
    /// Whether the run is closed in order.
    pub ended: bool,
    /// Whether it was interrupted, and closed all the same.
    pub interrupted: bool,
    /// Whether it had no secret.
    pub blind: bool,
}

impl Default for Sample {
    fn default() -> Self {
        Self {
            started_us: 1_763_044_200_000_000,
            environment: "staging".into(),
            flows: 10,
            injected_every: 5,
            title: "Payment Verified - Smoke Cup".into(),
            event: "payment_verified".into(),
            within_ms: 30_000,
            ended: true,
            interrupted: false,
            blind: false,
        }
    }
}

/// Writes the journal of `sample`; gives the number of attempts in it.
pub fn write(path: &Path, sample: &Sample) -> u64 {
    let journal = Journal::create(path, &header(sample)).expect("a journal");
    let signer = Signer::new(Scheme::DeltacrownV2, &Secret::new(SECRET)).expect("a secret");
    let mut attempts = 0;
    let mut end = 0;
    let mut records = vec![login("owner", 100), login("staff", 400)];
    for flow in 0..sample.flows {
        let start = start_of(flow);
        end = end.max(one_flow(&mut records, &signer, sample, flow, start, &mut attempts));
        // A sample may have a million of them, of which few are under way at once.
        if flow % AT_ONCE == 0 {
            append_until(&journal, &mut records, start_of(flow + 1));
        }
    }
    append_until(&journal, &mut records, u64::MAX);
    if sample.ended {
        journal.finish(Tick(end + 7_000_000), !sample.interrupted).expect("an end");
    }
    attempts
}

/// So many flows are made before what is behind them is written.
const AT_ONCE: u32 = 64;

/// When a flow begins, before which nothing of it is written.
fn start_of(flow: u32) -> u64 {
    10_000 + u64::from(flow) * 20_000
}

/// Writes what is before that time, in order: each record when what it tells of has happened.
fn append_until(journal: &Journal, records: &mut Vec<Written>, time: u64) {
    records.sort_by_key(|(at, _)| *at);
    let due = records.partition_point(|(at, _)| *at < time);
    records.drain(..due).for_each(|(_, record)| journal.append(&record).expect("an append"));
}

/// A record, and when it is written.
type Written = (u64, Record);

fn login(session: &str, at: u64) -> Written {
    let step = Step {
        flow: None,
        step: format!("login:{session}"),
        started: Tick(at),
        ended: Tick(at + 200),
        request: "POST /api/token/".into(),
        status: Some(200),
        outcome: Outcome::Ok,
        problems: Vec::new(),
        body: None,
        tries: 1,
    };
    (at + 200, Record::Step(Box::new(step)))
}

/// A step of the scenario, and what it announces: one webhook, or none.
fn step(
    records: &mut Vec<Written>,
    sample: &Sample,
    flow: u32,
    (name, action): (&str, &str),
    (begin, end): (u64, u64),
    count: u32,
) {
    let plain = |v: u32| serde_json::from_value::<Matcher>(v.into()).expect("a matcher");
    let expect = Expect {
        flow,
        step: name.into(),
        at: Tick(begin),
        event: sample.event.clone(),
        matchers: [("/data/tournament_id".to_owned(), plain(100 + flow))].into_iter().collect(),
        headers: [].into(),
        count,
        at_least: false,
        after: None,
        // How long is watched at least for what must not come; the scenario names nothing.
        within_ms: if count == 0 { 0 } else { sample.within_ms },
    };
    records.push((begin, Record::Expect(expect)));
    let step = Step {
        flow: Some(flow),
        step: name.into(),
        started: Tick(begin),
        ended: Tick(end),
        request: format!("POST /api/tournaments/payments/{}/{action}/", 500 + flow),
        status: Some(200),
        outcome: Outcome::Ok,
        problems: Vec::new(),
        body: Some(format!(
            r#"{{"status":"{}","idempotent_replay":{}}}"#,
            if name == "verify" { "verified" } else { "pending" },
            name == "replay-proof"
        )),
        tries: 1,
    };
    records.push((end, Record::Step(Box::new(step))));
}

fn one_flow(
    records: &mut Vec<Written>,
    signer: &Signer,
    sample: &Sample,
    flow: u32,
    start: u64,
    attempts: &mut u64,
) -> u64 {
    let ours = [("/data/tournament_id".to_owned(), (100 + flow).into())].into_iter().collect();
    let begin = FlowStart { flow, at: Tick(start), variant: None, subject: (500 + flow).into(), ours };
    records.push((start, Record::FlowStart(begin)));
    step(records, sample, flow, ("submit-proof", "submit-proof"), (start + 100, start + 400), 0);
    step(records, sample, flow, ("replay-proof", "submit-proof"), (start + 500, start + 900), 0);
    let broken = sample.injected_every > 0 && flow % sample.injected_every == sample.injected_every - 1;
    let parcel = parcel(signer, sample, flow, start);
    let times: &[(u64, u16)] =
        if broken { &[(0, 503), (2_003_000, 503), (6_006_000, 200)] } else { &[(0, 200)] };
    let mut at = start;
    for (offset, status) in times {
        at = start + 2000 + offset + u64::from(flow % 7) * 300;
        let attempt = Attempt {
            attempt: *attempts,
            first_byte: Tick(at),
            received: Tick(at + 100),
            peer: None,
            method: "POST".into(),
            target: "/webhooks/inbound".into(),
            headers: parcel.0.clone(),
            body: Body::Text(parcel.1.clone()),
            verdict: if sample.blind { Verdict::unchecked() } else { Verdict::valid() },
            answer: Some(*status),
            duplicate: false,
            elsewhere: false,
            fault: (*status == 503).then_some(Fault::Status { status: 503, retry_after: None }),
            redirect: None,
            holds_secret: false,
        };
        records.push((at + 100, Record::Attempt(Box::new(attempt))));
        let answered = Answered { attempt: *attempts, end: Tick(at + 300), how: Ending::Sent };
        records.push((at + 300, Record::Answered(answered)));
        *attempts += 1;
    }
    step(records, sample, flow, ("verify", "verify"), (start + 1000, at + 1000), 1);
    let end = FlowEnd { flow, at: Tick(at + 1100), status: "verified".into() };
    records.push((at + 1100, Record::FlowEnd(end)));
    at + 1100
}

/// Headers and body of a flow's webhook.
pub fn parcel(signer: &Signer, sample: &Sample, flow: u32, start: u64) -> (Vec<(String, String)>, String) {
    let tournament = 100 + flow;
    let body = serde_json::json!({
        "event": sample.event,
        "data": {
            "event": sample.event,
            "title": sample.title,
            "body": "Your payment for Smoke Cup has been verified. Your registration is now confirmed!",
            "url": "/tournaments/smoke-cup/",
            "recipient_count": 1,
            "tournament_id": tournament,
            "match_id": null,
        },
        "metadata": {"created": 1, "skipped": 0, "email_sent": 0},
    })
    .to_string();
    let id = format!("4960b1c5-318e-4f87-b6c4-{:012x}", u64::from(flow) + 1);
    let timestamp_ms = sample.started_us / 1000 + i64::try_from(start / 1000).expect("small") + 1;
    let outgoing = Outgoing { event: &sample.event, id: &id, timestamp_ms, body: body.as_bytes() };
    let mut headers: Vec<(String, String)> = [
        ("Host", "127.0.0.1:8787"),
        ("User-Agent", "DeltaCrown-Webhook/1.0"),
        ("Accept-Encoding", "gzip, deflate"),
        ("Accept", "*/*"),
        ("Connection", "keep-alive"),
        ("Content-Type", "application/json"),
    ]
    .map(|(n, v)| (n.to_owned(), v.to_owned()))
    .into();
    headers.extend(signer.sign(&outgoing).into_iter().map(|(n, v)| (n.to_owned(), v)));
    headers.push(("Content-Length".into(), body.len().to_string()));
    (headers, body)
}

pub fn header(sample: &Sample) -> Header {
    let gates = include_str!("../../scenarios/gates.yaml");
    Header {
        run_id: uuid::Uuid::from_u128(0x8692_6de0_a456_4b16_aeda_c376_2f5d_a468),
        scenario: ScenarioRef {
            name: "payments".into(),
            subject: SubjectKind::new("payment").expect("a word"),
            plural: None,
            sha256: sha256_hex(include_bytes!("../../scenarios/payments.yaml")),
        },
        gates: serde_json::to_value(Gates::parse(gates).expect("gates")).expect("JSON"),
        gates_sha256: sha256_hex(gates.as_bytes()),
        environment: sample.environment.clone(),
        target: "https://staging.deltacrown.example/".into(),
        flows: sample.flows,
        concurrency: sample.flows.max(1),
        seed: 42,
        webhook: WebhookConfig {
            endpoint: "http://127.0.0.1:8787/webhooks/inbound".into(),
            timeout_ms: 10_000,
            max_attempts: 3,
            secret_configured: !sample.blind,
            secret_length_chars: if sample.blind { 0 } else { 64 },
            secrets: 1,
        },
        ours: vec!["/data/tournament_id".into()],
        identities: identities(),
        overrides: overrides(sample),
        blind: sample.blind,
        pii_salt: "00112233445566778899aabbccddeeff".into(),
        faults: if sample.injected_every > 0 { vec!["503x2".parse().expect("a fault")] } else { Vec::new() },
        ..Header::new(
            RunKind::Run,
            chrono::DateTime::from_timestamp_micros(sample.started_us).expect("a time"),
        )
        .expect("random bytes")
    }
}

/// Canaries of each kind that the scenario has.
fn identities() -> Vec<Identity> {
    let of = |kind, value: &str| Identity { kind, value: value.to_owned() };
    vec![
        of(IdentityKind::Username, "smoke_owner_00001"),
        of(IdentityKind::Email, "smoke.owner.00001@canary.example"),
        of(IdentityKind::DisplayName, "Canary Owner 00001"),
        of(IdentityKind::Phone, "+8801912340001"),
    ]
}

/// What the command line gave, unless it is the scenario's own limit.
/// What is not the scenario's own was given on the command line.
fn overrides(sample: &Sample) -> Vec<Override> {
    let given = |option: &str, value: String| Override { option: option.into(), value };
    let within = (sample.within_ms != 30_000).then(|| given("within", format!("{}ms", sample.within_ms)));
    let flows = (sample.flows != 10).then(|| given("flows", sample.flows.to_string()));
    within.into_iter().chain(flows).collect()
}
