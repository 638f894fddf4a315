//! The embedded stand-in: an API and a webhook sender that behave as the real staging system does (docs/deltacrown.md), seeded
//! with users and data, right by default and wrong on request.
//!
//! Two profiles: [`Profile::GoodPractice`] corrects what the real sender gets wrong (it follows no redirects, takes every
//! 2xx as delivered, holds one deadline over a whole attempt, locks a row while it works, lets one probe through a
//! half-open breaker) and fires the match webhooks that the staging guide expects; [`Profile::Deltacrown`] is the real
//! system as measured. `Retry-After` is ignored by both: the promise is 0/2/4 s, and a 4xx (408 and 429 included) aborts.
//!
//! A verdict from the stand-in is not evidence about staging.

mod api;
mod fixtures;
mod misbehaviour;
mod options;
mod random;
mod receivers;
mod sender;
mod server;
mod text;
mod trace_context;

pub use fixtures::{Fixtures, Row, people_of};
pub use misbehaviour::{Kind, Misbehaviour, Portion, UnknownMisbehaviour};
pub use options::{Debug, FixtureSize, Options, Profile, Throttle, Timing, UnknownProfile, Webhooks};
pub use receivers::{Flaw, Receiver, UnknownFlaw};
pub use sender::{AttemptEntry, Level, LogLine, LogSink};
pub use server::{SERVER, Staging};

#[cfg(test)]
mod tests;
