//! A memo that smoke wrote says nothing twice and differently: alone it is unproven, and never accused.

use crate::evidence_run::{judged, recent};
use crate::sample::{self, SECRET, Sample};
use evidence::gate::Verdict;
use evidence::report::{Evidence, artifact, memo};
use record::Ending;
use record::Tick;
use record::{
    Answered, Attempt, Body, Gap, LogFacts, Note, OnTrigger, Record, ScenarioRef, Watch, WatchBegin,
    sha256_hex,
};
use signature::Secret;
use signature::{Scheme, Signer, Verdict as Signature};
use smoke::journal::Journal;
use std::path::Path;

const MINUTE: u64 = 60_000_000;

/// What the gate says of the memo of a journal that is alone in a directory, and the memo.
fn alone(journal: &Path, name: &str) -> (Verdict, Vec<String>, String) {
    let text = memo(&artifact(&Evidence::open(journal).expect("evidence")));
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join(format!("{name}_memo.md"));
    std::fs::write(&path, &text).expect("written");
    let judgement = judged(&path);
    let said = judgement.contradictions.iter().map(|f| format!("{}: {}", f.kind, f.sentence)).collect();
    (judgement.verdict, said, text)
}

fn accused_of_nothing(journal: &Path, name: &str, case: &str) {
    let (verdict, said, text) = alone(journal, name);
    assert_eq!(said, Vec::<String>::new(), "{case}\n{text}");
    assert!(verdict != Verdict::Pass && (verdict == Verdict::Unproven || case != "pass"), "{case}\n{text}");
}

/// A window of five minutes in which each of these is the status that a webhook was answered with.
pub fn window(path: &Path, statuses: &[u16], events: &[&str], more: &[Record], ended: bool) {
    let mut sample = Sample { injected_every: 0, ..recent() };
    let mut header = sample::header(&sample);
    header.kind = record::RunKind::Observe;
    header.flows = 0;
    header.ours = Vec::new();
    header.scenario = ScenarioRef { name: "observe".to_owned(), sha256: sha256_hex(b""), ..header.scenario };
    let journal = Journal::create(path, &header).expect("a journal");
    let add = |record: &Record| journal.append(record).expect("an append");
    add(&Record::Watch(Watch::Begin(WatchBegin {
        at: Tick(0),
        duration_ms: 5 * MINUTE / 1000,
        source: "a_journal.jsonl".to_owned(),
        stage_percent: Some(5.0),
        drive: Vec::new(),
        on_trigger: OnTrigger::KeepGoing,
        probe: None,
        logs: vec!["django.log".to_owned()],
    })));
    let signer = Signer::new(Scheme::DeltacrownV2, &Secret::new(SECRET)).expect("a secret");
    for (n, status) in (0u32..).zip(statuses) {
        let at = 1000 + u64::from(n) * MINUTE / 40;
        if let Some(event) = events.get(n as usize % events.len().max(1)) {
            sample.event = (*event).to_owned();
        }
        let (headers, body) = sample::parcel(&signer, &sample, n, at);
        add(&Record::Attempt(Box::new(Attempt {
            attempt: n.into(),
            first_byte: Tick(at),
            received: Tick(at + 100),
            peer: None,
            method: "POST".into(),
            target: "/".into(),
            headers,
            body: Body::Text(body),
            verdict: Signature::valid(),
            answer: Some(*status),
            duplicate: false,
            elsewhere: false,
            fault: None,
            redirect: None,
            holds_secret: false,
        })));
        let end = Tick(at + 500 + u64::from(n % 7) * 1000);
        add(&Record::Answered(Answered { attempt: n.into(), end, how: Ending::Sent }));
    }
    more.iter().for_each(add);
    if ended {
        journal.finish(Tick(5 * MINUTE), true).expect("an end");
    }
}

pub fn log(delivered: u64, findings: u64) -> Record {
    let summary = serde_json::json!({
        "lines": 500, "attempts": delivered + 7, "delivered": delivered, "retries": 3, "aborted": 2, "exhausted": 1,
        "pii": {"email": findings}, "unreadable": {"count": 4, "first_lines": [1, 2, 3, 4]},
    });
    Record::Watch(Watch::Log(Box::new(LogFacts { at: Tick(4 * MINUTE), summary })))
}

/// Its name, statuses, events, further records, and whether it goes to its end.
type Case<'c> = (&'c str, &'c [u16], &'c [&'c str], &'c [Record], bool);

#[test]
fn the_memo_of_an_observation_accuses_itself_of_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("staging_observation_journal.jsonl");
    let mixed: Vec<u16> = (0..100).map(|n| [200, 200, 200, 400, 503][n % 5]).collect();
    let gap = |why: &str| {
        Record::Watch(Watch::Gap(Gap { from: Tick(MINUTE), to: Tick(3 * MINUTE), why: why.to_owned() }))
    };
    let note = |text: &str| Record::Note(Note { at: Tick(1), text: text.to_owned() });
    let odd = ["webhooks_delivered", "webhook_failed", "p95 latency: 3 ms", "success rate 5 %"];
    let cases: [Case<'_>; 8] = [
        ("pass", &[200; 100], &[], &[], true),
        ("fail", &mixed, &[], &[], true),
        ("nothing came", &[], &[], &[], true),
        ("cut off", &[200; 10], &[], &[], false),
        ("another count in the log", &[200; 100], &[], &[log(90, 0)], true),
        ("personal data in the log", &[200; 100], &[], &[log(100, 6)], true),
        ("events of all names", &mixed, &odd, &[], true),
        (
            "not seen",
            &[200; 100],
            &[],
            &[gap("webhooks failed: 3 of 7"), note("also driven: payments=6/m, 9 of 12 webhooks sent: 4")],
            true,
        ),
    ];
    for (case, statuses, events, more, ended) in cases {
        window(&path, statuses, events, more, ended);
        accused_of_nothing(&path, "staging_observation", case);
    }
}

#[test]
fn the_memo_of_a_run_accuses_itself_of_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("staging_payments_journal.jsonl");
    for (case, sample) in [
        ("pass", recent()),
        ("one flow", Sample { flows: 1, injected_every: 0, ..recent() }),
        ("none", Sample { flows: 0, ..recent() }),
        ("all injected", Sample { flows: 20, injected_every: 1, ..recent() }),
        ("many", Sample { flows: 120, injected_every: 3, ..recent() }),
        ("cut off", Sample { ended: false, ..recent() }),
        ("personal data", Sample { title: "call john@example.com".to_owned(), ..recent() }),
        ("another event", Sample { event: "webhooks_failed: 3".to_owned(), ..recent() }),
    ] {
        sample::write(&path, &sample);
        accused_of_nothing(&path, "staging_payments", case);
        accused_of_nothing(&path, "staging_matches", case);
    }
}
