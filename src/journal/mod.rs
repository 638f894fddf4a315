//! The append-only, hash-chained record of what happened; the only thing both wings know.
//!
//! A journal is JSON lines. Each line is `{"prev": …, "record": …}`, where `prev` is the SHA-256 of the whole line
//! before it (hex, without its line end; 64 zeros for the first), so no line can be changed, moved, removed or put in
//! without breaking the chain behind it. The last line, `end`, says how many records there are.

mod compared;
mod contract;
mod digest;
mod durable;
mod files;
mod links;
mod load;
mod part;
mod parts;
mod queue;
mod reader;
mod record;
mod sums;
mod sync;
mod watch;
mod writer;

#[cfg(test)]
mod parts_tests;
#[cfg(test)]
mod tests;

pub use compared::{Counted, LogCompared, LogQuote, QuotedAs, Reconciliation};
pub use contract::{BreakerContract, IdentityPolicy, RetryAfterPolicy, RetryContract, ThrottlePolicy};
pub use digest::{Digest, Taken};
pub use durable::{Durable, NotDurable};
pub use links::{LinkError, Links, PartRead};
pub use load::*;
pub use parts::{Options, Pace, Rotation, Sync, hidden_beside, is_abandoned, part_path};
pub use reader::{Integrity, ReadError, Reader};
pub use record::*;
pub use sums::*;
pub use watch::*;
pub use writer::{Journal, Sealed};

use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// `prev` of the first line.
pub(crate) const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Longest line that is written or read, in bytes: a 1 MiB body with every byte escaped, and its headers.
pub const MAX_LINE: usize = 16 * 1024 * 1024;

/// One line of a journal.
#[derive(Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Line<R = Record> {
    /// SHA-256 of the line before, hex.
    pub prev: String,
    /// The fact.
    pub record: R,
}

/// Hex SHA-256.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(<Sha256 as sha2::Digest>::digest(bytes))
}
