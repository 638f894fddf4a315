//! Scenario files: YAML to a checked plan.

pub mod model;
