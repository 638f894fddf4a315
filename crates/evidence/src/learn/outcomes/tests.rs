//! What follows an attempt, as real senders were seen to do it.

use super::super::drift;
use super::*;
use record::{SenderProfile, Tick};

/// An attempt of a delivery, which its body tells apart: when it came (ms), how it was answered, and the fault.
fn seen(delivery: u64, at: u64, status: u16, fault: Option<&str>, redirect: Option<u64>) -> Seen {
    let body = format!(r#"{{"type":"paid","n":{delivery}}}"#).into_bytes();
    Seen {
        status: Some(status),
        fault: fault.map(|fault| fault.parse().unwrap()),
        redirect,
        ..Seen::plain(Vec::new(), body, Tick(at * 1000))
    }
}

fn learner(attempts: Vec<Seen>, followed: &[u64]) -> Learner {
    Learner {
        attempts,
        followed: followed.iter().copied().collect(),
        last: Tick(600_000_000),
        ..Learner::default()
    }
}

fn says(mut learner: Learner) -> BTreeMap<&'static str, (String, Certainty)> {
    learner.learn(None, "", None).into_iter().map(|one| (one.key, (one.value, one.certainty))).collect()
}

fn drifted(mut learner: Learner, sender: &str) -> Vec<&'static str> {
    let profile = SenderProfile::built_in(sender.parse().unwrap()).unwrap();
    let learnt = learner.learn(None, "", None);
    drift(&learnt, &profile, false)
        .into_iter()
        .map(|(key, ..)| key)
        .filter(|key| key.starts_with("retry.") || key.starts_with("limits."))
        .collect()
}

#[test]
fn a_redirect_that_is_followed_is_neither_an_end_nor_tried_again() {
    let attempts = || {
        vec![
            seen(1, 0, 307, Some("307"), Some(1)),
            seen(2, 0, 503, None, None),
            seen(2, 60_000, 200, None, None),
        ]
    };
    let followed = says(learner(attempts(), &[1]));
    assert_eq!(followed["limits.follows_redirects"].0, "true");
    assert_eq!((followed["retry.abort"].0.as_str(), followed["retry.retry"].0.as_str()), ("[]", "[503]"));
    assert_eq!(drifted(learner(attempts(), &[1]), "django-webhook"), [""; 0]);
    let left = says(learner(attempts(), &[]));
    assert_eq!(
        (left["limits.follows_redirects"].0.as_str(), left["retry.abort"].0.as_str()),
        ("false", "[307]")
    );
    assert!(drifted(learner(attempts(), &[]), "django-webhook").contains(&"limits.follows_redirects"));
}

#[test]
fn a_retry_at_once_is_no_pause_and_one_pause_shows_no_jitter() {
    // MLflow: at once, then after 2 to 3 s.
    let three = |n: u64, first: u64, second: u64| {
        let then = first + second;
        [seen(n, 0, 503, None, None), seen(n, first, 503, None, None), seen(n, then, 200, None, None)]
    };
    let once = says(learner(three(1, 4, 2600).into(), &[]));
    assert_eq!(once["retry.schedule"].0, "[0s, 0s, 2600ms]");
    assert_eq!(once["retry.jitter"].1, Certainty::Unseen);
    let twice = says(learner([three(1, 1, 2000), three(2, 9, 2500)].concat_all(), &[]));
    assert_eq!(twice["retry.schedule"].0, "[0s, 0s, 2300ms]");
    assert_eq!(twice["retry.jitter"], ("0.14".to_owned(), Certainty::Likely));
}

#[test]
fn retries_within_a_second_do_not_show_whether_each_has_its_own_timestamp() {
    let learnt = |gap: u64, stamps: [u64; 2]| {
        let mut attempts = vec![seen(1, 0, 503, None, None), seen(1, gap, 200, None, None)];
        for (attempt, stamp) in attempts.iter_mut().zip(stamps) {
            attempt.headers = vec![("Webhook-Timestamp".to_owned(), stamp.to_string())];
        }
        let (mut found, learner) = (Vec::new(), learner(attempts, &[]));
        let deliveries = learner.deliveries(None);
        learner.identity(&rounds(&deliveries), Some(Scheme::StandardWebhooks), &mut found);
        (found[0].value.clone(), found[0].certainty)
    };
    assert_eq!(learnt(200, [1_763_044_215; 2]).1, Certainty::Unseen);
    assert_eq!(learnt(1200, [1_763_044_215; 2]), ("same".to_owned(), Certainty::Likely));
    assert_eq!(learnt(200, [1_763_044_215, 1_763_044_216]).0, "timestamp_per_attempt");
}

#[test]
fn pauses_after_retry_after_are_not_the_schedule() {
    let asked = Some("503:retry-after=3");
    let plain = [seen(1, 0, 503, None, None), seen(1, 2, 200, None, None)];
    let kept = [seen(2, 0, 503, asked, None), seen(2, 3001, 200, None, None)];
    let found = says(learner([plain, kept].concat_all(), &[]));
    assert_eq!(found["retry.schedule"].0, "[0s, 0s]");
    assert_eq!(found["retry.retry_after"].0, "honour");
    let attempts = || {
        let plain = [seen(1, 0, 503, None, None), seen(1, 2, 200, None, None)];
        [plain, [seen(2, 0, 503, asked, None), seen(2, 3001, 200, None, None)]].concat_all()
    };
    assert_eq!(drifted(learner(attempts(), &[]), "mlflow"), [""; 0]);
    assert!(drifted(learner(attempts(), &[]), "standard-webhooks").contains(&"retry.retry_after"));
    let deaf = [seen(1, 0, 503, None, None), seen(1, 2, 200, None, None)];
    let ignored = [seen(2, 0, 503, asked, None), seen(2, 5, 200, None, None)];
    assert_eq!(says(learner([deaf, ignored].concat_all(), &[]))["retry.retry_after"].0, "ignore");
    // A pause of the schedule that is as long says nothing.
    let slow = [seen(1, 0, 503, None, None), seen(1, 3000, 200, None, None)];
    let same = [seen(2, 0, 503, asked, None), seen(2, 3001, 200, None, None)];
    assert!(!says(learner([slow, same].concat_all(), &[])).contains_key("retry.retry_after"));
}

