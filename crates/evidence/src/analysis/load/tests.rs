//! Journals of shards on disk, merged.

use super::*;
use chrono::{DateTime, Utc};
use proptest::prelude::*;
use record::SubjectKind;
use record::Tick;
use record::latency::Latency;
use record::{
    Header, Interval, LoadPace, LoadPlan, LoadShard, LoadStage, Reader, Record, RunKind, ScenarioRef,
    WebhookConfig,
};
use std::path::{Path, PathBuf};

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_438_932 + seconds, 0).unwrap()
}

pub fn header() -> Header {
    Header {
        shard: Some(LoadShard { index: 0, count: 1 }),
        scenario: ScenarioRef {
            name: "webhooks".into(),
            subject: SubjectKind::flow(),
            plural: None,
            sha256: "0".repeat(64),
        },
        gates_sha256: "1".repeat(64),
        environment: "loopback".into(),
        target: "http://127.0.0.1:9/".into(),
        concurrency: 8,
        seed: 1,
        webhook: WebhookConfig {
            endpoint: "http://127.0.0.1:9/".into(),
            timeout_ms: 10_000,
            max_attempts: 1,
            secret_configured: true,
            secret_length_chars: 64,
            secrets: 1,
        },
        ..Header::new(RunKind::Load, at(0)).unwrap()
    }
}

fn plan() -> LoadPlan {
    LoadPlan {
        subject: "webhooks".into(),
        pace: LoadPace::Open { stages: vec![LoadStage { from: 20.0, to: 20.0, lasts_ms: 3000 }] },
        total: Some(60),
        connections: 8,
        threads: 1,
        timeout_ms: 10_000,
        backoff_ms: vec![0],
        event: "payment_verified".into(),
        parameters_sha256: "2".repeat(64),
        started: at(0),
    }
}

/// A second in which these response times (µs) were measured.
fn second(index: u64, samples: &[u64]) -> Interval {
    let mut response = Latency::new();
    samples.iter().for_each(|&us| response.record_us(us));
    let n = samples.len() as u64;
    Interval {
        from: Tick(index * 1_000_000),
        to: Tick((index + 1) * 1_000_000),
        started: n,
        done: n,
        ok: n,
        attempts: n,
        statuses: [(200, n)].into(),
        service: response.encode(),
        lag: response.encode(),
        own_lag: response.encode(),
        response: response.encode(),
        ..Interval::default()
    }
}

/// The journal of a shard, in a file.
struct Shard {
    header: Header,
    plan: LoadPlan,
    seconds: Vec<Interval>,
    complete: bool,
    end: Tick,
}

impl Shard {
    fn new(index: u64, count: u64, seconds: &[&[u64]]) -> Self {
        let seconds = seconds.iter().zip(0..).map(|(samples, i)| second(i, samples)).collect();
        let header = Header { shard: Some(LoadShard { index, count }), ..header() };
        Self { header, plan: plan(), seconds, complete: true, end: Tick(3_000_000) }
    }

    fn write(&self, dir: &Path) -> PathBuf {
        let path = dir.join(format!("{}.jsonl", uuid::Uuid::new_v4()));
        let seconds = self.seconds.iter().map(|second| Record::Interval(Box::new(second.clone())));
        let records: Vec<Record> =
            std::iter::once(Record::Load(Box::new(self.plan.clone()))).chain(seconds).collect();
        let end = Some((self.end, self.complete));
        std::fs::write(&path, record::journal_bytes(&self.header, &records, end).unwrap()).unwrap();
        path
    }
}

fn open(path: &Path) -> Part {
    let (header, reader) = Reader::open(path).unwrap();
    Part::new(path.file_stem().unwrap().to_string_lossy().into_owned(), header, reader).unwrap()
}

fn merged(shards: &[Shard]) -> Result<LoadSummary, MergeError> {
    let dir = tempfile::tempdir().unwrap();
    let parts = shards.iter().map(|s| open(&s.write(dir.path()))).collect();
    merge(parts, |_| ()).map(|m| m.summary)
}

