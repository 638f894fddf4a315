//! The flows of a run are those that its scenario has: each step in its place, logged in, with the webhooks that it must fire.

use super::order::s;
use super::outcomes::{About, answer_fits, has_pieces, login_fits, status_fits, told_soundly, tries_fit};
use super::{Contradictions, plays};
use foldhash::{HashMap, HashSet};
use record::matcher::Matcher;
use record::period::Period;
use record::{Expect, FlowStart, Header, Learned, MASK, Outcome, Record, SessionStep, Step, Tick};
use scenario::{ExpectedWebhook, Scenario};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub(super) struct Flows<'a> {
    header: &'a Header,
    /// Only of a run of which the scenario is known.
    scenario: Option<&'a Scenario>,
    /// The steps of each variant that was played, made out once.
    planned: BTreeMap<Option<&'a str>, Arc<[Planned<'a>]>>,
    /// Flows that have begun and not ended, by number.
    flows: HashMap<u32, Flow<'a>>,
    /// How many they are, one that began twice counted twice.
    under_way: u32,
    /// Flows that have ended.
    ended: HashSet<u32>,
    /// Sessions in which somebody has logged in.
    open: BTreeSet<String>,
    /// The limit of `--within`, ms.
    within_ms: Option<u64>,
    /// Whether they are driven beside a window, which keeps no responses, and nothing of what tells their webhooks.
    are_driven: bool,
}

/// What a step of the scenario asks of each flow that plays it.
struct Planned<'a> {
    step: &'a scenario::Step,
    /// Method and path as they are sent, with the templates, cut where the flow's subject stands.
    request: Vec<String>,
    /// The webhooks that it must fire, and those that only its answer tells apart.
    known: Vec<&'a ExpectedWebhook>,
    learned: Vec<&'a ExpectedWebhook>,
}

impl<'a> Planned<'a> {
    fn of(step: &'a scenario::Step, subject: &str) -> Self {
        let whole = step.request.as_sent();
        let request =
            if subject.is_empty() { vec![whole] } else { whole.split(subject).map(str::to_owned).collect() };
        let is_learned = |webhook: &&ExpectedWebhook| scenario::waits_for_answer(step, webhook);
        let (learned, known) = step.webhooks.iter().partition(is_learned);
        Self { step, request, known, learned }
    }

    /// The webhooks that a step has announced: those that only its answer tells apart, as far as it was answered as expected.
    /// They stand behind those that were known before.
    fn announced(&self, outcome: Outcome) -> impl Iterator<Item = &'a ExpectedWebhook> {
        let learned = if outcome == Outcome::Ok { self.learned.as_slice() } else { &[] };
        self.known.iter().chain(learned).copied()
    }
}

/// A flow under way.
struct Flow<'a> {
    steps: Arc<[Planned<'a>]>,
    next: usize,
    at: Tick,
    /// What the next step has announced.
    expects: Vec<Expect>,
    ours: BTreeMap<String, Value>,
    subject: Value,
    failed: bool,
}

impl<'a> Flows<'a> {
    pub(super) fn new(header: &'a Header, scenario: Option<&'a Scenario>) -> Self {
        let given = header.given("within").and_then(|o| o.value.parse::<Period>().ok());
        let scenario = scenario.filter(|_| plays(header));
        Self {
            header,
            scenario,
            planned: BTreeMap::new(),
            flows: HashMap::default(),
            under_way: 0,
            ended: HashSet::default(),
            open: BTreeSet::new(),
            within_ms: given.map(Period::as_millis),
            are_driven: false,
        }
    }

    /// Those of a scenario that is driven beside a window with this header.
    pub(super) fn driven(header: &'a Header, scenario: &'a Scenario) -> Self {
        Self { scenario: Some(scenario), are_driven: true, ..Self::new(header, None) }
    }

