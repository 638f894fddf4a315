//! The canary values of a run against the stand-in, against those that the stand-in makes up out of the seed in the header.

use super::judgement::Findings;
use pii::Identity;
use record::{EMBEDDED, Header, RunKind};
use scenario::Scenario;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What the stand-in makes up: seed, flows and the word for their subject to the rows of the flows.
pub type StandInRows = fn(u64, u32, &str) -> Option<Vec<BTreeMap<String, Value>>>;

/// The most flows of a run that smoke plays.
const MOST_FLOWS: u32 = 1_000_000;

pub(super) fn check(
    header: &Header,
    scenario: Option<&Scenario>,
    rows: Option<StandInRows>,
    journal: &str,
    found: &mut Findings,
) {
    let is_own = header.kind == RunKind::Run && header.environment == EMBEDDED && header.stand_in;
    // Rows and variables of the user's own, and what another version makes up, are not known here.
    let is_known = header.tool_version == env!("CARGO_PKG_VERSION")
        && !header.overrides.iter().any(|given| ["data", "var"].contains(&given.option.as_str()));
    let (Some(scenario), Some(rows), true) = (scenario, rows, is_own && is_known) else { return };
    let stated: BTreeSet<&Identity> = header.identities.iter().collect();
    let of_flows = |flows| identities(scenario, &rows(header.seed, flows, header.scenario.subject.as_str())?);
    // The first flows are the same whatever comes behind them, and somebody else wrote how many there are.
    let first =
        header.flows.min(u32::try_from(stated.len()).unwrap_or(u32::MAX).saturating_add(1)).min(MOST_FLOWS);
    let Some(mut made_up) = of_flows(first) else { return };
    if first < header.flows && header.flows <= MOST_FLOWS && made_up.iter().all(|one| stated.contains(one)) {
        made_up = of_flows(header.flows).unwrap_or_default();
    }
    if header.flows > MOST_FLOWS || made_up.iter().collect::<BTreeSet<_>>() != stated {
        let sentence = format!(
            "{journal}: the run's canary values are not those the stand-in generates for seed {} and {} flows",
            header.seed, header.flows
        );
        found.add("header_differs", sentence);
    }
}

/// The values of the scenario's identities, where each is one column of a row; `None` where one is more than that.
fn identities(scenario: &Scenario, rows: &[BTreeMap<String, Value>]) -> Option<BTreeSet<Identity>> {
    let mut all = BTreeSet::new();
    for identity in &scenario.identities {
        let template = identity.value.trim().strip_prefix("{{")?.strip_suffix("}}")?;
        let name = template.split('|').next().unwrap_or_default().trim();
        let values = rows.iter().filter_map(|row| row.get(name)?.as_str());
        let given = values.map(str::trim).filter(|value| !value.is_empty());
        all.extend(given.map(|value| Identity { kind: identity.kind, value: value.to_owned() }));
    }
    Some(all)
}
