//! Which causes are told of which runs.

use super::*;
use record::{Body, Expect, Header, Outcome, Record, Refused, RunKind, Step, Tick};
use serde_json::json;

/// A run whose first step fires nothing and takes 50 ms, and whose others fire one webhook each, none of which comes.
fn run(took_ms: &[u64], event: impl Fn(usize) -> &'static str) -> Analysis {
    let mut header = Header::new(RunKind::Run, chrono::DateTime::UNIX_EPOCH).unwrap();
    header.webhook.endpoint = "http://10.0.0.7:8787/hook".to_owned();
    let mut analysis = Analysis::new(header).unwrap();
    analysis.take(&step("submit", 0, 50));
    for (flow, took) in (0u32..).zip(took_ms) {
        let at = Tick(u64::from(flow) * 10_000_000);
        analysis.take(&Record::Expect(Expect {
            headers: [].into(),
            at_least: false,
            after: None,
            flow,
            step: "verify".to_owned(),
            at,
            event: event(flow as usize).to_owned(),
            matchers: serde_json::from_value(json!({"/id": flow})).unwrap(),
            count: 1,
            within_ms: 1,
        }));
        analysis.take(&step("verify", flow, *took));
    }
    analysis
}

fn step(name: &str, flow: u32, took_ms: u64) -> Record {
    let started = Tick(u64::from(flow) * 10_000_000);
    Record::Step(Box::new(Step {
        flow: Some(flow),
        step: name.to_owned(),
        started,
        ended: Tick(started.0 + took_ms * 1000),
        request: String::new(),
        status: Some(200),
        outcome: Outcome::Ok,
        problems: Vec::new(),
        body: None,
        tries: 1,
    }))
}

/// A webhook `paid` with that id.
fn attempt(id: u64, reason: &str) -> Record {
    copy(id, id, reason)
}

/// The same as attempt number `number`.
fn copy(number: u64, id: u64, reason: &str) -> Record {
    let body = Body::from_bytes(json!({"event": "paid", "id": id}).to_string().into_bytes());
    let attempt = json!({
        "attempt": number, "first_byte": 50_000_000, "received": 50_000_000, "method": "POST", "target": "/hook",
        "headers": [["X-Webhook-Event", "paid"], ["X-Webhook-Id", format!("{number}")]], "body": body,
        "verdict": {"valid": reason == "valid", "reason": reason, "diagnosis": null}, "answer": 200
    });
    Record::Attempt(Box::new(serde_json::from_value(attempt).unwrap()))
}

/// What came by another name is no matter of the values.
#[test]
fn an_event_that_nobody_asked_for_is_named_as_the_cause() {
    let of = |event: &'static str| {
        let mut analysis = run(&[5, 5], |_| event);
        (7..9).for_each(|id| analysis.take(&attempt(id, "valid")));
        others(&analysis, &Lost::new(&analysis)).join("; ")
    };
    assert_eq!(of("orders/paid"), "2 webhooks arrived with an event that no step expects: paid");
    assert!(
        of("paid").contains("the values by which the scenario recognises its webhooks differ"),
        "{}",
        of("paid")
    );
}

/// The receiver's own limit is no fault of the sender's: each missing webhook may be one of the requests.
#[test]
fn what_is_too_large_for_the_receiver_is_not_lost() {
    let of = |refused: usize| {
        let mut analysis = run(&[60, 60], |_| "paid");
        let why = "a body of more than 1048576 bytes".to_owned();
        let too_large = Record::Refused(Refused { at: Tick(0), status: 413, why });
        (0..refused).for_each(|_| analysis.take(&too_large));
        let checks = crate::gate::judge(&analysis, &crate::gate::Gates::default());
        let lost = checks.into_iter().find(|check| check.id == "lost").unwrap();
        (lost.verdict, lost.text, told(analysis).join("; "))
    };
    let (verdict, text, told) = of(2);
    assert_eq!(verdict, crate::gate::Verdict::Unproven, "{text}");
    assert!(text.contains("2 requests exceeded the receiver's size limit (answered with 413)"), "{text}");
    assert!(
        told.contains("--max-body")
            && !told.contains("made no attempt")
            && !told.contains("set its endpoint"),
        "{told}"
    );
    let (verdict, _, told) = of(1);
    assert_eq!(verdict, crate::gate::Verdict::Fail);
    assert!(told.contains("made no attempt"), "{told}");
}

