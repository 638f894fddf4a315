//! Where the values of templates come from: captures, the flow's row, variables, the environment, built-ins.

use super::capture::header;
use super::model::Scenario;
use super::suggest;
use super::template::{self, TemplateError, as_text, into_text};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use signature::Secret;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// One row of data: column name to value.
pub type Row = BTreeMap<String, Value>;

/// Looks up an environment variable.
pub type Env = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Built-in names, which no variable, column or capture may take.
pub const BUILT_IN: [&str; 9] =
    ["env", "uuid", "counter", "now", "now_ms", "flow", "run_id", "challenge", "response"];

/// The built-in names that have another value each time.
pub(super) const NEW_EACH_TIME: [&str; 4] = ["uuid", "counter", "now", "now_ms"];

/// Wall time, as the run tells it.
pub type Now = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// What a run hands to the templates of all its flows.
pub struct RunSettings {
    /// Seed of uuids: the same seed gives the same uuids, so it must be fresh unless a run is to be repeated.
    pub seed: u64,
    pub run_id: String,
    /// Gives `{{ now }}` and `{{ now_ms }}`.
    pub now: Now,
    /// Gives `{{ env.NAME }}`.
    pub env: Env,
    /// Values of variables and columns that take the place of the scenario's and of every row's (`--var`, the
    /// stand-in's users).
    pub vars: BTreeMap<String, Value>,
    /// The scenario's directory, against which the files of multipart bodies are resolved.
    pub dir: PathBuf,
    /// Gives `{{ challenge }}`: what the approver wants to find inside a signed body.
    pub challenge: Option<String>,
}

/// What all flows of a run share: variables, environment, clock, generators.
pub struct Run {
    vars: BTreeMap<String, Result<Value, TemplateError>>,
    seed: u64,
    run_id: String,
    challenge: Option<String>,
    now: Now,
    env: Env,
    counter: AtomicU64,
    /// The names of variables and columns that were given.
    given: BTreeSet<String>,
    /// Values for columns, which go before those of rows.
    pub(super) columns: Row,
    pub(super) dir: PathBuf,
    /// Which step captures what, as errors tell it.
    captured: BTreeMap<String, String>,
}

/// By the name of a capture: which step takes it out of what, for the errors of those that need it.
fn captures(scenario: &Scenario) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for step in scenario.all_steps() {
        for name in step.capture.keys() {
            let from = format!("step {} captures it from its response, which does not have it", step.name);
            found.entry(name.clone()).or_insert(from);
        }
        for webhook in &step.webhooks {
            for name in webhook.capture.keys() {
                let from = format!(
                    "step {} captures it from its webhook {}, which did not arrive in time or does not have it",
                    step.name, webhook.event
                );
                found.entry(name.clone()).or_insert(from);
            }
        }
    }
    found
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Names only: values may be secret.
        f.debug_struct("Run")
            .field("vars", &self.vars.keys())
            .field("run_id", &self.run_id)
            .finish_non_exhaustive()
    }
}

/// A `--var` that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no variable `{name}` in the scenario{hint}")]
pub struct UnknownVar {
    /// The name given.
    pub name: String,
    /// `; did you mean …?`, or the names there are.
    pub hint: String,
}

