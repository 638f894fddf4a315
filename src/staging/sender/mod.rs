//! The webhook sender: envelope, signature, attempts on the wire, retries, circuit breaker, log.

mod breaker;
mod conduct;
mod courier;
mod delivery;
mod envelope;
mod log;
mod parcel;

pub use log::{AttemptEntry, Level, LogLine, LogSink};

pub(super) use delivery::Sender;
pub(super) use envelope::{Event, Person};
pub(super) use log::{Logger, SenderLog};
