//! What to break on purpose: the grammar `FAULT[xN|x*][@SHARE%|@K]`, and which attempts of which deliveries it takes.

mod parse;
mod plan;
mod spec;

pub use parse::SpecError;
pub use plan::{FaultPlan, PlanError, Scope};
pub use spec::{Fault, FaultSpec, Percent, Target, Times};
