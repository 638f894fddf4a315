//! Deliveries of an inbox, from their first attempt to their end.

use super::*;
use correlate::{FlowMatcher, Webhook};
use serde_json::json;

const SECOND: u64 = 1_000_000;

struct Bench(Deliveries);

impl Bench {
    fn new(content: Content) -> Self {
        Self(Deliveries::new(RetryContract::default(), content))
    }

    fn arrives(&mut self, key: Key, at: u64) -> Place {
        self.0.arrived(&Sighting { key, body: 1, awaited: Vec::new(), refused: false }, Tick(at))
    }

    /// Where nothing is learned.
    fn settling(&mut self, at: Tick) -> Settling {
        self.0.settling(at, |_| Whose::Others)
    }

    /// An attempt that is answered at once.
    fn attempt(&mut self, key: Key, status: u16, at: u64) -> (Place, Option<Ended>) {
        let place = self.arrives(key, at);
        (place, self.0.answered(place.slot, &[awaited(None)], Some(status), None, Tick(at)))
    }
}

fn awaited(flow: Option<u32>) -> Awaited {
    Awaited { event: "e".to_owned(), whom: flow.map_or(Whom::Any, Whom::Flow) }
}

/// Others' webhooks of the same event are nothing that a flow waits for, whatever it learns afterwards.
#[test]
fn what_says_whose_it_is_counts_once_its_flow_has_learned_it() {
    let mut all = Bench::new(Content::OfMany);
    let matcher = FlowMatcher::default().learning(&["/id".to_owned()]);
    for n in 0..3 {
        let slot = all.arrives(id(&n.to_string()), 0).slot;
        let said = matcher.to_be_learned(Some(Webhook::alone(&json!({ "id": n })))).unwrap();
        let one = Awaited { event: "e".to_owned(), whom: Whom::Learner(said) };
        all.0.answered(slot, &[one], Some(200), None, Tick(0));
    }
    assert!(all.settling(Tick(0)).ended["e"].is_empty());
    matcher.learn(7, &[("/id".to_owned(), json!(1))].into());
    let came = all.0.settling(Tick(0), |said| matcher.learner(said));
    assert_eq!(
        (came.ended["e"].len(), came.ended["e"][&Some(7)].since(Tick(0)), came.begun == came.ended),
        (1, 1, true)
    );
}

fn id(text: &str) -> Key {
    Key::of_id(text)
}

fn content() -> Key {
    Key::of_content("e", 1, None)
}

const fn told(place: Place) -> (u64, u32, bool) {
    (place.delivery, place.attempt, place.duplicate)
}

#[test]
fn a_retry_is_the_next_attempt_and_an_accepted_id_a_duplicate() {
    let mut all = Bench::new(Content::OfMany);
    assert_eq!(told(all.attempt(id("a"), 503, 0).0), (1, 1, false));
    assert_eq!(told(all.arrives(id("b"), 1)), (2, 1, false));
    assert_eq!(told(all.attempt(id("a"), 200, 2).0), (1, 2, false));
    assert_eq!(told(all.arrives(id("a"), 3)), (1, 3, true));
}

#[test]
fn equal_content_is_the_next_webhook_where_there_may_be_one_and_a_duplicate_where_not() {
    let mut many = Bench::new(Content::OfMany);
    many.attempt(content(), 200, 0);
    assert_eq!(told(many.arrives(content(), 1)), (2, 1, false));
    let mut one = Bench::new(Content::OfOne);
    one.attempt(content(), 200, 0);
    assert_eq!(told(one.arrives(content(), 1)), (1, 2, true));
}

#[test]
fn equal_webhooks_that_are_open_at_once_have_attempts_of_their_own() {
    let mut all = Bench::new(Content::OfMany);
    assert_eq!(told(all.attempt(content(), 503, 0).0), (1, 1, false));
    assert_eq!(told(all.attempt(content(), 503, 6000).0), (2, 1, false));
    assert_eq!(told(all.attempt(content(), 503, 2 * SECOND).0), (1, 2, false));
    assert_eq!(told(all.attempt(content(), 503, 2 * SECOND + 6000).0), (2, 2, false));
}

