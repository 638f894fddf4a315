//! What the types cannot say: that names exist, pointers and patterns parse, statuses are statuses.

use super::error::Problem;
use super::model::{Scenario, Session, Step};
use super::names::{self, Names, at};
use super::suggest;
use super::syntax::Places;
use super::tree::{Node, Seg};
use record::faults::Target;
use std::collections::BTreeSet;
use std::path::Path;

/// All that is wrong with a scenario, in the order of the file.
pub(super) fn check(scenario: &Scenario, tree: &Node, source: &str, dir: &Path) -> Vec<Problem> {
    let mut checker = Checker { scenario, tree, source, dir, problems: Vec::new() };
    checker.head();
    checker.contract();
    checker.declarations();
    checker.values();
    checker.sessions();
    let all = checker.steps(&scenario.steps, &["steps".into()], Names::of_flow(scenario), &[]);
    checker.variants();
    checker.status(all);
    let mut problems = checker.problems;
    problems.sort_by_key(|p| p.at);
    // A step that an anchor repeats would have its problems said again.
    problems.dedup();
    problems
}

/// A check on its way through a scenario.
pub(super) struct Checker<'a> {
    scenario: &'a Scenario,
    pub(super) tree: &'a Node,
    pub(super) source: &'a str,
    pub(super) dir: &'a Path,
    pub(super) problems: Vec<Problem>,
}

