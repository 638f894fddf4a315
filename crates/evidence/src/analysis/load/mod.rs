//! What the journals of a load say: one run, or the shards of one, second by second and as a whole.

mod copies;
mod merge;
mod other_traffic;
mod part;
mod summary;

pub use merge::{MergeError, Merged, merge};
pub use other_traffic::OtherTraffic;
pub use part::{Part, PartError};
pub use summary::{LoadSummary, Point, Second, Series, ShardFacts, Strain};

#[cfg(test)]
pub(super) mod tests;
