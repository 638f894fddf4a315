//! Builds the actors of a run, runs them, waits until the webhooks have settled, and takes everything down.

mod error;
mod flows;
mod injector;
mod pacing;
mod phases;
mod plan;
mod prepare;
mod row_facts;
mod row_source;
mod rows_ahead;
mod run;
mod settle;
mod silence;
mod tee;
#[cfg(test)]
mod tests;
mod webhook_source;

pub(crate) use error::RunError;
pub(crate) use flows::FlowCounts;
pub(crate) use injector::triggered;
pub(crate) use pacing::{LoadRecords, Pacing, Scheduled};
pub(crate) use phases::Budget;
pub(crate) use plan::{BreakerPolicy, GatesRef, Listen, Plan, Receiver, RemoteInbox, StandIn, Target};
pub(crate) use prepare::Prepared;
pub(crate) use row_source::{RowSource, variables};
pub(crate) use run::Execution;
pub(crate) use tee::DriveTee;
