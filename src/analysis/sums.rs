//! What an analysis amounts to.

use super::kept::{breaker_sums, clause_sums};
use super::{Analysis, Breaker, Findings};
use crate::journal::{PiiSums, Sums, TOLD, Tally};

impl Sums {
    /// Everything that was analysed so far, counted.
    #[must_use]
    pub fn of(analysis: &Analysis) -> Self {
        let (organic, injected) = Tally::both(analysis);
        let mut sums = Self {
            at: analysis.latest,
            flows: analysis.steps.flows.len() as u64,
            ended: analysis.steps.flows.ended(),
            expectations: analysis.expectation_count() as u64,
            steps: analysis.steps.by_name.clone(),
            organic,
            injected,
            refused: analysis.refused.clone(),
            webhook_pii: pii(&analysis.privacy.webhooks),
            api_pii: pii(&analysis.privacy.api),
            clauses: clause_sums(analysis),
            breaker: breaker_sums(analysis),
            uncertainty_us: analysis.watched.offset.as_ref().map(|o| o.uncertainty_us),
            ..Self::default()
        };
        analysis.diagnoses().iter().for_each(|(diagnosis, n)| sums.diagnosed(diagnosis, *n));
        analysis.watched.gaps.iter().for_each(|gap| sums.blind(gap));
        sums.look_at_deliveries(analysis);
        if sums.organic.lost + sums.organic.late + sums.injected.late > 0 {
            sums.name_troubled(analysis);
        }
        sums
    }

    /// Whose they are, and what this process added to them.
    fn look_at_deliveries(&mut self, analysis: &Analysis) {
        for delivery in analysis.deliveries.iter() {
            if delivery.foreign {
                self.foreign += 1;
                continue;
            }
            for attempt in delivery.tries.iter().filter(|t| t.fault.is_none()) {
                if let Some(end) = attempt.end {
                    self.inbox.record(end.since(attempt.first_byte));
                }
            }
        }
    }

    fn name_troubled(&mut self, analysis: &Analysis) {
        let breaker = Breaker::of(analysis);
        let contract = analysis.header.retry.breaker;
        let complete = analysis.end.as_ref().is_some_and(|e| e.complete);
        for one in analysis.expectations() {
            let (flow, due, within) = (one.flow, one.at.0 as f64 / 1e6, one.within.as_millis());
            let over = complete || one.deadline() <= analysis.latest;
            if one.missing() > 0 && over && !breaker.swallows(contract, one.at) {
                self.trouble(|| format!("flow {flow}: a webhook that was due at {due:.3} s never came"));
            }
            let mut by = one.by().filter_map(|index| analysis.deliveries.get(index));
            if let Some(late) = by.find(|d| d.first_byte() > one.deadline()) {
                let took = late.first_byte().since(one.at).as_millis();
                self.trouble(|| {
                    format!("flow {flow}: a webhook came after {took} ms; {within} ms are allowed")
                });
            }
        }
    }
}

fn pii(findings: &Findings) -> PiiSums {
    PiiSums {
        inspected: findings.inspected,
        unread: findings.unread,
        total: findings.total,
        by_category: findings.by_category.iter().map(|(c, n)| (c.name().to_owned(), *n)).collect(),
        places: findings.kept.iter().take(TOLD).map(|l| l.finding.place.clone()).collect(),
    }
}
