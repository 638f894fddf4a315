//! Plays faults on webhook attempts: HTTP answers through a wiremock shim, broken wires on the socket itself.

mod broken_wire;
mod injector;
mod shim;

pub use injector::{FaultInjector, Numbering, Numbers};
pub use shim::ShimError;
