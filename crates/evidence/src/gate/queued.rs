//! Latencies that say more of what smoke did or missed than of the sender: behind webhooks that were broken on purpose, where the sender works
//! on one at a time, and over times in which nothing could be seen.

use super::Gates;
use super::check::{Check, Verdict};
use super::criteria::Criterion;
use super::judge::percentiles;
use crate::analysis::Analysis;
use pii::shown;
use record::Tick;
use record::latency::Latency;

/// A delivery has waited behind a broken one when it came after its end, and so much of its latency, in percent, was before that.
const MOST: u128 = 80;

/// The sender has our answer before its end is written down, and goes on at once: what came so much earlier, in µs, is behind it all
/// the same. Far below any pause of a retry, and far above what a thread waits for its turn.
const WRITTEN_LATE: u64 = 5_000;

/// What latencies are judged by.
#[derive(Clone, Copy)]
pub(super) struct Judged<'a> {
    pub analysis: &'a Analysis,
    pub gates: &'a Gates,
    pub uncertainty_us: Option<u64>,
    /// The criteria of p50 and p95.
    pub rows: [Criterion; 2],
}

impl Judged<'_> {
    /// A first attempt may have been made while nothing could be seen, and what came afterwards was a retry.
    pub(super) fn over_gaps(self, checks: &mut [Check]) {
        let gaps = &self.analysis.watched.gaps;
        let over = |asked: Tick, came: Tick| gaps.iter().find(|gap| gap.from < came && asked < gap.to);
        self.set_aside(checks, over, |gap, aside, n| {
            format!(
                "{aside} of {n} deliveries were due while webhooks could not be seen, because {}: what arrived may be a retry",
                shown(&gap.why)
            )
        });
    }

    /// Unbroken deliveries that came only when a broken one had been given up or retried say how long that took, and not how fast
    /// the sender is.
    pub(super) fn behind_broken(self, checks: &mut [Check]) {
        let broken = self.analysis.own_troubled().filter(|delivery| delivery.injected());
        let mut ends: Vec<Tick> = broken.map(|delivery| delivery.last_seen()).collect();
        ends.sort_unstable();
        let behind = |asked: Tick, came: Tick| has_waited((asked, came), &ends).then_some(());
        self.set_aside(checks, behind, |(), aside, n| {
            format!(
                "{aside} of {n} deliveries arrived only after one that was broken on purpose had ended: the sender works on one at a \
                 time; a run without faults shows its latency"
            )
        });
    }

    /// A latency that is too high only because of the unbroken deliveries of which `spoilt` tells something, by when each was asked
    /// for and when it came, is unproven. `why` says so, by the first that it tells, of how many of all.
    fn set_aside<T>(
        self,
        checks: &mut [Check],
        spoilt: impl Fn(Tick, Tick) -> Option<T>,
        why: impl Fn(T, u64, u64) -> String,
    ) {
        let Self { analysis, gates, uncertainty_us, rows } = self;
        let is_slow =
            |check: &Check| rows.iter().any(|row| row.id == check.id) && check.verdict == Verdict::Fail;
        if !checks.iter().any(is_slow) {
            return;
        }
        let (mut aside, mut n, mut others, mut first) = (0, 0, Latency::default(), None);
        for asked in analysis.expectations() {
            let came = asked.by().filter_map(|index| analysis.deliveries.get(index));
            for delivery in came.filter(|delivery| !delivery.injected()) {
                let Some(latency) = analysis.latency(&delivery) else { continue };
                n += 1;
                match spoilt(asked.at, delivery.first_byte()) {
                    Some(told) => {
                        aside += 1;
                        first.get_or_insert(told);
                    }
                    None => others.record(latency),
                }
            }
        }
        let Some(first) = first else { return };
        let (why, again) = (why(first, aside, n), percentiles(gates, &others, uncertainty_us, rows));
        for check in checks.iter_mut().filter(|check| is_slow(check)) {
            if again.iter().any(|other| other.id == check.id && other.verdict == Verdict::Fail) {
                continue;
            }
            check.verdict = Verdict::Unproven;
            check.text = format!("{why} ({})", check.text);
        }
    }
}

/// `ends`: of the broken deliveries, in order.
fn has_waited((asked, came): (Tick, Tick), ends: &[Tick]) -> bool {
    let latest = ends
        .partition_point(|end| end.0 <= came.0.saturating_add(WRITTEN_LATE))
        .checked_sub(1)
        .and_then(|at| ends.get(at));
    latest.is_some_and(|end| {
        *end > asked && end.since(asked).as_micros() * 100 >= came.since(asked).as_micros() * MOST
    })
}

#[cfg(test)]
mod tests {
    use super::super::criteria::LATENCY_P95;
    use super::*;
    use record::{Body, Gap, Header, Record, RunKind, Watch};
    use serde_json::json;

    /// A run of one flow whose webhook came 3 s after it was asked for; nothing could be seen from `gap` on for half a second.
    fn latency_with_gap(gap: u64) -> Check {
        let gap =
            Gap { from: Tick(gap), to: Tick(gap + 500_000), why: "the inbox does not respond".to_owned() };
        let mut analysis =
            Analysis::new(Header::new(RunKind::Run, chrono::DateTime::UNIX_EPOCH).unwrap()).unwrap();
        let records = [
            json!({"expect": {"flow": 0, "step": "verify", "at": 0, "event": "paid", "matchers": {"/id": 1}, "headers": {},
                "count": 1, "within_ms": 9000}}),
            json!({"attempt": {"attempt": 0, "first_byte": 3_000_000, "received": 3_000_000, "method": "POST", "target": "/hook",
                "headers": [["X-Webhook-Event", "paid"]], "body": Body::from_bytes(br#"{"event":"paid","id":1}"#.to_vec()),
                "verdict": {"valid": true, "reason": "valid", "diagnosis": null}, "answer": 200}}),
            json!({"answered": {"attempt": 0, "end": 3_001_000, "how": "sent"}}),
        ];
        records.into_iter().for_each(|record| analysis.take(&serde_json::from_value(record).unwrap()));
        analysis.take(&Record::Watch(Watch::Gap(gap)));
        let gates = Gates { latency_p95_below_ms: Some(2000.0), ..Gates::default() };
        let checks = crate::gate::judge(&analysis, &gates);
        checks.into_iter().find(|check| check.id == LATENCY_P95.id).unwrap()
    }

    #[test]
    fn what_came_after_a_time_in_which_nothing_was_seen_may_be_a_retry() {
        let over = latency_with_gap(1_000_000);
        assert_eq!(over.verdict, Verdict::Unproven, "{}", over.text);
        assert!(
            over.text.starts_with("1 of 1 deliveries were due while webhooks could not be seen"),
            "{}",
            over.text
        );
        // Before anything was asked for, or afterwards.
        assert_eq!(latency_with_gap(4_000_000).verdict, Verdict::Fail);
    }

    #[test]
    fn who_came_behind_the_end_of_a_broken_one_has_waited_for_it() {
        let ends = [Tick(20_000), Tick(6_000_000)];
        for (asked, came, wanted) in [
            (0, 6_010_000, true),
            (0, 5_999_000, true),
            (0, 5_900_000, false),
            (6_000_000, 6_010_000, false),
            // It took as long again afterwards.
            (0, 12_000_000, false),
            (0, 900, false),
        ] {
            assert_eq!(has_waited((Tick(asked), Tick(came)), &ends), wanted, "{asked} {came}");
        }
    }
}