#[test]
fn shards_add_up() {
    let shards = [Shard::new(0, 2, &[&[100, 200], &[300]]), Shard::new(1, 2, &[&[400], &[], &[500]])];
    let dir = tempfile::tempdir().unwrap();
    let parts = shards.iter().map(|s| open(&s.write(dir.path()))).collect();
    let mut seconds = Vec::new();
    let summary = merge(parts, |s| seconds.push((s.counts.done, s.series.response.count()))).unwrap().summary;
    assert_eq!(seconds, [(3, 3), (1, 1), (1, 1)]);
    assert_eq!((summary.counts.done, summary.counts.statuses[&200]), (5, 5));
    assert_eq!(summary.series.response.max_us(), Some(500));
    assert_eq!((summary.missing.len(), summary.shards.len(), summary.timeline.len()), (0, 2, 3));
    assert!(summary.notes.is_empty(), "{:?}", summary.notes);
    assert_eq!(summary.timeline[0].asked, Some(20.0));
}

#[test]
fn the_rate_is_the_one_that_the_target_had() {
    let shards = |start| {
        let mut second = Shard::new(1, 2, &[&[1; 10], &[1; 10], &[1; 10]]);
        second.plan.started = at(start);
        merged(&[Shard::new(0, 2, &[&[1; 10], &[1; 10], &[1; 10]]), second]).unwrap()
    };
    let together = shards(0);
    let time = together.in_time().unwrap();
    assert_eq!((time.all_s, time.any_s, time.most, together.achieved()), (3.0, 3.0, 2, 20.0));
    let one_after_the_other = shards(60);
    let time = one_after_the_other.in_time().unwrap();
    assert_eq!((time.all_s, time.any_s, time.most, one_after_the_other.achieved()), (0.0, 6.0, 1, 10.0));
    let offered = |load: &LoadSummary| {
        let checks = crate::gate::judge_load(load, &crate::gate::Gates::default());
        let check = checks.into_iter().find(|c| c.id == "load_offered").unwrap();
        (check.verdict, check.text)
    };
    assert_eq!(offered(&together).0, crate::gate::Verdict::Pass);
    let (verdict, text) = offered(&one_after_the_other);
    assert_eq!(verdict, crate::gate::Verdict::Unproven);
    assert!(
        text.contains("at most 1 of them at a time: the target got 10.0/s on average instead of 20.0/s"),
        "{text}"
    );
    assert!(text.contains("give all of them the same --start-at"), "{text}");
}

/// Whoever takes a second out of a journal takes its starts out.
#[test]
fn starts_that_were_due_and_are_not_there_are_missed() {
    let ten: &[u64] = &[1; 10];
    let offered = |seconds: &[&[u64]]| {
        let load = merged(&[Shard::new(0, 2, seconds), Shard::new(1, 2, &[ten, ten, ten])]).unwrap();
        let checks = crate::gate::judge_load(&load, &crate::gate::Gates::default());
        let check = checks.into_iter().find(|check| check.id == "load_offered").unwrap();
        (check.verdict, check.text)
    };
    assert_eq!(offered(&[ten, ten, ten]).0, crate::gate::Verdict::Pass);
    let (verdict, text) = offered(&[ten, ten, &[]]);
    assert_eq!(verdict, crate::gate::Verdict::Unproven);
    assert_eq!(text, "50 of 60 starts due were made: the journal does not have all seconds");
}

/// What is in flight gets half a second to end, in which nothing starts.
#[test]
fn the_rate_of_an_interrupted_load_is_that_until_the_interrupt() {
    let cut = |interrupted| {
        let mut shard = Shard { complete: false, ..Shard::new(0, 1, &[&[1; 10], &[1; 4]]) };
        let last = &mut shard.seconds[1];
        (last.to, last.interrupted) = (Tick(1_900_000), interrupted);
        merged(&[shard]).unwrap()
    };
    let load = cut(Some(Tick(1_400_000)));
    assert!((load.achieved() - 10.0).abs() < 1e-9, "{}", load.achieved());
    assert_eq!((load.timeline[1].until, load.timeline[1].to), (Tick(1_400_000), Tick(1_900_000)));
    assert!(cut(None).achieved() < 7.4, "nothing says that it was");
    let beyond = cut(Some(Tick(99_000_000)));
    assert!(beyond.achieved() < 7.4, "an interrupt after its end is none: {}", beyond.achieved());
}

