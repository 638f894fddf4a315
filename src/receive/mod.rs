//! The staging receiver as a server of its own: the inbox with a journal in parts, metrics, reading back, and a tap; and
//! the client that reads back.

mod api;
mod clock_alignment;
mod metrics;
mod plan;
mod receiver;
mod remote;
mod scan;
mod tap;
mod token;
mod upkeep;

pub use api::{Meta, NEXT_HEADER};
pub use clock_alignment::ClockAlignment;
pub use metrics::Metrics;
pub use plan::{Identity, Plan, descriptors, header};
pub use receiver::{Receiver, ReceiverError};
pub use remote::{Batch, Remote, RemoteError};
pub use tap::{Tap, TapError};
pub use token::Token;
