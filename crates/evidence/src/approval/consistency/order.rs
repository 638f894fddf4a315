//! Times go forward: a record is written when what it tells of has happened.

use super::{Contradictions, plays};
use crate::analysis::ReceiverClock;
use record::{Header, Record, RunKind, Tick};
use std::time::Duration;

/// So much later than it is stamped a record may be written: a thread that was not let run meanwhile, on a busy machine.
const WRITTEN_WITHIN: Duration = Duration::from_secs(2);

pub(super) struct Order {
    /// Whether all records are of one process, so that their order is that of their times, unless webhooks were read back from a
    /// receiver elsewhere: when those were written says nothing about when they came.
    is_one_process: bool,
    is_a_receiver: bool,
    /// Whether what a webhook is told by may be written when its step has been answered.
    learns: bool,
    latest: Tick,
    /// The first record whose time lies behind what was written before it; told at the end, when it is known that all
    /// records are of one clock.
    backwards: Option<String>,
}

impl Order {
    pub(super) fn new(header: &Header) -> Self {
        Self {
            is_one_process: plays(header),
            is_a_receiver: header.kind == RunKind::Receive,
            learns: header.learns,
            latest: Tick(0),
            backwards: None,
        }
    }

    pub(super) fn take(&mut self, record: &Record, found: &mut Contradictions) {
        let (from, to, what) = match record {
            Record::FlowStart(r) => (r.at, r.at, "the start of a flow"),
            Record::Learned(r) => (r.at, r.at, "what a flow has learned"),
            Record::Expect(_) if self.learns => return,
            Record::Expect(r) => (r.at, r.at, "an expectation"),
            Record::Step(r) => (r.started, r.ended, "a step"),
            Record::FlowEnd(r) => (r.at, r.at, "the end of a flow"),
            Record::Attempt(r) => (r.first_byte, r.received, "an attempt"),
            Record::Answered(r) => (r.end, r.end, "an answer"),
            Record::End(r) => {
                self.ends(r.at, found);
                (r.at, r.at, "the end of the journal")
            }
            _ => return,
        };
        if from > to {
            found.add(
                "ends_before_it_starts",
                format!("{what} ends at {} s, and starts at {} s", s(to), s(from)),
            );
        }
        if to.plus(WRITTEN_WITHIN) < self.latest && self.backwards.is_none() {
            self.backwards = Some(format!(
                "{what} at {} s comes after records at {} s: times were changed, or runs were mixed",
                s(to),
                s(self.latest)
            ));
        }
        self.latest = self.latest.max(to);
    }

    /// A receiver writes its end when everything else has been; nothing came after it.
    fn ends(&self, at: Tick, found: &mut Contradictions) {
        if self.is_a_receiver && at.plus(WRITTEN_WITHIN) < self.latest {
            let sentence =
                format!("the journal ends at {} s, but has facts from {} s", s(at), s(self.latest));
            found.add("times_out_of_order", sentence);
        }
    }

    /// `clock`: that of the receiver, as the whole journal states it.
    pub(super) fn end(self, clock: &ReceiverClock, found: &mut Contradictions) {
        let is_one_clock = self.is_one_process && clock.apart.is_none();
        if let Some(sentence) = self.backwards.filter(|_| is_one_clock) {
            found.add("times_out_of_order", sentence);
        }
    }
}

/// A tick in seconds.
pub(super) fn s(at: Tick) -> String {
    format!("{:.6}", at.since(Tick(0)).as_secs_f64())
}
