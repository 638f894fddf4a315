//! Where records of webhooks come from when this process does not receive them itself: a journal that grows on this machine,
//! segment by segment, or a receiver elsewhere. What could not be seen is the source's business: it gives gaps as records,
//! and puts the others on the time line of whoever reads.

mod clock_alignment;
mod growing_journal;
mod remote;
mod segment;
mod source;
mod witnessed;

pub(crate) use growing_journal::GrowingJournal;
pub(crate) use remote::RemoteError;
pub(crate) use source::{Look, RecordSource};

use chrono::{DateTime, Utc};
use record::Record;

/// Records of one run of a receiver, as they were read.
#[derive(Debug)]
struct Batch {
    run_id: uuid::Uuid,
    /// Wall time of tick 0 of its records, by its own clock.
    started: DateTime<Utc>,
    records: Vec<Record>,
    /// How many secrets it has.
    secrets: usize,
    /// Where something before them is not there any more, its clock may have been stepped there: how far its system's wall time was
    /// ahead of its time line afterwards, in ms.
    missed: Option<i64>,
}