#[test]
fn a_shard_that_was_interrupted_is_named_and_not_its_start() {
    let whole = || Shard::new(0, 2, &[&[1; 10], &[1; 10], &[1; 10]]);
    let cut = Shard { complete: false, end: Tick(1_000_000), ..Shard::new(1, 2, &[&[1; 10]]) };
    let load = merged(&[whole(), cut]).unwrap();
    let checks = crate::gate::judge_load(&load, &crate::gate::Gates::default());
    let text = checks.into_iter().find(|c| c.id == "load_offered").unwrap().text;
    assert!(text.contains("shard 1 ended before the schedule did: run all of them again"), "{text}");
}

#[test]
fn a_missing_shard_is_named() {
    let summary = merged(&[Shard::new(0, 3, &[&[1]]), Shard::new(2, 3, &[&[1]])]).unwrap();
    assert_eq!(summary.missing, [1]);
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let refused = |change: fn(&mut Shard), what: &str| {
        let mut other = Shard::new(1, 2, &[&[1]]);
        change(&mut other);
        let error = merged(&[Shard::new(0, 2, &[&[1]]), other]).unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    };
    refused(|s| s.plan.subject = "payments".into(), "what they start differ");
    refused(|s| s.header.scenario.sha256 = "9".repeat(64), "what they start differ");
    refused(|s| s.header.target = "http://127.0.0.1:10/".into(), "their targets differ");
    refused(|s| s.plan.pace = LoadPace::Closed { lasts_ms: 3000 }, "their schedules differ");
    refused(|s| s.header.shard = Some(LoadShard { index: 1, count: 3 }), "their numbers of shards differ");
    refused(|s| s.header.gates_sha256 = "8".repeat(64), "their gates differ");
    refused(|s| s.header.environment = "staging".into(), "their environments differ");
    refused(|s| s.header.stand_in = !s.header.stand_in, "their environments differ");
    refused(|s| s.header.retry.late_ms = 60_000, "their senders differ");
    refused(
        |s| s.header.pii_policy = Some(serde_json::json!({"allow_paths": ["/**"]})),
        "their policies on personal data differ",
    );
    let within = |s: &mut Shard| {
        s.header.overrides = vec![record::Override { option: "within".into(), value: "60s".into() }];
    };
    refused(within, "their options differ");
    refused(|s| s.plan.parameters_sha256 = "7".repeat(64), "their parameters differ");
    assert!(matches!(merged(&[]), Err(MergeError::Nothing)));
}

#[test]
fn a_shard_that_ran_again_replaces_its_old_part() {
    let mut old = Shard::new(1, 2, &[&[100], &[100]]);
    old.complete = false;
    let mut new = Shard::new(1, 2, &[&[700], &[700]]);
    new.plan.started = at(2);
    let summary = merged(&[Shard::new(0, 2, &[&[1]]), new, old]).unwrap();
    assert_eq!(summary.counts.done, 3);
    assert_eq!(summary.series.response.max_us(), Some(700));
    assert!(summary.shards.iter().all(|s| s.complete));
    assert!(
        summary.notes.iter().any(|n| n.contains("later run of shard 1 and replaces")),
        "{:?}",
        summary.notes
    );
    assert!(summary.notes.iter().any(|n| n.contains("began up to 2.0 s apart")), "{:?}", summary.notes);
}

#[test]
fn a_parameter_that_differs_is_named() {
    let mut other = Shard::new(1, 2, &[&[1]]);
    other.plan.timeout_ms = 1;
    let error = merged(&[Shard::new(0, 2, &[&[1]]), other]).unwrap_err().to_string();
    assert!(error.contains("their time limits (--timeout) differ"), "{error}");
}

#[test]
fn a_run_that_never_began_counts_as_cut_off_and_replaces_none_that_did() {
    let never = || Shard { complete: false, ..Shard::new(1, 2, &[]) };
    let summary = merged(&[Shard::new(0, 2, &[&[1]]), never()]).unwrap();
    assert_eq!((summary.missing.len(), summary.shards[1].complete), (0, false));
    let mut later = never();
    later.plan.started = at(60);
    let summary = merged(&[Shard::new(0, 2, &[&[1]]), later, Shard::new(1, 2, &[&[1]])]).unwrap();
    assert!(summary.shards[1].complete && summary.notes[0].contains("never began"), "{:?}", summary.notes);
}

