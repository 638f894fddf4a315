//! Minutes, triggers and gates of a window, over a journal written for the purpose: 30 minutes in no time.

use crate::window::{MINUTE, Window, drive, expect};
use evidence::analysis::{cases, minutes};
use evidence::gate::{Gates, Verdict, judge, overall, triggers};
use record::Tick;
use record::{
    FlowStart, Gap, LogCompared, LogErrors, LogFacts, LogLost, Outcome, Probe, Reconciliation, Record,
    Refused, Watch,
};
use serde_json::json;
use signature::{Reason, Scheme, Verdict as Signature};

#[test]
fn five_bad_minutes_in_a_row_fire_and_silent_ones_count_neither_way() {
    let mut window = Window::new();
    for minute in 1..=4 {
        window.minute(minute, 8, 2);
    }
    assert!(window.fired().is_empty());
    // Silence, then the fifth bad one.
    window.analysis.latest = Tick(6 * MINUTE);
    assert!(window.fired().is_empty());
    window.minute(7, 8, 2);
    let fired = triggers(&window.analysis, &Gates::default());
    assert_eq!(fired.len(), 1);
    assert!(fired[0].evidence.contains("2 minutes between them, without traffic"), "{}", fired[0].evidence);
}

#[test]
fn a_good_minute_begins_the_row_anew_and_90_percent_is_good() {
    let mut window = Window::new();
    for minute in 1..=4 {
        window.minute(minute, 8, 2);
    }
    window.minute(5, 9, 1);
    for minute in 6..=9 {
        window.minute(minute, 0, 1);
    }
    assert!(window.fired().is_empty());
    // The minute under way does not count before it has gone by.
    window.webhook(10, 400, Reason::Valid, "{}");
    assert!(window.fired().is_empty());
    window.analysis.latest = Tick(10 * MINUTE);
    assert_eq!(window.fired(), ["success_rate"]);
}

