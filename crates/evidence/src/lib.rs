//! From a journal to a verdict: pure functions, no sockets, no runtime.

pub mod analysis;
pub mod approval;
pub mod drift;
mod figure;
#[cfg(test)]
mod fixtures;
pub mod gate;
pub mod learn;
pub mod logs;
pub mod report;
pub mod telemetry;
mod usual;

// Schemas are written by `crates/schemas` alone: everywhere else the derive is one that does nothing.
#[cfg(not(feature = "schema"))]
use no_schema::JsonSchema;
#[cfg(feature = "schema")]
use schemars::JsonSchema;
