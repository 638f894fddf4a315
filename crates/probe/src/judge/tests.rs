//! Verdicts on single cases, from facts that are made up: each request of a case gets an answer, one millisecond after it.

use crate::{Case, CaseVerdict, Facts, Forge, Shot, can_imitate, grade, judge, usual_event};
use record::{
    Came, ProbeAnswer, ProbeBegin, ProbeEffects, ProbeRequest, ProbeSent, RetryContract, SenderProfile,
    StatusSet, Tick,
};
use signature::{Scheme, Secret};

const SCHEME: Scheme = Scheme::DeltacrownV2;
const SECRET: &str = "9f4c1e77b3a2d0586e1f90c4d7b8a3526c0e9d1f4b7a8352d6c1e0f94b7a8d35";
const NOW: i64 = 1_764_115_200_000;

/// What came of the requests of a case, one after the other; the valid webhook before them was accepted.
fn facts(case: &str, status: impl Fn(usize, &str) -> u16) -> Facts {
    let forge = Forge::new(SCHEME, &Secret::new(SECRET), usual_event(SCHEME), None, "canary").unwrap();
    let shots = |case: &str| Case::of(case).unwrap().shots(&forge, NOW, 0).unwrap();
    let mut sent = vec![answered("valid", &shots("valid")[0], 0, 200)];
    for (i, shot) in shots(case).iter().enumerate() {
        sent.push(answered(case, shot, sent.len(), status(i, &shot.label)));
    }
    let begin = ProbeBegin {
        at: Tick(0),
        sender: SCHEME.sender().to_owned(),
        event: usual_event(SCHEME).to_owned(),
        canary: "canary".to_owned(),
        cases: Case::all().map(|case| case.id.to_owned()).collect(),
        whole: true,
        budget_ms: 60_000,
        observer: None,
    };
    Facts { scheme: SCHEME, promised: None, begin, sent, effects: Vec::new(), started_ms: NOW }
}

fn answered(case: &str, shot: &Shot, n: usize, status: u16) -> ProbeSent {
    let started = n as u64 * 10_000;
    let excerpt = String::new();
    let answer = ProbeAnswer { status, headers: Vec::new(), excerpt, trace: None, early: false };
    let (method, headers, body) = (shot.method.to_owned(), Vec::new(), None);
    ProbeSent {
        case: case.to_owned(),
        label: shot.label.clone(),
        right: shot.right,
        started: Tick(started),
        ended: Tick(started + 1000),
        request: ProbeRequest { method, headers, body, body_bytes: shot.body.len() },
        came: Came::Answer(Box::new(answer)),
        leaks: Vec::new(),
    }
}

fn verdict(facts: &Facts, id: &str) -> (CaseVerdict, String) {
    let case = judge(facts).into_iter().find(|case| case.id == id).unwrap();
    (case.verdict, case.text)
}

#[test]
fn a_forged_signature_that_is_taken_while_times_are_measured_fails() {
    let (refused, text) = verdict(&facts("timing", |_, _| 401), "timing");
    assert_eq!(refused, CaseVerdict::NotExercised);
    assert!(text.contains("measured, not judged"), "{text}");
    let at_the_end = |_, label: &str| if label == "wrong at the end" { 200 } else { 401 };
    let (taken, text) = verdict(&facts("timing", at_the_end), "timing");
    assert_eq!(taken, CaseVerdict::Fail);
    assert!(text.starts_with("wrong at the end: accepted (200)"), "{text}");
    assert_eq!(grade(&judge(&facts("timing", at_the_end))).grade, Some('F'));
    assert_eq!(verdict(&facts("timing", |_, _| 429), "timing").0, CaseVerdict::Unproven);
}

/// What every sender takes for a success is every 2xx, and nothing else: that is what an unknown event is judged by.
#[test]
fn an_unknown_event_is_to_get_what_the_sender_takes_for_success() {
    for sender in Scheme::ALL.into_iter().filter(|sender| can_imitate(*sender).is_ok()) {
        let contract = SenderProfile::built_in(sender).unwrap().contract();
        assert!(contract.success.is_empty(), "{sender} has its own statuses: judge unknown-event by them");
    }
    assert_eq!(verdict(&facts("unknown-event", |_, _| 204), "unknown-event").0, CaseVerdict::Pass);
    for status in [302, 400, 404, 410, 500] {
        let (failed, text) = verdict(&facts("unknown-event", |_, _| status), "unknown-event");
        assert_eq!(failed, CaseVerdict::Fail, "{status}");
        assert_eq!(text, format!("unknown event: validly signed, but got {status}"));
    }
    assert_eq!(verdict(&facts("unknown-event", |_, _| 429), "unknown-event").0, CaseVerdict::Unproven);
}

