//! Plays faults on webhook attempts: HTTP answers through a wiremock shim, broken wires on the socket itself.

mod campaign;
mod shim;
mod wire;

pub use campaign::{Campaign, Numbering, Roster};
pub use shim::{Shim, ShimError};
