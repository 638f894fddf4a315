//! Personal data: the engine is on its way; until it is here nothing is inspected and the gate is unproven.

mod category;
mod finding;
mod policy;

pub use category::Category;
pub use finding::{Allowance, Certainty, Detector, Finding, Scan};
pub use policy::{Policy, PolicyError};
