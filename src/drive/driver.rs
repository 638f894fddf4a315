//! Plays flows: resolves each step, sends it, judges the answer, writes the facts to the journal.

use super::blocked::Blocked;
use super::client::{Attached, Client};
use super::learning::FlowIdentity;
use super::logins::UsedSession;
use super::progress::{Due, Dues, Event, Listener};
use super::seen::SeenWebhooks;
use super::sessions::Sessions;
use super::step::{Judged, kept_body, problems};
use crate::journal::Journal;
use crate::redact::Redactor;
use correlate::FlowMatcher;
use record::Tick;
use record::{FlowEnd, FlowStart, Note, Outcome, Record};
use scenario::{
    ExpectedWebhook, Loaded, Poll, ResolvedRequest, RowsFrom, Scope, Step, TemplateError, answers_tell,
    changes_on_the_way, resolve_expect, resolve_request, resolve_webhook, waits_for_answer,
};
use serde_json::Value;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use telemetry::Tracing;
use tokio::sync::watch;
use tokio::time::sleep;
use wire::Clock;

/// What a driver works with.
pub struct Plan {
    /// The scenario.
    pub loaded: Loaded,
    /// The API under test.
    pub client: Client,
    /// Time.
    pub clock: Clock,
    /// Where facts go.
    pub journal: Journal,
    /// Scrubs what is written.
    pub redactor: Redactor,
    /// Takes events.
    pub listener: Listener,
    /// In place of every webhook's own limit, if given.
    pub within: Option<Duration>,
    /// Where the flows' rows come from, for whoever has to change them.
    pub rows_from: RowsFrom,
    /// Rows in front of the first flow's.
    pub skipped_rows: u32,
    /// Learns with the flows whose their webhooks are.
    pub matcher: Arc<FlowMatcher>,
    /// The webhooks that have come, where flows take something out of them.
    pub seen: Option<Arc<SeenWebhooks>>,
    /// The ids that requests carry in `traceparent`, if their traces are told.
    pub tracing: Option<Tracing>,
}

/// Plays flows; shared by all that run at the same time.
pub struct Driver {
    pub(super) plan: Plan,
    pub(super) sessions: Sessions,
    dues: Dues,
    /// [`changes_on_the_way`] and [`answers_tell`] of the scenario: asked at each step, and the same for all.
    pub(super) changes: bool,
    answers_tell: bool,
    blocked: watch::Sender<Option<Blocked>>,
}

/// How a step is sent: its session, and the scope of its flow.
struct Sending<'a> {
    step: &'a Step,
    request: &'a ResolvedRequest,
    session: Option<UsedSession<'a>>,
}

/// A flow under way.
pub(super) struct Playing {
    pub(super) flow: u32,
    pub(super) scope: Scope,
    /// What it is about, and what its webhooks are told by, as far as the journal has it.
    pub(super) identity: FlowIdentity,
}

