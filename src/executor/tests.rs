//! Tests of the order of flows, and of our times against the sender's own.

use super::pacing::Pacing;
use super::phases::Budget;
use super::plan::{BreakerPolicy, GatesRef, Listen, Plan, Receiver, StandIn, Target};
use super::prepare::Prepared;
use super::row_facts::RowFacts;
use super::run::Execution;
use crate::redact::Redactor;
use pii::{Category, Engine, Policy};
use record::faults::{Before, FaultPlan, FaultSpec, Scope};
use record::{Reader, Record, RetryContract};
use scenario::{RunSettings, load_built_in};
use signature::Secret;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::watch;

fn plan(scenario: &str, flows: u32, concurrency: u32, faults: &[&str], dir: &TempDir) -> Plan {
    let loaded = load_built_in(scenario).unwrap();
    let specs: Vec<FaultSpec> = faults.iter().map(|f| f.parse().unwrap()).collect();
    let deliveries = super::triggered(&loaded.scenario, flows);
    let scope = Scope { deliveries, timeout: Duration::from_secs(10), attempts: 3, seed: 1 };
    Plan {
        kind: record::RunKind::Run,
        shard: None,
        gates: GatesRef { value: serde_json::json!({}), sha256: String::new() },
        target: Target::StandIn(StandIn::default()),
        environment: "embedded".to_owned(),
        flows,
        concurrency,
        data: None,
        skipped_rows: 0,
        interrupted_before: None,
        vars: BTreeMap::new(),
        env: Arc::new(|_: &str| None),
        receiver: Receiver::Here(Listen {
            address: "127.0.0.1:0".parse().unwrap(),
            door: crate::inbox::Door::posted("/webhooks/inbound"),
            tls: false,
            public_url: None,
        }),
        tls: None,
        secret: Secret::generate().unwrap(),
        scheme: loaded.scenario.scheme,
        sender: None,
        retry: RetryContract { backoff_ms: vec![0, 100, 200], ..RetryContract::default() },
        sender_timeout: Duration::from_secs(10),
        seed: 1,
        within: None,
        quiet: Duration::from_millis(50),
        overrides: Vec::new(),
        blind: false,
        challenge: None,
        journal: dir.path().join("journal.jsonl"),
        aggregator: None,
        faults: FaultPlan::new(&specs, scope).unwrap(),
        sweep: None,
        breaker: BreakerPolicy::KeepClosed,
        redactor: Redactor::new(),
        traced: false,
        loaded,
    }
}

fn befores(plan: &Plan) -> Vec<(u32, Before)> {
    plan.phases().iter().map(|p| (p.flows.start, p.before)).collect()
}

#[test]
fn the_failure_budget_decides_how_the_flows_run() {
    let dir = TempDir::new().unwrap();
    let budget = |scenario, flows, concurrency, faults: &[&str]| {
        plan(scenario, flows, concurrency, faults, &dir).budget()
    };
    assert_eq!(budget("payments", 10, 10, &["503x2"]), Budget::Spared);
    assert_eq!(budget("payments", 10, 10, &["400@1", "400@2", "400@3", "503x*@4"]), Budget::Spared);
    assert_eq!(budget("payments", 10, 10, &["400"]), Budget::Gathered);
    let window = Duration::from_millis(120_250);
    assert_eq!(budget("payments", 10, 1, &["400"]), Budget::Paced(window * 2));
    assert_eq!(budget("matches", 5, 5, &["400"]), Budget::Paced(window * 4));
    let mut on = plan("matches", 5, 5, &["400"], &dir);
    on.breaker = BreakerPolicy::RunOn;
    assert_eq!(on.budget(), Budget::LetOpen);
}

#[test]
fn successes_are_driven_in_between_where_there_are_enough() {
    let dir = TempDir::new().unwrap();
    let faults: Vec<String> = (1..=8).map(|n| format!("400@{}", n * 5)).collect();
    let faults: Vec<&str> = faults.iter().map(String::as_str).collect();
    let plan = plan("payments", 40, 4, &faults, &dir);
    assert_eq!(plan.budget(), Budget::Paced(Duration::ZERO));
    assert_eq!(befores(&plan), [(0, Before::Nothing), (20, Before::Settled), (24, Before::Settled)]);
}

#[test]
fn pauses_come_where_nothing_else_helps() {
    let dir = TempDir::new().unwrap();
    let plan = plan("payments", 10, 1, &["400"], &dir);
    let wanted = [(0, Before::Nothing), (4, Before::BreakerWindow), (8, Before::BreakerWindow)];
    assert_eq!(befores(&plan), wanted);
}

