//! Writes journals while webhooks arrive: appends that wait for the disk, rotation, parts.

mod durable;
mod files;
mod intact;
mod pulse;
mod queue;
mod segment;
mod segments;
mod standstill;
mod sync;
mod writer;

#[cfg(test)]
pub(crate) mod fixtures;
#[cfg(test)]
mod segments_tests;
#[cfg(test)]
mod tests;

pub use durable::{Durable, NotDurable};
pub(crate) use intact::{IntactMark, lacks_records};
pub(crate) use pulse::Pulse;
pub(crate) use segments::lock_file;
pub use segments::{Options, Pace, Rotation, Sync, hidden_beside, is_abandoned, segment_path};
pub(crate) use standstill::Standstill;
pub use writer::{Journal, Sealed};
