//! Webhooks that come before the answer that says whose they are.

use super::super::load::tests::header;
use super::super::stats::stats_of;
use super::*;
use crate::fixtures;
use record::{Answered, Body, Diagnosed, Ending, Learned, Record, RunKind, Tick, Watch};
use serde_json::{Value, json};
use signature::{Algorithm, BodySpec, Place, Reason, RequestSpec, Scheme, SignatureSpec};

struct Run {
    analysis: Analysis,
    next: u64,
}

impl Run {
    fn new(scheme: Scheme) -> Self {
        let mut header = header();
        (header.kind, header.scheme, header.flows, header.learns) = (RunKind::Run, scheme, 1, true);
        header.ours = vec!["/id".to_owned()];
        let mut analysis = Analysis::new(header).unwrap();
        let start =
            record::FlowStart { flow: 0, at: Tick(0), variant: None, subject: json!(0), ours: [].into() };
        analysis.take(&Record::FlowStart(start));
        Self { analysis, next: 0 }
    }

    /// An attempt that is answered at once, 401 where its signature is wrong.
    fn comes(&mut self, ms: u64, id: &str, body: &Value, reason: Reason) {
        let (attempt, at) = (self.next, Tick(ms * 1000));
        self.next += 1;
        let headers = [("X-Webhook-Event", "made"), ("X-Webhook-Id", id)];
        self.analysis.take(&Record::Attempt(Box::new(Attempt {
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            body: Body::Text(body.to_string()),
            verdict: fixtures::verdict(reason),
            answer: Some(if reason == Reason::Valid { 200 } else { 401 }),
            ..fixtures::attempt(attempt, at)
        })));
        self.analysis.take(&Record::Answered(Answered { attempt, end: at, how: Ending::Sent }));
    }

    /// The answer says that these events about thing 7 are due.
    fn answer(&mut self, ms: u64, events: &[&str]) {
        let at = Tick(ms * 1000);
        let ours = [("/id".to_owned(), json!(7))].into();
        self.analysis.take(&Record::Learned(Box::new(Learned { flow: 0, at, subject: None, ours })));
        for event in events {
            let expect = json!({
                "flow": 0, "step": "make", "at": 0, "event": event, "matchers": { "/id": 7 },
                "count": 1, "within_ms": 30_000,
            });
            self.analysis.take(&Record::Expect(serde_json::from_value(expect).unwrap()));
        }
        let step = json!({
            "flow": 0, "step": "make", "started": 0, "ended": ms * 1000, "request": "POST /things",
            "status": 201, "outcome": "ok", "tries": 1,
        });
        self.analysis.take(&Record::Step(serde_json::from_value(step).unwrap()));
    }

    /// How many never came, how many nothing asked for, and the requests of strangers.
    fn ends(&mut self) -> (u32, u32, u64) {
        self.analysis.latest = Tick(600_000_000);
        let missing = self.analysis.expectations().map(|asked| asked.missing()).sum();
        let unasked = self.analysis.deliveries.iter().map(|delivery| delivery.unasked).sum();
        (missing, unasked, stats_of(&self.analysis).unauthenticated.requests)
    }
}

/// What is asked for is known only when the webhook has come.
#[test]
fn what_never_came_is_held_against_what_came_before_it_was_asked_for() {
    let mut run = Run::new(Scheme::default());
    run.comes(1, "a", &json!({ "id": 8 }), Reason::Valid);
    assert_eq!(run.analysis.near.of_delivery(0), None);
    run.answer(3, &["made"]);
    run.analysis.take(&Record::End(record::End { at: Tick(60_000_000), records: 0, complete: true }));
    let near = run.analysis.near.of_delivery(0);
    assert_eq!(near, Some((0, "its /id is 8 (number), expected 7 (number)")));
}

/// Diagnosed as signed with the key before the answer says that it is due.
#[test]
fn what_is_found_to_be_due_is_counted_once() {
    let mut run = Run::new(Scheme::default());
    run.comes(1, "a", &json!({ "id": 7 }), Reason::Valid);
    run.comes(2, "b", &json!({ "id": 7, "x": 1 }), Reason::Mismatch);
    let found = Diagnosed { attempt: 1, text: "in upper case".to_owned(), by_key: true };
    run.analysis.take(&Record::Watch(Watch::Diagnosed(found)));
    let by_key = |run: &Run| stats_of(&run.analysis).unauthenticated.by_key;
    assert_eq!(by_key(&run), 1);
    run.answer(3, &["made", "made"]);
    assert_eq!((by_key(&run), run.ends().2), (0, 0));
    let (organic, _) = crate::analysis::tallies(&run.analysis);
    assert_eq!((organic.attempts, run.analysis.diagnoses()), (2, vec![("in upper case", 1)]));
}

fn batches() -> Scheme {
    let spec = RequestSpec {
        signature: SignatureSpec { algorithm: Algorithm::None, ..SignatureSpec::default() },
        event: Place { json: Some("/type".to_owned()), ..Place::default() },
        body: BodySpec { batch: Some("/*".to_owned()), ..BodySpec::default() },
        ..RequestSpec::default()
    };
    Scheme::of("batches", spec).unwrap()
}

