//! A request that has been handled, from its place in the journal to how it ended.

use super::answers::{problem, problem_of};
use super::deliveries::{Awaited, Sighting};
use super::handler::Inbox;
use super::hooks::NoAnswer;
use super::replay::UnderWay;
use crate::journal::{Durable, NotDurable};
use record::faults::Fault;
use record::{Answered, Attempt, Ending, Forwarded, Record, Tick, Watch};
use signature::Reason;
use std::io;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;
use wire::http1::Response;

/// An attempt that is in the journal and waits for its answer.
#[derive(Debug)]
pub struct Handled {
    /// The answer to send when nothing is intercepted.
    pub answer: Response,
    pub(super) attempt: Option<Open>,
    durable: Option<Durable>,
    /// Whether it is a request that is no webhook, and goes on to the real receiver.
    passes: bool,
}

impl Handled {
    /// One that is in no journal.
    pub(super) const fn unrecorded(answer: Response) -> Self {
        Self { answer, attempt: None, durable: None, passes: false }
    }

    /// One that is no webhook, and goes on to the real receiver.
    pub(super) const fn passing(answer: Response) -> Self {
        Self { answer, attempt: None, durable: None, passes: true }
    }

    /// Whether it is an attempt that is in the journal.
    #[must_use]
    pub const fn is_recorded(&self) -> bool {
        self.attempt.is_some()
    }

    /// Whether it is one for the real receiver behind a tap: what came to the path of injected redirects is not.
    #[must_use]
    pub fn is_for_upstream(&self) -> bool {
        self.passes || self.attempt.as_ref().is_some_and(|open| open.reason.is_some())
    }
}

/// What has to be known of it until it has ended.
#[derive(Debug)]
pub(super) struct Open {
    pub number: u64,
    /// Its delivery among those that are remembered; a stranger's request is none.
    pub slot: Option<u32>,
    /// What it may be that is waited for.
    pub awaited: Vec<Awaited>,
    pub fault: Option<Fault>,
    /// What the verification said; `None` where that is not counted.
    pub reason: Option<Reason>,
}

/// Whether the end of an attempt is waited for: not of other traffic, which may never cease, unless a fault holds it up.
const fn is_waited_for(awaited: &[Awaited], fault: Option<Fault>) -> bool {
    !awaited.is_empty() || fault.is_some()
}

impl Inbox {
    /// Notes how an attempt ended, and when. `status` is what the sender saw.
    pub fn answered(&self, handled: &Handled, (how, end): (Ending, Tick), status: Option<u16>) {
        let Some(open) = &handled.attempt else { return };
        let seen = if how == Ending::Sent { status } else { None };
        self.settle(open, open.fault, (seen, how), end);
        // The attempt itself is in the journal; without this record the analysis says that its end is not known.
        let _ = self.journal.append_soon(&Record::Answered(Answered { attempt: open.number, end, how }));
    }

    /// Whether a run does not end before this attempt has.
    fn waits_for(&self, open: &Open) -> bool {
        open.slot.is_some() && (is_waited_for(&open.awaited, open.fault) || self.upstream.is_some())
    }

    /// Files and counts how an attempt ended, under the fault that was injected; `seen` is the status that its sender saw.
    fn settle(&self, open: &Open, fault: Option<Fault>, (seen, how): (Option<u16>, Ending), end: Tick) {
        let Some(slot) = open.slot else {
            self.observer.iter().for_each(|observer| observer.answered(seen, how));
            return;
        };
        let mut deliveries = self.deliveries.lock().unwrap_or_else(PoisonError::into_inner);
        let ended = deliveries.answered(slot, &open.awaited, seen, fault, end);
        let given_up = deliveries.take_given_up();
        drop(deliveries);
        self.under_way.fetch_sub(u64::from(self.waits_for(open)), Ordering::SeqCst);
        if let Some(observer) = &self.observer {
            observer.answered(seen, how);
            ended.iter().chain(&given_up).for_each(|ended| observer.ended(ended));
        }
    }

    /// Counts deliveries whose next attempt is overdue by `grace` as given up.
    pub fn give_up(&self, grace: Duration) {
        let Some(before) = self.clock.now().0.checked_sub(Tick(0).plus(grace).0) else { return };
        let mut deliveries = self.deliveries.lock().unwrap_or_else(PoisonError::into_inner);
        deliveries.expire(Tick(before));
        let given_up = deliveries.take_given_up();
        drop(deliveries);
        if let Some(observer) = &self.observer {
            given_up.iter().for_each(|ended| observer.ended(ended));
        }
    }

