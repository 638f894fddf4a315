//! Catches webhooks: verifies each on its raw bytes, writes it to the journal, then answers.
//!
//! [`Inbox`] is transport-free: a raw request goes in, an answer and a journal record come out. [`serve`] is its front
//! door on a TCP socket. An [`Interceptor`](crate::http1::Interceptor) may put a fault in place of the answer.

mod deliveries;
mod desk;
mod hooks;
mod seats;
mod server;
mod witness;

pub use deliveries::{Key, Settling};
pub use desk::{Config, Handled, Inbox};
pub use hooks::{Aside, Ended, NoAnswer, Observer, Outcome, Upstream};
pub use server::{Doors, Tls, serve, serve_with};
pub use witness::Witness;
