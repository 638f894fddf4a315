//! What has to be known of the rows of all flows before the first one begins. They are checked by then: this is one more look at all of them.

use super::error::RunError;
use super::injector;
use super::plan::Plan;
use pii::{Canaries, Identity};
use record::RunKind;
use scenario::{Rows, Run, TemplateError, resolve_identities, secrets_of_row};
use serde_json::Value;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// What of the rows is kept for the whole run. Their secrets are known to the redactor.
#[derive(Default)]
pub(super) struct RowFacts {
    /// The values of test users, in order and each once, where the journal lists them.
    pub identities: Vec<Identity>,
    /// The same where they are looked for while the webhooks arrive, and nobody looks again.
    pub canaries: Canaries,
    /// What tells the webhooks of each flow from other traffic; nothing where the flows are still to learn it, and none of a load, which has
    /// too many flows for that.
    pub ours: Vec<BTreeMap<String, Value>>,
}

impl RowFacts {
    /// Goes through all rows.
    ///
    /// # Errors
    /// When they cannot be read any more, or a test user's value lacks its own.
    pub(super) fn of(plan: &Plan, run: &Arc<Run>, rows: &Rows) -> Result<Self, RunError> {
        let scenario = &plan.loaded.scenario;
        plan.redactor.learn_all(&run.secrets(scenario));
        plan.redactor.hide_all(&run.hidden(scenario));
        let tells = plan.kind != RunKind::Load && !scenario.webhooks.ours.is_empty();
        let (mut facts, mut seen, mut ours) = (Self::default(), HashSet::new(), Vec::new());
        let mut wrong: Option<TemplateError> = None;
        for (flow, row) in (0..).zip(rows.iter()) {
            let row = row?;
            plan.redactor.learn_all(&secrets_of_row(scenario, &row));
            // It is told when all secrets are known.
            match resolve_identities(scenario, run, flow, &row) {
                Ok(found) if plan.aggregator.is_some() => {
                    found.iter().for_each(|one| facts.canaries.add(one));
                }
                Ok(found) => {
                    facts.identities.extend(found.into_iter().filter(|one| seen.insert(one.clone())));
                }
                Err(error) => wrong = wrong.or(Some(error)),
            }
            if tells {
                ours.push(injector::ours(plan, run, flow, row));
            }
        }
        if let Some(error) = wrong {
            return Err(error.into());
        }
        let flows = ours.len();
        // Flows that name nothing yet are flows all the same: nothing tells them apart.
        facts.ours = ours.into_iter().collect::<Option<_>>().unwrap_or_else(|| vec![BTreeMap::new(); flows]);
        Ok(facts)
    }
}