impl Run {
    /// Renders the scenario's variables. One that cannot be rendered (its environment variable is not set) is an error
    /// only for the template that uses it.
    ///
    /// # Errors
    /// When `settings.vars` has a name that is neither a variable nor a column of the scenario.
    pub fn new(scenario: &Scenario, settings: RunSettings) -> Result<Arc<Self>, UnknownVar> {
        let RunSettings { seed, run_id, now, env, vars: given, dir, challenge } = settings;
        let columns = scenario.data.column_names();
        let known: Vec<&str> = scenario.vars.keys().chain(columns.iter().map(String::as_str)).collect();
        if let Some(name) = given.keys().find(|name| !known.contains(&name.as_str())) {
            let near = suggest::hint(name, known.iter().copied());
            let hint = if near.is_empty() { format!(" (known: {})", known.join(", ")) } else { near };
            return Err(UnknownVar { name: name.clone(), hint });
        }
        let names = given.keys().cloned().collect();
        let given_columns = given.iter().filter(|(name, _)| columns.contains(*name));
        let given_columns = given_columns.map(|(name, value)| (name.clone(), value.clone())).collect();
        let (vars, counter) = (BTreeMap::new(), AtomicU64::new(0));
        let mut run = Self {
            vars,
            seed,
            run_id,
            challenge,
            now,
            env,
            counter,
            given: names,
            columns: given_columns,
            dir,
            captured: captures(scenario),
        };
        let mut uuids = 0;
        for (name, value) in scenario.vars.iter().filter(|(name, _)| !given.contains_key(*name)) {
            let rendered = match value {
                Value::Null => Err(TemplateError {
                    template: name.to_owned(),
                    message: format!("has no value: give it with --var {name}=VALUE"),
                }),
                value => render_json(value, &mut |n| run.lookup(n, None, &mut uuids)),
            };
            run.vars.insert(name.to_owned(), rendered);
        }
        run.vars.extend(given.into_iter().map(|(name, value)| (name, Ok(value))));
        Ok(Arc::new(run))
    }

    /// The scope of flow number `flow` (from 0).
    #[must_use]
    pub fn scope(self: &Arc<Self>, flow: u32, row: Row) -> Scope {
        Scope { run: Arc::clone(self), flow, row, captures: BTreeMap::new(), answer: None, uuids: 0 }
    }

    /// The variables that have no value, each with the reason: what `smoke check` reports as missing.
    pub fn missing(&self) -> impl Iterator<Item = (&str, &TemplateError)> {
        self.vars.iter().filter_map(|(name, value)| value.as_ref().err().map(|e| (name.as_str(), e)))
    }

    /// What the templates of logins and steps need and what has no value, and each environment variable that is empty where one is read,
    /// even with a default: a secret that a CI system does not hand out must not turn into the default user. Each with the reason: it is
    /// better said before the first flow than in the middle of one. `written` says that the run takes the scenario's own rows.
    #[must_use]
    pub fn unset(&self, scenario: &Scenario, written: bool) -> Vec<String> {
        let columns = scenario.data.column_names();
        let captured =
            |name: &str| scenario.all_steps().any(|step| step.captured().any(|captured| captured == name));
        let why = |name: &String| match name.strip_prefix("env.") {
            Some(_) => self.lookup(name, None, &mut 0).err(),
            None if columns.contains(name) || captured(name) => None,
            None => self.vars.get(name).and_then(|value| value.as_ref().err()).map(ToString::to_string),
        };
        let read = super::names::read_by_a_run(scenario, written, |name| self.given.contains(name));
        let empty = read.iter().filter(|name| self.is_empty(name)).map(|name| empty(name));
        let mut all: Vec<String> = empty.collect();
        // What hangs on an empty variable has no value for the same reason.
        let others = super::names::needed(scenario);
        let others = others.iter().filter_map(why).filter(|why| !all.iter().any(|told| why.contains(told)));
        let others: Vec<String> = others.collect();
        all.extend(others);
        all
    }

    /// Whether an environment variable is set and has nothing in it.
    fn is_empty(&self, name: &str) -> bool {
        (self.env)(name).is_some_and(|value| value.trim().is_empty())
    }

    /// The secret values among variables and environment (see [`Scenario::is_secret`]), for the redactor to learn.
    #[must_use]
    pub fn secrets(&self, scenario: &Scenario) -> Vec<Secret> {
        let vars = self.vars.iter().filter_map(|(name, value)| Some((name, value.as_ref().ok()?)));
        let vars = vars.filter(|(name, _)| scenario.is_secret(name)).map(|(_, value)| as_text(value));
        let named = super::names::environment(scenario).into_iter().filter(|name| scenario.is_secret(name));
        secrets(vars.chain(named.filter_map(|name| (self.env)(&name))))
    }

