//! Which webhook: each one that is lost, late, one too many, unexpected or leaking, with the step that asked for it.

use super::causes::causes;
use super::order::{Order, Turn};
use super::payloads::sentence;
use super::sample::{NO_EVENT, event_name};
use super::{Analysis, Delivery, Expectation, Fate, Lost, seconds};
use crate::JsonSchema;
use crate::figure::{at_place, counted, milliseconds};
use chrono::{DateTime, SecondsFormat, Utc};
use pii::shown;
use record::Tick;
use serde::Serialize;
use serde_json::Value;
use signature::Reason;
use std::time::Duration;

/// Most cases of one kind that are listed; all are counted.
const LISTED: usize = 20;

/// The cases of a run, by kind; kinds without cases are empty.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct Cases {
    /// Webhooks that never arrived.
    pub lost: Listed,
    /// Webhooks that arrived later than the scenario allows.
    pub late: Listed,
    /// Webhooks that arrived more often than they should.
    pub duplicates: Listed,
    /// Webhooks nothing expected.
    pub unexpected: Listed,
    /// Webhooks that violate their event's schema.
    #[serde(skip_serializing_if = "Listed::is_empty")]
    pub misshapen: Listed,
    /// Webhooks that contradict the sender's profile about their event or their format.
    #[serde(skip_serializing_if = "Listed::is_empty")]
    pub contradicting: Listed,
    /// Webhooks with a duplicate key in their body.
    #[serde(skip_serializing_if = "Listed::is_empty")]
    pub repeating: Listed,
    /// Webhooks that arrived before the one they must follow.
    #[serde(skip_serializing_if = "Listed::is_empty")]
    pub out_of_order: Listed,
    /// Webhooks with personal data.
    pub leaking: Listed,
    /// Webhooks with an attempt whose signature is invalid.
    #[serde(skip_serializing_if = "Listed::is_empty")]
    pub unverified: Listed,
    /// Webhooks with valid signatures of which no attempt was accepted although none was broken on purpose.
    #[serde(skip_serializing_if = "Listed::is_empty")]
    pub refused: Listed,
}

/// The first cases of a kind, and how many there are.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct Listed {
    /// All of them.
    pub total: u64,
    /// The first 20.
    pub first: Vec<Case>,
    /// Their likely causes, as far as the run shows them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
}

/// One problematic webhook.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Case {
    /// The event.
    pub event: String,
    /// The flow, if a step expected it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flow: Option<u32>,
    /// The step that expected it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// Id of the flow's payment, match …
    #[serde(skip_serializing_if = "Value::is_null")]
    pub subject: Value,
    /// Its deadline, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due: Option<String>,
    /// Status of the step's response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step_status: Option<u16>,
    /// How long the step took, ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step_ms: Option<f64>,
    /// Number of the delivery, in order of first arrival.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivery: Option<u64>,
    /// What is wrong with it.
    pub what: String,
    /// For one that never arrived, the webhook that arrived instead; for an unexpected one, the step it may have been
    /// meant for: what differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub near_miss: Option<String>,
    /// Whether it arrived, after its deadline.
    #[serde(skip)]
    late: bool,
}

impl Case {
    pub(super) fn of_a_step(analysis: &Analysis, asked: &Expectation<'_>, what: String) -> Self {
        let subject = analysis.steps.flows.get(asked.flow).map(|f| f.subject).unwrap_or_default();
        Self {
            event: asked.event.to_owned(),
            flow: Some(asked.flow),
            step: Some(asked.step_name.to_owned()),
            subject,
            due: Some(time(analysis, asked.deadline())),
            step_status: asked.answer,
            step_ms: asked.step.map(|_| millis(asked.took)),
            delivery: None,
            what,
            near_miss: None,
            late: false,
        }
    }