#[test]
fn a_journal_that_ends_before_the_plan_is_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("j.jsonl");
    std::fs::write(&path, record::journal_bytes(&header(), &[], None).unwrap()).unwrap();
    let (header, reader) = Reader::open(&path).unwrap();
    assert!(matches!(Part::new("j".into(), header, reader), Err(PartError::NoPlan)));
}

#[test]
fn the_plan_of_a_load_that_began_replaces_the_one_before() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("j.jsonl");
    let began = |at| Record::Load(Box::new(LoadPlan { started: at, ..plan() }));
    let records = [began(at(9)), began(at(10)), Record::Interval(Box::new(second(0, &[5])))];
    std::fs::write(&path, record::journal_bytes(&header(), &records, None).unwrap()).unwrap();
    assert_eq!(open(&path).plan.started, at(10));
}

#[test]
fn two_runs_of_a_shard_at_the_same_time_overlap() {
    let old = Shard::new(0, 2, &[&[100], &[100]]);
    let mut new = Shard::new(0, 2, &[&[700], &[700]]);
    new.plan.started = at(1);
    let error = merged(&[old, new]).unwrap_err();
    assert!(matches!(error, MergeError::Overlap { index: 0, .. }), "{error}");
}

#[test]
fn the_same_run_counts_once() {
    let one = Shard::new(0, 1, &[&[100]]);
    let dir = tempfile::tempdir().unwrap();
    let path = one.write(dir.path());
    let summary = merge(vec![open(&path), open(&path)], |_| ()).unwrap().summary;
    assert_eq!(summary.counts.done, 1);
    assert!(summary.notes.iter().any(|n| n.contains("counts once")));
}

/// As shard 1, what shard 0 measured: changed as little as that.
fn copied(change: impl FnOnce(&mut Shard)) -> Result<LoadSummary, MergeError> {
    let seconds: [&[u64]; 2] =
        [&[1034, 2077, 811, 950, 1200, 1203, 777], &[903, 905, 1111, 4022, 1500, 1777]];
    let mut copy = Shard::new(1, 2, &seconds);
    let mut own = Shard::new(0, 2, &seconds);
    own.header.run_id = copy.header.run_id;
    own.header.pii_salt = copy.header.pii_salt.clone();
    change(&mut copy);
    merged(&[own, copy])
}

#[test]
fn a_shard_that_was_copied_is_no_other_shard() {
    let says = |result: Result<LoadSummary, MergeError>, what: &str| {
        let error = result.unwrap_err().to_string();
        assert!(error.contains("copies of one journal") && error.contains(what), "{error}");
    };
    says(copied(|_| ()), "both are of run");
    let new_id = |shard: &mut Shard| shard.header.run_id = uuid::Uuid::new_v4();
    says(copied(new_id), "both drew the same random number");
    let new_header = |shard: &mut Shard| {
        shard.header.run_id = uuid::Uuid::new_v4();
        shard.header.pii_salt = "5".repeat(32);
    };
    says(copied(new_header), "13 starts took exactly as long in both");
    // With a second of its own it has been measured by itself.
    let measured = copied(|shard| {
        new_header(shard);
        shard.seconds =
            vec![second(0, &[1034, 2077, 811, 950, 1200, 1203, 778]), second(1, &[901, 905, 1111])];
    });
    assert_eq!(measured.unwrap().missing, Vec::<u64>::new());
}

/// A start or two a second may take as long on two machines, and in a run of an hour does.
#[test]
fn what_two_shards_measure_alike_by_chance_is_no_copy() {
    let seconds: Vec<&[u64]> = std::iter::repeat_n(&[1000u64, 1001][..], 60).collect();
    assert!(merged(&[Shard::new(0, 2, &seconds), Shard::new(1, 2, &seconds)]).is_ok());
}

