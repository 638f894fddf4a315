//! Takes in what another receiver recorded, so that a run settles on it as on what came to its own door.

use super::deliveries::Key;
use super::handler::Inbox;
use record::Ending;
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
struct UnderWay {
    key: Key,
    event: String,
    status: Option<u16>,
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
                    self.inbox.saw_end(&open.key, &open.event, status, answered.end);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn arrived(&mut self, attempt: &Attempt) {
        let (key, event) = self.inbox.key(&attempt.headers, &attempt.body.bytes());
        self.inbox.saw_beginning(&key, attempt.first_byte);
        self.under_way.insert(attempt.attempt, UnderWay { key, event, status: attempt.answer });
    }
}