#[test]
fn personal_data_forged_signatures_and_an_unreachable_receiver_fire() {
    let mut window = Window::new();
    window.minute(1, 18, 0);
    (0..2).for_each(|_| window.webhook(1, 401, Reason::Mismatch, "{}"));
    assert!(window.fired().is_empty(), "10 % is not above 10 %");
    window.webhook(1, 401, Reason::Mismatch, "{}");
    assert_eq!(window.fired(), ["signature_failures"]);
    window.webhook(2, 200, Reason::Valid, r#"{"data":{"body":"call john@example.com"}}"#);
    assert_eq!(window.fired()[0], "pii");
    let probe = |at, problem: Option<&str>| {
        Record::Watch(Watch::Probe(Probe { at: Tick(at), took_us: 1, problem: problem.map(str::to_owned) }))
    };
    window.analysis.take(&probe(1, Some("refused")));
    window.analysis.take(&probe(2, None));
    window.analysis.take(&probe(3, Some("refused")));
    assert!(!window.fired().contains(&"unreachable".to_owned()));
    window.analysis.take(&probe(4, Some("refused")));
    assert!(window.fired().contains(&"unreachable".to_owned()));
}

/// What a stranger posts: a browser's or a script's request, and not the sender's.
fn stranger(window: &mut Window, minute: u64, body: &str) {
    let sender =
        std::mem::replace(&mut window.headers, vec![("User-Agent".to_owned(), "curl/8.5".to_owned())]);
    window.webhook(minute, 401, Reason::Mismatch, body);
    window.headers = sender;
}

fn as_the_sender(window: &mut Window) {
    window.headers = vec![
        ("User-Agent".to_owned(), "DeltaCrown-Webhook/1.0".to_owned()),
        ("X-Webhook-Event".to_owned(), "payment_verified".to_owned()),
    ];
}

#[test]
fn strangers_are_a_finding_of_their_own_and_change_no_figure() {
    const LEAK: &str = r#"{"event":"payment_verified","data":{"body":"call john@example.com"}}"#;
    let (mut quiet, mut loud) = (Window::new(), Window::new());
    for window in [&mut quiet, &mut loud] {
        as_the_sender(window);
    }
    // First of all in the window, and again and again.
    (0..50).for_each(|_| stranger(&mut loud, 1, LEAK));
    assert!(loud.fired().is_empty(), "{:?}", loud.fired());
    for minute in 1..=30 {
        quiet.minute(minute, 3, 0);
        loud.minute(minute, 3, 0);
        (0..9).for_each(|_| stranger(&mut loud, minute, "no JSON"));
    }
    assert!(loud.fired().is_empty(), "{:?}", loud.fired());
    let figures = |window: &Window| {
        let of = |c: evidence::gate::Check| (c.id.clone(), c.title.clone(), c.verdict, c.actual, c.n);
        judge(&window.analysis, &Gates::default()).into_iter().map(of).collect::<Vec<_>>()
    };
    quiet.end();
    loud.end();
    assert_eq!(figures(&quiet), figures(&loud));
    assert_eq!(loud.analysis.strangers.found().to_string(), "320 unauthenticated requests");
    let said = judge(&loud.analysis, &Gates::default()).into_iter().find(|c| c.id == "signatures").unwrap();
    assert!(said.text.contains("320 unauthenticated requests not counted"), "{}", said.text);
}

#[test]
fn a_sender_with_the_wrong_secret_is_named_by_its_third_webhook_or_by_twenty() {
    let verdict = |window: &Window| {
        let checks = judge(&window.analysis, &Gates::default());
        checks.into_iter().find(|c| c.id == "signatures").unwrap().verdict
    };
    let mut window = Window::new();
    as_the_sender(&mut window);
    (0..2).for_each(|_| window.webhook(1, 401, Reason::Mismatch, "{}"));
    assert!(window.fired().is_empty());
    assert_eq!(verdict(&window), Verdict::Unproven);
    window.webhook(1, 401, Reason::Mismatch, "{}");
    assert_eq!(window.fired(), ["signature_failures"]);
    assert_eq!(verdict(&window), Verdict::Fail);
    // Beside valid ones three are not enough, unless those are five minutes past.
    let mut window = Window::new();
    as_the_sender(&mut window);
    window.minute(1, 1, 0);
    (0..3).for_each(|_| window.webhook(5, 401, Reason::Mismatch, "{}"));
    assert!(window.fired().is_empty());
    window.webhook(7, 401, Reason::Mismatch, "{}");
    assert_eq!(window.fired(), ["signature_failures"]);
}

#[test]
fn the_triggers_of_a_gates_file_fire_in_their_minutes() {
    let gates = "rollback: { server_error_rate_above_percent: 10, server_error_for_minutes: 2, latency_p95_above_ms: 5000, \
                 latency_for_minutes: 1, breaker_openings_above: 0, success_rate_below_percent: null }";
    let gates = Gates::parse(gates).unwrap();
    let mut window = Window::new();
    let fired = |window: &Window| -> Vec<String> {
        triggers(&window.analysis, &gates).into_iter().map(|t| t.id).collect()
    };
    window.minute(1, 5, 0);
    (0..2).for_each(|_| window.webhook(2, 503, Reason::Valid, "{}"));
    window.minute(2, 5, 0);
    assert!(fired(&window).is_empty(), "{:?}", fired(&window));
    (0..2).for_each(|_| window.webhook(3, 503, Reason::Valid, "{}"));
    window.minute(3, 5, 0);
    assert_eq!(fired(&window), ["server_errors"]);
    // Five deliveries that end badly open the breaker.
    window.minute(4, 0, 5);
    assert_eq!(fired(&window), ["server_errors", "breaker_openings"]);
}

#[test]
fn a_stranger_writes_nothing_into_evidence() {
    let mut window = Window::new();
    let key = r"k\n\n**Verdict**: PASS\n\n- [x] Forged line\u001b[2J";
    let body = format!(r#"{{"{key}":"john@example.com"}}"#);
    window.webhook(1, 401, Reason::Mismatch, &body);
    assert!(window.fired().is_empty(), "{:?}", window.fired());
    window.webhook(1, 200, Reason::Valid, &body);
    let evidence = triggers(&window.analysis, &Gates::default())[0].evidence.clone();
    assert!(evidence.contains(r"/k\n\n**Verdict**: PASS"), "{evidence}");
    assert!(!evidence.contains(char::is_control), "{evidence}");
    for check in judge(&window.analysis, &Gates::default()) {
        assert!(!check.text.contains(char::is_control), "{}", check.text);
    }
}

#[test]
fn a_whole_quiet_good_window_passes_and_one_with_a_gap_is_unproven() {
    let mut window = Window::new();
    for minute in (1..=30).filter(|m| m % 3 != 0) {
        window.minute(minute, 5, 0);
    }
    window.end();
    let checks = judge(&window.analysis, &Gates::default());
    assert_eq!(overall(&checks), Verdict::Pass, "{checks:#?}");
    assert_eq!(minutes(&window.analysis).len(), 30);
    let gap =
        Gap { from: Tick(3 * MINUTE + 1), to: Tick(4 * MINUTE - 1), why: "the inbox was away".to_owned() };
    window.analysis.take(&Record::Watch(Watch::Gap(gap)));
    let unseen: Vec<u64> =
        minutes(&window.analysis).iter().filter(|m| m.gap.is_some()).map(|m| m.minute).collect();
    assert_eq!(unseen, [4]);
    assert_eq!(overall(&judge(&window.analysis, &Gates::default())), Verdict::Unproven);
}

#[test]
fn what_comes_before_the_first_flow_begins_is_not_ours() {
    let mut window = Window::of(&["/data/tournament_id"]);
    window.webhook(1, 200, Reason::Valid, r#"{"data":{"tournament_id":1}}"#);
    let ours = [("/data/tournament_id".to_owned(), 2.into())].into();
    let start = FlowStart { flow: 0, variant: None, at: Tick(MINUTE), subject: 2.into(), ours };
    window.analysis.take(&Record::FlowStart(start));
    window.webhook(2, 200, Reason::Valid, r#"{"data":{"tournament_id":1}}"#);
    window.webhook(3, 200, Reason::Valid, r#"{"data":{"tournament_id":2}}"#);
    let foreign: Vec<bool> = window.analysis.deliveries.iter().map(|d| d.foreign).collect();
    assert_eq!(foreign, [true, true, false]);
}

#[test]
fn a_payment_after_an_aborted_one_of_the_same_tournament_is_no_retry_of_it() {
    let mut window = Window::new();
    window.webhook(1, 400, Reason::Valid, "{}");
    window.webhook(1, 200, Reason::Valid, "{}");
    window.end();
    let checks = judge(&window.analysis, &Gates::default());
    let identity = checks.iter().find(|c| c.id == "retry_identity").unwrap();
    assert_ne!(identity.verdict, Verdict::Fail, "{}", identity.text);
}

/// Payments of one tournament are equal byte by byte: what follows a delivery that was retried to its end is another one.
#[test]
fn equal_payments_after_an_exhausted_one_are_none_of_its_retries() {
    let mut window = Window::new();
    let at = |ms: u64| 10_000_000 + ms * 1000;
    window.stream("{}", vec![(at(50), "a", 503), (at(2050), "a", 503), (at(6050), "a", 503)]);
    let checks = judge(&window.analysis, &Gates::default());
    let verdict = |id: &str| checks.iter().find(|c| c.id == id).unwrap().verdict;
    assert_eq!((verdict("retry_identity"), verdict("retry_schedule")), (Verdict::Pass, Verdict::Pass));
    assert_eq!(verdict("retry_attempts"), Verdict::Pass, "{checks:?}");
}

#[test]
fn without_ids_equal_payments_are_neither_counted_as_retries_nor_called_breaches() {
    let mut window = Window::under(Scheme::DeltacrownV1, &[]);
    let at = |ms: u64| 10_000_000 + ms * 1000;
    window.stream("{}", vec![(at(50), "a", 503), (at(2050), "a", 200), (at(20_050), "b", 400)]);
    let checks = judge(&window.analysis, &Gates::default());
    let check = |id: &str| checks.iter().find(|c| c.id == id).unwrap();
    assert!(checks.iter().all(|c| c.verdict != Verdict::Fail), "{checks:?}");
    for id in ["retry_attempts", "client_error_abort"] {
        assert_eq!(check(id).verdict, Verdict::Unproven, "{id}");
    }
    assert_eq!(check("retry_schedule").verdict, Verdict::NotExercised);
    // 600 good ones, the one that was retried, and the one that was aborted.
    let success = &check("success_rate").text;
    assert!(success.contains("601 of 602"), "{success}");
}

#[test]
fn the_log_has_to_say_what_arrived_and_nothing_else() {
    let judged = |found: Reconciliation, gone: &[&str], not_kept: u64| {
        let mut window = Window::new();
        window.analysis.watched.begin.as_mut().unwrap().logs = vec!["django.log".to_owned()];
        let gone = gone.iter().map(|g| (*g).to_owned()).collect();
        let compared = LogCompared { at: Tick(1), gone, not_kept, found, errors: LogErrors::default() };
        window.analysis.take(&Record::Watch(Watch::Compared(Box::new(compared))));
        let checks = judge(&window.analysis, &Gates::default());
        let check = checks.into_iter().find(|c| c.id == "sender_log").unwrap();
        (check.verdict, check.text)
    };
    let agreed = Reconciliation { agreed: 3, ..Reconciliation::default() };
    let verdict = |change: fn(&mut Reconciliation)| {
        let mut found = agreed.clone();
        change(&mut found);
        judged(found, &[], 0).0
    };
    assert_eq!(judged(agreed.clone(), &[], 0).0, Verdict::Pass);
    assert_eq!(judged(agreed.clone(), &[], 1).0, Verdict::Unproven);
    assert_eq!(verdict(|f| f.never_seen = 1), Verdict::Fail);
    assert_eq!(verdict(|f| f.not_accepted = 1), Verdict::Fail);
    assert_eq!(verdict(|f| f.not_logged = 1), Verdict::Fail);
    // A line without an id may have been about it.
    assert_eq!(verdict(|f| (f.not_logged, f.without_id) = (1, 1)), Verdict::Unproven);
    assert_eq!(verdict(|f| (f.not_logged, f.without_id) = (2, 1)), Verdict::Fail);
    assert_eq!(verdict(|f| (f.agreed, f.without_id) = (0, 5)), Verdict::Unproven);
    assert_eq!(judged(Reconciliation::default(), &[], 0).0, Verdict::Unproven);
    // The log may come late, or be written by another clock.
    assert_eq!(verdict(|f| f.edge_arrived = 1), Verdict::Unproven);
    assert_eq!(verdict(|f| f.edge_said = 1), Verdict::Unproven);
    let (gone, text) = judged(agreed.clone(), &["the log django.log is gone"], 0);
    assert!(gone == Verdict::Unproven && text.ends_with("; the log django.log is gone"), "{text}");
    let ghost = Reconciliation { never_seen: 1, never_seen_first: vec![(7, "a\nb".to_owned())], ..agreed };
    let (fails, text) = judged(ghost, &["the log django.log is gone"], 0);
    assert!(
        fails == Verdict::Fail && text.contains(r"1 logged as delivered but never seen (first a\nb)"),
        "{text}"
    );
    let lost = |lost: Option<LogLost>| {
        let mut window = Window::new();
        window.analysis.watched.begin.as_mut().unwrap().logs = vec!["django.log".to_owned()];
        let summary = serde_json::json!({"lines": 9, "webhook_lines": 5});
        window.analysis.take(&Record::Watch(Watch::Log(Box::new(LogFacts { at: Tick(1), summary }))));
        let found = Reconciliation { lost, ..Reconciliation::default() };
        let errors = LogErrors::default();
        let compared = LogCompared { at: Tick(1), gone: Vec::new(), not_kept: 0, found, errors };
        window.analysis.take(&Record::Watch(Watch::Compared(Box::new(compared))));
        check(&window, "log_lost").0
    };
    let found = |count, unclear| Some(LogLost { count, unclear, ..LogLost::default() });
    assert_eq!(lost(found(0, 0)), Verdict::Pass);
    assert_eq!(lost(found(1, 0)), Verdict::Fail);
    assert_eq!(lost(found(0, 1)), Verdict::Unproven);
    // Written before these were looked for.
    assert_eq!(lost(None), Verdict::Unproven);
    let without = judge(&Window::new().analysis, &Gates::default());
    let check = without.iter().find(|c| c.id == "sender_log").unwrap();
    assert_eq!(check.verdict, Verdict::NotExercised);
    let mut cut_off = Window::new();
    cut_off.analysis.watched.begin.as_mut().unwrap().logs = vec!["django.log".to_owned()];
    let checks = judge(&cut_off.analysis, &Gates::default());
    assert_eq!(checks.iter().find(|c| c.id == "sender_log").unwrap().verdict, Verdict::Unproven);
}

#[test]
fn what_is_driven_has_to_work_and_its_webhooks_have_to_come() {
    let mut window = Window::new();
    window.analysis.watched.begin.as_mut().unwrap().drive = vec!["payments=6/m".to_owned()];
    drive(&mut window, 0, 0, Outcome::Ok);
    window.webhook(1, 200, Reason::Valid, r#"{"event":"paid","flow":0}"#);
    assert_eq!(check(&window, "steps").0, Verdict::Pass);
    assert_eq!(check(&window, "lost").0, Verdict::Pass);
    // One more is asked for: it is not lost before it is late.
    drive(&mut window, 1, MINUTE, Outcome::Ok);
    assert_eq!(check(&window, "lost").0, Verdict::Pass);
    window.analysis.latest = Tick(2 * MINUTE);
    let (lost, text) = check(&window, "lost");
    assert!(lost == Verdict::Fail && text.starts_with("1 in 2 webhooks due"), "{text}");
    // A step that fails asks for nothing.
    drive(&mut window, 2, 2 * MINUTE, Outcome::Failed);
    window.end();
    assert!(check(&window, "lost").1.starts_with("1 in 2 "), "{}", check(&window, "lost").1);
    let (steps, text) = check(&window, "steps");
    assert!(
        steps == Verdict::Fail && text.contains("payments/verify status 502") && text.contains(" (flow "),
        "{text}"
    );
}

pub(crate) fn check(window: &Window, id: &str) -> (Verdict, String) {
    let checks = judge(&window.analysis, &Gates::default());
    let check = checks.into_iter().find(|c| c.id == id).unwrap_or_else(|| panic!("{id}"));
    (check.verdict, check.text)
}

#[test]
fn a_webhook_again_after_it_was_accepted_is_a_duplicate() {
    let mut window = Window::new();
    let good = || (200, Signature::valid());
    window.attempt(Tick(1), "a", good(), "{}");
    window.attempt(Tick(2), "b", good(), "{}");
    assert_eq!(check(&window, "duplicates").0, Verdict::Pass);
    window.attempt(Tick(3), "a", good(), "{}");
    let (verdict, text) = check(&window, "duplicates");
    assert!(verdict == Verdict::Fail && text.starts_with("1 in 2 deliveries"), "{text}");
}

/// The window does not know it, but its receiver does.
#[test]
fn a_webhook_that_was_accepted_before_the_window_is_a_duplicate_in_it() {
    let mut window = Window::new();
    window.attempt(Tick(1), "a", (200, Signature::valid()), "{}");
    window.duplicate = true;
    // Refused, so that it may be anybody's.
    window.attempt(Tick(2), "b", (401, Signature::invalid(Reason::Mismatch, None)), "{}");
    assert_eq!(check(&window, "duplicates").0, Verdict::Pass);
    window.attempt(Tick(3), "c", (200, Signature::valid()), "{}");
    let (verdict, text) = check(&window, "duplicates");
    assert!(verdict == Verdict::Fail && text.starts_with("1 in 2 deliveries"), "{text}");
}

/// The sender follows each and is content: its circuit breaker has nothing to open for.
#[test]
fn redirects_that_were_followed_open_no_breaker() {
    for (status, followed, fails) in [(302, true, false), (400, false, true)] {
        let mut window = Window::new();
        for n in 0..5 {
            let id = n.to_string();
            window.attempt(Tick(n * 1000), &id, (status, Signature::valid()), "{}");
            if followed {
                window.elsewhere = true;
                window.attempt(Tick(n * 1000 + 100), &id, (200, Signature::valid()), "{}");
                window.elsewhere = false;
            }
        }
        // In the minute in which an open breaker lets nothing through.
        window.attempt(Tick(30_000_000), "later", (200, Signature::valid()), "{}");
        window.end();
        let (verdict, text) = check(&window, "circuit_breaker");
        assert_eq!(verdict == Verdict::Fail, fails, "{text}");
    }
}

#[test]
fn a_driven_webhook_that_is_late_fails_and_one_too_many_is_unproven() {
    let mut window = Window::new();
    window.analysis.watched.begin.as_mut().unwrap().drive = vec!["payments=6/m".to_owned()];
    drive(&mut window, 0, MINUTE / 2 - 4_000_000, Outcome::Ok);
    window.webhook(1, 200, Reason::Valid, r#"{"event":"paid","flow":0}"#);
    assert_eq!(check(&window, "latency_p95").0, Verdict::Pass, "its first byte is when it is first seen");
    assert_eq!(check(&window, "driven_latency_p95").0, Verdict::Fail);
    assert_eq!(check(&window, "duplicates").0, Verdict::Pass);
    // The same under another id: sent twice, or fired by someone else about the same subject.
    window.webhook(1, 200, Reason::Valid, r#"{"event":"paid","flow":0}"#);
    let (verdict, text) = check(&window, "duplicates");
    assert_eq!(verdict, Verdict::Unproven, "{text}");
    assert!(text.contains("fired by someone else"), "{text}");
}

/// Other traffic is nobody's business: only what a step forbids by a value of its own flow is one too many for sure.
#[test]
fn what_a_driven_step_forbids_must_not_come() {
    let begun = |forbids: fn(u32) -> serde_json::Value| {
        let mut window = Window::new();
        window.analysis.watched.begin.as_mut().unwrap().drive = vec!["payments=6/m".to_owned()];
        for flow in 0..2 {
            expect(&mut window, flow, 0, ("failed", 0, &forbids(flow)));
            drive(&mut window, flow, 0, Outcome::Ok);
            window.webhook(1, 200, Reason::Valid, &format!(r#"{{"event":"paid","flow":{flow}}}"#));
        }
        window.webhook(1, 200, Reason::Valid, r#"{"event":"failed","flow":7}"#);
        window.webhook(1, 200, Reason::Valid, r#"{"event":"other","flow":1}"#);
        window
    };
    let mut window = begun(|flow| json!({"/flow": flow}));
    let (verdict, text) = check(&window, "unexpected");
    assert!(verdict == Verdict::Pass && text.contains("2 that must not arrive"), "{text}");
    assert_eq!(cases(&window.analysis).unexpected.total, 0);
    window.webhook(1, 200, Reason::Valid, r#"{"event":"failed","flow":1}"#);
    let (verdict, text) = check(&window, "unexpected");
    assert!(verdict == Verdict::Fail && text.starts_with("1 in 5 deliveries"), "{text}");
    let found = cases(&window.analysis).unexpected;
    assert_eq!((found.total, found.first[0].flow), (1, Some(1)));
    assert!(found.first[0].what.contains("the step forbids it"), "{}", found.first[0].what);
    // Whose a webhook is that several flows forbid, or that is told by its event alone, nobody knows.
    for forbids in [(|_| json!({})) as fn(u32) -> serde_json::Value, |_| json!({"/flow": 7})] {
        let (verdict, text) = check(&begun(forbids), "unexpected");
        assert!(verdict == Verdict::Unproven && text.contains("may be others' traffic"), "{text}");
    }
    // Where nothing is forbidden, it is not asked.
    let mut window = Window::new();
    window.analysis.watched.begin.as_mut().unwrap().drive = vec!["payments=6/m".to_owned()];
    drive(&mut window, 0, 0, Outcome::Ok);
    window.webhook(1, 200, Reason::Valid, r#"{"event":"other","flow":0}"#);
    assert!(judge(&window.analysis, &Gates::default()).iter().all(|check| check.id != "unexpected"));
}

#[test]
fn what_was_refused_or_could_not_be_read_leaves_its_gate_unproven() {
    let mut window = Window::new();
    window.minute(1, 40, 0);
    assert_eq!(check(&window, "client_error_rate").0, Verdict::Pass);
    assert_eq!(check(&window, "pii").0, Verdict::Pass);
    for (at, status) in [(1, 413), (2, 404), (3, 404)] {
        let why = "too large".to_owned();
        window.analysis.take(&Record::Refused(Refused { at: Tick(at), status, why }));
    }
    let (verdict, text) = check(&window, "client_error_rate");
    assert!(verdict == Verdict::Unproven && text.contains("(404: 2, 413: 1)"), "{text}");
    window.headers.push(("Content-Encoding".to_owned(), "br".to_owned()));
    window.webhook(2, 200, Reason::Valid, "\u{fffd}\u{1f}");
    let (verdict, text) = check(&window, "pii");
    assert!(verdict == Verdict::Unproven && text.contains("1 could not be read"), "{text}");
}

#[test]
fn a_line_of_the_log_that_could_not_be_read_leaves_personal_data_unproven() {
    let mut window = Window::new();
    window.minute(1, 40, 0);
    for (unread, verdict) in [(0, Verdict::Pass), (1, Verdict::Unproven)] {
        let summary = serde_json::json!({"pii": {}, "not_looked_at": unread});
        let log = Watch::Log(Box::new(LogFacts { at: Tick(2 * MINUTE), summary }));
        window.analysis.take(&Record::Watch(log));
        assert_eq!(check(&window, "pii").0, verdict);
    }
}

#[test]
fn a_minute_that_is_not_seen_while_it_lasts_fires_nothing() {
    let mut window = Window::new();
    window.minute(1, 1, 1);
    let mut gates = Gates::default();
    gates.rollback.for_minutes = 1;
    assert_eq!(triggers(&window.analysis, &gates).len(), 1);
    let why = "the inbox is away".to_owned();
    window.analysis.watched.open_gap = Some(Gap { from: Tick(MINUTE / 2), to: Tick(MINUTE), why });
    assert!(triggers(&window.analysis, &gates).is_empty());
}
