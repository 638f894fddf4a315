//! The PII engine: finds personal and secret data that leaves in a request, where it is, and nothing else.
//!
//! PLACEHOLDER
mod detect;

mod canary;
mod category;
mod decode;
mod document;
mod engine;
mod finding;
mod hits;
mod judge;
mod keys;
mod layers;
mod line;
mod mask;
mod policy;
mod request;
mod text;

pub use category::Category;
pub use engine::{Engine, Request};
pub use finding::{Allowance, Certainty, Detector, Finding, Scan};
pub use line::{LineError, LineScan};
pub use policy::{ExtraPattern, Policy, PolicyError};

#[cfg(test)]
mod tests;
