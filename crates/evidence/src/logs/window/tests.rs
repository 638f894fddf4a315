use super::*;
use crate::fixtures;
use pii::Policy;
use record::Ending;
use record::{Answered, Attempt, Gap, RunKind};

const SECOND: u64 = 1_000_000;

fn arrives(log: &mut LogWindow<'_>, (attempt, second): (u64, u64), id: &str, status: u16, how: Ending) {
    let at = Tick(second * SECOND);
    log.take(&Record::Attempt(Box::new(Attempt {
        headers: vec![("X-Webhook-Id".to_owned(), id.to_owned())],
        answer: Some(status),
        ..fixtures::attempt(attempt, at)
    })));
    log.take(&Record::Answered(Answered { attempt, end: at, how }));
}

/// A line that was written and read in these seconds.
fn reads(log: &mut LogWindow<'_>, (written, read): (i64, u64), text: &str) {
    let at = log.formats.local(log.started + TimeDelta::seconds(written));
    log.read(&format!("INFO {at} x.y {text}"), Tick(read * SECOND));
}

fn says(log: &mut LogWindow<'_>, second: u64, id: &str) {
    let written = i64::try_from(second).unwrap();
    reads(log, (written, second), &format!("Webhook delivered successfully: event=e{id}"));
}

fn window(formats: &Formats) -> LogWindow<'_> {
    let header = Header::new(RunKind::Observe, chrono::Utc::now()).unwrap();
    let engine = Engine::new(&Policy::default(), &[], b"").unwrap();
    LogWindow::new(formats, &header, engine)
}

#[test]
fn a_line_may_come_before_its_webhook_is_seen_and_the_edges_blame_nobody() {
    let formats = Formats::built_in().unwrap();
    let mut log = window(&formats);
    says(&mut log, 2, ", webhook_id=before-the-window");
    says(&mut log, 20, ", webhook_id=a");
    arrives(&mut log, (0, 20), "a", 200, Ending::Sent);
    says(&mut log, 30, ", webhook_id=ghost");
    says(&mut log, 31, "");
    arrives(&mut log, (1, 40), "silent", 200, Ending::Sent);
    // Refused, cut off, and too near the end for its line to be there.
    arrives(&mut log, (2, 41), "refused", 503, Ending::Sent);
    arrives(&mut log, (3, 42), "cut", 200, Ending::SenderClosed);
    arrives(&mut log, (4, 56), "late", 200, Ending::Sent);
    says(&mut log, 45, ", webhook_id=refused");
    says(&mut log, 57, ", webhook_id=after-the-window");
    let compared = log.compare(Tick(60 * SECOND), Vec::new());
    let found = &compared.found;
    assert_eq!((found.agreed, found.outside, found.without_id), (1, 2, 1));
    assert_eq!((found.never_seen, &found.never_seen_first), (1, &vec![(3, "ghost".to_owned())]));
    assert_eq!((found.not_logged, &found.not_logged_first), (1, &vec!["silent".to_owned()]));
    assert_eq!((found.not_accepted, compared.not_kept), (1, 0));
}

#[test]
fn a_last_line_that_is_cut_off_accuses_nobody_and_one_that_only_lacks_its_end_is_read() {
    let formats = Formats::built_in().unwrap();
    let rest = |id: &str, message: &str| {
        let mut log = window(&formats);
        arrives(&mut log, (0, 20), "4960b1c5-318e-4f87-b6c4-62792d82faa3", 200, Ending::Sent);
        says(&mut log, 20, ", webhook_id=4960b1c5-318e-4f87-b6c4-62792d82faa3");
        let written = formats.local(log.started + TimeDelta::seconds(30));
        log.read_rest(&format!("INFO {written} x.y {message}: event=e{id}"), Tick(30 * SECOND));
        let found = log.compare(Tick(60 * SECOND), Vec::new()).found;
        (found.never_seen + found.without_id, found.lost.unwrap().count)
    };
    let (delivered, given_up) =
        ("Webhook delivered successfully", "Webhook delivery failed after 3 attempts");
    let ghost = "00000000-0000-4000-8000-000000000000";
    for cut in [String::new(), ", webhook_id=".to_owned(), format!(", webhook_id={}", &ghost[..20])] {
        assert_eq!(rest(&cut, delivered), (0, 0), "{cut}");
    }
    assert_eq!(rest(&format!(", webhook_id={ghost}"), delivered), (1, 0));
    assert_eq!(rest(&format!(", webhook_id={}", &ghost[..20]), given_up), (0, 1), "none was refused");
    assert_eq!(rest(&format!(", webhook_id={ghost}"), given_up), (0, 1));
}

