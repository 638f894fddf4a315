//! What an analysis amounts to.

use super::cases::late_and_lost;
use super::clause_stats::{breaker_stats, clause_stats};
use super::tally::tallies;
use super::{Analysis, Findings};
use record::{PiiStats, RunStats, TOLD};

/// Everything that was analysed so far, counted.
#[must_use]
pub fn stats_of(analysis: &Analysis) -> RunStats {
    let (organic, injected) = tallies(analysis);
    let mut stats = RunStats {
        at: analysis.latest,
        flows: analysis.steps.flows.len() as u64,
        ended: analysis.steps.flows.ended(),
        expectations: analysis.expectation_count() as u64,
        steps: analysis.steps.by_name.clone(),
        organic,
        injected,
        refused: analysis.refused.clone(),
        unauthenticated: analysis.strangers.found().into_owned(),
        webhook_pii: pii(&analysis.privacy.webhooks),
        api_pii: pii(&analysis.privacy.api),
        payloads: analysis.payloads.found.clone(),
        clauses: clause_stats(analysis),
        breaker: breaker_stats(analysis),
        uncertainty_us: analysis.watched.offset.as_ref().map(|o| o.uncertainty_us),
        ..RunStats::default()
    };
    analysis.diagnoses().iter().for_each(|(diagnosis, n)| stats.diagnosed(diagnosis, *n));
    analysis.watched.gaps.iter().for_each(|gap| stats.blind(gap));
    look_at_deliveries(&mut stats, analysis);
    if stats.organic.lost + stats.organic.late + stats.injected.late > 0 {
        late_and_lost(analysis).into_iter().for_each(|sentence| stats.trouble(|| sentence));
    }
    stats
}

/// Whose they are, and what this process added to them.
fn look_at_deliveries(stats: &mut RunStats, analysis: &Analysis) {
    stats.foreign = analysis.deliveries.foreign();
    for delivery in analysis.own() {
        for attempt in delivery.tries.iter().filter(|t| t.fault.is_none()) {
            if let Some(end) = attempt.end {
                stats.inbox.record(end.since(attempt.first_byte));
            }
        }
    }
}

fn pii(findings: &Findings) -> PiiStats {
    PiiStats {
        inspected: findings.inspected,
        unread: findings.unread,
        total: findings.total,
        forwarded: findings.forwarded(),
        by_category: findings.by_category.iter().map(|(c, n)| (c.name().to_owned(), *n)).collect(),
        places: findings.kept.iter().take(TOLD).map(|l| l.finding.place.clone()).collect(),
    }
}