#[test]
fn every_valid_webhook_that_is_redirected_is_told() {
    for case in ["unknown-event", "answer-time", "same-delivery-at-once", "slow-beside-fast"] {
        let (failed, text) = verdict(&facts(case, |_, _| 302), "no-redirect");
        assert_eq!(failed, CaseVerdict::Fail, "{case}");
        assert!(text.contains(&format!("302 to {case}")), "{text}");
    }
    for case in ["wrong-key", "timing", "method-get"] {
        assert_eq!(verdict(&facts(case, |_, _| 302), "no-redirect").0, CaseVerdict::Pass, "{case}");
    }
}

/// A slow request that is open all the time, and fast ones in turn meanwhile.
fn beside(status: fn(usize) -> u16) -> Facts {
    let mut facts = facts("slow-beside-fast", |i, _| status(i));
    let end = facts.sent.last().unwrap().ended;
    let slow = facts.sent.iter_mut().find(|s| s.label == "slow").unwrap();
    slow.ended = Tick(end.0 + 1000);
    facts
}

#[test]
fn rate_limits_prove_nothing_about_requests_that_came_together() {
    let of = |status: fn(usize) -> u16| verdict(&beside(status), "slow-beside-fast");
    assert_eq!(of(|_| 204).0, CaseVerdict::Pass);
    let (seen, text) = of(|i| if i == 2 { 429 } else { 204 });
    assert_eq!(
        (seen, text.as_str()),
        (CaseVerdict::Unproven, "429: it is rate limiting, so nothing is shown")
    );
    let (seen, text) = of(|i| if i == 2 { 429 } else { 503 });
    assert_eq!(seen, CaseVerdict::Fail);
    assert!(text.contains("waited for the slow one: 503"), "{text}");
    let at_once = |status: fn(usize, &str) -> u16| {
        verdict(&facts("same-delivery-at-once", status), "same-delivery-at-once").0
    };
    assert_eq!(at_once(|_, _| 429), CaseVerdict::Unproven);
    assert_eq!(at_once(|i, _| if i == 0 { 429 } else { 409 }), CaseVerdict::Fail);
    assert_eq!(at_once(|i, _| if i == 0 { 204 } else { 429 }), CaseVerdict::NotExercised);
}

/// The observer's number before and after the valid webhook and a forged one that got this status.
fn observed(status: u16, valid: (i64, i64), forged: ProbeEffects) -> (CaseVerdict, String) {
    let mut facts = facts("wrong-key", |_, _| status);
    facts.begin.observer = Some("url".to_owned());
    let (before, after) = (Some(valid.0), Some(valid.1));
    facts.effects = vec![ProbeEffects { case: "valid".to_owned(), before, after, ..forged.clone() }, forged];
    facts.effects[0].from = None;
    facts.effects[0].problem = None;
    verdict(&facts, "wrong-key")
}

fn moved(before: i64, after: i64) -> ProbeEffects {
    let case = "wrong-key".to_owned();
    let (before, after) = (Some(before), Some(after));
    ProbeEffects { at: Tick(0), case, from: None, before, after, problem: None }
}

#[test]
fn a_forged_webhook_that_is_refused_and_processed_all_the_same_fails() {
    let still = observed(401, (4, 5), moved(5, 5));
    assert_eq!(still, (CaseVerdict::Pass, "401".to_owned()));
    let (seen, text) = observed(401, (4, 5), moved(5, 8));
    assert_eq!(seen, CaseVerdict::Fail);
    assert_eq!(text, "answered 401, but the observed number went up by 3: it was processed");
    assert_eq!(observed(429, (4, 5), moved(5, 6)).0, CaseVerdict::Fail, "whatever it was answered");
    assert_eq!(observed(429, (4, 5), moved(5, 5)).0, CaseVerdict::Unproven);
    let together = ProbeEffects { from: Some("empty-signature".to_owned()), ..moved(5, 6) };
    let together = ProbeEffects { case: "empty-key".to_owned(), ..together };
    let (seen, text) = observed(401, (4, 5), together.clone());
    assert_eq!(seen, CaseVerdict::Fail);
    assert!(text.contains("went up by 1 from empty-signature to empty-key"), "{text}");
    let after =
        ProbeEffects { from: Some("empty-key".to_owned()), case: "changed-body".to_owned(), ..together };
    let (seen, text) = observed(401, (4, 5), after);
    assert_eq!(seen, CaseVerdict::Unproven);
    assert_eq!(text, "401; effect unproven: the observer was not asked");
}

