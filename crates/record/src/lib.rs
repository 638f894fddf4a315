//! What happened, as it is written down: the facts of a run, the format of a journal and its reader, seals, histograms,
//! and the values that they share (times, faults, matchers, periods).
//!
//! A journal is JSON lines. Each line is `{"prev": …, "record": …}`, where `prev` is the SHA-256 of the whole line
//! before it (hex, without its line end; 64 zeros for the first), so no line can be changed, moved, removed or put in
//! without breaking the chain behind it. The last line, `end`, says how many records there are.
//!
//! Nothing here opens a socket or needs a runtime: who writes a journal while webhooks arrive is the live wing's business.

mod aggregator;
mod ahead;
mod chain;
mod compared;
mod contract;
mod ending;
mod facts;
pub mod faults;
mod header;
mod input;
pub mod latency;
mod line_reader;
mod links;
mod load;
mod lookup;
pub mod matcher;
pub mod number;
pub mod period;
mod placement;
mod probe;
mod read_line;
mod reader;
pub mod seal;
mod sender;
mod session_step;
mod stats;
mod statuses;
mod subject;
mod sum;
mod tick;
mod watch;
pub mod witness;

// Schemas are written by `crates/schemas` alone: everywhere else the derive is one that does nothing.
#[cfg(not(feature = "schema"))]
use no_schema::JsonSchema;
#[cfg(feature = "schema")]
use schemars::JsonSchema;

pub use aggregator::{Aggregator, Taken};
pub use chain::{
    EncodedRecord, FIRST, Line, Lines, Link, MAX_LINE, journal_bytes, sha256_hex, text_sha256_hex,
};
pub use compared::{Counted, LogClock, LogCompared, LogErrors, LogLost, LogQuote, QuotedAs, Reconciliation};
pub use contract::{
    BreakerContract, EARLY_MS, IdentityPolicy, LATE_MS, RetryAfterPolicy, RetryContract, ThrottlePolicy,
};
pub use ending::Ending;
pub use facts::*;
pub use header::*;
pub use input::{InputError, open_input, read_input, read_input_text, read_settings_text};
pub use links::{LinkError, Links, PartRead};
pub use load::*;
pub use lookup::{last_record, stands_before};
pub use placement::{Placement, TimeLine};
pub use probe::*;
pub use read_line::{LineRead, read_line};
pub use reader::{Integrity, ReadError, Reader};
pub use sender::{Handshake, LimitSpec, MAX_ATTEMPTS, RetrySpec, SenderProfile};
pub use session_step::SessionStep;
pub use stats::*;
pub use statuses::StatusSet;
pub use subject::SubjectKind;
pub use sum::{Sum, count_named, extend, keep_first};
pub use tick::Tick;
pub use watch::*;

/// `prev` of the first line.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";
