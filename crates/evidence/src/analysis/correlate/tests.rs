//! Attempts filed, and what is said of them.

use super::super::load::tests::header;
use super::super::{Breach, retries, tallies};
use super::*;
use crate::fixtures;
use crate::gate::{Gates, Verdict, judge};
use record::faults::Fault;
use record::{Body, EMBEDDED, Record, Tick};
use serde_json::json;
use signature::{Reason, Scheme};

const SECOND: u64 = 1_000_000;

struct Journal {
    analysis: Analysis,
    next: u64,
    fault: Option<Fault>,
    reason: Reason,
    body: String,
    /// Further headers.
    extra: Vec<(String, String)>,
}

impl Journal {
    /// `flows` flows that each wait for one webhook about subject 7.
    fn new(scheme: Scheme, environment: &str, flows: u32) -> Self {
        let mut header = header();
        (header.scheme, header.flows) = (scheme, flows);
        environment.clone_into(&mut header.environment);
        header.ours = vec!["/id".to_owned()];
        let mut analysis = Analysis::new(header).unwrap();
        for flow in 0..flows {
            let ours = [("/id".to_owned(), json!(7))].into();
            let start = record::FlowStart { flow, at: Tick(0), variant: None, subject: json!(flow), ours };
            analysis.take(&Record::FlowStart(start));
            let expect = json!({
                "flow": flow, "step": "verify", "at": 0, "event": "paid", "matchers": { "/id": 7 },
                "count": 1, "within_ms": 30_000,
            });
            analysis.take(&Record::Expect(serde_json::from_value(expect).unwrap()));
            let step = json!({
                "flow": flow, "step": "verify", "started": 0, "ended": 0, "request": "POST /verify",
                "status": 200, "outcome": "ok", "tries": 1,
            });
            analysis.expectations.step_ended(flow, &serde_json::from_value(step).unwrap());
        }
        Self {
            analysis,
            next: 0,
            fault: None,
            reason: Reason::Valid,
            body: r#"{"event":"paid","id":7}"#.to_owned(),
            extra: Vec::new(),
        }
    }

    /// An attempt at `ms` that is answered within a millisecond.
    fn arrives(&mut self, ms: u64, id: Option<&str>, status: u16) -> u64 {
        self.comes("/", "paid", ms, id, status)
    }

    fn comes(&mut self, target: &str, event: &str, ms: u64, id: Option<&str>, status: u16) -> u64 {
        let (attempt, at) = (self.next, Tick(ms * 1000));
        self.next += 1;
        let mut headers = vec![("X-Webhook-Event".to_owned(), event.to_owned())];
        headers.extend(id.map(|id| ("X-Webhook-Id".to_owned(), id.to_owned())));
        headers.extend(self.extra.iter().cloned());
        self.analysis.take(&Record::Attempt(Box::new(Attempt {
            target: target.to_owned(),
            headers,
            body: Body::Text(self.body.clone()),
            verdict: fixtures::verdict(self.reason),
            answer: Some(status),
            elsewhere: !target.starts_with("/?") && target != "/",
            fault: self.fault,
            redirect: (status / 100 == 3).then_some(attempt),
            ..fixtures::attempt(attempt, at)
        })));
        self.analysis.take(&Record::Answered(Answered { attempt, end: at, how: Ending::Sent }));
        attempt
    }

    fn end(&mut self) -> &Analysis {
        self.analysis.latest = Tick(600 * SECOND);
        &self.analysis
    }

    fn gate(&mut self, id: &str) -> Option<Verdict> {
        let checks = judge(self.end(), &Gates::default());
        checks.into_iter().find(|check| check.id == id).map(|check| check.verdict)
    }
}

#[test]
fn equal_webhooks_that_are_retried_side_by_side_are_ambiguous_and_blame_nobody() {
    let mut journal = Journal::new(Scheme::DeltacrownV1, EMBEDDED, 2);
    for (ms, status) in [(0, 503), (6, 503), (2001, 503), (2007, 503), (6002, 200), (6008, 200)] {
        journal.arrives(ms, None, status);
    }
    let found = retries(journal.end());
    assert_eq!((found.breaches, found.unproven), (vec![], vec![1, 2]));
    assert_eq!(journal.gate("retry_schedule"), Some(Verdict::NotExercised));
    assert_eq!(journal.gate("retry_attempts"), Some(Verdict::Unproven));
    // One may have been lost and the other sent twice.
    assert_eq!(journal.gate("lost"), Some(Verdict::Unproven));
}

