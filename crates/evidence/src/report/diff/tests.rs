//! How figures and findings of two artifacts compare.

use super::*;
use crate::gate::Interval;
use crate::report::Colour;

fn told(verdict: Verdict, checks: Vec<Check>) -> Told {
    let text = str::to_owned;
    Told {
        kind: text("run"),
        name: text("payments"),
        environment: text("staging"),
        started: text("2026-11-26T04:20:49.891Z"),
        verdict,
        checks,
        schedule: Value::Null,
        findings: BTreeSet::new(),
    }
}

fn check(id: &str, (target, unit): (&str, &str), actual: f64, n: u64, verdict: Verdict) -> Check {
    Check {
        id: id.to_owned(),
        title: id.to_owned(),
        target: target.to_owned(),
        actual: Some(actual),
        unit: unit.to_owned(),
        n,
        interval_95: None,
        verdict,
        text: String::new(),
    }
}

fn of_rate(low: f64, high: f64, side: &str) -> Check {
    let rate = check("rate", (side, "%"), f64::midpoint(low, high), 100, Verdict::Pass);
    Check { interval_95: Some(Interval { low, high }), ..rate }
}

#[test]
fn rates_differ_where_their_intervals_do_not_touch() {
    assert_eq!(moved(&of_rate(90.0, 96.0, ">= 90 %"), &of_rate(95.0, 99.0, ">= 90 %")), Moved::Same);
    assert_eq!(moved(&of_rate(90.0, 94.0, ">= 90 %"), &of_rate(95.0, 99.0, ">= 90 %")), Moved::Better);
    assert_eq!(moved(&of_rate(1.0, 2.0, "< 20 %"), &of_rate(3.0, 9.0, "< 20 %")), Moved::Worse);
}

#[test]
fn latencies_differ_by_a_fifth_with_samples_enough() {
    let of = |ms, n| check("p95", ("< 2000 ms", "ms"), ms, n, Verdict::Pass);
    assert_eq!(moved(&of(100.0, 500), &of(115.0, 500)), Moved::Same);
    assert_eq!(moved(&of(100.0, 500), &of(130.0, 500)), Moved::Worse);
    assert_eq!(moved(&of(100.0, 500), &of(60.0, 500)), Moved::Better);
    assert_eq!(moved(&of(100.0, 10), &of(130.0, 500)), Moved::Unclear);
    assert_eq!(moved(&of(0.2, 500), &of(0.9, 500)), Moved::Same);
}

#[test]
fn another_figure_and_what_the_generator_took_are_neither_better_nor_worse() {
    let of = |id: &str, title: &str, ms, verdict| Check {
        title: title.to_owned(),
        ..check(id, ("< 50 ms", "ms"), ms, 500, verdict)
    };
    let service = |ms| of("latency_p50", "Service time p50 (closed)", ms, Verdict::Pass);
    let response = of("latency_p50", "Response time p50", 628.0, Verdict::Pass);
    assert_eq!(moved(&response, &service(41.0)), Moved::Unclear);
    assert_eq!(moved(&service(41.0), &response), Moved::Unclear);
    assert_eq!(moved(&service(41.0), &service(90.0)), Moved::Worse);
    let lag = |ms, verdict| of("generator_lag_p99", "Generator lag p99", ms, verdict);
    assert_eq!(moved(&lag(0.4, Verdict::Pass), &lag(4.6, Verdict::Pass)), Moved::Unclear);
    assert_eq!(moved(&lag(0.4, Verdict::Pass), &lag(90.0, Verdict::Unproven)), Moved::Unclear);
    assert_eq!(moved(&lag(0.4, Verdict::Pass), &lag(0.4, Verdict::Pass)), Moved::Same);
    // Nor is a verdict that only the generator leaves open; another that falls is.
    let worse = |verdict, checks| {
        let old = told(Verdict::Pass, vec![lag(0.4, Verdict::Pass)]);
        Difference::new(old, told(verdict, checks)).unwrap().is_worse()
    };
    assert!(!worse(Verdict::Unproven, vec![lag(90.0, Verdict::Unproven)]));
    assert!(worse(Verdict::Unproven, vec![lag(0.4, Verdict::Pass)]), "cut off");
    assert!(worse(Verdict::Fail, Vec::new()));
}

#[test]
fn loads_of_other_schedules_are_said_to_be_that() {
    let of =
        |rate: u32| Told { schedule: serde_json::json!({ "rate": rate }), ..told(Verdict::Pass, Vec::new()) };
    let text = |one, other| {
        Difference::new(of(one), of(other))
            .unwrap()
            .text(Screen::new(Colour::None, Some((80, 24)), false))
            .replace("\n      ", " ")
    };
    assert!(text(100, 1000).contains("not scheduled alike"));
    assert!(!text(100, 100).contains("not scheduled alike"));
}

#[test]
fn a_pass_is_no_better_where_the_figure_is_worse_or_the_gate_another() {
    let p95 = |ms, verdict| check("p95", ("< 2000 ms", "ms"), ms, 60, verdict);
    assert_eq!(moved(&p95(0.5, Verdict::Unproven), &p95(400.0, Verdict::Pass)), Moved::Worse);
    assert_eq!(moved(&p95(400.0, Verdict::Unproven), &p95(401.0, Verdict::Pass)), Moved::Better);
    let strict = check("p95", ("< 100 ms", "ms"), 112.0, 60, Verdict::Fail);
    assert_eq!(moved(&strict, &p95(450.0, Verdict::Pass)), Moved::Worse);
    assert_eq!(moved(&strict, &p95(113.0, Verdict::Pass)), Moved::Same);
    assert_eq!(
        cells(Moved::Same, Some(&strict), Some(&p95(113.0, Verdict::Pass)))[1],
        "p95 (< 2000 ms, was < 100 ms)"
    );
}

