//! Load: when each start is due, how it went, and how late it was.

mod answer;
pub mod rate;
mod schedule;
mod shard;
mod webhook;

pub use answer::{Answer, Broken, Parser};
pub use schedule::{Schedule, Stage};
pub use shard::{Shard, ShardError};
pub use webhook::{EventError, Forge, Letter, check_event};
