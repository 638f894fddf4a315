//! Takes in what another receiver recorded, so that a run settles on it as on what came to its own door.

use super::author::Seen;
use super::deliveries::Awaited;
use super::handler::Inbox;
use record::Ending;
use record::faults::Fault;
use record::{Attempt, Record, Watch};
use std::collections::HashMap;
use std::io;
use std::sync::Arc;

/// Writes the records of another receiver to an inbox's journal, and files its attempts.
pub struct Replay {
    inbox: Arc<Inbox>,
    under_way: HashMap<u64, UnderWay>,
}

/// An attempt that is not answered yet.
pub(super) struct UnderWay {
    /// Its delivery among those that the inbox remembers.
    pub(super) slot: u32,
    /// The webhooks in it that may be waited for.
    pub(super) awaited: Vec<Awaited>,
    /// Whether a run does not end before it has.
    pub(super) is_waited_for: bool,
    pub(super) fault: Option<Fault>,
    pub(super) status: Option<u16>,
}

impl Replay {
    /// A replay that has seen nothing.
    #[must_use]
    pub fn new(inbox: Arc<Inbox>) -> Self {
        Self { inbox, under_way: HashMap::new() }
    }

    /// Takes in one record.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn take(&mut self, record: &Record) -> io::Result<()> {
        self.inbox.note(record)?;
        match record {
            Record::Attempt(attempt) => self.arrived(attempt),
            Record::Watch(Watch::Forwarded(forwarded)) => {
                if let Some(open) = self.under_way.get_mut(&forwarded.attempt) {
                    open.status = Some(forwarded.status);
                }
            }
            Record::Answered(answered) => {
                if let Some(open) = self.under_way.remove(&answered.attempt) {
                    let status = open.status.filter(|_| answered.how == Ending::Sent);
                    self.inbox.saw_end(&open, status, answered.end);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn arrived(&mut self, attempt: &Attempt) {
        let body = attempt.body.bytes();
        let seen = Seen {
            headers: &attempt.headers,
            body: &body,
            peer: attempt.peer,
            reason: attempt.verdict.reason,
        };
        let Some((_, sighting)) = self.inbox.whose(&seen) else { return };
        self.inbox.show(&attempt.headers, &body, attempt.verdict.reason, attempt.first_byte);
        let (status, fault) = (attempt.answer, attempt.fault);
        let open = self.inbox.saw_beginning(sighting, attempt.first_byte, fault, status);
        self.under_way.insert(attempt.attempt, open);
    }
}
