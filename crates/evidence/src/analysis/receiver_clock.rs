//! The clock of the receiver elsewhere that a run was read back from.

use chrono::TimeDelta;
use record::{Record, Watch, last_record};
use std::fs::File;
use std::path::Path;

/// The receiver's clock minus the run's, as the journal at `path` states it; `None` of a run that received by itself. It is
/// looked for before anything is judged, since it may stand at the end only.
#[must_use]
pub fn receiver_clock(path: &Path) -> Option<TimeDelta> {
    match last_record(File::open(path).ok()?, r#"{"watch":{"offset":"#).ok()?? {
        Record::Watch(Watch::Offset(offset)) => Some(TimeDelta::microseconds(offset.offset_us)),
        _ => None,
    }
}