/// Each with an id of its own, which tells it apart from another one with the same body.
fn with_ids(mut attempts: Vec<Seen>) -> Vec<Seen> {
    for seen in &mut attempts {
        let body: serde_json::Value = serde_json::from_slice(&seen.body).unwrap();
        seen.headers = vec![("Webhook-Id".to_owned(), body["n"].to_string())];
    }
    attempts
}

#[test]
fn what_comes_again_after_a_success_is_no_retry_and_is_told() {
    let twice = |n: u64| [seen(n, 0, 200, None, None), seen(n, 300, 200, None, None)];
    let found = says(learner(with_ids([twice(1), twice(2), twice(3)].concat_all()), &[]));
    assert_eq!(found["retry.schedule"], ("[0s]".to_owned(), Certainty::Unseen));
    assert_eq!(found["retry.success"], ("[200]".to_owned(), Certainty::Certain));
    let all = || with_ids([twice(1), twice(2), twice(3)].concat_all());
    assert_eq!(drifted(learner(all(), &[]), "standard-webhooks"), ["retry.success"]);
    let evidence =
        learner(all(), &[]).learn(None, "", None).into_iter().find(Learnt::is_remark).unwrap().evidence;
    assert_eq!(evidence, "3 of 3 deliveries came again after a success (200), which is no retry");
    // The same body without an id may be another webhook.
    let found = says(learner([twice(1), twice(2), twice(3)].concat_all(), &[]));
    assert_eq!(found["retry.success"].1, Certainty::Likely);
    assert_eq!(drifted(learner([twice(1)].concat_all(), &[]), "standard-webhooks"), [""; 0]);
    // Those behind it are retries of their own, and a later copy does not put off the end of what was refused.
    let more = |n: u64| {
        let at = [(0, 503), (5000, 200), (500_000, 503), (505_000, 200)];
        at.map(|(at, status)| seen(n, at, status, None, None))
    };
    let mut attempts = with_ids([more(1), more(2)].concat_all());
    attempts.extend(with_ids(vec![seen(9, 0, 400, None, None)]));
    let found = says(learner(attempts, &[]));
    assert_eq!(found["retry.schedule"].0, "[0s, 5000ms]");
    assert_eq!((found["retry.abort"].0.as_str(), found["retry.retry"].0.as_str()), ("[400]", "[503]"));
}

#[test]
fn a_success_that_the_sender_did_not_get_is_retried() {
    for fault in ["truncate", "delay=20s"] {
        let one = |n: u64| [seen(n, 0, 200, Some(fault), None), seen(n, 5000, 200, None, None)];
        let found = says(learner(with_ids([one(1), one(2)].concat_all()), &[]));
        assert_eq!(found["retry.schedule"].0, "[0s, 5000ms]", "{fault}");
        assert!(!found.contains_key("retry.success"), "{fault}");
    }
    // It had given up waiting for an answer that took longer.
    let mut slow = [seen(1, 0, 200, None, None), seen(1, 5000, 200, None, None)];
    slow[0].end = Some(Tick(8_000_000));
    assert!(!says(learner(with_ids(slow.into()), &[])).contains_key("retry.success"));
}

/// `concat` for what cannot be cloned.
trait ConcatAll {
    fn concat_all(self) -> Vec<Seen>;
}

impl<const N: usize, const M: usize> ConcatAll for [[Seen; M]; N] {
    fn concat_all(self) -> Vec<Seen> {
        self.into_iter().flatten().collect()
    }
}

/// What comes again after an answer of the real receiver's, which is known only once the attempt was written.
#[test]
fn behind_a_tap_the_answer_is_the_real_receivers() {
    use crate::fixtures::attempt;
    use record::{Answered, Attempt, Ending, Forwarded, Record, Watch};
    // The answer comes before the sender leaves, or after it.
    let learnt = |status: u16, how: Ending, in_time: bool| {
        let mut learner = Learner::default();
        for (number, second) in [(0, 0), (1, 2)] {
            let at = Tick(second * 1_000_000);
            let (answered, end) = (Tick(at.0 + 500), Tick(at.0 + 1000));
            learner.take(&Record::Attempt(Box::new(Attempt { answer: None, ..attempt(number, at) })));
            let forwarded = Forwarded { attempt: number, sent: at, answered, status, problem: None };
            let mut both = [
                Record::Watch(Watch::Forwarded(forwarded)),
                Record::Answered(Answered { attempt: number, end, how }),
            ];
            if !in_time {
                both.reverse();
            }
            both.iter().for_each(|record| learner.take(record));
        }
        says(learner)
    };
    assert_eq!(learnt(200, Ending::Sent, true)["retry.success"].0, "[200]");
    assert_eq!(learnt(503, Ending::Sent, true)["retry.retry"].0, "[503]");
    for in_time in [true, false] {
        let left = learnt(200, Ending::SenderClosed, in_time);
        assert!(!left.contains_key("retry.success"), "{left:?}");
    }
}