    /// A webhook that never came; `index` is the expectation's.
    pub(super) fn of_a_lost(
        analysis: &Analysis,
        (index, asked): (usize, &Expectation<'_>),
        missing: u64,
    ) -> Self {
        let came = analysis.near.of_expectation(index).and_then(|(delivery, how)| {
            let what = match event_name(&analysis.deliveries.get(delivery)?.event).as_str() {
                NO_EVENT => "a webhook without an event name".to_owned(),
                event => format!("a webhook with event {event}"),
            };
            Some(format!("{what} arrived (delivery {}): {how}", delivery + 1))
        });
        let alike = |other: Expectation<'_>| other.is_interchangeable && other.event == asked.event;
        let whose = if analysis.expectations().any(alike) {
            "; it may be another flow's, since webhooks of several flows look the same"
        } else {
            ""
        };
        let what = format!("{}{whose}", never_came(missing));
        Self { near_miss: came, ..Self::of_a_step(analysis, asked, what) }
    }

    /// A delivery that nothing asked for, or asked for in part: then it is what came beside the rest.
    fn of_a_surprise(analysis: &Analysis, delivery: &Delivery) -> Self {
        let at = time(analysis, delivery.first_byte());
        if let Some(by) = delivery.forbidden.and_then(|index| analysis.expectation(index)) {
            let what = format!("arrived at {at}, but the step forbids it (count: 0)");
            let case = Self::of_a_step(analysis, &by, what);
            return Self { delivery: Some(delivery.number), due: None, ..case };
        }
        if let Some(asked) = delivery.fulfils.and_then(|index| analysis.expectation(index)) {
            let beside: Vec<&str> =
                delivery.event.split(" + ").filter(|event| *event != asked.event).collect();
            let event = if beside.is_empty() { delivery.event.to_string() } else { beside.join(" + ") };
            let with = if asked.event.is_empty() { "another webhook" } else { asked.event };
            let what = format!("arrived in one request with {with} at {at}, but no step expects it");
            let step = Self::of_a_step(analysis, &asked, what);
            return Self {
                event,
                step: None,
                due: None,
                step_status: None,
                step_ms: None,
                delivery: Some(delivery.number),
                ..step
            };
        }
        let index = usize::try_from(delivery.number).ok().and_then(|number| number.checked_sub(1));
        let near = index.and_then(|index| analysis.near.of_delivery(index)).and_then(|(expectation, how)| {
            let asked = analysis.expectation(expectation)?;
            Some(format!("almost matches flow {}, step {}: {how}", asked.flow, shown(asked.step_name)))
        });
        Self {
            near_miss: near,
            ..Self::of_a_delivery(analysis, delivery, format!("arrived at {at}, but no step expects it"))
        }
    }

    /// A delivery, with the step that asked for it where one did.
    pub(super) fn of_a_delivery(analysis: &Analysis, delivery: &Delivery, what: String) -> Self {
        let asked = delivery.fulfils.and_then(|index| analysis.expectation(index));
        let case = match asked {
            Some(asked) => Self::of_a_step(analysis, &asked, what),
            None => Self {
                event: delivery.event.to_string(),
                flow: None,
                step: None,
                subject: Value::Null,
                due: None,
                step_status: None,
                step_ms: None,
                delivery: None,
                what,
                near_miss: None,
                late: false,
            },
        };
        Self { delivery: Some(delivery.number), ..case }
    }

    /// A delivery that came too late.
    pub(super) fn of_a_late(analysis: &Analysis, delivery: &Delivery, what: String) -> Self {
        Self { late: true, ..Self::of_a_delivery(analysis, delivery, what) }
    }

    /// The case in one sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        let event = event_name(&self.event);
        let which = match (self.flow, &self.subject) {
            (Some(flow), Value::Null) => format!("{event} of flow {flow}"),
            (Some(flow), subject) => format!("{event} of flow {flow} (id {})", shown(&plain(subject))),
            (None, _) => event,
        };
        let mut parts = vec![format!("{which}: {}", self.what)];
        // What was due when matters for what did not come in time; the rest is told with its delivery.
        let in_time = self.delivery.is_some() && !self.late;
        parts.extend(self.due.as_ref().filter(|_| !in_time).map(|due| format!("due by {due}")));
        if in_time && let Some(step) = &self.step {
            parts.push(format!("step {}", shown(step)));
        } else if let (Some(step), Some(ms)) = (&self.step, self.step_ms) {
            let responded =
                self.step_status.map_or_else(|| "got no response".to_owned(), |s| format!("returned {s}"));
            parts.push(format!("step {} {responded} after {}", shown(step), milliseconds(ms)));
        }
        parts.extend(self.delivery.map(|number| format!("delivery {number}")));
        let near = self.near_miss.as_ref().map(|near| format!("; {near}")).unwrap_or_default();
        parts.join(", ") + &near
    }
}

impl Listed {
    /// Whether there is none.
    const fn is_empty(&self) -> bool {
        self.total == 0
    }

    fn add(&mut self, times: u64, case: impl FnOnce() -> Case) {
        if times > 0 {
            self.total += times;
            if self.first.len() < LISTED {
                self.first.push(case());
            }
        }
    }

    /// The sentences of the first `most`, how many more there are, and what is behind them.
    #[must_use]
    pub fn sentences(&self, most: usize) -> Vec<String> {
        let told = self.first.iter().take(most).map(Case::sentence);
        let more = self.total.saturating_sub(self.first.len().min(most) as u64);
        let causes = self.causes.iter().map(|cause| format!("{CAUSE}{cause}"));
        told.chain((more > 0).then(|| format!("and {more} more"))).chain(causes).collect()
    }
}

