//! Attempts that belong together, and what became of them.

use correlate::{Certainty, Course};
use record::Tick;
use record::faults::Fault;
use record::{Ending, RetryContract};
use signature::Reason;
use std::sync::Arc;
use std::time::Duration;

/// The index of the delivery with this number: they are numbered from 1.
pub(crate) fn index_of(number: u64) -> usize {
    usize::try_from(number.saturating_sub(1)).unwrap_or(usize::MAX)
}

/// One attempt of a delivery, without its bytes.
#[derive(Debug, Clone)]
pub struct AttemptResult {
    /// First byte of the request.
    pub first_byte: Tick,
    /// End of the attempt: our answer's last byte, or the end of the connection. `None`: not in the journal.
    pub end: Option<Tick>,
    /// The status that was sent whole; `None` when none was.
    pub status: Option<u16>,
    /// Whether that status says that the receiver took the webhook.
    pub taken: bool,
    /// How the attempt ended; `None`: not in the journal.
    pub how: Option<Ending>,
    /// What the verification said.
    pub reason: Reason,
    /// The fault that was injected.
    pub fault: Option<Fault>,
    /// Fingerprints of body and signature headers: equal for equal ones.
    pub fingerprints: Fingerprints,
}

impl AttemptResult {
    /// Whether it failed because of the fault that was injected into it. A good answer that was only delayed failed no
    /// attempt, unless the sender did not wait for it.
    fn failed_by_fault(&self) -> bool {
        self.fault.is_some() && (!self.taken || self.fault.is_none_or(Fault::fails_the_attempt))
    }

    /// The `Retry-After` that it was answered with, seconds.
    #[must_use]
    pub const fn retry_after(&self) -> Option<u32> {
        if let Some(Fault::Status { retry_after, .. }) = self.fault { retry_after } else { None }
    }

    /// By how much its answer was held back on purpose.
    #[must_use]
    pub fn held_back(&self) -> Duration {
        match self.fault {
            Some(Fault::Delay(period)) => period.get(),
            _ => Duration::ZERO,
        }
    }
}

/// Fingerprints of what must stay the same over the attempts of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprints {
    pub body: u64,
    /// Of the signature header.
    pub signature: u64,
    /// Of what the request says beside the body, without the sender's own headers.
    pub head: u64,
    /// The timestamp in ms, where the scheme has one.
    pub timestamp_ms: Option<i64>,
}

/// What of an attempt the authentic ones before it have said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SaidBefore {
    Nothing,
    Body,
    All,
}

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// An attempt was answered 2xx.
    Delivered,
    /// The last answer was 4xx and no attempt followed.
    Aborted,
    /// All attempts of the contract failed.
    Exhausted,
    /// Fewer attempts than the contract says, the last one failed otherwise than by 4xx.
    GivenUp,
    /// The last attempt has no known end: the journal stops here.
    Open,
}

/// All the attempts of one webhook.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Number in order of first arrival, from 1.
    pub number: u64,
    pub event: Arc<str>,
    /// Whether it has a webhook id.
    pub has_id: bool,
    /// The attempts up to the first accepted one, and those that followed a failure.
    pub tries: Vec<AttemptResult>,
    /// Attempts that came after the delivery had been accepted: duplicates.
    pub after_acceptance: Vec<AttemptResult>,
    /// Whether the receiver had accepted it before the window began, so that its first attempt here is one too many.
    pub accepted_before: bool,
    /// Whether it arrived at the path to which redirects point.
    pub elsewhere: bool,
    /// Whether another delivery had used its id before.
    pub id_reused: bool,
    /// Whether it holds none of this run's values: other traffic at the same receiver.
    pub foreign: bool,
    /// Index of the expectation that it fulfils; of a batch that which waited longest.
    pub fulfils: Option<usize>,
    /// How many webhooks in it are more than an expectation asked for: one at most, unless it is a batch.
    pub surplus: u32,
    /// How many webhooks in it nothing asked for.
    pub unasked: u32,
    /// How many webhooks in it came before, in another request or in it, by their ids.
    pub repeated: u32,
    /// Index of the expectation that forbids the first of those.
    pub forbidden: Option<usize>,
    /// Whether these attempts are its own.
    pub certainty: Certainty,
    /// Whether it contradicts its sender's profile, as [`correlate::contradiction`] has it.
    pub contradicts: bool,
}