impl Checker<'_> {
    pub(super) fn wrong(&mut self, path: &[Seg], message: impl Into<String>) {
        let at = self.tree.value_at(path);
        self.problems.push(Problem { at, message: message.into() });
    }

    pub(super) fn wrong_key(&mut self, path: &[Seg], message: impl Into<String>) {
        let at = self.tree.key_at(path);
        self.problems.push(Problem { at, message: message.into() });
    }

    fn head(&mut self) {
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        if self.scenario.name.is_empty() || !self.scenario.name.chars().all(is_name) {
            self.wrong(
                &["name".into()],
                "the name becomes part of a file's name: use letters, digits, `_` and `-`",
            );
        }
        self.range("flows", self.scenario.flows, 1_000_000);
        self.range("concurrency", self.scenario.concurrency, 10_000);
        if self.scenario.steps.is_empty() {
            self.wrong(&["steps".into()], "there is no step: a flow needs at least one");
        }
        for pointer in self.scenario.webhooks.ours.keys() {
            self.pointer(pointer, &["webhooks".into(), "ours".into(), pointer.as_str().into()]);
        }
    }

    /// A sweep tells by the webhook's body which clause it tests, so each flow fires one that is known as its own.
    fn contract(&mut self) {
        let scenario = self.scenario;
        if scenario.contract.is_empty() {
            return;
        }
        if !scenario.faults.is_empty() {
            self.wrong_key(&["faults".into()], "`contract` has the faults: leave `faults` out");
        }
        if scenario.webhooks.ours.is_empty() {
            self.wrong_key(
                &["contract".into()],
                "a contract needs `webhooks.ours`, to tell the flows' webhooks apart",
            );
        }
        let fired: u32 = scenario.steps.iter().flat_map(|s| &s.webhooks).map(|w| w.count.least()).sum();
        if fired != 1 || !scenario.variants.is_empty() {
            self.wrong_key(&["contract".into()], "with a contract every flow fires exactly one webhook");
        }
        for (index, clause) in scenario.contract.iter().enumerate() {
            let path: [Seg; 3] = ["contract".into(), index.into(), "faults".into()];
            if clause.faults.iter().any(|f| f.target != Target::Every) {
                self.wrong(&path, "each fault of a clause has a delivery of its own: leave the @ out");
            }
        }
    }

    fn range(&mut self, key: &str, value: u32, max: u32) {
        if !(1..=max).contains(&value) {
            self.wrong(&[key.into()], format!("`{key}` is {value}: give 1 to {max}"));
        }
    }

    /// Names that are declared: variables, columns, captures are checked where they stand.
    fn declarations(&mut self) {
        let scenario = self.scenario;
        for name in scenario.vars.keys() {
            self.name(name, &["vars".into(), name.into()]);
        }
        let data: Vec<Seg> = vec!["data".into()];
        for (index, name) in scenario.data.columns.iter().enumerate() {
            self.name(name, &at(&data, ["columns".into(), index.into()]));
        }
        for name in scenario.data.ranges.keys() {
            self.name(name, &at(&data, ["ranges".into(), name.as_str().into()]));
        }
        if let Some(file) = &scenario.data.file {
            self.file(file, &at(&data, ["file".into()]));
            if !scenario.data.rows.is_empty() {
                self.wrong_key(&at(&data, ["rows".into()]), "`rows` and `file` exclude each other: keep one");
            }
        }
        let known = Names::of_flow(scenario);
        for (index, name) in scenario.secrets.iter().enumerate() {
            let captured = scenario.steps.iter().chain(scenario.variants.iter().flat_map(|v| &v.steps));
            let is_known =
                known.refuse(name).is_none() || captured.flat_map(|s| s.capture.keys()).any(|c| c == name);
            if !is_known {
                let why = known.refuse(name).unwrap_or_default();
                self.wrong(&["secrets".into(), index.into()], why);
            }
        }
    }

    /// Variables may use those above them only.
    fn values(&mut self) {
        let mut above = Names::default();
        let mut last = None;
        for (path, text) in names::of_values(self.scenario) {
            let var = match path.as_slice() {
                [Seg::Key(top), Seg::Key(name), ..] if top == "vars" => Some(name.clone()),
                _ => None,
            };
            if var != last {
                self.declared_above(&mut above, var.as_deref());
                last = var.clone();
            }
            match var {
                Some(_) => self.template(&path, text, &above),
                None => self.template(&path, text, &Names::of_rows(self.scenario)),
            }
        }
        for (path, text) in names::of_start(self.scenario) {
            self.template(&path, text, &Names::of_flow(self.scenario));
        }
    }

    fn declared_above(&self, above: &mut Names, var: Option<&str>) {
        for name in self.scenario.vars.keys().take_while(|name| Some(*name) != var) {
            above.add(name);
        }
    }

    fn sessions(&mut self) {
        for (name, Session { login, token, refresh, .. }) in &self.scenario.sessions {
            let path: Vec<Seg> = vec!["sessions".into(), name.as_str().into()];
            self.request(login, &at(&path, ["login".into()]));
            self.pointer_value(token, &at(&path, ["token".into()]));
            let Some(refresh) = refresh else { continue };
            let path = at(&path, ["refresh".into()]);
            self.request(&refresh.request, &at(&path, ["request".into()]));
            self.pointer_value(&refresh.refresh_token, &at(&path, ["refresh_token".into()]));
            if let Some(token) = &refresh.token {
                self.pointer_value(token, &at(&path, ["token".into()]));
            }
            let mut known = Names::of_flow(self.scenario);
            known.add("refresh_token");
            let mut texts = Vec::new();
            names::of_request(&refresh.request, &at(&path, ["request".into()]), &mut texts);
            for (path, text) in texts {
                self.template(&path, text, &known);
            }
        }
    }

    /// Checks steps in order and gives the names that exist after them.
    fn steps(&mut self, steps: &[Step], path: &[Seg], mut names: Names, before: &[&Step]) -> Names {
        let mut seen: BTreeSet<&str> = before.iter().map(|s| s.name.as_str()).collect();
        for (index, step) in steps.iter().enumerate() {
            let path = at(path, [index.into()]);
            if step.name.trim().is_empty() {
                self.wrong(&at(&path, ["name".into()]), "the step's name is empty");
            } else if !seen.insert(&step.name) {
                let message =
                    format!("the step name `{}` is taken: names are unique within a flow", step.name);
                self.wrong(&at(&path, ["name".into()]), message);
            }
            for (path, text) in names::of_step(step, &path) {
                self.template(&path, text, &names);
            }
            self.step(step, &path);
            step.capture.keys().for_each(|name| names.add(name));
        }
        names
    }

    fn step(&mut self, step: &Step, path: &[Seg]) {
        self.request(&step.request, &at(path, ["request".into()]));
        if let Some(session) = &step.session {
            let sessions = self.scenario.sessions.keys().map(String::as_str);
            if !self.scenario.sessions.contains_key(session) {
                let hint = suggest::hint(session, sessions.clone());
                let all = sessions.collect::<Vec<_>>().join(", ");
                let all = if all.is_empty() {
                    "no sessions are defined".into()
                } else {
                    format!("there are {all}")
                };
                self.wrong(
                    &at(path, ["session".into()]),
                    format!("unknown session `{session}`{hint} ({all})"),
                );
            }
            if let Some(name) = step.request.headers.keys().find(|n| n.eq_ignore_ascii_case("authorization"))
            {
                let path = at(path, ["request".into(), "headers".into(), name.into()]);
                self.wrong_key(
                    &path,
                    "the session sends an authorization header already: keep one of the two",
                );
            }
        }
        for (name, pointer) in &step.capture {
            let path = at(path, ["capture".into(), name.as_str().into()]);
            self.name(name, &path);
            self.pointer_value(pointer, &path);
        }
        self.expectations(step, path);
        self.webhooks(step, path);
    }

    fn expectations(&mut self, step: &Step, path: &[Seg]) {
        if let Some(statuses) = &step.expect.status {
            self.statuses(statuses.as_slice(), &at(path, ["expect".into(), "status".into()]));
            if statuses.as_slice().is_empty() {
                self.wrong(&at(path, ["expect".into(), "status".into()]), "the list of statuses is empty");
            }
        }
        self.statuses(&step.may_refuse, &at(path, ["may_refuse".into()]));
        self.statuses(&step.used_up, &at(path, ["used_up".into()]));
        self.matchers(&step.expect.json, &at(path, ["expect".into(), "json".into()]), Places::Pointers);
        self.matchers(&step.expect.headers, &at(path, ["expect".into(), "headers".into()]), Places::Headers);
        if let Some(poll) = step.poll {
            let poll_path = at(path, ["poll".into()]);
            if poll.every.get().is_zero() {
                self.wrong(
                    &at(&poll_path, ["every".into()]),
                    "a pause of 0 would hammer the target: give 100ms or more",
                );
            }
            if poll.deadline < poll.every {
                let message =
                    format!("the deadline {} is shorter than one pause of {}", poll.deadline, poll.every);
                self.wrong(&at(&poll_path, ["deadline".into()]), message);
            }
        }
    }

    fn webhooks(&mut self, step: &Step, path: &[Seg]) {
        for (index, webhook) in step.webhooks.iter().enumerate() {
            let path = at(path, ["webhooks".into(), index.into()]);
            if webhook.event.trim() != webhook.event {
                self.wrong(&at(&path, ["event".into()]), "blanks stand around the event's name");
            }
            if webhook.within.is_some_and(|within| within.get().is_zero()) {
                self.wrong(&at(&path, ["within".into()]), "nothing arrives within 0: give for example 30s");
            }
            self.matchers(&webhook.matchers, &at(&path, ["match".into()]), Places::Pointers);
            self.matchers(&webhook.headers, &at(&path, ["headers".into()]), Places::Headers);
            if webhook.count.forbids() && webhook.after.is_some() {
                self.wrong(
                    &at(&path, ["after".into()]),
                    "a webhook that must not come (`count: 0`) has no order",
                );
            }
        }
    }

    fn variants(&mut self) {
        let scenario = self.scenario;
        let mut seen = BTreeSet::new();
        for (index, variant) in scenario.variants.iter().enumerate() {
            let path: Vec<Seg> = vec!["variants".into(), index.into()];
            if !seen.insert(&variant.name) {
                self.wrong(
                    &at(&path, ["name".into()]),
                    format!("the variant name `{}` is taken", variant.name),
                );
            }
            if variant.of_every == 0 {
                self.wrong(&at(&path, ["of_every".into()]), "`of_every` is 0: give 1 or more");
            }
            if variant.last == 0 || variant.last > variant.of_every {
                let message = format!("`last` is {}: give 1 to {}", variant.last, variant.of_every.max(1));
                self.wrong(&at(&path, ["last".into()]), message);
            }
            let kept = match &variant.after {
                None => None,
                Some(name) => {
                    let found = scenario.steps.iter().position(|s| s.name == *name);
                    if found.is_none() {
                        let hint = suggest::hint(name, scenario.steps.iter().map(|s| s.name.as_str()));
                        let message = format!("the scenario's own steps have no `{name}`{hint}");
                        self.wrong(&at(&path, ["after".into()]), message);
                    }
                    found
                }
            };
            let before: Vec<&Step> = scenario.steps.iter().take(kept.map_or(0, |last| last + 1)).collect();
            let mut names = Names::of_flow(scenario);
            before.iter().flat_map(|s| s.capture.keys()).for_each(|name| names.add(name));
            self.steps(&variant.steps, &at(&path, ["steps".into()]), names, &before);
            if variant.steps.is_empty() && before.is_empty() {
                self.wrong(&at(&path, ["steps".into()]), "the variant has no step");
            }
        }
    }

    fn status(&mut self, mut names: Names) {
        let scenario = self.scenario;
        scenario
            .variants
            .iter()
            .flat_map(|v| &v.steps)
            .flat_map(|s| s.capture.keys())
            .for_each(|n| names.add(n));
        if let Some(text) = &scenario.subject.status {
            self.template(&["subject".into(), "status".into()], text, &names);
        }
    }
}
