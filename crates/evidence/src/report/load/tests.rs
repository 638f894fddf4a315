//! The files of a load, from a summary made by hand.

use super::*;
use crate::analysis::load::{LoadSummary, OtherTraffic, Second, Series, ShardFacts};
use crate::gate::{Gates, Verdict, judge_load};
use crate::report::{Colour, Screen};
use base64::Engine;
use chrono::{DateTime, Utc};
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use record::SubjectKind;
use record::Tick;
use record::latency::Latency;
use record::{
    ErrorKind, Header, Interval, LoadFailure, LoadPace, LoadPlan, LoadStage, RunKind, ScenarioRef,
    WebhookConfig,
};

const SCREEN: Screen = Screen { colour: Colour::None, width: 80, rows: None, all: false };

fn began() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_438_932, 0).unwrap()
}

fn header() -> Header {
    Header {
        run_id: uuid::Uuid::nil(),
        scenario: ScenarioRef {
            name: "webhooks".into(),
            subject: SubjectKind::flow(),
            plural: None,
            sha256: String::new(),
        },
        environment: "loopback".into(),
        target: "http://127.0.0.1:9/<script>".into(),
        concurrency: 8,
        seed: 1,
        webhook: WebhookConfig {
            endpoint: String::new(),
            timeout_ms: 10_000,
            max_attempts: 1,
            secret_configured: true,
            secret_length_chars: 64,
            secrets: 1,
        },
        pii_salt: String::new(),
        ..Header::new(RunKind::Load, began()).unwrap()
    }
}

fn latency(samples: &[u64]) -> Latency {
    let mut latency = Latency::new();
    samples.iter().for_each(|&us| latency.record_us(us));
    latency
}

/// 100 starts in one second, of which the last `failed` are refused; service 5 ms, lag as given.
fn seconds(failed: u64, lag_us: u64, own_us: u64) -> Vec<Second> {
    let n = |us: u64| latency(&[us; 100]);
    let counts = Interval {
        from: Tick(0),
        to: Tick(1_000_000),
        started: 100,
        done: 100,
        ok: 100 - failed,
        attempts: 100,
        connects: 3,
        statuses: [(200, 100 - failed)].into(),
        errors: if failed > 0 { [(ErrorKind::Refused, failed)].into() } else { [].into() },
        failures: if failed > 0 {
            vec![LoadFailure {
                start: 99,
                at: Tick(990_000),
                status: None,
                kind: Some(ErrorKind::Refused),
                reason: "connecting: <b>refused</b>".into(),
            }]
        } else {
            Vec::new()
        },
        cpu_us: Some(100_000),
        ..Interval::default()
    };
    let series =
        Series { response: n(5_000 + lag_us), service: n(5_000), lag: n(lag_us), own_lag: n(own_us) };
    vec![Second { counts, series, ..Second::default() }]
}

fn summary(seconds: &[Second], change: impl FnOnce(&mut LoadSummary)) -> LoadSummary {
    let mut load = LoadSummary::new(
        LoadPlan {
            subject: "webhooks".into(),
            pace: LoadPace::Open { stages: vec![LoadStage { from: 100.0, to: 100.0, lasts_ms: 1000 }] },
            total: Some(100),
            connections: 8,
            threads: 1,
            timeout_ms: 10_000,
            backoff_ms: vec![0],
            event: "payment_verified".into(),
            parameters_sha256: String::new(),
            started: began(),
        },
        1,
    );
    load.shards.push(ShardFacts {
        index: 0,
        run_id: uuid::Uuid::nil(),
        started: began(),
        ended: began() + chrono::TimeDelta::seconds(1),
        complete: true,
        journal_sha256: "ab".repeat(32),
        torn_bytes: 0,
    });
    seconds.iter().for_each(|second| load.add(second));
    load.flush();
    change(&mut load);
    load
}

/// A clean load of a second.
pub(super) fn sample() -> LoadArtifact {
    judged(&summary(&seconds(0, 1_000, 1_000), |_| ()))
}

fn judged(load: &LoadSummary) -> LoadArtifact {
    load_artifact(&header(), load, judge_load(load, &Gates::default()), None)
}

fn verdict_of(artifact: &LoadArtifact, id: &str) -> Verdict {
    artifact.acceptance_gates.checks.iter().find(|c| c.id == id).unwrap().verdict
}

