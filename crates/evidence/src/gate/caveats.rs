//! What cannot be proved of what was not seen: a latency that differs from its target by less than two clocks do, what came
//! while nothing could be seen, a text that could not be read, requests that were refused.

use super::check::{Check, Verdict};
use super::criteria::{Criterion, LOST, RUN_COMPLETED, SUCCESS_RATE};
use crate::analysis::TOO_LARGE;
use crate::figure::counted;
use pii::shown;
use record::{Gap, Tick};
use std::collections::BTreeMap;
use std::time::Duration;

/// The checks that find fault with what did not come.
const ABSENCE: [Criterion; 3] = [SUCCESS_RATE, LOST, RUN_COMPLETED];

/// A latency whose distance from its target is less than the uncertainty of two clocks proves nothing.
#[expect(clippy::cast_precision_loss, reason = "µs below 2^52")]
pub(super) fn within_uncertainty(uncertainty_us: Option<u64>, mut check: Check, limit: Option<f64>) -> Check {
    let uncertainty = uncertainty_us.map(|us| us as f64 / 1000.0);
    if let (Some(uncertainty), Some(actual), Some(limit)) = (uncertainty, check.actual, limit)
        && (actual - limit).abs() <= uncertainty
    {
        check.verdict = Verdict::Unproven;
        check.text = format!("{}; the clocks are only known to within {uncertainty:.1} ms", check.text);
    }
    check
}

/// What could not be read as text may hold anything.
pub(super) fn unread(bodies: u64, mut check: Check) -> Check {
    if bodies > 0 {
        check.text = format!(
            "{}; {bodies} could not be read completely (unknown content coding or character encoding, or too large \
             unpacked): have them sent as uncompressed UTF-8",
            check.text
        );
        if check.verdict == Verdict::Pass {
            check.verdict = Verdict::Unproven;
        }
    }
    check
}

/// Most headers of proxies that are told.
const TOLD: usize = 3;

/// An address that a header of proxies says in every webhook may be the sender's own, and a user's.
pub(super) fn forwarded(said: &BTreeMap<String, u64>, mut check: Check) -> Check {
    let Some(n) = said.values().next() else { return check };
    let mut headers: Vec<&str> = said.keys().filter_map(|one| one.split(' ').next()).collect();
    headers.dedup();
    headers.truncate(TOLD);
    let each: Vec<&str> = said.keys().take(TOLD).map(String::as_str).collect();
    check.text = format!(
        "{}; {} in {}: a proxy in front of the receiver writes the sender's own address there, but a sender might write a user's: \
         compare it with the sender's. If it is the sender's, have the proxy drop the header, or allow it in the scenario \
         (`pii: {{ allow_paths: [{}] }}`)",
        check.text,
        shown(&each.join(", ")),
        if *n == 1 { "the one webhook".to_owned() } else { format!("all {n} webhooks") },
        shown(&headers.join(", "))
    );
    if check.verdict == Verdict::Pass {
        check.verdict = Verdict::Unproven;
    }
    check
}

/// Requests that were refused as no webhooks may have been webhooks: a rate of 4xx that they would spoil proves nothing.
#[expect(clippy::cast_precision_loss, reason = "counts below 2^52")]
pub(super) fn refused(requests: &BTreeMap<u16, u64>, mut check: Check, below_percent: f64) -> Check {
    let n: u64 = requests.iter().filter(|(status, _)| (400..500).contains(*status)).map(|(_, n)| n).sum();
    if n == 0 {
        return check;
    }
    let each: Vec<String> = requests.iter().map(|(status, n)| format!("{status}: {n}")).collect();
    check.text =
        format!("{}; {n} more requests were refused as not being webhooks ({})", check.text, each.join(", "));
    let hits = check.actual.unwrap_or(0.0) / 100.0 * check.n as f64 + n as f64;
    if check.verdict == Verdict::Pass && hits / (check.n + n) as f64 * 100.0 >= below_percent {
        check.verdict = Verdict::Unproven;
    }
    check
}

/// Webhooks of which none is lost for certain: as many requests or more were too large for the receiver, and may have been these.
pub(super) fn too_large(requests: &BTreeMap<u16, u64>, lost: u64, checks: &mut [Check]) {
    let refused = requests.get(&TOO_LARGE).copied().unwrap_or(0);
    if lost == 0 || refused < lost {
        return;
    }
    let spoiled = |check: &&mut Check| [LOST, SUCCESS_RATE].iter().any(|row| row.id == check.id);
    for check in checks.iter_mut().filter(spoiled).filter(|check| check.verdict == Verdict::Fail) {
        check.verdict = Verdict::Unproven;
        check.text = format!(
            "{}; but {} exceeded the receiver's size limit (answered with {TOO_LARGE}) and may be the missing ones: receive \
             them with `smoke receive --max-body BYTES` and read them back (--inbox), or have smaller webhooks sent",
            check.text,
            counted(refused, "requests")
        );
    }
}

/// What was accepted without being verified is not known to be the sender's: the approver, who has the secret, judges it.
pub(super) fn unchecked(attempts: u64, blind: bool, mut check: Check) -> Check {
    if attempts > 0 {
        if check.verdict == Verdict::Pass {
            check.verdict = Verdict::Unproven;
        }
        let why = if blind {
            "because the run had no secret:"
        } else {
            "because the receiver they were read back from has none: give it this run's secret, or"
        };
        check.text = format!(
            "{}; {attempts} signatures were not checked, {why} `smoke gate --secret-file` judges them",
            check.text
        );
    }
    check
}

