use super::super::{Fold, Formats};
use super::*;
use crate::fixtures;
use record::Answered;
use record::Tick;

const NAME: &str = "apps.notifications.services.webhook_service";

/// A journal of a minute, in which these webhooks came after ten seconds: status, event, and id if any.
fn arrivals(came: &[(u16, &str, Option<&str>)]) -> Arrivals {
    let started = "2025-11-13T08:30:00Z".parse().unwrap();
    let header = Header::new(record::RunKind::Receive, started).unwrap();
    let last = started + TimeDelta::seconds(60);
    let mut arrivals = Arrivals { last, ..Arrivals::new(&header) };
    for (number, (status, event, id)) in (0..).zip(came) {
        let mut headers = vec![("X-Webhook-Event".to_owned(), (*event).to_owned())];
        headers.extend(id.map(|id| ("X-Webhook-Id".to_owned(), id.to_owned())));
        arrivals.take(&Record::Attempt(Box::new(Attempt {
            headers,
            answer: Some(*status),
            ..fixtures::attempt(number, Tick(10_000_000))
        })));
        let end = Tick(10_000_000);
        arrivals.take(&Record::Answered(Answered { attempt: number, end, how: Ending::Sent }));
    }
    arrivals
}

fn found(arrivals: Arrivals, lines: &[String]) -> Reconciliation {
    let formats = Formats::built_in().unwrap();
    let mut fold = Fold::new(&formats, None, Some(arrivals));
    lines.iter().for_each(|line| fold.take(Some(line)));
    fold.finish().1.unwrap()
}

/// A line about nothing of this, in a second of the journal's minute.
fn elsewhat(second: u32) -> String {
    format!("INFO 2025-11-13 14:30:{second:02},000 {NAME} something else")
}

fn said(minute: u32, id: &str) -> String {
    format!(
        "INFO 2025-11-13 14:{minute}:10,000 {NAME} Webhook delivered successfully: event=e, status=200, attempt=1{id}"
    )
}

#[test]
fn both_sides_are_set_against_each_other() {
    let came = [(200, "e", Some("a")), (200, "e", Some("b")), (400, "e", Some("c"))];
    let found = found(
        arrivals(&came),
        &[
            said(30, ", webhook_id=a"),
            said(30, ", webhook_id=a"),
            said(30, ", webhook_id=c"),
            said(30, ", webhook_id=ghost"),
            said(20, ", webhook_id=earlier"),
            elsewhat(40),
        ],
    );
    assert_eq!((found.agreed, found.not_accepted, found.outside, found.without_id), (1, 1, 1, 0));
    assert_eq!((found.never_seen, &found.never_seen_first), (1, &vec![(4, "ghost".to_owned())]));
    assert_eq!((found.not_logged, &found.not_logged_first), (1, &vec!["b".to_owned()]));
    assert!(found.counted.is_none() && found.met() && !found.agrees());
}

#[test]
fn without_ids_the_numbers_of_each_event_are_compared() {
    let with_ids = [(200, "e", Some("a")), (200, "e", Some("b")), (400, "e", Some("c"))];
    let same = found(arrivals(&with_ids), &[said(30, ""), said(30, "")]);
    assert!(same.agrees() && same.met() && same.not_logged == 0, "{same:?}");
    let more = found(arrivals(&with_ids), &[said(30, ""), said(30, ""), said(30, ""), said(30, "")]);
    let counted = more.counted.as_ref().unwrap();
    assert_eq!((counted.said, counted.arrived, counted.more_said), (4, 2, 2));
    assert!(!more.agrees());
    let fewer = found(arrivals(&with_ids), &[said(30, "")]);
    assert_eq!(fewer.counted.as_ref().unwrap().more_arrived, 1);
    // Of one that timed out the sender does not know that it was accepted.
    let late = said(30, "").replace("Webhook delivered successfully", "Webhook timeout");
    assert!(found(arrivals(&with_ids), &[said(30, ""), late]).agrees());
    // The other way round: the log has ids, and what arrived has none.
    let none = [(200, "e", None), (200, "f", None)];
    let found = found(arrivals(&none), &[said(30, ", webhook_id=a"), said(30, ", webhook_id=b")]);
    let counted = found.counted.as_ref().unwrap();
    assert_eq!((found.never_seen, counted.more_said, counted.more_arrived), (0, 1, 1));
    assert_eq!(counted.differing["e"], (2, 1));
}

#[test]
fn a_refused_webhook_without_an_id_hides_nothing() {
    let came = [(200, "e", Some("a")), (401, "e", None)];
    let found = found(arrivals(&came), &[said(30, ", webhook_id=a"), said(30, ", webhook_id=ghost")]);
    assert_eq!((found.never_seen, found.counted), (1, None));
}