#[test]
fn an_accepted_retry_counts_at_its_own_time() {
    let formats = Formats::built_in().unwrap();
    let mut log = window(&formats);
    arrives(&mut log, (0, 50), "retried", 503, Ending::Sent);
    arrives(&mut log, (1, 56), "retried", 200, Ending::Sent);
    reads(&mut log, (59, 59), "something else");
    assert_eq!(log.compare(Tick(60 * SECOND), Vec::new()).found.not_logged, 0);
}

#[test]
fn what_could_not_be_seen_was_not_necessarily_absent() {
    let formats = Formats::built_in().unwrap();
    let mut log = window(&formats);
    let (from, to) = (Tick(10 * SECOND), Tick(20 * SECOND));
    log.take(&Record::Watch(Watch::Gap(Gap { from, to, why: "away".to_owned() })));
    says(&mut log, 24, ", webhook_id=maybe");
    says(&mut log, 26, ", webhook_id=john@example.com");
    let found = log.compare(Tick(60 * SECOND), Vec::new()).found;
    assert_eq!(found.never_seen_first, [(2, "j***@e***.com".to_owned())]);
    assert_eq!((found.outside, found.never_seen), (1, 1));
}

const DELIVERED: &str = "Webhook delivered successfully: event=e, webhook_id=";

/// Webhooks in these seconds, and their lines, written `ahead` of our clock and read with this lag.
fn both(log: &mut LogWindow<'_>, seconds: &[u64], (ahead, lag): (i64, u64)) {
    for (number, second) in (100..).zip(seconds) {
        let id = format!("both-{second}");
        arrives(log, (number, *second), &id, 200, Ending::Sent);
        let written = i64::try_from(*second).unwrap() + ahead;
        reads(log, (written, second + lag), &format!("{DELIVERED}{id}"));
    }
}

const HOUR: i64 = 3600;

/// There are so many errors by the line that was read in this second.
fn errs(log: &mut LogWindow<'_>, count: u64, second: u64) {
    log.read_errors(&Errors { count, ..Errors::default() }, Tick(second * SECOND));
}

#[test]
fn an_error_by_a_clock_in_another_zone_than_the_senders_is_left_open() {
    let formats = Formats::built_in().unwrap();
    let errors = |late: i64| {
        let mut log = window(&formats);
        both(&mut log, &[20, 30, 40], (0, 0));
        reads(&mut log, (45 - late, 45), "[error] upstream timed out");
        errs(&mut log, 1, 45);
        let errors = log.compare(Tick(60 * SECOND), Vec::new()).errors;
        (errors.outside, errors.unclear)
    };
    assert_eq!((errors(0), errors(1000)), ((0, 0), (1, 0)));
    assert_eq!((errors(6 * HOUR), errors(-6 * HOUR), errors(-5 * HOUR - 45 * 60)), ((0, 1), (0, 1), (0, 1)));
}

#[test]
fn what_was_logged_before_the_window_is_not_of_it_whenever_it_is_read() {
    let formats = Formats::built_in().unwrap();
    let found = |known: &[u64]| {
        let mut log = window(&formats);
        reads(&mut log, (20 - 1000, 20), &format!("{DELIVERED}ghost"));
        reads(
            &mut log,
            (20 - 1000, 20),
            "Webhook delivery failed after 3 attempts: event=e, webhook_id=lost",
        );
        errs(&mut log, 1, 20);
        // A traceback has the time of the line before it.
        log.read("Traceback (most recent call last):", Tick(20 * SECOND));
        errs(&mut log, 2, 20);
        both(&mut log, known, (0, 0));
        log.read("Traceback (most recent call last):", Tick(59 * SECOND));
        errs(&mut log, 3, 59);
        log.compare(Tick(60 * SECOND), Vec::new())
    };
    let compared = found(&[21, 30, 40]);
    let (is, lost) = (&compared.found, compared.found.lost.as_ref().unwrap());
    assert_eq!((is.agreed, is.never_seen, is.edge_said, is.outside), (3, 0, 0, 1));
    assert_eq!((lost.count, lost.unclear), (0, 0));
    assert_eq!(compared.errors, LogErrors { outside: 2, unclear: 0, first: vec![2, 3] });
    // With fewer nobody knows whether the log is written in another zone.
    let compared = found(&[21, 30]);
    let (is, lost) = (&compared.found, compared.found.lost.as_ref().unwrap());
    assert_eq!((is.agreed, is.never_seen, is.edge_said, is.outside), (2, 0, 1, 0));
    assert_eq!((lost.count, lost.unclear, is.edge_said_first[0].0), (0, 1, 1));
    assert_eq!((compared.errors.outside, compared.errors.unclear), (0, 2));
}

