//! The traces of a run: one for each flow (steps, deliveries, attempts), and one for the run itself with its verdict.

use super::flows::{FlowVerdict, FlowVerdicts};
use super::ns;
use super::seen::{FlowSeen, Seen, StepSeen};
use crate::analysis::{Analysis, AttemptResult, Delivery, Expectation, Fate};
use crate::gate::Verdict;
use crate::report::Evidence;
use record::{Outcome, Tick};
use serde_json::Value as Json;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use telemetry::{Attributes, Event, Kind, Span, SpanId, Status, TraceId, TraceParent, Tracing, Value};

/// Longest text of a flow's subject.
const SUBJECT: usize = 64;

/// Makes spans of one run.
struct Maker<'a> {
    evidence: &'a Evidence,
    analysis: &'a Analysis,
    seen: &'a Seen,
    verdicts: &'a FlowVerdicts<'a>,
    tracing: Tracing,
}

/// What happened to the webhooks of a flow.
#[derive(Default)]
struct Webhooks<'a> {
    expected: Vec<Expectation<'a>>,
    deliveries: Vec<(Cow<'a, Delivery>, Option<Expectation<'a>>)>,
}

/// The spans of a run.
pub(super) fn spans(evidence: &Evidence, seen: &Seen, verdicts: &FlowVerdicts<'_>) -> Vec<Span> {
    let analysis = &evidence.analysis;
    let tracing = Tracing::of(analysis.header.run_id);
    let maker = Maker { evidence, analysis, seen, verdicts, tracing };
    let (by_flow, of_nobody) = maker.webhooks();
    let mut spans = vec![maker.run()];
    let logins = seen.steps.iter().filter(|step| step.flow.is_none());
    spans.extend(
        (0..)
            .zip(logins)
            .map(|(number, login)| maker.step(login, &[], (tracing.run(), tracing.login(number)))),
    );
    let (trace, root) = (tracing.run(), tracing.root(tracing.run()));
    for delivery in of_nobody {
        maker.delivery(&delivery, None, trace, root, &mut spans);
    }
    let mut steps: BTreeMap<u32, Vec<&StepSeen>> = BTreeMap::new();
    for step in &seen.steps {
        if let Some(flow) = step.flow {
            steps.entry(flow).or_default().push(step);
        }
    }
    let nothing = Webhooks::default();
    for (flow, when) in &seen.flows {
        let steps = steps.get(flow).map_or(&[][..], Vec::as_slice);
        maker.flow(*flow, *when, steps, by_flow.get(flow).unwrap_or(&nothing), &mut spans);
    }
    spans
}

impl<'a> Maker<'a> {
    /// The deliveries by the flow that they belong to, and those that belong to none. Others' webhooks are not shown.
    fn webhooks(&self) -> (BTreeMap<u32, Webhooks<'a>>, Vec<Cow<'a, Delivery>>) {
        let mut flows: BTreeMap<u32, Webhooks<'a>> = BTreeMap::new();
        for expected in self.analysis.expectations() {
            if self.seen.flows.contains_key(&expected.flow) {
                let webhooks = flows.entry(expected.flow).or_default();
                let fulfilled = expected.by().filter_map(|index| self.analysis.deliveries.get(index));
                webhooks.deliveries.extend(fulfilled.map(|delivery| (delivery, Some(expected))));
                webhooks.expected.push(expected);
            }
        }
        let traces: HashMap<TraceId, u32> =
            self.seen.flows.keys().map(|f| (self.tracing.flow(*f), *f)).collect();
        let mut of_nobody = Vec::new();
        for delivery in self.analysis.own().filter(|delivery| delivery.fulfils.is_none()) {
            // Nobody waited for it; its sender may still say what it comes from.
            match self.parent(&delivery).and_then(|parent| traces.get(&parent.trace)) {
                Some(flow) => flows.entry(*flow).or_default().deliveries.push((delivery, None)),
                None => of_nobody.push(delivery),
            }
        }
        (flows, of_nobody)
    }

    fn at(&self, tick: Tick) -> u64 {
        ns(&self.analysis.header, tick)
    }

    fn parent(&self, delivery: &Delivery) -> Option<TraceParent> {
        let first = delivery.tries.first()?;
        self.seen.parent(first.first_byte, first.fingerprints.body)
    }

    /// What every first span of a trace says.
    fn about(&self) -> Attributes {
        let header = &self.analysis.header;
        vec![
            attribute("smoke.run.id", header.run_id.to_string()),
            attribute("smoke.scenario", header.scenario.name.as_str()),
            attribute("smoke.environment", header.environment.as_str()),
            attribute("smoke.verdict", self.evidence.verdict.word()),
        ]
    }

