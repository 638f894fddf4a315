//! What is driven beside an observation, told to it in its own time.

use crate::clock::{Clock, Tick};
use crate::journal::{Digest, Record, Sums, Taken};
use std::sync::mpsc::Sender;

/// Flows of one scenario have numbers below this.
const FLOWS: u32 = 1_000_000;

/// Where the facts of a drive are told, besides its own journal.
#[derive(Debug)]
pub struct Told {
    /// The clock of whoever is told.
    pub clock: Clock,
    /// Which of the scenarios that are driven together this is, from 0.
    pub number: u32,
    /// Takes the facts, each before what comes of it can be seen.
    pub to: Sender<Record>,
}

/// Passes facts on as they are written.
#[derive(Debug)]
pub(super) struct Telling {
    told: Told,
    scenario: String,
    /// The driver's start after that of the other clock, in µs.
    shift_us: i64,
}

impl Telling {
    pub(super) fn new(told: Told, scenario: String, clock: Clock) -> Self {
        let shift_us = (clock.started() - told.clock.started()).num_microseconds().unwrap_or(0);
        Self { told, scenario, shift_us }
    }

    fn at(&self, tick: Tick) -> Tick {
        Tick(tick.0.saturating_add_signed(self.shift_us))
    }

    fn flow(&self, flow: u32) -> u32 {
        flow.saturating_add(self.told.number.saturating_mul(FLOWS))
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

impl Digest for Telling {
    fn take(&mut self, record: &Record) -> Taken {
        if let Some(placed) = self.placed(record) {
            // Whoever does not listen any more does not want to know.
            let _ = self.told.to.send(placed);
        }
        Taken::No
    }

    fn sums(&mut self, at: Tick, _: bool) -> Sums {
        Sums { at, ..Sums::default() }
    }

    fn open_until(&self) -> Option<Tick> {
        None
    }
}