impl Cases {
    /// The cases that stand behind a check, by its id.
    #[must_use]
    pub fn of_check(&self, id: &str) -> Option<&Listed> {
        let listed = match id {
            "lost" => &self.lost,
            "late" => &self.late,
            "duplicates" => &self.duplicates,
            "unexpected" => &self.unexpected,
            "order" => &self.out_of_order,
            "payloads" => &self.misshapen,
            "event_header" => &self.contradicting,
            "repeated_keys" => &self.repeating,
            "pii" => &self.leaking,
            "signatures" => &self.unverified,
            "success_rate" => &self.refused,
            _ => return None,
        };
        (listed.total > 0).then_some(listed)
    }
}

/// What stands before the sentence that says what was the cause.
pub(crate) const CAUSE: &str = "cause: ";

/// The cases of a run so far.
#[must_use]
pub fn cases(analysis: &Analysis) -> Cases {
    let mut found = Cases::default();
    let (lost, order) = (Lost::new(analysis), Order::of(analysis));
    for (index, asked) in analysis.expectations().enumerate() {
        for (turn, delivery) in order.turns(analysis, &asked) {
            if let Turn::Early(early) = turn {
                let (after, ms) = (event_name(asked.after.unwrap_or_default()), millis(early));
                let what = format!("arrived {} before {after}, which it must follow", milliseconds(ms));
                found.out_of_order.add(1, || Case::of_a_delivery(analysis, &delivery, what));
            }
        }
        let missing = lost.missing(&asked);
        found.lost.add(missing, || Case::of_a_lost(analysis, (index, &asked), missing));
        for delivery in asked.by().filter_map(|index| analysis.deliveries.get(index)) {
            if let Some(what) = too_late(analysis, &asked, &delivery) {
                found.late.add(1, || Case::of_a_late(analysis, &delivery, what));
            }
        }
        if asked.has_surplus() && asked.count > 0 {
            let what = format!("arrived more often than the {} the step expects", asked.count);
            found.duplicates.first.extend(
                (found.duplicates.first.len() < LISTED).then(|| Case::of_a_step(analysis, &asked, what)),
            );
        }
    }
    let accounted = analysis.header.kind.accounts_for_each_webhook();
    for delivery in analysis.own() {
        let again = delivery.came_again();
        let one = |what: String| Case::of_a_delivery(analysis, &delivery, what);
        found.duplicates.add(again, || one(came_again(again)));
        let repeated = delivery.repeated.into();
        found
            .duplicates
            .add(repeated, || one(format!("{} in it came before (same id)", counted(repeated, "webhooks"))));
        found
            .duplicates
            .add(u64::from(delivery.id_reused), || one("has the id of another webhook".to_owned()));
        // One too many is told with the step that it is too many for.
        found.duplicates.total += u64::from(delivery.surplus);
        match unverified(&delivery) {
            Some(what) => found.unverified.add(1, || one(what)),
            None => found.refused.add(u64::from(accounted && is_refused(analysis, &delivery)), || {
                one(format!("arrived, but no attempt was accepted{}", answers(&delivery)))
            }),
        }
        let surprises = analysis.unexpected(&delivery);
        found.unexpected.add(surprises.into(), || Case::of_a_surprise(analysis, &delivery));
    }
    if found.lost.total > 0 {
        found.lost.causes = causes(analysis, &lost);
    }
    leaking(analysis, &mut found.leaking);
    misshapen(analysis, &mut found.misshapen);
    contradicting(analysis, &mut found.contradicting);
    repeating(analysis, &mut found.repeating);
    found
}

/// The first webhooks that came late or never, in the order in which they were asked for. Of a load the parts are put together
/// in which deliveries are numbered anew, so that no number is told.
pub(super) fn late_and_lost(analysis: &Analysis) -> Vec<String> {
    let lost = Lost::new(analysis);
    let mut told = Vec::new();
    for (index, asked) in analysis.expectations().enumerate() {
        let missing = lost.missing(&asked);
        let by = asked.by().filter_map(|index| analysis.deliveries.get(index));
        let late = by.filter_map(|delivery| too_late(analysis, &asked, &delivery));
        let late = late.map(|what| Case::of_a_step(analysis, &asked, what));
        let never = (missing > 0)
            .then(|| Case { near_miss: None, ..Case::of_a_lost(analysis, (index, &asked), missing) });
        told.extend(never.into_iter().chain(late).map(|case| case.sentence()));
        if told.len() >= LISTED {
            break;
        }
    }
    told
}

fn misshapen(analysis: &Analysis, found: &mut Listed) {
    found.total = analysis.payloads.found.violating;
    let kept = analysis.payloads.kept.iter().take(LISTED);
    found.first.extend(kept.filter_map(|(delivery, event, wrong)| {
        let delivery = analysis.deliveries.get(*delivery)?;
        let told: Vec<String> = wrong.iter().map(sentence).collect();
        let what = format!("does not match its schema: {}", told.join("; "));
        Some(Case { event: event.clone(), ..Case::of_a_delivery(analysis, &delivery, what) })
    }));
}

