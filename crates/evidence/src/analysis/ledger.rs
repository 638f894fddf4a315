//! The analysis of a load while it runs, in bounded memory: flows that are over are counted and forgotten.

use super::Analysis;
use super::stats::stats_of;
use pii::{Canaries, PolicyError};
use record::Tick;
use record::{Aggregator, Attempt, End, Expect, Header, Record, RunStats, Taken, Watch};
use std::time::Duration;

/// So many flows are analysed together. A webhook that comes again after twice as many flows have begun, and
/// [`Ledger::horizon`] later, is not known any more.
const GENERATION: usize = 10_000;

/// Two generations of flows, and the sums of those before.
#[derive(Debug)]
pub struct Ledger {
    past: RunStats,
    old: Option<Analysis>,
    young: Analysis,
    /// When the last webhook that the old generation waits for is late.
    old_until: Tick,
    young_until: Tick,
    generation: usize,
}

impl Ledger {
    /// Nothing known but the header, and the canaries that the header does not list.
    ///
    /// # Errors
    /// When the PII policy in the header is none.
    pub fn new(header: Header, canaries: Canaries) -> Result<Self, PolicyError> {
        let young = Analysis::knowing(header, canaries)?;
        let (old_until, young_until) = (Tick(0), Tick(0));
        Ok(Self {
            past: RunStats::default(),
            old: None,
            young,
            old_until,
            young_until,
            generation: GENERATION,
        })
    }

    /// The generation of a flow.
    fn of_flow(&mut self, flow: u32) -> &mut Analysis {
        match &mut self.old {
            Some(old) if old.steps.flows.get(flow).is_some() => old,
            _ => &mut self.young,
        }
    }

    fn of_attempt(&mut self, attempt: &Attempt) -> &mut Analysis {
        match &mut self.old {
            Some(old) if old.claims(attempt) => old,
            _ => &mut self.young,
        }
    }

    fn both(&mut self) -> impl Iterator<Item = &mut Analysis> {
        self.old.iter_mut().chain([&mut self.young])
    }

    fn expect(&mut self, expect: &Expect) {
        let until = expect.at.plus(Duration::from_millis(expect.within_ms));
        let in_old = self.old.as_ref().is_some_and(|old| old.steps.flows.get(expect.flow).is_some());
        let latest = if in_old { &mut self.old_until } else { &mut self.young_until };
        *latest = until.max(*latest);
    }

    /// How long after the last webhook was due something may still come that belongs to it: all pauses between attempts,
    /// each attempt held for the sender's time-out, the tolerance of a gap, and the longest pause again as silence.
    fn horizon(&self) -> Duration {
        let (retry, webhook) = (&self.young.header.retry, &self.young.header.webhook);
        let attempts = webhook.timeout_ms.saturating_mul(u64::from(retry.attempts()));
        let pauses = retry.backoff_ms.iter().sum::<u64>() + retry.longest_ms() + retry.late_ms;
        Duration::from_millis(attempts.saturating_add(pauses))
    }

    /// Begins a new generation when this one is full, if the one before it is over by now.
    fn turn(&mut self) {
        // Without values that tell whose a webhook is, it could not find its generation.
        // Nor could one that comes before its flow has learned them.
        let header = &self.young.header;
        if self.young.steps.flows.len() < self.generation || header.ours.is_empty() || header.learns {
            return;
        }
        let (now, until) = (self.young.latest, self.old_until.plus(self.horizon()));
        let over = |old: &Analysis| old.steps.flows.ended() == old.steps.flows.len() as u64;
        if !self.old.as_ref().is_none_or(|old| now >= until && over(old)) {
            return;
        }
        let successor = self.young.successor();
        if let Some(mut old) = self.old.replace(std::mem::replace(&mut self.young, successor)) {
            // It was watched until now.
            old.latest = now;
            self.past.add(&stats_of(&old));
        }
        (self.old_until, self.young_until) = (self.young_until, Tick(0));
    }
}

impl Aggregator for Ledger {
    fn take(&mut self, record: &Record) -> Taken {
        match record {
            Record::FlowStart(_) => {
                self.turn();
                self.young.take(record);
            }
            Record::Expect(expect) => {
                self.expect(expect);
                self.of_flow(expect.flow).take(record);
            }
            Record::Step(step) => match step.flow {
                Some(flow) => self.of_flow(flow).take(record),
                None => self.young.take(record),
            },
            Record::Learned(learned) => self.of_flow(learned.flow).take(record),
            Record::FlowEnd(end) => self.of_flow(end.flow).take(record),
            Record::Attempt(attempt) => {
                *self.past.came.entry(attempt.verdict.reason).or_default() += 1;
                self.of_attempt(attempt).take(record);
            }
            Record::Answered(_) | Record::Watch(Watch::Forwarded(_)) => {
                self.both().for_each(|analysis| analysis.take(record));
            }
            Record::Refused(_) | Record::Watch(Watch::Diagnosed(_) | Watch::NotKept(_)) => {
                self.young.take(record);
            }
            Record::Watch(fact) => {
                match fact {
                    Watch::Gap(gap) => self.past.blind(gap),
                    Watch::Offset(offset) => self.past.uncertainty_us = Some(offset.uncertainty_us),
                    _ => {}
                }
                return Taken::No;
            }
            Record::Header(_)
            | Record::Load(_)
            | Record::Interval(_)
            | Record::RunStats(_)
            | Record::Probe(_)
            | Record::Note(_)
            | Record::EndedEarly(_)
            | Record::End(_) => return Taken::No,
        }
        Taken::In
    }

