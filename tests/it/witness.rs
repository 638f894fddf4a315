//! A receiver that vouches for runs: what it has signed stands in the journal of the run, and whatever is done to the
//! deliveries afterwards is seen; so are runs that were begun and are not shown.

use crate::evidence_run::{Run, recent};
use crate::harness::unwrapped;
use crate::sample::Sample;
use record::seal::{SignedCheckpoint, SigningKey};
use record::witness::{
    Checkpoint, CheckpointStatement, RegisteredRun, WitnessChain, is_witnessed, on_witness_clock,
};
use record::{Header, JudgedBy, Offset, Reader, Record, RunKind, Tick, Watch, journal_bytes};
use std::path::Path;
use std::process::Command;

/// A run that was read back from a receiver with a key, as it is written down: a checkpoint before each record.
struct Witnessed {
    run: Run,
    key: SigningKey,
    header: Header,
    records: Vec<Record>,
    end: Tick,
}

impl Witnessed {
    /// The receiver's clock, which is right, is ahead of the run's by `apart_us`; `others` were registered before.
    fn new(apart_us: i64, others: &[RegisteredRun]) -> Self {
        let run = Run::new(&Sample { injected_every: 0, ..recent() });
        let key = SigningKey::generate().unwrap();
        let (mut header, mut reader) = Reader::open(&run.journal()).unwrap();
        let zero_us = u64::try_from(header.started.timestamp_micros()).unwrap();
        header.started -= chrono::TimeDelta::microseconds(apart_us);
        let own = RegisteredRun {
            run: header.run_id,
            number: others.len() as u64 + 1,
            kind: RunKind::Run,
            scenario: "payments".to_owned(),
            flows: Some(header.flows),
            registered_us: zero_us + 50,
            receiver: uuid::Uuid::nil(),
        };
        let mut chain = WitnessChain::of(header.run_id);
        let sign = |chain: &WitnessChain, at: Tick, closed| {
            let is_first = chain.records() == 0;
            let statement = CheckpointStatement {
                run: own.clone(),
                receiver: Some(own.receiver),
                at_us: zero_us + at.0,
                records: chain.records(),
                attempts: chain.attempts(),
                verdicts: chain.verdicts().clone(),
                head: chain.head(),
                closed,
                runs: others.len() as u64 + 1,
                others: if is_first { others.to_vec() } else { Vec::new() },
            };
            let signed = SignedCheckpoint::sign(&key, &statement);
            Record::Watch(Watch::Checkpoint(Box::new(Checkpoint { at, zero_us, signed })))
        };
        let offset = Offset { at: Tick(10), offset_us: apart_us, uncertainty_us: 100, samples: 9 };
        let mut records = vec![Record::Watch(Watch::Offset(offset)), sign(&chain, Tick(50), false)];
        let mut end = Tick(0);
        while let Some(record) = reader.next_record().unwrap() {
            if let Record::End(last) = &record {
                end = last.at;
                continue;
            }
            if is_witnessed(&record) {
                chain.take(&on_witness_clock(&record, zero_us).unwrap()).unwrap();
                records.push(sign(&chain, Tick(60), false));
            }
            records.push(record);
        }
        records.push(sign(&chain, end, true));
        let witnessed = Self { run, key, header, records, end };
        witnessed.write();
        witnessed
    }

    fn write(&self) {
        let bytes = journal_bytes(&self.header, &self.records, Some((self.end, true))).unwrap();
        std::fs::write(self.run.journal(), bytes).unwrap();
        self.run.recompute();
    }

    fn gate(&self, args: &[&str]) -> (i32, String) {
        let (key, secret) = (self.key.public().to_string(), self.run.file("secret").display().to_string());
        let given = ["--witness", &key, "--secret-file", &secret];
        gate(&[self.run.dir.path()], &[&given, args].concat())
    }

    /// Where the records are that the receiver vouches for.
    fn came(&self) -> Vec<usize> {
        (0..self.records.len()).filter(|n| is_witnessed(&self.records[*n])).collect()
    }

