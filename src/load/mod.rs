//! Load: when each start is due, how it went, and how late it was.

mod alarm;
mod background;
mod client;
mod engine;
mod exchange;
mod growth;
pub(crate) mod guard;
mod heard;
pub(crate) mod rate;
mod request_template;
mod response;
mod schedule;
mod scheduler;
mod shard;
mod tally;
mod target;
mod thread_time;

pub(crate) use alarm::Alarm;
pub(crate) use background::{Background, Job};
pub(crate) use client::{LONGEST_RETRY_AFTER_S, RetryPolicy, WebhookClient};
pub(crate) use engine::{Finish, Plan, RequestOutcome, Worker, run};
pub(crate) use heard::{Event, Heard};
pub(crate) use request_template::{RequestTemplate, SignedRequest, check_event};
pub(crate) use response::RequestError;
pub(crate) use schedule::{Schedule, Stage};
pub(crate) use scheduler::Pace;
pub(crate) use shard::Shard;
pub(crate) use target::{Connect, Dialer, Target};
pub(crate) use thread_time::ThreadTime;
