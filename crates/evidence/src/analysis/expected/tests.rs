//! Expectations, and the webhooks that fulfil them.

use super::*;
use correlate::Webhook;
use proptest::prelude::*;
use serde_json::Value;
use serde_json::json;

fn expect(at: u64, count: u32, within_ms: u64, matchers: &Value) -> Expect {
    Expect {
        flow: 0,
        step: "verify".to_owned(),
        at: Tick(at),
        event: "paid".to_owned(),
        matchers: serde_json::from_value(matchers.clone()).unwrap(),
        headers: [].into(),
        count,
        at_least: false,
        after: None,
        within_ms,
    }
}

fn came<'a>(event: &'a str, body: &'a Value) -> Arrived<'a> {
    Arrived { event, webhook: Some(Webhook::alone(body)), headers: &[], flow: None }
}

fn ended(step: &str) -> Step {
    Step {
        flow: Some(0),
        step: step.to_owned(),
        started: Tick(10),
        ended: Tick(70),
        request: String::new(),
        status: Some(200),
        outcome: Outcome::Ok,
        problems: Vec::new(),
        body: None,
        tries: 1,
    }
}

#[test]
fn the_open_one_that_ends_first_is_fulfilled_and_the_latest_full_one_gets_what_is_too_much() {
    let mut all = Expectations::default();
    let id = json!({"/id": 7});
    all.add(&expect(0, 1, 900, &id));
    all.add(&expect(0, 1, 500, &id));
    all.add(&expect(90, 0, 500, &id));
    let body = json!({"id": 7.0});
    let mut assign = |n, at| all.assign(n, &came("paid", &body), (Tick(at), None));
    assert_eq!(assign(0, 10), Fulfilment::Fulfils(1));
    assert_eq!(assign(1, 10), Fulfilment::Fulfils(0));
    assert_eq!(assign(2, 10), Fulfilment::Surplus(1));
    assert_eq!(assign(3, 89), Fulfilment::Surplus(1));
    assert_eq!(assign(3, 100), Fulfilment::Forbidden(2), "a later step forbids it");
    assert_eq!(all.assign(4, &came("paid", &json!({"id": 8})), (Tick(10), None)), Fulfilment::None);
    assert_eq!(all.assign(4, &came("lost", &body), (Tick(10), None)), Fulfilment::None);
    assert_eq!(all.iter().map(|e| e.by().count()).collect::<Vec<_>>(), [1, 1, 0]);
    assert!(all.get(1).unwrap().has_surplus() && !all.get(0).unwrap().has_surplus());
}

#[test]
fn an_authentic_one_takes_the_place_of_one_that_stood_in() {
    let mut all = Expectations::default();
    let id = json!({"/id": 7});
    all.add(&expect(0, 2, 900, &id));
    let body = json!({"id": 7});
    let when = (Tick(10), None);
    assert_eq!(all.assign(0, &came("paid", &body), when), Fulfilment::Fulfils(0));
    assert_eq!(all.replace(1, &came("paid", &body), when, |by| by == 0), None, "one is still open");
    assert_eq!(all.assign(1, &came("paid", &body), when), Fulfilment::Fulfils(0));
    assert!(!all.is_open_for(&came("paid", &body), Tick(10), None));
    assert_eq!(all.replace(2, &came("paid", &body), when, |_| false), None);
    assert_eq!(all.replace(2, &came("paid", &body), when, |by| by == 1), Some((0, 1)));
    assert_eq!(all.replace(3, &came("paid", &body), when, |by| by == 0), Some((0, 0)));
    assert_eq!(all.get(0).unwrap().by().collect::<Vec<_>>(), [3, 2]);
}

