//! What the types cannot say: that names exist, pointers and patterns parse, statuses are statuses.

use super::capture::Capture;
use super::error::Problem;
use super::meant;
use super::mended;
use super::model::{Scenario, Step};
use super::names::{self, Names, at};
use super::plain;
use super::suggest;
use super::syntax::Places;
use super::tree::{Node, Seg};
use super::variants::MOST_FLOWS;
use pii::Policy;
use record::faults::Target;
use std::collections::BTreeSet;
use std::path::Path;

/// All that is wrong with a scenario, in the order of the file.
pub(super) fn check(scenario: &Scenario, tree: &Node, source: &str, dir: &Path) -> Vec<Problem> {
    let mut checker = Checker { scenario, tree, source, dir, problems: Vec::new() };
    checker.head();
    checker.contract();
    checker.policy();
    checker.declarations();
    checker.values();
    checker.secrets_of_values();
    checker.sessions();
    checker.listening();
    checker.steps(&scenario.steps, &["steps".into()], Names::of_flow(scenario), &[]);
    checker.variants();
    checker.subject();
    let mut problems = checker.problems;
    problems.sort_by_key(|p| p.at);
    // A step that an anchor repeats would have its problems said again.
    problems.dedup();
    problems
}

/// A check on its way through a scenario.
pub(super) struct Checker<'a> {
    pub(super) scenario: &'a Scenario,
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
        self.range("flows", self.scenario.flows, MOST_FLOWS);
        self.range("concurrency", self.scenario.concurrency, 10_000);
        if self.scenario.steps.is_empty() {
            self.wrong(&["steps".into()], "there are no steps: a flow needs at least one");
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
                "a contract needs `webhooks.ours` to tell the flows' webhooks apart",
            );
        }
        let fired: u32 = scenario.steps.iter().flat_map(|s| &s.webhooks).map(|w| w.count.least()).sum();
        if fired != 1 || !scenario.variants.is_empty() {
            self.wrong_key(&["contract".into()], "with a contract every flow must fire exactly one webhook");
        }
        for (index, clause) in scenario.contract.iter().enumerate() {
            let path: [Seg; 3] = ["contract".into(), index.into(), "faults".into()];
            if clause.faults.iter().any(|f| f.target != Target::Every) {
                self.wrong(&path, "each fault of a clause gets its own delivery: leave out the @");
            }
        }
    }

    /// The `pii:` block is read by the search, which takes its keys and patterns apart.
    fn policy(&mut self) {
        let Some(node) = self.tree.get(&["pii".into()]).filter(|_| self.scenario.pii.is_some()) else {
            return;
        };
        let read = mended::read_on::<Policy>(node);
        if let Some(policy) = read.value.filter(|_| read.problems.is_empty()) {
            self.problems.extend(plain::problems_of_policy(&policy, node));
        }
        self.problems.extend(read.problems);
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
        let (known, of_environment) = (Names::of_flow(scenario), names::environment(scenario));
        for (index, name) in scenario.secrets.iter().enumerate() {
            if scenario.is_declared(name)
                || of_environment.contains(name.strip_prefix("env.").unwrap_or(name))
            {
                continue;
            }
            let near = suggest::hint(name, of_environment.iter().map(String::as_str));
            let why = match name.strip_prefix("env.") {
                Some(variable) => format!("no template takes {variable} from the environment{near}"),
                None if near.is_empty() => {
                    known.refuse(name).unwrap_or_else(|| format!("`{name}` is built in: it is no secret"))
                }
                None => format!("undefined variable `{name}`{near}"),
            };
            self.wrong(&["secrets".into(), index.into()], why);
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
        self.identities();
    }

    fn declared_above(&self, above: &mut Names, var: Option<&str>) {
        for name in self.scenario.vars.keys().take_while(|name| Some(*name) != var) {
            above.add(name);
        }
    }

    /// Checks steps in order.
    pub(super) fn steps(&mut self, steps: &[Step], path: &[Seg], mut names: Names, before: &[&Step]) {
        let mut seen: BTreeSet<&str> = before.iter().map(|s| s.name.as_str()).collect();
        for (index, step) in steps.iter().enumerate() {
            let path = at(path, [index.into()]);
            if step.name.trim().is_empty() {
                self.wrong(&at(&path, ["name".into()]), "the step's name is empty");
            } else if !seen.insert(&step.name) {
                let message =
                    format!("the step name `{}` is taken: names must be unique within a flow", step.name);
                self.wrong(&at(&path, ["name".into()]), message);
            }
            for (path, text) in names::of_step(step, &path) {
                self.template(&path, text, &names);
            }
            self.step(step, &path);
            let answered = names.after_answer(step);
            for (index, webhook) in step.webhooks.iter().enumerate() {
                let path = at(&path, ["webhooks".into(), index.into()]);
                for (path, text) in names::of_webhook(webhook, &path) {
                    self.template(&path, text, &answered);
                    if meant::is_in_braces(text) {
                        self.half_template(&path, text, &answered);
                    }
                }
            }
            step.captured().for_each(|name| names.add(name));
        }
    }

    fn step(&mut self, step: &Step, path: &[Seg]) {
        self.request(&step.request, &at(path, ["request".into()]));
        self.secrets_of_request(&step.request, &at(path, ["request".into()]));
        if let Some(session) = &step.session {
            let sessions = self.scenario.sessions.keys().map(String::as_str);
            if !self.scenario.sessions.contains_key(session) {
                let hint = suggest::hint(session, sessions.clone());
                let all = sessions.collect::<Vec<_>>().join(", ");
                let all =
                    if all.is_empty() { "no sessions are defined".into() } else { format!("known: {all}") };
                self.wrong(
                    &at(path, ["session".into()]),
                    format!("unknown session `{session}`{hint} ({all})"),
                );
            }
            let sent = self.scenario.sessions.get(session).map_or("authorization", Self::session_header);
            if let Some(name) = step.request.headers.keys().find(|n| n.eq_ignore_ascii_case(sent)) {
                let path = at(path, ["request".into(), "headers".into(), name.into()]);
                let message = format!(
                    "the session already sends the header {}: keep one of the two",
                    sent.to_ascii_lowercase()
                );
                self.wrong_key(&path, message);
            }
        }
        for (name, capture) in &step.capture {
            self.capture(name, capture, &at(path, ["capture".into(), name.as_str().into()]));
        }
        self.expectations(step, path);
        self.webhooks(step, path);
    }

    fn capture(&mut self, name: &str, capture: &Capture, path: &[Seg]) {
        self.name(name, path);
        let from = match capture {
            Capture::Pointer(pointer) => return self.pointer_value(pointer, path),
            Capture::From(from) => from,
        };
        let given = [&from.json, &from.header, &from.cookie].into_iter().flatten().count();
        if given != 1 {
            self.wrong(path, "a value is captured from one place: give one of `json`, `header` and `cookie`");
        }
        if let Some(pointer) = &from.json {
            self.pointer_value(pointer, &at(path, ["json".into()]));
        }
        if let Some(header) = &from.header {
            self.header_value(header, &at(path, ["header".into()]));
        }
        if let Some(pattern) = &from.matches {
            self.pattern(pattern, &at(path, ["matches".into()]));
        }
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
                self.wrong(&at(&path, ["event".into()]), "the event name has spaces around it");
            } else if webhook.event.chars().any(char::is_control) {
                self.wrong(
                    &at(&path, ["event".into()]),
                    "an event name must be one line, without control characters",
                );
            }
            if webhook.within.is_some_and(|within| within.get().is_zero()) {
                self.wrong(&at(&path, ["within".into()]), "nothing arrives within 0 s: give for example 30s");
            }
            self.matchers(&webhook.matchers, &at(&path, ["match".into()]), Places::Fields);
            self.matchers(&webhook.headers, &at(&path, ["headers".into()]), Places::Headers);
            if webhook.count.forbids() && webhook.after.is_some() {
                self.wrong(
                    &at(&path, ["after".into()]),
                    "a webhook that must not arrive (`count: 0`) has no order",
                );
            }
            for (name, capture) in &webhook.capture {
                let path = at(&path, ["capture".into(), name.as_str().into()]);
                self.capture(name, capture, &path);
                if matches!(capture, Capture::From(from) if from.cookie.is_some()) {
                    self.wrong(&path, "a webhook sets no cookies: capture from its body or a header");
                }
                if webhook.count.forbids() {
                    self.wrong_key(&path, "nothing can be captured from a forbidden webhook (`count: 0`)");
                }
            }
        }
    }

    /// What a flow is about, and what its webhooks are told by, may be learned on the way.
    fn subject(&mut self) {
        let (scenario, names) = (self.scenario, Names::at_end(self.scenario));
        for (path, text) in names::of_subject(scenario) {
            self.template(&path, text, &names);
            self.half_template(&path, text, &names);
        }
        for (pointer, text) in &scenario.webhooks.ours {
            self.of_each_flow(&["webhooks".into(), "ours".into(), pointer.as_str().into()], text, &names);
        }
        if let Some(text) = &scenario.subject.status {
            self.template(&["subject".into(), "status".into()], text, &names);
        }
    }
}