/// Runs a plan; gives the gaps that the sender's log and the journal say, paired by webhook id and attempt, in µs.
async fn gaps(plan: Plan) -> Vec<(u64, u64)> {
    let journal = plan.journal.clone();
    let (_stop, stopped) = watch::channel(false);
    let prepared = Prepared::new(plan, || Ok(())).await.unwrap();
    let finished = prepared.execute(Execution::unwatched(Pacing::Phases), stopped).await.unwrap();
    let mut ours: BTreeMap<String, Vec<(u64, u64)>> = BTreeMap::new();
    let (_, mut reader) = Reader::open(&journal).unwrap();
    let mut ids = BTreeMap::new();
    while let Some(record) = reader.next_record().unwrap() {
        match record {
            Record::Attempt(a) => {
                let id = a.header("x-webhook-id").unwrap().to_owned();
                ids.insert(a.attempt, id.clone());
                ours.entry(id).or_default().push((a.first_byte.0, 0));
            }
            Record::Answered(a) => ours.get_mut(&ids[&a.attempt]).unwrap().last_mut().unwrap().1 = a.end.0,
            _ => {}
        }
    }
    let mut theirs: BTreeMap<String, Vec<(u64, u64)>> = BTreeMap::new();
    for entry in finished.sender_log {
        theirs.entry(entry.id).or_default().push((entry.start.0, entry.end.0));
    }
    let between = |all: &[(u64, u64)]| all.windows(2).map(|w| w[1].0 - w[0].1).collect::<Vec<u64>>();
    theirs.iter().flat_map(|(id, t)| between(t).into_iter().zip(between(&ours[id]))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn measured_gaps_agree_with_the_senders_log() {
    let dir = TempDir::new().unwrap();
    let faults = ["503x2@1", "reset@2", "close@3", "truncate@4", "garbage@5", "429@6"];
    let mut off: Vec<u64> = Vec::new();
    for (theirs, ours) in gaps(plan("payments", 6, 6, &faults, &dir)).await {
        off.push(theirs.abs_diff(ours));
    }
    off.sort_unstable();
    assert_eq!(off.len(), 6, "{off:?}");
    // How near they are hangs on what else this machine does: the figure is in docs/faults.md, as measured. Here a gap that
    // is measured from or to the wrong moment would be off by a whole pause.
    assert!(off[off.len() / 2] < 20_000, "µs apart: {off:?}");
    eprintln!("gaps differ by µs: {off:?}");
}

#[tokio::test]
async fn failures_that_are_gathered_open_no_breaker() {
    let dir = TempDir::new().unwrap();
    let plan = plan("payments", 12, 12, &["400"], &dir);
    let journal = plan.journal.clone();
    let (_stop, stopped) = watch::channel(false);
    let finished = Prepared::new(plan, || Ok(()))
        .await
        .unwrap()
        .execute(Execution::unwatched(Pacing::Phases), stopped)
        .await
        .unwrap();
    assert_eq!(finished.sender_log.len(), 12);
    assert!(finished.sender_log.iter().all(|entry| entry.status == Some(400)));
    assert!(Reader::open(&journal).is_ok());
}

#[test]
fn people_of_the_last_row_are_known_before_the_first_flow() {
    const ROWS: u32 = 2_000;
    let dir = TempDir::new().unwrap();
    let data = dir.path().join("rows.csv");
    let rows: Vec<String> = (1..=ROWS).map(|n| format!("{n},{n},user.{n}x,pass-of-{n}x\n")).collect();
    let columns = "payment_id,tournament_id,user_username,user_password\n";
    std::fs::write(&data, format!("{columns}{}", rows.concat())).unwrap();
    let mut plan = plan("payments", ROWS, 1, &[], &dir);
    plan.kind = record::RunKind::Load;
    plan.aggregator = Some(|_, _| panic!("it is not asked for here"));
    let scenario = &plan.loaded.scenario;
    let settings = RunSettings {
        seed: 1,
        run_id: String::new(),
        now: Arc::new(chrono::Utc::now),
        env: Arc::clone(&plan.env),
        vars: BTreeMap::new(),
        dir: dir.path().to_owned(),
        challenge: None,
    };
    let run = scenario::Run::new(scenario, settings).unwrap();
    let rows = scenario::rows(scenario, ROWS, 0, Some(&data), &run).unwrap();
    let facts = RowFacts::of(&plan, &run, &rows).unwrap();
    let engine = Engine::knowing(&Policy::default(), facts.canaries, b"").unwrap();
    assert_eq!(engine.scan_text("by user.2000x, who paid").count(Category::Username), 1);
    assert!(engine.scan_text("by user.2001x, who paid").is_clean());
    assert_eq!(
        plan.redactor.scrub("the password pass-of-2000x is wrong"),
        "the password [redacted] is wrong"
    );
    assert!(facts.identities.is_empty(), "the journal of a load lists nobody");
}
