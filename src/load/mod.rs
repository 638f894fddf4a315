//! Load: when each start is due, how it went, and how late it was.

mod answer;
mod background;
mod desk;
mod engine;
pub mod guard;
mod lane;
pub mod rate;
mod schedule;
mod shard;
mod tally;
mod target;
mod webhook;
mod wire;

pub use answer::{Answer, Broken, Parser};
pub use background::{Background, Event, Job};
pub use desk::Pace;
pub use engine::{Finish, Outcome, Plan, Worker, run};
pub use lane::{Lane, Manner, is_success};
pub use schedule::{Schedule, Stage};
pub use shard::{Shard, ShardError};
pub use target::{Connect, Dialer, Stream, Target, TargetError};
pub use webhook::{EventError, Forge, Letter, check_event};
pub use wire::{Connection, Limit};
