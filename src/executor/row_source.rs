//! Where the data rows and variables of a run come from: the user's, else the stand-in's fixtures, else the scenario's own.

use scenario::{DataError, Loaded, Row, Rows, Run, Scenario, check_columns, data_file, rows};
use serde_json::Value;
use stand_in::Fixtures;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// The variables of a run: those that are given, and those of the stand-in that the scenario knows.
pub(crate) fn variables(
    scenario: &Scenario,
    given: &BTreeMap<String, Value>,
    fixtures: Option<&Fixtures>,
) -> BTreeMap<String, Value> {
    let known = |name: &str| scenario.vars.keys().any(|key| key == name);
    let own = fixtures.into_iter().flat_map(|fixtures| &fixtures.vars).filter(|(name, _)| known(name));
    let own = own.map(|(name, value)| (name.clone(), value.clone()));
    own.chain(given.clone()).collect()
}

/// Where the rows of a run come from.
pub(crate) struct RowSource<'a> {
    /// The stand-in's, where that is driven.
    pub fixtures: Option<&'a Fixtures>,
    /// The user's data file.
    pub data: Option<&'a Path>,
    pub flows: u32,
    /// How many are left out in front.
    pub skipped: u32,
}

impl RowSource<'_> {
    /// Whether the run takes the rows that the scenario has written out.
    pub(crate) fn is_written(&self, loaded: &Loaded) -> bool {
        self.fixture_rows().is_none() && data_file(&loaded.scenario, self.data, &loaded.dir).is_none()
    }

    /// The rows, one for each flow.
    ///
    /// # Errors
    /// Too few, a required column that is missing, a file that cannot be read.
    pub(crate) fn rows(&self, scenario: &Scenario, run: &Arc<Run>) -> Result<Rows, DataError> {
        let Some(fixtures) = self.fixture_rows() else {
            return rows(scenario, self.flows, self.skipped, self.data, run);
        };
        let rows: Vec<Row> = match scenario.subject.kind.as_str() {
            "payment" => fixtures.payments.clone(),
            "match" => fixtures.matches.clone(),
            // A scenario of another subject sees both: the columns of the payment and of the match with the same number.
            _ => fixtures
                .payments
                .iter()
                .zip(&fixtures.matches)
                .map(|(p, m)| m.iter().chain(p).map(|(k, v)| (k.clone(), v.clone())).collect())
                .collect(),
        };
        for row in &rows {
            check_columns(&scenario.data, row, "", 0).map_err(|error| match error {
                DataError::MissingColumn { column, hint, .. } => DataError::NotOfStandIn { column, hint },
                other => other,
            })?;
        }
        Ok(Rows::held(&rows))
    }

    /// The stand-in's, unless the user's take their place.
    fn fixture_rows(&self) -> Option<&Fixtures> {
        self.fixtures.filter(|_| self.data.is_none())
    }
}