#[test]
fn what_arrived_when_nothing_was_logged_is_counted() {
    let other = said(20, ", webhook_id=x");
    let found = found(arrivals(&[(200, "e", Some("a"))]), &[other]);
    assert_eq!((found.outside, found.outside_log, found.not_logged, found.met()), (1, 1, 0, false));
}

#[test]
fn what_lies_near_an_end_of_the_log_or_the_journal_is_no_contradiction() {
    let came = [(200, "e", Some("a")), (200, "e", Some("b"))];
    // The log ends, or begins, a second away from the one that it does not have.
    for other in [elsewhat(9), elsewhat(11)] {
        let found = found(arrivals(&came), &[said(30, ", webhook_id=a"), other]);
        assert_eq!((found.not_logged, found.edge_arrived, found.outside_log), (0, 1, 0));
        assert!(found.edge_arrived_first == ["b"] && found.agrees() && !found.is_settled());
    }
    let ghost = |second: u32| said(30, ", webhook_id=ghost").replace(":10,", &format!(":{second:02},"));
    let lines = [said(30, ", webhook_id=a"), said(30, ", webhook_id=b"), ghost(59)];
    let found = found(arrivals(&came), &lines);
    assert_eq!((found.never_seen, found.edge_said), (0, 1));
    assert_eq!(found.edge_said_first, [(3, "ghost".to_owned())]);
}

#[test]
fn a_log_in_another_zone_is_held_against_the_journal_by_the_webhooks_that_are_in_both() {
    let came = [(200, "e", Some("a")), (200, "e", Some("b")), (200, "e", Some("c")), (200, "e", Some("d"))];
    let lines = |ids: &[&str]| -> Vec<String> {
        let about = ids.iter().map(|id| said(30, &format!(", webhook_id={id}")));
        // In UTC, which the formats take for the local time.
        [elsewhat(2)]
            .into_iter()
            .chain(about)
            .chain([elsewhat(50)])
            .map(|l| l.replace(" 14:", " 08:"))
            .collect()
    };
    let found = |ids: &[&str]| found(arrivals(&came), &lines(ids));
    let same = found(&["a", "b", "c", "d"]);
    assert!(same.agrees() && same.is_settled());
    assert_eq!(same.clock, Some(record::LogClock { offset_ms: -6 * 3600 * 1000, pairs: 4, fits: true }));
    let differs = found(&["a", "b", "c", "ghost"]);
    assert_eq!((differs.never_seen, differs.not_logged, differs.outside), (1, 1, 0));
    // Two may be by chance.
    let unknown = found(&["a", "b", "ghost"]);
    assert!(unknown.agrees() && !unknown.is_settled());
    assert_eq!((unknown.edge_said, unknown.edge_arrived), (1, 2));
}

#[test]
fn a_log_whose_times_cannot_be_read_leaves_open_what_it_does_not_have() {
    let came = [(200, "e", Some("a")), (200, "e", Some("b"))];
    let line = r#"{"time": "Thu, 13 Nov 2025 08:30:10 GMT", "message": "Webhook delivered successfully: event=e, webhook_id=a"}"#;
    let found = found(arrivals(&came), &[line.to_owned()]);
    assert_eq!((found.agreed, found.not_logged, found.edge_arrived), (1, 0, 1));
}

#[test]
fn a_last_line_that_is_cut_off_is_set_aside() {
    const IDS: [&str; 2] = ["4960b1c5-318e-4f87-b6c4-62792d82faa3", "00000000-0000-4000-8000-000000000000"];
    let formats = Formats::built_in().unwrap();
    let found = |last: &str| {
        let mut fold =
            Fold::new(&formats, None, Some(arrivals(&[(200, "e", Some("a")), (200, "e", Some(IDS[0]))])));
        let lines = [elsewhat(2), said(30, ", webhook_id=a"), elsewhat(50), said(30, last)].join("\n");
        fold.take_all(&mut super::super::Lines::new(lines.as_bytes())).unwrap();
        fold.finish().1.unwrap()
    };
    let cut = found(&format!(", webhook_id={}", &IDS[0][..17]));
    assert_eq!((cut.cut_off, cut.never_seen, cut.edge_said, cut.not_logged), (1, 0, 0, 1));
    // Nothing but its end is missing.
    let whole = found(&format!(", webhook_id={}", IDS[0]));
    assert_eq!((whole.cut_off, whole.agreed, whole.agrees()), (0, 2, true));
    assert_eq!(found(&format!(", webhook_id={}", IDS[1])).never_seen, 1);
}
