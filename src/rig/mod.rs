//! Builds the actors of a run, runs them, waits until the webhooks have settled, and takes everything down.

mod campaign;
mod error;
mod load;
mod plan;
mod prepare;
mod run;
mod settle;

pub use campaign::triggered;
pub use error::RigError;
pub use load::FlowLoad;
pub use plan::{GatesRef, Listen, Plan, StandIn, Target};
pub use prepare::Prepared;
pub use run::Finished;
