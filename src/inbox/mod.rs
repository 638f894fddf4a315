//! Catches webhooks: verifies each on its raw bytes, writes it to the journal, then answers.
//!
//! [`Inbox`] is transport-free: a raw request goes in, an answer and a journal record come out. [`serve`] is its front
//! door on a TCP socket. An [`Interceptor`](wire::http1::Interceptor) may put a fault in place of the answer.

mod allowance;
mod answers;
mod author;
mod connection_limit;
mod deliveries;
mod diagnoser;
mod handled;
mod handler;
mod handshake;
mod hooks;
mod lanes;
mod refusals;
mod replay;
mod server;
mod signatures;
mod strangers;
mod verification;
mod wall_time;

pub use deliveries::{Content, Settling};
pub use handler::{Config, Door, Inbox, KeptInPart};
pub use hooks::{Ended, NoAnswer, NotForwarded, Observer, Outcome, Routes, Upstream};
pub use lanes::Lanes;
pub use replay::Replay;
pub use server::{Doors, Tls, serve, serve_with};
