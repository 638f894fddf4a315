//! `smoke gate --promote` on windows of 24 hours that are written in no time: honest ones pass, and nothing else does.

use crate::sample::{self, SECRET, Sample};
use crate::tampering::{forged, records_of};
use record::Ending;
use record::Tick;
use record::{Answered, Attempt, Body, Forwarded, Header, OnTrigger, Record, ScenarioRef, Watch, WatchBegin};
use serde_json::Value;
use signature::Secret;
use signature::{Scheme, Signer, Verdict};
use smoke::journal::Journal;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

const HOUR: u64 = 3_600_000_000;

/// A window of stage 5 %.
struct Window {
    duration_hours: u64,
    deliveries: u32,
    refused: u32,
    /// When the last webhook came, by whatever clock.
    last: u64,
    end: u64,
    secret: &'static str,
    change: fn(&mut Header),
    /// All of them in the first seconds.
    burst: bool,
}

impl Default for Window {
    fn default() -> Self {
        let (duration_hours, end, burst) = (24, 24 * HOUR, false);
        let change = |_: &mut Header| {};
        Self {
            duration_hours,
            deliveries: 85,
            refused: 0,
            last: 23 * HOUR,
            end,
            secret: SECRET,
            change,
            burst,
        }
    }
}

impl Window {
    fn write(&self) -> TempDir {
        let dir = tempfile::tempdir().expect("a directory");
        let started = chrono::Utc::now() - chrono::TimeDelta::hours(if self.end < HOUR { 23 } else { 24 });
        let mut sample =
            Sample { started_us: started.timestamp_micros(), injected_every: 0, ..Sample::default() };
        let mut header = sample::header(&sample);
        header.kind = record::RunKind::Observe;
        header.scenario = ScenarioRef::none(header.kind);
        (header.flows, header.concurrency, header.seed) = (0, 0, 0);
        (header.ours, header.identities) = (Vec::new(), Vec::new());
        (self.change)(&mut header);
        sample.started_us = header.started.timestamp_micros();
        let file = journal(dir.path());
        let journal = Journal::create(&file, &header).expect("a journal");
        journal.append(&Record::Watch(Watch::Begin(self.begin()))).expect("written");
        let signer = Signer::new(Scheme::DeltacrownV2, &Secret::new(self.secret)).expect("a secret");
        for n in 0..self.deliveries {
            let at = if n + 1 == self.deliveries { self.last } else { 1000 + u64::from(n) * self.every() };
            let (headers, body) = sample::parcel(&signer, &sample, n, at);
            let status = if n < self.refused { 400 } else { 200 };
            let attempt = Attempt {
                attempt: n.into(),
                first_byte: Tick(at),
                received: Tick(at + 100),
                peer: None,
                method: "POST".into(),
                target: "/".into(),
                headers,
                body: Body::Text(body),
                verdict: Verdict::valid(),
                // Behind a tap the status is the real receiver's.
                answer: None,
                duplicate: false,
                elsewhere: false,
                fault: None,
                redirect: None,
                holds_secret: false,
            };
            journal.append(&Record::Attempt(Box::new(attempt))).expect("written");
            let (sent, answered) = (Tick(at + 200), Tick(at + 300));
            let forwarded = Forwarded { attempt: n.into(), sent, answered, status, problem: None };
            journal.append(&Record::Watch(Watch::Forwarded(forwarded))).expect("written");
            let answered = Answered { attempt: n.into(), end: Tick(at + 400), how: Ending::Sent };
            journal.append(&Record::Answered(answered)).expect("written");
        }
        journal.finish(Tick(self.end), true).expect("an end");
        let bytes = evidence::report::from_journal(&file).expect("evidence").1;
        std::fs::write(artifact(dir.path()), bytes).expect("written");
        std::fs::write(dir.path().join("secret"), SECRET).expect("written");
        dir
    }

    /// Between two webhooks: spread over the window.
    fn every(&self) -> u64 {
        if self.burst { 20_000 } else { self.end / u64::from(self.deliveries + 1) }
    }

    fn begin(&self) -> WatchBegin {
        WatchBegin {
            at: Tick(0),
            duration_ms: (self.duration_hours * 3_600_000).max(10_000),
            source: "test".to_owned(),
            stage_percent: Some(5.0),
            drive: Vec::new(),
            on_trigger: OnTrigger::End,
            probe: None,
            logs: Vec::new(),
        }
    }
}

fn journal(dir: &Path) -> PathBuf {
    dir.join("staging_observation_journal.jsonl")
}

fn artifact(dir: &Path) -> PathBuf {
    dir.join("staging_observation_output.json")
}