#[test]
fn a_webhook_that_never_came_does_not_take_that_of_the_next_turn() {
    let mut all = Expectations::default();
    all.add(&expect(0, 1, 900, &json!({})));
    all.add(&Expect { flow: 1, ..expect(5, 1, 900, &json!({})) });
    assert_eq!(all.assign(0, &came("paid", &json!({})), (Tick(9), Some(1))), Fulfilment::Fulfils(1));
    all.add(&Expect { flow: 2, ..expect(950_000, 1, 900, &json!({})) });
    assert_eq!(all.assign(1, &came("paid", &json!({})), (Tick(950_001), None)), Fulfilment::Fulfils(2));
}

#[test]
fn a_count_of_0_forbids_and_nothing_fits_before_it_began() {
    let mut all = Expectations::default();
    all.add(&expect(50, 0, 100, &json!({})));
    assert_eq!(all.assign(0, &came("paid", &json!({})), (Tick(49), None)), Fulfilment::None);
    assert_eq!(all.assign(0, &came("paid", &json!({})), (Tick(50), None)), Fulfilment::Forbidden(0));
}

#[test]
fn what_is_due_is_forbidden_by_what_says_more_of_it_and_from_a_later_step_on() {
    let of = |at, count, matchers: Value, at_least| Expect { at_least, ..expect(at, count, 900, &matchers) };
    let assigned = |all: &[Expect], webhooks: &[Value], at| {
        let mut expectations = Expectations::default();
        all.iter().for_each(|one| expectations.add(one));
        let assign = |(n, body)| expectations.assign(n, &came("paid", body), (Tick(at), None));
        webhooks.iter().enumerate().map(assign).collect::<Vec<_>>()
    };
    let (total, id) = (json!({"/total": 101}), json!({"/id": 7}));
    let body = json!({"id": 7, "total": 101, "email": "a@b.example"});
    let two = [body.clone(), body.clone()];
    let (ours, against) = (Fulfilment::Fulfils(0), Fulfilment::Against(0, 1));
    let forbidden = Fulfilment::Forbidden(1);
    for (due, none, wanted) in [
        // An order, and none with that total, or with an e-mail address.
        (of(10, 1, json!({}), false), of(10, 0, total.clone(), false), [against, forbidden]),
        (
            of(10, 1, id.clone(), false),
            of(10, 0, json!({"/email": {"exists": true}}), false),
            [against, forbidden],
        ),
        // This order, and no other.
        (of(10, 1, id.clone(), false), of(10, 0, json!({}), false), [ours, forbidden]),
        (of(10, 1, id.clone(), false), of(10, 0, json!({"/id": {"exists": true}}), false), [ours, forbidden]),
        // Any number of them, but none once the next step has begun.
        (of(10, 1, id.clone(), true), of(20, 0, id.clone(), false), [ours, forbidden]),
        (of(10, 1, id.clone(), true), of(30, 0, id.clone(), false), [ours, ours]),
        // A later step expects it.
        (of(20, 1, id.clone(), false), of(10, 0, id.clone(), false), [ours, Fulfilment::Surplus(0)]),
    ] {
        assert_eq!(assigned(&[due.clone(), none.clone()], &two, 25), wanted, "{due:?} {none:?}");
    }
    // What another flow is owed is forbidden by none of this one's.
    let other = Expect { flow: 1, ..of(10, 0, json!({}), false) };
    assert_eq!(assigned(&[of(10, 1, id, false), other], &two[..1], 25), [ours]);
}

#[test]
fn what_was_forbidden_is_pardoned_once_somebody_waits_for_it() {
    let mut all = Expectations::default();
    all.add(&expect(10, 0, 900, &json!({})));
    let body = json!({"id": 7});
    let when = (Tick(25), None);
    assert_eq!(all.assign(0, &came("paid", &body), when), Fulfilment::Forbidden(0));
    all.add(&expect(20, 1, 900, &json!({"/id": 7})));
    all.pardon(0);
    assert_eq!(all.assign(0, &came("paid", &body), when), Fulfilment::Fulfils(1));
    assert!(!all.get(0).unwrap().has_surplus());
}

