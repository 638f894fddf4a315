//! What of the records is kept for spans beside the analysis: when flows and steps began and ended, and who called whom.

use super::MAX_FLOWS;
use correlate::print;
use record::{Header, Outcome, Record, Tick};
use std::collections::{BTreeMap, HashMap};
use telemetry::TraceParent;

/// Most attempts whose `traceparent` is kept.
const MAX_PARENTS: usize = 100_000;

/// A step that ended.
#[derive(Debug, Clone)]
pub(super) struct StepSeen {
    pub flow: Option<u32>,
    pub name: String,
    pub started: Tick,
    pub ended: Tick,
    pub method: String,
    pub status: Option<u16>,
    pub outcome: Outcome,
    pub tries: u32,
}

/// When a flow began and ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct FlowSeen {
    pub started: Tick,
    pub ended: Option<Tick>,
}

#[derive(Debug)]
pub(super) struct Seen {
    pub flows: BTreeMap<u32, FlowSeen>,
    pub steps: Vec<StepSeen>,
    pub left_out: usize,
    /// By the first byte of an attempt and the print of its body.
    parents: HashMap<(Tick, u64), TraceParent>,
    /// Whether the journal's flows are traced at all: those of a load are not in it.
    traced: bool,
}

impl Seen {
    pub(super) fn new(header: &Header) -> Self {
        Self {
            flows: BTreeMap::new(),
            steps: Vec::new(),
            left_out: 0,
            parents: HashMap::new(),
            traced: header.scenario.is_played(),
        }
    }

    pub(super) fn take(&mut self, record: &Record) {
        match record {
            Record::FlowStart(start) if self.traced => {
                if self.flows.len() < MAX_FLOWS {
                    self.flows.insert(start.flow, FlowSeen { started: start.at, ended: None });
                } else {
                    self.left_out += 1;
                }
            }
            Record::FlowEnd(end) => {
                if let Some(flow) = self.flows.get_mut(&end.flow) {
                    flow.ended = Some(end.at);
                }
            }
            Record::Step(step) if step.flow.is_none_or(|flow| self.flows.contains_key(&flow)) => {
                self.steps.push(StepSeen {
                    flow: step.flow,
                    name: step.step.clone(),
                    started: step.started,
                    ended: step.ended,
                    method: step.request.split(' ').next().unwrap_or_default().to_owned(),
                    status: step.status,
                    outcome: step.outcome,
                    tries: step.tries,
                });
            }
            Record::Attempt(attempt) if self.parents.len() < MAX_PARENTS => {
                if let Some(parent) = attempt.header("traceparent").and_then(TraceParent::parse) {
                    self.parents.insert((attempt.first_byte, print(&attempt.body.bytes())), parent);
                }
            }
            _ => {}
        }
    }

    /// What an attempt said that it is a part of.
    pub(super) fn parent(&self, first_byte: Tick, body: u64) -> Option<TraceParent> {
        self.parents.get(&(first_byte, body)).copied()
    }
}
