//! The clock of the receiver elsewhere that a run was read back from. It is stated before the first webhook that comes from there,
//! and again at the end: webhooks before any statement were received by the run itself, and a statement behind them counts for
//! nothing.

use chrono::TimeDelta;
use record::{Record, Watch, last_record, stands_before};
use std::fs::File;
use std::path::Path;

/// How the JSON of a statement begins, and that of a webhook.
const STATED: &str = r#"{"watch":{"offset":"#;
const WEBHOOK: &str = r#"{"attempt":"#;

/// The receiver's clock minus the run's, as the journal at `path` states it last; `None` of a run that received by itself. It is
/// looked for before anything is judged.
#[must_use]
pub fn receiver_clock(path: &Path) -> Option<TimeDelta> {
    let file = || File::open(path).ok();
    if !stands_before(file()?, STATED, WEBHOOK).ok()? {
        return None;
    }
    let mut clock = ReceiverClock::default();
    clock.take(&last_record(file()?, STATED).ok()??);
    clock.apart
}

/// The same, while records go by.
#[derive(Debug, Default)]
pub(crate) struct ReceiverClock {
    /// The receiver's clock minus the run's, as it was stated last; `None` of a run that received by itself.
    pub apart: Option<TimeDelta>,
    /// Whether one was stated where it counts for nothing.
    pub is_out_of_place: bool,
    /// Whether a webhook came before any statement.
    is_own: bool,
}

impl ReceiverClock {
    pub(crate) fn take(&mut self, record: &Record) {
        match record {
            Record::Attempt(_) => self.is_own |= self.apart.is_none(),
            Record::Watch(Watch::Offset(_)) if self.is_own => self.is_out_of_place = true,
            Record::Watch(Watch::Offset(offset)) => {
                self.apart = Some(TimeDelta::microseconds(offset.offset_us));
            }
            _ => {}
        }
    }
}
