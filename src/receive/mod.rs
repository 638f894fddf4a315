//! The staging receiver as a server of its own: the inbox with a journal in parts, metrics, reading back, and a tap; and
//! the client that reads back.

mod api;
mod metrics;
mod plan;
mod receiver;
mod remote;
mod scan;
mod tap;
mod token;
mod tracks;
mod upkeep;

pub use api::{Meta, NEXT_HEADER};
pub use metrics::Metrics;
pub use plan::{Identity, Plan, descriptors, header};
pub use receiver::{Receiver, ReceiverError};
pub use remote::{Batch, Remote, RemoteError};
pub use tap::{Tap, TapError};
pub use token::Token;
pub use tracks::Tracks;