#[test]
fn other_matchers_choose_among_those_of_one_key() {
    let mut all = Expectations::default();
    all.add(&expect(0, 2, 100, &json!({"/id": 1, "/kind": {"matches": "^a"}})));
    all.add(&expect(0, 1, 100, &json!({"/id": 1, "/kind": {"matches": "^b"}})));
    let mut assign = |n, kind| all.assign(n, &came("paid", &json!({"id": 1, "kind": kind})), (Tick(1), None));
    assert_eq!(assign(0, "bee"), Fulfilment::Fulfils(1));
    assert_eq!(assign(1, "ant"), Fulfilment::Fulfils(0));
    assert_eq!(assign(2, "ape"), Fulfilment::Fulfils(0));
    assert_eq!(assign(3, "asp"), Fulfilment::Surplus(0));
    assert_eq!(assign(4, "cat"), Fulfilment::None);
}

#[test]
fn only_a_step_that_succeeded_makes_a_webhook_due() {
    let mut all = Expectations::default();
    all.add(&expect(0, 2, 100, &json!({"/id": 1})));
    let missing = |all: &Expectations| all.get(0).unwrap().missing();
    assert_eq!(missing(&all), 0);
    all.step_ended(0, &ended("another"));
    assert_eq!(missing(&all), 0);
    all.step_ended(0, &ended("verify"));
    assert_eq!(missing(&all), 2);
    let due = all.get(0).unwrap();
    assert_eq!((due.event, due.step_name, due.answer), ("paid", "verify", Some(200)));
    assert_eq!(due.took, Duration::from_micros(60));
    all.assign(0, &came("paid", &json!({"id": 1})), (Tick(1), None));
    assert_eq!(missing(&all), 1);
}

#[test]
fn thousands_of_equal_expectations_take_no_longer_each() {
    let mut all = Expectations::default();
    for n in 0..100_000 {
        all.add(&expect(n, 1, 100, &json!({})));
        assert_eq!(
            all.assign(0, &came("paid", &json!({})), (Tick(n), None)),
            Fulfilment::Fulfils(n as usize)
        );
    }
    assert_eq!(all.terms.len(), 1);
}

#[test]
fn an_expectation_takes_32_bytes() {
    assert_eq!(size_of::<Stored>(), 32);
}

#[test]
fn a_webhook_that_two_flows_wait_for_is_interchangeable() {
    let of = |flow, at, matchers: Value| Expect { flow, ..expect(at, 1, 900, &matchers) };
    let body = json!({"id": 7});
    let marked = |all: &[Expect], came_at: &[(u64, Option<u32>)], failed: Option<u32>| {
        let mut expectations = Expectations::default();
        all.iter().for_each(|one| expectations.add(one));
        failed.into_iter().for_each(|flow| {
            expectations.step_ended(flow, &Step { outcome: Outcome::Failed, ..ended("verify") });
        });
        for (n, (at, turn)) in came_at.iter().enumerate() {
            expectations.assign(n, &came("paid", &body), (Tick(*at), *turn));
        }
        expectations.iter().map(|one| one.is_interchangeable).collect::<Vec<_>>()
    };
    let id = json!({"/id": 7});
    let [one, other] = [of(0, 10, id.clone()), of(1, 20, id.clone())];
    let both = [one.clone(), other.clone()];
    assert_eq!(marked(&both, &[(25, None), (26, None)], None), [true, true]);
    // The other one has not begun, is late, failed, looks otherwise or is of the same step; or it is this one's turn.
    assert_eq!(marked(&both, &[(15, None), (25, None)], None), [false, false]);
    assert_eq!(marked(&both, &[(900_015, None)], None), [false, false]);
    assert_eq!(marked(&both, &[(25, None)], Some(1)), [false, false]);
    assert_eq!(marked(&[one.clone(), of(1, 20, json!({"/id": 8}))], &[(25, None)], None), [false, false]);
    let of_one_flow = |at| marked(&[one.clone(), of(0, at, id.clone())], &[(25, None)], None);
    assert_eq!((of_one_flow(10), of_one_flow(20)), (vec![false, false], vec![true, true]));
    assert_eq!(marked(&both, &[(25, Some(0)), (26, Some(1))], None), [false, false]);
}