#[test]
fn what_a_retry_says_beside_its_body_is_looked_at_and_counted_once() {
    let retried = |targets: [&str; 3], users: [&str; 3]| {
        let mut journal = Journal::new(Scheme::DeltacrownV2, EMBEDDED, 1);
        for (ms, (target, user)) in [0, 2000, 6000].into_iter().zip(targets.into_iter().zip(users)) {
            journal.extra = vec![("X-Note".to_owned(), user.to_owned())];
            journal.comes(target, "paid", ms, Some("a"), if ms == 6000 { 200 } else { 503 });
        }
        let found = &journal.analysis.privacy.webhooks;
        (found.total, found.inspected)
    };
    const CLEAN: [&str; 3] = ["-"; 3];
    assert_eq!(retried(["/"; 3], CLEAN), (0, 1));
    assert_eq!(retried(["/?u=qplayer@example.org"; 3], CLEAN), (1, 1));
    assert_eq!(retried(["/", "/?u=qplayer@example.org", "/"], CLEAN), (1, 1));
    assert_eq!(retried(["/"; 3], ["-", "-", "qplayer@example.org"]), (1, 1));
    assert_eq!(retried(["/"; 3], ["qplayer@example.org"; 3]), (1, 1));
}

#[test]
fn a_retry_off_schedule_is_a_breach_where_nothing_else_explains_it() {
    for (environment, breaches) in [(EMBEDDED, 1), ("staging", 0)] {
        let mut journal = Journal::new(Scheme::DeltacrownV1, environment, 1);
        journal.arrives(0, None, 503);
        journal.arrives(500, None, 200);
        let found = retries(journal.end());
        assert_eq!((found.breaches.len(), found.unproven.len()), (breaches, 1 - breaches), "{environment}");
    }
}

#[test]
fn more_than_was_due_is_a_duplicate_unless_somebody_else_may_have_fired_it() {
    for (environment, verdict) in [(EMBEDDED, Verdict::Fail), ("staging", Verdict::Unproven)] {
        for ids in [[Some("a"), Some("b")], [None, None]] {
            let scheme = if ids[0].is_some() { Scheme::DeltacrownV2 } else { Scheme::DeltacrownV1 };
            let mut journal = Journal::new(scheme, environment, 1);
            journal.arrives(0, ids[0], 200);
            journal.arrives(900, ids[1], 200);
            assert_eq!(journal.gate("duplicates"), Some(verdict), "{environment} {ids:?}");
        }
        let mut same_id = Journal::new(Scheme::DeltacrownV2, environment, 1);
        same_id.arrives(0, Some("a"), 200);
        same_id.arrives(900, Some("a"), 200);
        assert_eq!(same_id.gate("duplicates"), Some(Verdict::Fail), "{environment}");
    }
}

#[test]
fn a_retry_under_a_new_id_is_no_duplicate_and_what_comes_after_it_is() {
    for (again, verdict) in [(None, Verdict::Pass), (Some("c"), Verdict::Fail)] {
        let mut journal = Journal::new(Scheme::DeltacrownV2, EMBEDDED, 1);
        journal.arrives(0, Some("a"), 503);
        journal.arrives(2000, Some("b"), 200);
        let _ = again.map(|id| journal.arrives(2500, Some(id), 200));
        let end = json!({ "at": 600 * SECOND, "records": 9, "complete": true });
        journal.analysis.take(&Record::End(serde_json::from_value(end).unwrap()));
        let breaches = retries(&journal.analysis).breaches;
        assert_eq!(breaches, [Breach::Identity { delivery: 1, changed: "id" }]);
        assert_eq!(journal.gate("duplicates"), Some(verdict), "{again:?}");
        let told = crate::analysis::cases(&journal.analysis).duplicates;
        assert_eq!((told.total, told.first.len()), (again.iter().len() as u64, again.iter().len()));
    }
}

#[test]
fn what_began_before_the_run_and_has_had_its_attempts_does_not_come_back_under_another_id() {
    // The first attempt of what others fired found no receiver yet: the second and the third came.
    for (since, reborn) in [(0, 0), (9000, 1)] {
        let mut journal = Journal::new(Scheme::DeltacrownV2, "staging", 1);
        journal.analysis.header.kind = RunKind::Run;
        journal.arrives(since + 1000, Some("own"), 200);
        journal.arrives(since + 1836, Some("others"), 503);
        journal.arrives(since + 5836, Some("others"), 503);
        journal.arrives(since + 7000, Some("more of them"), 200);
        let breaches = retries(journal.end()).breaches;
        let anew = breaches.iter().filter(|b| matches!(b, Breach::Identity { .. })).count();
        assert_eq!(anew, reborn, "{breaches:?}");
    }
}

#[test]
fn bodies_that_a_sender_has_often_are_no_retries_of_each_other() {
    for (others, reborn) in [(1, 1), (2, 0)] {
        let mut journal = Journal::new(Scheme::DeltacrownV2, EMBEDDED, 0);
        journal.analysis.header.ours.clear();
        journal.arrives(0, Some("a"), 503);
        for n in 0..others {
            journal.arrives(2000 + n * 500, Some(&n.to_string()), 200);
        }
        let breaches = retries(journal.end()).breaches;
        let anew = breaches.iter().filter(|b| matches!(b, Breach::Identity { .. })).count();
        assert_eq!((anew, breaches.is_empty()), (reborn, false), "{others}");
    }
}

