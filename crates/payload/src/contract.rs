//! Webhooks held against the schemas of their events.

use jsonschema::{PatternOptions, Validator};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The most violations that are told of one webhook.
const MOST: usize = 20;

/// The schemas of a sender's events.
pub struct Contract {
    validators: BTreeMap<String, Validator>,
}

/// What is wrong with a webhook.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// JSON pointer to the place in the webhook; empty for the whole.
    pub pointer: String,
    /// What the schema asks for there. Values of the webhook are not in it.
    pub reason: String,
}

/// Why a value is no contract.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContractError {
    /// The value is not what [`super::bundle`] makes.
    #[error("the schemas of the profile are not as smoke writes them")]
    Form,
    #[error("the schema of {event} is none: {why}")]
    Schema { event: String, why: String },
}

impl std::fmt::Debug for Contract {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.validators.keys()).finish()
    }
}

impl Contract {
    /// From what [`super::bundle`] made.
    ///
    /// # Errors
    /// When it is something else, or a schema in it is none.
    pub fn of(bundle: &Value) -> Result<Self, ContractError> {
        let events = bundle.get("events").and_then(Value::as_object).ok_or(ContractError::Form)?;
        let mut validators = BTreeMap::new();
        for event in events.keys() {
            let schema = whole(bundle, event).ok_or(ContractError::Form)?;
            // The other kind of expressions may take for ever on a text that a stranger chose.
            let options = jsonschema::options().with_pattern_options(PatternOptions::regex());
            let validator = options.build(&schema).map_err(|error| ContractError::Schema {
                event: event.clone(),
                why: format!("{error}").chars().take(300).collect(),
            })?;
            validators.insert(event.clone(), validator);
        }
        Ok(Self { validators })
    }

    /// What is wrong with a webhook of an event, at most 20 things; `None` for an event that has no schema.
    #[must_use]
    pub fn check(&self, event: &str, webhook: &Value) -> Option<Vec<Violation>> {
        let validator = self.validators.get(event)?;
        let errors = validator.iter_errors(webhook).take(MOST);
        let of = |error: jsonschema::ValidationError<'_>| Violation {
            pointer: error.instance_path.to_string(),
            reason: error.masked().to_string().chars().take(200).collect(),
        };
        let mut found: Vec<Violation> = errors.map(of).collect();
        found.sort();
        Some(found)
    }

    /// The events that have a schema.
    pub fn events(&self) -> impl Iterator<Item = &str> {
        self.validators.keys().map(String::as_str)
    }
}

/// The schema of an event with all that it refers to.
fn whole(bundle: &Value, event: &str) -> Option<Value> {
    let number = bundle.get("events")?.get(event)?.as_u64()?;
    let (dialect, schemas) = (bundle.get("dialect")?, bundle.get("schemas")?.as_object()?);
    let schemas = reached(schemas, number);
    Some(json!({ "$schema": dialect, "allOf": [{ "$ref": format!("#/$defs/{number}") }], "$defs": schemas }))
}

/// The schemas that one leads to, itself among them: what is wrong with another is not its mistake.
fn reached(schemas: &Map<String, Value>, number: u64) -> Map<String, Value> {
    let mut reached = Map::new();
    let mut waiting = vec![number.to_string()];
    while let Some(next) = waiting.pop() {
        let Some(schema) = schemas.get(&next).filter(|_| !reached.contains_key(&next)) else { continue };
        reached.insert(next, schema.clone());
        let mut values = vec![schema];
        while let Some(value) = values.pop() {
            match value {
                Value::Object(members) => {
                    let leads = members
                        .get("$ref")
                        .and_then(Value::as_str)
                        .and_then(|to| to.strip_prefix("#/$defs/"));
                    waiting.extend(leads.map(|to| to.split('/').next().unwrap_or_default().to_owned()));
                    values.extend(members.values());
                }
                Value::Array(items) => values.extend(items),
                _ => {}
            }
        }
    }
    reached
}