#[test]
fn a_number_that_moves_without_the_forged_webhook_proves_nothing_about_it() {
    for (valid, forged, why) in [
        ((4, 4), moved(4, 4), "did not change for an accepted webhook"),
        ((4, 6), moved(6, 7), "others use the receiver too"),
        ((4, 5), moved(5, 4), "not monotonic"),
        ((4, 5), ProbeEffects { problem: Some("it is gone".to_owned()), ..moved(5, 5) }, "it is gone"),
    ] {
        let (seen, text) = observed(401, valid, forged);
        assert_eq!(seen, CaseVerdict::Unproven, "{text}");
        assert!(text.starts_with("401; effect unproven: ") && text.contains(why), "{text}");
    }
    // What was accepted before was not in the number when the forged one was sent.
    let mut facts = facts("wrong-key", |_, _| 401);
    let accepted = ProbeSent { case: "answer-time".to_owned(), ..facts.sent[0].clone() };
    facts.sent.insert(1, accepted);
    facts.begin.observer = Some("url".to_owned());
    let valid = ProbeEffects { case: "valid".to_owned(), ..moved(4, 5) };
    for (forged, wanted) in [
        (moved(5, 6), CaseVerdict::Unproven),
        (moved(5, 7), CaseVerdict::Fail),
        (moved(6, 7), CaseVerdict::Fail),
        (moved(5, 5), CaseVerdict::Pass),
    ] {
        facts.effects = vec![valid.clone(), forged.clone()];
        assert_eq!(verdict(&facts, "wrong-key").0, wanted, "{forged:?}");
    }
}

#[test]
fn the_real_webhook_after_a_forged_one_with_its_id_is_to_be_processed() {
    let of = |real: u16, effects: Option<i64>| {
        let mut facts = facts("forged-first", |i, _| if i == 0 { 401 } else { real });
        if let Some(n) = effects {
            facts.begin.observer = Some("url".to_owned());
            let valid = ProbeEffects { case: "valid".to_owned(), ..moved(4, 5) };
            facts.effects = vec![valid, ProbeEffects { case: "forged-first".to_owned(), ..moved(5, 5 + n) }];
        }
        verdict(&facts, "forged-first")
    };
    assert_eq!(of(409, None).0, CaseVerdict::Fail);
    assert_eq!(of(200, None).0, CaseVerdict::NotExercised, "a receiver may say that it has it");
    let (seen, text) = of(200, Some(0));
    assert_eq!(
        (seen, text.as_str()),
        (CaseVerdict::Fail, "responses 401, 200; accepted but never processed")
    );
    assert_eq!(of(200, Some(1)).0, CaseVerdict::Pass);
}

#[test]
fn another_method_that_gets_2xx_without_a_signature_fails_as_a_forgery_does() {
    for method in ["PUT", "PATCH"] {
        let facts = facts("method-put", |_, label| if label == method { 200 } else { 405 });
        let (seen, text) = verdict(&facts, "method-put");
        assert_eq!((seen, text), (CaseVerdict::Fail, format!("{method}: accepted (200)")));
        assert_eq!(grade(&judge(&facts)).grade, Some('F'));
    }
    assert_eq!(verdict(&facts("method-put", |_, _| 405), "method-put").0, CaseVerdict::Pass);
    assert_eq!(verdict(&facts("method-put", |_, _| 501), "method-put").0, CaseVerdict::Pass);
    assert_eq!(verdict(&facts("method-options", |_, _| 200), "method-options").0, CaseVerdict::Pass);
}

/// A case that was observed: what the valid webhook and this one did to the number.
fn counted(case: &str, status: u16, valid: i64, moved_by: i64) -> Facts {
    let mut facts = facts(case, |_, _| status);
    facts.begin.observer = Some("url".to_owned());
    let of = |case: &str, before, after| ProbeEffects { case: case.to_owned(), ..moved(before, after) };
    facts.effects = vec![of("valid", 4, 4 + valid), of(case, 4 + valid, 4 + valid + moved_by)];
    facts
}

