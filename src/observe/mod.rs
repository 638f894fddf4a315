//! Watches a receiver for a while: follows its journal or its read-back API, and writes a journal of the window.

mod follow;
mod judge;
mod logs;
mod remote;
mod tracks;
mod watch;

pub use follow::{Follow, FollowError};
pub use judge::{Fired, Judge};
pub use logs::LogFollow;
pub use remote::{Remote, RemoteError};
pub use tracks::Tracks;
pub use watch::{Observe, Plan, Source, Step};

use crate::journal::Record;
use chrono::{DateTime, Utc};

/// Records of one run of a receiver.
#[derive(Debug)]
pub struct Batch {
    /// The run.
    pub run_id: uuid::Uuid,
    /// Wall time of tick 0 of its records, by its own clock.
    pub started: DateTime<Utc>,
    /// The records.
    pub records: Vec<Record>,
    /// Whether something before them is not there any more.
    pub missed: bool,
}
