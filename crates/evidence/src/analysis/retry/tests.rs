//! Retries of which not every attempt was seen, and timestamps that stay the same.

use super::super::delivery::Fingerprints;
use super::super::load::tests::header;
use super::*;
use correlate::Certainty;
use record::faults::Fault;
use record::{Ending, Gap};
use serde_json::json;
use signature::Reason;

const MS: u64 = 1000;

/// An attempt that is answered at once.
fn attempt((ms, status): (u64, u16)) -> AttemptResult {
    AttemptResult {
        first_byte: Tick(ms * MS),
        end: Some(Tick(ms * MS)),
        status: Some(status),
        taken: status < 300,
        how: Some(Ending::Sent),
        reason: Reason::Valid,
        fault: None,
        fingerprints: Fingerprints { body: 7, signature: 0, head: 0, timestamp_ms: None },
    }
}

fn delivery(attempts: &[(u64, u16)]) -> Delivery {
    Delivery {
        number: 1,
        event: "paid".into(),
        has_id: true,
        tries: attempts.iter().copied().map(attempt).collect(),
        after_acceptance: Vec::new(),
        accepted_before: false,
        elsewhere: false,
        id_reused: false,
        foreign: false,
        fulfils: None,
        surplus: 0,
        unasked: 0,
        repeated: 0,
        forbidden: None,
        certainty: Certainty::Certain,
        contradicts: false,
    }
}

/// Breaches and unproven deliveries of attempts at so many ms in a window that begins at `begun` ms.
fn judged(begun: u64, gap: Option<(u64, u64)>, attempts: &[(u64, u16)]) -> (usize, usize) {
    let mut analysis = Analysis::new(header()).unwrap();
    let begin = json!({ "at": begun * MS, "duration_ms": 60_000, "source": "inbox", "on_trigger": "end" });
    analysis.watched.begin = Some(serde_json::from_value(begin).unwrap());
    let gap =
        gap.map(|(from, to)| Gap { from: Tick(from * MS), to: Tick(to * MS), why: "restart".to_owned() });
    analysis.watched.gaps.extend(gap);
    analysis.latest = Tick(600_000 * MS);
    let mut found = Retries::default();
    judge(&analysis, &delivery(attempts), &Reborn::new(), &mut found);
    found.settle_lost(&analysis.header.retry);
    (found.breaches.len(), found.unproven.len())
}

/// The same at a system elsewhere, where another delivery was retried after so many ms.
fn beside(other_gap: u64, environment: &str, attempts: &[(u64, u16)]) -> (usize, usize) {
    let header = Header { environment: environment.to_owned(), ..header() };
    let mut analysis = Analysis::new(header).unwrap();
    analysis.latest = Tick(600_000 * MS);
    let mut found = Retries::default();
    let other = Delivery { number: 2, ..delivery(&[(0, 503), (other_gap, 200)]) };
    for one in [delivery(attempts), other] {
        judge(&analysis, &one, &Reborn::new(), &mut found);
    }
    found.settle_lost(&analysis.header.retry);
    (found.breaches.iter().filter(|b| b.delivery() == 1).count(), found.unproven.len())
}

#[test]
fn an_attempt_that_was_lost_on_its_way_is_no_breach_of_a_sender_that_keeps_to_the_schedule() {
    let staging = |attempts: &[(u64, u16)]| beside(2003, "staging", attempts);
    assert_eq!(staging(&[(0, 503), (6003, 200)]), (0, 1));
    assert_eq!(staging(&[(0, 503), (6003, 503)]), (0, 1), "2 of 3 came");
    assert_eq!(staging(&[(0, 503), (16_003, 200)]), (0, 1), "the sender waited 10 s for it");
    assert_eq!(staging(&[(0, 503), (5000, 200)]), (1, 0), "no sum of pauses");
    assert_eq!(staging(&[(0, 503), (2003, 503), (9000, 200)]), (1, 0));
    assert_eq!(staging(&[(0, 503), (6003, 503), (10_006, 200)]), (1, 0), "four attempts");
    // Who always waits so long has another schedule; and beside the stand-in there is no network.
    assert_eq!(beside(6003, "staging", &[(0, 503), (6003, 200)]).0, 1);
    assert_eq!(beside(2003, EMBEDDED, &[(0, 503), (6003, 200)]), (1, 0));
}

#[test]
fn attempts_from_before_the_window_or_out_of_a_gap_are_not_missed() {
    let late = [(2003, 503), (6006, 200)];
    for (what, begun, gap, attempts, wanted) in [
        ("the first came before the window", 500, None, &late[..], (0, 1)),
        ("and the last fails, too", 500, None, &[(2003, 503), (6006, 503)], (0, 1)),
        ("only the last was seen", 5000, None, &[(6006, 503)], (0, 1)),
        (
            "the first came while nothing could be seen",
            0,
            Some((9_900, 10_500)),
            &[(12_003, 503), (16_006, 200)],
            (0, 1),
        ),
        ("all were seen", 500, None, &[(1000, 503), (3002, 503), (7003, 200)], (0, 0)),
        ("off any schedule", 500, None, &[(1000, 503), (2000, 503), (3000, 200)], (2, 0)),
        ("the second never came, with nothing unseen", 0, None, &[(20_000, 503), (24_003, 200)], (1, 0)),
        ("silence after the second", 500, None, &[(1000, 503), (3002, 503)], (1, 0)),
    ] {
        assert_eq!(judged(begun, gap, attempts), wanted, "{what}");
    }
}