#[test]
fn a_clean_load_passes() {
    let artifact = judged(&summary(&seconds(0, 1_000, 1_000), |_| ()));
    assert_eq!(artifact.acceptance_gates.verdict, Verdict::Pass);
    assert_eq!(artifact.test_run.success_rate, Some(100.0));
    let response = artifact.latency_ms.response.as_ref().unwrap();
    assert_eq!((response.samples, response.p99, response.max), (100, 6.0, 6.0));
    assert!(load_text(&artifact, &Series::default(), SCREEN).contains("PASS The target carried this load"));
}

#[test]
fn failures_of_the_target_fail() {
    let artifact = judged(&summary(&seconds(10, 1_000, 1_000), |_| ()));
    assert_eq!(artifact.acceptance_gates.verdict, Verdict::Fail);
    assert_eq!(verdict_of(&artifact, "success_rate"), Verdict::Fail);
    let text = load_text(&artifact, &Series::default(), SCREEN);
    assert!(text.starts_with("FAIL The target did not carry this load: Success rate"), "{text}");
    assert!(text.contains("10 refused"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

#[test]
fn a_generator_that_is_late_proves_nothing_about_the_target() {
    let artifact = judged(&summary(&seconds(0, 3_000_000, 3_000_000), |_| ()));
    assert_eq!(verdict_of(&artifact, "generator_lag_p99"), Verdict::Unproven);
    assert_eq!(verdict_of(&artifact, "latency_p95"), Verdict::Unproven);
    assert_eq!(artifact.acceptance_gates.verdict, Verdict::Unproven);
}

#[test]
fn waiting_for_a_slow_target_is_the_targets_fault_unless_the_generator_had_no_time_to_spare() {
    let slow = seconds(0, 3_000_000, 1_000);
    let artifact = judged(&summary(&slow, |_| ()));
    assert_eq!(verdict_of(&artifact, "generator_lag_p99"), Verdict::Pass);
    assert_eq!(verdict_of(&artifact, "latency_p95"), Verdict::Fail);
    assert_eq!(artifact.acceptance_gates.verdict, Verdict::Fail);
    let artifact = judged(&summary(&slow, |load| occupy(load, 950_000, 0)));
    assert_eq!(verdict_of(&artifact, "generator_lag_p99"), Verdict::Unproven);
    assert_eq!(artifact.acceptance_gates.verdict, Verdict::Unproven);
}

/// A generator whose thread ran and waited for so long in the only second.
fn occupy(load: &mut LoadSummary, cpu_us: u64, wait_us: u64) {
    load.counts.cpu_us = Some(cpu_us);
    load.counts.wait_us = Some(wait_us);
    let mut second = Second::default();
    let encoded = Interval {
        to: Tick(1_000_000),
        done: load.counts.done,
        cpu_us: Some(cpu_us),
        wait_us: Some(wait_us),
        response: Latency::new().encode(),
        service: Latency::new().encode(),
        lag: Latency::new().encode(),
        own_lag: Latency::new().encode(),
        ..Interval::default()
    };
    second.add(&encoded).unwrap();
    load.strain = second.strain;
}

/// What a terminal is told, on one line.
fn told(artifact: &LoadArtifact) -> String {
    let text = load_text(artifact, &Series::default(), SCREEN);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The response time is 6 ms, of which the generator's lag is nothing; the p99 may be `limit_ms`.
fn judged_with_p99(cpu_us: u64, wait_us: u64, limit_ms: f64) -> LoadArtifact {
    let mut gates = Gates::default();
    gates.load.latency_p99_below_ms = Some(limit_ms);
    let load = summary(&seconds(0, 1_000, 1), |load| occupy(load, cpu_us, wait_us));
    load_artifact(&header(), &load, judge_load(&load, &gates), None)
}

#[test]
fn time_in_which_the_generator_waits_for_a_processor_is_its_own() {
    // It had no time to spare, although it ran for 80 % of the time only.
    let artifact = judged_with_p99(800_000, 170_000, 2.0);
    assert_eq!(verdict_of(&artifact, "latency_p99"), Verdict::Unproven);
    assert_eq!(artifact.acceptance_gates.verdict, Verdict::Unproven);
    let said = "the generator's thread was busy 80 % of the time and waited for a CPU 17 % of it, with none to spare";
    assert!(told(&artifact).contains(said), "{}", told(&artifact));
    assert_eq!(artifact.counters.generator_waited, Some(0.17));
    // It had, and its waits are long enough to explain what is over the limit.
    let artifact = judged_with_p99(400_000, 30_000, 2.0);
    assert_eq!(verdict_of(&artifact, "latency_p99"), Verdict::Unproven);
    assert!(told(&artifact).contains("waited up to 30.0 ms of a second"), "{}", artifact.recommendation);
    assert_eq!(verdict_of(&judged_with_p99(800_000, 170_000, 10.0), "latency_p99"), Verdict::Pass);
}

/// A generator that woke so late in the only second.
fn stop(load: &mut LoadSummary, late_us: Option<u64>) {
    occupy(load, 20_000, 100);
    let encoded = Interval {
        to: Tick(1_000_000),
        done: load.counts.done,
        cpu_us: Some(20_000),
        wait_us: Some(100),
        late_us,
        response: Latency::new().encode(),
        service: Latency::new().encode(),
        lag: Latency::new().encode(),
        own_lag: Latency::new().encode(),
        ..Interval::default()
    };
    let mut second = Second::default();
    second.add(&encoded).unwrap();
    load.strain = second.strain;
}

/// `SIGSTOP`, a paused container, a frozen machine: the system counts it as neither work nor waiting.
#[test]
fn time_in_which_the_generator_was_stopped_is_its_own() {
    let judged = |late_us, limit_ms| {
        let mut gates = Gates::default();
        gates.load.latency_p99_below_ms = Some(limit_ms);
        let load = summary(&seconds(0, 1_000, 1), |load| stop(load, late_us));
        load_artifact(&header(), &load, judge_load(&load, &gates), None)
    };
    let artifact = judged(Some(2_500_000), 2.0);
    assert_eq!(verdict_of(&artifact, "latency_p99"), Verdict::Unproven);
    let said = "the generator's thread stood still for 2.5 s, stopped or without a CPU";
    assert!(told(&artifact).contains(said), "{}", told(&artifact));
    // Not all of a second, and long enough all the same.
    let artifact = judged(Some(300_000), 2.0);
    assert_eq!(verdict_of(&artifact, "latency_p99"), Verdict::Unproven);
    assert!(told(&artifact).contains("the generator stood still for 0.3 s"), "{}", told(&artifact));
    assert_eq!(verdict_of(&judged(None, 2.0), "latency_p99"), Verdict::Fail);
    assert_eq!(verdict_of(&judged(Some(2_500_000), 10.0), "latency_p99"), Verdict::Pass);
}

#[test]
fn what_an_interrupt_left_without_an_end_was_sent() {
    let nothing = Second {
        counts: Interval { to: Tick(1_500_000), started: 20, abandoned: 20, ..Interval::default() },
        ..Second::default()
    };
    let artifact = judged(&summary(&[nothing], |load| load.shards[0].complete = false));
    let run = &artifact.test_run;
    assert_eq!((run.webhooks_sent, run.webhooks_success, run.webhooks_failed), (20, 0, 20));
    assert!(told(&artifact).contains("none of 20 starts ended"), "{}", told(&artifact));
    let none = judged(&summary(&[], |_| ()));
    assert!(told(&none).contains("no starts"), "{}", told(&none));
}

/// Each of them cost a user the pause, which is in the response time: it has an end.
#[test]
fn an_attempt_that_broke_and_was_retried_with_success_is_a_start_with_a_response() {
    let of = |ok: u64| {
        let mut broken = seconds(0, 0, 0);
        let counts = &mut broken[0].counts;
        (counts.ok, counts.attempts, counts.retried) = (ok, 103, 3);
        counts.errors = [(ErrorKind::Reset, 3)].into();
        let mut gates = Gates { latency_p95_below_ms: Some(2_000.0), ..Gates::default() };
        gates.load.latency_p99_below_ms = Some(2_000.0);
        let load = summary(&broken, |_| ());
        load_artifact(&header(), &load, judge_load(&load, &gates), None)
    };
    let artifact = of(100);
    assert_eq!(verdict_of(&artifact, "latency_p99"), Verdict::Pass);
    let success = artifact.acceptance_gates.checks.iter().find(|check| check.id == "success_rate").unwrap();
    assert!(success.text.contains("attempts without a response: 3 reset"), "{}", success.text);
    assert_eq!(verdict_of(&of(97), "latency_p99"), Verdict::Unproven, "they may be those that failed");
}

#[test]
fn waits_that_are_too_short_or_too_rare_excuse_no_slow_target() {
    for (cpu_us, wait_us) in [(400_000, 0), (400_000, 1_000), (0, 900)] {
        let artifact = judged_with_p99(cpu_us, wait_us, 2.0);
        assert_eq!(verdict_of(&artifact, "latency_p99"), Verdict::Fail, "{cpu_us} {wait_us}");
    }
}

#[test]
fn what_was_not_done_is_unproven() {
    let one = seconds(0, 1_000, 1_000);
    let of = |change: fn(&mut LoadSummary)| judged(&summary(&one, change));
    let dropped = of(|load| load.counts.dropped = 1);
    assert_eq!(dropped.acceptance_gates.verdict, Verdict::Unproven);
    let cut = of(|load| load.shards[0].complete = false);
    assert_eq!(verdict_of(&cut, "load_completed"), Verdict::Unproven);
    let missing = of(|load| {
        load.of = 3;
        load.missing = vec![1, 2];
    });
    assert_eq!(missing.acceptance_gates.verdict, Verdict::Unproven);
    let text = load_text(&missing, &Series::default(), SCREEN);
    assert!(text.contains("missing shards: 1, 2 of 3"), "{text}");
    assert_eq!(judged(&summary(&[], |_| ())).acceptance_gates.verdict, Verdict::Unproven);
    let local = of(|load| {
        load.counts.errors.insert(ErrorKind::Local, 100);
    });
    assert_eq!(verdict_of(&local, "generator_resources"), Verdict::Unproven);
}

#[test]
fn the_closed_model_claims_no_response_time() {
    let mut closed = seconds(0, 0, 0);
    closed[0].series = Series { service: closed[0].series.service.clone(), ..Series::default() };
    let artifact = judged(&summary(&closed, |load| load.plan.pace = LoadPace::Closed { lasts_ms: 1000 }));
    assert!(artifact.latency_ms.response.is_none() && artifact.latency_ms.lag.is_none());
    assert_eq!(artifact.load.model, "closed");
    assert_eq!(artifact.acceptance_gates.verdict, Verdict::Pass);
    let p95 = artifact.acceptance_gates.checks.iter().find(|c| c.id == "latency_p95").unwrap();
    assert!(p95.title.contains("Service time") && p95.title.contains("(closed)"));
}

#[test]
fn a_start_without_a_response_is_none_below_the_limit() {
    let gates = Gates { success_rate_min_percent: Some(10.0), ..Gates::default() };
    let judged = |failed| judge_load(&summary(&seconds(failed, 1_000, 1_000), |_| ()), &gates);
    let verdict =
        |failed, id| judged(failed).into_iter().find(|check| check.id == id).map(|check| check.verdict);
    for (failed, p50, p95) in [
        (0, Verdict::Pass, Verdict::Pass),
        (5, Verdict::Pass, Verdict::Pass),
        (6, Verdict::Pass, Verdict::Unproven),
        (51, Verdict::Unproven, Verdict::Unproven),
    ] {
        assert_eq!(
            (verdict(failed, "latency_p50"), verdict(failed, "latency_p95")),
            (Some(p50), Some(p95)),
            "{failed}"
        );
    }
}

#[test]
fn the_page_is_whole_and_escapes_what_it_shows() {
    let load = summary(&seconds(10, 1_000, 1_000), |_| ());
    let page = load_html(&judged(&load), &load.series);
    assert!(page.contains("&lt;script&gt;") && !page.contains("<script>"), "{page}");
    assert!(page.contains("&lt;b&gt;refused") && !page.contains("<b>refused"));
    assert_eq!(page.matches("<svg").count(), 3);
    assert!(!page.contains("NaN") && !page.contains("inf"), "{page}");
    let empty = summary(&[], |_| ());
    assert!(load_html(&judged(&empty), &empty.series).contains("No figures."));
}

#[test]
fn a_slow_inbox_is_said_wherever_the_load_is_read() {
    let mut sums = record::RunStats::default();
    sums.inbox.record_us(80_000);
    let load = summary(&seconds(0, 1_000, 1_000), |_| ());
    let checks = judge_load(&load, &Gates::default());
    let artifact =
        load_artifact(&header(), &load, checks, Some(EndToEnd::of(&sums, &OtherTraffic::of(&sums))));
    let page = load_html(&artifact, &load.series);
    for text in
        [&artifact.recommendation, &artifact.notes[0], &page, &load_text(&artifact, &load.series, SCREEN)]
    {
        assert!(text.contains("this process's own inbox was slow"), "{text}");
    }
}

#[test]
fn the_service_times_of_a_closed_model_are_tagged() {
    let mut closed = seconds(0, 0, 0);
    closed[0].series = Series { service: closed[0].series.service.clone(), ..Series::default() };
    let mut log = Hlog::new(Vec::new(), began(), "a").unwrap();
    closed.iter().for_each(|second| log.add(second).unwrap());
    let text = String::from_utf8(log.finish().unwrap()).unwrap();
    let lines: Vec<&str> = text.lines().filter(|l| !l.starts_with(['#', '"'])).collect();
    assert!(lines.len() == 1 && lines[0].starts_with("Tag=service,"), "{lines:?}");
}

#[test]
fn junit_has_a_case_for_each_gate() {
    let artifact = judged(&summary(&seconds(10, 1_000, 1_000), |_| ()));
    let xml = crate::report::load_junit(&artifact);
    assert_eq!(xml.matches("<testcase").count(), artifact.acceptance_gates.checks.len());
    assert_eq!(xml.matches("<failure").count(), 1);
}

#[test]
fn the_histogram_log_is_read_by_the_usual_parser() {
    let mut log = Hlog::new(Vec::new(), began(), "a\nb").unwrap();
    seconds(0, 1_000, 500).iter().for_each(|second| log.add(second).unwrap());
    let bytes = log.finish().unwrap();
    let mut seen = Vec::new();
    for entry in IntervalLogIterator::new(&bytes) {
        if let LogEntry::Interval(line) = entry.unwrap() {
            let raw = base64::engine::general_purpose::STANDARD.decode(line.encoded_histogram()).unwrap();
            let histogram: hdrhistogram::Histogram<u64> =
                Deserializer::new().deserialize(&mut raw.as_slice()).unwrap();
            let tag = line.tag().map(|t| t.as_str().to_owned());
            seen.push((tag, histogram.len(), histogram.max()));
        }
    }
    let tag = |t: &str| Some(t.to_owned());
    assert_eq!(
        seen,
        [
            (None, 100, 6_003),
            (tag("service"), 100, 5_003),
            (tag("lag"), 100, 1_000),
            (tag("own_lag"), 100, 500)
        ]
    );
}

#[test]
fn a_delivery_that_the_generators_own_process_kept_waiting_is_no_failure_of_the_sender() {
    let slow = |actual| crate::gate::Check {
        id: "latency_p50".to_owned(),
        actual: Some(actual),
        ..judge_load(&summary(&seconds(0, 1_000, 1), |_| ()), &Gates::default()).remove(0)
    };
    let judged = |wait_us, actual| {
        let load = summary(&seconds(0, 1_000, 1), |load| {
            occupy(load, 0, wait_us);
            load.counts.cpu_us = None;
        });
        let check = crate::gate::Check { verdict: Verdict::Fail, ..slow(actual) };
        crate::gate::excuse_own_waits(&load, &Gates::default(), check).verdict
    };
    assert_eq!(judged(700_000, 678.0), Verdict::Unproven);
    assert_eq!(judged(700_000, 60_000.0), Verdict::Fail, "longer than it can have waited");
    assert_eq!(judged(1_000, 678.0), Verdict::Fail);
}

/// Steps that fire webhooks synchronously take as long as their retries.
#[test]
fn the_retries_of_what_was_broken_on_purpose_are_no_failure_of_the_target() {
    let judged = |broken: u64| {
        let mut slow = seconds(0, 1_000, 1);
        slow[0].series.response = latency(&[[5_000; 90].as_slice(), &[2_100_000; 10]].concat());
        let load = summary(&slow, |load| {
            let injected = record::Tally { deliveries: broken, ..record::Tally::default() };
            load.flows = Some(record::RunStats { injected, ..record::RunStats::default() });
        });
        let checks = judge_load(&load, &Gates::default());
        checks.into_iter().find(|check| check.id == "latency_p95").unwrap()
    };
    assert_eq!(judged(0).verdict, Verdict::Fail);
    assert_eq!(judged(4).verdict, Verdict::Fail, "one that was left alone is too slow as well");
    let excused = judged(5);
    assert_eq!(excused.verdict, Verdict::Unproven);
    assert!(excused.text.contains("load without --inject to judge it"), "{}", excused.text);
}

/// As OpenTelemetry's semantic conventions have it, and as spans say it.
#[test]
fn a_status_is_a_number_for_a_collector() {
    let metrics =
        crate::telemetry::load_metrics(&judged(&summary(&seconds(0, 0, 0), |_| ())), &Series::default());
    let answers = metrics.iter().find(|metric| metric.name == "smoke.load.answers").unwrap();
    let telemetry::Data::Sum(points) = &answers.data else { panic!("{answers:?}") };
    let status = points[0].attributes.iter().find(|(name, _)| name == "http.response.status_code").unwrap();
    assert_eq!(status.1, telemetry::Value::from(200u64));
}
