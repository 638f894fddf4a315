//! Which names the templates of a scenario use, and which of them exist where they are used.

use super::model::{Expect, ExpectedWebhook, Json, Scenario, Step};
use super::request::{Part, Request};
use super::scope::{BUILT_IN, NEW_EACH_TIME};
use super::session::{Basic, Session};
use super::suggest;
use super::template::{self, Filter, Piece, Term};
use super::tree::Seg;
use record::matcher::Matcher;
use std::collections::{BTreeMap, BTreeSet};

/// A text of the scenario that may hold templates: its path in the file, and what it says.
pub(super) type Text<'a> = (Vec<Seg>, &'a str);

/// The names that exist at one place of a scenario.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    known: BTreeSet<String>,
    /// Names that exist elsewhere, and why not here.
    elsewhere: BTreeMap<String, String>,
    flow: bool,
    /// Whether the answer of a step is known.
    answered: bool,
}

impl Names {
    /// The names of `data.rows`: variables and the flow's number.
    pub(super) fn of_rows(scenario: &Scenario) -> Self {
        Self {
            known: scenario.vars.keys().map(str::to_owned).collect(),
            elsewhere: BTreeMap::new(),
            flow: true,
            answered: false,
        }
    }

    /// The names at the start of a flow: variables and columns.
    pub(super) fn of_flow(scenario: &Scenario) -> Self {
        let mut names = Self::of_rows(scenario);
        names.known.extend(scenario.data.column_names());
        for step in scenario.all_steps() {
            for name in step.captured() {
                names.elsewhere.entry(name.to_owned()).or_insert_with(|| {
                    format!("is captured by step `{}` only, which has not run yet here", step.name)
                });
            }
        }
        names
    }

    /// The names at the end of a flow, as far as its steps were played: those of all captures too.
    pub(super) fn at_end(scenario: &Scenario) -> Self {
        let mut names = Self::of_flow(scenario);
        scenario.all_steps().flat_map(Step::captured).for_each(|name| names.add(name));
        names
    }

    /// The names once a step has been answered.
    pub(super) fn after_answer(&self, step: &Step) -> Self {
        let mut names = Self { answered: true, ..self.clone() };
        step.capture.keys().for_each(|name| names.add(name));
        names
    }

    /// From here on `name` exists.
    pub(super) fn add(&mut self, name: &str) {
        self.known.insert(name.to_owned());
    }

    /// Why `name` does not exist here.
    pub(super) fn refuse(&self, name: &str) -> Option<String> {
        if let Some(variable) = name.strip_prefix("env.") {
            return variable
                .contains('.')
                .then(|| format!("`{variable}` is not the name of an environment variable"));
        }
        if name.strip_prefix("uuid.").is_some() || self.known.contains(name) {
            return None;
        }
        if let Some(place) = name.strip_prefix(template::ANSWER) {
            return self.refuse_answer(place);
        }
        match name {
            "env" => return Some("`env` needs the name of a variable: {{ env.NAME }}".to_owned()),
            "response" => return self.refuse_answer(""),
            "flow" if !self.flow => {
                return Some("`flow` is not available here: variables are the same for all flows".into());
            }
            _ if BUILT_IN.contains(&name) => return None,
            _ => {}
        }
        if let Some(why) = self.elsewhere.get(name) {
            return Some(format!("`{name}` {why}"));
        }
        let known = self.known.iter().map(String::as_str).chain(BUILT_IN);
        let near = suggest::hint(name, known);
        let advice = if near.is_empty() {
            "; declare it in `vars` or `data.columns`, or capture it in an earlier step"
        } else {
            &near
        };
        Some(format!("undefined variable `{name}`{advice}"))
    }
}

impl Names {
    fn refuse_answer(&self, place: &str) -> Option<String> {
        if !self.answered {
            return Some(
                "`response` is only available in a step's `webhooks`; elsewhere `capture` what you need from it"
                    .to_owned(),
            );
        }
        let known =
            place.starts_with('/') || place.strip_prefix("header.").is_some_and(|name| !name.is_empty());
        (!known).then(|| {
            "`response` needs a place: {{ response./id }} of a JSON body, or {{ response.header.Location }}".to_owned()
        })
    }
}