    /// Writes how the real receiver answered, and gives the answer that goes back to the sender.
    pub(super) fn forwarded(
        &self,
        handled: &Handled,
        sent: Tick,
        outcome: Result<Response, NoAnswer>,
    ) -> Response {
        let problem = outcome.as_ref().err().map(ToString::to_string);
        let answer = outcome.unwrap_or_else(|e| problem_of(&e));
        let Some(open) = &handled.attempt else { return answer };
        let (attempt, answered, status) = (open.number, self.clock.now(), answer.status);
        let record = Watch::Forwarded(Forwarded { attempt, sent, answered, status, problem });
        match self.journal.append(&Record::Watch(record)) {
            Ok(()) => answer,
            Err(error) => self.not_recorded(&error),
        }
    }

    /// Waits until the attempt survives what the journal was asked to survive; gives the answer in place of the own one
    /// when it does not.
    pub(super) async fn durable(&self, handled: &mut Handled) -> Option<Response> {
        let error = match handled.durable.take()?.wait().await {
            Ok(()) => {
                self.count(handled.attempt.as_ref()?);
                return None;
            }
            Err(NotDurable::NotWritten(error)) => {
                return Some(self.unwritten(&handled.attempt.take()?, &error));
            }
            Err(NotDurable::NotOnDisk(error)) => error,
        };
        let attempt = handled.attempt.as_ref()?.number;
        let now = self.clock.now();
        let problem = Some(error.to_string());
        let record = Forwarded { attempt, sent: now, answered: now, status: 503, problem };
        // The disk has failed: that the reader of the journal sees this as well cannot be made sure.
        let _ = self.journal.append(&Record::Watch(Watch::Forwarded(record)));
        Some(self.not_recorded(&error))
    }

    /// An attempt is in the journal.
    fn count(&self, open: &Open) {
        if let (Some(observer), Some(reason)) = (&self.observer, open.reason) {
            observer.attempt(reason);
        }
    }

    /// The attempt is in no journal: it is answered 503, so that the sender tries again, and this is all that is known of it.
    fn unwritten(&self, open: &Open, error: &io::Error) -> Response {
        let answer = self.not_recorded(error);
        self.settle(open, None, (Some(answer.status), Ending::Sent), self.clock.now());
        answer
    }

    fn not_recorded(&self, error: &io::Error) -> Response {
        if let Some(observer) = &self.observer {
            observer.unwritten(self.clock.now());
        }
        problem(503, "not recorded", &format!("the journal cannot be written: {}", error.kind()))
    }

    /// Writes a record of another receiver.
    pub(super) fn note(&self, record: &Record) -> io::Result<()> {
        self.journal.append(record)
    }

    /// An attempt came to another receiver, which answers it with `status`; gives its delivery among those that are remembered, and what of
    /// it is waited for.
    pub(super) fn saw_beginning(
        &self,
        sighting: Sighting,
        first_byte: Tick,
        fault: Option<Fault>,
        status: Option<u16>,
    ) -> UnderWay {
        let mut deliveries = self.deliveries.lock().unwrap_or_else(PoisonError::into_inner);
        let place = deliveries.arrived(&sighting, first_byte);
        drop(deliveries);
        let awaited = place.awaited(sighting);
        let is_waited_for = !place.late && is_waited_for(&awaited, fault);
        if is_waited_for {
            let held_up = match fault {
                Some(Fault::Delay(time) | Fault::Hang(Some(time))) => time.get(),
                _ => Duration::ZERO,
            };
            let until = first_byte.plus(held_up);
            self.latest_there.fetch_max(until.0, Ordering::SeqCst);
            self.under_way_there.fetch_add(1, Ordering::SeqCst);
        }
        UnderWay { slot: place.slot, awaited, is_waited_for, fault, status }
    }

    /// Another receiver ended an attempt; `status` is what the sender saw.
    pub(super) fn saw_end(&self, open: &UnderWay, status: Option<u16>, end: Tick) {
        let mut deliveries = self.deliveries.lock().unwrap_or_else(PoisonError::into_inner);
        deliveries.answered(open.slot, &open.awaited, status, open.fault, end);
        drop(deliveries);
        self.under_way_there.fetch_sub(open.is_waited_for.into(), Ordering::SeqCst);
    }

    /// The journal comes first: what cannot be written is not accepted, so that the sender tries again.
    pub(super) fn written(&self, open: Open, attempt: Attempt, answer: Response) -> Handled {
        self.under_way.fetch_add(u64::from(self.waits_for(&open)), Ordering::SeqCst);
        match self.journal.append_durably(&Record::Attempt(Box::new(attempt))) {
            Ok(durable) => Handled { passes: false, answer, attempt: Some(open), durable: Some(durable) },
            Err(error) => Handled::unrecorded(self.unwritten(&open, &error)),
        }
    }
}