#[test]
fn what_was_judged_by_a_receiver_whose_clock_is_off_names_that_clock() {
    for (offset_us, told) in [
        (399_999_980, "the receiver differ (the receiver's is 400 s ahead of this machine's;"),
        (-400_000_000, "the receiver's is 400 s behind this machine's;"),
        (20_000, "the clocks of the sender and this machine differ"),
    ] {
        let mut journal = Journal::new(Scheme::DeltacrownV2, EMBEDDED, 1);
        journal.reason = Reason::Stale;
        journal.arrives(0, Some("a"), 400);
        let apart = json!({ "at": 0, "offset_us": offset_us, "uncertainty_us": 77, "samples": 9 });
        journal.analysis.watched.offset = Some(serde_json::from_value(apart).unwrap());
        let checks = judge(journal.end(), &Gates::default());
        let text = &checks.iter().find(|check| check.id == "signatures").unwrap().text;
        assert!(text.contains(told), "{text}");
    }
}

#[test]
fn what_comes_again_after_an_injected_2xx_is_seen_without_an_id() {
    for (environment, broken) in [(EMBEDDED, 1), ("staging", 0)] {
        let mut journal = Journal::new(Scheme::DeltacrownV1, environment, 1);
        journal.fault = Some(Fault::Status { status: 203, retry_after: None });
        [0, 2000, 6000].into_iter().for_each(|ms| {
            journal.arrives(ms, None, 203);
        });
        let found = retries(journal.end());
        assert_eq!((found.breaches.len(), found.unproven.len()), (broken, 1 - broken), "{environment}");
    }
}

#[test]
fn what_follows_a_redirect_belongs_to_the_delivery_whose_location_it_came_to() {
    let mut journal = Journal::new(Scheme::DeltacrownV1, EMBEDDED, 2);
    journal.fault = Some(Fault::Status { status: 302, retry_after: None });
    let first = journal.arrives(0, None, 302);
    journal.arrives(3, None, 307);
    journal.fault = None;
    journal.comes(&format!("/elsewhere/{first}?x=1"), "paid", 5, None, 200);
    let redirected = |b: &Breach| matches!(b, Breach::Redirected { .. });
    let breaches = retries(journal.end()).breaches;
    let redirected: Vec<u64> = breaches.iter().filter(|b| redirected(b)).map(Breach::delivery).collect();
    assert_eq!(redirected, [1]);
    // Without its number it could be either's.
    let mut journal = Journal::new(Scheme::DeltacrownV1, EMBEDDED, 2);
    journal.arrives(0, None, 302);
    journal.arrives(3, None, 302);
    journal.comes("/elsewhere", "paid", 5, None, 200);
    assert_eq!(retries(journal.end()).breaches, []);
}

#[test]
fn the_event_of_the_signed_body_counts_and_a_header_that_differs_is_a_finding() {
    let mut journal = Journal::new(Scheme::DeltacrownV2, EMBEDDED, 1);
    journal.comes("/", "rejected", 0, Some("a"), 200);
    let (organic, _) = tallies(journal.end());
    assert_eq!((organic.fulfilled, organic.event_mismatches), (1, 1));
    assert_eq!(journal.gate("event_header"), Some(Verdict::Fail));
    let mut same = Journal::new(Scheme::DeltacrownV2, EMBEDDED, 1);
    same.arrives(0, Some("a"), 200);
    assert_eq!(same.gate("event_header"), None);
    // A retry is held against the profile as well.
    let mut retried = Journal::new(Scheme::DeltacrownV2, EMBEDDED, 1);
    retried.arrives(0, Some("a"), 503);
    retried.comes("/", "rejected", 2000, Some("a"), 200);
    let analysis = retried.end();
    let told = crate::analysis::cases(analysis).contradicting;
    assert_eq!((told.total, told.first.len()), (1, 1));
    assert!(told.first[0].what.starts_with("attempt 2: X-Webhook-Event names a different event"));
}

/// Somebody who copies the sender's requests, all but the signature.
fn copied(journal: &mut Journal, target: &str, ms: u64, id: &str) {
    journal.reason = Reason::Mismatch;
    journal.comes(target, "paid", ms, Some(id), 401);
    journal.reason = Reason::Valid;
}

