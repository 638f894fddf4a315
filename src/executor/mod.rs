//! Builds the actors of a run, runs them, waits until the webhooks have settled, and takes everything down.

mod error;
mod injector;
mod load;
mod paced;
mod phases;
mod plan;
mod prepare;
mod run;
mod settle;
mod tee;
#[cfg(test)]
mod tests;
mod webhook_source;

pub use error::RunError;
pub use injector::triggered;
pub use load::FlowLoad;
pub use paced::PacedOutcome;
pub use phases::Budget;
pub use plan::{Elsewhere, GatesRef, Listen, MakeAggregator, Pacing, Plan, Receiver, StandIn, Target};
pub use prepare::Prepared;
pub use run::Finished;
pub use tee::Tee;
