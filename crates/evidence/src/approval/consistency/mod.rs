//! Whether a journal is one that smoke can have written: of this scenario, in this order, at these times. Each contradiction
//! is one that no honest run has; what only looks odd is told elsewhere, and proves nothing.

mod answers;
mod driven;
mod flows;
mod header;
mod keys;
mod load;
mod order;
mod outcomes;
mod probe;
mod run_stats;
mod sender_log;
mod window;

use super::judgement::Findings;
use crate::analysis::ReceiverClock;
use answers::Answers;
pub(super) use answers::UNDER_WAY;
use chrono::TimeDelta;
pub(super) use driven::Driven;
use flows::Flows;
use load::Sums;
use order::Order;
use probe::Probed;
use record::{EncodedRecord, Header, Record, RunKind, Watch};
use scenario::Scenario;
use std::fmt::Display;
use window::Window;

/// Most contradictions of one kind that are kept; more say nothing more.
const MOST: usize = 40;
/// The line behind the header.
const SECOND: u64 = 2;

/// Contradictions of one journal.
#[derive(Default)]
pub(super) struct Contradictions {
    kept: Vec<(&'static str, String)>,
    /// How many of each kind are kept.
    kinds: Vec<(&'static str, usize)>,
}

impl Contradictions {
    /// The sentence is made only where it is kept.
    pub(super) fn add(&mut self, kind: &'static str, sentence: impl Display) {
        let known = self.kinds.iter().position(|(known, _)| *known == kind);
        let index = known.unwrap_or(self.kinds.len());
        if known.is_none() {
            self.kinds.push((kind, 0));
        }
        if let Some((_, n)) = self.kinds.get_mut(index).filter(|(_, n)| *n < MOST) {
            *n += 1;
            self.kept.push((kind, pii::shown(&sentence.to_string())));
        }
    }
}

/// Everything that is held against each other while the records go by.
pub(super) struct Consistency<'a> {
    header: &'a Header,
    clock: ReceiverClock,
    flows: Flows<'a>,
    answers: Answers,
    order: Order,
    sums: Sums<'a>,
    window: Window<'a>,
    probed: Probed,
    line: u64,
    /// The record that was taken last, as smoke writes it.
    encoded: EncodedRecord,
    /// Whether something that says nothing about the sender is said to have ended the run.
    ended_early: bool,
    found: Contradictions,
}

impl<'a> Consistency<'a> {
    pub(super) fn new(header: &'a Header, first_line: &[u8], scenario: Option<&'a Scenario>) -> Self {
        let (mut found, mut encoded) = (Contradictions::default(), EncodedRecord::default());
        let first = Record::Header(Box::new(header.clone()));
        keys::check(1, first_line, (&first, &mut encoded), &mut found);
        header::check(header, scenario, &mut found);
        Self {
            header,
            clock: ReceiverClock::default(),
            flows: Flows::new(header, scenario),
            answers: Answers::new(header, scenario),
            order: Order::new(header),
            sums: Sums::new(header, scenario),
            window: Window::new(header),
            probed: Probed::default(),
            line: 1,
            encoded,
            ended_early: false,
            found,
        }
    }

    /// Takes in a record and the text that it was read from.
    pub(super) fn take(&mut self, record: &Record, text: &[u8]) {
        self.line += 1;
        keys::check(self.line, text, (record, &mut self.encoded), &mut self.found);
        let Self { header, clock, flows, answers, order, sums, window, found, .. } = self;
        header::fits(header.kind, record, found);
        clock.take(record);
        order.take(record, found);
        window.take(record, found);
        match record {
            Record::FlowStart(_)
            | Record::Learned(_)
            | Record::Expect(_)
            | Record::Step(_)
            | Record::FlowEnd(_) => {
                flows.take(record, found);
            }
            Record::Attempt(attempt) => answers.arrived(attempt, found),
            Record::Answered(answered) => answers.answered(answered),
            Record::Watch(watch) => {
                answers.noted(watch, found);
                if let Watch::Gap(gap) = watch {
                    sums.unseen(gap);
                }
                if matches!(watch, Watch::Continues(_)) && self.line != SECOND {
                    found.add(
                        "continues_out_of_place",
                        "which file this one continues stands behind the header or nowhere",
                    );
                }
            }
            Record::Load(plan) => sums.plan(plan, found),
            Record::Interval(interval) => sums.take(interval, found),
            Record::RunStats(of_flows) => sums.of_flows(of_flows, found),
            Record::Probe(fact) => self.probed.take(fact, found),
            Record::EndedEarly(_) => self.ended_early = true,
            Record::End(end) => {
                if end.complete && self.ended_early {
                    found.add("end_contradicts_itself", "the run ended early, yet is said to have completed");
                }
                answers.ended(end);
                sums.end(end, found);
                self.probed.end(end, found);
                flows.end(end.complete, found);
            }
            _ => {}
        }
    }

    /// The receiver's clock minus the run's, as the records state it.
    pub(super) const fn receiver_clock(&self) -> Option<TimeDelta> {
        self.clock.apart
    }

    /// What was found, once there are no more records.
    pub(super) fn finish(mut self) -> Contradictions {
        self.answers.end(&self.clock, &mut self.found);
        self.order.end(&self.clock, &mut self.found);
        self.sums.broken(&self.clock, &mut self.found);
        self.found
    }
}

impl Contradictions {
    pub(super) fn report(self, journal: &str, found: &mut Findings) {
        for (kind, sentence) in self.kept {
            found.add(kind, format!("{journal}: {sentence}"));
        }
    }
}

/// Whether the flows of a scenario are in the journal one by one, in the time of one clock.
const fn plays(header: &Header) -> bool {
    matches!(header.kind, RunKind::Run)
}