#[test]
fn a_page_for_get_is_right_as_long_as_nothing_is_done() {
    let (seen, text) = verdict(&facts("method-get", |_, _| 200), "method-get");
    assert_eq!(seen, CaseVerdict::NotExercised, "{text}");
    assert!(text.starts_with("200; effect unproven: give --observe"), "{text}");
    assert_eq!(verdict(&facts("method-get", |_, _| 404), "method-get").0, CaseVerdict::Pass);
    let of = |moved_by| verdict(&counted("method-get", 200, 1, moved_by), "method-get");
    assert_eq!(of(0), (CaseVerdict::Pass, "200; not processed".to_owned()));
    let (seen, text) = of(1);
    assert_eq!(seen, CaseVerdict::Fail);
    assert!(text.contains("the observed number went up by 1: it was processed"), "{text}");
    assert_eq!(grade(&judge(&counted("method-get", 200, 1, 1))).grade, Some('F'));
    // Unsigned requests of other cases, whatever they were answered.
    for case in ["garbage-header", "method-put", "method-options"] {
        assert_eq!(verdict(&counted(case, 401, 1, 0), case).0, CaseVerdict::Pass, "{case}");
        assert_eq!(verdict(&counted(case, 401, 1, 1), case).0, CaseVerdict::Fail, "{case}");
    }
}

#[test]
fn a_receiver_that_processes_each_webhook_twice_fails() {
    let of = |valid, moved_by| {
        verdict(&counted("same-delivery-twice", 200, valid, moved_by), "same-delivery-twice")
    };
    assert_eq!(of(1, 1).0, CaseVerdict::Pass);
    assert_eq!(of(1, 2).0, CaseVerdict::Fail);
    for moved_by in [2, 4] {
        let (seen, text) = of(2, moved_by);
        assert_eq!(seen, CaseVerdict::Fail, "{text}");
        let wanted = format!("processed {moved_by} times (the valid webhook, sent once, 2 times)");
        assert!(text.contains(&wanted), "{text}");
    }
    let (seen, text) = of(2, 1);
    assert_eq!(seen, CaseVerdict::Unproven);
    assert!(text.contains("others use the receiver too"), "{text}");
    let reused = verdict(&counted("same-id-other-content", 200, 2, 2), "same-id-other-content");
    assert_eq!(reused.0, CaseVerdict::Fail, "{}", reused.1);
}

/// Requests of `slow-beside-fast`, in milliseconds from their beginning to their end; the slow one first.
fn timed(times: [(u64, u64); 4]) -> (CaseVerdict, String) {
    let mut facts = facts("slow-beside-fast", |_, _| 200);
    for (sent, (started, ended)) in facts.sent.iter_mut().skip(1).zip(times) {
        (sent.started, sent.ended) = (Tick(started * 1000), Tick(ended * 1000));
    }
    facts.sent.sort_by_key(|sent| sent.ended);
    verdict(&facts, "slow-beside-fast")
}

#[test]
fn a_receiver_that_takes_one_request_after_the_other_fails() {
    // One at a time: the first of the fast ones waits until the slow one has been held open for as long as it is.
    let (seen, text) = timed([(10, 3010), (260, 3012), (3013, 3015), (3016, 3018)]);
    assert_eq!(seen, CaseVerdict::Fail, "{text}");
    assert_eq!(text, "a fast request waited for the slow one: 200 after 2752 ms");
    assert_eq!(
        timed([(10, 3010), (260, 3009), (3013, 3015), (3016, 3018)]).0,
        CaseVerdict::Fail,
        "read first"
    );
    assert_eq!(timed([(10, 300), (260, 262), (263, 265), (266, 268)]).0, CaseVerdict::Pass);
    // It gave the slow one up before anything could be seen.
    assert_eq!(timed([(10, 264), (260, 268), (269, 271), (272, 274)]).0, CaseVerdict::Unproven);
    // It takes four seconds for whatever it is sent, and all at once.
    assert_eq!(timed([(10, 7010), (260, 4260), (4261, 8261), (8262, 12262)]).0, CaseVerdict::Unproven);
}

#[test]
fn what_the_sender_does_not_count_as_delivered_is_not_accepted() {
    let judged = |promised: Option<RetryContract>, status| {
        verdict(&Facts { promised, ..facts("unknown-field", |_, _| status) }, "unknown-field")
    };
    let only_200 = RetryContract { success: StatusSet::range(200, 200), ..RetryContract::default() };
    assert_eq!(judged(None, 202).0, CaseVerdict::Pass);
    assert_eq!(judged(Some(RetryContract::default()), 202).0, CaseVerdict::Pass);
    assert_eq!(judged(Some(only_200.clone()), 200).0, CaseVerdict::Pass);
    let (failed, text) = judged(Some(only_200), 202);
    assert_eq!(failed, CaseVerdict::Fail);
    let wanted = "unknown field: validly signed, but got 202, which its sender does not count as delivered";
    assert_eq!(text, wanted);
}
