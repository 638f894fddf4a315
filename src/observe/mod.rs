//! Watches a receiver for a while: follows its journal or its read-back API, and writes a journal of the window.

mod follow;
mod judge;
mod logs;
mod part;
mod probe;
mod watch;

pub use follow::{Follow, FollowError, Look, Sight};
pub use judge::{Fired, Judge, LogSaid};
pub use logs::LogFollow;
pub use probe::{Prober, probe_url};
pub use watch::{Observe, Plan, Source, Step};
