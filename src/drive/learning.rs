//! What a flow learns on the way: captures out of answers and webhooks, ids that the server makes, and with them what the
//! flow is about and what its webhooks are told by.

use super::driver::{Driver, Playing};
use super::step::Judged;
use record::{Learned, Record, Tick};
use scenario::{Answer, Scope, Step, resolve_webhook};
use serde_json::Value;
use signature::Secret;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

/// What a flow is about, and what tells its webhooks, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct FlowIdentity {
    pub subject: Value,
    pub ours: BTreeMap<String, Value>,
}

impl Driver {
    /// What is known of a flow by now. A value that is not given says nothing.
    pub(super) fn identity(&self, scope: &mut Scope) -> FlowIdentity {
        let scenario = &self.plan.loaded.scenario;
        let scheme = scenario.scheme;
        let subject = scope.render(&scenario.subject.id).unwrap_or(Value::Null);
        let ours = scenario.webhooks.ours.iter();
        let ours = ours.filter_map(|(pointer, text)| Some((pointer.clone(), scope.render(text).ok()?)));
        FlowIdentity {
            subject,
            ours: ours
                .filter(|(_, value)| !value.is_null())
                .map(|(at, value)| (at, scheme.as_sent(value)))
                .collect(),
        }
    }

    /// Takes the step's captures out of its answer; a place that is not there captures nothing, and the step that needs it
    /// says so. `asked`: whether webhooks of the step are told by its answer.
    pub(super) fn learn(
        &self,
        step: &Step,
        judged: &Judged,
        asked: bool,
        playing: &mut Playing,
    ) -> io::Result<()> {
        let Ok(reply) = &judged.reply else { return Ok(()) };
        for (name, capture) in &step.capture {
            if let Some(value) = capture.take(|pointer| reply.json()?.pointer(pointer), &reply.headers) {
                self.capture(name, value, playing);
            }
        }
        if asked {
            let (body, headers) = (reply.json().cloned(), reply.headers.clone());
            playing.scope.answered(Some(Arc::new(Answer { body, headers })));
        }
        self.write_learned(playing)
    }

    fn capture(&self, name: &str, value: Value, playing: &mut Playing) {
        if let (true, Some(text)) = (self.plan.loaded.scenario.is_secret(name), value.as_str()) {
            self.plan.redactor.learn(&Secret::new(text));
        }
        playing.scope.capture(name, value);
    }

    /// Writes what the captures say about the flow that was not known before. A value that was known stays: a webhook that
    /// bears it is the flow's own, whatever the step captures later.
    fn write_learned(&self, playing: &mut Playing) -> io::Result<()> {
        if !self.changes {
            return Ok(());
        }
        let now = self.identity(&mut playing.scope);
        let is_new = playing.identity.subject.is_null() && !now.subject.is_null();
        let subject = is_new.then(|| now.subject.clone());
        let new =
            now.ours.into_iter().filter(|(pointer, value)| playing.identity.ours.get(pointer) != Some(value));
        let ours: BTreeMap<String, Value> = new.collect();
        if subject.is_none() && ours.is_empty() {
            return Ok(());
        }
        playing.identity.subject = subject.clone().unwrap_or_else(|| playing.identity.subject.clone());
        playing.identity.ours.extend(ours.clone());
        self.plan.matcher.learn(playing.flow, &ours);
        let learned = Learned { flow: playing.flow, at: self.plan.clock.now(), subject, ours };
        self.append(&Record::Learned(Box::new(learned)))
    }

    /// Waits for the webhooks of a step out of which something is taken, each for as long as its `within` says. One that does
    /// not come captures nothing; the step that needs it says so, and the webhook is lost in any case. `at`: when the step was
    /// about to be sent.
    pub(super) async fn capture_webhooks(
        &self,
        at: Tick,
        step: &Step,
        playing: &mut Playing,
    ) -> io::Result<()> {
        let Some(seen) = &self.plan.seen else { return Ok(()) };
        for webhook in step.webhooks.iter().filter(|webhook| !webhook.capture.is_empty()) {
            let Ok(wanted) = resolve_webhook(webhook, &mut playing.scope) else { continue };
            let until = self.plan.clock.instant(at.plus(self.within(webhook)));
            let fits = seen.wait_for(&wanted, at);
            let Ok(found) = tokio::time::timeout_at(until, fits).await else { continue };
            let came = found.arrived();
            for (name, capture) in &webhook.capture {
                if let Some(value) = capture.take(|pointer| came.value(pointer), came.headers) {
                    self.capture(name, value, playing);
                }
            }
        }
        self.write_learned(playing)
    }
}