/// The path `base` with more segments.
pub(super) fn at(base: &[Seg], more: impl IntoIterator<Item = Seg>) -> Vec<Seg> {
    base.iter().cloned().chain(more).collect()
}

/// The texts in a JSON value.
pub(super) fn of_json<'a>(value: &'a Json, path: Vec<Seg>, out: &mut Vec<Text<'a>>) {
    match value {
        Json::String(text) => out.push((path, text)),
        Json::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                of_json(item, at(&path, [index.into()]), out);
            }
        }
        Json::Object(members) => {
            for (key, member) in members {
                of_json(member, at(&path, [key.as_str().into()]), out);
            }
        }
        _ => {}
    }
}

/// The texts of a request.
pub(super) fn of_request<'a>(request: &'a Request, path: &[Seg], out: &mut Vec<Text<'a>>) {
    out.push((at(path, ["path".into()]), &request.path));
    for (name, value) in request.headers.iter() {
        out.push((at(path, ["headers".into(), name.into()]), value));
    }
    if let Some(json) = &request.json {
        of_json(json, at(path, ["json".into()]), out);
    }
    for (name, value) in request.form.iter().flat_map(super::Entries::iter) {
        of_json(value, at(path, ["form".into(), name.into()]), out);
    }
    for (name, part) in request.multipart.iter().flat_map(super::Entries::iter) {
        let path = at(path, ["multipart".into(), name.into()]);
        match part {
            Part::Text(text) => out.push((path, text)),
            Part::File(file) => {
                out.push((at(&path, ["file".into()]), &file.file));
                out.extend(
                    file.content_type.as_deref().map(|text| (at(&path, ["content_type".into()]), text)),
                );
            }
        }
    }
    out.extend(request.text.as_deref().map(|text| (at(path, ["text".into()]), text)));
}

fn of_matchers<'a>(matchers: &'a BTreeMap<String, Matcher>, path: &[Seg], out: &mut Vec<Text<'a>>) {
    for (place, matcher) in matchers {
        let path = at(path, [place.as_str().into()]);
        match matcher {
            Matcher::Equals(value) => of_json(value, path, out),
            Matcher::Full(fields) => {
                if let Some(value) = &fields.equals {
                    of_json(value, at(&path, ["equals".into()]), out);
                }
                out.extend(fields.matches.as_deref().map(|text| (at(&path, ["matches".into()]), text)));
            }
        }
    }
}

/// The texts of a step.
pub(super) fn of_step<'a>(step: &'a Step, path: &[Seg]) -> Vec<Text<'a>> {
    let mut out = Vec::new();
    of_request(&step.request, &at(path, ["request".into()]), &mut out);
    let Expect { headers, json, .. } = &step.expect;
    of_matchers(headers, &at(path, ["expect".into(), "headers".into()]), &mut out);
    of_matchers(json, &at(path, ["expect".into(), "json".into()]), &mut out);
    out
}

/// The texts of a step's webhook.
pub(super) fn of_webhook<'a>(webhook: &'a ExpectedWebhook, path: &[Seg]) -> Vec<Text<'a>> {
    let mut out = vec![(at(path, ["event".into()]), webhook.event.as_str())];
    out.extend(webhook.after.as_ref().map(|after| (at(path, ["after".into()]), after.as_str())));
    of_matchers(&webhook.matchers, &at(path, ["match".into()]), &mut out);
    of_matchers(&webhook.headers, &at(path, ["headers".into()]), &mut out);
    out
}

/// Whether what a webhook is told by is known only when its step has been answered.
#[must_use]
pub fn waits_for_answer(step: &Step, webhook: &ExpectedWebhook) -> bool {
    let of_answer = |name: &str| name.starts_with(template::ANSWER) || step.capture.contains_key(name);
    let texts = of_webhook(webhook, &[]);
    texts.iter().flat_map(|(_, text)| expressions(text)).any(|expr| expr.names().any(of_answer))
}

/// Whether any webhook is told by what is known only when its step has been answered.
#[must_use]
pub fn answers_tell(scenario: &Scenario) -> bool {
    let waits = |step: &Step| step.webhooks.iter().any(|webhook| waits_for_answer(step, webhook));
    scenario.all_steps().any(waits)
}