    fn drop_checkpoints(&mut self, is_dropped: impl Fn(&CheckpointStatement) -> bool) {
        self.records.retain(|record| match record {
            Record::Watch(Watch::Checkpoint(c)) => !is_dropped(&c.signed.unverified().unwrap()),
            _ => true,
        });
    }
}

pub(crate) fn gate(dirs: &[&Path], args: &[&str]) -> (i32, String) {
    let mut smoke = Command::new(env!("CARGO_BIN_EXE_smoke"));
    smoke.arg("gate").args(dirs).args(args).env_remove("WEBHOOK_SECRET").env_remove("GITHUB_ACTIONS");
    let out = smoke.output().unwrap();
    let text = String::from_utf8([out.stdout, out.stderr].concat()).unwrap();
    // However wide the screen is.
    (out.status.code().unwrap(), unwrapped(&text))
}

fn attempt_at(witnessed: &mut Witnessed, n: usize) -> &mut record::Attempt {
    let attempts = witnessed.records.iter_mut().filter_map(|record| match record {
        Record::Attempt(attempt) => Some(&mut **attempt),
        _ => None,
    });
    attempts.skip(n).take(1).next().unwrap()
}

/// Changes a run that its receiver vouches for, and holds the answer against a code and a text.
fn attacked(name: &str, change: impl FnOnce(&mut Witnessed), code: i32, says: &str) {
    let mut witnessed = Witnessed::new(0, &[]);
    change(&mut witnessed);
    witnessed.write();
    let (is, text) = witnessed.gate(&[]);
    assert_eq!((is, text.contains(says)), (code, true), "{name} should say `{says}`:\n{text}");
}

#[test]
fn an_honest_run_is_vouched_for_by_the_receiver() {
    let witnessed = Witnessed::new(0, &[]);
    let (code, text) = witnessed.gate(&["--trust", "witness"]);
    assert_eq!((code, text.contains("witness: whoever runs the receiver")), (0, true), "{text}");
    assert!(text.contains("1 run was started, 1 is shown"), "{text}");
    // Without the secret the receiver's verdicts count, which it has signed.
    let key = witnessed.key.public().to_string();
    let (code, text) = gate(&[witnessed.run.dir.path()], &["--witness", &key]);
    assert_eq!((code, text.contains("the receiver vouches for its verdicts")), (0, true), "{text}");
    // Nobody asks: it is the runner's word.
    let (code, text) = gate(
        &[witnessed.run.dir.path()],
        &["--all", "--secret-file", &witnessed.run.file("secret").display().to_string()],
    );
    assert_eq!((code, text.contains("give the receiver's public key (--witness)")), (3, true), "{text}");
    assert_eq!(gate(&[witnessed.run.dir.path()], &["--witness", "abc"]).0, 2);
}