    pub(super) fn take(&mut self, record: &Record, found: &mut Contradictions) {
        match record {
            Record::Step(step) => {
                told_soundly(step, found);
                if self.scenario.is_some() {
                    self.step(step, found);
                }
            }
            _ if self.scenario.is_none() => {}
            Record::FlowStart(start) => self.begins(start, found),
            Record::Learned(learned) => self.learned(learned, found),
            Record::Expect(expect) => self.expects(expect, found),
            Record::FlowEnd(end) => {
                let Some(flow) = self.flows.remove(&end.flow) else {
                    found.add("flow_out_of_place", format!("flow {} ends but is not in progress", end.flow));
                    return;
                };
                self.ended.insert(end.flow);
                self.under_way = self.under_way.saturating_sub(1);
                if end.at < flow.at {
                    let (at, before) = (s(end.at), s(flow.at));
                    let sentence =
                        format!("flow {} ends at {at} s, before its last step at {before} s", end.flow);
                    found.add("effect_before_cause", sentence);
                }
                if let Some(missing) = flow.steps.get(flow.next) {
                    let sentence =
                        format!("flow {} ended without its step `{}`", end.flow, missing.step.name);
                    found.add("step_missing", sentence);
                }
            }
            _ => {}
        }
    }

    fn begins(&mut self, start: &FlowStart, found: &mut Contradictions) {
        let Some(scenario) = self.scenario else { return };
        let number = start.flow;
        if number >= self.header.flows && !self.are_driven {
            let sentence = format!("flow {number} of {}, counted from 0", self.header.flows);
            found.add("flow_out_of_place", sentence);
        }
        let plan = scenario.flow_plan(number);
        if start.variant.as_deref() != plan.variant {
            let said =
                |variant: Option<&str>| variant.map_or("the main one".to_owned(), |v| format!("`{v}`"));
            let (is, due) = (said(start.variant.as_deref()), said(plan.variant));
            found.add(
                "flow_out_of_place",
                format!("flow {number} plays variant {is}, but the scenario says {due}"),
            );
        }
        if start.ours.keys().any(|pointer| !scenario.webhooks.ours.contains_key(pointer)) {
            let sentence =
                format!("flow {number} identifies its webhooks by a place the scenario does not name");
            found.add("header_differs", sentence);
        }
        let steps = || plan.steps.iter().map(|step| Planned::of(step, &scenario.subject.id)).collect();
        let flow = Flow {
            steps: Arc::clone(self.planned.entry(plan.variant).or_insert_with(steps)),
            next: 0,
            at: start.at,
            expects: Vec::new(),
            ours: start.ours.clone(),
            subject: start.subject.clone(),
            failed: false,
        };
        let has_ended = self.ended.remove(&number);
        if self.flows.insert(number, flow).is_some() || has_ended {
            found.add("flow_twice", format!("flow {number} begins twice"));
        }
        self.under_way += 1;
        let most = if self.header.in_turn { 1 } else { self.header.concurrency };
        if self.under_way > most && !self.are_driven {
            let sentence = format!(
                "{} flows are in progress at once with flow {number}, but the header allows {most}",
                self.under_way
            );
            found.add("header_differs", sentence);
        }
    }

    fn learned(&mut self, learned: &Learned, found: &mut Contradictions) {
        let Some(scenario) = self.scenario else { return };
        let number = learned.flow;
        let Some(flow) = self.flows.get_mut(&number) else {
            found.add("flow_out_of_place", format!("flow {number} learns something but is not in progress"));
            return;
        };
        if learned.ours.keys().any(|pointer| !scenario.webhooks.ours.contains_key(pointer)) {
            let sentence =
                format!("flow {number} identifies its webhooks by a place the scenario does not name");
            found.add("header_differs", sentence);
        }
        flow.ours.extend(learned.ours.clone());
        flow.subject = learned.subject.clone().unwrap_or_else(|| flow.subject.clone());
    }

    fn expects(&mut self, expect: &Expect, found: &mut Contradictions) {
        let number = expect.flow;
        let Some(flow) = self.flows.get_mut(&number) else {
            found.add("flow_out_of_place", format!("flow {number} expects a webhook but is not in progress"));
            return;
        };
        flow.expects.push(expect.clone());
    }