impl Driver {
    /// A driver that has not driven yet.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        let sessions = Sessions::new(plan.redactor.clone());
        let scenario = &plan.loaded.scenario;
        let (changes, answers_tell) = (changes_on_the_way(scenario), answers_tell(scenario));
        let (dues, blocked) = (Dues::default(), watch::Sender::default());
        Self { plan, sessions, dues, changes, answers_tell, blocked }
    }

    /// What of the surroundings has ended the flows, if anything has.
    pub fn blocked_by(&self) -> Option<Blocked> {
        self.blocked.borrow().clone()
    }

    /// Ends the flows; the first thing that stands in their way is the one that counts.
    pub fn end_flows(&self, by: Blocked) {
        self.blocked.send_if_modified(|known| known.is_none().then(|| *known = Some(by)).is_some());
    }

    /// Waits for the first thing that stands in the way of the run and is no fault of the sender; for ever when nothing
    /// does.
    pub async fn blocked(&self) -> Blocked {
        let mut blocked = self.blocked.subscribe();
        let found = blocked.wait_for(Option::is_some).await.ok().and_then(|found| found.clone());
        match found {
            Some(found) => found,
            None => std::future::pending().await,
        }
    }

    /// The webhooks that are due so far.
    #[must_use]
    pub fn dues(&self) -> Dues {
        self.dues.clone()
    }

    /// Plays flow number `flow` to its end, or to its first failed step; the steps after that are skipped.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub async fn play(&self, flow: u32, scope: Scope) -> io::Result<()> {
        let scenario = &self.plan.loaded.scenario;
        let plan = scenario.flow_plan(flow);
        let mut playing = Playing { flow, scope, identity: FlowIdentity::default() };
        self.start_flow(plan.variant, &mut playing)?;
        let mut failed = None;
        for step in plan.steps {
            match failed {
                None => {
                    let outcome = self.play_step(step, &mut playing).await?;
                    failed = (outcome == Outcome::Failed).then_some(step.name.as_str());
                }
                Some(before) => self.skip(flow, step, before)?,
            }
        }
        let status = scenario.subject.status.as_ref().and_then(|s| playing.scope.render(s).ok());
        let at = self.plan.clock.now();
        self.append(&Record::FlowEnd(FlowEnd { flow, at, status: status.unwrap_or(Value::Null) }))?;
        (self.plan.listener)(Event::FlowEnded);
        Ok(())
    }

    fn start_flow(&self, variant: Option<&str>, playing: &mut Playing) -> io::Result<()> {
        playing.identity = self.identity(&mut playing.scope);
        let FlowIdentity { subject, ours } = playing.identity.clone();
        let (flow, at) = (playing.flow, self.plan.clock.now());
        let variant = variant.map(str::to_owned);
        self.append(&Record::FlowStart(FlowStart { flow, at, variant, subject, ours }))
    }

    async fn play_step(&self, step: &Step, playing: &mut Playing) -> io::Result<Outcome> {
        let (flow, scope) = (playing.flow, &mut playing.scope);
        scope.answered(None);
        let session = match self.used_session(step, scope) {
            Ok(session) => session,
            Err(why) => return self.fail_unsent(flow, step, &why),
        };
        // Before the webhooks are announced: a step that nobody can send fires none.
        if let Some(used) = &session
            && let Err(why) = self.bearer(used, scope, None).await?
        {
            return self.fail_unsent(flow, step, &why.to_string());
        }
        let mut request = match resolve_request(&step.request, scope) {
            Ok(request) => request,
            Err(error) => return self.fail_unsent(flow, step, &error.to_string()),
        };
        self.trace(flow, step, &mut request);
        let at = self.plan.clock.now();
        // Those that only the answer tells apart are written behind it.
        let waits = |webhook: &&ExpectedWebhook| self.answers_tell && waits_for_answer(step, webhook);
        let (by_answer, before): (Vec<_>, Vec<_>) = step.webhooks.iter().partition(waits);
        let mut dues = match self.announce(at, step, playing, &before)? {
            Ok(dues) => dues,
            Err(error) => return self.fail_unsent(flow, step, &error.to_string()),
        };
        let mut judged =
            self.send_until(&Sending { step, request: &request, session }, &mut playing.scope).await?;
        self.note_resent(flow, step, &judged)?;
        if judged.problems.is_empty() {
            self.learn(step, &judged, !by_answer.is_empty(), playing)?;
            match self.announce(at, step, playing, &by_answer)? {
                Ok(more) => dues.extend(more),
                Err(error) => judged.problems.push(self.plan.redactor.scrub(&error.to_string()).into_owned()),
            }
        }
        let outcome = outcome(step, &judged);
        if outcome == Outcome::Failed
            && let Some(blocked) = self.is_blocked(flow, step, &judged)
        {
            self.end_flows(blocked);
        }
        if outcome == Outcome::Ok {
            dues.iter().for_each(|due| self.dues.add(due));
        }
        self.record(flow, step, &request, judged, outcome)?;
        if outcome == Outcome::Ok {
            self.capture_webhooks(at, step, playing).await?;
        }
        Ok(outcome)
    }

    /// Says in the request which trace it is a part of, unless the scenario does.
    fn trace(&self, flow: u32, step: &Step, request: &mut ResolvedRequest) {
        const TRACEPARENT: &str = "traceparent";
        let said = request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(TRACEPARENT));
        if let Some(tracing) = self.plan.tracing.filter(|_| !said) {
            request.headers.push((TRACEPARENT.to_owned(), tracing.traceparent(flow, &step.name).to_string()));
        }
    }

    /// Writes webhooks that the step must fire, before it is sent where that can be: they may come before its answer. `at`: when
    /// the step was about to be sent.
    fn announce(
        &self,
        at: Tick,
        step: &Step,
        playing: &mut Playing,
        wanted: &[&ExpectedWebhook],
    ) -> io::Result<Result<Vec<Due>, TemplateError>> {
        let flow = playing.flow;
        let resolved = wanted.iter().map(|webhook| resolve_webhook(webhook, &mut playing.scope));
        let resolved = match resolved.collect::<Result<Vec<_>, _>>() {
            Ok(resolved) => resolved,
            Err(error) => return Ok(Err(error)),
        };
        let mut dues = Vec::new();
        let as_sent = |value| self.plan.loaded.scenario.scheme.as_sent(value);
        for webhook in resolved {
            let within = self.within(&webhook);
            let due = Due {
                event: webhook.event.clone(),
                flow,
                count: webhook.count.least(),
                at,
                deadline: at.plus(within),
            };
            // What may come and need not is not waited for.
            dues.extend(Some(due).filter(|due| due.count > 0 || webhook.count.forbids()));
            self.append(&Record::Expect(record::Expect {
                flow,
                step: step.name.clone(),
                at,
                event: webhook.event,
                matchers: webhook
                    .matchers
                    .into_iter()
                    .map(|(at, matcher)| (at, matcher.map_equals(as_sent)))
                    .collect(),
                headers: webhook.headers,
                count: webhook.count.least(),
                at_least: webhook.count.is_open(),
                after: webhook.after,
                within_ms: u64::try_from(within.as_millis()).unwrap_or(u64::MAX),
            }))?;
        }
        Ok(Ok(dues))
    }

    /// Time limit from the start of the step to the webhook's first attempt.
    pub(super) fn within(&self, webhook: &ExpectedWebhook) -> Duration {
        // How long is watched for what must not come is the scenario's to say.
        self.plan.within.filter(|_| !webhook.count.forbids()).unwrap_or_else(|| webhook.within())
    }

    async fn send_until(&self, sending: &Sending<'_>, scope: &mut Scope) -> io::Result<Judged> {
        let begun = self.plan.clock.now();
        let mut tries = 1;
        loop {
            let mut judged = self.send_with_token(sending, scope).await?;
            judged.tries = tries;
            let again = sending.step.poll.filter(|poll| may_poll_on(poll, &judged, begun));
            let Some(poll) = again else { return Ok(judged) };
            sleep(poll.every.get()).await;
            tries += 1;
        }
    }

    /// Sends with the session's token; one that is refused with 401 is renewed once.
    async fn send_with_token(&self, sending: &Sending<'_>, scope: &mut Scope) -> io::Result<Judged> {
        let Some(used) = &sending.session else {
            return Ok(self.send_once(sending, &Attached::default(), scope).await);
        };
        let bearer = match self.bearer(used, scope, None).await? {
            Ok(bearer) => bearer,
            Err(why) => return Ok(Judged::unsent(self.plan.clock.now(), why.to_string())),
        };
        let attached = self.attached(used, &bearer, sending.request);
        let judged = self.send_once(sending, &attached, scope).await;
        let refused = judged.reply.as_ref().is_ok_and(|r| r.status == 401) && !judged.problems.is_empty();
        if !refused {
            return Ok(judged);
        }
        match self.bearer(used, scope, Some(bearer.number)).await? {
            Ok(new) => {
                let attached = self.attached(used, &new, sending.request);
                Ok(self.send_once(sending, &attached, scope).await)
            }
            Err(_) => Ok(judged),
        }
    }

    async fn send_once(&self, sending: &Sending<'_>, attached: &Attached<'_>, scope: &mut Scope) -> Judged {
        let started = self.plan.clock.now();
        let reply = self.plan.client.send(sending.request, attached).await;
        let ended = self.plan.clock.now();
        let problems = match resolve_expect(&sending.step.expect, scope) {
            Ok(expect) => problems(&reply, &expect, &self.plan.redactor),
            Err(error) => vec![error.to_string()],
        };
        Judged { started, ended, reply, problems, tries: 1 }
    }

    /// A request that was sent twice is told, since a server that had taken the first would have done it twice.
    fn note_resent(&self, flow: u32, step: &Step, judged: &Judged) -> io::Result<()> {
        if !judged.reply.as_ref().is_ok_and(|r| r.resent) {
            return Ok(());
        }
        let text = format!(
            "flow {flow}, step {}: the kept-alive connection ended before an answer; sent again on a new one",
            step.name
        );
        self.append(&Record::Note(Note { at: self.plan.clock.now(), text }))
    }

    fn record(
        &self,
        flow: u32,
        step: &Step,
        request: &ResolvedRequest,
        judged: Judged,
        outcome: Outcome,
    ) -> io::Result<()> {
        let reply = judged.reply.as_ref().ok();
        self.write(record::Step {
            flow: Some(flow),
            step: step.name.clone(),
            started: judged.started,
            ended: judged.ended,
            request: self.shown_request(request),
            status: reply.map(|r| r.status),
            outcome,
            body: reply.map(|r| kept_body(r, &self.plan.redactor)),
            problems: if outcome == Outcome::Failed { judged.problems } else { Vec::new() },
            tries: judged.tries,
        })
    }

    fn fail_unsent(&self, flow: u32, step: &Step, why: &str) -> io::Result<Outcome> {
        self.unsent(flow, step, Outcome::Failed, vec![self.plan.redactor.scrub(why).into_owned()])?;
        Ok(Outcome::Failed)
    }

    fn skip(&self, flow: u32, step: &Step, after: &str) -> io::Result<()> {
        self.unsent(flow, step, Outcome::Skipped, vec![format!("skipped because step `{after}` failed")])
    }

    fn unsent(&self, flow: u32, step: &Step, outcome: Outcome, problems: Vec<String>) -> io::Result<()> {
        let at = self.plan.clock.now();
        self.write(record::Step {
            flow: Some(flow),
            step: step.name.clone(),
            started: at,
            ended: at,
            request: format!("{} {}", step.request.method.as_str(), step.request.path),
            status: None,
            outcome,
            body: None,
            problems,
            tries: 0,
        })
    }

    pub(super) fn shown_request(&self, request: &ResolvedRequest) -> String {
        format!("{} {}", request.method.as_str(), self.plan.redactor.scrub(&request.path))
    }

    pub(super) fn write(&self, step: record::Step) -> io::Result<()> {
        (self.plan.listener)(Event::Step {
            flow: step.flow,
            step: step.step.clone(),
            outcome: step.outcome,
            took: step.ended.since(step.started),
            problem: step.problems.first().cloned(),
        });
        self.append(&Record::Step(Box::new(step)))
    }

    pub(super) fn append(&self, record: &Record) -> io::Result<()> {
        self.plan.journal.append(record)
    }
}

fn outcome(step: &Step, judged: &Judged) -> Outcome {
    let refused = judged.reply.as_ref().is_ok_and(|r| step.may_refuse.contains(&r.status));
    match (judged.problems.is_empty(), refused) {
        (true, _) => Outcome::Ok,
        (false, true) => Outcome::Refused,
        (false, false) => Outcome::Failed,
    }
}

fn may_poll_on(poll: &Poll, judged: &Judged, begun: Tick) -> bool {
    let spent = judged.ended.since(begun) + poll.every.get();
    !judged.problems.is_empty() && spent <= poll.deadline.get()
}