#[test]
fn deliveries_that_were_trimmed_reordered_or_redated_are_seen() {
    let last = |w: &mut Witnessed| {
        let came = w.came();
        w.records.remove(came[came.len() - 1]);
        w.records.remove(came[came.len() - 2]);
    };
    attacked("trimmed", last, 1, "witness_records_missing");
    let discarded = |w: &mut Witnessed| {
        // The third delivery whole, its checkpoints with it, and the others numbered as if it had never come.
        w.records.retain(|record| {
            !matches!(record, Record::Attempt(a) if a.attempt == 3)
                && !matches!(record, Record::Answered(a) if a.attempt == 3)
        });
        for record in &mut w.records {
            match record {
                Record::Attempt(a) if a.attempt > 3 => a.attempt -= 1,
                Record::Answered(a) if a.attempt > 3 => a.attempt -= 1,
                _ => {}
            }
        }
    };
    attacked("discarded", discarded, 1, "witness_");
    let reordered = |w: &mut Witnessed| {
        let (a, b) = (w.came()[0], w.came()[2]);
        w.records.swap(a, b);
    };
    attacked("reordered", reordered, 1, "witness_chain_differs");
    let sooner = |w: &mut Witnessed| attempt_at(w, 2).first_byte.0 -= 500;
    attacked("re-dated", sooner, 1, "witness_chain_differs");
    let edited = |w: &mut Witnessed| attempt_at(w, 2).answer = Some(202);
    attacked("edited", edited, 1, "witness_chain_differs");
    let made_up = |w: &mut Witnessed| {
        let last = w.came()[w.came().len() - 1];
        let mut more = attempt_at(w, 0).clone();
        more.attempt = 10;
        w.records.insert(last + 1, Record::Attempt(Box::new(more)));
    };
    attacked("made up", made_up, 1, "witness_not_signed");
    let days = |w: &mut Witnessed| w.header.started += chrono::TimeDelta::minutes(5);
    attacked("the whole run re-dated", days, 1, "witness_clock_differs");
    // Two deliveries later by the run's clock, and no other by the receiver's.
    let moved = |w: &mut Witnessed| {
        let at = w.came()[4] - 1;
        let Record::Watch(Watch::Checkpoint(checkpoint)) = &mut w.records[at] else { unreachable!() };
        checkpoint.zero_us -= 700_000;
        for record in &mut w.records[at + 1..=at + 1] {
            match record {
                Record::Attempt(a) => {
                    (a.first_byte.0, a.received.0) = (a.first_byte.0 + 700_000, a.received.0 + 700_000);
                }
                Record::Answered(a) => a.end.0 += 700_000,
                _ => unreachable!(),
            }
        }
    };
    attacked("one of them re-dated with its checkpoint", moved, 1, "witness_clock_differs");
    let by_another = |w: &mut Witnessed| {
        let by = JudgedBy { receiver: uuid::Uuid::new_v4(), ahead_us: 0, secrets: 1 };
        w.records.insert(w.came()[0], Record::Watch(Watch::JudgedBy(by)));
    };
    attacked("judged by another", by_another, 1, "witness_of_another_run");
    let later = |w: &mut Witnessed| w.end.0 += 4_000_000;
    attacked("its end put off", later, 3, "the run says that it ended 4.0 s after the receiver signed last");
}

/// Whoever reads from a receiver notes on his own that it could not be read for a while: that is nothing that the receiver has to sign.
#[test]
fn a_receiver_that_was_away_for_a_while_is_not_contradicted() {
    let mut witnessed = Witnessed::new(0, &[]);
    let at = witnessed.came()[4] - 1;
    let gap = record::Gap { from: Tick(100), to: Tick(200), why: "the inbox does not respond".to_owned() };
    witnessed.records.insert(at, Record::Watch(Watch::Gap(gap)));
    witnessed.write();
    let (_, text) = witnessed.gate(&[]);
    assert!(!text.contains("contradictions") && !text.contains("witness_"), "{text}");
}

/// From the middle on another run of the receiver signs.
fn restarted(w: &mut Witnessed) {
    let other = uuid::Uuid::new_v4();
    let middle = w.came()[4] - 1;
    for record in w.records.iter_mut().skip(middle) {
        if let Record::Watch(Watch::Checkpoint(c)) = record {
            let statement = CheckpointStatement { receiver: Some(other), ..c.signed.unverified().unwrap() };
            c.signed = SignedCheckpoint::sign(&w.key, &statement);
        }
    }
}

#[test]
fn a_restart_of_the_receiver_that_the_run_does_not_tell_leaves_open_what_came_meanwhile() {
    let untold = "another run of the receiver signed from";
    attacked("a restart that nobody tells", restarted, 3, untold);
    let mut told = Witnessed::new(0, &[]);
    restarted(&mut told);
    let gap = record::Gap { from: Tick(100), to: Tick(200), why: "the receiver was restarted".to_owned() };
    told.records.insert(told.came()[4] - 1, Record::Watch(Watch::Gap(gap)));
    told.write();
    let (code, text) = told.gate(&[]);
    assert_eq!(
        (code, text.contains(untold), text.contains("webhooks could not be seen")),
        (3, false, true),
        "{text}"
    );
}

