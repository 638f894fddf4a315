//! Plays the flows of a scenario against an HTTP API.
//!
//! A step that fails is a fact for the journal, not an `Err`; an `Err` means that smoke itself broke: the journal could
//! not be written.

mod arrivals;
mod blocked;
mod client;
mod driver;
mod jar;
mod learning;
mod logins;
mod progress;
mod reuse;
mod seen;
mod sessions;
mod step;

pub use arrivals::Arrivals;
pub use blocked::{Blocked, login_advice};
pub use client::{Attached, Client, ClientError, Reply};
pub use driver::{Driver, Plan};
pub use logins::{LoginFault, TRIED_FIRST, try_login};
pub use progress::{Came, Dues, Event, Listener};
pub use reuse::Reuse;
pub use seen::SeenWebhooks;
pub use step::redirect;