fn promoted(dir: &Path) -> (Option<i32>, Value) {
    let mut smoke = Command::new(env!("CARGO_BIN_EXE_smoke"));
    smoke.args(["gate", ".", "--promote", "25%", "--secret-file", "secret", "--format", "json"]);
    smoke.args(["--trust", "runner"]);
    smoke.env_remove("WEBHOOK_SECRET").env_remove("GITHUB_ACTIONS").current_dir(dir);
    let done = smoke.output().expect("smoke runs");
    let shown = String::from_utf8_lossy(&done.stdout).into_owned();
    (done.status.code(), serde_json::from_str(&shown).unwrap_or_else(|e| panic!("{e}: {shown}")))
}

fn holds(window: &Window, code: i32, says: &str) {
    let dir = window.write();
    answers(dir.path(), code, says);
}

fn answers(dir: &Path, code: i32, says: &str) {
    let (is, answer) = promoted(dir);
    let why = answer["why"].as_str().unwrap_or_default();
    assert_eq!((is, why.contains(says)), (Some(code), true), "should say `{says}`: {answer:#}");
}

#[test]
fn a_day_of_honest_evidence_allows_the_next_stage() {
    holds(&Window::default(), 0, "5 % held for 24.0 h with 85 of 85 deliveries accepted");
}

#[test]
fn evidence_that_smoke_gate_does_not_take_allows_nothing() {
    let of = |change: fn(&mut Header), code, says| holds(&Window { change, ..Window::default() }, code, says);
    of(|h| "embedded".clone_into(&mut h.environment), 3, "a run against smoke's stand-in is not evidence");
    of(|h| h.stand_in = true, 3, "a run against smoke's stand-in is not evidence");
    of(|h| "production".clone_into(&mut h.environment), 3, "`production` is not evidence about staging");
    of(|h| h.started -= chrono::TimeDelta::days(730), 3, "too old");
    of(|h| h.started += chrono::TimeDelta::days(1500), 3, "sync it with NTP");
    of(|h| h.gates["success_rate_min_percent"] = 10.into(), 1, "differ from those in the gates file");
    let other = "fedcba9876543210fedcba98765432100123456789abcdef0123456789abcdef";
    holds(&Window { secret: other, ..Window::default() }, 3, "is this the right secret?");
}

#[test]
fn edited_files_allow_nothing() {
    for (of, says) in [(journal as fn(&Path) -> PathBuf, "was changed"), (artifact, "does not follow")] {
        let dir = Window::default().write();
        let file = of(dir.path());
        let text = std::fs::read_to_string(&file).expect("a file");
        let (from, to) =
            if says == "was changed" { ("Smoke Cup", "Smoke Cap") } else { ("\"staging\"", "\"stagong\"") };
        assert!(text.contains(from), "{from}");
        std::fs::write(&file, text.replacen(from, to, 1)).expect("written");
        answers(dir.path(), 1, says);
    }
}

/// One window is one stage: shown as two, or beside another of the same time, one of the two is labelled wrongly.
#[test]
fn a_window_that_is_shown_as_two_stages_allows_nothing() {
    let dir = Window::default().write();
    let of = |change: fn(&mut Value), code: i32, says: &str| {
        let mut all = records_of(&journal(dir.path()));
        let begin =
            all.iter_mut().find_map(|r| r.pointer_mut("/watch/begin/stage_percent")).expect("it begins");
        *begin = 25.0.into();
        change(&mut all[0]["header"]);
        let copy = dir.path().join("copy_journal.jsonl");
        std::fs::write(&copy, forged(all.iter().map(Value::to_string).collect())).expect("written");
        let bytes = evidence::report::from_journal(&copy).expect("evidence").1;
        std::fs::write(dir.path().join("copy_output.json"), bytes).expect("written");
        answers(dir.path(), code, says);
    };
    let other = |header: &mut Value| header["run_id"] = "00000000-0000-4000-8000-000000000001".into();
    of(|_| (), 1, "are both of run");
    of(other, 3, "watched at the same time, but say that 5 % and 25 %");
    // The stage before it does no harm.
    let earlier = |header: &mut Value| {
        header["run_id"] = "00000000-0000-4000-8000-000000000001".into();
        let started: chrono::DateTime<chrono::Utc> =
            header["started"].as_str().expect("a text").parse().expect("a time");
        header["started"] = (started - chrono::TimeDelta::hours(25)).to_rfc3339().into();
    };
    of(earlier, 0, "5 % held for 24.0 h");
}

#[test]
fn ten_seconds_are_no_day_whatever_another_clock_says() {
    let window = Window { end: 10_000_000, last: 24 * HOUR, ..Window::default() };
    holds(&window, 3, "10 s of 86400 s watched");
    let whole = Window { duration_hours: 0, ..window };
    holds(&whole, 3, "10 s watched, at least 30 min required");
}

#[test]
fn a_sample_with_misses_proves_less_than_its_rate() {
    holds(&Window { deliveries: 100, refused: 4, ..Window::default() }, 3, "proves 90.2 %");
}

#[test]
fn a_burst_is_no_traffic_of_a_day() {
    holds(&Window { burst: true, ..Window::default() }, 3, "traffic in 2 of the window's 24 hours");
}