    fn step(&mut self, step: &Step, found: &mut Contradictions) {
        let Some(number) = step.flow else {
            self.login(step, found);
            return;
        };
        let Some(flow) = self.flows.get_mut(&number) else {
            let sentence = format!("step `{}` of flow {number}, which is not in progress", step.step);
            found.add("flow_out_of_place", sentence);
            return;
        };
        let about = About { flow: number, step: &step.step };
        let expects = std::mem::take(&mut flow.expects);
        let steps = Arc::clone(&flow.steps);
        let next = steps.get(flow.next);
        let Some(planned) = next.filter(|planned| planned.step.name == step.step) else {
            let due = next.map_or("its end", |planned| planned.step.name.as_str());
            found.add("step_out_of_place", format!("{about} appears where the scenario has {due}"));
            // Looked for further on, so that one that is missing is told once.
            if let Some(further) = steps.iter().skip(flow.next).position(|p| p.step.name == step.step) {
                flow.next += further + 1;
            }
            return;
        };
        flow.next += 1;
        if step.started < flow.at {
            let (at, before) = (s(step.started), s(flow.at));
            found.add(
                "effect_before_cause",
                format!("{about} began at {at} s, before what it follows, at {before} s"),
            );
        }
        if let Some(expect) = expects.iter().find(|e| e.step != step.step) {
            let sentence = format!("{about} announced a webhook of step `{}`", expect.step);
            found.add("expectation_differs", sentence);
        }
        if let Some(expect) = expects.iter().find(|e| e.at > step.started || e.at < flow.at) {
            let (at, began) = (s(expect.at), s(step.started));
            let sentence = format!("{about} announced its webhook at {at} s, and was sent at {began} s");
            found.add("effect_before_cause", sentence);
        }
        tries_fit(planned.step, step, flow.at, about, found);
        flow.at = flow.at.max(step.ended);
        order_of_outcomes(flow, step, about, found);
        if self.are_driven {
            status_fits(planned.step, step, about, found);
        } else {
            answer_fits(planned.step, step, about, found);
        }
        request_fits(planned, step, self.scenario, &flow.subject, about, found);
        if step.tries > 0 {
            let within_ms = self.within_ms;
            let learns = self.header.learns || self.are_driven;
            let ours = Ours { scenario: self.scenario, values: &flow.ours, learns };
            let webhooks: Vec<&ExpectedWebhook> = planned.announced(step.outcome).collect();
            expects_fit(&webhooks, &expects, within_ms, &ours, about, found);
            let logs_in = |session: &&String| {
                self.scenario.and_then(|s| s.sessions.get(*session)).is_none_or(scenario::Session::logs_in)
            };
            let session = planned.step.session.as_ref().filter(logs_in);
            if let Some(session) = session.filter(|session| !self.open.contains(*session)) {
                found.add(
                    "no_login",
                    format_args!("{about} was sent in session `{session}`, which never logged in"),
                );
            }
        }
    }

    fn login(&mut self, step: &Step, found: &mut Contradictions) {
        let Some(scenario) = self.scenario else { return };
        let known = SessionStep::of(&step.step)
            .and_then(|(what, name)| Some((what, scenario.sessions.get_key_value(name)?)));
        let Some((what, (name, session))) = known else {
            found.add(
                "step_out_of_place",
                format!("step `{}` belongs to no flow and is not a login of the scenario", step.step),
            );
            return;
        };
        if step.outcome == Outcome::Ok && what != SessionStep::Csrf {
            login_fits(what, session, step, found);
            self.open.insert(name.clone());
        }
    }

    /// A run that was completed has played all of its flows to their ends.
    pub(super) fn end(&self, complete: bool, found: &mut Contradictions) {
        if self.scenario.is_none() || !complete {
            return;
        }
        let missing = (0..self.header.flows).find(|number| !self.ended.contains(number));
        if let Some(number) = missing {
            let sentence = format!("the run is said to have completed, but flow {number} has not");
            found.add("flow_missing", sentence);
        }
    }
}

/// After a step that failed the others are skipped, and only then.
fn order_of_outcomes(flow: &mut Flow<'_>, step: &Step, about: About<'_>, found: &mut Contradictions) {
    if flow.failed != (step.outcome == Outcome::Skipped) {
        let what = if flow.failed {
            "was played after one that failed"
        } else {
            "was skipped although none before it failed"
        };
        found.add("outcome_contradicts_flow", format!("{about} {what}"));
    }
    flow.failed |= step.outcome == Outcome::Failed;
}