#[test]
fn a_log_in_another_zone_is_held_against_the_window_by_the_webhooks_that_are_in_both() {
    let formats = Formats::built_in().unwrap();
    let mut log = window(&formats);
    both(&mut log, &[20, 30, 40], (-6 * HOUR, 0));
    reads(&mut log, (41 - 6 * HOUR, 41), &format!("{DELIVERED}ghost"));
    errs(&mut log, 1, 20);
    arrives(&mut log, (0, 35), "silent", 200, Ending::Sent);
    let compared = log.compare(Tick(60 * SECOND), Vec::new());
    let is = &compared.found;
    assert_eq!((is.agreed, is.never_seen, is.not_logged, is.edge_arrived), (3, 1, 1, 0));
    assert_eq!((compared.errors, is.clock.unwrap().offset_ms), (LogErrors::default(), -6 * HOUR * 1000));
}

#[test]
fn what_a_log_that_comes_late_does_not_have_yet_is_left_open() {
    let formats = Formats::built_in().unwrap();
    let mut log = window(&formats);
    both(&mut log, &[20, 30, 40, 49], (0, 10));
    for (number, second) in [(0, 35), (1, 51), (2, 57)] {
        arrives(&mut log, (number, second), &format!("silent-{second}"), 200, Ending::Sent);
    }
    let is = log.compare(Tick(60 * SECOND), Vec::new()).found;
    assert_eq!((is.not_logged, &is.not_logged_first), (1, &vec!["silent-35".to_owned()]));
    assert_eq!((is.edge_arrived, &is.edge_arrived_first), (1, &vec!["silent-51".to_owned()]));
    assert_eq!((is.agreed, is.outside_log), (4, 1));
    // One that has said nothing yet.
    let mut log = window(&formats);
    arrives(&mut log, (0, 30), "a", 200, Ending::Sent);
    let is = log.compare(Tick(60 * SECOND), Vec::new()).found;
    assert_eq!((is.not_logged, is.edge_arrived), (0, 1));
}

#[test]
fn a_log_without_times_is_of_the_time_when_it_is_read() {
    let formats = Formats::parse(
        "utc_offset: '+00:00'\nlines: []\njson: [{name: own, message: [m]}]\nmessages: [{kind: delivered, pattern: '^sent'}]",
    )
    .unwrap();
    let mut log = window(&formats);
    let line = |id: &str| format!(r#"{{"m": "sent", "webhook_id": "{id}"}}"#);
    arrives(&mut log, (0, 30), "a", 200, Ending::Sent);
    log.read(&line("a"), Tick(31 * SECOND));
    log.read(&line("ghost"), Tick(32 * SECOND));
    arrives(&mut log, (1, 40), "silent", 200, Ending::Sent);
    let is = log.compare(Tick(60 * SECOND), Vec::new()).found;
    assert_eq!((is.agreed, is.never_seen, is.not_logged), (1, 1, 1));
    // A time that cannot be is none.
    let mut log = window(&formats);
    assert!(matches!(log.written(Some(DateTime::<Utc>::MAX_UTC), Tick(1)), When::Read(Tick(1))));
    assert_eq!(log.latest, None);
}

#[test]
fn what_one_of_two_logs_does_not_have_yet_is_left_open() {
    let formats = Formats::built_in().unwrap();
    // The second log was written up to this second; what arrived in the 40th is in neither.
    let found = |reached: i64, tells: bool| {
        let mut log = window(&formats);
        both(&mut log, &[10, 20, 30, 50], (0, 1));
        arrives(&mut log, (0, 40), "silent", 200, Ending::Sent);
        log.next_log(1);
        if tells {
            arrives(&mut log, (1, 15), "other", 200, Ending::Sent);
            reads(&mut log, (15, 16), &format!("{DELIVERED}other"));
        }
        reads(&mut log, (reached, 52), "something else");
        let found = log.compare(Tick(60 * SECOND), Vec::new()).found;
        (found.not_logged, found.edge_arrived)
    };
    assert_eq!(found(25, true), (0, 1));
    assert_eq!(found(49, true), (1, 0));
    // A log that tells of no deliveries never will.
    assert_eq!(found(25, false), (1, 0));
}