impl Delivery {
    /// How many times it came again after it had been accepted.
    #[must_use]
    pub fn came_again(&self) -> u64 {
        self.after_acceptance.len() as u64 + u64::from(self.accepted_before)
    }

    /// How many times it, or a webhook in it, came again.
    #[must_use]
    pub fn repeats(&self) -> u64 {
        self.came_again() + u64::from(self.repeated)
    }

    /// What the correlator has to know of it.
    pub(super) fn course(&self) -> Course {
        let last = self.after_acceptance.last().or(self.tries.last());
        Course {
            attempts: self.tries.len(),
            body: self.tries.first().map_or(0, |t| t.fingerprints.body),
            accepted: self.accepted().is_some(),
            last_seen: self.last_seen(),
            status: last.and_then(|t| t.status),
            fault: last.and_then(|t| t.fault),
        }
    }

    /// What of one more attempt with these fingerprints is known from those up to the accepted one.
    pub(super) fn said_before(&self, next: &Fingerprints) -> SaidBefore {
        let known = self.tries.iter().filter(|t| t.reason.is_authentic()).map(|t| &t.fingerprints);
        let said = known
            .filter(|known| known.body == next.body)
            .map(|known| if known.head == next.head { SaidBefore::All } else { SaidBefore::Body });
        said.max().unwrap_or(SaidBefore::Nothing)
    }

    /// Whether it is certain which attempts it has.
    #[must_use]
    pub fn is_certain(&self) -> bool {
        self.certainty == Certainty::Certain
    }

    /// Whether an attempt of it has a signature of the sender's key.
    #[must_use]
    pub fn is_authentic(&self) -> bool {
        self.tries.iter().chain(&self.after_acceptance).any(|t| t.reason.is_authentic())
    }

    /// Whether an attempt of it failed because we broke it: then it says nothing about how often attempts fail.
    #[must_use]
    pub fn injected(&self) -> bool {
        self.tries.iter().any(AttemptResult::failed_by_fault)
    }

    /// Whether a fault was injected into an attempt of it, whatever came of it.
    #[must_use]
    pub fn met_a_fault(&self) -> bool {
        self.tries.iter().any(|t| t.fault.is_some())
    }

    /// The attempt that was accepted.
    #[must_use]
    pub fn accepted(&self) -> Option<&AttemptResult> {
        self.tries.iter().find(|t| t.taken)
    }

    /// From the first byte of the first attempt to the end of the accepting response, less what that was held back on purpose:
    /// the only latency that a receiver can measure of a webhook that it did not ask for.
    #[must_use]
    pub fn accepted_after(&self) -> Option<Duration> {
        let accepted = self.accepted()?;
        Some(accepted.end?.since(self.first_byte()).saturating_sub(accepted.held_back()))
    }

    /// What became of it under this contract.
    #[must_use]
    pub fn fate(&self, contract: &RetryContract) -> Fate {
        let Some(last) = self.tries.last() else { return Fate::Open };
        match last.status {
            _ if self.accepted().is_some() => Fate::Delivered,
            Some(status @ 400..=499) if contract.aborts(status) || contract.is_usual() => Fate::Aborted,
            Some(status) if contract.aborts(status) => Fate::Aborted,
            _ if last.how.is_none() => Fate::Open,
            None if contract.ends_when_broken(last.fault) => Fate::Aborted,
            _ if !contract.goes_on(self.tries.len()) => Fate::Exhausted,
            _ => Fate::GivenUp,
        }
    }

    /// First arrival.
    #[must_use]
    pub fn first_byte(&self) -> Tick {
        self.tries.first().map_or(Tick(0), |t| t.first_byte)
    }

    /// Whether steps asked for all that is in it.
    #[must_use]
    pub const fn is_asked_for(&self) -> bool {
        self.unasked == 0
    }

    /// When it was last seen: the end of its last attempt, else its first arrival.
    #[must_use]
    pub fn last_seen(&self) -> Tick {
        self.last_end().unwrap_or_else(|| self.first_byte())
    }

    /// End of the last attempt, duplicates included; `None` when it is not known.
    #[must_use]
    pub fn last_end(&self) -> Option<Tick> {
        self.tries.iter().chain(&self.after_acceptance).filter_map(|t| t.end).max()
    }
}