/// Method and path are the scenario's, about the flow's own subject.
fn request_fits(
    planned: &Planned<'_>,
    step: &Step,
    scenario: Option<&Scenario>,
    subject: &Value,
    about: About<'_>,
    found: &mut Contradictions,
) {
    if step.request.contains(MASK) || step.tries == 0 {
        return;
    }
    let id = match subject {
        Value::Number(n) => n.to_string(),
        Value::String(text) if text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') => text.clone(),
        _ => String::new(),
    };
    if subject.is_null() && planned.request.len() > 1 {
        let sentence = format!("{about} was sent as `{}`, but the flow has no subject", step.request);
        found.add("request_differs", sentence);
    }
    let template = scenario.map_or("", |scenario| scenario.subject.id.as_str());
    let wanted = planned.request.join(if id.is_empty() { template } else { &id });
    if !has_pieces(&step.request, &wanted) {
        let sentence = format!("{about} was sent as `{}`, but the scenario has `{wanted}`", step.request);
        found.add("request_differs", sentence);
    }
}

/// How the flow's webhooks are told from those of others.
struct Ours<'o> {
    scenario: Option<&'o Scenario>,
    values: &'o BTreeMap<String, Value>,
    /// Whether flows learn on the way what their webhooks are told by.
    learns: bool,
}

/// A step that was sent has announced exactly the webhooks that the scenario asks it for.
fn expects_fit(
    planned: &[&ExpectedWebhook],
    expects: &[Expect],
    within_ms: Option<u64>,
    ours: &Ours<'_>,
    about: About<'_>,
    found: &mut Contradictions,
) {
    let mut wrong = |what: String| found.add("expectation_differs", format!("{about}: {what}"));
    if planned.len() != expects.len() {
        wrong(format!("it announced {} webhooks, but the scenario has {}", expects.len(), planned.len()));
        return;
    }
    for (planned, expect) in planned.iter().zip(expects) {
        if !planned.event.contains("{{") && planned.event != expect.event {
            wrong(format!("event `{}` where the scenario has `{}`", expect.event, planned.event));
        }
        if (planned.count.least(), planned.count.is_open()) != (expect.count, expect.at_least) {
            wrong(format!("{} of {} where the scenario has {}", expect.count, expect.event, planned.count));
        }
        if planned.after.is_some() != expect.after.is_some() {
            wrong(format!("{} is in a different order than in the scenario", expect.event));
        }
        let own = || u64::try_from(planned.within().as_millis()).unwrap_or(u64::MAX);
        let limit = within_ms.filter(|_| !planned.count.forbids()).unwrap_or_else(own);
        if expect.within_ms != limit {
            wrong(format!("{} ms for {} where {limit} ms were given", expect.within_ms, expect.event));
        }
        let same = |planned: &BTreeMap<String, Matcher>, is: &BTreeMap<String, Matcher>| {
            planned.keys().eq(is.keys())
        };
        if !same(&planned.matchers, &expect.matchers) || !same(&planned.headers, &expect.headers) {
            wrong(format!("{} is identified by other places than the scenario's", expect.event));
        }
        for (pointer, matcher) in &planned.matchers {
            if let Some(differs) = ours.differs(pointer, matcher, expect.matchers.get(pointer)) {
                wrong(format!("{} is identified by {differs}", expect.event));
            }
        }
    }
}

impl Ours<'_> {
    /// A webhook that is told by the value that tells the flow's own has that value.
    fn differs(&self, pointer: &str, planned: &Matcher, is: Option<&Matcher>) -> Option<String> {
        let template = self.scenario?.webhooks.ours.get(pointer)?;
        let Some(Value::String(text)) = planned.plain_value() else { return None };
        let told = is?.plain_value().filter(|_| text == template)?;
        match self.values.get(pointer) {
            // What is learned later is told by nothing before.
            own if told.is_null() && (self.learns || own.is_none_or(Value::is_null)) => None,
            Some(own) => (own != told).then(|| format!("{told} at {pointer}, but the flow's own by {own}")),
            None => {
                (!self.learns).then(|| format!("{told} at {pointer}, but the flow's own by nothing there"))
            }
        }
    }
}
