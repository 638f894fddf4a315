//! The order in which flows are driven: all at once, unless that would open the sender's circuit breaker by accident.

use super::injector::webhooks_of;
use super::plan::{BreakerPolicy, Plan};
use record::BreakerContract;
use record::faults::{Before, Order, Phase};
use std::time::Duration;

/// On top of a silence or window that is waited out: the sender's clock begins later than ours.
pub(super) const MARGIN: Duration = Duration::from_millis(250);

/// How long after an opening nothing can have slipped in before it.
fn certain(breaker: BreakerContract) -> Duration {
    breaker.overlap() + MARGIN
}

/// How long after an opening the silence is over, whatever delayed the opening.
pub(super) fn over(breaker: BreakerContract) -> Duration {
    certain(breaker) + breaker.open()
}

/// How a run's faults live with the sender's circuit breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Budget {
    /// It cannot open it.
    Spared,
    /// All failing answers are held back until every webhook is on its way, so that none meets an open breaker.
    Gathered,
    /// The flows run in phases with pauses of so much in all; zero when successes in between do.
    Paced(Duration),
    /// It may open it, and what it swallows is counted as suppressed.
    LetOpen,
    /// It opens it on purpose, and waits its silence out.
    Tripped(Duration),
}

impl Plan {
    /// How this run's faults live with the sender's circuit breaker.
    pub(crate) fn budget(&self) -> Budget {
        let contract = self.retry.breaker;
        let waits = |phases: &[Phase]| phases.iter().map(|p| self.pause(p.before)).sum();
        if let Some(sweep) = &self.sweep {
            return Budget::Tripped(waits(&sweep.phases));
        }
        if self.faults.failing() <= contract.spare() {
            Budget::Spared
        } else if self.breaker == BreakerPolicy::RunOn {
            Budget::LetOpen
        } else if self.concurrency >= self.flows && (0..self.flows).all(|flow| self.webhooks(flow) <= 1) {
            Budget::Gathered
        } else {
            Budget::Paced(waits(&self.paced()))
        }
    }

    /// The phases of the run, in order.
    pub(super) fn phases(&self) -> Vec<Phase> {
        match (&self.sweep, self.budget()) {
            (Some(sweep), _) => sweep.phases.clone(),
            (None, Budget::Paced(_)) => self.paced(),
            (None, _) => vec![self.phase(0, self.flows, Before::Nothing)],
        }
    }

    /// How long is waited for what comes before a phase, as far as it is known beforehand.
    pub(super) fn pause(&self, before: Before) -> Duration {
        let breaker = self.retry.breaker;
        let late = breaker.nearly_over().max(certain(breaker));
        match before {
            Before::Nothing | Before::Settled => Duration::ZERO,
            Before::BreakerOpened => certain(breaker),
            Before::BreakerNearlyOver => late.saturating_sub(certain(breaker)),
            Before::BreakerSilence => (over(breaker) + MARGIN).saturating_sub(late),
            Before::BreakerWindow => breaker.window() + MARGIN,
        }
    }

    /// Splits the flows so that the breaker's count stays below its limit whatever the order within a phase: successes
    /// of a phase take failures of earlier ones off; where that is not enough, the window is waited out.
    fn paced(&self) -> Vec<Phase> {
        let spare = self.retry.breaker.spare();
        let (mut phases, mut begin, mut before) = (Vec::new(), 0, Before::Nothing);
        // The breaker's count at the beginning of the phase, and what the phase adds: failures, successes in front of the
        // last of them, and successes behind it, which begin at `tail`.
        let (mut carried, mut failed, mut ahead, mut behind, mut tail) = (0u64, 0u64, 0u64, 0u64, 0);
        let mut number = 0;
        for flow in 0..self.flows {
            let webhooks = self.webhooks(flow);
            let fails = (number + 1..=number + webhooks).filter(|n| self.faults.fails(*n)).count() as u64;
            number += webhooks;
            if fails > 0 && carried + failed + fails > spare && flow > begin {
                for (from, to) in [(begin, tail), (tail, flow)] {
                    if from < to {
                        phases.push(self.phase(from, to, std::mem::replace(&mut before, Before::Settled)));
                    }
                }
                carried = (carried.saturating_sub(ahead) + failed).saturating_sub(behind);
                if carried + fails > spare {
                    (before, carried) = (Before::BreakerWindow, 0);
                }
                (begin, failed, ahead, behind) = (flow, 0, 0, 0);
            }
            if fails > 0 {
                ahead += behind;
                (behind, tail) = (0, flow + 1);
            }
            failed += fails;
            behind += webhooks - fails;
        }
        phases.push(self.phase(begin, self.flows, before));
        phases
    }

    fn phase(&self, from: u32, to: u32, before: Before) -> Phase {
        Phase { flows: from..to, order: Order::AtOnce(self.concurrency as usize), before }
    }

    fn webhooks(&self, flow: u32) -> u64 {
        webhooks_of(&self.loaded.scenario, flow)
    }
}
