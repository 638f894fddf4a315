//! Load: when each start is due, how it went, and how late it was.

pub mod rate;
mod schedule;
mod shard;

pub use schedule::{Schedule, Stage};
pub use shard::{Shard, ShardError};