/// Whether flows learn from answers what their webhooks are told by.
#[must_use]
pub fn learns(scenario: &Scenario) -> bool {
    let captured: BTreeSet<&str> = scenario.all_steps().flat_map(Step::captured).collect();
    let ours = scenario.webhooks.ours.values().flat_map(|text| expressions(text));
    answers_tell(scenario) || ours.into_iter().any(|expr| expr.names().any(|name| captured.contains(name)))
}

/// Whether what a flow is about, or what its webhooks are told by, may become another while it is played: by a capture, or by
/// a value that is another one each time.
#[must_use]
pub fn changes_on_the_way(scenario: &Scenario) -> bool {
    let captured: BTreeSet<&str> = scenario.all_steps().flat_map(Step::captured).collect();
    let changes = |name: &str| captured.contains(name) || NEW_EACH_TIME.contains(&name);
    let texts = of_subject(scenario);
    texts.iter().flat_map(|(_, text)| expressions(text)).any(|expr| expr.names().any(changes))
}

/// The texts of a session, but for those of its renewal, which knows one name more.
pub(super) fn of_session<'a>(session: &'a Session, path: &[Seg], out: &mut Vec<Text<'a>>) {
    if let Some(login) = &session.login {
        of_request(login, &at(path, ["login".into()]), out);
    }
    let mut add = |text: &'a str, way: &str, key: &str| {
        out.push((at(path, [way.into()].into_iter().chain((!key.is_empty()).then(|| key.into()))), text));
    };
    if let Some(Basic { username, password }) = &session.basic {
        add(username, "basic", "username");
        add(password, "basic", "password");
    }
    session.bearer.iter().for_each(|bearer| add(bearer, "bearer", ""));
    session.api_key.iter().for_each(|key| add(&key.value, "api_key", "value"));
    if let Some(oauth2) = &session.oauth2 {
        add(&oauth2.token_url, "oauth2", "token_url");
        add(&oauth2.client_id, "oauth2", "client_id");
        add(&oauth2.client_secret, "oauth2", "client_secret");
        oauth2.scope.iter().for_each(|scope| add(scope, "oauth2", "scope"));
        oauth2.audience.iter().for_each(|audience| add(audience, "oauth2", "audience"));
    }
}

/// The texts that say what a flow is about, and what its webhooks are told by: of captures too.
pub(super) fn of_subject(scenario: &Scenario) -> Vec<Text<'_>> {
    let mut out = vec![(vec!["subject".into(), "id".into()], scenario.subject.id.as_str())];
    for (pointer, text) in &scenario.webhooks.ours {
        out.push((vec!["webhooks".into(), "ours".into(), pointer.as_str().into()], text));
    }
    out
}

/// The texts that are rendered when a flow starts.
pub(super) fn of_start(scenario: &Scenario) -> Vec<Text<'_>> {
    let mut out = Vec::new();
    for (name, session) in &scenario.sessions {
        of_session(session, &["sessions".into(), name.as_str().into()], &mut out);
    }
    for (index, identity) in scenario.identities.iter().enumerate() {
        out.push((vec!["identities".into(), index.into(), "value".into()], &identity.value));
    }
    out
}

/// The texts of variables and written rows.
pub(super) fn of_values(scenario: &Scenario) -> Vec<Text<'_>> {
    let mut out = Vec::new();
    for (name, value) in scenario.vars.iter() {
        of_json(value, vec!["vars".into(), name.into()], &mut out);
    }
    for (index, row) in scenario.data.rows.iter().enumerate() {
        for (name, value) in row.iter() {
            of_json(value, vec!["data".into(), "rows".into(), index.into(), name.into()], &mut out);
        }
    }
    out
}

/// The environment variables that a scenario's templates name.
#[must_use]
pub fn environment(scenario: &Scenario) -> BTreeSet<String> {
    variables_in(all_texts(scenario))
}

/// The environment variables that these texts name.
fn variables_in<'t>(texts: impl IntoIterator<Item = &'t str>) -> BTreeSet<String> {
    let names = texts.into_iter().flat_map(expressions).flat_map(|expr| {
        expr.names().filter_map(|n| n.strip_prefix("env.")).map(str::to_owned).collect::<Vec<_>>()
    });
    names.collect()
}

