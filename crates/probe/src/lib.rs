//! What is tried on a webhook receiver, what answer is right, and what the answers amount to.
//!
//! [`Case::all`] is the list of cases; each makes its requests ([`Shot`]) with a [`Forge`], which signs as a sender does
//! (its profile is data, `signature::Scheme`) and forges what it should not. Who sends them writes down what came ([`record::ProbeSent`]); [`judge`] makes verdicts of that, and
//! [`grade`] says what they amount to. Nothing here opens a socket or looks at a clock.

mod case;
mod cases;
mod curl;
mod diagnosis;
mod effects;
mod forge;
mod grade;
mod judge;
mod measured;
mod overall;
mod sender;
mod shot;
mod trace;

// Schemas are written by `crates/schemas` alone: everywhere else the derive is one that does nothing.
#[cfg(not(feature = "schema"))]
use no_schema::JsonSchema;
#[cfg(feature = "schema")]
use schemars::JsonSchema;

pub use case::{Case, Group, Judged, Overall, Play};
pub use curl::curl;
pub use diagnosis::{DIAGNOSIS, diagnosis, diagnosis_shots};
pub use forge::{Forge, ForgeError};
pub use grade::{Grade, grade, grade_of};
pub use judge::{CaseResult, CaseVerdict, Exchange, Facts, judge};
pub use measured::HELD_OPEN;
pub use sender::{can_imitate, has_list, usual_event};
pub use shot::{Content, Framing, Manner, Shot};
pub use trace::stack_trace;

/// Most requests of one probe.
pub const MAX_REQUESTS: usize = 300;
