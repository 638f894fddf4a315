//! What to break on purpose: the grammar `FAULT[xN|x*][@SHARE%|@K]`, and which attempts of which deliveries it takes.

mod clause;
mod parse;
mod plan;
mod spec;
mod sweep;

pub use clause::{Clause, ClauseSpec, Must};
pub use parse::SpecError;
pub use plan::{FaultPlan, PlanError, Scope};
pub use spec::{Fault, FaultSpec, Percent, Target, Times};
pub use sweep::{Before, Order, Phase, Sweep};