    /// The values from the environment that steps send in headers and bodies, for the redactor to hide: whoever is sent them may repeat
    /// them in an answer. Words, numbers and addresses are none, as they would make what is shown unreadable. Unlike secrets they may
    /// stand in webhooks.
    #[must_use]
    pub fn hidden(&self, scenario: &Scenario) -> Vec<Secret> {
        let sent = super::secrets::sent(scenario).into_iter();
        let values = sent.filter_map(|(name, called)| (self.env)(&name).map(|value| (called, value)));
        let hidden = values.filter(|(called, value)| super::secrets::is_hidden(*called, value.trim()));
        hidden.map(|(_, value)| Secret::new(value.trim())).collect()
    }

    /// Whether an environment variable has a value.
    pub(super) fn has_variable(&self, name: &str) -> bool {
        (self.env)(name).is_some_and(|value| !value.trim().is_empty())
    }

    fn lookup(&self, name: &str, flow: Option<u32>, uuids: &mut u64) -> Result<Value, String> {
        if let Some(variable) = name.strip_prefix("env.") {
            let value = (self.env)(variable).filter(|v| !v.trim().is_empty());
            return value.map(Value::String).ok_or_else(|| match self.is_empty(variable) {
                true => empty(variable),
                false => format!(
                    "the environment variable {variable} is not set (`| default(\"…\")` gives it a default)"
                ),
            });
        }
        if let Some(fixed) = name.strip_prefix("uuid.") {
            return Ok(self.uuid(flow, fixed, 0));
        }
        match name {
            "uuid" => {
                *uuids += 1;
                Ok(self.uuid(flow, "", *uuids))
            }
            "counter" => Ok((self.counter.fetch_add(1, Ordering::Relaxed) + 1).into()),
            "now_ms" => Ok((self.now)().timestamp_millis().into()),
            "now" => {
                let now = (self.now)();
                Ok(now.to_rfc3339_opts(chrono::SecondsFormat::Millis, true).into())
            }
            "run_id" => Ok(self.run_id.clone().into()),
            "challenge" => self.challenge.clone().map(Value::String).ok_or_else(|| {
                "no challenge was given: use --challenge (`| default(\"…\")` gives it a default)".to_owned()
            }),
            "flow" => flow.map(Value::from).ok_or_else(|| "there is no flow here".to_owned()),
            _ => match self.vars.get(name) {
                Some(Ok(value)) => Ok(value.clone()),
                Some(Err(TemplateError { template, message })) if template == name => Err(message.clone()),
                Some(Err(error)) => Err(error.to_string()),
                None => {
                    let from = self.captured.get(name).map_or_else(String::new, |from| format!(": {from}"));
                    Err(format!("undefined variable `{name}`{from}"))
                }
            },
        }
    }

    /// A version 4 uuid out of seed, flow, name and number, so that the order in which flows run does not matter.
    fn uuid(&self, flow: Option<u32>, name: &str, number: u64) -> Value {
        let flow = flow.map_or(u64::MAX, u64::from);
        let mut hash = Sha256::new();
        for part in [self.seed, flow, number] {
            hash.update(part.to_be_bytes());
        }
        hash.update(name);
        let mut bytes = [0; 16];
        for (byte, random) in bytes.iter_mut().zip(hash.finalize()) {
            *byte = random;
        }
        uuid::Builder::from_random_bytes(bytes).into_uuid().to_string().into()
    }
}

/// The secret values of a row.
#[must_use]
pub fn secrets_of_row(scenario: &Scenario, row: &Row) -> Vec<Secret> {
    secrets(row.iter().filter(|(name, _)| scenario.is_secret(name)).map(|(_, value)| as_text(value)))
}

fn secrets(texts: impl Iterator<Item = String>) -> Vec<Secret> {
    texts.filter(|text| !text.is_empty()).map(Secret::new).collect()
}

/// What is wrong with an environment variable that is set and has nothing in it.
fn empty(name: &str) -> String {
    format!("the environment variable {name} is empty: give it a value, or unset it")
}

/// The values that one flow sees.
#[derive(Clone)]
pub struct Scope {
    run: Arc<Run>,
    flow: u32,
    row: Row,
    captures: BTreeMap<String, Value>,
    answer: Option<Arc<Answer>>,
    uuids: u64,
}

