//! Requests without a valid signature: how much of them is kept, and what becomes of those that are nobody's.

use super::answers::answer_to;
use super::diagnoser::Suspect;
use super::handled::{Handled, Open};
use super::handler::{BEGINNING, Inbox};
use record::{NotKept, Record, Watch};
use signature::Verdict;
use std::sync::atomic::Ordering;
use wire::http1::RawRequest;

/// About what a line of the journal takes beside body, headers and target.
const LINE: usize = 512;

impl Inbox {
    /// A request that nothing shows to be the sender's: it is written down as far as there is room for such, answered, and is no
    /// part of any delivery. No fault meets it, and nothing waits for it.
    pub(super) fn record_stranger(
        &self,
        request: RawRequest,
        verdict: Verdict,
        suspect: Option<Suspect>,
    ) -> Handled {
        self.observer.iter().for_each(|observer| observer.stranger());
        if !self.has_room_for(&request) {
            return self.not_kept(&verdict);
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let answer = answer_to(&verdict, false);
        let status = if self.upstream.is_some() { None } else { Some(answer.status) };
        let reason = Some(verdict.reason);
        let attempt = self.attempt(number, request, BEGINNING, verdict, status);
        let handled = self.written(
            Open { number, slot: None, awaited: Vec::new(), fault: None, reason },
            attempt,
            answer,
        );
        self.look_into(suspect.filter(|_| handled.is_recorded()), number);
        handled
    }

    /// Whether a request without a valid signature still fits into the journal.
    pub(super) fn has_room_for(&self, request: &RawRequest) -> bool {
        let headers = request.headers.iter().map(|(name, value)| name.len() + value.len());
        let bytes = request.body.len().min(BEGINNING) + request.target.len() + headers.sum::<usize>() + LINE;
        self.allowance.take(bytes, self.clock.now())
    }

    /// The answer to a request that is only counted: it goes nowhere but back.
    pub(super) fn not_kept(&self, verdict: &Verdict) -> Handled {
        self.observer.iter().for_each(|observer| observer.not_kept(verdict.reason));
        Handled::unrecorded(answer_to(verdict, false))
    }

    /// Writes how many requests without a valid signature were only counted since the last time.
    pub fn tell_not_kept(&self) {
        let requests = self.allowance.take_refused();
        if requests > 0 {
            let more = NotKept { at: self.clock.now(), requests };
            // A journal that cannot be written says so with the next webhook.
            let _ = self.journal.append_soon(&Record::Watch(Watch::NotKept(more)));
        }
    }
}
