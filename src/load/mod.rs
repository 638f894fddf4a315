//! Load: when each start is due, how it went, and how late it was.

mod background;
mod client;
mod engine;
mod exchange;
pub mod guard;
pub mod rate;
mod request_template;
mod response;
mod schedule;
mod scheduler;
mod shard;
mod tally;
mod target;

pub use background::{Background, Event, Job};
pub use client::{RetryPolicy, WebhookClient, is_success};
pub use engine::{Finish, Plan, RequestOutcome, Worker, run};
pub use exchange::{Connection, Limit};
pub use request_template::{EventError, RequestTemplate, SignedRequest, check_event};
pub use response::{RequestError, Response};
pub use schedule::{Schedule, Stage};
pub use scheduler::Pace;
pub use shard::{Shard, ShardError};
pub use target::{Connect, Dialer, Stream, Target, TargetError};