/// Whoever moves the beginning of his times moves it away from the registration, which the receiver has signed.
#[test]
fn a_run_begins_at_its_registration() {
    let registered = |by_us: i64| {
        move |w: &mut Witnessed| {
            for record in &mut w.records {
                if let Record::Watch(Watch::Checkpoint(c)) = record {
                    let mut statement = c.signed.unverified().unwrap();
                    statement.run.registered_us = statement.run.registered_us.saturating_add_signed(by_us);
                    c.signed = SignedCheckpoint::sign(&w.key, &statement);
                }
            }
        }
    };
    attacked("begun before it", registered(10_000_000), 1, "which comes first: it was stretched");
    attacked("begun long after it", registered(-10_000_000), 1, "it was re-dated");
    let mut honest = Witnessed::new(0, &[]);
    registered(-500_000)(&mut honest);
    honest.write();
    let (code, text) = honest.gate(&["--trust", "witness"]);
    assert_eq!(code, 0, "{text}");
}

#[test]
fn an_answer_that_is_taken_out_of_a_run_over_an_inbox_is_missed_without_its_checkpoints_too() {
    let mut witnessed = Witnessed::new(0, &[]);
    witnessed.drop_checkpoints(|_| true);
    witnessed.records.retain(|record| !matches!(record, Record::Answered(answered) if answered.attempt == 4));
    witnessed.write();
    let secret = witnessed.run.file("secret").display().to_string();
    let (code, text) = gate(&[witnessed.run.dir.path()], &["--trust", "sender", "--secret-file", &secret]);
    assert_eq!((code, text.contains("answer_missing")), (1, true), "{text}");
}

#[test]
fn checkpoints_are_the_receivers_and_of_this_run() {
    attacked("none", |w| w.drop_checkpoints(|_| true), 3, "none in the journal");
    attacked(
        "the last ones cut away",
        |w| w.drop_checkpoints(|c| c.records > 12),
        3,
        "nothing was signed after",
    );
    attacked(
        "the first one cut away",
        |w| w.drop_checkpoints(|c| c.records == 0),
        1,
        "witness_begin_missing",
    );
    attacked("one cut away", |w| w.drop_checkpoints(|c| c.records == 5), 1, "witness_not_signed");
    let other_key = |w: &mut Witnessed| w.key = SigningKey::generate().unwrap();
    attacked("another key", other_key, 1, "witness_signature_not_valid");
    let edited = |w: &mut Witnessed| {
        for record in &mut w.records {
            if let Record::Watch(Watch::Checkpoint(c)) = record {
                c.signed.statement = c.signed.statement.replace("\"runs\":1", "\"runs\":2");
            }
        }
    };
    attacked("edited", edited, 1, "witness_signature_not_valid");
    let run = |w: &mut Witnessed| w.header.run_id = uuid::Uuid::nil();
    attacked("of another run", run, 1, "witness_of_another_run");
    let fewer = |w: &mut Witnessed| {
        (w.header.flows, w.header.concurrency) = (9, 9);
        w.header.overrides.push(record::Override { option: "flows".to_owned(), value: "9".to_owned() });
        w.records.retain(|record| match record {
            Record::FlowStart(start) => start.flow != 9,
            Record::Expect(expect) => expect.flow != 9,
            Record::Step(step) => step.flow != Some(9),
            Record::FlowEnd(end) => end.flow != 9,
            _ => true,
        });
    };
    attacked("a flow left out whole", fewer, 1, "the run was registered with 10 flows, but its header has 9");
    let twice = |w: &mut Witnessed| {
        let closing = w.records.pop().unwrap();
        w.records.extend([closing.clone(), closing]);
    };
    attacked("ends twice", twice, 1, "witness_out_of_order");
}

