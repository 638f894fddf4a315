//! The stand-in on real sockets: what it answers, what it sends, and what goes wrong on request.

mod api;
mod bench;
mod misbehaving;
mod sending;
