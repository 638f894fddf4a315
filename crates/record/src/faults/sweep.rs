//! The sweep of a sender's contract: which flow tests which clause, in an order that keeps the circuit breaker closed
//! until it is its turn.

use super::clause::{Clause, ClauseSpec, Must};
use super::plan::FaultPlan;
use super::spec::{Fault, FaultSpec, Times};
use crate::RetryContract;
use std::collections::HashMap;
use std::ops::Range;

/// Flows that are driven together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phase {
    /// Which, from 0.
    pub flows: Range<u32>,
    /// Whether they run side by side.
    pub order: Order,
    /// What comes before the first of them.
    pub before: Before,
}

/// How the flows of a phase run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Up to so many at the same time.
    AtOnce(usize),
    /// One after the other.
    InTurn,
}

/// What is waited for before a phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    Nothing,
    /// Every delivery so far has ended, and its silence was watched.
    Settled,
    /// The circuit breaker has been open for long enough that nothing can have slipped in before it.
    BreakerOpened,
    /// The silence of an open circuit breaker is nearly over: what it drops now, it does not drop by chance.
    BreakerNearlyOver,
    /// The silence of an open circuit breaker is over.
    BreakerSilence,
    /// Failures so far are older than the circuit breaker's window.
    BreakerWindow,
}

/// A planned sweep; each flow fires one webhook.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sweep {
    /// The lines.
    pub clauses: Vec<Clause>,
    /// The flows, in order.
    pub phases: Vec<Phase>,
    /// Fault by flow, from 0.
    faults: HashMap<u32, FaultSpec>,
    flows: u32,
}

impl Sweep {
    /// Plans a sweep for a sender whose breaker opens after `failures` failed deliveries.
    ///
    /// First all deliveries that end well (and those that exhaust their attempts, as many as the breaker spares) side by
    /// side; then those that are aborted, in turn, each followed by one that is left alone, whose success takes the
    /// failure off the breaker's count; last the breaker: `failures` aborted ones, one at the beginning of the silence, one
    /// shortly before its end, and after it the probe and one more.
    fn plan(specs: &[ClauseSpec], failures: u32, attempts: u32) -> Self {
        let mut sweep = Self::default();
        let ends = |fault: FaultSpec| match fault.times {
            Times::All => fault.fault.ends(attempts, attempts),
            Times::First(n) => fault.fault.ends(n.min(attempts), attempts),
        };
        let each = |spec: &ClauseSpec| spec.faults.clone();
        let tested = || specs.iter().filter(|spec| spec.must != Must::TripBreaker);
        for spec in tested() {
            for fault in each(spec).into_iter().filter(|f| !ends(*f)) {
                sweep.add(spec, fault);
            }
        }
        sweep.phase(0, Order::AtOnce(usize::MAX), Before::Nothing);
        let from = sweep.flows;
        for spec in tested() {
            for fault in each(spec).into_iter().filter(|f| ends(*f)) {
                sweep.add(spec, fault);
                sweep.flows += 1;
            }
        }
        sweep.phase(from, Order::InTurn, Before::Nothing);
        for spec in specs.iter().filter(|spec| spec.must == Must::TripBreaker) {
            if failures == 0 {
                sweep.clauses.push(clause(spec, None, None));
            } else {
                sweep.trip_breaker(spec, failures);
            }
        }
        let over_all = specs.iter().filter(|s| s.faults.is_empty() && s.must != Must::TripBreaker);
        sweep.clauses.extend(over_all.map(|spec| clause(spec, None, None)));
        let place = |c: &Clause| specs.iter().position(|s| c.name.starts_with(&s.name) && c.must == s.must);
        sweep.clauses.sort_by_key(place);
        sweep
    }

    /// The sweep of a scenario's contract for a sender that promises `retry`.
    #[must_use]
    pub fn of_contract(contract: &[ClauseSpec], retry: &RetryContract) -> Self {
        let mut contract = contract.to_vec();
        // A delivery that always fails would never end.
        contract
            .iter_mut()
            .filter(|c| c.must == Must::Exhaust && retry.endless)
            .for_each(|c| c.faults.clear());
        Self::plan(&contract, retry.breaker.failures, retry.attempts())
    }

