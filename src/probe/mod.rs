//! `smoke probe`, live: sends what the crate `probe` forges, byte for byte, and writes down what comes.
//!
//! [`run`] plays cases one after the other; [`exchange`](exchange::exchange) is one request on a connection of its own; the
//! [`Observer`] counts what the receiver has processed, and is asked by a [`Watch`](watch::Watch); the [`Recorder`] keeps everything. Nothing here judges.

mod exchange;
mod observer;
mod recorder;
mod run;
mod watch;
mod write_plan;

pub(crate) use observer::Observer;
pub(crate) use recorder::Recorder;
pub(crate) use run::{Ended, Plan, Played, run};
