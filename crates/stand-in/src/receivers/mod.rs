//! Receivers of webhooks, right by default and flawed by request: what whoever tries out receivers is tried out on.
//!
//! `POST /webhooks/inbound` takes webhooks; `GET /processed` says how many were processed.

mod flaw;
mod handle;
mod memory;
mod server;

pub use flaw::{Flaw, UnknownFlaw};
pub use server::Receiver;

#[cfg(test)]
mod tests;
