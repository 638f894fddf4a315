//! A window that is written for the purpose: 30 minutes in no time.

use evidence::analysis::Analysis;
use evidence::gate::{Gates, triggers};
use record::Ending;
use record::Tick;
use record::{
    Answered, Attempt, Body, End, Expect, OnTrigger, Outcome, Record, RetryContract, Step, Watch, WatchBegin,
};
use signature::{Reason, Scheme, Verdict as Signature};
use smoke::receive::{Identity, header};
use std::time::Duration;
use wire::Clock;

pub const MINUTE: u64 = 60_000_000;

/// Its records, as they are analysed.
pub struct Window {
    pub analysis: Analysis,
    pub next: u64,
    /// Of each webhook, beside its id.
    pub headers: Vec<(String, String)>,
    /// Whether they come to the place that redirects point to.
    pub elsewhere: bool,
    /// Whether the receiver had accepted what comes now before.
    pub duplicate: bool,
}

impl Window {
    pub fn new() -> Self {
        Self::of(&[])
    }

    /// Of a run whose webhooks these pointers tell from others.
    pub fn of(ours: &[&str]) -> Self {
        Self::under(Scheme::DeltacrownV2, ours)
    }

    pub fn under(scheme: Scheme, ours: &[&str]) -> Self {
        let identity = Identity {
            kind: record::RunKind::Observe,
            environment: "staging".to_owned(),
            target: String::new(),
            endpoint: String::new(),
            gates: (serde_json::json!({}), String::new()),
            scheme,
            sender: None,
            retry: RetryContract::default(),
            sender_timeout: Duration::from_secs(10),
            secret_chars: 64,
            secrets: 1,
            blind: false,
        };
        let mut header = header(&identity, Clock::start()).unwrap();
        header.ours = ours.iter().map(|&pointer| pointer.to_owned()).collect();
        let mut analysis = Analysis::new(header).unwrap();
        analysis.take(&Record::Watch(Watch::Begin(WatchBegin {
            at: Tick(0),
            duration_ms: 30 * 60 * 1000,
            source: "test".to_owned(),
            stage_percent: None,
            drive: Vec::new(),
            on_trigger: OnTrigger::End,
            probe: None,
            logs: Vec::new(),
        })));
        Self { analysis, next: 0, headers: Vec::new(), elsewhere: false, duplicate: false }
    }

    /// A webhook in the middle of a minute (from 1), answered with `status`.
    pub fn webhook(&mut self, minute: u64, status: u16, reason: Reason, body: &str) {
        let at = Tick((minute - 1) * MINUTE + MINUTE / 2 + self.next);
        let verdict =
            if reason == Reason::Valid { Signature::valid() } else { Signature::invalid(reason, None) };
        self.attempt(at, &uuid::Uuid::new_v4().to_string(), (status, verdict), body);
    }

    /// A good webhook every tenth of a second for a minute, all with this body, each with an id of its own.
    pub fn stream(&mut self, body: &str, mut others: Vec<(u64, &str, u16)>) {
        others.sort_unstable();
        let mut others = others.into_iter().peekable();
        for at in (0..600).map(|n| n * 100_000) {
            while let Some((at, id, status)) = others.next_if(|other| other.0 <= at) {
                self.attempt(Tick(at), id, (status, Signature::valid()), body);
            }
            self.attempt(Tick(at), &uuid::Uuid::new_v4().to_string(), (200, Signature::valid()), body);
        }
        self.end();
    }

    pub fn attempt(&mut self, at: Tick, id: &str, (status, verdict): (u16, Signature), body: &str) {
        let attempt = self.next;
        self.next += 1;
        let mut headers = self.headers.clone();
        headers.push(("X-Webhook-Id".to_owned(), id.to_owned()));
        self.analysis.take(&Record::Attempt(Box::new(Attempt {
            attempt,
            first_byte: at,
            received: at,
            peer: None,
            method: "POST".to_owned(),
            target: if self.elsewhere { format!("/elsewhere/{}", attempt - 1) } else { "/".to_owned() },
            headers,
            body: Body::Text(body.to_owned()),
            verdict,
            answer: Some(status),
            duplicate: self.duplicate,
            elsewhere: self.elsewhere,
            fault: None,
            redirect: (status / 100 == 3).then_some(attempt),
            holds_secret: false,
        })));
        self.analysis.take(&Record::Answered(Answered { attempt, end: at, how: Ending::Sent }));
    }

    pub fn minute(&mut self, minute: u64, good: u64, bad: u64) {
        (0..good).for_each(|_| self.webhook(minute, 200, Reason::Valid, "{}"));
        (0..bad).for_each(|_| self.webhook(minute, 400, Reason::Valid, "{}"));
        self.analysis.latest = Tick(minute * MINUTE);
    }

    pub fn fired(&self) -> Vec<String> {
        triggers(&self.analysis, &Gates::default()).into_iter().map(|t| t.id).collect()
    }

    pub fn end(&mut self) {
        self.analysis.latest = Tick(30 * MINUTE);
        self.analysis.take(&Record::End(End { at: Tick(30 * MINUTE), records: 0, complete: true }));
    }
}

/// A flow that is driven: its step ends so, and asks for a webhook within a second.
pub fn drive(window: &mut Window, flow: u32, at: u64, outcome: Outcome) {
    expect(window, flow, at, ("paid", 1, &serde_json::json!({"/flow": flow})));
    let (step, at) = ("payments/verify".to_owned(), Tick(at));
    window.analysis.take(&Record::Step(Box::new(Step {
        flow: Some(flow),
        step,
        started: at,
        ended: at,
        request: "POST /verify/".to_owned(),
        status: Some(200),
        outcome,
        problems: vec!["status 502".to_owned()],
        body: None,
        tries: 1,
    })));
}

/// The webhook that the step of such a flow expects from then on: event, how many, and what its body has to match.
pub fn expect(
    window: &mut Window,
    flow: u32,
    at: u64,
    (event, count, matchers): (&str, u32, &serde_json::Value),
) {
    window.analysis.take(&Record::Expect(Expect {
        flow,
        step: "payments/verify".to_owned(),
        at: Tick(at),
        event: event.to_owned(),
        matchers: serde_json::from_value(matchers.clone()).unwrap(),
        headers: [].into(),
        count,
        at_least: false,
        after: None,
        within_ms: 1000,
    }));
}