/// The environment variables that a run reads, with a default or without: those of its logins and steps, of the variables that are
/// not `given`, and where it takes the scenario's own rows (`written`) of theirs, but for the columns that are given.
pub(super) fn read_by_a_run(
    scenario: &Scenario,
    written: bool,
    given: impl Fn(&str) -> bool,
) -> BTreeSet<String> {
    let vars = scenario.vars.iter().filter(|(name, _)| !given(name));
    let rows = scenario.data.rows.iter().filter(|_| written).flat_map(super::Entries::iter);
    let mut texts = Vec::new();
    for (_, value) in vars.chain(rows.filter(|(name, _)| !given(name))) {
        of_json(value, Vec::new(), &mut texts);
    }
    let others = of_start(scenario).into_iter().chain(of_subject(scenario)).chain(of_steps(scenario));
    variables_in(texts.into_iter().chain(others).map(|(_, text)| text))
}

/// The names that the templates of logins and steps must have: those without a default.
pub(super) fn needed(scenario: &Scenario) -> BTreeSet<String> {
    let texts = of_start(scenario).into_iter().chain(of_subject(scenario)).chain(of_steps(scenario));
    let needed = texts
        .flat_map(|(_, text)| expressions(text))
        .flat_map(|expr| expr.needed().map(str::to_owned).collect::<Vec<_>>());
    needed.collect()
}

/// The environment variables that a written row lacks: the first that each of its cells asks for.
pub(super) fn missing_in_row(row: &super::Entries<Json>, has: impl Fn(&str) -> bool) -> Vec<String> {
    let mut texts = Vec::new();
    row.iter().for_each(|(_, value)| of_json(value, Vec::new(), &mut texts));
    let lacks =
        |expr: &template::Expr<'_>| expr.needed().any(|n| n.strip_prefix("env.").is_some_and(|n| !has(n)));
    let exprs = texts.iter().flat_map(|(_, text)| expressions(text)).filter(lacks);
    let mut found: Vec<String> = exprs
        .filter_map(|expr| expr.names().find_map(|n| n.strip_prefix("env.")).map(str::to_owned))
        .collect();
    found.dedup();
    found
}

fn expressions(text: &str) -> Vec<template::Expr<'_>> {
    let pieces = template::parse(text).unwrap_or_default();
    let expr = |piece| match piece {
        Piece::Expr { expr, .. } => Some(expr),
        Piece::Text(_) => None,
    };
    pieces.into_iter().filter_map(expr).collect()
}

fn of_steps(scenario: &Scenario) -> Vec<Text<'_>> {
    scenario.all_steps().flat_map(of_step_and_webhooks).collect()
}

fn of_step_and_webhooks(step: &Step) -> impl Iterator<Item = Text<'_>> {
    let webhooks = step.webhooks.iter().flat_map(|webhook| of_webhook(webhook, &[]));
    of_step(step, &[]).into_iter().chain(webhooks)
}

/// The columns that the steps of every flow take as whole numbers.
pub(super) fn whole_numbers(scenario: &Scenario) -> BTreeSet<String> {
    let (steps, columns) = (&scenario.steps, scenario.data.column_names());
    let played_first =
        |after: &String| steps.iter().position(|step| step.name == *after).map_or(0, |at| at + 1);
    let variants = scenario.variants.iter().map(|variant| variant.after.as_ref().map_or(0, played_first));
    let of_all = steps.iter().take(variants.min().unwrap_or(steps.len()));
    let captured: BTreeSet<&str> = scenario.all_steps().flat_map(Step::captured).collect();
    let column = |expr: template::Expr<'_>| match (expr.term, expr.filters.as_slice()) {
        (Term::Name(name), [Filter::Int]) if !captured.contains(name) => Some(name.to_owned()),
        _ => None,
    };
    let whole = of_all.flat_map(of_step_and_webhooks).flat_map(|(_, text)| expressions(text));
    whole.filter_map(column).filter(|name| columns.contains(name)).collect()
}

fn all_texts(scenario: &Scenario) -> Vec<&str> {
    let status = scenario.subject.status.iter().map(|text| (Vec::new(), text.as_str()));
    let texts = of_values(scenario).into_iter().chain(of_start(scenario)).chain(of_subject(scenario));
    texts.chain(of_steps(scenario)).chain(status).map(|(_, text)| text).collect()
}

/// Where the rows of a run come from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum RowsFrom {
    /// A data file.
    File(String),
    /// The scenario's own rows, or the stand-in.
    #[default]
    Elsewhere,
}