#[test]
fn two_journals_of_one_run_that_differ_are_refused() {
    let one = Shard::new(0, 1, &[&[100], &[200]]);
    let edited = Shard { header: one.header.clone(), ..Shard::new(0, 1, &[&[100], &[150]]) };
    let error = merged(&[one, edited]).unwrap_err();
    assert!(matches!(error, MergeError::TwoOfOne { .. }), "{error}");
}

#[test]
fn a_journal_that_was_cut_off_is_not_complete() {
    let dir = tempfile::tempdir().unwrap();
    let path = Shard::new(0, 1, &[&[1], &[2]]).write(dir.path());
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() - 10]).unwrap();
    let summary = merge(vec![open(&path)], |_| ()).unwrap().summary;
    assert!(!summary.shards[0].complete);
    assert_eq!(summary.counts.done, 2);
}

#[test]
fn a_histogram_that_is_none_is_an_error() {
    let mut shard = Shard::new(0, 1, &[&[1]]);
    shard.seconds[0].response.v2 = "AAAA".into();
    assert!(matches!(merged(&[shard]), Err(MergeError::Histogram { .. })));
    let mut shard = Shard::new(0, 1, &[&[1], &[1]]);
    shard.seconds[1].from = Tick(0);
    assert!(matches!(merged(&[shard]), Err(MergeError::Part { .. })));
}

/// Missing shards are named one by one: their number is not the word of a journal alone.
#[test]
fn shards_that_cannot_be_are_refused() {
    for (index, count) in [(0, 0), (3, 3), (0, LoadShard::MOST + 1), (0, u64::MAX)] {
        let mut shard = Shard::new(0, 1, &[&[1]]);
        shard.header.shard = Some(LoadShard { index, count });
        assert!(matches!(merged(&[shard]), Err(MergeError::NoShard { .. })), "{index}/{count}");
    }
}

/// Nobody can have asked for such a load, and its journal is read all the same.
#[test]
fn a_load_without_end_is_no_overflow() {
    let stage = LoadStage { from: 1.0, to: 1.0, lasts_ms: u64::MAX };
    for pace in [LoadPace::Closed { lasts_ms: u64::MAX }, LoadPace::Open { stages: vec![stage, stage] }] {
        let mut shard = Shard::new(0, 1, &[&[1]]);
        shard.plan.pace = pace;
        assert_eq!(merged(&[shard]).unwrap().counts.ok, 1);
    }
}

#[test]
fn a_long_run_has_a_timeline_of_bounded_length() {
    let mut summary =
        LoadSummary::new(LoadPlan { pace: LoadPace::Closed { lasts_ms: 86_400_000 }, ..plan() }, 1);
    for i in 0..86_400 {
        let counts = Interval {
            from: Tick(i * 1_000_000),
            to: Tick((i + 1) * 1_000_000),
            started: 1,
            ..Interval::default()
        };
        summary.add(&Second { counts, ..Second::default() });
    }
    summary.flush();
    assert_eq!(summary.timeline.len(), 600);
    assert_eq!(summary.timeline.iter().map(|p| p.started).sum::<u64>(), 86_400);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn merged_shards_equal_the_whole_exactly(
        samples in prop::collection::vec(prop::collection::vec(1u64..5_000_000, 0..12), 1..4),
        count in 1u64..5,
    ) {
        let of = |index: u64, count: u64| -> Vec<Vec<u64>> {
            let mut number = 0;
            samples.iter().map(|second| {
                second.iter().copied().filter(|_| { number += 1; (number - 1) % count == index }).collect()
            }).collect()
        };
        let shard = |index, count| {
            let seconds = of(index, count);
            Shard::new(index, count, &seconds.iter().map(Vec::as_slice).collect::<Vec<_>>())
        };
        let whole = merged(&[shard(0, 1)]).unwrap();
        let parts: Vec<Shard> = (0..count).map(|index| shard(index, count)).collect();
        let together = merged(&parts).unwrap();
        prop_assert_eq!(together.series.response.buckets(), whole.series.response.buckets());
        prop_assert_eq!(together.series.response.mean_us(), whole.series.response.mean_us());
        prop_assert_eq!(together.timeline, whole.timeline);
        prop_assert_eq!(together.counts.done, whole.counts.done);
    }
}
