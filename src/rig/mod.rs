//! Builds the actors of a run, runs them, waits until the webhooks have settled, and takes everything down.

mod campaign;
mod door;
mod drip;
mod error;
mod load;
mod phases;
mod plan;
mod prepare;
mod run;
mod settle;
#[cfg(test)]
mod tests;
mod told;

pub use campaign::triggered;
pub use drip::Dripped;
pub use error::RigError;
pub use load::FlowLoad;
pub use phases::Budget;
pub use plan::{Elsewhere, GatesRef, Listen, MakeDigest, Pacing, Plan, Receiver, StandIn, Target};
pub use prepare::Prepared;
pub use run::Finished;
pub use told::Told;