/// Two flows that wait for the same webhook at once.
fn two_flows() -> Expectations {
    let mut all = Expectations::default();
    let id = json!({"/id": 7});
    all.add(&expect(10, 1, 900, &id));
    all.add(&Expect { flow: 1, ..expect(10, 1, 900, &id) });
    all
}

fn named<'a>(body: &'a Value, flow: u32) -> Arrived<'a> {
    Arrived { flow: Some(flow), ..came("paid", body) }
}

#[test]
fn a_webhook_that_names_its_flow_fulfils_no_other() {
    let mut all = two_flows();
    let (body, when) = (json!({"id": 7}), (Tick(25), None));
    assert_eq!(all.assign(0, &named(&body, 1), when), Fulfilment::Fulfils(1));
    assert_eq!(all.assign(1, &named(&body, 1), when), Fulfilment::Surplus(1));
    assert_eq!(all.get(0).unwrap().by().count(), 0);
    assert!(!all.iter().any(|one| one.is_interchangeable));
}

#[test]
fn one_that_was_given_by_its_order_alone_gives_way_to_one_that_names_its_flow() {
    let mut all = two_flows();
    let (body, when) = (json!({"id": 7}), (Tick(25), None));
    assert_eq!(all.assign(0, &came("paid", &body), when), Fulfilment::Fulfils(0));
    assert!(all.reclaim(1, &came("paid", &body), when).is_none(), "it names none");
    assert!(all.reclaim(1, &named(&body, 1), when).is_none(), "its own is open");
    let (index, freed) = all.reclaim(1, &named(&body, 0), when).unwrap();
    assert_eq!((index, freed.delivery), (0, 0));
    assert_eq!(all.take_over(&freed, Tick(25)), Some(1));
    assert!(all.reclaim(2, &named(&body, 0), when).is_none(), "the same flow's again is a duplicate");
}

/// An authentic one has taken the place, and names the flow itself.
#[test]
fn what_stands_where_another_was_given_does_not_give_way_to_a_duplicate() {
    let mut all = two_flows();
    let (body, when) = (json!({"id": 7}), (Tick(25), None));
    assert_eq!(all.assign(0, &came("paid", &body), when), Fulfilment::Fulfils(0));
    assert_eq!(all.replace(1, &named(&body, 0), when, |by| by == 0), Some((0, 0)));
    assert!(all.reclaim(2, &named(&body, 0), when).is_none());
}

#[test]
fn a_refused_step_waits_for_nothing_and_gives_back_what_another_may_wait_for() {
    let (body, when, id) = (json!({"id": 7}), (Tick(25), None), json!({"/id": 7}));
    // Whether the other flow waited for one, too, when this one came.
    for (other_begins, taken_over) in [(20, Some(1)), (30, None)] {
        let mut all = Expectations::default();
        all.add(&expect(10, 1, 900, &id));
        all.add(&Expect { flow: 1, ..expect(other_begins, 1, 900, &id) });
        assert_eq!(all.assign(0, &came("paid", &body), when), Fulfilment::Fulfils(0));
        let freed = all.step_ended(0, &Step { outcome: Outcome::Refused, ..ended("verify") });
        assert_eq!((freed.len(), freed[0].delivery), (1, 0));
        assert_eq!(all.get(0).unwrap().by().count(), 0);
        assert_eq!(all.take_over(&freed[0], Tick(25)), taken_over);
        assert_eq!(
            all.assign(1, &came("paid", &body), when),
            match taken_over {
                // Nobody else waits for one.
                Some(other) => Fulfilment::Surplus(other),
                None => Fulfilment::None,
            }
        );
    }
}