#[test]
fn of_a_sender_without_a_breaker_none_is_open() {
    let mut analysis = run(&[60], |_| "paid");
    analysis.header.retry.breaker = record::BreakerContract::NONE;
    let told = told(analysis).join("\n");
    assert!(
        told.contains("switched off") && told.contains(", or they are sent by a separate worker"),
        "{told}"
    );
    assert!(!told.contains("breaker"), "{told}");
}

#[test]
fn webhooks_without_a_name_are_told_with_the_places_where_it_may_stand() {
    let mut analysis = run(&[60, 60], |_| "paid");
    for id in 0..2 {
        let mut record = attempt(id, "valid");
        if let Record::Attempt(attempt) = &mut record {
            attempt.headers = vec![("X-Topic".to_owned(), "paid".to_owned())];
            attempt.body = Body::from_bytes(json!({"type": "paid", "id": id}).to_string().into_bytes());
        }
        analysis.take(&record);
    }
    let missing: Vec<String> =
        [0, 1].map(|index| analysis.near.of_expectation(index).unwrap().1.to_owned()).into();
    assert_eq!(missing[0], "it names no event, expected paid");
    let told = told(analysis);
    let wanted = "2 webhooks arrived without an event name; their bodies have `type`, their headers `X-Topic`: if that is the \
                  event, write `event: { json: /type }` in the sender's profile";
    assert_eq!(told[0], wanted);
    assert!(!told.join("\n").contains("; (none) did arrive"), "{told:?}");
    assert!(told[1..].iter().all(|cause| !cause.starts_with("paid never arrived")), "{told:?}");
}

fn told(mut analysis: Analysis) -> Vec<String> {
    analysis.latest = Tick(u64::MAX / 2);
    causes(&analysis, &Lost::new(&analysis))
}

#[test]
fn as_long_as_a_retry_schedule_means_another_address() {
    let told = told(run(&[6100, 6080, 6120], |_| "paid"));
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].contains("3 steps took 6 s to 6.1 s, as long as a whole retry schedule (6 s of pauses)"),
        "{told:?}"
    );
    assert!(told[0].contains("set it to http://10.0.0.7:8787/hook"), "{told:?}");
}

#[test]
fn no_longer_than_a_step_without_a_webhook_means_that_nothing_was_tried() {
    let told = told(run(&[60, 70], |flow| ["match_started", "match_ended"][flow]));
    assert!(
        told[0].contains("2 steps took 60 ms to 70 ms, where a step without a webhook takes 50 ms"),
        "{told:?}"
    );
    assert!(told[0].contains("switched off") && told[0].contains("circuit breaker is open"), "{told:?}");
    assert_eq!(
        told[1],
        "none of match_ended, match_started arrived from any of 2 steps, which returned 200: the sender does not send them, or sends nothing at all"
    );
}

#[test]
fn fast_ones_behind_slow_ones_are_the_breakers() {
    let told = told(run(&[6100, 6100, 6100, 6100, 6100, 60, 60], |_| "paid"));
    assert!(told[1].contains("2 steps took 60 ms") && !told[1].contains("switched off"), "{told:?}");
}

#[test]
fn an_event_that_never_comes_while_others_do_is_not_sent() {
    let mut analysis = run(&[60, 60, 60, 60, 60, 60], |flow| if flow < 5 { "match_started" } else { "paid" });
    analysis.take(&attempt(5, "valid"));
    let told = told(analysis);
    let wanted = "match_started never arrived from any of 5 steps that all returned 200: the sender does not send it; paid did arrive";
    assert!(told.iter().any(|cause| cause == wanted), "{told:?}");
}

#[test]
fn what_came_for_other_rows_shows_that_webhooks_are_on() {
    let of = |reason: &str| {
        let mut analysis = run(&[60, 60], |_| "paid");
        (7..9).for_each(|id| analysis.take(&attempt(id, reason)));
        told(analysis).join("\n")
    };
    let told = of("valid");
    assert!(told.starts_with("2 webhooks arrived that no step expected"), "{told}");
    assert!(told.contains("or, if what arrived was meant for someone else: 2 steps took"), "{told}");
    assert!(!told.contains("switched off"), "{told}");
    // A stranger's show nothing.
    assert!(of("mismatch").contains("switched off"));
}

#[test]
fn what_came_before_its_step_was_sent_differs_in_no_value() {
    let of = |id: u64| {
        let mut analysis = run(&[60; 7], |_| "paid");
        analysis.take(&attempt(id, "valid"));
        told(analysis).join("\n")
    };
    // The step of flow 6 is sent at 60 s, the webhook comes at 50 s.
    let early = of(6);
    assert!(early.starts_with("1 webhook arrived before a step was sent that expects such a one"), "{early}");
    let mut late = run(&[60; 2], |_| "paid");
    late.take(&attempt(6, "valid"));
    assert!(told(late)[0].ends_with("the values by which the scenario recognises its webhooks differ"));
}

