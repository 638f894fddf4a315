//! The webhook sender: envelope, signature, attempts on the wire, retries, circuit breaker, log.

mod breaker;
mod delivery;
mod delivery_policy;
mod envelope;
mod http_client;
mod log;
mod shape;
mod signed_request;

pub use log::{AttemptEntry, Level, LogLine, LogSink};

pub(super) use delivery::{PROCESS, Sender};
pub(super) use envelope::{Event, Person};
pub(super) use log::{Logger, SenderLog};
