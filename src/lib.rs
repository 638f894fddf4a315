//! `smoke`: the release gate for webhooks.
//!
//! It drives a staging system through real flows, catches every webhook the flows fire, breaks things on purpose, and
//! writes evidence that anyone can check again. Modules stand on floors; a module imports only from lower floors, and
//! never from the other wing (a test holds this):
//!
//! ```text
//! 8  cli
//! 7                         approval
//! 6  rig    observe         report
//! 5  load   receive         gate
//! 4  drive  inbox  fault    analysis  logs
//! 3  staging
//! 2  scenario  journal      pii
//! 1  signature  latency  matcher  identity  http1  injection  seal
//! 0  clock  secret  period  signals
//!    LIVE WING              EVIDENCE WING (analysis, gate, report, approval: pure functions of a journal)
//! ```

pub mod analysis;
pub mod approval;
pub mod cli;
pub mod clock;
pub mod drive;
pub mod fault;
pub mod gate;
pub mod http1;
pub mod identity;
pub mod inbox;
pub mod injection;
pub mod journal;
pub mod latency;
pub mod load;
pub mod logs;
pub mod matcher;
pub mod observe;
pub mod period;
pub mod pii;
pub mod receive;
pub mod report;
pub mod rig;
pub mod scenario;
pub mod seal;
pub mod secret;
pub mod signals;
pub mod signature;
pub mod staging;