/// What was missing while nothing could be seen may have come all the same.
pub(super) fn caveats(gaps: &[Gap], checks: &mut [Check]) {
    let Some(first) = gaps.first() else { return };
    let blind = blind(gaps).as_millis();
    for check in checks.iter_mut().filter(|c| ABSENCE.iter().any(|row| row.id == c.id)) {
        check.verdict = Verdict::Unproven;
        check.text = format!(
            "{}; webhooks could not be seen for {blind} ms, because {}",
            check.text,
            shown(&first.why)
        );
    }
}

/// Of what was counted, so many were under way while nothing could be received: they are few enough without these, or are not.
#[expect(clippy::cast_precision_loss, reason = "counts below 2^52")]
pub(super) fn under_way(unseen: u64, max: u64, mut check: Check) -> Check {
    let known = check.actual.unwrap_or(0.0) - unseen as f64;
    if check.verdict == Verdict::Fail && known <= max as f64 {
        check.verdict = Verdict::Unproven;
        check.text = format!(
            "{}; {} under way while webhooks could not be received, which says nothing about the sender: run again",
            check.text,
            if unseen == 1 { "1 was".to_owned() } else { format!("{unseen} were") }
        );
    }
    check
}

/// For how long something could not be seen: a receiver and whoever reads it may both tell of the same time.
fn blind(gaps: &[Gap]) -> Duration {
    let mut gaps: Vec<(Tick, Tick)> = gaps.iter().map(|gap| (gap.from, gap.to)).collect();
    gaps.sort_unstable();
    let (mut blind, mut until) = (Duration::ZERO, Tick(0));
    for (from, to) in gaps {
        blind += to.since(from.max(until));
        until = until.max(to);
    }
    blind
}

#[cfg(test)]
mod tests {
    use super::super::Gates;
    use super::super::criteria::{DUPLICATES, LATE};
    use super::*;
    use crate::analysis::Analysis;
    use record::{Body, Header, Record, RunKind, Watch};
    use serde_json::json;

    #[test]
    fn what_was_under_way_while_nothing_was_received_fails_nobody() {
        let judged = |actual, unseen, verdict| {
            let found = Check { actual: Some(actual), ..DUPLICATES.check("0", verdict, String::new()) };
            under_way(unseen, 0, found).verdict
        };
        assert_eq!(judged(1.0, 1, Verdict::Fail), Verdict::Unproven);
        assert_eq!(judged(2.0, 1, Verdict::Fail), Verdict::Fail, "one was not");
        assert_eq!(judged(1.0, 0, Verdict::Fail), Verdict::Fail);
        assert_eq!(judged(0.0, 0, Verdict::Pass), Verdict::Pass);
    }

    /// Late and duplicate webhooks of a run whose one webhook came after 20 s, and again when it was accepted; nothing could be received
    /// for 19 s from `gap` on.
    fn judged_with_gap(gap: u64) -> [Verdict; 2] {
        let mut analysis =
            Analysis::new(Header::new(RunKind::Run, chrono::DateTime::UNIX_EPOCH).unwrap()).unwrap();
        let attempt = |number: u64, at: u64| {
            json!({"attempt": {"attempt": number, "first_byte": at, "received": at, "method": "POST", "target": "/hook",
                "headers": [["X-Webhook-Event", "paid"], ["X-Webhook-Id", "7"]], "verdict": {"valid": true, "reason": "valid", "diagnosis": null},
                "body": Body::from_bytes(br#"{"event":"paid","id":1}"#.to_vec()), "answer": 200}})
        };
        let answered =
            |number: u64, end: u64| json!({"answered": {"attempt": number, "end": end, "how": "sent"}});
        let gap = Gap { from: Tick(gap), to: Tick(gap + 19_000_000), why: String::new() };
        let records = [
            json!({"expect": {"flow": 0, "step": "verify", "at": 500_000, "event": "paid", "matchers": {"/id": 1}, "headers": {},
                "count": 1, "within_ms": 9000}}),
            attempt(0, 20_000_500),
            answered(0, 20_001_000),
            attempt(1, 20_002_000),
            answered(1, 20_003_000),
            serde_json::to_value(Record::Watch(Watch::Gap(gap))).unwrap(),
        ];
        records.into_iter().for_each(|record| analysis.take(&serde_json::from_value(record).unwrap()));
        let checks = crate::gate::judge(&analysis, &Gates::default());
        [LATE, DUPLICATES].map(|row| checks.iter().find(|check| check.id == row.id).unwrap().verdict)
    }

    #[test]
    fn what_waited_for_a_receiver_that_did_not_run_is_not_the_senders_fault() {
        assert_eq!(judged_with_gap(1_000_000), [Verdict::Unproven; 2]);
        assert_eq!(judged_with_gap(30_000_000), [Verdict::Fail; 2]);
    }

    #[test]
    fn a_time_that_two_tell_of_counts_once() {
        let gap = |(from, to)| Gap { from: Tick(from), to: Tick(to), why: String::new() };
        for (gaps, us) in [
            (vec![(10, 30)], 20),
            (vec![(10, 30), (40, 50)], 30),
            (vec![(20, 40), (10, 30)], 30),
            (vec![(10, 50), (20, 30), (45, 60)], 50),
        ] {
            let gaps: Vec<Gap> = gaps.into_iter().map(gap).collect();
            assert_eq!(blind(&gaps), Duration::from_micros(us), "{gaps:?}");
        }
    }
}