#[test]
fn the_next_gap_is_due_and_silence_after_the_last() {
    let mut all = Bench::new(Content::OfMany);
    for (status, at, until_ms) in [(503, 0, 2500), (503, 2 * SECOND, 6500), (503, 6 * SECOND, 10_500)] {
        all.attempt(id("a"), status, at);
        assert_eq!(all.settling(Tick(at)).due_until, Tick(until_ms * 1000));
    }
    assert_eq!(all.settling(Tick(6 * SECOND)).ended["e"][&None].since(Tick(0)), 1);
}

#[test]
fn nothing_is_due_after_our_own_2xx_and_a_retry_may_be_after_an_injected_one() {
    let mut all = Bench::new(Content::OfMany);
    all.attempt(id("a"), 200, SECOND);
    assert_eq!(all.settling(Tick(SECOND)).due_until, Tick(SECOND));
    let slot = all.arrives(id("b"), SECOND).slot;
    let fault = Some(Fault::Status { status: 203, retry_after: None });
    all.0.answered(slot, &[awaited(Some(1))], Some(203), fault, Tick(SECOND));
    let settling = all.settling(Tick(SECOND));
    assert_eq!((settling.due_until, settling.ended["e"][&None].since(Tick(0))), (Tick(3_500_000), 1));
}

#[test]
fn other_traffic_is_not_waited_for() {
    let mut all = Bench::new(Content::OfMany);
    all.attempt(id("ours"), 200, SECOND);
    for (other, status, at) in [("b", 200, 2), ("c", 503, 3), ("d", 400, 4)] {
        let slot = all.arrives(id(other), at * SECOND).slot;
        all.0.answered(slot, &[], Some(status), None, Tick(at * SECOND));
    }
    assert_eq!(all.settling(Tick(5 * SECOND)).due_until, Tick(SECOND));
    assert_eq!(all.settling(Tick(60 * SECOND)).due_until, Tick(SECOND));
}

/// Others' webhooks that look like a flow's own may never cease, and a sender may send the same one again and again.
#[test]
fn what_begins_after_all_that_is_waited_for_lengthens_nothing() {
    let mut all = Bench::new(Content::OfMany);
    all.attempt(id("retried"), 503, SECOND);
    all.attempt(id("accepted"), 200, SECOND);
    all.0.close_at(Some(Tick(2 * SECOND)));
    assert!(!all.arrives(id("in time"), 2 * SECOND).late);
    assert!(!all.arrives(id("retried"), 3 * SECOND).late, "its first attempt came before");
    assert!(all.arrives(id("accepted"), 3 * SECOND).late, "it comes again");
    assert!(all.arrives(id("more"), 3 * SECOND).late);
    assert!(all.arrives(id("more"), 5 * SECOND).late, "its retry");
    all.0.close_at(None);
    assert!(!all.arrives(id("of the next turn"), 6 * SECOND).late);
}

#[test]
fn an_attempt_without_an_end_is_not_waited_for_without_end() {
    let hangs =
        |under_way_there| Settling { under_way_there, latest_there: Tick(5 * SECOND), ..Settling::default() };
    assert_eq!(hangs(1).hangs_until(Duration::from_secs(25)), Some(Tick(30 * SECOND)));
    assert_eq!(hangs(0).hangs_until(Duration::from_secs(25)), None);
}

#[test]
fn a_delivery_whose_retry_does_not_come_has_ended() {
    let mut all = Bench::new(Content::OfMany);
    all.attempt(id("a"), 503, 0);
    assert!(all.settling(Tick(2_499_000)).ended.is_empty());
    assert_eq!(all.settling(Tick(2_501_000)).ended["e"][&None].since(Tick(0)), 1);
    assert_eq!(all.settling(Tick(9_000_000)).ended["e"][&None].since(Tick(0)), 1);
}