/// A webhook with the values of another flow is one too many there, and missing here.
#[test]
fn one_too_many_for_another_flow_may_be_what_is_missing() {
    let of = |reason: &str| {
        let mut analysis = run(&[60, 60], |_| "paid");
        (1..3).for_each(|number| analysis.take(&copy(number, 1, reason)));
        told(analysis).join("\n")
    };
    let told = of("valid");
    assert!(told.starts_with("1 more paid arrived than the steps of other flows expect"), "{told}");
    assert!(told.contains("or, if what arrived was meant for someone else: 1 step took"), "{told}");
    assert!(!of("mismatch").contains("1 more paid"));
}

#[test]
fn requests_to_another_path_are_told_first() {
    let mut analysis = run(&[60], |_| "paid");
    let why = r#""POST /hooks", but webhooks go to /hook"#.to_owned();
    analysis.take(&Record::Refused(Refused { at: Tick(1), status: 404, why }));
    let told = self::told(analysis);
    assert!(
        told[0].starts_with(
            r#"1 request arrived at another path or with another method, first 404: "POST /hooks","#
        ),
        "{told:?}"
    );
    let mut analysis = run(&[60], |_| "paid");
    let why = r#""PUT /hook", but webhooks go to /hook"#.to_owned();
    analysis.take(&Record::Refused(Refused { at: Tick(1), status: 405, why }));
    let told = self::told(analysis);
    assert!(told[0].ends_with("methods: [POST, PUT] }`)") && !told[0].contains("endpoint"), "{told:?}");
}

/// What a run that was interrupted had still to wait for has neither come nor been lost.
#[test]
fn what_was_still_due_at_an_interruption_is_not_told_as_come() {
    let mut analysis = run(&[60, 60], |_| "paid");
    let last = Record::Expect(Expect {
        headers: [].into(),
        at_least: false,
        after: None,
        flow: 2,
        step: "verify".to_owned(),
        at: Tick(20_000_000),
        event: "paid".to_owned(),
        matchers: serde_json::from_value(json!({"/id": 2})).unwrap(),
        count: 1,
        within_ms: 60_000,
    });
    analysis.take(&last);
    analysis.take(&step("verify", 2, 60));
    let told = causes(&analysis, &Lost::new(&analysis)).join("; ");
    assert!(told.contains("never arrived from any of 2 steps") && !told.contains("of 3"), "{told}");
}

#[test]
fn what_could_not_be_read_may_be_what_is_missing() {
    let mut analysis = run(&[3, 3], |_| "paid");
    let why = "TLS to a port that speaks HTTP".to_owned();
    for at in [1, 2] {
        analysis.take(&Record::Refused(record::Refused { at: Tick(at), status: 400, why: why.clone() }));
    }
    let told = causes(&analysis, &Lost::new(&analysis));
    assert!(told[0].starts_with("2 requests could not be read as webhooks"), "{told:?}");
    assert!(
        told[1..].iter().all(|cause| cause.starts_with("or, if those requests were not from the sender: ")),
        "{told:?}"
    );
}

#[test]
fn requests_that_may_be_the_senders_are_told_before_it_is_said_to_send_nothing() {
    let mut analysis = run(&[3, 3], |_| "paid");
    let strangers = |analysis: &mut Analysis, id| {
        let Record::Attempt(mut attempt) = attempt(id, "missing") else { return };
        attempt.headers = vec![("User-Agent".to_owned(), "shop/1".to_owned())];
        analysis.take(&Record::Attempt(attempt));
    };
    strangers(&mut analysis, 0);
    strangers(&mut analysis, 1);
    let told = causes(&analysis, &Lost::new(&analysis));
    assert!(told[0].starts_with("2 unauthenticated requests arrived where webhooks go"), "{told:?}");
    assert!(told[0].contains("missing 2") && told[0].contains("X-Webhook-Signature"), "{told:?}");
    assert!(
        told[1..].iter().all(|cause| cause.starts_with("or, if those requests were not from the sender: ")),
        "{told:?}"
    );
    // One that signs shows that the others are not it.
    analysis.take(&attempt(0, "valid"));
    assert!(!causes(&analysis, &Lost::new(&analysis)).iter().any(|cause| cause.contains("unauthenticated")));
}