#[test]
fn each_webhook_of_a_batch_is_found_when_it_is_asked_for() {
    let both = json!([{ "type": "made", "id": 7 }, { "type": "made.twin", "id": 7 }]);
    let mut run = Run::new(batches());
    run.comes(5, "", &both, Reason::Valid);
    run.answer(10, &["made", "made.twin"]);
    assert_eq!(run.ends(), (0, 0, 0));
    // One that nothing asks for stays that, and so does one that is still to come.
    let mut run = Run::new(batches());
    run.comes(5, "", &both, Reason::Valid);
    run.answer(10, &["made", "made.third"]);
    assert_eq!(run.ends(), (1, 1, 0));
    // Of a batch that is somebody else's in part, the rest is theirs.
    let mut run = Run::new(batches());
    run.comes(5, "", &json!([{ "type": "made", "id": 7 }, { "type": "made", "id": 8 }]), Reason::Valid);
    run.answer(10, &["made"]);
    assert_eq!(run.ends(), (0, 0, 0));
}

#[test]
fn what_comes_beside_a_webhook_that_was_asked_for_is_told_by_its_own_name() {
    let both = json!([{ "type": "made", "id": 7 }, { "type": "made.twin", "id": 7 }]);
    let mut run = Run::new(batches());
    run.answer(10, &["made"]);
    run.comes(20, "", &both, Reason::Valid);
    assert_eq!(run.ends(), (0, 1, 0));
    let told = super::super::cases::cases(&run.analysis).unexpected.sentences(1).join("; ");
    assert!(
        told.starts_with("made.twin of flow 0") && told.contains("arrived in one request with made at"),
        "{told}"
    );
}

#[test]
fn a_wrong_secret_is_the_senders_before_the_answer_as_behind_it() {
    let thing = json!({ "event": "made", "id": 7 });
    let tries = |run: &mut Run, from: u64| {
        [0, 1000, 2000].iter().for_each(|ms| run.comes(from + ms, "a", &thing, Reason::Mismatch));
    };
    let (mut before, mut behind) = (Run::new(Scheme::DeltacrownV2), Run::new(Scheme::DeltacrownV2));
    tries(&mut before, 5);
    before.answer(1500, &["made"]);
    behind.answer(1, &["made"]);
    tries(&mut behind, 5);
    for run in [&mut before, &mut behind] {
        assert_eq!(run.ends(), (0, 0, 0));
        let delivery = run.analysis.own().next().expect("it is the sender's").into_owned();
        assert_eq!(delivery.tries.len(), 3);
        assert!(delivery.tries.iter().all(|t| t.status == Some(401) && t.end == Some(t.first_byte)));
    }
}

/// Signed wrongly at first, and rightly when it was tried again, all before the answer: the id and the body were nobody else's to know.
#[test]
fn a_wrong_first_attempt_of_what_came_rightly_later_is_the_senders() {
    let thing = json!({ "event": "made", "id": 7 });
    let mut run = Run::new(Scheme::DeltacrownV2);
    run.comes(5, "a", &thing, Reason::Mismatch);
    run.comes(2010, "a", &thing, Reason::Valid);
    run.answer(2500, &["made"]);
    assert_eq!(run.ends(), (0, 0, 0));
    let delivery = run.analysis.own().next().expect("it is the sender's").into_owned();
    let reasons: Vec<Reason> = delivery.tries.iter().map(|made| made.reason).collect();
    assert_eq!(reasons, [Reason::Mismatch, Reason::Valid]);
    assert!(delivery.tries.iter().all(|made| made.end == Some(made.first_byte) && made.status.is_some()));
    // With another body, or about another thing, it is a stranger's.
    for (other, body) in [("a", json!({ "event": "made", "id": 7, "x": 1 })), ("b", thing.clone())] {
        let mut run = Run::new(Scheme::DeltacrownV2);
        run.comes(5, other, &body, Reason::Mismatch);
        run.comes(2010, "a", &thing, Reason::Valid);
        run.answer(2500, &["made"]);
        assert_eq!(run.ends(), (0, 0, 1), "{other} {body}");
    }
}

#[test]
fn a_copy_that_came_before_the_answer_fails_nothing_where_the_webhook_itself_came() {
    let thing = json!({ "event": "made", "id": 7 });
    for copy_first in [true, false] {
        let mut run = Run::new(Scheme::DeltacrownV2);
        let copy = |run: &mut Run| run.comes(5, "copy", &thing, Reason::Mismatch);
        if copy_first {
            copy(&mut run);
        }
        run.comes(5, "true", &thing, Reason::Valid);
        if !copy_first {
            copy(&mut run);
        }
        run.answer(10, &["made"]);
        assert_eq!(run.ends(), (0, 0, 1));
        assert!(run.analysis.own().all(|delivery| delivery.is_authentic()));
    }
    // It was there first, and the webhook came behind the answer.
    let mut run = Run::new(Scheme::DeltacrownV2);
    run.comes(5, "copy", &thing, Reason::Mismatch);
    run.answer(10, &["made"]);
    run.comes(20, "true", &thing, Reason::Valid);
    let (missing, _, strangers) = run.ends();
    assert_eq!((missing, strangers), (0, 1));
    assert!(run.analysis.own().all(|delivery| delivery.is_authentic()));
    // Of what nobody asked for it says nothing.
    let mut run = Run::new(Scheme::DeltacrownV2);
    run.comes(5, "copy", &json!({ "event": "made", "id": 8 }), Reason::Mismatch);
    run.comes(6, "true", &thing, Reason::Valid);
    run.answer(10, &["made"]);
    assert_eq!(run.ends(), (0, 0, 1));
}