fn registered(number: u64, scenario: &str, minutes_ago: i64) -> RegisteredRun {
    let at = chrono::Utc::now() - chrono::TimeDelta::minutes(minutes_ago);
    RegisteredRun {
        run: uuid::Uuid::new_v4(),
        number,
        kind: RunKind::Run,
        scenario: scenario.to_owned(),
        flows: None,
        registered_us: u64::try_from(at.timestamp_micros()).unwrap(),
        receiver: uuid::Uuid::nil(),
    }
}

#[test]
fn runs_that_were_begun_and_are_not_shown_are_listed() {
    // One of another scenario, and one of the week before, are none of those that are asked about.
    let others =
        [registered(1, "payments", 7 * 24 * 60), registered(2, "matches", 40), registered(3, "payments", 30)];
    let witnessed = Witnessed::new(0, &others);
    let (code, text) = witnessed.gate(&[]);
    assert_eq!((code, text.contains("2 runs were started, 1 is shown")), (3, true), "{text}");
    assert!(text.contains(&format!("not shown: {}", others[2].run)), "{text}");
    assert!(text.contains("another kind or scenario: ") && text.contains("(run of matches)"), "{text}");
    assert!(!text.contains(&others[0].run.to_string()), "{text}");
    let (code, text) = witnessed.gate(&["--allow", "runs=2"]);
    assert_eq!((code, text.contains("which --allow accepts")), (0, true), "{text}");
    assert_eq!(witnessed.gate(&["--allow", "runs=1"]).0, 3);
    // Shown, whatever it says of itself.
    let shown = Run::new(&recent());
    let (mut header, _) = Reader::open(&shown.journal()).unwrap();
    header.run_id = others[2].run;
    std::fs::write(shown.journal(), journal_bytes(&header, &[], None).unwrap()).unwrap();
    let key = witnessed.key.public().to_string();
    let (_, text) = gate(&[witnessed.run.dir.path(), shown.dir.path()], &["--witness", &key]);
    assert!(text.contains("2 runs were started, 2 are shown"), "{text}");
    // Since the commit there was one only.
    let commit = (chrono::Utc::now() - chrono::TimeDelta::minutes(20)).to_rfc3339();
    let (code, text) = witnessed.gate(&["--not-before", &commit]);
    assert_eq!((code, text.contains("1 run was started, 1 is shown")), (0, true), "{text}");
}

/// The clock of the machine that ran it is hours off, which is nobody's fault; the receiver's is right.
#[test]
fn a_clock_that_is_hours_off_is_named_and_accuses_nobody() {
    const HOUR: i64 = 3_600_000_000;
    for apart_us in [-3 * HOUR, 5 * HOUR, 6_000_000] {
        let witnessed = Witnessed::new(apart_us, &[]);
        for args in [&["--trust", "witness"][..], &["--trust", "runner"]] {
            let (code, text) = witnessed.gate(args);
            assert_eq!((code, text.contains("contradictions")), (3, false), "{apart_us}: {text}");
            assert!(text.contains("Not proven: Run and receiver clocks."), "{apart_us}: {text}");
        }
        // Nor is it accused where the receiver vouches for nothing.
        let mut plain = Witnessed::new(apart_us, &[]);
        plain.drop_checkpoints(|_| true);
        plain.write();
        let secret = plain.run.file("secret").display().to_string();
        let args = ["--trust", "runner", "--secret-file", &secret];
        let (code, text) = gate(&[plain.run.dir.path()], &args);
        assert_eq!((code, text.contains("contradictions")), (3, false), "{apart_us}: {text}");
        let killed = journal_bytes(&plain.header, &plain.records, None).unwrap();
        std::fs::write(plain.run.journal(), killed).unwrap();
        plain.run.recompute();
        let (code, text) = gate(&[plain.run.dir.path()], &args);
        assert_eq!((code, text.contains("contradictions")), (3, false), "{apart_us}: {text}");
    }
    // Seconds are within what is known of clocks.
    let close = Witnessed::new(-2_000_000, &[]);
    assert_eq!(close.gate(&["--trust", "witness"]).0, 0);
}
