//! The staging receiver as a server of its own: the inbox with a journal in parts, metrics, reading back, and a tap.

mod admin;
mod api;
mod keep;
mod metrics;
mod plan;
mod receiver;
mod scan;
mod scrape;
mod tap;
mod token;
mod untold;
mod upkeep;
mod witness;

pub use api::{Meta, NEXT_HEADER, Registration, Unwritten};
pub use keep::Keep;
pub use metrics::Metrics;
pub use plan::{Identity, Plan, descriptors, header};
pub use receiver::{Receiver, ReceiverError};
pub use scan::Inspection;
pub use tap::{Tap, TapError};
pub use token::Token;
