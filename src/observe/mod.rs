//! Watches a receiver for a while: follows its journal or its read-back API, and writes a journal of the window.

mod judge;
mod logs;
mod probe;
mod watch;

pub(crate) use judge::{Fired, Judge, LogSaid};
pub(crate) use logs::LogFollow;
pub(crate) use probe::{Prober, probe_url};
pub(crate) use watch::{Hooked, Observe, Plan};
