//! `smoke`: the release gate for webhooks.
//!
//! It drives a staging system through real flows, catches every webhook the flows fire, breaks things on purpose, and
//! writes evidence that anyone can check again. This package is the command line and the live wing: it writes journals.
//! What is made of a journal (analysis, criteria, reports, approval) is the crate `evidence`, which has no sockets; the
//! crates below both are in `crates/`, and a crate names only what stands below it:
//!
//! ```text
//! smoke       cli · executor · observe · record_source · load · probe · receive · drive · inbox · fault · journal · redact
//! stand-in    the embedded staging system
//! evidence    analysis · gate · report · approval · logs
//! probe       cases for receivers
//! scenario    scenario files
//! wire        HTTP/1.1 on sockets, the clock
//! record      journal format, faults, histograms, seals
//! signature   pii
//! ```

mod build_info;
pub mod cli;
mod drive;
mod executor;
mod fault;
mod inbox;
pub mod journal;
mod load;
mod observe;
mod outbound;
mod probe;
pub mod receive;
mod record_source;
mod redact;
mod resources;
mod signals;
mod telemetry;
