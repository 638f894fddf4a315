//! What is driven beside an observation, target to it in its own time.

use record::Tick;
use record::{Aggregator, Record, RunStats, Taken};
use std::sync::mpsc::Sender;
use wire::Clock;

/// Flows of one scenario have numbers below this.
const FLOWS: u32 = 1_000_000;

/// Where the facts of a drive are target, besides its own journal.
#[derive(Debug)]
pub struct Tee {
    /// The clock of whoever is target.
    pub clock: Clock,
    /// Which of the scenarios that are driven together this is, from 0.
    pub number: u32,
    /// Takes the facts, each before what comes of it can be seen.
    pub to: Sender<Record>,
}

/// Passes facts on as they are written.
#[derive(Debug)]
pub(super) struct RecordTee {
    target: Tee,
    scenario: String,
    /// The driver's start after that of the other clock, in µs.
    shift_us: i64,
}

impl RecordTee {
    pub(super) fn new(target: Tee, scenario: String, clock: Clock) -> Self {
        let shift_us = (clock.started() - target.clock.started()).num_microseconds().unwrap_or(0);
        Self { target, scenario, shift_us }
    }

    fn at(&self, tick: Tick) -> Tick {
        Tick(tick.0.saturating_add_signed(self.shift_us))
    }

    fn flow(&self, flow: u32) -> u32 {
        flow.saturating_add(self.target.number.saturating_mul(FLOWS))
    }

    /// Several scenarios share one journal: their flows are numbered apart, and steps bear their scenario's name. Bodies
    /// stay in the drive's own journal.
    fn placed(&self, record: &Record) -> Option<Record> {
        Some(match record.clone() {
            Record::FlowStart(mut start) => {
                (start.flow, start.at) = (self.flow(start.flow), self.at(start.at));
                start.ours.clear();
                Record::FlowStart(start)
            }
            Record::Expect(mut expect) => {
                (expect.flow, expect.at) = (self.flow(expect.flow), self.at(expect.at));
                expect.step = format!("{}/{}", self.scenario, expect.step);
                Record::Expect(expect)
            }
            Record::Step(mut step) => {
                step.flow = step.flow.map(|flow| self.flow(flow));
                (step.started, step.ended) = (self.at(step.started), self.at(step.ended));
                step.step = format!("{}/{}", self.scenario, step.step);
                step.body = None;
                Record::Step(step)
            }
            Record::FlowEnd(mut end) => {
                (end.flow, end.at) = (self.flow(end.flow), self.at(end.at));
                Record::FlowEnd(end)
            }
            _ => return None,
        })
    }
}

impl Aggregator for RecordTee {
    fn take(&mut self, record: &Record) -> Taken {
        if let Some(placed) = self.placed(record) {
            // Whoever does not listen any more does not want to know.
            let _ = self.target.to.send(placed);
        }
        Taken::No
    }

    fn stats(&mut self, at: Tick, _: bool) -> RunStats {
        RunStats { at, ..RunStats::default() }
    }

    fn open_until(&self) -> Option<Tick> {
        None
    }
}