#[test]
fn forgets_what_is_old() {
    let mut all = Bench::new(Content::OfMany);
    for n in 0..10_000 {
        all.arrives(id(&n.to_string()), 0);
    }
    all.arrives(id("late"), 700 * SECOND);
    let left = (all.0.slots.deliveries.len(), all.0.take_given_up().len());
    assert_eq!(left, (1, 10_000));
}

#[test]
fn remembers_so_many_and_no_more() {
    let mut all = Bench::new(Content::OfMany);
    for n in 0..Deliveries::MOST + 1000 {
        all.arrives(id(&n.to_string()), 0);
    }
    assert_eq!(all.0.slots.deliveries.len(), Deliveries::MOST);
}

#[test]
fn says_how_a_delivery_ended() {
    let mut all = Bench::new(Content::OfMany);
    assert_eq!(all.attempt(id("a"), 503, 5).1, None);
    let slot = all.arrives(id("a"), 2 * SECOND).slot;
    let ended = all.0.answered(slot, &[awaited(None)], Some(200), None, Tick(3 * SECOND + 5));
    let wanted = Ended { outcome: Outcome::Delivered, attempts: 2, took: Duration::from_secs(3) };
    assert_eq!(ended, Some(wanted));
    assert_eq!(all.attempt(id("a"), 200, 4 * SECOND).1, None);
}

#[test]
fn the_real_webhook_counts_after_a_forged_one_with_its_id() {
    let mut all = Bench::new(Content::OfMany);
    let mut outcome = |status, at| all.attempt(id("a"), status, at).1.map(|ended| ended.outcome);
    assert_eq!(outcome(401, 0), Some(Outcome::Aborted));
    assert_eq!(outcome(200, SECOND), Some(Outcome::Delivered));
    assert_eq!(outcome(200, 2 * SECOND), None);
    assert_eq!(all.settling(Tick(3 * SECOND)).ended["e"][&None].since(Tick(0)), 1);
}

#[test]
fn an_overdue_retry_is_given_up_once() {
    let mut all = Bench::new(Content::OfMany);
    all.attempt(id("a"), 503, 0);
    all.0.expire(Tick(SECOND));
    assert_eq!(all.0.take_given_up(), []);
    all.0.expire(Tick(60 * SECOND));
    assert_eq!(all.0.take_given_up().len(), 1);
    all.arrives(id("late"), 700 * SECOND);
    assert_eq!(all.0.take_given_up(), []);
}

#[test]
fn other_traffic_is_not_counted_for_what_is_due() {
    let mut all = Bench::new(Content::OfMany);
    let slot = all.arrives(id("a"), 0).slot;
    all.0.answered(slot, &[], Some(200), None, Tick(0));
    assert!(all.settling(Tick(0)).ended.is_empty());
}

#[test]
fn a_run_does_not_wait_for_hours_on_what_it_refused_by_itself() {
    let minutes = RetryContract { backoff_ms: vec![0, 300_000, 300_000], ..RetryContract::default() };
    let injected = Some(Fault::Status { status: 503, retry_after: None });
    for (refused, fault, ended) in [(true, None, 1), (true, injected, 0), (false, None, 0)] {
        let mut all = Bench(Deliveries::new(minutes.clone(), Content::OfMany));
        let sighting = Sighting { key: id("a"), body: 1, awaited: Vec::new(), refused };
        let slot = all.0.arrived(&sighting, Tick(0)).slot;
        all.0.answered(slot, &[awaited(None)], Some(503), fault, Tick(0));
        let settling = all.settling(Tick(11 * SECOND));
        let counted = settling.ended.get("e").map_or(0, |of| of[&None].since(Tick(0)));
        assert_eq!(
            (counted, settling.due_until <= Tick(11 * SECOND)),
            (ended, ended == 1),
            "{refused} {fault:?}"
        );
        // It is the same delivery all the same, and nobody has given it up.
        assert_eq!(
            (all.0.arrived(&sighting, Tick(300 * SECOND)).attempt, all.0.take_given_up().len()),
            (2, 0)
        );
    }
}