    /// The run: its gates that did not pass are events.
    fn run(&self) -> Span {
        let header = &self.analysis.header;
        let trace = self.tracing.run();
        let end = self.at(self.analysis.latest);
        let open = |verdict| matches!(verdict, Verdict::Fail | Verdict::Unproven);
        let events = self.evidence.checks.iter().filter(|check| open(check.verdict)).map(|check| Event {
            name: "gate".to_owned(),
            at_ns: end,
            attributes: vec![
                attribute("smoke.gate", check.id.as_str()),
                attribute("smoke.gate.verdict", check.verdict.word()),
                attribute("smoke.gate.text", check.text.as_str()),
            ],
        });
        let failed: Vec<&str> = self
            .evidence
            .checks
            .iter()
            .filter(|c| c.verdict == Verdict::Fail)
            .map(|c| c.title.as_str())
            .collect();
        let mut attributes = self.about();
        attributes.push(attribute("smoke.flows", u64::from(header.flows)));
        attributes.push(attribute("smoke.deliveries", self.analysis.deliveries.len() as u64));
        Span {
            trace,
            id: self.tracing.root(trace),
            parent: None,
            name: format!("smoke {}", header.scenario.name),
            kind: Kind::Internal,
            start_ns: self.at(Tick(0)),
            end_ns: end,
            attributes,
            events: events.collect(),
            links: Vec::new(),
            status: match self.evidence.verdict {
                Verdict::Pass => Status::Ok,
                Verdict::Fail => Status::Error(format!("failed: {}", failed.join(", "))),
                Verdict::Unproven | Verdict::NotExercised => Status::Unset,
            },
        }
    }

    fn flow(
        &self,
        flow: u32,
        when: FlowSeen,
        steps: &[&StepSeen],
        webhooks: &Webhooks<'_>,
        spans: &mut Vec<Span>,
    ) {
        let (trace, root) = (self.tracing.flow(flow), self.tracing.root(self.tracing.flow(flow)));
        let facts = self.analysis.steps.flows.get(flow);
        let last = webhooks.deliveries.iter().map(|(delivery, _)| delivery.last_seen());
        let end = last.chain(when.ended).chain(steps.iter().map(|s| s.ended)).max().unwrap_or(when.started);
        let (verdict, status) = self.judged(flow, steps);
        let mut attributes = self.about();
        attributes.push(attribute("smoke.flow", u64::from(flow)));
        attributes.push(attribute("smoke.flow.verdict", verdict.word()));
        if let Some(facts) = facts {
            let text = match &facts.subject {
                Json::String(text) => text.clone(),
                other => other.to_string(),
            };
            attributes.push(attribute("smoke.subject", text.chars().take(SUBJECT).collect::<String>()));
            attributes.extend(facts.variant.map(|variant| attribute("smoke.variant", variant)));
        }
        let run = self.tracing.run();
        spans.push(Span {
            trace,
            id: root,
            parent: None,
            name: format!("{} flow", self.analysis.header.scenario.name),
            kind: Kind::Internal,
            start_ns: self.at(when.started),
            end_ns: self.at(end),
            attributes,
            events: Vec::new(),
            links: vec![TraceParent { trace: run, span: self.tracing.root(run) }],
            status,
        });
        spans.extend(
            steps.iter().map(|step| {
                self.step(step, &webhooks.expected, (trace, self.tracing.step(flow, &step.name)))
            }),
        );
        for (delivery, expected) in &webhooks.deliveries {
            let parent = expected.map_or(root, |e| self.tracing.step(flow, e.step_name));
            self.delivery(delivery, *expected, trace, parent, spans);
        }
    }

    fn judged(&self, flow: u32, steps: &[&StepSeen]) -> (Verdict, Status) {
        let judged = self.verdicts.get(flow);
        let verdict = judged.verdict();
        let status = match judged {
            FlowVerdict::Passed => Status::Ok,
            FlowVerdict::Unproven => Status::Unset,
            FlowVerdict::Step => {
                let failed = steps.iter().find(|step| step.outcome == Outcome::Failed);
                Status::Error(failed.map_or_else(String::new, |step| format!("step {} failed", step.name)))
            }
            FlowVerdict::Webhooks(why) => Status::Error(why),
        };
        (verdict, status)
    }

