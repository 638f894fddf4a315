//! Verdicts on single cases, from facts that are made up: each request of a case gets an answer, one millisecond after it.

use crate::{Case, CaseVerdict, Facts, Forge, Shot, can_imitate, grade, judge, usual_event};
use record::{Came, ProbeAnswer, ProbeBegin, ProbeRequest, ProbeSent, SenderProfile, Tick};
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
    Facts { scheme: SCHEME, begin, sent, effects: Vec::new(), started_ms: NOW }
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