#[test]
fn a_criterion_that_no_longer_passes_is_worse_and_a_lost_webhook_counts() {
    let lost = |n: f64, verdict| check("lost", ("0", "webhooks"), n, 10, verdict);
    assert_eq!(moved(&lost(0.0, Verdict::Pass), &lost(0.0, Verdict::Unproven)), Moved::Worse);
    assert_eq!(moved(&lost(1.0, Verdict::Fail), &lost(3.0, Verdict::Fail)), Moved::Worse);
    assert_eq!(moved(&lost(3.0, Verdict::Fail), &lost(1.0, Verdict::Fail)), Moved::Better);
    let flows = |n: f64| check("run_completed", ("all 10", "flows"), n, 10, Verdict::Fail);
    assert_eq!(moved(&flows(9.0), &flows(7.0)), Moved::Worse);
    let watched = |s: f64| check("window", ("all 30 s", "s"), s, 1, Verdict::Unproven);
    assert_eq!(moved(&watched(10.0), &watched(20.0)), Moved::Better);
    assert_eq!(moved(&watched(20.0), &watched(10.0)), Moved::Worse);
}

#[test]
fn a_new_finding_is_worse_and_both_sides_are_shown() {
    let side = |n| told(Verdict::Pass, vec![check("p95", ("< 2000 ms", "ms"), n, 500, Verdict::Pass)]);
    let same = Difference::new(side(100.0), side(101.0)).unwrap();
    assert!(!same.is_worse());
    let mut leaking = side(100.0);
    leaking.findings.insert("payment_verified of step verify: email at /user".to_owned());
    let worse = Difference::new(side(300.0), leaking).unwrap();
    assert!(worse.is_worse());
    let text = worse.text(Screen::new(Colour::None, Some((80, 24)), false));
    assert!(text.starts_with("WORSE 0 worse, 1 better, 0 unclear, 1 new finding\n"), "{text}");
    assert!(text.contains("300 ms") && text.contains("100 ms") && text.contains("email at /user"), "{text}");
    assert!(worse.html().contains("email at /user"));
}

#[test]
fn different_things_are_not_compared() {
    let mut load = told(Verdict::Pass, Vec::new());
    load.kind = "load".to_owned();
    let run = told(Verdict::Pass, Vec::new());
    assert_eq!(
        Difference::new(run, load).unwrap_err().to_string(),
        "one is from a run, the other from a load"
    );
    assert!(Told::read(b"{}").is_err());
}

#[test]
fn a_check_that_is_there_only_while_something_is_wrong_was_none_before() {
    let broken = |id: &str, n: f64| check(id, ("0", "webhooks"), n, 10, Verdict::Fail);
    let p95 = check("p95", ("< 2000 ms", "ms"), 100.0, 500, Verdict::Pass);
    let good = || told(Verdict::Pass, vec![p95.clone()]);
    for id in ["event_header", "repeated_keys", "webhooks_event_header"] {
        // However the rest of it was.
        let failed = || Told { verdict: Verdict::Fail, ..good() };
        let bad = || told(Verdict::Fail, vec![p95.clone(), broken(id, 1.0)]);
        assert_eq!(Difference::new(failed(), bad()).unwrap().count(Moved::Worse), 1, "{id}");
        let mended = Difference::new(bad(), good()).unwrap();
        assert!(!mended.is_worse() && mended.count(Moved::Better) == 1, "{id}");
    }
}

#[test]
fn a_verdict_that_was_a_pass_and_is_none_is_worse() {
    let with = |verdict, checks| told(verdict, checks);
    let p95 = || check("p95", ("< 2000 ms", "ms"), 100.0, 500, Verdict::Pass);
    let new_gate = |verdict| check("schema", ("0", "webhooks"), 1.0, 10, verdict);
    for verdict in [Verdict::Fail, Verdict::Unproven] {
        let compared =
            Difference::new(with(Verdict::Pass, vec![p95()]), with(verdict, vec![p95(), new_gate(verdict)]));
        let compared = compared.unwrap();
        assert!(compared.is_worse());
        let said = format!("0 worse, 0 better, 1 unclear; the verdict was pass and is {}", verdict.word());
        assert_eq!(compared.sentence(), said);
    }
    let same = Difference::new(with(Verdict::Fail, vec![p95()]), with(Verdict::Unproven, vec![p95()]));
    assert!(!same.unwrap().is_worse());
}

#[test]
fn a_verdict_that_its_checks_do_not_bear_out_is_that_of_no_artifact() {
    let read = |verdict: &str, checks: &[Check]| {
        let gates = serde_json::json!({ "verdict": verdict, "checks": checks });
        Told::read(serde_json::json!({ "acceptance_gates": gates }).to_string().as_bytes())
    };
    let lost = check("lost", ("0", "webhooks"), 1.0, 10, Verdict::Fail);
    for (verdict, checks) in [("pass", vec![]), ("pass", vec![lost.clone()]), ("fail", vec![])] {
        let error = read(verdict, &checks).unwrap_err().to_string();
        assert!(error.contains("does not follow from its checks"), "{error}");
    }
    // A run that was cut off.
    assert!(read("unproven", std::slice::from_ref(&lost)).is_ok() && read("unproven", &[]).is_ok());
    assert!(read("fail", &[lost]).is_ok());
}