/// What a session's user and password come from, for whoever has to mend them: environment variables, columns of the data
/// file, variables.
#[must_use]
pub fn settings_behind(scenario: &Scenario, session: &str, rows: &RowsFrom) -> String {
    let Some(session) = scenario.sessions.get(session) else { return String::new() };
    let mut texts = Vec::new();
    of_session(session, &[], &mut texts);
    let texts: Vec<&str> = texts.iter().map(|(_, text)| *text).collect();
    let found = behind_all(scenario, &names_in(&texts), rows);
    if found.is_empty() { "the session in the scenario".to_owned() } else { found.join(", ") }
}

/// What leads a step's path to the subject of its data row, for whoever gave a row that is not there: environment variables,
/// columns of the data file, variables. None where an earlier step of the flow, or what it captured, was led there before.
#[must_use]
pub fn subject_behind(scenario: &Scenario, flow: u32, step: &Step, rows: &RowsFrom) -> Option<String> {
    let plan = scenario.flow_plan(flow);
    let before: Vec<&Step> = plan.steps.into_iter().take_while(|earlier| earlier.name != step.name).collect();
    let led: Vec<String> =
        names_in(&before.iter().map(|step| step.request.path.as_str()).collect::<Vec<_>>());
    let captured: Vec<&str> = before.iter().flat_map(|step| step.captured()).collect();
    let mut names = names_in(&[step.request.path.as_str()]);
    names.retain(|name| !led.contains(name) && !captured.contains(&name.as_str()));
    let found = behind_all(scenario, &names, rows);
    (!found.is_empty()).then(|| found.join(", "))
}

/// The names that templates ask for.
pub(super) fn names_in(texts: &[&str]) -> Vec<String> {
    let exprs = texts.iter().flat_map(|text| expressions(text));
    exprs.flat_map(|expr| expr.names().map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// The environment variables that the values of these texts come from, by way of variables and written rows too.
pub(super) fn variables_behind(scenario: &Scenario, texts: &[&str]) -> BTreeSet<String> {
    let (mut found, mut seen) = (BTreeSet::new(), BTreeSet::new());
    let mut names = names_in(texts);
    while let Some(name) = names.pop() {
        if let Some(variable) = name.strip_prefix("env.") {
            found.insert(variable.to_owned());
        } else if seen.insert(name.clone()) {
            let rows = scenario.data.rows.iter().filter_map(|row| row.get(&name));
            let mut texts = Vec::new();
            scenario
                .vars
                .get(&name)
                .into_iter()
                .chain(rows)
                .for_each(|value| of_json(value, Vec::new(), &mut texts));
            names.extend(names_in(&texts.iter().map(|(_, text)| *text).collect::<Vec<_>>()));
        }
    }
    found
}

/// Where the values of these names come from, each once.
fn behind_all(scenario: &Scenario, names: &[String], rows: &RowsFrom) -> Vec<String> {
    let mut found = Vec::new();
    names.iter().for_each(|name| behind(scenario, name, rows, &mut found));
    let mut seen = BTreeSet::new();
    found.retain(|setting| seen.insert(setting.clone()));
    found
}

fn behind(scenario: &Scenario, name: &str, rows: &RowsFrom, found: &mut Vec<String>) {
    if let Some(variable) = name.strip_prefix("env.") {
        return found.push(variable.to_owned());
    }
    let is_column = scenario.data.column_names().contains(name);
    let value = match (scenario.vars.get(name), rows) {
        (Some(value), _) => Some(value),
        (None, RowsFrom::File(file)) if is_column => {
            return found.push(format!("the column `{name}` of {file}"));
        }
        (None, _) => scenario.data.rows.first().and_then(|row| row.get(name)),
    };
    let mut texts = Vec::new();
    value.into_iter().for_each(|value| of_json(value, Vec::new(), &mut texts));
    let before = found.len();
    // A variable uses only those above it, so this ends.
    for expr in texts.iter().flat_map(|(_, text)| expressions(text)) {
        expr.names().filter(|n| *n != name).for_each(|name| behind(scenario, name, rows, found));
    }
    if found.len() == before && (value.is_some() || is_column) {
        found.push(format!("--var {name}=…"));
    }
}