#[test]
fn attempts_from_before_a_run_are_not_missed_where_it_did_not_ask_for_the_webhook() {
    let judged = |fulfils: Option<usize>, attempts: &[(u64, u16)]| {
        let mut analysis = Analysis::new(Header { kind: record::RunKind::Run, ..header() }).unwrap();
        analysis.latest = Tick(600_000 * MS);
        let mut found = Retries::default();
        judge(&analysis, &Delivery { fulfils, ..delivery(attempts) }, &Reborn::new(), &mut found);
        (found.breaches.len(), found.unproven.len())
    };
    let from_the_second_on = [(1000, 503), (5003, 503)];
    assert_eq!(judged(None, &from_the_second_on), (0, 1));
    assert_eq!(judged(Some(0), &from_the_second_on), (2, 0), "the run asked for it");
    assert_eq!(judged(None, &[(1000, 503), (4003, 503)]), (2, 0), "off any schedule");
    assert_eq!(judged(None, &[(9000, 503), (13_003, 503)]), (2, 0), "long after the run began");
}

/// As many as the sender's log has: another one was not made.
#[test]
fn attempts_that_found_no_connection_by_the_senders_log_were_made() {
    for (unconnected, attempts, wanted) in [
        (2, [(0, 503)].as_slice(), (0, 1)),
        (1, &[(0, 503)], (1, 0)),
        (1, &[(0, 503), (2000, 503)], (0, 1)),
        // A retry too early is no attempt that did not come.
        (2, &[(0, 503), (500, 503)], (2, 0)),
    ] {
        let mut analysis = Analysis::new(header()).unwrap();
        let summary = json!({ "connection_errors": unconnected });
        analysis.watched.log = Some(record::LogFacts { at: Tick(0), summary });
        analysis.latest = Tick(600_000 * MS);
        let unconnected = analysis.watched.unconnected_by_log();
        let mut found = Retries { unconnected, ..Retries::default() };
        judge(&analysis, &delivery(attempts), &Reborn::new(), &mut found);
        assert_eq!((found.breaches.len(), found.unproven.len()), wanted, "{unconnected} {attempts:?}");
    }
}

#[test]
fn a_timestamp_in_seconds_is_old_where_any_earlier_attempt_has_it_a_second_later() {
    let stamped = |all: &[(u64, i64)]| {
        let of = |(ms, stamp)| {
            let attempt = attempt((ms, 503));
            let fingerprints = Fingerprints { timestamp_ms: Some(stamp), ..attempt.fingerprints };
            AttemptResult { fingerprints, ..attempt }
        };
        has_old_timestamp(&all.iter().copied().map(of).collect::<Vec<_>>())
    };
    assert!(!stamped(&[(100, 5000), (700, 5000), (1200, 6000)]));
    assert!(stamped(&[(100, 5000), (700, 5000), (1300, 5000)]));
    assert!(stamped(&[(100, 5000), (700, 6000), (1300, 5000)]));
    assert!(stamped(&[(100, 5001), (700, 5001)]));
}

/// An attempt that hung, from so many to so many ms, and how it ended.
fn hung(from: u64, to: u64, how: Ending) -> AttemptResult {
    let fault = Some(Fault::Hang(None));
    AttemptResult { end: Some(Tick(to * MS)), status: None, how: Some(how), fault, ..attempt((from, 503)) }
}

#[test]
fn a_sender_that_waits_until_a_hang_is_ended_for_it_has_no_such_time_out() {
    use Ending::{Broken, SenderClosed};
    for (what, first, second, wanted) in [
        ("it gave up in time", hung(0, 10_003, SenderClosed), Some(12_004), (1, 0)),
        ("it gave up late", hung(0, 20_003, SenderClosed), Some(22_004), (1, 1)),
        ("we ended it, and it tried again", hung(0, 30_000, Broken), Some(32_003), (1, 1)),
        ("a short hang", hung(0, 15_000, Broken), Some(17_003), (1, 1)),
        ("we ended it, and nothing followed", hung(0, 30_000, Broken), None, (1, 1)),
        ("it gave up in time, which a proxy hid", hung(0, 30_000, Broken), Some(12_004), (1, 0)),
        ("ended at about its time-out", hung(0, 11_000, Broken), Some(12_500), (0, 0)),
    ] {
        let analysis = Analysis::new(header()).unwrap();
        let tries = [first].into_iter().chain(second.map(|ms| attempt((ms, 200)))).collect();
        let mut found = Retries::default();
        time_limit::judge(&analysis, &Delivery { tries, ..delivery(&[]) }, &mut found);
        assert_eq!((found.held.len(), found.breaches.len()), wanted, "{what}");
    }
}

/// Its end is no less hidden than its beginning is known: the pause is not measured.
#[test]
fn a_retry_while_a_proxy_keeps_an_attempt_open_that_was_given_up_is_not_too_early() {
    let gap = |came: u64| {
        let analysis = Analysis::new(header()).unwrap();
        gaps(&analysis, &[hung(0, 30_000, Ending::Broken), attempt((came, 200))])
    };
    assert_eq!(gap(12_003), [None]);
    assert_eq!(gap(9000), [Some(0)], "it was given up too early, or not at all");
    assert_eq!(gap(14_000), [Some(0)]);
    assert_eq!(gap(32_003), [Some(2_003 * MS)]);
}