/// What a step was answered, for the templates of its webhooks.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// The body, where it is JSON.
    pub body: Option<Value>,
    /// Header names and values.
    pub headers: Vec<(String, String)>,
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = (self.row.keys(), self.captures.keys());
        f.debug_struct("Scope").field("flow", &self.flow).field("names", &names).finish_non_exhaustive()
    }
}

impl Scope {
    /// What all flows share.
    #[must_use]
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// Number of the flow, from 0.
    #[must_use]
    pub const fn flow(&self) -> u32 {
        self.flow
    }

    /// Remembers a value taken from an answer; it hides a column or variable of that name.
    pub fn capture(&mut self, name: impl Into<String>, value: Value) {
        self.captures.insert(name.into(), value);
    }

    /// From here on `{{ response.… }}` is of this answer.
    pub fn answered(&mut self, answer: Option<Arc<Answer>>) {
        self.answer = answer;
    }

    /// A text that is exactly one template keeps the type of its value; any other text gives text.
    ///
    /// # Errors
    /// A template that is malformed, or names something that has no value.
    pub fn render(&mut self, text: &str) -> Result<Value, TemplateError> {
        template::render(text, &mut |name| self.lookup(name))
    }

    /// Renders to text: numbers in decimal, null as nothing, lists and objects as JSON.
    ///
    /// # Errors
    /// As [`Self::render`].
    pub fn render_text(&mut self, text: &str) -> Result<String, TemplateError> {
        self.render(text).map(into_text)
    }

    /// Renders every text in a JSON value; keys stay as they are.
    ///
    /// # Errors
    /// As [`Self::render`].
    pub fn render_json(&mut self, value: &Value) -> Result<Value, TemplateError> {
        render_json(value, &mut |name| self.lookup(name))
    }

    /// Renders to text with `change` applied to what templates give, and not to the text around them; it is told
    /// whether the template stands at the very beginning.
    pub(super) fn render_with(
        &mut self,
        text: &str,
        change: impl Fn(String, Position) -> String,
    ) -> Result<String, TemplateError> {
        let mut out = String::new();
        for piece in template::parse(text)? {
            match piece {
                template::Piece::Text(text) => out.push_str(text),
                template::Piece::Expr { raw, expr } => {
                    let value = template::evaluate(raw, &expr, &mut |name| self.lookup(name))?;
                    let position = if out.is_empty() { Position::Beginning } else { Position::Later };
                    out.push_str(&change(into_text(value), position));
                }
            }
        }
        Ok(out)
    }

    fn lookup(&mut self, name: &str) -> Result<Value, String> {
        if let Some(place) = name.strip_prefix(template::ANSWER) {
            return self.in_answer(place);
        }
        match self.captures.get(name).or_else(|| self.row.get(name)) {
            Some(value) => Ok(value.clone()),
            None => self.run.lookup(name, Some(self.flow), &mut self.uuids),
        }
    }
}

impl Scope {
    /// A value of the step's answer. One that is not there is no empty value: a webhook would be told by nothing.
    fn in_answer(&self, place: &str) -> Result<Value, String> {
        let Some(answer) = &self.answer else { return Err("there is no response here".to_owned()) };
        if let Some(name) = place.strip_prefix("header.") {
            let value = header(&answer.headers, name);
            return value.map(Value::from).ok_or_else(|| format!("the response has no header {name}"));
        }
        let Some(body) = &answer.body else { return Err("the response is not JSON".to_owned()) };
        let value = body.pointer(place).filter(|value| !value.is_null());
        value.cloned().ok_or_else(|| format!("the response has nothing at {place}"))
    }
}

/// Where in a text a template stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Position {
    /// Nothing stands before it.
    Beginning,
    /// Something does.
    Later,
}

fn render_json(
    value: &Value,
    lookup: &mut dyn FnMut(&str) -> Result<Value, String>,
) -> Result<Value, TemplateError> {
    match value {
        Value::String(text) => template::render(text, lookup),
        Value::Array(items) => items.iter().map(|item| render_json(item, lookup)).collect(),
        Value::Object(members) => {
            let rendered = members.iter().map(|(k, v)| Ok((k.clone(), render_json(v, lookup)?)));
            rendered.collect::<Result<Map<_, _>, _>>().map(Value::Object)
        }
        other => Ok(other.clone()),
    }
}
