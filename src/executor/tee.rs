//! What is driven beside an observation, told to it in its own time.

use record::{DRIVEN_FLOWS, Record, Tick};
use std::sync::mpsc::Sender;
use wire::Clock;

/// Where the records of a drive go besides its own journal.
#[derive(Debug)]
pub(crate) struct DriveTee {
    /// The clock of the observation.
    pub clock: Clock,
    /// Which of the scenarios that are driven together this is, from 0.
    pub number: u32,
    /// Takes the records, each before what comes of it can be seen.
    pub to: Sender<Record>,
}

impl DriveTee {
    /// Passes on the records of `scenario`, whose times are by `clock`, as the observation has to see them.
    pub(super) fn placing(self, scenario: String, clock: Clock) -> impl Fn(&Record) + Send + Sync + 'static {
        let shift_us = (clock.started() - self.clock.started()).num_microseconds().unwrap_or(0);
        let placement = Placement { number: self.number, scenario, shift_us };
        move |record| {
            if let Some(placed) = placement.place(record) {
                // Whoever does not listen any more does not want to know.
                let _ = self.to.send(placed);
            }
        }
    }
}

/// Where the records of one scenario belong among those of others.
#[derive(Debug)]
struct Placement {
    number: u32,
    scenario: String,
    /// The driver's start after that of the other clock, in µs.
    shift_us: i64,
}

impl Placement {
    fn at(&self, tick: Tick) -> Tick {
        Tick(tick.0.saturating_add_signed(self.shift_us))
    }

    fn flow(&self, flow: u32) -> u32 {
        flow.saturating_add(self.number.saturating_mul(DRIVEN_FLOWS))
    }

    /// Several scenarios share one journal: their flows are numbered apart, and steps bear their scenario's name. Bodies
    /// stay in the drive's own journal.
    fn place(&self, record: &Record) -> Option<Record> {
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
            Record::Learned(mut learned) => {
                (learned.flow, learned.at) = (self.flow(learned.flow), self.at(learned.at));
                learned.ours.clear();
                Record::Learned(learned)
            }
            Record::FlowEnd(mut end) => {
                (end.flow, end.at) = (self.flow(end.flow), self.at(end.at));
                Record::FlowEnd(end)
            }
            _ => return None,
        })
    }
}