    fn step(&self, step: &StepSeen, expected: &[Expectation<'_>], (trace, id): (TraceId, SpanId)) -> Span {
        let mut attributes = vec![
            attribute("http.request.method", step.method.as_str()),
            attribute("smoke.step.outcome", word(step.outcome)),
            attribute("smoke.step.tries", u64::from(step.tries)),
        ];
        attributes
            .extend(step.status.map(|status| attribute("http.response.status_code", u64::from(status))));
        let due = expected.iter().filter(|e| e.step_name == step.name && e.due() > 0);
        let events = due.filter(|e| e.missing() > 0 && !self.evidence.is_cut_off()).map(|e| Event {
            name: "webhook lost".to_owned(),
            at_ns: self.at(e.deadline()),
            attributes: vec![
                attribute("smoke.webhook.event", e.event),
                attribute("smoke.webhook.missing", u64::from(e.missing())),
            ],
        });
        let status =
            step.status.map_or_else(|| "no response".to_owned(), |status| format!("returned {status}"));
        Span {
            trace,
            id,
            parent: Some(self.tracing.root(trace)),
            name: step.name.clone(),
            kind: Kind::Client,
            start_ns: self.at(step.started),
            end_ns: self.at(step.ended),
            attributes,
            events: events.collect(),
            links: Vec::new(),
            // What was wrong in words may quote an answer: that stays in the journal.
            status: match step.outcome {
                Outcome::Ok | Outcome::Refused => Status::Ok,
                Outcome::Failed => Status::Error(status),
                Outcome::Skipped => Status::Unset,
            },
        }
    }

    /// A delivery and its attempts. It is a part of the step that asked for it, or of what its sender says in `traceparent` when
    /// that is of the same trace; of another trace it is linked.
    fn delivery(
        &self,
        delivery: &Delivery,
        expected: Option<Expectation<'_>>,
        trace: TraceId,
        parent: SpanId,
        spans: &mut Vec<Span>,
    ) {
        let id = self.tracing.delivery(delivery.number);
        let said = self.parent(delivery);
        let own = said.filter(|said| said.trace == trace);
        let late = expected.filter(|e| delivery.first_byte() > e.deadline());
        let events = late.map(|e| Event {
            name: "late".to_owned(),
            at_ns: self.at(e.deadline()),
            attributes: Vec::new(),
        });
        let fate = delivery.fate(&self.analysis.header.retry);
        spans.push(Span {
            trace,
            id,
            parent: Some(own.map_or(parent, |said| said.span)),
            name: format!("webhook {}", delivery.event),
            kind: Kind::Consumer,
            start_ns: self.at(delivery.first_byte()),
            end_ns: self.at(delivery.last_seen()),
            attributes: vec![
                attribute("smoke.webhook.event", &*delivery.event),
                attribute("smoke.delivery", delivery.number),
                attribute("smoke.delivery.fate", serde_name(fate)),
                attribute("smoke.delivery.attempts", delivery.tries.len() as u64),
                attribute("smoke.delivery.duplicates", delivery.repeats()),
                attribute("smoke.delivery.expected", expected.is_some()),
                attribute("smoke.delivery.certain", delivery.is_certain()),
                attribute("smoke.delivery.traceparent", own.is_some()),
            ],
            events: events.into_iter().collect(),
            links: said.filter(|said| said.trace != trace).into_iter().collect(),
            status: match fate {
                Fate::Delivered => Status::Ok,
                Fate::Open => Status::Unset,
                fate => Status::Error(serde_name(fate)),
            },
        });
        let attempts = delivery.tries.iter().chain(&delivery.after_acceptance);
        spans.extend((1u64..).zip(attempts).map(|(number, attempt)| {
            let repeated = number > delivery.tries.len() as u64;
            self.attempt((delivery.number, number), attempt, repeated, (trace, id))
        }));
    }

    fn attempt(
        &self,
        (delivery, number): (u64, u64),
        attempt: &AttemptResult,
        repeated: bool,
        (trace, parent): (TraceId, SpanId),
    ) -> Span {
        let mut attributes = vec![
            attribute("smoke.attempt", number),
            attribute("smoke.signature", serde_name(attempt.reason)),
        ];
        attributes
            .extend(attempt.status.map(|status| attribute("http.response.status_code", u64::from(status))));
        attributes.extend(attempt.fault.map(|fault| attribute("smoke.fault", fault.to_string())));
        let accepted = attempt.taken;
        let how =
            attempt.status.map_or_else(|| "no response".to_owned(), |status| format!("answered {status}"));
        Span {
            trace,
            id: self.tracing.attempt(delivery, number),
            parent: Some(parent),
            name: if repeated { format!("duplicate attempt {number}") } else { format!("attempt {number}") },
            kind: Kind::Server,
            start_ns: self.at(attempt.first_byte),
            end_ns: self.at(attempt.end.unwrap_or(attempt.first_byte)),
            attributes,
            events: Vec::new(),
            links: Vec::new(),
            status: if accepted { Status::Ok } else { Status::Error(how) },
        }
    }
}

fn attribute(name: &str, value: impl Into<Value>) -> (String, Value) {
    (name.to_owned(), value.into())
}

const fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Ok => "ok",
        Outcome::Refused => "refused",
        Outcome::Failed => "failed",
        Outcome::Skipped => "skipped",
    }
}

/// The name of a value as it stands in artifacts.
fn serde_name(value: impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}