#[test]
fn whoever_says_more_of_a_webhook_gets_it_first() {
    let mut all = Expectations::default();
    all.add(&expect(10, 1, 900, &json!({"/id": 7})));
    all.add(&expect(10, 1, 900, &json!({"/id": 7, "/n": 2})));
    let of = |n: u32| json!({"id": 7, "n": n});
    let (two, one) = (of(2), of(1));
    assert_eq!(all.assign(0, &came("paid", &two), (Tick(25), None)), Fulfilment::Fulfils(1));
    assert_eq!(all.assign(1, &came("paid", &one), (Tick(26), None)), Fulfilment::Fulfils(0));
}

/// The deliveries of each expectation, all of one step and told by their patterns, where webhooks with these values came in turn.
fn settled(patterns: &[String], skus: &[&str]) -> Vec<Vec<usize>> {
    let mut all = Expectations::default();
    for pattern in patterns {
        all.add(&expect(0, 1, 900, &json!({"/sku": {"matches": pattern}})));
    }
    for (n, sku) in skus.iter().enumerate() {
        let body = json!({ "sku": sku });
        let (one, when) = (came("paid", &body), (Tick(10), None));
        if all.make_room(n, &one, when).is_none() {
            all.assign(n, &one, when);
        }
    }
    all.iter().map(|e| e.by().collect()).collect()
}

#[test]
fn whoever_came_first_makes_room_where_it_fits_another_as_well() {
    let settled = |patterns: &[&str], skus: &[&str]| {
        settled(&patterns.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>(), skus)
    };
    assert_eq!(settled(&["^A", "^A1"], &["A12", "A22"]), [[1], [0]]);
    assert_eq!(settled(&["^A", "^A1"], &["A22", "A12"]), [[0], [1]]);
    assert_eq!(settled(&["", "^A", "^A1"], &["A12", "A22", "B"]), [[2], [1], [0]]);
    assert_eq!(settled(&["^[AB]", "^[BC]", "^[CD]"], &["B", "C", "A"]), [[2], [0], [1]]);
    // None that fits what is left makes none.
    assert_eq!(settled(&["^A", "^B"], &["A12", "A22"]), [vec![0], vec![]]);
    assert_eq!(settled(&["^A", "^A1"], &["A22", "A23"]), [vec![0], vec![]]);
}

proptest! {
    /// As many are fulfilled as can be, in whatever order webhooks come.
    #[test]
    fn no_order_of_arrival_loses_a_webhook(
        sets in prop::collection::vec(prop::sample::subsequence(vec!['A', 'B', 'C', 'D'], 1..=3), 1..6),
        skus in prop::collection::vec(prop::sample::select(vec!["A", "B", "C", "D"]), 0..7),
    ) {
        let patterns: Vec<String> = sets.iter().map(|set| format!("^[{}]", String::from_iter(set))).collect();
        let held = settled(&patterns, &skus);
        for (set, by) in sets.iter().zip(&held) {
            prop_assert!(by.iter().all(|n| set.iter().any(|letter| skus[*n].starts_with(*letter))));
        }
        let mut all: Vec<usize> = held.into_iter().flatten().collect();
        prop_assert_eq!(all.len(), most(&sets, &skus));
        all.sort_unstable();
        all.dedup();
        prop_assert_eq!(all.len(), most(&sets, &skus), "none fulfils two");
    }
}

/// How many of these can be fulfilled at best, by trial of all ways.
fn most(sets: &[Vec<char>], skus: &[&str]) -> usize {
    let Some((set, rest)) = sets.split_first() else { return 0 };
    let mut best = most(rest, skus);
    for n in 0..skus.len() {
        if set.iter().any(|letter| skus[n].starts_with(*letter)) {
            let left: Vec<&str> = skus.iter().enumerate().filter(|(m, _)| *m != n).map(|(_, s)| *s).collect();
            best = best.max(1 + most(rest, &left));
        }
    }
    best
}
