//! What the types cannot say: that names exist, pointers and patterns parse, statuses are statuses.

use super::error::{At, Problem};
use super::model::{Scenario, Session, Step};
use super::names::{self, Names, at};
use super::request::{Part, Request};
use super::scope::BUILT_IN;
use super::suggest;
use super::template::{self, Piece};
use super::tree::{Kind, Node, Seg};
use super::typed;
use crate::matcher::{Matcher, MatcherFields};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// All that is wrong with a scenario, in the order of the file.
pub(super) fn check(scenario: &Scenario, tree: &Node, source: &str, dir: &Path) -> Vec<Problem> {
    let mut checker = Checker { scenario, tree, source, dir, problems: Vec::new() };
    checker.head();
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

struct Checker<'a> {
    scenario: &'a Scenario,
    tree: &'a Node,
    source: &'a str,
    dir: &'a Path,
    problems: Vec<Problem>,
}

impl Checker<'_> {
    fn wrong(&mut self, path: &[Seg], message: impl Into<String>) {
        let at = self.tree.value_at(path);
        self.problems.push(Problem { at, message: message.into() });
    }

    fn wrong_key(&mut self, path: &[Seg], message: impl Into<String>) {
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

    fn name(&mut self, name: &str, path: &[Seg]) {
        let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        if !begins || !name.chars().all(is_word) {
            self.wrong_key(
                path,
                format!("`{name}` is no name: use letters, digits, `_` and `-`, a letter first"),
            );
        } else if BUILT_IN.contains(&name) || matches!(name, "true" | "false" | "null") {
            self.wrong_key(path, format!("`{name}` is built in: take another name"));
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
        for (name, Session { login, token }) in &self.scenario.sessions {
            let path: Vec<Seg> = vec!["sessions".into(), name.as_str().into()];
            self.request(login, &at(&path, ["login".into()]));
            self.pointer_value(token, &at(&path, ["token".into()]));
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
            if webhook.event.trim().is_empty() {
                self.wrong(&at(&path, ["event".into()]), "the event's name is empty");
            }
            if webhook.within.get().is_zero() {
                self.wrong(&at(&path, ["within".into()]), "nothing arrives within 0: give for example 30s");
            }
            self.matchers(&webhook.matchers, &at(&path, ["match".into()]), Places::Pointers);
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

    fn request(&mut self, request: &Request, path: &[Seg]) {
        let kinds = [
            ("json", request.json.is_some()),
            ("form", request.form.is_some()),
            ("multipart", request.multipart.is_some()),
            ("text", request.text.is_some()),
        ];
        let given: Vec<&str> = kinds.iter().filter(|(_, is)| *is).map(|(name, _)| *name).collect();
        if let [first, second, ..] = given.as_slice() {
            let message = format!("a request has one body: keep `{first}` or `{second}`");
            self.wrong_key(&at(path, [(*second).into()]), message);
        }
        let target = &request.path;
        let is_target = ["/", "http://", "https://", "{{"].iter().any(|s| target.starts_with(s));
        if !is_target || target.contains(|c: char| c.is_control() || (c == ' ' && !target.contains("{{"))) {
            let message = "a path begins with `/` (or is an absolute URL) and has no blanks";
            self.wrong(&at(path, ["path".into()]), message);
        }
        for (name, value) in request.headers.iter() {
            let path = at(path, ["headers".into(), name.into()]);
            self.header_name(name, &path);
            if value.contains(|c: char| c.is_control() && c != '\t') {
                self.wrong(&path, "a header's value has no line breaks or control characters");
            }
        }
        for (name, part) in request.multipart.iter().flat_map(super::Entries::iter) {
            match part {
                Part::File(part) if !part.file.contains("{{") => {
                    self.file(&part.file, &at(path, ["multipart".into(), name.into(), "file".into()]));
                }
                _ => {}
            }
        }
        if request.timeout.is_some_and(|t| t.get().is_zero()) {
            self.wrong(&at(path, ["timeout".into()]), "no answer comes within 0: give for example 60s");
        }
    }

    fn file(&mut self, file: &str, path: &[Seg]) {
        let full = self.dir.join(file);
        match std::fs::metadata(&full) {
            Ok(found) if found.is_file() => {}
            Ok(_) => self.wrong(path, format!("{} is not a regular file", full.display())),
            Err(e) => {
                self.wrong(path, format!("{}: {e} (paths are relative to the scenario)", full.display()));
            }
        }
    }

    fn header_name(&mut self, name: &str, path: &[Seg]) {
        // RFC 9110, section 5.6.2: token.
        let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        if name.is_empty() || !name.chars().all(is_token) {
            self.wrong_key(path, format!("`{name}` is no header name: use letters, digits and `-`"));
        }
    }

    fn statuses(&mut self, statuses: &[u16], path: &[Seg]) {
        for (index, status) in statuses.iter().enumerate() {
            if !(100..=599).contains(status) {
                let message = format!("{status} is no HTTP status: they run from 100 to 599");
                self.wrong(&at(path, [index.into()]), message);
            }
        }
    }

    fn matchers(&mut self, matchers: &BTreeMap<String, Matcher>, path: &[Seg], places: Places) {
        for (place, matcher) in matchers {
            let path = at(path, [place.as_str().into()]);
            match places {
                Places::Pointers => self.pointer(place, &path),
                Places::Headers => self.header_name(place, &path),
            }
            match matcher {
                Matcher::Equals(_) => self.matcher_mapping(&path),
                Matcher::Full(fields) => self.matcher(fields, &path),
            }
        }
    }

    /// A mapping that is no matcher would quietly mean `equals`; it is a typing error far more often.
    fn matcher_mapping(&mut self, path: &[Seg]) {
        let Some(node) = self.tree.get(path) else { return };
        if let (Kind::Map(_), Err(problem)) = (&node.kind, typed::from_tree::<MatcherFields>(node)) {
            let message = format!("{}; to compare with a mapping, put it under `equals:`", problem.message);
            self.problems.push(Problem { at: problem.at, message });
        }
    }

    fn matcher(&mut self, fields: &MatcherFields, path: &[Seg]) {
        if *fields == MatcherFields::default() {
            self.wrong(path, "an empty matcher tests nothing: give equals, exists, absent, matches or type");
        }
        if fields.exists == Some(true) && fields.absent == Some(true) {
            self.wrong_key(&at(path, ["absent".into()]), "`exists` and `absent` contradict each other");
        }
        if let Some(pattern) = fields.matches.as_ref().filter(|p| !p.contains("{{"))
            && let Err(error) = regex::Regex::new(pattern)
        {
            let reason = error.to_string();
            let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ");
            self.wrong(&at(path, ["matches".into()]), format!("invalid regular expression: {reason}"));
        }
    }

    /// A pointer that is a key.
    fn pointer(&mut self, pointer: &str, path: &[Seg]) {
        if let Some(message) = pointer_problem(pointer) {
            self.wrong_key(path, message);
        }
    }

    fn pointer_value(&mut self, pointer: &str, path: &[Seg]) {
        if let Some(message) = pointer_problem(pointer) {
            self.wrong(path, message);
        }
    }

    fn template(&mut self, path: &[Seg], text: &str, names: &Names) {
        let pieces = match template::parse(text) {
            Ok(pieces) => pieces,
            Err(error) => {
                let at = self.locate(path, &error.template, 0);
                return self.problems.push(Problem { at, message: error.to_string() });
            }
        };
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        for piece in &pieces {
            let Piece::Expr { raw, expr } = piece else { continue };
            let nth = seen.entry(raw).or_default();
            if let Some(message) = expr.needed().find_map(|name| names.refuse(name)) {
                let at = self.locate(path, raw, *nth);
                self.problems.push(Problem { at, message });
            }
            *nth += 1;
        }
    }

    /// The place of the `nth` occurrence of `raw` in the value at `path`; of the value when its text is escaped.
    fn locate(&self, path: &[Seg], raw: &str, nth: usize) -> At {
        let at = self.tree.value_at(path);
        let line_start = match at.line {
            0 | 1 => 0,
            line => {
                let mut breaks = self.source.match_indices('\n').map(|(i, _)| i + 1);
                breaks.nth(usize::try_from(line).unwrap_or(usize::MAX).saturating_sub(2)).unwrap_or(0)
            }
        };
        let line = self.source.get(line_start..).unwrap_or_default();
        let skip = usize::try_from(at.column).unwrap_or(1).saturating_sub(1);
        let start = line_start + line.char_indices().nth(skip).map_or(0, |(i, _)| i);
        let rest = self.source.get(start..).unwrap_or_default();
        let Some((found, _)) = rest.match_indices(raw).nth(nth) else { return at };
        let before = self.source.get(..start + found).unwrap_or_default();
        let line = 1 + before.matches('\n').count() as u64;
        let column = 1 + before.rsplit('\n').next().unwrap_or_default().chars().count() as u64;
        At { line, column }
    }
}

/// What the keys of a mapping of matchers are.
#[derive(Debug, Clone, Copy)]
enum Places {
    Pointers,
    Headers,
}

/// What is wrong with a JSON pointer (RFC 6901).
fn pointer_problem(pointer: &str) -> Option<String> {
    if !pointer.is_empty() && !pointer.starts_with('/') {
        let fixed = pointer.trim_start_matches("$.").replace('.', "/");
        return Some(format!("`{pointer}` is no JSON pointer: it begins with `/`, as in `/{fixed}`"));
    }
    let lonely = pointer.split('~').skip(1).any(|rest| !rest.starts_with(['0', '1']));
    lonely
        .then(|| format!("`{pointer}` is no JSON pointer: write `~0` for `~` and `~1` for `/` within a name"))
}