fn contradicting(analysis: &Analysis, found: &mut Listed) {
    found.total = analysis.payloads.found.contradictions.values().sum();
    let kept = analysis.payloads.contradicting.iter().take(LISTED);
    found.first.extend(kept.filter_map(|(delivery, attempt, how)| {
        let delivery = analysis.deliveries.get(*delivery)?;
        let which = if *attempt == 1 { String::new() } else { format!("attempt {attempt}: ") };
        Some(Case::of_a_delivery(analysis, &delivery, format!("{which}{how}")))
    }));
}

fn repeating(analysis: &Analysis, found: &mut Listed) {
    found.total = analysis.payloads.found.repeating;
    let kept = analysis.payloads.repeating.iter().take(LISTED);
    found.first.extend(kept.filter_map(|(delivery, pointer)| {
        let delivery = analysis.deliveries.get(*delivery)?;
        let what = format!("{} appears twice in its body", shown(pointer));
        Some(Case::of_a_delivery(analysis, &delivery, what))
    }));
}

fn leaking(analysis: &Analysis, found: &mut Listed) {
    found.total = analysis.privacy.webhooks.total;
    let located = analysis.privacy.webhooks.kept.iter().take(LISTED);
    found.first.extend(located.filter_map(|located| {
        let delivery = analysis.deliveries.get(located.delivery?)?;
        let finding = &located.finding;
        let what = format!("{} {} ({})", finding.category.name(), at_place(&finding.place), finding.excerpt);
        Some(Case::of_a_delivery(analysis, &delivery, what))
    }));
}

/// What is wrong with the first signature of a delivery that is not valid.
fn unverified(delivery: &Delivery) -> Option<String> {
    let all = || delivery.tries.iter().chain(&delivery.after_acceptance);
    let (number, first) =
        (1_u64..).zip(all()).find(|(_, t)| t.reason.is_refused()).filter(|_| !delivery.elsewhere)?;
    let why = match first.reason {
        Reason::Missing => "a signature header is missing",
        Reason::Malformed => "its signature is malformed",
        Reason::Stale => "its timestamp is too old",
        Reason::Future => "its timestamp is too far ahead",
        Reason::Mismatch => "its signature does not match these bytes under smoke's secret",
        Reason::Valid | Reason::Unchecked => return None,
    };
    let of = if number > 1 { format!("in attempt {number} ") } else { String::new() };
    Some(format!("{of}{why}{}", answers(delivery)))
}

/// Whether a delivery that nobody broke came to its end, and no attempt of it was accepted.
fn is_refused(analysis: &Analysis, delivery: &Delivery) -> bool {
    let ended = !matches!(delivery.fate(&analysis.header.retry), Fate::Open | Fate::Delivered);
    ended && !delivery.elsewhere && !delivery.injected() && delivery.fulfils.is_some()
}

/// What its attempts were answered, ` (answered with 503, 503)`.
fn answers(delivery: &Delivery) -> String {
    let all: Vec<String> = delivery
        .tries
        .iter()
        .map(|t| t.status.map_or_else(|| "nothing".to_owned(), |status| status.to_string()))
        .collect();
    format!(" (answered with {})", all.join(", "))
}

fn never_came(missing: u64) -> String {
    if missing == 1 { "never arrived".to_owned() } else { format!("never arrived, {missing} times") }
}

/// How late a webhook came; `None` when it was in time, or was never accepted.
pub(super) fn too_late(analysis: &Analysis, asked: &Expectation<'_>, delivery: &Delivery) -> Option<String> {
    let late = delivery.accepted().is_some() && delivery.first_byte() > asked.deadline();
    let ms = |d: Duration| u64::try_from(d.as_millis()).unwrap_or(u64::MAX);
    late.then(|| {
        let (took, within) = (ms(delivery.first_byte().since(asked.at)), ms(asked.within));
        // Only the turn says whose it is, and by then it was that of another flow.
        let or = if analysis.header.in_turn {
            "; or it was lost, and that of a later flow arrived twice"
        } else {
            ""
        };
        format!("arrived after {} s, {} s allowed{or}", seconds(took), seconds(within))
    })
}

fn time(analysis: &Analysis, at: Tick) -> String {
    let at: DateTime<Utc> = at.wall(analysis.header.started);
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn millis(took: Duration) -> f64 {
    (took.as_secs_f64() * 1e6).round() / 1e3
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn came_again(times: u64) -> String {
    let how_often = match times {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        n => format!("{n} times"),
    };
    format!("arrived {how_often} more after it was accepted")
}