#[test]
fn a_copy_is_no_evidence_once_the_webhook_itself_has_come() {
    let mut journal = Journal::new(Scheme::DeltacrownV2, EMBEDDED, 1);
    copied(&mut journal, "/", 1, "x1");
    journal.arrives(2, Some("a"), 200);
    // Everything that was due has come.
    copied(&mut journal, "/", 4, "x2");
    copied(&mut journal, "/elsewhere/1", 5, "x3");
    for gate in ["signatures", "lost", "unexpected", "duplicates", "success_rate", "client_error_rate"] {
        assert_eq!(journal.gate(gate), Some(Verdict::Pass), "{gate}");
    }
    let found = &journal.analysis.strangers.found();
    assert_eq!((found.requests, found.imitating), (3, 3));
    assert!(!journal.analysis.own().any(|delivery| delivery.elsewhere));
}

#[test]
fn what_comes_in_place_of_a_webhook_that_never_comes_is_the_senders() {
    let mut journal = Journal::new(Scheme::DeltacrownV2, EMBEDDED, 2);
    journal.arrives(1, Some("a"), 200);
    copied(&mut journal, "/", 2, "b");
    assert_eq!(journal.gate("signatures"), Some(Verdict::Fail));
    // It came, and was refused; which of the two it was nobody knows.
    assert_eq!(journal.gate("lost"), Some(Verdict::Unproven));
    assert_eq!(journal.gate("success_rate"), Some(Verdict::Fail));
}

#[test]
fn a_retry_that_is_signed_wrong_is_the_senders() {
    let mut journal = Journal::new(Scheme::DeltacrownV2, EMBEDDED, 1);
    journal.arrives(1, Some("a"), 503);
    copied(&mut journal, "/", 2001, "a");
    assert_eq!(journal.gate("signatures"), Some(Verdict::Fail));
}

/// It looks as the sender's do but for the id, and nothing else came in its place.
#[test]
fn a_webhook_that_lacks_its_id_is_the_senders_where_one_is_due() {
    let mut journal = Journal::new(Scheme::DeltacrownV2, EMBEDDED, 2);
    journal.arrives(1, Some("a"), 200);
    journal.reason = Reason::Missing;
    journal.arrives(2, None, 400);
    assert_eq!(journal.gate("signatures"), Some(Verdict::Fail));
    assert_ne!(journal.gate("lost"), Some(Verdict::Fail));
    // Nothing is due any more.
    journal.arrives(3, None, 400);
    assert_eq!(journal.analysis.strangers.found().requests, 1);
}

/// What two flows that each wait for one webhook make of batches of them: duplicates, lost, unexpected or surplus, and the cases.
fn batched(all: &[(u16, &[&str])]) -> ([u64; 3], Vec<String>) {
    let spec = json!({
        "signature": { "algorithm": "none" }, "event": { "json": "/event" }, "id": { "json": "/eid" },
        "body": { "batch": "/*" },
    });
    let scheme = Scheme::of("batching", serde_json::from_value(spec).unwrap()).unwrap();
    let mut journal = Journal::new(scheme, "staging", 2);
    for (at, (status, ids)) in (1..).zip(all) {
        let each = ids.iter().map(|id| json!({"event": "paid", "id": 7, "eid": id}));
        journal.body = json!(each.collect::<Vec<_>>()).to_string();
        journal.arrives(at * 100, None, *status);
    }
    let told = crate::analysis::cases(journal.end()).duplicates.first;
    let (tally, _) = tallies(&journal.analysis);
    let besides = tally.unexpected + tally.unclear_duplicates;
    ([tally.duplicates, tally.lost, besides], told.into_iter().map(|case| case.what).collect())
}

/// The id proves it, wherever it stands: one that came twice makes up for none that was lost.
#[test]
fn a_webhook_of_a_batch_that_comes_again_is_a_duplicate_and_takes_no_others_place() {
    let of = |all: &[(u16, &[&str])]| batched(all).0;
    assert_eq!(of(&[(200, &["a", "b"])]), [0, 0, 0]);
    let (found, told) = batched(&[(200, &["a", "a", "a"])]);
    assert_eq!((found, &told[..]), ([2, 1, 0], &["2 webhooks in it came before (same id)".to_owned()][..]));
    assert_eq!(of(&[(200, &["a"]), (200, &["c", "a"])]), [1, 0, 0]);
    let (found, told) = batched(&[(200, &["a", "b"]), (200, &["b"])]);
    assert_eq!((found, &told[..]), ([1, 0, 0], &["1 webhook in it came before (same id)".to_owned()][..]));
    // The same batch again is a retry, and a duplicate only after it was accepted.
    assert_eq!(of(&[(503, &["a", "b"]), (200, &["a", "b"])]), [0, 0, 0]);
    assert_eq!(of(&[(200, &["a", "b"]), (200, &["a", "b"])]), [1, 0, 0]);
    // What was not accepted may come in any other.
    assert_eq!(of(&[(503, &["a"]), (200, &["a", "b"])])[0], 0);
    // An id that another body had is told as that.
    assert_eq!(of(&[(200, &["a"]), (200, &["a", "a"])])[0], 0);
}