    /// How many flows it takes.
    #[must_use]
    pub const fn flows(&self) -> u32 {
        self.flows
    }

    /// The faults, numbered by flow from 1.
    #[must_use]
    pub fn faults(&self, attempts: u32) -> FaultPlan {
        let by_number = self.faults.iter().map(|(flow, spec)| (u64::from(*flow) + 1, *spec)).collect();
        FaultPlan::of_each(by_number, u64::from(self.flows), attempts)
    }

    fn add(&mut self, spec: &ClauseSpec, fault: FaultSpec) {
        self.clauses.push(clause(spec, Some(fault), Some(self.flows)));
        self.faults.insert(self.flows, fault);
        self.flows += 1;
    }

    fn phase(&mut self, from: u32, order: Order, before: Before) {
        if from < self.flows {
            self.phases.push(Phase { flows: from..self.flows, order, before });
        }
    }

    fn trip_breaker(&mut self, spec: &ClauseSpec, failures: u32) {
        let status = Fault::Status { status: 400, retry_after: None };
        let fault = spec.faults.first().copied().unwrap_or(FaultSpec::once(status));
        let from = self.flows;
        self.clauses.push(clause(spec, None, None));
        for _ in 0..failures {
            self.faults.insert(self.flows, fault);
            self.flows += 1;
        }
        self.phase(from, Order::InTurn, Before::Settled);
        for before in [Before::BreakerOpened, Before::BreakerNearlyOver] {
            let silent = self.flows;
            self.flows += 1;
            self.phase(silent, Order::InTurn, before);
        }
        let probe = self.flows;
        self.flows += 2;
        self.phase(probe, Order::InTurn, Before::BreakerSilence);
    }
}

fn clause(spec: &ClauseSpec, fault: Option<FaultSpec>, flow: Option<u32>) -> Clause {
    let name = match fault.map(|f| f.fault) {
        None => spec.name.clone(),
        Some(Fault::Status { status, retry_after: None }) => format!("{} {status}", spec.name),
        Some(fault) => format!("{} {fault}", spec.name),
    };
    Clause { name, must: spec.must, fault, flow, why: spec.why.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(name: &str, must: Must, faults: &[&str]) -> ClauseSpec {
        let faults = faults.iter().map(|f| f.parse().unwrap()).collect();
        ClauseSpec { name: name.to_owned(), must, faults, why: String::new() }
    }

    #[test]
    fn what_fails_is_interleaved_with_successes_and_the_breaker_comes_last() {
        let specs = [
            spec("signs", Must::SignValidly, &[]),
            spec("aborts", Must::Abort, &["400", "404"]),
            spec("accepts", Must::Accept, &["answer=206"]),
            spec("exhausts", Must::Exhaust, &["503x*"]),
            spec("breaker", Must::TripBreaker, &["400"]),
        ];
        let sweep = Sweep::plan(&specs, 5, 3);
        let names: Vec<&str> = sweep.clauses.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names, ["signs", "aborts 400", "aborts 404", "accepts 206", "exhausts 503", "breaker"]);
        let ranges: Vec<Range<u32>> = sweep.phases.iter().map(|p| p.flows.clone()).collect();
        assert_eq!(ranges, [0..1, 1..7, 7..12, 12..13, 13..14, 14..16]);
        let befores: Vec<Before> = sweep.phases.iter().skip(2).map(|p| p.before).collect();
        assert_eq!(
            befores,
            [Before::Settled, Before::BreakerOpened, Before::BreakerNearlyOver, Before::BreakerSilence]
        );
        let faults = sweep.faults(3);
        let broken: Vec<u64> = (1..=16).filter(|&n| faults.fails(n)).collect();
        assert_eq!(broken, [2, 4, 6, 8, 9, 10, 11, 12]);
    }
}