    fn stats(&mut self, at: Tick, complete: bool) -> RunStats {
        let mut sums = self.past.clone();
        for analysis in self.both() {
            analysis.latest = analysis.latest.max(at);
            analysis.end = complete.then_some(End { at, records: 0, complete });
            sums.add(&stats_of(analysis));
        }
        sums.at = at;
        sums
    }

    fn open_until(&self) -> Option<Tick> {
        let all = self.old.iter().chain([&self.young]);
        all.flat_map(Analysis::expectations).filter(|e| e.missing() > 0).map(|e| e.deadline()).max()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::analysis::load::tests::header;
    use crate::fixtures;
    use proptest::prelude::*;
    use record::Ending;
    use record::{Answered, Body, FlowEnd, FlowStart, Outcome, Step};
    use serde_json::json;

    const SECOND: u64 = 1_000_000;

    /// What becomes of a flow's webhook.
    #[derive(Debug, Clone, Copy)]
    pub(crate) enum Fate {
        AtOnce,
        Retried,
        Late,
        Lost,
        Twice,
        Foreign,
        Broken,
        GivenUp,
        Redirected,
        TwiceAnew,
        AgainRefused,
        Unexpected,
    }

    fn ledger(generation: usize) -> Ledger {
        let mut header = header();
        header.flows = 1000;
        header.ours = vec!["/id".to_owned()];
        header.webhook.timeout_ms = 1000;
        Ledger { generation, ..Ledger::new(header, Canaries::default()).unwrap() }
    }

    fn arrival(at: u64, number: u64, id: &str, flow: u32, status: u16) -> [Record; 2] {
        let attempt = Attempt {
            headers: vec![
                ("X-Webhook-Event".to_owned(), "paid".to_owned()),
                ("X-Webhook-Id".to_owned(), id.to_owned()),
            ],
            body: Body::Text(json!({ "event": "paid", "id": flow }).to_string()),
            answer: Some(status),
            ..fixtures::attempt(number, Tick(at))
        };
        let end = Answered { attempt: number, end: Tick(at + 500), how: Ending::Sent };
        [Record::Attempt(Box::new(attempt)), Record::Answered(end)]
    }

    /// The records of a flow that begins at `at`.
    fn flow(number: u32, at: u64, fate: Fate) -> Vec<Record> {
        let ours = [("/id".to_owned(), json!(number))].into();
        let start = FlowStart { flow: number, at: Tick(at), variant: None, subject: json!(number), ours };
        let expect = json!({
            "flow": number, "step": "verify", "at": at, "event": "paid", "matchers": { "/id": number },
            "count": 1, "within_ms": 5000,
        });
        let step = json!({
            "flow": number, "step": "verify", "started": at, "ended": at + 900, "request": "POST /", "status": 200,
            "outcome": Outcome::Ok, "body": "{}", "tries": 1,
        });
        let step: Step = serde_json::from_value(step).unwrap();
        let end = FlowEnd { flow: number, at: Tick(at + 1000), status: json!("verified") };
        let mut records =
            vec![Record::FlowStart(start), Record::Expect(serde_json::from_value(expect).unwrap())];
        records.extend([Record::Step(Box::new(step)), Record::FlowEnd(end)]);
        let (n, id) = (u64::from(number) * 10, format!("id-{number}"));
        let come = |offset, i, id: &str, flow, status| arrival(at + offset, n + i, id, flow, status);
        records.extend(match fate {
            Fate::AtOnce => come(2000, 0, &id, number, 200).to_vec(),
            Fate::Retried => {
                [come(2000, 0, &id, number, 503), come(2 * SECOND + 2500, 1, &id, number, 200)].concat()
            }
            Fate::Late => come(6 * SECOND, 0, &id, number, 200).to_vec(),
            Fate::Lost => Vec::new(),
            Fate::Twice => [come(2000, 0, &id, number, 200), come(9000, 1, &id, number, 200)].concat(),
            Fate::Foreign => {
                [come(2000, 0, &id, number, 200), come(3000, 1, &format!("x-{number}"), 5000, 200)].concat()
            }
            Fate::Broken => {
                let mut all =
                    [come(2000, 0, &id, number, 503), come(2 * SECOND + 2500, 1, &id, number, 200)].concat();
                if let Some(Record::Attempt(first)) = all.first_mut() {
                    first.fault = Some(record::faults::Fault::Status { status: 503, retry_after: None });
                }
                all
            }
            Fate::GivenUp => [
                come(2000, 0, &id, number, 503),
                come(2 * SECOND + 2500, 1, &id, number, 302),
                come(6 * SECOND + 3000, 2, &id, number, 404),
            ]
            .concat(),
            Fate::Redirected => {
                [come(2000, 0, &id, number, 302), come(2 * SECOND + 2500, 1, &id, number, 200)].concat()
            }
            Fate::TwiceAnew => {
                [come(2000, 0, &id, number, 200), come(9000, 1, &format!("again-{number}"), number, 200)]
                    .concat()
            }
            Fate::AgainRefused => [
                come(2000, 0, &id, number, 200),
                come(9000, 1, &id, number, 409),
                come(19_000, 2, &id, number, 500),
            ]
            .concat(),
            Fate::Unexpected => {
                let mut all =
                    [come(2000, 0, &id, number, 200), come(9000, 1, &format!("other-{number}"), number, 200)]
                        .concat();
                if let Some(Record::Attempt(other)) = all.get_mut(2) {
                    other.body = Body::Text(json!({ "event": "voided", "id": number }).to_string());
                    other.headers[0].1 = "voided".to_owned();
                }
                all
            }
        });
        records
    }

    fn fate() -> impl Strategy<Value = Fate> {
        prop_oneof![
            8 => Just(Fate::AtOnce),
            2 => Just(Fate::Retried),
            1 => Just(Fate::Late),
            1 => Just(Fate::Lost),
            1 => Just(Fate::Twice),
            1 => Just(Fate::Foreign),
        ]
    }

    fn any_fate() -> impl Strategy<Value = Fate> {
        let others = [
            Fate::Broken,
            Fate::GivenUp,
            Fate::Redirected,
            Fate::TwiceAnew,
            Fate::AgainRefused,
            Fate::Unexpected,
        ];
        prop_oneof![1 => fate(), 1 => prop::sample::select(others.to_vec())]
    }

    /// What the flows of a load amount to, while it runs and at its end, with the header: flows that begin up to 3 s apart.
    pub(crate) fn loads() -> impl Strategy<Value = (Header, Vec<RunStats>)> {
        prop::collection::vec((any_fate(), 0..3 * SECOND), 1..40).prop_map(|flows| {
            let mut at = 0;
            let mut records = Vec::new();
            for ((fate, pause), number) in flows.iter().zip(0u32..) {
                at += pause;
                records.extend(flow(number, at, *fate));
            }
            records.sort_by_key(time);
            let mut ledger = ledger(4);
            let mut told = Vec::new();
            for some in records.chunks(7) {
                some.iter().for_each(|record| assert_eq!(ledger.take(record), Taken::In));
                told.extend(some.last().map(|record| ledger.stats(Tick(time(record)), false)));
            }
            told.push(ledger.stats(Tick(600 * SECOND), true));
            (ledger.young.header.clone(), told)
        })
    }

    fn time(record: &Record) -> u64 {
        match record {
            Record::FlowStart(r) => r.at.0,
            Record::Expect(r) => r.at.0,
            Record::Step(r) => r.ended.0,
            Record::FlowEnd(r) => r.at.0,
            Record::Attempt(r) => r.received.0,
            Record::Answered(r) => r.end.0,
            _ => 0,
        }
    }

    proptest! {
        #[test]
        fn what_was_forgotten_is_in_the_sums(fates in prop::collection::vec(fate(), 1..60)) {
            let flows = fates.iter().zip(0u32..).map(|(fate, n)| flow(n, u64::from(n) * 3 * SECOND, *fate));
            let mut records: Vec<Record> = flows.flatten().collect();
            records.sort_by_key(time);
            let (mut whole, mut small) = (ledger(usize::MAX), ledger(4));
            for record in &records {
                prop_assert_eq!((whole.take(record), small.take(record)), (Taken::In, Taken::In));
            }
            let at = Tick(600 * SECOND);
            prop_assert_eq!(fates.len() < 30 || small.past.flows > 0, true);
            let (mut whole, small) = (whole.stats(at, true), small.stats(at, true));
            // Deliveries are numbered anew in each generation.
            whole.clauses.values_mut().zip(small.clauses.values()).for_each(|(a, b)| a.told.clone_from(&b.told));
            prop_assert_eq!(whole.flows, fates.len() as u64);
            prop_assert_eq!(whole, small);
        }
    }

    #[test]
    fn what_is_missing_is_open_until_its_deadline() {
        let mut ledger = ledger(10);
        for record in [flow(1, SECOND, Fate::Lost), flow(2, 2 * SECOND, Fate::AtOnce)].concat() {
            assert_eq!(ledger.take(&record), Taken::In);
        }
        assert_eq!(ledger.open_until(), Some(Tick(6 * SECOND)));
        let open = ledger.stats(Tick(5 * SECOND), false).organic;
        assert_eq!((open.pending, open.lost, open.fulfilled), (1, 0, 1));
        let over = ledger.stats(Tick(7 * SECOND), false);
        assert_eq!((over.organic.pending, over.organic.lost), (0, 1));
        let [told] = over.troubled.as_slice() else { panic!("{:?}", over.troubled) };
        assert!(told.starts_with("paid of flow 1 (id 1): never arrived, due by "), "{told}");
        assert!(told.ends_with("step verify returned 200 after 0.90 ms"), "{told}");
    }
}
